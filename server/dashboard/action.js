/*
 * action - the dialogs that change something: adjust, transfer, reserve, lease.
 *
 *     openAction("adjust", { sku: "A-1", location: "WH1" });
 *
 * A change may have to queue for its row. The dialog says so and counts, and closing it withdraws
 * what still waits. Sent again after a lost connection, it carries the same key.
 */
import { book, rowKey } from "./stock_book.js";
import { call, newKey, rowPath } from "./api.js";
import { costBar } from "./cost.js";
import { h, newId, say } from "./dom.js";
import { delta, duration, number } from "./format.js";
import { problemBox } from "./problem.js";
import { hasRole, mayWrite } from "./session.js";
import { toast } from "./toast.js";

const WAIT_S = 60;
const WAITING_SHOWN_MS = 250;

function numberField(name, label, value, about) {
	return field(label, h("input", {
		name, type: "number", step: "1", value, required: true, inputmode: "numeric",
	}), about);
}

function textField(name, label, value = "", about = "") {
	return field(label, h("input", { name, type: "text", value, autocomplete: "off" }), about);
}

function field(label, input, about = "") {
	return h("label", { class: "field" }, label, input, about && h("small", {}, about));
}

function locationField(name, label, codes) {
	return field(label, h("select", { name },
		codes.map((code) => h("option", { value: code }, code))));
}

function rowWords(row) {
	const now = book.rows.get(rowKey(row.sku, row.location));
	const name = book.items.get(row.sku)?.name ?? row.sku;
	return now === undefined ? name
		: `${name}: ${number(now.available)} available, ${number(now.on_hand)} on hand`;
}

/* What each dialog asks for, what it sends, and what it says when that is done. */
const ACTIONS = {
	adjust: {
		title: (row) => `Adjust ${row.sku} at ${row.location}`,
		about: rowWords,
		submit: "Adjust",
		fields: () => [
			numberField("delta", "Units to add, or to take with a minus", "-1"),
			h("div", { class: "pair" },
				textField("reason", "Reason", "", "a–z, 0–9 and _, such as sale"),
				textField("reference", "Reference", "", "your order")),
			textField("note", "Note", "", "for people, at most 200 characters"),
		],
		request: (row, form) => ({
			path: rowPath(row.sku, row.location, "adjust"),
			body: {
				delta: Number(form.get("delta")),
				...(form.get("reason") && { reason: form.get("reason") }),
				...(form.get("reference") && { reference: form.get("reference") }),
				...(form.get("note") && { note: form.get("note") }),
			},
		}),
		done: (row, data) => `${row.sku} at ${row.location}: ${delta(data.movement.on_hand_delta)}, `
			+ `${number(data.stock.available)} available`,
	},
	transfer: {
		title: (row) => `Transfer ${row.sku} from ${row.location}`,
		about: rowWords,
		submit: "Transfer",
		fields: (row) => [
			h("div", { class: "pair" },
				numberField("quantity", "Units", "1"),
				locationField("to", "To",
					[...book.locations.keys()].filter((code) =>
						code !== row.location && mayWrite(code)))),
			textField("reference", "Reference"),
		],
		request: (row, form) => ({
			path: "/v1/transfers",
			body: {
				sku: row.sku, from: row.location, to: form.get("to"),
				quantity: Number(form.get("quantity")),
				...(form.get("reference") && { reference: form.get("reference") }),
			},
		}),
		done: (row, data) => `${row.sku}: ${number(-data.movements[0].on_hand_delta)} from `
			+ `${row.location} to ${data.movements[1].location}, both rows in one step`,
	},
	reserve: {
		title: (row) => `Reserve ${row.sku} at ${row.location}`,
		about: rowWords,
		submit: "Reserve",
		fields: () => [
			h("div", { class: "pair" },
				numberField("quantity", "Units", "1"),
				numberField("ttl_s", "For seconds", "600")),
			textField("owner", "Owner", "", "a cart, a customer"),
		],
		request: (row, form) => ({
			path: "/v1/reservations",
			body: {
				ttl_s: Number(form.get("ttl_s")),
				...(form.get("owner") && { owner: form.get("owner") }),
				lines: [{
					sku: row.sku, location: row.location, quantity: Number(form.get("quantity")),
				}],
			},
		}),
		done: (row, data) => `${data.id}: ${number(data.lines[0].quantity)} of ${row.sku} at `
			+ `${row.location} reserved`,
	},
	lease: {
		title: (row) => `Lease ${row.sku} at ${row.location}`,
		about: () => "Until it ends, everybody else who changes this row waits; reads go on.",
		submit: "Take the lease",
		fields: () => [
			numberField("ttl_s", "For seconds", "30"),
			textField("purpose", "Purpose", "cycle count", "for those who wait"),
		],
		request: (row, form) => ({
			path: "/v1/leases",
			body: {
				rows: [{ sku: row.sku, location: row.location }],
				ttl_s: Number(form.get("ttl_s")), purpose: form.get("purpose"),
			},
		}),
		done: (row, data) => `${data.id}: ${row.sku} at ${row.location} is leased, `
			+ `fence ${data.fence}`,
	},
};

