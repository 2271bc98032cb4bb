/* problem - what went wrong, in the server's own words: the title, what exactly, and what to do. */
import { Lost, Problem } from "./api.js";
import { h } from "./dom.js";

/* A shortage says the same twice: in its detail, and in its lines. */
export function problemBox(trouble) {
	if (trouble instanceof Lost)
		return h("div", { class: "problem", role: "alert" },
			h("strong", {}, "The server does not answer"),
			h("p", {}, "Whether the change took effect is not known. Send it again: it carries the "
				+ "same key, so it takes effect once."));
	if (!(trouble instanceof Problem))
		return h("div", { class: "problem", role: "alert" },
			h("strong", {}, "This page failed"), h("p", {}, String(trouble)));
	return h("div", { class: "problem", role: "alert" },
		h("strong", {}, trouble.message),
		trouble.detail !== trouble.message && trouble.detail && h("p", {}, trouble.detail),
		trouble.hint && h("p", { class: "muted" }, trouble.hint));
}
