/* cost - what the lock of a write cost, as a bar and in words, from its Server-Timing. */
import { h } from "./dom.js";
import { duration } from "./format.js";

const PARTS = ["lock", "queue", "apply", "commit"];

export function costBar(cost) {
	const parts = PARTS.filter((name) => cost[name] !== undefined);
	const bars = parts.map((name) => {
		const bar = h("i", { "data-part": name });
		bar.style.flex = `${Math.max(cost[name].ms, 0.001)} 0 0`;
		return bar;
	});
	return h("div", { class: "cost" },
		h("div", { class: "cost-bar", "aria-hidden": "true" }, bars),
		h("div", { class: "cost-words" }, parts.map((name) => h("span", {},
			h("i", { "data-part": name, "aria-hidden": "true" }),
			`${name} ${duration(cost[name].ms)}`,
			cost[name].about && `, ${cost[name].about}`))));
}
