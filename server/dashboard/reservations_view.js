/* reservations_view - what is promised, and for how long: the next to run out is on top. */
import { call, list, newKey } from "./api.js";
import { h, say } from "./dom.js";
import { feed } from "./feed.js";
import { count, countdown, number } from "./format.js";
import { PROMISES } from "./kinds.js";
import { problemBox } from "./problem.js";
import { pulse } from "./pulse.js";
import { hasRole, mayWrite } from "./session.js";
import { toast } from "./toast.js";

const READ_MAX = 1000;
const SHOWN_MAX = 100;
const READ_AGAIN_MS = 400;
const TICK_MS = 250;
const SOON_MS = 30000;
const EXTEND_S = 600;


class Promised {
	#left = h("b", { class: "number promised-left" });
	#rest = h("i", { "aria-hidden": "true" });
	#reservation;

	constructor(reservation) {
		this.element = h("li", { class: "promised", "data-id": reservation.id },
			h("div", { class: "promised-time" }, this.#left,
				h("span", { class: "promised-rest", "aria-hidden": "true" }, this.#rest)),
			h("div", { class: "promised-what" },
				h("p", {}, h("strong", {}, reservation.owner || reservation.id),
					h("span", { class: "muted small" },
						` ${[reservation.owner && reservation.id, reservation.reference]
							.filter((word) => word).join(" · ")}`)),
				h("ul", { class: "promised-lines" }, reservation.lines.map((line) => h("li", {},
					h("b", { class: "number" }, `${number(line.quantity)} × `),
					h("a", { href: `#/stock/${encodeURIComponent(line.sku)}`, class: "mono" },
						line.sku),
					h("span", { class: "muted" }, ` ${line.location}`))))),
			h("div", { class: "promised-actions" }, this.#actions(reservation)));
		this.take(reservation);
	}

	#actions(reservation) {
		if (!hasRole("clerk"))
			return [];
		if (!reservation.lines.every((line) => mayWrite(line.location)))
			return [h("p", { class: "muted small" }, "Your token does not write at all of its "
				+ "locations.")];
		return [
			this.#button("Commit", "commit", {}, "committed: its units have left the building"),
			this.#button("Extend", "extend", { ttl_s: EXTEND_S }, "lasts 10 minutes from now"),
			this.#button("Release", "release", {}, "released: its units are available again"),
		];
	}

	#button(label, action, body, done) {
		return h("button", {
			type: "button", class: "tiny", "data-action": action,
			onclick: () => this.#act(action, body, done),
		}, label);
	}

	async #act(action, body, done) {
		const { id } = this.#reservation;
		try {
			await call("POST", `/v1/reservations/${encodeURIComponent(id)}/${action}?wait=20`,
				{ body, headers: { "Idempotency-Key": newKey() } });
			toast(h("strong", {}, `${id} ${done}`));
		} catch (trouble) {
			toast(problemBox(trouble));
		}
	}

	take(reservation) {
		this.#reservation = reservation;
		for (const button of this.element.querySelectorAll("button"))
			button.setAttribute("aria-label", `${button.textContent} ${reservation.id}`);
		this.tick(Date.now());
	}

	tick(now) {
		const end = Date.parse(this.#reservation.expires_at);
		const whole = end - Date.parse(this.#reservation.created_at);
		const left = end - now;
		say(this.#left, left > 0 ? countdown(left) : "running out");
		this.#rest.style.transform = `scaleX(${Math.max(0, Math.min(1, left / whole))})`;
		this.element.classList.toggle("soon", left < SOON_MS);
	}
}

/* What is said above the list. */
function words(found, isWhole) {
	if (found === 0)
		return "None just now.";
	const all = isWhole ? count(found, "reservation") : `More than ${number(READ_MAX)} reservations`;
	const rest = found > SHOWN_MAX ? `; the first ${SHOWN_MAX} are shown` : "";
	return `${all}, the next to run out first${rest}.`;
}

export function reservationsView(place) {
	const shown = new Map();
	const about = h("p", {}, "Reading…");
	const listing = h("ul", { class: "card promises", "aria-label": "Active reservations" });
	const message = h("div", {});
	const empty = h("div", { class: "empty", hidden: true },
		h("strong", {}, "Nothing is promised"),
		h("p", {}, "A reservation keeps units for somebody until a time; nobody waits meanwhile. ",
			hasRole("clerk") && "Make one from an item’s page in Stock."));
	let reading = 0;
	let isClosed = false;

	place.append(h("div", { class: "head" }, h("div", {}, h("h1", {}, "Reservations"), about)),
		message, listing, empty);

	function take(rows, isWhole) {
		rows.sort((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at));
		const first = rows.slice(0, SHOWN_MAX);
		const ids = new Set(first.map((row) => row.id));
		for (const [id, promised] of shown) {
			if (ids.has(id))
				continue;
			promised.element.remove();
			shown.delete(id);
		}
		first.forEach((row, i) => {
			let promised = shown.get(row.id);
			if (promised === undefined)
				shown.set(row.id, promised = new Promised(row));
			else
				promised.take(row);
			if (listing.children[i] !== promised.element)
				listing.insertBefore(promised.element, listing.children[i] ?? null);
		});
		listing.hidden = first.length === 0;
		empty.hidden = first.length > 0;
		say(about, words(rows.length, isWhole));
	}

	async function read() {
		reading = 0;
		try {
			const { rows, isWhole } = await list("/v1/reservations?state=active", READ_MAX);
			if (isClosed)
				return;
			message.replaceChildren();
			take(rows, isWhole);
		} catch (trouble) {
			if (!isClosed)
				message.replaceChildren(problemBox(trouble));
		}
	}

	function readSoon() {
		if (reading === 0 && !isClosed)
			reading = setTimeout(read, READ_AGAIN_MS);
	}

	const ticking = setInterval(() => {
		const now = Date.now();
		for (const promised of shown.values())
			promised.tick(now);
	}, TICK_MS);
	const endings = [
		feed.listen(({ movements, skipped }) => {
			if (skipped > 0 || movements.some((m) => PROMISES.includes(m.kind)))
				readSoon();
		}),
		pulse.back.listen(readSoon),
	];
	/* What is extended has no movement. */
	listing.addEventListener("click", (event) => event.target.dataset.action && readSoon());
	read();

	return () => {
		isClosed = true;
		clearTimeout(reading);
		clearInterval(ticking);
		endings.forEach((end) => end());
	};
}
