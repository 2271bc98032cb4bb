/*
 * plot - charts over time, by Chart.js, in the page's colours.
 *
 *     const plot = new Plot(place, { label: "Updates", lines: [{ name: "updates", colour: "--sea" }] });
 *     plot.draw([[{ x, y }, ...]], { from, to });
 *
 * A canvas says nothing to a screen reader, so each has a label that is kept up to date.
 */
import "./chart.min.js";
import { h } from "./dom.js";

const { Chart } = globalThis;
const darkness = window.matchMedia("(prefers-color-scheme: dark)");

function colour(name) {
	return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function datasetOf(line) {
	return {
		label: line.name,
		data: [],
		borderColor: colour(line.colour),
		backgroundColor: line.isFilled ? rgba(colour(line.colour), 0.13) : undefined,
		fill: line.isFilled === true,
		borderWidth: 1.75,
		borderDash: line.isDashed ? [4, 3] : undefined,
		pointRadius: 0,
		pointHitRadius: 8,
		stepped: line.isStepped ? "before" : false,
		spanGaps: false,
	};
}

/* Canvas colours are parsed by Chart.js, which does not know color-mix(). */
function rgba(hex, alpha) {
	const full = hex.length === 4 ? hex.replace(/[^#]/g, "$&$&") : hex;
	const [r, g, b] = [1, 3, 5].map((i) => parseInt(full.slice(i, i + 2), 16));
	return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

export class Plot {
	#canvas;
	#chart;
	#options;
	#rethemer = () => this.#retheme();

	/*
	 * place: in the document already, where the chart learns its size; elsewhere it would be drawn
	 * twice. options: label, lines, isLogarithmic, xText(x), xStep, yText(y), yUsual: { from, to }
	 */
	constructor(place, options) {
		this.#options = options;
		this.#canvas = h("canvas", { role: "img", "aria-label": options.label });
		place.append(h("div", { class: "plot" }, this.#canvas));
		this.#chart = new Chart(this.#canvas, {
			type: "line",
			data: { datasets: options.lines.map(datasetOf) },
			options: this.#settings(),
		});
		darkness.addEventListener("change", this.#rethemer);
	}

	#axis(more) {
		return {
			border: { display: false },
			grid: { color: colour("--line"), drawBorder: false, drawTicks: false },
			ticks: {
				color: colour("--muted"), font: { family: colour("--sans"), size: 11 },
				maxRotation: 0, padding: 6, autoSkipPadding: 24, ...more.ticks,
			},
			...more.scale,
		};
	}

	#scales() {
		const { isLogarithmic, xText, xStep, yText, yUsual } = this.#options;
		const linear = { type: "linear", beginAtZero: true, grace: "8%" };
		const logarithmic = {
			type: "logarithmic", suggestedMin: yUsual?.from, suggestedMax: yUsual?.to,
		};
		return {
			x: this.#axis({
				scale: { type: "linear", grid: { display: false } },
				ticks: { maxTicksLimit: 6, stepSize: xStep, callback: (x) => xText(x) },
			}),
			y: this.#axis({
				scale: isLogarithmic ? logarithmic : linear,
				ticks: {
					maxTicksLimit: 5,
					callback: (y) => (isLogarithmic && Math.log10(y) % 1 !== 0 ? null : yText(y)),
				},
			}),
		};
	}

	#settings() {
		const { xText, yText } = this.#options;
		return {
			animation: false,
			parsing: false,
			normalized: true,
			maintainAspectRatio: false,
			interaction: { mode: "index", intersect: false, axis: "x" },
			plugins: {
				legend: { display: false },
				tooltip: {
					callbacks: {
						title: (found) => (found.length > 0 ? xText(found[0].parsed.x) : ""),
						label: (one) => ` ${one.dataset.label}: ${yText(one.parsed.y)}`,
					},
				},
			},
			scales: this.#scales(),
		};
	}

	/* points: one array of { x, y } per line, by x; span: what is shown of the x axis. */
	draw(points, span) {
		points.forEach((line, i) => {
			this.#chart.data.datasets[i].data = line;
		});
		if (span !== undefined) {
			this.#chart.options.scales.x.min = span.from;
			this.#chart.options.scales.x.max = span.to;
		}
		this.#chart.update("none");
	}

	describe(text) {
		this.#canvas.setAttribute("aria-label", `${this.#options.label}: ${text}`);
	}

	#retheme() {
		const kept = this.#chart.data.datasets.map((dataset) => dataset.data);
		this.#chart.data.datasets = this.#options.lines.map(datasetOf);
		this.#chart.options = this.#settings();
		this.draw(kept);
	}

	end() {
		darkness.removeEventListener("change", this.#rethemer);
		this.#chart.destroy();
	}
}

/* What the colours stand for, beside a chart. */
export function legend(lines) {
	return h("ul", { class: "legend" }, lines.map((line) => {
		const mark = h("i", { "aria-hidden": "true", class: line.isDashed ? "dashed" : "" });
		mark.style.borderColor = `var(${line.colour})`;
		return h("li", {}, mark, line.name);
	}));
}
