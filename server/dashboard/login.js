/*
 * login - the form that asks for a token, in front of everything else, until somebody is logged in.
 *
 *     const who = await askForToken("Your login has ended.");
 *
 * It is a dialog on top of what is there, which it covers: what was typed underneath stays. It is
 * not shown where the token would go over a network without TLS.
 */
import { Lost, Problem } from "./api.js";
import { h } from "./dom.js";
import { problemBox } from "./problem.js";
import { beginSession, others } from "./session.js";

/* Whatever is not of this form would only be counted as a login that failed. */
const TOKEN = /^rl_[a-z2-7]{10}_[A-Za-z0-9_-]{43}$/;

function saying(title, ...more) {
	return h("div", { class: "problem", role: "alert" }, h("strong", {}, title),
		more.map((text) => h("p", {}, text)));
}

function troubleBox(trouble) {
	if (trouble instanceof Lost)
		return saying("The server does not answer", "Try again.");
	if (!(trouble instanceof Problem))
		return problemBox(trouble);
	if (trouble.status === 401)
		return saying(trouble.detail || "This token opens nothing",
			"Whoever runs this server makes tokens, and says which are valid: rowlockd token list.");
	return problemBox(trouble);
}

function unsafeBox() {
	const { hostname, port } = location;
	return h("div", { class: "login-unsafe" },
		h("p", {}, "This page came without TLS, from another machine: whoever is on the way could "
			+ "read a token. Log in by https, through a proxy on the server, or by a tunnel:"),
		h("pre", { tabindex: "0", "aria-label": "How to open a tunnel" },
			`ssh -L ${port || 80}:localhost:${port || 80} ${hostname}`),
		h("p", {}, "and then ", h("code", {}, `http://localhost:${port || 80}`), "."));
}

function tokenForm(message, finish) {
	const input = h("input", {
		name: "token", type: "password", required: true, autocomplete: "current-password",
		spellcheck: "false", autocapitalize: "off", autofocus: true,
	});
	const submit = h("button", { type: "submit", class: "primary" }, "Log in");

	async function send(event) {
		event.preventDefault();
		const token = input.value.trim();
		message.replaceChildren();
		if (!TOKEN.test(token)) {
			message.replaceChildren(saying("That is no token",
				"One is rl_, ten letters and digits, _, and 43 more characters."));
			input.select();
			return;
		}
		submit.disabled = true;
		try {
			const who = await beginSession(token);
			input.value = "";
			others.postMessage("in");
			finish(who);
		} catch (trouble) {
			message.replaceChildren(troubleBox(trouble));
			input.select();
		}
		submit.disabled = false;
	}

	return h("form", { onsubmit: send },
		h("label", { class: "field" }, "Token", input,
			h("small", {}, "It is sent once, and this page keeps none of it.")),
		message, h("div", { class: "foot" }, submit));
}

/* Ends the form that is shown; null: none is. */
let finishShown = null;

/* In another page of this browser somebody has logged in. */
export function answerForm(who) {
	finishShown?.(who);
}

/* Returns who has logged in. There is no other way past it. */
export function askForToken(about) {
	return new Promise((resolve) => {
		const message = h("div", {});
		const dialog = h("dialog", { class: "login", "aria-labelledby": "login-title" },
			h("div", { class: "login-head" }, h("h1", { id: "login-title" }, "Log in to Rowlock"),
				h("p", { class: "about" }, about)),
			globalThis.isSecureContext ? tokenForm(message, finish) : unsafeBox());

		function finish(who) {
			dialog.removeEventListener("close", show);
			dialog.close();
			dialog.remove();
			finishShown = null;
			resolve(who);
		}

		function show() {
			dialog.showModal();
		}

		/* The Escape key closes any dialog, but for a moment only. */
		dialog.addEventListener("close", show);
		document.body.append(dialog);
		finishShown = finish;
		show();
	});
}
