/*
 * race_table - one scenario's races side by side: what each did to the books, and how fast.
 *
 *     const table = new RaceTable(scenario, ["none", "row"]);
 *     table.take(race);                    // one that is over, as in GET /v1/lab/runs/{id}
 *     table.progress("row", 0.4);          // one that is under way
 */
import { h, say } from "./dom.js";
import { duration, number, rough } from "./format.js";

const HARMS = {
	lost_updates: "lost updates",
	oversold: "oversold",
	double_effects: "double effects",
	deadlocks: "deadlocks",
};

class Lane {
	#rate = h("b", { class: "number" });
	#bar = h("i", {});
	#harm = h("td", { class: "race-harm" });
	#times = h("td", { class: "right" });
	#slow = h("td", { class: "right" });
	#retries = h("td", { class: "right" });

	constructor(strategy) {
		this.strategy = strategy;
		this.perSecond = 0;
		this.element = h("tr", { class: strategy.right ? "right-way" : "wrong-way" },
			h("th", { scope: "row", class: "race-name" },
				h("span", { class: "mono" }, strategy.name),
				h("span", { class: "race-way" }, strategy.right ? "right" : "wrong")),
			this.#harm,
			h("td", { class: "race-rate" }, this.#rate,
				h("span", { class: "race-bar", "aria-hidden": "true" }, this.#bar)),
			this.#times, this.#slow, this.#retries);
		say(this.#harm, "to come");
		this.#harm.classList.add("muted");
	}

	progress(fraction) {
		this.element.classList.add("racing");
		this.#bar.style.transform = `scaleX(${fraction})`;
		say(this.#harm, "racing…");
	}

	take(race) {
		const isReading = race.reads !== null;
		const harms = Object.entries(HARMS).filter(([name]) => race[name] > 0)
			.map(([name, words]) => `${number(race[name])} ${words}`);
		this.perSecond = isReading ? race.reads_per_s : race.updates_per_s;
		this.element.classList.remove("racing");
		this.element.classList.toggle("harmful", harms.length > 0);
		this.#harm.classList.remove("muted");
		say(this.#harm, harms.length > 0 ? harms.join(", ") : "no harm");
		say(this.#rate, `${rough(this.perSecond)} ${isReading ? "reads/s" : "updates/s"}`);
		say(this.#times, duration(race.p50_ms));
		say(this.#slow, duration(race.p99_ms));
		say(this.#retries, number(race.retries));
	}

	scale(most) {
		if (!this.element.classList.contains("racing"))
			this.#bar.style.transform = `scaleX(${most > 0 ? this.perSecond / most : 0})`;
	}
}

export class RaceTable {
	#lanes;

	constructor(scenario, names) {
		this.#lanes = new Map(scenario.strategies.filter(({ name }) => names.includes(name))
			.map((strategy) => [strategy.name, new Lane(strategy)]));
		this.element = h("section", { class: "card races", "data-scenario": scenario.name },
			h("header", {}, h("h2", {}, scenario.title), h("span", { class: "mono muted small" },
				scenario.name)),
			h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": scenario.title },
				h("table", {}, h("thead", {}, h("tr", {},
					h("th", { scope: "col" }, "Strategy"), h("th", { scope: "col" }, "Books"),
					h("th", { scope: "col" }, "Rate"),
					h("th", { scope: "col", class: "right" }, "p50"),
					h("th", { scope: "col", class: "right" }, "p99"),
					h("th", { scope: "col", class: "right" }, "Retries"))),
				h("tbody", {}, [...this.#lanes.values()].map((lane) => lane.element)))));
	}

	progress(strategy, fraction) {
		this.#lanes.get(strategy)?.progress(fraction);
	}

	take(race) {
		this.#lanes.get(race.strategy)?.take(race);
		const most = Math.max(...[...this.#lanes.values()].map((lane) => lane.perSecond));
		for (const lane of this.#lanes.values())
			lane.scale(most);
	}
}
