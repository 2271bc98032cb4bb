/* traffic_view - what the server does each second, from its own counters and histograms. */
import { h, say } from "./dom.js";
import { duration, rough } from "./format.js";
import { Painter } from "./painter.js";
import { Plot, legend } from "./plot.js";
import { pulse } from "./pulse.js";

const SPAN_MS = 120000;

function ago(x) {
	const s = Math.round(-x / 1000);
	return s <= 0 ? "now" : s === 60 || s === 120 ? `${s / 60} min` : `${s} s`;
}

const CHARTS = [
	{
		title: "Updates per second", unit: rough, isLogarithmic: false, main: "movements",
		about: "movements committed",
		lines: [
			{ name: "updates", of: "movements", colour: "--sea", isFilled: true },
			{ name: "refusals", of: "refusals", colour: "--red" },
		],
	},
	{
		title: "Commands per group", unit: rough, isLogarithmic: false, main: "group",
		about: "share one flush",
		lines: [
			{ name: "mean", of: "group", colour: "--sea", isFilled: true },
			{ name: "p99", of: "group99", colour: "--violet", isDashed: true },
		],
	},
	{
		title: "Wait for the row", unit: duration, isLogarithmic: true, main: "lock50",
		about: "half of the writes wait less",
		lines: [
			{ name: "p50", of: "lock50", colour: "--buoy" },
			{ name: "p99", of: "lock99", colour: "--red", isDashed: true },
		],
	},
	{
		title: "Commit with its flush", unit: duration, isLogarithmic: true, main: "commit50",
		about: "half of the groups take less",
		lines: [
			{ name: "p50", of: "commit50", colour: "--sea" },
			{ name: "p99", of: "commit99", colour: "--violet", isDashed: true },
		],
	},
	{
		title: "Request to answer", unit: duration, isLogarithmic: true, main: "request50",
		about: "half of the answers take less",
		lines: [
			{ name: "p50", of: "request50", colour: "--sea" },
			{ name: "p99", of: "request99", colour: "--violet", isDashed: true },
		],
	},
	{
		title: "Waiting for a row", unit: rough, isLogarithmic: false, main: "waiting",
		about: "writes in a queue just now",
		lines: [{ name: "waiting", of: "waiting", colour: "--buoy", isFilled: true }],
	},
];

const FIGURES = [
	["requests/s", (sample) => rough(sample.requests)],
	["groups/s", (sample) => rough(sample.groups)],
	["connections", (sample) => rough(sample.connections)],
	["leases", (sample) => rough(sample.leases)],
	["reservations", (sample) => rough(sample.reservations)],
	["write-ahead log", (sample) => `${(sample.wal / 1048576).toFixed(1)} MiB`],
	["store time ahead of clock", (sample) => `${sample.clockAhead.toFixed(1)} s`],
];

/* Making a plot takes some milliseconds, making all of them at once would be a long task. */
class Chart {
	#chart;
	#plot = null;
	#plotPlace = h("div", { class: "plot-place" });
	#now = h("b", { class: "shelf-number number" }, "–");

	constructor(chart) {
		this.#chart = chart;
		this.element = h("section", { class: "card" },
			h("header", {}, h("h2", {}, chart.title), legend(chart.lines)),
			h("div", { class: "inside" },
				h("p", { class: "shelf-top" }, this.#now,
					h("span", { class: "muted small" }, chart.about)),
				this.#plotPlace));
	}

	get isReady() {
		return this.#plot !== null;
	}

	prepare() {
		const { title, lines, isLogarithmic, unit } = this.#chart;
		this.#plot = new Plot(this.#plotPlace, {
			label: title, lines, isLogarithmic, xText: ago, xStep: SPAN_MS / 4, yText: unit,
			yUsual: { from: 0.01, to: 10 },
		});
	}

	draw() {
		const now = Date.now();
		const recent = pulse.samples.filter((sample) => now - sample.at < SPAN_MS + 2000);
		const last = recent.at(-1);
		this.#plot.draw(this.#chart.lines.map((line) => recent.map((sample) => ({
			x: sample.at - now, y: sample[line.of] > 0 || !this.#chart.isLogarithmic
				? sample[line.of] : null,
		}))), { from: -SPAN_MS, to: 0 });
		if (last === undefined)
			return;
		say(this.#now, this.#chart.unit(last[this.#chart.main]));
		this.#plot.describe(this.#chart.lines.map((line) =>
			`${line.name} ${this.#chart.unit(last[line.of])}`).join(", "));
	}

	end() {
		this.#plot?.end();
	}
}

export function trafficView(place) {
	const charts = CHARTS.map((chart) => new Chart(chart));
	const painter = new Painter((chart) => {
		if (chart.isReady)
			return chart.draw();
		chart.prepare();
		return painter.mark(chart);
	});
	const figures = FIGURES.map(([label]) => h("b", { class: "number", "data-label": label }, "–"));

	place.append(
		h("div", { class: "head" },
			h("div", {}, h("h1", {}, "Traffic"),
				h("p", {}, "The last two minutes, second by second, from ",
					h("a", { href: "/metrics" }, "/metrics"), "."))),
		h("ul", { class: "figures" },
			FIGURES.map(([label], i) => h("li", {}, figures[i], label))),
		h("div", { class: "charts" }, charts.map((chart) => chart.element)));

	function draw(sample) {
		charts.forEach((chart) => painter.mark(chart));
		if (sample)
			FIGURES.forEach(([, text], i) => say(figures[i], text(sample)));
	}

	draw(pulse.samples.at(-1));
	const end = pulse.news.listen(draw);
	return () => {
		end();
		painter.stop();
		charts.forEach((chart) => chart.end());
	};
}
