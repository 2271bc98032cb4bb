/* toast - says for a few seconds that something was done; screen readers hear it, too. */
import { h } from "./dom.js";

const STAY_MS = 7000;
const TOASTS_MAX = 3;

export function toast(...content) {
	const place = document.getElementById("toasts");
	const box = h("div", { class: "toast" }, ...content);
	place.append(box);
	while (place.children.length > TOASTS_MAX)
		place.firstElementChild.remove();
	setTimeout(() => box.remove(), STAY_MS);
}
