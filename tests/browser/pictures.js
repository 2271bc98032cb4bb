/*
 * pictures - each view as somebody sees it in a shop that is open, put into a folder.
 *
 *     tests/browser/run pictures.js build/server/rowlockd docs/pictures
 *
 * makes those of the documentation again. PICTURE_SECONDS is how long the load has run that the charts
 * show: a minute and a half fills them.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Server } from "./server.js";
import { openBrowser, visit } from "./visitor.js";

const [, , , FOLDER = "pictures"] = process.argv;
const LOAD_S = Number(process.env.PICTURE_SECONDS ?? 4);
const CASHIERS = 6;
const FAVOURITE = { sku: "A-5", name: "Wood screw 5 x 80, box of 100" };
const LEASED = ["A-1 WH2", "A-2 WH2"];
const BYTES_MIN = 8000; /* an empty page is smaller */
const SCRIPTS = join(dirname(fileURLToPath(import.meta.url)), "../../client/wrk");
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 780, scale: 2 };

const run = promisify(execFile);
const server = await Server.start({ flags: ["--demo", "--lab"] });
const browser = await openBrowser();
await mkdir(FOLDER, { recursive: true });

/* What sells; the same every time, from Numerical Recipes' generator (x * 1664525 + 1013904223). */
let seed = 7;

function random(below) {
	seed = (seed * 1664525 + 1013904223) % 4294967296;
	return Math.floor(seed / 4294967296 * below);
}

function pause(ms) {
	return new Promise((done) => setTimeout(done, ms));
}

let isOpen = true;

async function cashier() {
	const { data } = await server.ask("GET", "/v1/stock?limit=40");
	const rows = data.filter((row) => !LEASED.includes(`${row.sku} ${row.location}`));
	const favourite = rows.find((row) => row.sku === FAVOURITE.sku && row.location === "WH1");
	while (isOpen) {
		const row = random(3) === 0 ? favourite : rows[random(rows.length)];
		const sale = random(9) < 8;
		await server.ask("POST", `/v1/stock/${row.sku}/${row.location}/adjust`, {
			delta: sale ? -1 - random(5) : 20 + random(20), reason: sale ? "sale" : "receipt",
			reference: `note ${1000 + random(9000)}`,
		}).catch(() => {}); /* sold out */
		await pause(random(160));
	}
}

const cashiers = Array.from({ length: CASHIERS }, cashier);
after(async () => {
	isOpen = false;
	await Promise.all(cashiers);
	await browser.close();
	await server.end();
});

async function keep(page, name) {
	/* On a phone the bar has no figures to see, but it has them. */
	await page.locator("#pulse b").filter({ hasNotText: /^0$/ }).or(page.locator(".api, .races")).first()
		.waitFor({ state: "attached" });
	const path = join(FOLDER, `${name}.png`);
	await page.screenshot({ path });
	const { size } = await stat(path);
	assert.ok(size > BYTES_MIN, `${name}.png has ${size} bytes`);
}

/* The names of the customers are those of rowers' commands. */
async function promise() {
	const owners = ["cart 4711", "cart 4712", "Weigh Enough Ltd", "cart 4713", "Let It Run GmbH", "cart 4714"];
	for (const [i, owner] of owners.entries())
		await server.ask("POST", "/v1/reservations", {
			owner, ttl_s: 15 + i * i * 40, reference: `order ${9000 + i}`,
			lines: [{ sku: "A-1", location: "WH1", quantity: 1 + random(9) },
				{ sku: "A-2", location: "WH1", quantity: 1 + random(4) }],
		});
}

