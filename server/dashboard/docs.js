/* docs - every call of openapi.json: what it does, a form to try it, and the same as curl. */
import { get, openNow } from "./api.js";
import { curlLine } from "./curl.js";
import { h, say } from "./dom.js";
import { duration } from "./format.js";
import { problemBox } from "./problem.js";
import { hasRole, learnSession, roleWords } from "./session.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const SHOWN_MAX = 200000;
const SHOWN_HEADERS = ["location", "etag", "stock-seq", "server-timing", "link", "retry-after",
	"idempotency-replayed", "preference-applied"];

/* Looks up what a $ref points to. */
class Description {
	constructor(document) {
		this.document = document;
	}

	resolve(thing) {
		while (thing?.$ref !== undefined)
			thing = thing.$ref.slice(2).split("/").reduce((at, name) => at[name], this.document);
		return thing;
	}

	/* [{ method, path, operation, parameters }] under their tags. */
	calls() {
		const tags = new Map(this.document.tags.map((tag) => [tag.name, []]));
		for (const [path, item] of Object.entries(this.document.paths))
			for (const method of METHODS.filter((name) => item[name] !== undefined))
				tags.get(item[method].tags[0]).push({
					method, path, operation: item[method],
					parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])]
						.map((parameter) => this.resolve(parameter)),
				});
		return tags;
	}
}

/* One call, which builds what it shows when it is opened. */
class Call {
	#description;
	#call;
	#inputs = [];
	#body = null;
	#type = null;
	#curl = h("pre", { "aria-label": "The same with curl", tabindex: "0" });
	#answer = h("div", { class: "call-answer", role: "status" });

