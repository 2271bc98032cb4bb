/*
 * metrics - reads what /metrics says, and what happened between two readings.
 *
 *     const now = parse(text);
 *     value(now, "rowlock_movements_total")
 *     quantile(between(before, now, "rowlock_commit_seconds"), 0.99)
 */

/* { values: Map(name -> number), histograms: Map(name -> { bounds, counts, sum, count }) } */
export function parse(text) {
	const values = new Map();
	const histograms = new Map();
	for (const line of text.split("\n")) {
		if (line === "" || line[0] === "#" || line.startsWith("rowlock_requests_total{"))
			continue;
		const at = line.lastIndexOf(" ");
		const name = line.slice(0, at);
		const number = Number(line.slice(at + 1));
		const bucket = /^(\w+)_bucket\{le="([^"]+)"\}$/.exec(name);
		if (bucket === null) {
			values.set(name, number);
			continue;
		}
		let histogram = histograms.get(bucket[1]);
		if (histogram === undefined)
			histograms.set(bucket[1], histogram = { bounds: [], counts: [] });
		histogram.bounds.push(bucket[2] === "+Inf" ? Infinity : Number(bucket[2]));
		histogram.counts.push(number);
	}
	for (const [name, histogram] of histograms) {
		histogram.sum = values.get(`${name}_sum`);
		histogram.count = values.get(`${name}_count`);
	}
	return { values, histograms };
}

export function value(reading, name) {
	return reading.values.get(name) ?? 0;
}

/* What a histogram was told between two readings. */
export function between(before, now, name) {
	const a = before.histograms.get(name);
	const b = now.histograms.get(name);
	if (a === undefined || b === undefined)
		return { bounds: [], counts: [], sum: 0, count: 0 };
	return {
		bounds: b.bounds,
		counts: b.counts.map((count, i) => count - a.counts[i]),
		sum: b.sum - a.sum,
		count: b.count - a.count,
	};
}

/*
 * Where the q-th part of what was observed lies, straight between the bounds of its bucket; in the
 * last bucket, which has no upper bound, its lower one. null: nothing was observed.
 */
export function quantile(histogram, q) {
	const { bounds, counts, count } = histogram;
	if (count <= 0)
		return null;
	const wanted = q * count;
	const i = counts.findIndex((upTo) => upTo >= wanted);
	const low = i > 0 ? bounds[i - 1] : 0;
	if (i < 0 || bounds[i] === Infinity)
		return low;
	const below = i > 0 ? counts[i - 1] : 0;
	const inside = counts[i] - below;
	return low + (bounds[i] - low) * (inside > 0 ? (wanted - below) / inside : 1);
}

export function mean(histogram) {
	return histogram.count > 0 ? histogram.sum / histogram.count : null;
}
