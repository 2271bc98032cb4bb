/* laboratory_view - the same race with no lock, one lock, row locks: choose, watch, compare. */
import { call, get } from "./api.js";
import { h, newId, say } from "./dom.js";
import { number } from "./format.js";
import { problemBox } from "./problem.js";
import { RaceTable } from "./race_table.js";
import { hasRole, roleWords } from "./session.js";

const ASK_MS = 200;

/* The laboratory is switched on with the server, and this says how. */
function offBox(hint) {
	return h("div", { class: "empty" },
		h("strong", {}, "The laboratory is switched off"),
		h("p", {}, hint),
		h("p", {}, h("code", {}, "rowlockd --lab --store FILE")),
		h("p", {}, "The same races run without a server: ", h("code", {}, "rowlock lab")));
}

/* What to race: one scenario, and which of its strategies. */
class Choice {
	#laboratory;
	#scenario;
	#strategies = h("div", { class: "strategies" });
	#about = h("p", { class: "muted small lab-text" });
	#numbers = {};

	constructor(laboratory) {
		const group = newId("scenario");
		this.#laboratory = laboratory;
		const { limits, defaults } = laboratory;
		this.element = h("div", { class: "lab-choice" },
			h("fieldset", {}, h("legend", {}, "Scenario"),
				h("div", { class: "scenarios" }, laboratory.scenarios.map((scenario, i) =>
					h("label", { class: "scenario" },
						h("input", {
							type: "radio", name: group, value: scenario.name,
							checked: i === 0,
							onchange: () => this.#choose(scenario),
						}),
						h("span", {}, scenario.title))))),
			this.#about,
			h("fieldset", {}, h("legend", {}, "Strategies"), this.#strategies),
			h("div", { class: "lab-numbers" },
				this.#number("clients", "Clients", defaults.clients, 2, limits.clients_max),
				this.#number("seconds", "Seconds each", defaults.seconds, 1, limits.seconds_max),
				this.#number("think_us", "Think time, µs", defaults.think_us, 0,
					limits.think_us_max)));
		this.#choose(laboratory.scenarios[0]);
	}