	constructor(description, call) {
		this.#description = description;
		this.#call = call;
		this.element = h("details", { class: "call", id: call.operation.operationId,
			ontoggle: () => this.#build() },
		h("summary", {},
			h("span", { class: "method", "data-method": call.method }, call.method.toUpperCase()),
			h("span", { class: "mono call-path" }, call.path),
			h("span", { class: "muted small" }, call.operation.summary)));
	}

	#build() {
		if (this.element.children.length > 1)
			return;
		const { operation, parameters } = this.#call;
		this.element.append(h("form", { class: "call-body", oninput: () => this.#drawCurl(),
			onsubmit: (event) => this.#send(event) },
		operation.description && h("p", { class: "small" }, operation.description),
		this.#fields(parameters.filter((parameter) => parameter.required)),
		this.#bodyField(operation.requestBody),
		parameters.some((parameter) => !parameter.required)
			&& h("details", { class: "call-more" }, h("summary", {}, "Optional parameters"),
				this.#fields(parameters.filter((parameter) => !parameter.required))),
		this.#curl,
		h("div", { class: "call-foot" },
			h("button", { type: "submit", class: "primary", disabled: !hasRole(operation["x-role"]) },
				"Try it"),
			h("button", { type: "button", onclick: (event) => this.#copy(event.target) },
				"Copy as curl"),
			!hasRole(operation["x-role"])
				&& h("p", { class: "muted small" }, roleWords(operation["x-role"]))),
		this.#answer,
		h("ul", { class: "call-answers" }, Object.entries(operation.responses).map(
			([status, response]) => h("li", {}, h("b", { class: "number" }, status),
				h("span", { class: "muted" }, this.#description.resolve(response).description))))));
		this.#drawCurl();
	}

	#fields(parameters) {
		return parameters.length > 0 && h("div", { class: "call-fields" },
			parameters.map((parameter) => this.#field(parameter)));
	}

	#field(parameter) {
		const schema = this.#description.resolve(parameter.schema) ?? {};
		const choices = schema.enum;
		const common = { name: parameter.name, required: parameter.required === true
			&& parameter.in === "path" };
		const input = choices === undefined
			? h("input", { ...common, type: "text", autocomplete: "off", spellcheck: "false",
				placeholder: schema.default ?? schema.examples?.[0] ?? "" })
			: h("select", common, ["", ...choices].map((choice) =>
				h("option", { value: choice }, choice)));
		if (parameter.name === "sku")
			input.value = parameter.in === "path" ? "A-1" : "";
		if (parameter.name === "location")
			input.value = parameter.in === "path" ? "WH1" : "";
		this.#inputs.push({ parameter, input });
		return h("label", { class: "field" }, parameter.name, input,
			h("small", {}, parameter.description ?? (parameter.in === "header" ? "header" : "")));
	}

	#bodyField(requestBody) {
		const content = this.#description.resolve(requestBody)?.content;
		if (content === undefined)
			return null;
		[this.#type] = Object.keys(content);
		const schema = this.#description.resolve(content[this.#type].schema) ?? {};
		const example = schema.examples?.[0];
		this.#body = h("textarea", { name: "body", spellcheck: "false" });
		this.#body.value = typeof example === "string" ? example
			: example === undefined ? "" : JSON.stringify(example, null, 2);
		return h("label", { class: "field" }, `Body, ${this.#type}`, this.#body);
	}

	#request() {
		let { path } = this.#call;
		const query = new URLSearchParams();
		const headers = {};
		for (const { parameter, input } of this.#inputs) {
			const value = input.value.trim();
			if (parameter.in === "path")
				path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
			else if (value !== "" && parameter.in === "query")
				query.set(parameter.name, value);
			else if (value !== "" && parameter.in === "header")
				headers[parameter.name] = value;
		}
		if (this.#body !== null && this.#body.value.trim() !== "")
			headers["Content-Type"] = this.#type;
		return {
			method: this.#call.method.toUpperCase(),
			path: path + (query.size > 0 ? `?${query}` : ""),
			headers,
			body: this.#body?.value.trim() || undefined,
		};
	}

	/* In one line, where JSON allows it. */
	#drawCurl() {
		const request = this.#request();
		try {
			request.body = request.body && JSON.stringify(JSON.parse(request.body));
		} catch {
			/* As it was typed: the server says what is wrong with it. */
		}
		say(this.#curl, curlLine(location.origin, request));
	}

	async #copy(button) {
		const before = button.textContent;
		try {
			await navigator.clipboard.writeText(this.#curl.textContent);
			say(button, "Copied");
		} catch {
			/* Without leave, or without https: it is marked, and Ctrl-C copies it. */
			getSelection().selectAllChildren(this.#curl);
			say(button, "Marked: press Ctrl-C");
		}
		setTimeout(() => say(button, before), 2000);
	}

	async #send(event) {
		event.preventDefault();
		const { method, path, headers, body } = this.#request();
		const begun = performance.now();
		this.#answer.replaceChildren(h("p", { class: "muted small" }, "waiting for the answer…"));
		try {
			const response = await openNow(path, { method, headers, body });
			await this.#show(response, begun);
		} catch (trouble) {
			this.#answer.replaceChildren(problemBox(trouble));
		}
	}

	async #show(response, begun) {
		const text = await this.#readSome(response);
		const headers = SHOWN_HEADERS.filter((name) => response.headers.has(name))
			.map((name) => `${name}: ${response.headers.get(name)}`);
		let shown = text;
		try {
			shown = JSON.stringify(JSON.parse(text), null, 2);
		} catch {
			/* Text, or a part of something long. */
		}
		this.#answer.replaceChildren(
			h("p", { class: "small" }, h("span", { class: "answer-status number" },
				`${response.status} ${response.statusText}`),
			h("span", { class: "muted" }, ` after ${duration(performance.now() - begun)}`)),
			h("pre", { tabindex: "0", "aria-label": "The answer" },
				[...headers, ...(headers.length > 0 && shown !== "" ? [""] : []), shown].join("\n")));
	}

	/* A stream has no end, and a long answer need not be shown whole. */
	async #readSome(response) {
		if (response.body === null)
			return "";
		const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
		const isStream = (response.headers.get("Content-Type") ?? "").includes("event-stream");
		let text = "";
		for (;;) {
			const { value, done } = await reader.read();
			text += value ?? "";
			if (done)
				return text;
			if (isStream || text.length > SHOWN_MAX) {
				reader.cancel().catch(() => {});
				return `${text.slice(0, SHOWN_MAX)}\n…`;
			}
		}
	}
}

function openNamed() {
	const call = document.getElementById(location.hash.slice(1));
	if (call instanceof HTMLDetailsElement) {
		call.open = true;
		call.scrollIntoView({ block: "start" });
	}
}

async function start() {
	const main = document.getElementById("main");
	try {
		const [document_] = await Promise.all([get("/openapi.json"), learnSession()]);
		const description = new Description(document_);
		const tags = [...description.calls()].filter(([, calls]) => calls.length > 0);
		main.append(
			h("div", { class: "head" }, h("div", {}, h("h1", {}, "API"),
				h("p", {}, document_.info.description.split("\n")[0]))),
			h("div", { class: "api" },
				h("nav", { class: "api-tags", "aria-label": "Sections" }, tags.map(([tag, calls]) =>
					h("a", { href: `#tag-${tag}` }, `${tag} `,
						h("span", { class: "number" }, String(calls.length))))),
				h("div", {}, tags.map(([tag, calls]) =>
					h("section", { class: "api-tag", id: `tag-${tag}` }, h("h2", {}, tag),
						h("div", { class: "card" }, calls.map((call) =>
							new Call(description, call).element)))))));
		openNamed();
		window.addEventListener("hashchange", openNamed);
	} catch (trouble) {
		main.replaceChildren(problemBox(trouble));
	}
}

start();
