/* item_view - one item: each shelf with what can be done there, its level over time, its ledger. */
import { actionButtons } from "./action.js";
import { list } from "./api.js";
import { PAGE_ROWS, book, isLow, learnWhole, openBook, rowKey } from "./stock_book.js";
import { h, say } from "./dom.js";
import { feed } from "./feed.js";
import { count, number, time } from "./format.js";
import { Level } from "./level.js";
import { Ledger } from "./ledger.js";
import { Plot, legend } from "./plot.js";
import { problemBox } from "./problem.js";
import { pulse } from "./pulse.js";

const HISTORY_MAX = 1000;
const LEDGER_ROWS = 30;
const DRAW_MS = 200;
const COLOURS = ["--sea", "--buoy", "--violet", "--green", "--red", "--line-strong"];

/* One shelf, large. */
class Shelf {
	#level = new Level();
	#available = h("b", { class: "shelf-number number" });
	#about = h("p", { class: "muted small number" });
	#badge = h("span", { class: "badge" }, "low");

	constructor(row) {
		const name = book.locations.get(row.location)?.name ?? row.location;
		this.element = h("section", { class: "card shelf-card", "aria-label": `${name}` },
			h("header", {}, h("h2", {}, name), h("span", { class: "mono muted" }, row.location)),
			h("div", { class: "inside" },
				h("p", { class: "shelf-top" }, this.#available,
					h("span", { class: "muted small" }, "available"), this.#badge),
				this.#level.element, this.#about,
				h("div", { class: "shelf-actions" }, actionButtons(row))));
	}

	draw(row, most) {
		this.#level.draw(row, most, isLow(row));
		say(this.#available, number(row.available));
		say(this.#about, `${number(row.on_hand)} on hand · ${number(row.reserved)} reserved · `
			+ `version ${number(row.version)}`);
		this.#badge.hidden = !isLow(row);
	}
}

/*
 * What is available over time, from the movements themselves: a line for each location, and of many
 * those that had changed last when it began.
 */
class History {
	#points = new Map(); /* location -> [{ x, y }] */
	#names = [];
	#plot = null;
	#place;

	constructor(place) {
		this.#place = place;
	}

	add(movement) {
		const points = this.#points.get(movement.location) ?? [];
		points.push({ x: Date.parse(movement.at), y: movement.available });
		if (points.length > HISTORY_MAX)
			points.shift();
		this.#points.set(movement.location, points);
	}

	/* Whose lines there are: they stay, so that the picture does not jump. */
	#choose() {
		const newest = (name) => this.#points.get(name).at(-1).x;
		const others = [...this.#points.keys()].filter((name) => !this.#names.includes(name))
			.sort((a, b) => newest(b) - newest(a));
		this.#names = [...this.#names, ...others].slice(0, COLOURS.length).sort();
		return this.#names;
	}

	/* "6 of 230 shelves", where there are more than lines. */
	describe() {
		return this.#points.size > this.#names.length
			? `${this.#names.length} of ${count(this.#points.size, "shelf", "shelves")}` : "";
	}

	draw() {
		const lines = this.#choose();
		if (lines.length === 0)
			return;
		if (this.#plot === null || this.#place.dataset.lines !== lines.join())
			this.#begin(lines);
		const now = Date.now();
		const from = Math.min(...lines.map((name) => this.#points.get(name)[0].x), now - 10000);
		/* The level stays as it is until now. */
		this.#plot.draw(lines.map((name) => {
			const points = this.#points.get(name);
			return [...points, { x: now, y: points.at(-1).y }];
		}), { from, to: now });
		this.#plot.describe(lines.map((name) =>
			`${number(this.#points.get(name).at(-1).y)} at ${name}`).join(", "));
	}

	#begin(names) {
		const lines = names.map((name, i) => ({
			name, colour: COLOURS[i % COLOURS.length], isStepped: true, isFilled: names.length === 1,
		}));
		this.end();
		this.#place.dataset.lines = names.join();
		this.#place.replaceChildren(legend(lines));
		this.#plot = new Plot(this.#place, {
			label: "Available over time", lines, xText: (x) => time(x), yText: number,
		});
	}

	end() {
		this.#plot?.end();
		this.#plot = null;
	}
}

