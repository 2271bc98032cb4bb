/* audit - who did what: the newest first, found by who and what, page after page. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Server } from "./server.js";
import { openBrowser, visit } from "./visitor.js";

const server = await Server.start({ flags: ["--demo"] });
const browser = await openBrowser();
after(() => browser.close());
after(() => server.end());

test("a change of the catalogue is told with what was before, and nothing in it is markup", async () => {
	await server.ask("PATCH", "/v1/items/A-1", { name: "Bolt" });
	await server.ask("PATCH", "/v1/items/A-1", { name: "<b>Nut</b>" });
	const visitor = await visit(browser, server, "/#/audit");
	await visitor.heading("Audit");
	const first = visitor.page.locator("tbody tr").first();
	await first.filter({ hasText: "name “Bolt” → “<b>Nut</b>”" }).waitFor();
	assert.match(await first.textContent(), /local.*item-change.*A-1.*version 3/);
	visitor.assertContent();
	await visitor.close();
});

test("it is found by who and what, and read again", async () => {
	const visitor = await visit(browser, server, "/#/audit");
	const { page } = visitor;
	await page.locator("tbody tr").first().waitFor();
	await page.getByLabel("What").fill("lease-take");
	await page.getByRole("status").filter({ hasText: "Nothing fits" }).waitFor();
	await server.ask("POST", "/v1/leases",
		{ rows: [{ sku: "A-2", location: "WH1" }], ttl_s: 600, purpose: "cycle count" });
	await page.getByRole("button", { name: "Read again" }).click();
	await page.locator("tbody tr").filter({ hasText: "rows A-2/WH1" }).waitFor();
	assert.equal(await page.locator("tbody tr").count(), 1);
	await page.getByLabel("Who").fill("sqlite3");
	await page.getByRole("status").filter({ hasText: "Nothing fits" }).waitFor();
	await page.getByLabel("What").fill("location-make");
	await page.locator("tbody tr").filter({ hasText: "WH2" }).waitFor();
	visitor.assertContent();
	await visitor.close();
});

test("older rows come when they are asked for", async () => {
	for (let n = 0; n < 130; n++)
		await server.ask("PUT", `/v1/items/N-${n}`, { name: `Item ${n}` });
	const visitor = await visit(browser, server, "/#/audit");
	const { page } = visitor;
	await page.getByLabel("Who").fill("local");
	await page.getByLabel("What").fill("item-make");
	await page.locator("tbody tr").filter({ hasText: "N-129" }).waitFor();
	await page.locator("tbody tr").nth(99).waitFor();
	await page.getByRole("button", { name: "Older" }).click();
	await page.locator("tbody tr").filter({ hasText: "Item 0”" }).waitFor();
	assert.equal(await page.locator("tbody tr").count(), 130);
	assert.equal(await page.getByRole("button", { name: "Older" }).isVisible(), false);
	visitor.assertContent();
	await visitor.close();
});
