/*
 * feed - the ledger as it grows: one stream for the whole page, open while somebody listens.
 *
 *     feed.listen(({ movements, skipped }) => ...)
 *
 * skipped: so many movements are left out before these; what rests on them must be read again.
 *
 * A busy server commits more in a second than a page can draw or anybody read. So it reads at its
 * own pace: a piece, then a breath. The server meanwhile keeps what was not read where it is anyway,
 * in the ledger. When the stream is too far behind, it is begun again at the newest.
 */
import { Problem, ledger, open } from "./api.js";
import { News } from "./news.js";

const BEHIND_MAX = 3000;
const BREATH_MS = 60;
const PIECE = 250; /* movements that are parsed in one go: a few milliseconds */
const RETRY_MS = 1000;

export const feed = new News({ onFirst: start, onLast: stop });

let ending = null; /* AbortController of the stream that is open */
let after = null;  /* the last seq that was read; null: begin now */

function pause(ms) {
	return new Promise((done) => setTimeout(done, ms));
}

/* Text comes in pieces that end anywhere; an event ends with an empty line. */
function eventReader() {
	let rest = "";
	return (text) => {
		const events = (rest + text).split("\n\n");
		rest = events.pop();
		return events;
	};
}

function movementOf(event) {
	let data = null;
	for (const line of event.split("\n")) {
		if (line.startsWith("id: "))
			after = Number(line.slice(4));
		else if (line.startsWith("data: "))
			data = line.slice(6);
	}
	return data === null ? null : JSON.parse(data);
}

async function tellAll(events, skipped) {
	for (let i = 0; i < events.length; i += PIECE) {
		const movements = events.slice(i, i + PIECE).map(movementOf).filter((m) => m !== null);
		if (movements.length > 0 || skipped > 0)
			feed.tell({ movements, skipped });
		skipped = 0;
		if (i + PIECE < events.length)
			await pause(0);
	}
	return skipped;
}

/* Returns when the stream ends or is too far behind: how many movements are left out then. */
async function readStream(signal, skipped) {
	const response = await open(`/v1/changes?after=${after ?? "latest"}`,
		{ headers: { Accept: "text/event-stream" }, signal });
	if (!response.ok)
		throw new Problem(response.status, await response.json());
	const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
	const take = eventReader();
	for (;;) {
		const { value, done } = await reader.read();
		if (done)
			return 0;
		skipped = await tellAll(take(value), skipped);
		const behind = ledger.head - (after ?? ledger.head);
		if (behind > BEHIND_MAX) {
			reader.cancel().catch(() => {});
			after = null;
			return behind;
		}
		await pause(BREATH_MS);
	}
}

async function follow(controller) {
	let skipped = 0;
	while (!controller.signal.aborted) {
		try {
			skipped = await readStream(controller.signal, skipped);
			continue;
		} catch (trouble) {
			if (controller.signal.aborted)
				return;
			/* Another store, or an older state of this one: nothing that was read counts. */
			if (trouble instanceof Problem && trouble.code === "cursor-lost") {
				after = null;
				skipped = 1;
			}
		}
		await pause(RETRY_MS);
	}
}

function start() {
	after = ledger.head > 0 ? ledger.head : null; /* where the page's own reads began */
	resume();
}

function resume() {
	if (document.hidden)
		return;
	ending = new AbortController();
	follow(ending);
}

function stop() {
	ending?.abort();
	ending = null;
}

/* A page that nobody looks at holds no stream; what it missed comes when somebody looks. */
document.addEventListener("visibilitychange", () => {
	if (document.hidden)
		stop();
	else if (feed.hasListeners && ending === null)
		resume();
});
