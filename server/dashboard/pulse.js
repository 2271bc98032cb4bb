/*
 * pulse - asks for /metrics once a second, keeps the last minutes, and so knows whether the server
 * is there.
 *
 *     pulse.state            "starting" | "live" | "lost"
 *     pulse.samples          the newest last
 *     pulse.news.listen((sample) => ...)       each second; sample is null while it is lost
 *     pulse.back.listen(() => ...)             it is there again
 */
import { contact, ledger, open } from "./api.js";
import { gate } from "./gate.js";
import { News } from "./news.js";
import { between, mean, parse, quantile, value } from "./metrics.js";

const BEAT_MS = 1000;
const SAMPLES_MAX = 300;
const ANSWER_MS_MAX = 4000;

const RATES = {
	movements: "rowlock_movements_total",
	commands: "rowlock_commands_total",
	groups: "rowlock_groups_total",
	refusals: "rowlock_refusals_total",
	timeouts: "rowlock_wait_timeouts_total",
	replays: "rowlock_idempotency_replayed_total",
};
const LEVELS = {
	waiting: "rowlock_writes_waiting",
	leases: "rowlock_leases",
	reservations: "rowlock_reservations",
	connections: "rowlock_connections",
	seq: "rowlock_stock_seq",
	wal: "rowlock_wal_bytes",
	followers: "rowlock_feed_subscribers",
	damaged: "rowlock_store_is_damaged",
	clockAhead: "rowlock_clock_ahead_seconds",
};
const TIMES = {
	request: "rowlock_request_seconds",
	lock: "rowlock_lock_wait_seconds",
	commit: "rowlock_commit_seconds",
};

export const pulse = {
	state: "starting",
	samples: [],
	news: new News(),
	back: new News(),
};

let before = null;

function sampleOf(now, seconds) {
	const sample = { at: Date.now() };
	for (const [name, metric] of Object.entries(LEVELS))
		sample[name] = value(now, metric);
	for (const [name, metric] of Object.entries(RATES))
		sample[name] = (value(now, metric) - value(before.reading, metric)) / seconds;
	for (const [name, metric] of Object.entries(TIMES)) {
		const times = between(before.reading, now, metric);
		for (const [suffix, q] of [["50", 0.5], ["99", 0.99]]) {
			const s = quantile(times, q);
			sample[name + suffix] = s === null ? null : s * 1000;
		}
	}
	const sizes = between(before.reading, now, "rowlock_group_commands");
	sample.group = mean(sizes);
	sample.group99 = quantile(sizes, 0.99);
	sample.requests = between(before.reading, now, TIMES.request).count / seconds;
	return sample;
}

function setState(state) {
	const wasLost = pulse.state === "lost";
	pulse.state = state;
	if (state === "lost")
		before = null;
	else if (wasLost)
		pulse.back.tell();
}

async function beat() {
	await gate.pass(); /* whoever has to log in first may take his time */
	const response = await open("/metrics", { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
	const now = parse(await response.text());
	const at = performance.now();
	/* Behind a restart the counters begin again. */
	const isFresh = before === null
		|| value(now, RATES.commands) < value(before.reading, RATES.commands);
	setState("live");
	ledger.head = value(now, LEVELS.seq);
	if (!isFresh) {
		const sample = sampleOf(now, (at - before.at) / 1000);
		pulse.samples.push(sample);
		if (pulse.samples.length > SAMPLES_MAX)
			pulse.samples.shift();
		pulse.news.tell(sample);
	}
	before = { reading: now, at };
}

async function beatOn() {
	if (!document.hidden) {
		try {
			await beat();
		} catch {
			/* Whoever is asked to log in is not told that the server is lost. */
			if (!gate.isShut) {
				setState("lost");
				pulse.news.tell(null);
			}
		}
	}
	setTimeout(beatOn, BEAT_MS);
}

export function startPulse() {
	/* Whoever meets a dead server first says so; the next beat finds it alive again. */
	contact.listen((isThere) => {
		if (!isThere && pulse.state === "live") {
			setState("lost");
			pulse.news.tell(null);
		}
	});
	beatOn();
}