export function itemView(place, sku) {
	const shelves = new Map();
	const title = h("h1", {}, sku);
	const about = h("p", {}, "Reading…");
	const shelfPlace = h("div", { class: "shelf-cards" });
	const plotPlace = h("div", { class: "inside" });
	const plotAbout = h("span", { class: "muted small" });
	const history = new History(plotPlace);
	const ledger = new Ledger(LEDGER_ROWS, { isOneItem: true });
	const message = h("div", {});
	const moreButton = h("button", { type: "button", hidden: true }, "Show more shelves");
	let next = null; /* where the page of shelves begins that is not shown yet */
	let sum = 0;     /* available on all shelves, when it was read */
	let shelvesMax = PAGE_ROWS; /* are shown; the book may know more */
	let closeBook = () => {};
	let isClosed = false;
	let drawing = 0;

	place.append(
		h("p", { class: "crumb" }, h("a", { href: "#/stock" }, "← Stock")),
		h("div", { class: "head" }, h("div", {}, title, about)),
		message, shelfPlace, moreButton,
		h("section", { class: "card" },
			h("header", {}, h("h2", {}, "Available over time"), plotAbout), plotPlace),
		h("section", { class: "card" },
			h("header", {}, h("h2", {}, "Ledger"),
				h("span", { class: "muted small" }, "newest first")),
			ledger.element));

	function rowsKnown() {
		return (book.rowsOf.get(sku) ?? []).map((key) => book.rows.get(key));
	}

	function drawHead() {
		const item = book.items.get(sku);
		const rows = rowsKnown();
		const available = next === null ? rows.reduce((all, row) => all + row.available, 0) : sum;
		moreButton.hidden = next === null && shelves.size === rows.length;
		const words = [sku, moreButton.hidden
			? `${number(available)} available on ${count(rows.length, "shelf", "shelves")}`
			: `${number(available)} available, ${count(shelves.size, "shelf", "shelves")} shown`];
		if (item.unit)
			words.push(`by the ${item.unit}`);
		if (item.reorder_point !== null && item.reorder_point !== undefined)
			words.push(`reorder at ${number(item.reorder_point)}`);
		if (item.backorder_limit > 0)
			words.push(`backorders up to ${number(item.backorder_limit)}`);
		if (item.archived)
			words.push("archived");
		say(title, item.name);
		say(about, words.join(" · "));
		document.title = `${item.name} · Rowlock`;
	}

	function drawAll() {
		const rows = rowsKnown().filter((row, i) => i < shelvesMax || shelves.has(row.location));
		const most = Math.max(1, ...rows.map((row) => row.on_hand));
		for (const row of rows) {
			let shelf = shelves.get(row.location);
			if (shelf === undefined) {
				shelf = new Shelf(row);
				shelves.set(row.location, shelf);
				shelfPlace.append(shelf.element);
			}
			shelf.draw(row, most);
		}
		drawHead();
		history.draw();
		say(plotAbout, history.describe());
	}

	/* However fast it changes: a few times a second is all that anybody sees. */
	function drawSoon() {
		if (drawing === 0 && !isClosed)
			drawing = setTimeout(() => {
				drawing = 0;
				drawAll();
			}, DRAW_MS);
	}

	async function showPage() {
		({ next, available: sum } = await learnWhole(sku, next));
	}

	/* A click shows more, also where the book knew of the next page before. */
	async function showMore() {
		shelvesMax += PAGE_ROWS;
		while (next !== null && rowsKnown().length < shelvesMax)
			await showPage();
		drawAll();
	}

	moreButton.addEventListener("click", () => {
		moreButton.disabled = true;
		showMore().catch((trouble) => message.replaceChildren(problemBox(trouble)))
			.finally(() => { moreButton.disabled = false; });
	});

	async function begin() {
		closeBook = await openBook();
		await showPage();
		const { rows } = await list(
			`/v1/movements?sku=${encodeURIComponent(sku)}&order=desc`, HISTORY_MAX);
		if (isClosed)
			return closeBook();
		rows.reverse().forEach((movement) => history.add(movement));
		ledger.add(rows.slice(-LEDGER_ROWS));
		drawAll();
		endings.push(feed.listen(({ movements }) => {
			const mine = movements.filter((m) => m.sku === sku && m.seq > (rows.at(-1)?.seq ?? 0));
			mine.forEach((movement) => history.add(movement));
			ledger.add(mine);
			if (mine.length > 0)
				drawSoon();
		}));
		return undefined;
	}

	const endings = [
		book.news.listen(() => book.rows.has(rowKey(sku, [...shelves.keys()][0] ?? ""))
			&& drawSoon()),
		pulse.news.listen((sample) => sample !== null && shelves.size > 0 && history.draw()),
	];
	begin().catch((trouble) => {
		say(about, "");
		message.replaceChildren(problemBox(trouble));
	});

	return () => {
		isClosed = true;
		closeBook();
		clearTimeout(drawing);
		history.end();
		endings.forEach((end) => end());
	};
}
