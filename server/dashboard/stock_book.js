/*
 * stock_book - the items, locations and stock rows that this page knows, kept true by the feed.
 *
 *     const close = await openBook();             // loads, then follows
 *     book.news.listen(({ keys, isReloaded }) => ...)
 *
 * A movement says what its row holds afterwards, so a row is drawn again without being read again.
 * Of a store with more rows than a page can hold it knows those that are low, and the first ones;
 * findItems() asks the server.
 */
import { get, ledger, list } from "./api.js";
import { feed } from "./feed.js";
import { News } from "./news.js";
import { pulse } from "./pulse.js";

const ROWS_MAX = 5000;
export const PAGE_ROWS = 100; /* of one item: more shelves than anybody looks at */
const RELOAD_MS = 1500;

export const book = {
	items: new Map(),     /* sku -> item */
	locations: new Map(), /* code -> location */
	rows: new Map(),      /* rowKey -> stock */
	rowsOf: new Map(),    /* sku -> [rowKey], by location */
	isWhole: true,
	news: new News(),
};

export function rowKey(sku, location) {
	return `${sku} ${location}`; /* neither can have a blank in it */
}

export function isLow(row) {
	const point = book.items.get(row.sku)?.reorder_point;
	return point !== null && point !== undefined && row.available <= point;
}

function putRow(row) {
	const key = rowKey(row.sku, row.location);
	const known = book.rows.get(key);
	if (known !== undefined && known.version >= row.version)
		return null;
	book.rows.set(key, row);
	if (known === undefined) {
		const keys = book.rowsOf.get(row.sku) ?? [];
		keys.push(key);
		keys.sort();
		book.rowsOf.set(row.sku, keys);
	}
	return key;
}

async function loadAll() {
	const [items, locations, low, rows] = await Promise.all([
		list("/v1/items", ROWS_MAX),
		list("/v1/locations", 1000),
		list("/v1/stock?below_reorder=true", 1000),
		list("/v1/stock", ROWS_MAX),
	]);
	for (const item of items.rows)
		book.items.set(item.sku, item);
	for (const location of locations.rows)
		book.locations.set(location.location, location);
	for (const row of [...low.rows, ...rows.rows])
		putRow(row);
	book.isWhole = items.isWhole && rows.isWhole;
	await Promise.all(low.rows.map((row) => learnItem(row.sku)));
}

async function learnItem(sku) {
	if (book.items.has(sku))
		return;
	book.items.set(sku, { sku, name: sku, unit: "", reorder_point: null });
	book.items.set(sku, await get(`/v1/items/${encodeURIComponent(sku)}`));
}

/*
 * One item with a page of its rows, for whoever looks at just that. Its sums are over all rows; next
 * is where the page behind this one begins, or null.
 */
export async function learnWhole(sku, after = null) {
	const query = `?limit=${PAGE_ROWS}`
		+ (after === null ? "" : `&after=${encodeURIComponent(after)}`);
	const summary = await get(`/v1/stock/${encodeURIComponent(sku)}${query}`);
	book.items.set(sku, await get(`/v1/items/${encodeURIComponent(sku)}`));
	for (const row of summary.locations)
		putRow(row);
	return { available: summary.available, next: summary.next };
}

/* The server's search; what it finds is in the book afterwards. */
export async function findItems(words, signal) {
	const { rows } = await list(`/v1/items?q=${encodeURIComponent(words)}`, 20, signal);
	for (const item of rows)
		book.items.set(item.sku, item);
	await Promise.all(rows.map((item) => learnWhole(item.sku)));
	book.news.tell({ keys: [], isReloaded: true });
}

function takeMovements({ movements, skipped }) {
	const keys = new Set();
	let isReloaded = false;
	for (const m of movements) {
		const isNew = !book.rows.has(rowKey(m.sku, m.location));
		if (isNew && !book.isWhole && !book.items.has(m.sku))
			continue;
		const key = putRow({
			sku: m.sku, location: m.location, on_hand: m.on_hand, reserved: m.reserved,
			available: m.available, version: m.version, seq: m.seq, updated_at: m.at,
		});
		if (key !== null)
			keys.add(key);
		isReloaded ||= isNew;
		if (isNew)
			learnItem(m.sku).then(() => book.news.tell({ keys: [], isReloaded: true }), () => {});
	}
	if (keys.size > 0)
		book.news.tell({ keys: [...keys], isReloaded });
	if (skipped > 0)
		reloadSoon();
}

let reloading = 0;

/* Movements were left out: read again, but not more often than people look. */
function reloadSoon() {
	if (reloading !== 0)
		return;
	reloading = setTimeout(async () => {
		try {
			await loadAll();
			book.news.tell({ keys: [...book.rows.keys()], isReloaded: false });
		} catch {
			/* Lost: pulse says so, and its return reloads. */
		}
		reloading = 0;
	}, RELOAD_MS);
}

export async function openBook() {
	/* First a place in the ledger, then what is there: so nothing is missed in between. */
	await get("/v1/stock?limit=1");
	const endings = [
		feed.listen(takeMovements),
		pulse.back.listen(() => {
			if (ledger.head > 0)
				reloadSoon();
		}),
	];
	try {
		await loadAll();
	} finally {
		book.news.tell({ keys: [], isReloaded: true });
	}
	return () => endings.forEach((end) => end());
}
