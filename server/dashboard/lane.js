/*
 * lane - one contended row as a picture: who holds it at the gate, and behind it the waiters in the
 * order in which they came, each a column that grows while it waits.
 *
 *     lane.take(lock)       what GET /v1/locks says now; null: the row is free again
 *     lane.tick()           time has passed
 */
import { call } from "./api.js";
import { h, say } from "./dom.js";
import { count, countdown, duration, number } from "./format.js";
import { problemBox } from "./problem.js";
import { hasRole } from "./session.js";
import { toast } from "./toast.js";

const COLUMNS_MAX = 40;
const COLUMN_PX = 58;
const FREE_SHOWN_MS = 9000;
const LONGEST_WAIT_MS = 60000;

/* How tall a wait is: a tenth of a second is a step, a second a third, a minute all of it. */
function height(ms) {
	return Math.max(0.06, Math.min(1, Math.log1p(ms / 100) / Math.log1p(LONGEST_WAIT_MS / 100)));
}

/* One waiter. */
class Column {
	#bar = h("i", { class: "column-bar", "aria-hidden": "true" });
	#age = h("span", { class: "column-age number", "aria-hidden": "true" });
	#place = h("span", { class: "column-place number", "aria-hidden": "true" });
	#words = h("span", { class: "spoken" });
	#at;
	#waiter;