	#number(name, label, value, min, max) {
		const input = h("input", { type: "number", value, min, max, step: 1, required: true });
		this.#numbers[name] = input;
		return h("label", { class: "field" }, label, input);
	}

	#choose(scenario) {
		this.#scenario = scenario;
		say(this.#about, scenario.text);
		this.#strategies.replaceChildren(...scenario.strategies.map((strategy) =>
			h("label", { class: "strategy" },
				h("input", { type: "checkbox", value: strategy.name, checked: true }),
				h("span", {},
					h("span", { class: "mono" }, strategy.name),
					h("span", { class: strategy.right ? "race-way" : "race-way wrong" },
						strategy.right ? "right" : "wrong"),
					h("span", { class: "muted small" }, strategy.text)))));
	}

	/* As if somebody had chosen it. */
	choose(name) {
		const radio = [...this.element.querySelectorAll("input[type=radio]")]
			.find((input) => input.value === name);
		if (radio !== undefined && !radio.checked) {
			radio.checked = true;
			this.#choose(this.#laboratory.scenarios.find((scenario) => scenario.name === name));
		}
	}

	/* The body of POST /v1/lab/runs. */
	read() {
		const names = [...this.#strategies.querySelectorAll("input:checked")]
			.map((input) => input.value);
		return {
			scenario: this.#scenario.name,
			strategy: names.join(","),
			...Object.fromEntries(Object.entries(this.#numbers)
				.map(([name, input]) => [name, Number(input.value)])),
		};
	}
}

export function laboratoryView(place) {
	const message = h("div", { class: "lab-message" });
	const body = h("div", {});
	let asking = 0;
	let isClosed = false;

	place.append(h("div", { class: "head" }, h("div", {}, h("h1", {}, "Laboratory"),
		h("p", {}, "The same updates with and without a lock, with real threads, on a database of "
			+ "their own. Nothing is staged: what clients were told is compared with what is stored."))),
	message, body);
	if (!hasRole("admin")) {
		body.replaceChildren(h("div", { class: "empty" },
			h("strong", {}, "The laboratory is for admins"), h("p", {}, roleWords("admin"))));
		return () => {};
	}

	function fail(trouble) {
		if (!isClosed)
			message.replaceChildren(problemBox(trouble));
	}

	function begin(laboratory) {
		const choice = new Choice(laboratory);
		const start = h("button", { type: "submit", class: "primary" }, "Start the race");
		const cancel = h("button", { type: "button", class: "quiet", hidden: true }, "Cancel");
		const state = h("p", { class: "muted small number", role: "status" });
		const results = h("div", { class: "lab-results", "aria-label": "Results", role: "group" });
		let tables = new Map();
		let shownId = null;

		body.replaceChildren(h("div", { class: "laboratory" },
			h("form", { class: "card", onsubmit: onStart }, choice.element,
				h("div", { class: "lab-foot" }, start, cancel, state)), results));

		function layOut(run, names) {
			const scenarios = new Set([...run.runs.map((race) => race.scenario),
				...(run.progress.scenario ? [run.progress.scenario] : [])]);
			tables = new Map(laboratory.scenarios.filter(({ name }) => scenarios.has(name))
				.map((scenario) => [scenario.name, new RaceTable(scenario,
					names ?? run.runs.filter((race) => race.scenario === scenario.name)
						.map((race) => race.strategy))]));
			results.replaceChildren(...[...tables.values()].map((table) => table.element));
			shownId = run.id;
		}

		/* How far the race itself is, of a run whose races are all equally long. */
		function raceFraction({ races, done, fraction }) {
			return Math.max(0, Math.min(1, fraction * races - done));
		}

		function draw(run) {
			const isRunning = run.state === "running";
			for (const race of run.runs)
				tables.get(race.scenario)?.take(race);
			if (isRunning)
				tables.get(run.progress.scenario)?.progress(run.progress.strategy,
					raceFraction(run.progress));
			start.disabled = isRunning;
			cancel.hidden = !isRunning;
			say(state, isRunning ? `${run.progress.strategy}: race ${number(run.progress.done + 1)} `
				+ `of ${number(run.progress.races)}` : run.state === "done" ? "" : run.state);
			if (!isRunning && run.reading.length > 0)
				results.append(h("section", { class: "card reading" },
					h("header", {}, h("h2", {}, "What it says")),
					h("ul", { class: "inside" }, run.reading.map((line) => h("li", {}, line))),
					h("p", { class: "inside muted small" }, `build ${run.build}, seed ${run.seed}, `
						+ `${run.clients} clients, ${run.seconds} s each`)));
		}

		async function watch(id) {
			try {
				const run = await get(`/v1/lab/runs/${encodeURIComponent(id)}`);
				if (isClosed)
					return;
				draw(run);
				if (run.state === "running")
					asking = setTimeout(() => watch(id), ASK_MS);
			} catch (trouble) {
				start.disabled = false;
				fail(trouble);
			}
		}

		async function onStart(event) {
			event.preventDefault();
			const wanted = choice.read();
			message.replaceChildren();
			start.disabled = true;
			try {
				const { data } = await call("POST", "/v1/lab/runs", { body: wanted });
				layOut({ ...data, progress: { ...data.progress, scenario: wanted.scenario } },
					wanted.strategy.split(","));
				cancel.onclick = () => call("DELETE", `/v1/lab/runs/${data.id}`).catch(fail);
				watch(data.id);
			} catch (trouble) {
				start.disabled = false;
				fail(trouble);
			}
		}

		/* One that runs, or ran last, is shown at once. */
		get("/v1/lab/runs").then(({ data }) => {
			if (data.length === 0 || shownId !== null || isClosed)
				return;
			layOut(data[0], data[0].state === "running"
				? laboratory.scenarios.flatMap((one) => one.strategies.map(({ name }) => name)) : null);
			draw(data[0]);
			choice.choose(data[0].progress.scenario ?? data[0].runs[0]?.scenario);
			cancel.onclick = () => call("DELETE", `/v1/lab/runs/${data[0].id}`).catch(fail);
			if (data[0].state === "running")
				watch(data[0].id);
		}, fail);
	}

	get("/v1/lab").then((laboratory) => {
		if (isClosed)
			return;
		if (laboratory.enabled)
			begin(laboratory);
		else
			body.replaceChildren(offBox(laboratory.hint));
	}, fail);

	return () => {
		isClosed = true;
		clearTimeout(asking);
	};
}
