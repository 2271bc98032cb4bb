/*
 * stock_view - every item with what lies where, the low ones first.
 *
 * Only so many items are in the document as somebody has scrolled to; a change touches the two or
 * three texts that show it.
 */
import { book, findItems, isLow, openBook } from "./stock_book.js";
import { h, say } from "./dom.js";
import { count, number } from "./format.js";
import { itemView } from "./item_view.js";
import { Level, levelWords } from "./level.js";
import { Painter } from "./painter.js";
import { problemBox } from "./problem.js";

const SCREENFUL = 40;
const COLUMNS_MAX = 5; /* with so many locations, each has a column of its own */
const SEARCH_MS = 200;

const ORDERS = {
	low: ["Low first", (a, b) => b.isLow - a.isLow || compare(a.sku, b.sku)],
	sku: ["By SKU", (a, b) => compare(a.sku, b.sku)],
	recent: ["Last changed", (a, b) => b.seq - a.seq || compare(a.sku, b.sku)],
};

function compare(a, b) {
	return a < b ? -1 : a > b ? 1 : 0;
}

function summaryOf(sku) {
	const rows = (book.rowsOf.get(sku) ?? []).map((key) => book.rows.get(key));
	return {
		sku,
		isLow: rows.some(isLow),
		seq: Math.max(0, ...rows.map((row) => row.seq)),
	};
}

function isFound(item, words) {
	const text = `${item.sku} ${item.name}`.toLowerCase();
	return words.every((word) => text.includes(word));
}

/* One row of an item: where, how full, how many. */
class Shelf {
	#row;
	#level = new Level();
	#available = h("b", { class: "number" });
	#words = h("span", { class: "spoken" });
	#badge = h("span", { class: "badge" }, "low");

