/* locks_view - every row with a holder or a queue, a lane each, several times a second. */
import { call, get, rowPath } from "./api.js";
import { h, say } from "./dom.js";
import { count, duration, number } from "./format.js";
import { Lane } from "./lane.js";
import { problemBox } from "./problem.js";
import { hasRole, session } from "./session.js";
import { toast } from "./toast.js";

const ASK_MS = 250;
const TICK_MS = 100;
const LANES_MAX = 30;
const SHOW_LEASE_S = 12;
const SHOW_READERS = 3; /* a browser has six connections to one server, and this page needs some */

/* The last known names of items, so that a lane says what it is about. */
const names = new Map();

async function learnName(sku) {
	if (names.has(sku))
		return;
	names.set(sku, "");
	try {
		names.set(sku, (await get(`/v1/items/${encodeURIComponent(sku)}`)).name);
	} catch {
		names.delete(sku);
	}
}

/*
 * Nothing in the store is changed by it: a lease holds a row, locked reads queue for it as writes
 * would, and when it ends they are answered one behind the other.
 */
async function showHow() {
	const here = session.locations === null ? ""
		: `&location=${encodeURIComponent(session.locations[0])}`;
	const { data } = await get(`/v1/stock?limit=1${here}`);
	if (data.length === 0) {
		toast(h("strong", {}, "There is no stock to show it with"),
			h("p", {}, "rowlockd --demo fills an empty store."));
		return;
	}
	const { sku, location } = data[0];
	const lease = await call("POST", "/v1/leases", {
		body: { rows: [{ sku, location }], ttl_s: SHOW_LEASE_S, purpose: "to show how it works" },
	});
	toast(h("strong", {}, `${lease.data.id} holds ${sku} at ${location}`),
		h("p", {}, `${SHOW_READERS} locked reads queue behind it. Release it, or wait.`));
	const reads = Array.from({ length: SHOW_READERS }, async (_, i) => {
		await new Promise((done) => setTimeout(done, 700 * i));
		return call("GET", `${rowPath(sku, location)}?read=locked&wait=${SHOW_LEASE_S + 5}`);
	});
	await Promise.all(reads);
}

export function locksView(place) {
	const lanes = new Map();
	const figures = {
		rows: h("b", { class: "number" }, "–"), waiting: h("b", { class: "number" }, "–"),
		longest: h("b", { class: "number" }, "–"),
	};
	const lanePlace = h("div", { class: "lanes" });
	const message = h("div", {});
	const more = h("p", { class: "muted small" });
	const show = h("button", { type: "button", onclick: onShow }, "Show me");
	const empty = h("div", { class: "empty", hidden: true },
		h("strong", {}, "No row is held, and nobody waits"),
		h("p", {}, "A lane appears when a row has a holder or a queue. ", hasRole("clerk")
			&& `“Show me” leases a row for ${SHOW_LEASE_S} seconds and lets ${SHOW_READERS} locked `
				+ "reads queue for it; it changes nothing."));
	let isClosed = false;
	let asking = 0;

	place.append(
		h("div", { class: "head" },
			h("div", {}, h("h1", {}, "Locks"),
				h("p", {}, "Changes to one stock row wait for each other, first come, first served. "
					+ "Reads pass by.")),
			h("div", { class: "tools" }, hasRole("clerk") && show)),
		h("ul", { class: "figures" },
			h("li", {}, figures.rows, "rows held or wanted"),
			h("li", {}, figures.waiting, "waiting"),
			h("li", {}, figures.longest, "longest wait now")),
		message, lanePlace, more, empty);

	async function onShow() {
		show.disabled = true;
		try {
			await showHow();
		} catch (trouble) {
			toast(problemBox(trouble));
		}
		show.disabled = false;
	}

	function take(locks) {
		const now = performance.now();
		const seen = new Set();
		for (const lock of locks.slice(0, LANES_MAX)) {
			const key = `${lock.sku} ${lock.location}`;
			let lane = lanes.get(key);
			seen.add(key);
			if (lane === undefined) {
				lane = new Lane(lock, names.get(lock.sku) ?? "");
				lanes.set(key, lane);
				lanePlace.append(lane.element);
			}
			lane.take(lock, now);
		}
		for (const [key, lane] of lanes) {
			if (!seen.has(key))
				lane.take(null, now);
			if (lane.isOver(now)) {
				lanes.delete(key);
				lane.element.remove();
			}
		}
		const waiting = locks.reduce((sum, lock) => sum + lock.waiter_count, 0);
		say(figures.rows, number(locks.length));
		say(figures.waiting, number(waiting));
		say(figures.longest, waiting === 0 ? "–"
			: duration(Math.max(...locks.map((lock) => lock.longest_wait_ms))));
		say(more, locks.length > LANES_MAX
			? `and ${count(locks.length - LANES_MAX, "row")} more, with shorter waits` : "");
		empty.hidden = lanes.size > 0;
		message.replaceChildren();
	}

	async function ask() {
		if (!document.hidden) {
			try {
				const { data } = await get("/v1/locks");
				await Promise.all(data.slice(0, LANES_MAX).map((lock) => learnName(lock.sku)));
				if (!isClosed)
					take(data);
			} catch (trouble) {
				if (!isClosed)
					message.replaceChildren(problemBox(trouble));
			}
		}
		if (!isClosed)
			asking = setTimeout(ask, ASK_MS);
	}

	const ticking = setInterval(() => {
		const now = performance.now();
		for (const lane of lanes.values())
			lane.tick(now);
	}, TICK_MS);
	ask();

	return () => {
		isClosed = true;
		clearTimeout(asking);
		clearInterval(ticking);
	};
}
