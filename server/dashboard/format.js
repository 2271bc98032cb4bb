/* format - numbers, durations and times as people read them. */

const grouped = new Intl.NumberFormat("en-US");
const clock = new Intl.DateTimeFormat("en-GB", {
	hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/* 12,345 */
export function number(n) {
	return n === null || n === undefined ? "–" : grouped.format(n);
}

/* 12,345 as it is; 58.3k and 1.20M where the last digits say nothing. */
export function rough(n) {
	if (n === null || n === undefined || Number.isNaN(n))
		return "–";
	if (n >= 1e6)
		return `${(n / 1e6).toFixed(2)}M`;
	if (n >= 1e4)
		return `${(n / 1e3).toFixed(1)}k`;
	return n >= 10 || Number.isInteger(n) ? grouped.format(Math.round(n)) : n.toFixed(1);
}

/* +3, −3: with a minus that is as wide as the plus. */
export function delta(n) {
	return n > 0 ? `+${grouped.format(n)}` : n < 0 ? `−${grouped.format(-n)}` : "0";
}

/* Milliseconds: 84 µs, 1.2 ms, 340 ms, 3.4 s, 2 min 05 s, 3 h 10 min. */
export function duration(ms) {
	if (ms === null || ms === undefined || Number.isNaN(ms))
		return "–";
	if (ms < 0.1)
		return `${Math.round(ms * 1000)} µs`;
	if (ms < 10)
		return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
	if (ms < 1000)
		return `${Math.round(ms)} ms`;
	if (ms < 60000)
		return `${(ms / 1000).toFixed(1)} s`;
	const s = Math.round(ms / 1000);
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
	return `${Math.floor(s / 3600)} h ${String(Math.floor(s / 60) % 60).padStart(2, "0")} min`;
}

/* What is left of a lease or a reservation: 0:09, 9:59, 1:00:00. */
export function countdown(ms) {
	const s = Math.max(0, Math.ceil(ms / 1000));
	const minutes = Math.floor(s / 60) % 60;
	const seconds = String(s % 60).padStart(2, "0");
	if (s < 3600)
		return `${minutes}:${seconds}`;
	return `${Math.floor(s / 3600)}:${String(minutes).padStart(2, "0")}:${seconds}`;
}

/* The time of an RFC 3339 text or of milliseconds; with the day where that is not today. */
export function time(at) {
	const date = new Date(at);
	const isToday = date.toDateString() === new Date().toDateString();
	return isToday ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

/* 1 row, 2 rows */
export function count(n, one, many = `${one}s`) {
	return `${grouped.format(n)} ${n === 1 ? one : many}`;
}