	constructor(row) {
		this.element = h("li", { class: "shelf" },
			h("span", { class: "shelf-where mono", "aria-hidden": "true" }, row.location),
			this.#level.element, this.#available, this.#badge, this.#words);
		this.#available.setAttribute("aria-hidden", "true");
		if (book.locations.size <= COLUMNS_MAX)
			this.element.style.setProperty("--column",
				[...book.locations.keys()].indexOf(row.location) + 1);
	}

	draw(row, most) {
		const isOther = this.#row !== undefined && this.#row.version !== row.version;
		this.#row = row;
		this.#level.draw(row, most, isLow(row));
		say(this.#available, number(row.available));
		say(this.#words, levelWords(row));
		this.element.classList.toggle("is-low", isLow(row));
		if (isOther)
			this.#blink();
	}

	#blink() {
		this.element.getAnimations().forEach((animation) => animation.cancel());
		this.element.animate([{ backgroundColor: "var(--sea-soft)" }, {}],
			{ duration: 900, easing: "ease-out" });
	}
}

/* One item: its name, its shelves, its sum. */
class Line {
	#shelves = new Map();
	#list = h("ul", { class: "shelves" });
	#sum = h("b", { class: "number" });
	#item;

	constructor(item) {
		this.#item = item;
		this.element = h("li", { class: "line" },
			h("a", { class: "line-name", href: `#/stock/${encodeURIComponent(item.sku)}` },
				h("span", { class: "mono muted" }, item.sku), h("strong", {}, item.name)),
			this.#list,
			h("span", { class: "line-sum" }, this.#sum,
				h("span", { class: "muted small" }, `available${item.unit ? ` · ${item.unit}` : ""}`)));
		this.draw();
	}

	draw() {
		const rows = (book.rowsOf.get(this.#item.sku) ?? []).map((key) => book.rows.get(key));
		const most = Math.max(1, ...rows.map((row) => row.on_hand));
		for (const row of rows) {
			let shelf = this.#shelves.get(row.location);
			if (shelf === undefined) {
				shelf = new Shelf(row);
				this.#shelves.set(row.location, shelf);
				this.#list.append(shelf.element);
			}
			shelf.draw(row, most);
		}
		say(this.#sum, number(rows.reduce((sum, row) => sum + row.available, 0)));
	}
}

export function stockView(place, sku) {
	if (sku !== undefined)
		return itemView(place, sku);

	const lines = new Map(); /* sku -> Line, those that are drawn */
	let found = [];
	let order = "low";
	let isClosed = false;
	let closeBook = () => {};
	let searching = 0;
	let lowCount = -1;

	const summary = h("p", {}, "Reading the stock…");
	const search = h("input", {
		type: "search", placeholder: "Name or SKU", "aria-label": "Search items", oninput: onSearch,
	});
	const choice = h("div", { class: "choice", role: "group", "aria-label": "Order" },
		Object.entries(ORDERS).map(([name, [label]]) => h("button", {
			type: "button", "aria-pressed": String(name === order), onclick: () => setOrder(name),
			"data-order": name,
		}, label)));
	const listing = h("ul", { class: "card lines", "aria-label": "Items" });
	const more = h("div", { class: "more" });
	const message = h("div", {});
	const painter = new Painter((key) => lines.get(key)?.draw());
	const watcher = new IntersectionObserver(([entry]) => entry.isIntersecting && drawMore(),
		{ rootMargin: "600px" });

	place.append(
		h("div", { class: "head" },
			h("div", {}, h("h1", {}, "Stock"), summary),
			h("div", { class: "tools" }, search, choice)),
		message, listing, more);
	watcher.observe(more);

	function setOrder(name) {
		order = name;
		for (const button of choice.children)
			button.setAttribute("aria-pressed", String(button.dataset.order === name));
		arrange();
	}

	function arrange() {
		const words = search.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
		const all = [...book.items.values()].filter((item) => isFound(item, words));
		found = all.map((item) => summaryOf(item.sku)).sort(ORDERS[order][1]);
		lowCount = countLow();
		listing.style.setProperty("--columns", Math.min(book.locations.size, COLUMNS_MAX));
		lines.clear();
		listing.replaceChildren();
		drawMore();
		listing.hidden = found.length === 0;
		message.replaceChildren(...(found.length === 0 && !isClosed ? [emptyBox(words)] : []));
		const rows = found.reduce((sum, item) => sum + (book.rowsOf.get(item.sku) ?? []).length, 0);
		say(summary, `${count(found.length, "item")} on ${count(rows, "shelf", "shelves")}, `
			+ `${lowCount === 0 ? "none low" : `${number(lowCount)} low`}`
			+ `${book.isWhole ? "" : ". These are the first ones of many: search for others"}`);
	}

	function countLow() {
		return found.filter((item) => summaryOf(item.sku).isLow).length;
	}

	function emptyBox(words) {
		return h("div", { class: "empty" },
			h("strong", {}, words.length > 0 ? "Nothing has this name" : "There are no items yet"),
			h("p", {}, words.length > 0 ? "The search looks at names and SKUs."
				: "PUT /v1/items/{sku} makes one; rowlockd --demo fills an empty store."));
	}

	function drawMore() {
		const next = found.slice(lines.size, lines.size + SCREENFUL);
		listing.append(...next.map(({ sku: name }) => {
			const line = new Line(book.items.get(name));
			lines.set(name, line);
			return line.element;
		}));
		more.hidden = lines.size === found.length;
	}

	function onSearch() {
		clearTimeout(searching);
		searching = setTimeout(async () => {
			arrange();
			if (!book.isWhole && search.value.trim() !== "")
				await findItems(search.value.trim()).catch(fail);
		}, SEARCH_MS);
	}

	function fail(trouble) {
		message.replaceChildren(problemBox(trouble));
	}

	const endings = [
		book.news.listen(({ keys, isReloaded }) => {
			if (isReloaded)
				return arrange();
			for (const key of keys)
				painter.mark(key.split(" ")[0]);
			const low = countLow();
			if (low !== lowCount && order === "low" && window.scrollY < 200)
				arrange();
			return undefined;
		}),
	];

	openBook().then((close) => {
		closeBook = close;
		if (isClosed)
			close();
	}, fail);

	return () => {
		isClosed = true;
		closeBook();
		watcher.disconnect();
		painter.stop();
		clearTimeout(searching);
		endings.forEach((end) => end());
	};
}
