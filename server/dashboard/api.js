/*
 * api - asks this server.
 *
 *     const { data, cost } = await call("POST", "/v1/stock/A-1/WH1/adjust", { body: { delta: -3 } });
 *
 * What the server refuses is thrown as a Problem, with its title, detail and hint; a server that
 * does not answer as Lost. What is read while nobody is logged in waits until somebody is (gate.js).
 */
import { gate } from "./gate.js";
import { News } from "./news.js";

export class Problem extends Error {
	constructor(status, body) {
		super(body.title ?? `The server answered ${status}`);
		this.status = status;
		this.code = body.code ?? "";
		this.detail = body.detail ?? "";
		this.hint = body.hint ?? "";
		this.body = body;
	}
}

export class Lost extends Error {
	constructor() {
		super("The server does not answer");
	}
}

/* Told `true` when an answer came, and `false` when none did. */
export const contact = new News();

/* The newest seq that any answer has named. */
export const ledger = { head: 0 };

/* lock;dur=1.204;desc="6 ahead" -> { lock: { ms: 1.204, about: "6 ahead" } } */
function readCost(header) {
	const cost = {};
	for (const [, name, ms, about] of
		(header ?? "").matchAll(/(\w+);dur=([\d.]+)(?:;desc="([^"]*)")?/g))
		cost[name] = { ms: Number(ms), about: about ?? "" };
	return cost;
}

async function readBody(response) {
	if (response.status === 204)
		return null;
	const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
	return isJson ? response.json() : response.text();
}

function noteSeq(response) {
	const seq = Number(response.headers.get("Stock-Seq"));
	if (seq > ledger.head)
		ledger.head = seq;
}

/* The answer as it comes, whatever it is. */
export async function openNow(path, options = {}) {
	let response;
	try {
		response = await fetch(path, { cache: "no-store", ...options });
	} catch (trouble) {
		if (trouble.name === "AbortError")
			throw trouble;
		contact.tell(false);
		throw new Lost();
	}
	contact.tell(true);
	noteSeq(response);
	return response;
}

/* The same for streams and figures; everything else goes through call(). */
export async function open(path, options = {}) {
	const isRead = (options.method ?? "GET") === "GET";
	for (;;) {
		await gate.pass(options.signal);
		const { count } = gate;
		const response = await openNow(path, options);
		if (response.status !== 401)
			return response;
		if (count === gate.count)
			gate.shut();
		if (!isRead)
			return response;
		response.body?.cancel().catch(() => {});
	}
}

/* isLogin: of the login itself, which waits for none. */
export async function call(method, path, { body, headers = {}, signal, isLogin = false } = {}) {
	const options = { method, headers: { Accept: "application/json", ...headers }, signal };
	if (body !== undefined) {
		options.headers["Content-Type"] = "application/json";
		options.body = JSON.stringify(body);
	}
	const response = await (isLogin ? openNow : open)(path, options);
	let data;
	try {
		data = await readBody(response);
	} catch (trouble) {
		if (trouble.name === "AbortError")
			throw trouble;
		throw new Lost();
	}
	if (!response.ok)
		throw new Problem(response.status, typeof data === "object" && data !== null ? data : {});
	return { data, cost: readCost(response.headers.get("Server-Timing")), response };
}

export async function get(path, signal) {
	return (await call("GET", path, { signal })).data;
}

/* All pages of a list, at most so many rows; isWhole says whether that was all. */
export async function list(path, rowsMax, signal) {
	const rows = [];
	let after = null;
	do {
		const query = `${path.includes("?") ? "&" : "?"}limit=${Math.min(1000, rowsMax)}`
			+ (after === null ? "" : `&after=${encodeURIComponent(after)}`);
		const page = await get(path + query, signal);
		rows.push(...page.data);
		after = page.next;
	} while (after !== null && rows.length < rowsMax);
	return { rows: rows.slice(0, rowsMax), isWhole: after === null && rows.length <= rowsMax };
}

/* A key that is new: the same request sent twice then takes effect once. */
export function newKey() {
	const bytes = crypto.getRandomValues(new Uint8Array(12));
	return `ui-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export function rowPath(sku, location, action = "") {
	return `/v1/stock/${encodeURIComponent(sku)}/${encodeURIComponent(location)}`
		+ (action === "" ? "" : `/${action}`);
}
