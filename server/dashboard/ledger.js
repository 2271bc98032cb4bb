/*
 * ledger - a table of movements, the newest on top, that never has more than so many rows.
 *
 *     const ledger = new Ledger(200);
 *     ledger.add(movements);        // oldest first
 *
 * Rows are used again instead of made anew, and drawn at most a few times a second.
 */
import { h, say } from "./dom.js";
import { delta, number, time } from "./format.js";

const DRAW_MS = 120;

class Row {
	#cells;
	#kind = h("span", { class: "kind" });
	#link = h("a", {});

	constructor(isOneItem) {
		this.#cells = {
			seq: h("td", { class: "right muted" }),
			sku: isOneItem ? null : h("td", {}, this.#link),
			location: h("td", { class: "mono" }),
			change: h("td", { class: "right" }),
			reserved: h("td", { class: "right" }),
			available: h("td", { class: "right" }),
			why: h("td", { class: "why" }),
			at: h("td", { class: "right muted" }),
		};
		const { seq, sku, location, change, reserved, available, why, at } = this.#cells;
		this.element = h("tr", {}, seq, h("td", {}, this.#kind), sku, location, change, reserved,
			available, why, at);
	}

	draw(m) {
		const { seq, location, change, reserved, available, why, at } = this.#cells;
		say(seq, number(m.seq));
		say(this.#kind, m.kind);
		this.#kind.dataset.kind = m.kind;
		say(this.#link, m.sku);
		this.#link.setAttribute("href", `#/stock/${encodeURIComponent(m.sku)}`);
		say(location, m.location);
		say(change, m.on_hand_delta === 0 ? "" : delta(m.on_hand_delta));
		change.className = `right ${m.on_hand_delta > 0 ? "up" : "down"}`;
		say(reserved, m.reserved_delta === 0 ? "" : delta(m.reserved_delta));
		say(available, number(m.available));
		say(why, [m.reason === m.kind ? "" : m.reason, m.reference, m.reservation,
			m.oversubscribed ? "oversubscribed" : ""].filter((word) => word).join(" · "));
		say(at, time(m.at));
	}
}

export class Ledger {
	#rowsMax;
	#isOneItem;
	#body = h("tbody", {});
	#rows = [];
	#movements = [];
	#drawing = 0;

	constructor(rowsMax, { isOneItem = false } = {}) {
		this.#rowsMax = rowsMax;
		this.#isOneItem = isOneItem;
		this.element = h("div", { class: "scroll ledger", tabindex: "0", role: "region",
			"aria-label": "Movements" },
		h("table", {}, h("thead", {}, h("tr", {},
			h("th", { class: "right", scope: "col" }, "Seq"), h("th", { scope: "col" }, "Kind"),
			!isOneItem && h("th", { scope: "col" }, "SKU"), h("th", { scope: "col" }, "Location"),
			h("th", { class: "right", scope: "col" }, "On hand"),
			h("th", { class: "right", scope: "col" }, "Reserved"),
			h("th", { class: "right", scope: "col" }, "Available"),
			h("th", { scope: "col" }, "Why"),
			h("th", { class: "right", scope: "col" }, "When"))), this.#body));
	}

	get count() {
		return this.#movements.length;
	}

	add(movements) {
		if (movements.length === 0)
			return;
		this.#movements = [...this.#movements, ...movements].slice(-this.#rowsMax);
		if (this.#drawing === 0)
			this.#drawing = setTimeout(() => this.#draw(), DRAW_MS);
	}

	clear() {
		this.#movements = [];
		this.#draw();
	}

	#draw() {
		this.#drawing = 0;
		while (this.#rows.length < this.#movements.length) {
			const row = new Row(this.#isOneItem);
			this.#rows.push(row);
			this.#body.append(row.element);
		}
		while (this.#rows.length > this.#movements.length)
			this.#rows.pop().element.remove();
		this.#rows.forEach((row, i) => row.draw(this.#movements.at(-1 - i)));
	}
}
