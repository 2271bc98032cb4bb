/* audit_view - who did what changes no stock, the newest first: catalogue, leases, tokens, backups. */
import { get } from "./api.js";
import { h, say } from "./dom.js";
import { time } from "./format.js";
import { problemBox } from "./problem.js";
import { hasRole, roleWords } from "./session.js";

const PAGE = 100;
const TYPING_MS = 250;
const HEADS = ["When", "Who", "What", "Of", "Detail"];
const LISTS = new Set(["rows", "locations"]);

function shown(value) {
	if (value === null)
		return "nothing";
	return typeof value === "string" ? `“${value}”` : JSON.stringify(value);
}

/* {"version":3,"name":["Bolt","Nut"]}: version 3 · name “Bolt” → “Nut” */
function words(detail) {
	return Object.entries(detail).map(([name, value]) => {
		if (LISTS.has(name) && Array.isArray(value))
			return `${name} ${value.join(", ")}`;
		return Array.isArray(value) && value.length === 2
			? `${name} ${shown(value[0])} → ${shown(value[1])}` : `${name} ${shown(value)}`;
	}).join(" · ");
}

function head(title) {
	return h("th", { scope: "col" }, title);
}

function row(entry) {
	return h("tr", {},
		h("td", { class: "muted" }, time(entry.at)),
		h("td", {}, entry.actor),
		h("td", {}, h("span", { class: "kind" }, entry.action)),
		h("td", { class: "mono" }, entry.subject ?? ""),
		h("td", { class: "muted audit-detail" }, words(entry.detail)));
}

export function auditView(place) {
	let reading = null;
	let next = null;
	let typing = 0;

	const message = h("div", {});
	const about = h("p", { role: "status" }, "");
	const body = h("tbody", {});
	const older = h("button", { type: "button", hidden: true, onclick: () => read(next) }, "Older");
	const actor = field("Who", "token, token/user, sqlite3");
	const action = field("What", "item-change, lease-take");

	function field(label, placeholder) {
		return h("input", { type: "search", "aria-label": label, placeholder, oninput: () => {
			clearTimeout(typing);
			typing = setTimeout(() => read(null), TYPING_MS);
		} });
	}

	function path(after) {
		const query = new URLSearchParams({ order: "desc", limit: PAGE });
		for (const [name, value] of Object.entries({
			actor: actor.value.trim(), action: action.value.trim(), after: after ?? "",
		})) {
			if (value !== "")
				query.set(name, value);
		}
		return `/v1/audit?${query}`;
	}

	/* From the newest on, or what lies behind a page. The question before is of no use any more. */
	async function read(after) {
		reading?.abort();
		reading = new AbortController();
		try {
			const page = await get(path(after), reading.signal);
			if (after === null)
				body.replaceChildren();
			body.append(...page.data.map(row));
			next = page.next;
			older.hidden = next === null;
			say(about, body.children.length > 0 ? "The newest first. Stock has its ledger: Changes."
				: "Nothing fits.");
			message.replaceChildren();
		} catch (trouble) {
			if (trouble.name !== "AbortError")
				message.replaceChildren(problemBox(trouble));
		}
	}

	place.append(
		h("div", { class: "head" },
			h("div", {}, h("h1", {}, "Audit"), about),
			h("div", { class: "tools" }, actor, action,
				h("button", { type: "button", onclick: () => read(null) }, "Read again"))),
		message,
		h("section", { class: "card" },
			h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Rows" },
				h("table", {}, h("thead", {}, h("tr", {}, HEADS.map(head))), body))),
		older);
	if (hasRole("admin"))
		read(null);
	else
		message.append(h("div", { class: "empty" }, h("p", {}, roleWords("admin"))));
	return () => {
		clearTimeout(typing);
		reading?.abort();
	};
}
