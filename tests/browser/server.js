/*
 * server - a rowlockd of the test's own, on a port of its own, over a store of its own.
 *
 *     const server = await Server.start({ flags: ["--demo"] });
 *     await server.ask("POST", "/v1/stock/A-1/WH1/adjust", { delta: -3 });
 *     await server.kill(); ... await server.restart(); ... await server.end();
 *
 * Nothing here sleeps: it waits for the line that says where the server listens, and for its end.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const LISTENING = /listening on http:\/\/\S+?:(\d+)/;
const STORE = "store.db";
const WAIT_MS_MAX = 20000;

export class Server {
	#flags;
	#folder;
	#process;
	#lines = [];

	/* tokens: words for rowlockd token, before it starts; server.tokens are what they printed. */
	static async start({ flags = [], tokens = [] } = {}) {
		const server = new Server();
		server.#flags = flags;
		server.#folder = await mkdtemp(join(tmpdir(), "rowlock-browser-"));
		server.store = join(server.#folder, STORE);
		server.tokens = tokens.map((words) => server.token(...words));
		await server.#run(0);
		return server;
	}

	async #run(port) {
		const [, , program] = process.argv;
		this.#process = spawn(program, ["--store", this.store,
			"--listen", `127.0.0.1:${port}`, ...this.#flags], { stdio: ["ignore", "ignore", "pipe"] });
		const ended = once(this.#process, "exit");
		process.once("exit", () => this.#process.kill("SIGKILL"));
		this.port = await new Promise((found, failed) => {
			createInterface({ input: this.#process.stderr }).on("line", (line) => {
				this.#lines.push(line);
				if (LISTENING.test(line))
					found(Number(LISTENING.exec(line)[1]));
			});
			ended.then(() => failed(new Error(`rowlockd did not start:\n${this.#lines.join("\n")}`)));
		});
		this.url = `http://127.0.0.1:${this.port}`;
	}

	/* rowlockd token WORDS..., beside the server: what it says. */
	token(...words) {
		const [, , program] = process.argv;
		return execFileSync(program, ["token", ...words, "--store", this.store],
			{ encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
	}

	/* As `this.bearer`, where there is one. The answer's body; what is refused is thrown. */
	async ask(method, path, body) {
		const response = await fetch(this.url + path, {
			method, body: body && JSON.stringify(body),
			headers: {
				...(body && { "Content-Type": "application/json" }),
				...(this.bearer && { Authorization: `Bearer ${this.bearer}` }),
			},
		});
		const text = await response.text();
		if (!response.ok)
			throw new Error(`${method} ${path}: ${response.status} ${text}`);
		return text === "" ? null : JSON.parse(text);
	}

	/* One number of /metrics. */
	async metric(name) {
		const text = await (await fetch(`${this.url}/metrics`)).text();
		return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)[1]);
	}

	/* Returns once `condition` holds: asked again and again, and not for ever. */
	async until(condition) {
		const deadline = Date.now() + WAIT_MS_MAX;
		while (!await condition())
			if (Date.now() > deadline)
				throw new Error(`not within ${WAIT_MS_MAX} ms: ${condition}`);
	}

	async #stop(signal) {
		const ended = once(this.#process, "exit");
		this.#process.kill(signal);
		const [code, by] = await ended;
		return by ?? code;
	}

	kill() {
		return this.#stop("SIGKILL");
	}

	/* On the same port, so that a page that waits for it finds it. */
	restart() {
		return this.#run(this.port);
	}

	async end() {
		const code = this.#process.exitCode === null && this.#process.signalCode === null
			? await this.#stop("SIGTERM") : 0;
		await rm(this.#folder, { recursive: true });
		if (code !== 0)
			throw new Error(`rowlockd ended with ${code}:\n${this.#lines.slice(-20).join("\n")}`);
	}
}
