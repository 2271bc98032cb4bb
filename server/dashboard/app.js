/* app - the page: its views, the bar above them, who is logged in, and the word about a lost server. */
import { Lost } from "./api.js";
import { h, say } from "./dom.js";
import { rough } from "./format.js";
import { gate } from "./gate.js";
import { answerForm, askForToken } from "./login.js";
import { problemBox } from "./problem.js";
import { pulse, startPulse } from "./pulse.js";
import { startRouter } from "./router.js";
import { auditView } from "./audit_view.js";
import { changesView } from "./changes_view.js";
import { laboratoryView } from "./laboratory_view.js";
import { locksView } from "./locks_view.js";
import { reservationsView } from "./reservations_view.js";
import {
	endSession, hasRole, isKnown, learnSession, others, readSession, session,
} from "./session.js";
import { stockView } from "./stock_view.js";
import { toast } from "./toast.js";
import { trafficView } from "./traffic_view.js";

const RETRY_MS = 1000;
const STATES = { starting: "connecting", live: "live", lost: "lost" };
const LOST = "The server does not answer. What you see is from before; trying again every second.";
const DAMAGED = "The store's file is damaged: no change is taken, and what you see is as far as it "
	+ "can be read. Stop the server, and run rowlockd verify on the file.";

function noticeText() {
	if (pulse.state === "lost")
		return LOST;
	return pulse.samples.at(-1)?.damaged > 0 ? DAMAGED : "";
}

function startBar() {
	const updates = h("b", { class: "number" }, "0");
	const waiting = h("b", { class: "number" }, "0");
	const state = h("span", { class: "state", "data-state": "starting" }, "connecting");
	const bar = document.getElementById("pulse");
	const notice = document.getElementById("notice");

	bar.append(h("span", { class: "wide" }, updates, " updates/s"),
		h("span", { class: "wide" }, waiting, " waiting"), state);

	function draw(sample) {
		state.dataset.state = pulse.state;
		say(state, STATES[pulse.state]);
		document.body.dataset.link = pulse.state;
		say(notice, noticeText());
		if (sample !== null) {
			say(updates, rough(sample.movements));
			say(waiting, rough(sample.waiting));
		}
	}
	pulse.news.listen(draw);
	pulse.back.listen(() => draw(null));
}

/* ---------------------------------------------------------------- who is logged in */

async function logOut() {
	try {
		await endSession();
		others.postMessage("out");
		location.reload();
	} catch (trouble) {
		toast(problemBox(trouble));
	}
}

/* A store that never had a token knows nobody, and nothing is said of that. */
function drawWho() {
	const who = document.getElementById("who");
	const { actor, role, locations, by } = session;
	who.hidden = by === "local";
	who.replaceChildren(
		h("span", { class: "who-words" }, h("b", {}, actor),
			h("span", { class: "wide muted" }, ` ${role}`,
				locations !== null && ` at ${locations.join(", ")}`)),
		...(by === "session"
			? [h("button", { type: "button", class: "tiny", onclick: logOut }, "Log out")] : []));
	for (const link of document.querySelectorAll('.tabs :is([href="#/audit"], [href="#/laboratory"])'))
		link.hidden = !hasRole("admin");
}

/* Somebody else, or somebody who may do something else: then what is shown may not be his to see. */
function isSame(a, b) {
	return ["actor", "role", "locations"].every((name) =>
		JSON.stringify(a[name]) === JSON.stringify(b[name]));
}

async function logInAgain() {
	const who = await askForToken("Your login has ended. What you have typed is still there.");
	if (!isSame(session, who)) {
		location.reload();
		return;
	}
	Object.assign(session, who);
	drawWho();
	gate.open();
}

async function logIn() {
	await learnSession();
	if (isKnown())
		return;
	document.title = "Log in · Rowlock";
	Object.assign(session, await askForToken("This server answers to whoever has a token."));
}

function listenToOthers() {
	others.addEventListener("message", async ({ data }) => {
		if (data === "out" && session.by === "session")
			gate.shut();
		if (data === "in") {
			const who = await readSession();
			if (isKnown(who))
				answerForm(who);
		}
	});
}

/* ---------------------------------------------------------------- begin */

document.querySelector(".skip").addEventListener("click", (event) => {
	event.preventDefault();
	document.getElementById("main").focus();
});

/* Until the server answers. */
async function begin() {
	const notice = document.getElementById("notice");
	for (;;) {
		try {
			await logIn();
			say(notice, "");
			return;
		} catch (trouble) {
			if (!(trouble instanceof Lost))
				throw trouble;
			say(notice, LOST);
			await new Promise((done) => setTimeout(done, RETRY_MS));
		}
	}
}

async function start() {
	try {
		await begin();
	} catch (trouble) {
		document.getElementById("main").replaceChildren(problemBox(trouble));
		return;
	}
	drawWho();
	gate.news.listen(logInAgain);
	startBar();
	startPulse();
	startRouter({
		stock: stockView,
		locks: locksView,
		traffic: trafficView,
		changes: changesView,
		reservations: reservationsView,
		audit: auditView,
		laboratory: laboratoryView,
	}, "stock");
}

listenToOthers();
start();