	constructor(waiter) {
		this.element = h("li", { class: "column", title: `request ${waiter.request_id}` },
			h("span", { class: "column-well" }, this.#bar, this.#age), this.#place, this.#words);
	}

	take(waiter, index, at) {
		this.#waiter = waiter;
		this.#at = at;
		this.element.style.transform = `translateX(${index * COLUMN_PX}px)`;
		say(this.#place, String(index + 1));
		say(this.#words, `${index + 1}: request ${waiter.request_id}, waiting `
			+ `${duration(Math.round(waiter.age_ms / 1000) * 1000)}`);
	}

	tick(now) {
		const age = this.#waiter.age_ms + now - this.#at;
		const left = this.#waiter.deadline_ms - (now - this.#at);
		const tall = height(age);
		this.#bar.style.transform = `scaleY(${tall})`;
		this.#age.style.transform = `translateY(${-tall * 84}px)`;
		this.element.classList.toggle("late", left < Math.max(1500, age * 0.25));
		say(this.#age, duration(age));
	}
}

/* Whoever holds the row. */
class Gate {
	#kind = h("span", { class: "gate-kind" });
	#name = h("strong", {});
	#time = h("span", { class: "gate-time number" });
	#rest = h("i", { "aria-hidden": "true" });
	#button = h("button", { type: "button", class: "tiny", onclick: () => this.#release() },
		"Release");
	#holder = null;
	#at = 0;
	#total = 1;
	#isSure = false;

	constructor() {
		this.element = h("div", { class: "gate" },
			h("div", { class: "gate-top" }, this.#kind, this.#time), this.#name,
			h("div", { class: "gate-foot" }, this.#button),
			h("span", { class: "gate-rest", "aria-hidden": "true" }, this.#rest));
		this.take(null, 0);
	}

	take(holder, at) {
		const isLease = holder?.kind === "lease";
		if (holder?.id !== this.#holder?.id) {
			this.#isSure = false;
			say(this.#button, "Release");
			this.#total = isLease ? holder.age_ms + holder.expires_in_ms : 1;
		}
		this.#holder = holder;
		this.#at = at;
		this.element.dataset.kind = holder?.kind ?? "free";
		say(this.#kind, isLease ? "lease" : holder !== null ? "held by" : "free");
		say(this.#name, isLease ? holder.purpose || holder.id : holder?.id ?? "nobody");
		this.#button.hidden = !isLease || !hasRole("clerk");
		if (isLease)
			this.#button.setAttribute("aria-label", `Release lease ${holder.id}`);
		this.tick(at);
	}

	tick(now) {
		const passed = now - this.#at;
		if (this.#holder === null) {
			say(this.#time, "");
			this.#rest.style.transform = "scaleX(0)";
		} else if (this.#holder.kind === "lease") {
			const left = Math.max(0, this.#holder.expires_in_ms - passed);
			say(this.#time, countdown(left));
			this.#rest.style.transform = `scaleX(${Math.min(1, left / this.#total)})`;
		} else {
			say(this.#time, duration(this.#holder.age_ms + passed));
			this.#rest.style.transform = "scaleX(1)";
		}
	}

	/* A lease belongs to somebody: ending it takes a second word. */
	async #release() {
		const { id } = this.#holder;
		if (!this.#isSure) {
			this.#isSure = true;
			say(this.#button, "Really?");
			return;
		}
		try {
			await call("DELETE", `/v1/leases/${encodeURIComponent(id)}`);
			toast(h("strong", {}, `Lease ${id} released`));
		} catch (trouble) {
			toast(problemBox(trouble));
		}
	}
}

export class Lane {
	#gate = new Gate();
	#columns = new Map(); /* request id -> Column */
	#queue = h("ol", { class: "queue", "aria-label": "Waiters, first come first served" });
	#status = h("p", { class: "lane-status number" });
	#more = h("span", { class: "queue-more number" });
	#servedCount = 0;
	#longestMs = 0;
	#freeSince = null;

	constructor(lock, itemName) {
		this.lock = lock;
		this.element = h("section", {
			class: "lane", "aria-label": `${lock.sku} at ${lock.location}`,
			"data-row": `${lock.sku}/${lock.location}`,
		},
		h("header", { class: "lane-head" },
			h("h2", {}, h("a", { href: `#/stock/${encodeURIComponent(lock.sku)}` },
				h("span", { class: "mono" }, lock.sku), " at ",
				h("span", { class: "mono" }, lock.location))),
			h("p", { class: "muted small" }, itemName), this.#status),
		h("div", { class: "track" }, this.#gate.element,
			h("div", { class: "queue-scroll", tabindex: "0", role: "group", "aria-label": "Queue" },
				this.#queue, this.#more)));
	}

	/* Gone for so long that nobody looks at it any more. */
	isOver(now) {
		return this.#freeSince !== null && now - this.#freeSince > FREE_SHOWN_MS;
	}

	get isFree() {
		return this.#freeSince !== null;
	}

	take(lock, now) {
		const isGone = lock === null;
		if (isGone && this.#freeSince === null)
			this.#freeSince = now;
		else if (!isGone)
			this.#freeSince = null;
		if (!isGone)
			this.lock = lock;
		this.element.classList.toggle("free", isGone);
		this.#gate.take(isGone ? null : lock.holder, now);
		this.#takeWaiters(isGone ? [] : lock.waiters, now);
		this.#drawStatus(isGone ? 0 : lock.waiter_count);
		this.tick(now);
	}

	#takeWaiters(waiters, now) {
		const shown = waiters.slice(0, COLUMNS_MAX);
		const ids = new Set(shown.map((waiter) => waiter.request_id));
		for (const [id, column] of this.#columns) {
			if (ids.has(id))
				continue;
			this.#columns.delete(id);
			this.#servedCount++;
			column.element.classList.add("leaving");
			setTimeout(() => column.element.remove(), 260);
		}
		shown.forEach((waiter, i) => {
			let column = this.#columns.get(waiter.request_id);
			if (column === undefined) {
				column = new Column(waiter);
				this.#columns.set(waiter.request_id, column);
				this.#queue.append(column.element);
			}
			column.take(waiter, i, now);
			this.#longestMs = Math.max(this.#longestMs, waiter.age_ms);
		});
		this.#queue.style.width = `${shown.length * COLUMN_PX}px`;
		/* With so many coming and going, each one's move is only noise. */
		this.element.classList.toggle("hot", this.lock.holder?.kind === "command");
		const rest = (this.lock.waiter_count ?? 0) - shown.length;
		say(this.#more, waiters.length > 0 && rest > 0 ? `+ ${number(rest)} more` : "");
	}

	#drawStatus(waiting) {
		if (this.isFree)
			say(this.#status, this.#servedCount === 0 ? "free again"
				: `free again: ${number(this.#servedCount)} went through, `
					+ `the longest wait was ${duration(this.#longestMs)}`);
		else
			say(this.#status, waiting === 0 ? "nobody is waiting"
				: `${count(waiting, "waits", "wait")}, `
					+ `the longest ${duration(this.lock.longest_wait_ms)}`);
	}

	tick(now) {
		this.#gate.tick(now);
		for (const column of this.#columns.values())
			column.tick(now);
	}
}
