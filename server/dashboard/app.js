/* app - the page: its views, the bar above them, and the word about a lost server. */
import { h, say } from "./dom.js";
import { rough } from "./format.js";
import { pulse, startPulse } from "./pulse.js";
import { startRouter } from "./router.js";
import { changesView } from "./changes_view.js";
import { laboratoryView } from "./laboratory_view.js";
import { locksView } from "./locks_view.js";
import { reservationsView } from "./reservations_view.js";
import { stockView } from "./stock_view.js";
import { trafficView } from "./traffic_view.js";

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

document.querySelector(".skip").addEventListener("click", (event) => {
	event.preventDefault();
	document.getElementById("main").focus();
});
startBar();
startPulse();
startRouter({
	stock: stockView,
	locks: locksView,
	traffic: trafficView,
	changes: changesView,
	reservations: reservationsView,
	laboratory: laboratoryView,
}, "stock");
