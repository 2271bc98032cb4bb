/*
 * fluid - the page stays fluid while the server takes all that wrk can send, over 2,000 rows.
 *
 * A long task is one that keeps the page's main thread for more than 50 ms (W3C, Long Tasks API).
 * Counted is the processor time of each task in Chromium's own trace: what the server and wrk take
 * away from the page on a machine of two cores is not the page's doing. What a clock on the wall says is
 * printed beside it.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Server } from "./server.js";
import { openBrowser, visit } from "./visitor.js";

const LONG_TASK_MS = 50;
const ROWS = 2000;
const SECONDS_EACH = 3;
const VIEWS = [
	["#/locks", "Locks"], ["#/traffic", "Traffic"], ["#/changes", "Changes"], ["#/stock", "Stock"],
];
const SCRIPTS = join(dirname(fileURLToPath(import.meta.url)), "../../client/wrk");

const run = promisify(execFile);
const server = await Server.start();
const browser = await openBrowser();
after(() => browser.close());
after(() => server.end());

/* The tasks of the page's main thread: processor time and time on the wall, in milliseconds. */
function tasksOf(trace) {
	const events = JSON.parse(trace).traceEvents;
	const mains = new Set(events
		.filter((event) => event.name === "thread_name" && event.args.name === "CrRendererMain")
		.map((event) => `${event.pid} ${event.tid}`));
	return events.filter((event) => event.name === "RunTask" && event.ph === "X"
		&& mains.has(`${event.pid} ${event.tid}`))
		.map((event) => ({ cpu: (event.tdur ?? 0) / 1000, wall: event.dur / 1000 }));
}

test(`no long task while wrk changes ${ROWS} rows`, async (t) => {
	await run(join(SCRIPTS, "prepare"), [server.url, `rows=${ROWS}`]);
	const visitor = await visit(browser, server, "/#/stock");
	const { page } = visitor;
	await page.locator(".line").first().waitFor();
	const load = run("wrk", ["-t1", "-c64", `-d${(VIEWS.length + 1) * SECONDS_EACH + 2}`,
		"-s", join(SCRIPTS, "uniform.lua"), server.url, "--", `rows=${ROWS}`, "count=errors"]);
	const before = await server.metric("rowlock_movements_total");
	await server.until(async () => await server.metric("rowlock_movements_total") > before + ROWS);

	await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline",
		"disabled-by-default-devtools.timeline"] });
	const shown = await page.locator(".line-sum").allTextContents();
	const watch = () => page.evaluate((ms) => new Promise((done) => setTimeout(done, ms)),
		SECONDS_EACH * 1000);
	await watch();
	assert.notDeepEqual(await page.locator(".line-sum").allTextContents(), shown, "it is live");
	for (const [hash, heading] of VIEWS) {
		await visitor.go(hash, heading);
		await watch();
	}
	const perSecond = await page.locator("#pulse b").first().textContent();
	const tasks = tasksOf(await browser.stopTracing());
	const { stdout } = await load;
	t.diagnostic(stdout.match(/Requests\/sec.*/)[0]);
	t.diagnostic(`the page said ${perSecond} updates/s`);

	const longest = (key) => Math.max(...tasks.map((task) => task[key]));
	t.diagnostic(`${tasks.length} tasks, the longest ${longest("cpu").toFixed(1)} ms of processor time, `
		+ `${longest("wall").toFixed(1)} ms on the wall`);
	assert.ok(tasks.length > 1000, "the trace has the page's tasks");
	assert.deepEqual(tasks.filter(({ cpu }) => cpu > LONG_TASK_MS), []);
	assert.equal(/Non-2xx/.test(stdout), false);
	visitor.assertContent();
	await visitor.close();
});
