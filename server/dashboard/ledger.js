/*
 * ledger - a table of movements, the newest on top, that never has more than so many rows.
 *
 *     const ledger = new Ledger(200);
 *     ledger.add(movements);        // oldest first
 *
 * Rows are used again instead of made anew, and drawn at most a few times a second. Its style makes
 * blocks of what is a table, so the roles say that it is one.
 */
import { h, say } from "./dom.js";
import { delta, number, time } from "./format.js";

const DRAW_MS = 120;

function cell(name, ...content) {
	return h("td", { role: "cell", class: name }, ...content);
}

function head(title, name = "") {
	return h("th", { role: "columnheader", scope: "col", class: name }, title);
}

class Row {
	#cells;
	#kind = h("span", { class: "kind" });
	#link = h("a", {});

	constructor(isOneItem) {
		this.#cells = {
			seq: cell("right muted"),
			sku: isOneItem ? null : cell("", this.#link),
			location: cell("mono"),
			change: cell("right"),
			reserved: cell("right"),
			available: cell("right"),
			why: cell("why"),
			at: cell("right muted"),
		};
		const { seq, sku, location, change, reserved, available, why, at } = this.#cells;
		this.element = h("tr", { role: "row" }, seq, cell("", this.#kind), sku, location, change,
			reserved, available, why, at);
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
			m.oversubscribed ? "oversubscribed" : "", m.note && `“${m.note}”`,
			m.actor && m.actor !== "local" ? `by ${m.actor}` : ""].filter((word) => word).join(" · "));
		say(at, time(m.at));
	}
}

export class Ledger {
	#rowsMax;
	#isOneItem;
	#body = h("tbody", { role: "rowgroup" });
	#rows = [];
	#movements = [];
	#drawing = 0;

	constructor(rowsMax, { isOneItem = false } = {}) {
		this.#rowsMax = rowsMax;
		this.#isOneItem = isOneItem;
		this.element = h("div", {
			class: `scroll ledger${isOneItem ? " one-item" : ""}`, tabindex: "0", role: "region",
			"aria-label": "Movements",
		},
		h("table", { role: "table" },
			h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
				head("Seq", "right"), head("Kind"), !isOneItem && head("SKU"), head("Location"),
				head("On hand", "right"), head("Reserved", "right"), head("Available", "right"),
				head("Why"), head("When", "right"))),
			this.#body));
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
