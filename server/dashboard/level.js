/* level - what lies on one shelf, drawn: available in full, reserved hatched. */
import { h } from "./dom.js";
import { number } from "./format.js";

export class Level {
	#onHand = h("i", { class: "on-hand" });
	#available = h("i", { class: "available" });

	constructor() {
		this.element = h("span", { class: "level", "aria-hidden": "true" },
			this.#onHand, this.#available);
	}

	/* most: what a full bar stands for. */
	draw(row, most, isLow) {
		const part = (n) => `scaleX(${Math.max(0, Math.min(1, n / Math.max(most, 1)))})`;
		this.#onHand.style.transform = part(row.on_hand);
		this.#available.style.transform = part(row.available);
		this.element.classList.toggle("low", isLow);
	}
}

/* The same in words. */
export function levelWords(row) {
	return `${number(row.available)} available at ${row.location}: ${number(row.on_hand)} on hand, `
		+ `${number(row.reserved)} reserved`;
}