test("locks, in light, in dark and on a phone: two leases, and who waits for them", async () => {
	const leases = [];
	const waits = [];
	const queue = (sku, location, count, everyMs) => Array.from({ length: count }, (_, i) =>
		pause(i * everyMs).then(() => server.ask("POST",
			`/v1/stock/${sku}/${location}/adjust?wait=60`, { delta: -1, reason: "sale" })));
	for (const [sku, location, ttl, purpose] of [["A-1", "WH2", 40, "cycle count, aisle 3"],
		["A-2", "WH2", 25, "checkout of cart 4711"]])
		leases.push(await server.ask("POST", "/v1/leases",
			{ rows: [{ sku, location }], ttl_s: ttl, purpose }));
	waits.push(...queue("A-1", "WH2", 9, 420), ...queue("A-2", "WH2", 4, 700));
	const visitors = {};
	for (const [name, how] of Object.entries({
		"locks": { ...WIDE, height: 620 }, "locks-dark": { ...WIDE, height: 620, scheme: "dark" },
		"locks-phone": PHONE,
	}))
		visitors[name] = await visit(browser, server, "/#/locks", how);
	for (const [name, visitor] of Object.entries(visitors)) {
		await visitor.page.getByRole("region", { name: "A-1 at WH2" }).getByText("9 wait").waitFor();
		await keep(visitor.page, name);
		visitor.assertContent();
		await visitor.close();
	}
	for (const { id } of leases)
		await server.ask("DELETE", `/v1/leases/${id}`);
	await Promise.all(waits);
});

test("changes and reservations", async () => {
	const visitor = await visit(browser, server, "/#/changes", WIDE);
	const { page } = visitor;
	await promise();
	await page.getByRole("row").filter({ hasText: "reserve" }).first().waitFor();
	await keep(page, "changes");
	await visitor.go("#/reservations", "Reservations");
	await page.locator(".promised").nth(5).waitFor();
	await keep(page, "reservations");
	visitor.assertContent();
	await visitor.close();
});

test("stock, one item and its dialog", async () => {
	const visitor = await visit(browser, server, "/#/stock", WIDE);
	const { page } = visitor;
	await page.locator(".line").nth(8).waitFor();
	await keep(page, "stock");
	await visitor.go(`#/stock/${FAVOURITE.sku}`, FAVOURITE.name);
	await page.locator("canvas").waitFor();
	await page.getByRole("row").nth(5).waitFor();
	await keep(page, "item");
	visitor.assertContent();
	await visitor.close();
});

test("the calls of the API, one of them opened", async () => {
	const visitor = await visit(browser, server, "/docs", WIDE);
	const { page } = visitor;
	await page.locator("summary").filter({ hasText: "/v1/stock/{sku}/{location}/adjust" }).click();
	await page.locator("details.call[open]").getByRole("button", { name: "Try it" }).click();
	await page.locator(".call-answer pre").filter({ hasText: "movement" }).waitFor();
	await keep(page, "docs");
	visitor.assertContent();
	await visitor.close();
});

test("the laboratory, when a race is over", async () => {
	isOpen = false; /* two cores, and a race wants them */
	await Promise.all(cashiers);
	const { id } = await server.ask("POST", "/v1/lab/runs",
		{ scenario: "hot-row", clients: 16, seconds: 1 });
	await server.until(async () => (await server.ask("GET", `/v1/lab/runs/${id}`)).state === "done");
	const visitor = await visit(browser, server, "/#/laboratory", { ...WIDE, height: 900 });
	await visitor.page.getByRole("heading", { name: "What it says" }).waitFor();
	await keep(visitor.page, "laboratory");
	visitor.assertContent();
	await visitor.close();
});

test("traffic: first on many rows, then on one", async () => {
	const busy = await Server.start();
	await run(join(SCRIPTS, "prepare"), [busy.url]);
	const visitor = await visit(browser, busy, "/#/traffic", { ...WIDE, height: 900 });
	for (const script of ["uniform.lua", "hot.lua"]) {
		const load = run("wrk", ["-t1", "-c64", `-d${Math.ceil(LOAD_S / 2)}`, "-s",
			join(SCRIPTS, script), busy.url]);
		if (script === "hot.lua") {
			await pause(LOAD_S / 2 * 1000 - 500);
			await visitor.page.locator("canvas").nth(5).waitFor();
			await keep(visitor.page, "traffic");
		}
		await load;
	}
	visitor.assertContent();
	await visitor.close();
	await busy.end();
});
