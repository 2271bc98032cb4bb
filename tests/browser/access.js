/* access - everybody can use it: axe finds nothing serious, the keyboard suffices, a phone is wide enough. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import { Server } from "./server.js";
import { VIEWS, openBrowser, visit } from "./visitor.js";

const PHONE = { width: 360, height: 740 };

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/* What is still fading in has less contrast than it will have. */
const AXE = { scripts: [{ content: axe }], motion: "reduce" };

const server = await Server.start({ flags: ["--demo", "--lab"] });
const browser = await openBrowser();
after(() => browser.close());
after(() => server.end());

/* Something to look at in each view. */
await server.ask("POST", "/v1/leases",
	{ rows: [{ sku: "A-2", location: "WH1" }], ttl_s: 600, purpose: "cycle count" });
const waiters = [1, 2].map((n) =>
	server.ask("POST", "/v1/stock/A-2/WH1/adjust?wait=60", { delta: n }).catch(() => {}));
after(() => Promise.all(waiters));
await server.ask("POST", "/v1/reservations", { ttl_s: 600, owner: "cart 7 of a customer with a long name",
	lines: [{ sku: "A-1", location: "WH1", quantity: 2 }, { sku: "A-1", location: "WH2", quantity: 1 }] });
await server.ask("POST", "/v1/stock/A-1/WH1/adjust", { delta: -1, reason: "sale" });
const run = await server.ask("POST", "/v1/lab/runs",
	{ scenario: "last-unit", strategy: "none,row-group", clients: 4, seconds: 1 });
await server.until(async () => (await server.ask("GET", `/v1/lab/runs/${run.id}`)).state === "done");

/* The view with what it shows when it is busy. */
async function see({ name, path, heading }, how) {
	const visitor = await visit(browser, server, path, how);
	await visitor.heading(heading);
	const busy = {
		stock: ".line", item: ".shelf-card", locks: ".column", traffic: "canvas", changes: "tbody tr",
		reservations: ".promised", audit: "tbody tr", laboratory: ".reading", docs: "details.call",
	};
	await visitor.page.locator(busy[name]).first().waitFor();
	return visitor;
}

async function seriousOf(page) {
	const { violations } = await page.evaluate(() => globalThis.axe.run(document,
		{ resultTypes: ["violations"] }));
	const found = violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
		.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html}`));
	return [...new Set(found)];
}

for (const scheme of ["light", "dark"]) {
	for (const view of VIEWS) {
		test(`${view.name}, ${scheme}: axe finds nothing serious`, async () => {
			const visitor = await see(view, { ...AXE, scheme });
			assert.deepEqual(await seriousOf(visitor.page), []);
			await visitor.close();
		});
	}
}

test("a dialog: axe finds nothing serious", async () => {
	const visitor = await visit(browser, server, "/#/stock/A-1", AXE);
	await visitor.page.getByRole("button", { name: "Adjust A-1 at WH1" }).click();
	await visitor.page.getByRole("dialog").waitFor();
	assert.deepEqual(await seriousOf(visitor.page), []);
	await visitor.close();
});

for (const view of VIEWS) {
	test(`${view.name}: 360 pixels are wide enough`, async () => {
		const visitor = await see(view, PHONE);
		const { wide, there } = await visitor.page.evaluate(() => ({
			wide: document.documentElement.scrollWidth, there: document.documentElement.clientWidth,
		}));
		assert.ok(wide <= there, `${wide} pixels, ${there} are there`);
		visitor.assertContent();
		await visitor.close();
	});
}

test("a dialog: 360 pixels are wide enough", async () => {
	const visitor = await visit(browser, server, "/#/stock/A-1", PHONE);
	await visitor.page.getByRole("button", { name: "Transfer A-1 at WH1" }).click();
	const box = await visitor.page.getByRole("dialog").boundingBox();
	assert.ok(box.x >= 0 && box.x + box.width <= PHONE.width, JSON.stringify(box));
	await visitor.close();
});

function focused(page) {
	return page.evaluate(() => document.activeElement.getAttribute("aria-label")
		?? document.activeElement.textContent.trim());
}

test("with the keyboard alone: past the bar, to an item, into a dialog, out of it again", async () => {
	const visitor = await see(VIEWS[0]);
	const { page } = visitor;
	await page.keyboard.press("Tab");
	assert.equal(await focused(page), "Skip to the content");
	await page.keyboard.press("Enter");
	await page.keyboard.press("Tab");
	assert.equal(await focused(page), "Search items");
	await page.keyboard.type("A-1");
	await page.getByText(/^\d+ items? on/).waitFor();
	while (!(await focused(page)).startsWith("A-1"))
		await page.keyboard.press("Tab");
	await page.keyboard.press("Enter");
	await visitor.heading(VIEWS[1].heading);
	await page.getByRole("button", { name: "Adjust A-1 at SHOP" }).waitFor();
	while (!/^Adjust A-1/.test(await focused(page)))
		await page.keyboard.press("Tab");
	const button = await focused(page);
	await page.keyboard.press("Enter");
	await page.getByRole("dialog", { name: button }).waitFor();
	await page.keyboard.type("-2");
	await page.keyboard.press("Enter");
	await page.locator(".toast").filter({ hasText: "A-1" }).waitFor();
	assert.equal(await focused(page), button); /* where it was before */
	visitor.assertContent();
	await visitor.close();
});