/* Counts in `place` how long it has been waiting; returns what stops it. */
function countWaiting(place) {
	const begun = performance.now();
	const timer = setInterval(() => {
		const ms = performance.now() - begun;
		if (ms >= WAITING_SHOWN_MS)
			say(place, `in the row's queue, ${duration(ms)}`);
	}, 100);
	return () => {
		clearInterval(timer);
		say(place, "");
	};
}

export function openAction(kind, row) {
	const action = ACTIONS[kind];
	const key = newKey();
	const titleId = newId("title");
	const trouble = h("div", {});
	const waiting = h("span", { class: "waiting" });
	const submit = h("button", { type: "submit", class: "primary" }, action.submit);
	let sending = null;
	let sentBody = "";
	let sentKey = key;

	async function send(event) {
		event.preventDefault();
		const { path, body } = action.request(row, new FormData(event.target));
		/* Other content is another request, and needs a key of its own. */
		if (sentBody !== "" && sentBody !== JSON.stringify(body))
			sentKey = newKey();
		sentBody = JSON.stringify(body);
		const stopCounting = countWaiting(waiting);
		sending = new AbortController();
		submit.disabled = true;
		trouble.replaceChildren();
		try {
			const { data, cost } = await call("POST", `${path}?wait=${WAIT_S}`,
				{ body, headers: { "Idempotency-Key": sentKey }, signal: sending.signal });
			toast(h("strong", {}, action.done(row, data)), costBar(cost));
			dialog.close();
		} catch (error) {
			if (error.name !== "AbortError")
				trouble.replaceChildren(problemBox(error));
		} finally {
			stopCounting();
			submit.disabled = false;
			sending = null;
		}
	}

	const dialog = h("dialog", { "aria-labelledby": titleId },
		h("form", { onsubmit: send },
			h("h2", { id: titleId }, action.title(row)),
			h("p", { class: "about" }, action.about(row)),
			...action.fields(row), trouble,
			h("div", { class: "foot" }, waiting,
				h("button", { type: "button", class: "quiet", onclick: () => dialog.close() },
					"Cancel"),
				submit)));

	dialog.addEventListener("close", () => {
		sending?.abort();
		dialog.remove();
	});
	document.body.append(dialog);
	dialog.showModal();
	dialog.querySelector("input, select").select?.();
}

/* The buttons that open the dialogs, for one row; none for whoever may only read. */
export function actionButtons(row) {
	if (!hasRole("clerk"))
		return [];
	if (!mayWrite(row.location))
		return [h("p", { class: "muted small" }, "Your token does not write here.")];
	return Object.entries({
		adjust: "Adjust", transfer: "Transfer", reserve: "Reserve", lease: "Lease",
	}).map(([kind, label]) => h("button", {
		type: "button", class: "tiny", onclick: () => openAction(kind, row),
		"aria-label": `${label} ${row.sku} at ${row.location}`,
	}, label));
}
