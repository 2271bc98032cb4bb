/* stock - what is done on one page is seen on another; what is refused is said in the server's words. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Server } from "./server.js";
import { openBrowser, visit } from "./visitor.js";

const SEEN_MS_MAX = 1000;

const server = await Server.start({ flags: ["--demo"] });
const browser = await openBrowser();
after(() => browser.close());
after(() => server.end());

function shelfOf(page) {
	return page.locator(".shelf-card").filter({ hasText: "WH1" });
}

async function fill(dialog, values) {
	for (const [label, value] of Object.entries(values))
		await dialog.getByLabel(label).fill(value);
}

test("an adjust on one page is seen on another within a second", async () => {
	const [one, other] = [await visit(browser, server, "/#/stock/A-1"),
		await visit(browser, server, "/#/stock")];
	const line = other.page.locator(".line").filter({ hasText: "A-1" });
	await line.getByText("12,000", { exact: true }).waitFor();
	await one.page.getByRole("button", { name: "Adjust A-1 at WH1" }).click();
	const dialog = one.page.getByRole("dialog");
	await fill(dialog, { "Units to add": "-7", Reason: "sale", Note: "wet box" });
	const answered = one.page.waitForResponse(/\/adjust/).then(() => performance.now());
	const seen = line.getByText("11,993", { exact: true }).waitFor().then(() => performance.now());
	await dialog.getByRole("button", { name: "Adjust" }).click();
	const ms = await seen - await answered;
	assert.ok(ms < SEEN_MS_MAX, `seen after ${ms} ms`);
	await one.page.locator(".toast").filter({ hasText: "11,993 available" }).waitFor();
	await shelfOf(one.page).getByText("11,993", { exact: true }).waitFor();
	await one.page.getByRole("row").filter({ hasText: "sale · “wet box”" }).waitFor();
	one.assertContent();
	other.assertContent();
	await one.close();
	await other.close();
});

test("an edit by another program is seen, too", async () => {
	const visitor = await visit(browser, server, "/#/changes");
	await visitor.heading("Changes");
	await promisify(execFile)("sqlite3", [server.store,
		"UPDATE v_stock SET on_hand = 7531, reason = 'found', note = 'behind the shelf'"
		+ " WHERE sku = 'A-2' AND location = 'WH1'"]);
	await visitor.page.getByRole("row").filter({ hasText: "edit" }).filter({ hasText: "7,531" })
		.filter({ hasText: "found · “behind the shelf” · by sqlite3" }).waitFor();
	visitor.assertContent();
	await visitor.close();
});

test("a refusal is shown with its title, detail and hint, and the dialog stays", async () => {
	const visitor = await visit(browser, server, "/#/stock/A-1");
	const { page } = visitor;
	await page.getByRole("button", { name: "Adjust A-1 at WH1" }).click();
	await fill(page.getByRole("dialog"), { "Units to add": "-999999" });
	await page.getByRole("dialog").getByRole("button", { name: "Adjust" }).click();
	const problem = page.getByRole("dialog").getByRole("alert");
	await problem.waitFor();
	const { title, detail } = await server.ask("POST", "/v1/stock/A-1/WH1/adjust", { delta: -999999 })
		.then(() => ({}), (error) => JSON.parse(/\{.*\}/s.exec(error.message)[0]));
	assert.ok((await problem.textContent()).includes(title));
	assert.ok((await problem.textContent()).includes(detail));
	await page.keyboard.press("Escape");
	assert.equal(await page.getByRole("dialog").count(), 0);
	visitor.assertContent(/status of 409/);
	await visitor.close();
});

test("transfer, reserve and lease from the page", async () => {
	const visitor = await visit(browser, server, "/#/stock/A-1");
	const { page } = visitor;
	for (const [button, values, done] of [
		["Transfer A-1 from WH1", { Units: "3" }, /3 from WH1 to/],
		["Reserve A-1 at WH1", { Units: "2", "For seconds": "60" }, /2 of A-1 at WH1 reserved/],
		["Lease A-1 at WH1", { "For seconds": "5" }, /A-1 at WH1 is leased, fence \d/],
	]) {
		const [verb] = button.split(" ");
		await page.getByRole("button", { name: `${verb} A-1 at WH1` }).click();
		const dialog = page.getByRole("dialog", { name: button });
		await fill(dialog, values);
		await dialog.locator("button[type=submit]").click();
		await page.locator(".toast").filter({ hasText: done }).waitFor();
	}
	const { on_hand: onHand, reserved } = await server.ask("GET", "/v1/stock/A-1/WH1");
	assert.deepEqual({ onHand, reserved }, { onHand: 11990, reserved: 2 });
	visitor.assertContent();
	await visitor.close();
});

test("a change that waits says so; closing its dialog withdraws it", async () => {
	const lease = await server.ask("POST", "/v1/leases",
		{ rows: [{ sku: "A-3", location: "WH1" }], ttl_s: 60, purpose: "cycle count" });
	const before = await server.ask("GET", "/v1/stock/A-3/WH1");
	const visitor = await visit(browser, server, "/#/stock/A-3");
	const { page } = visitor;
	await page.getByRole("button", { name: "Adjust A-3 at WH1" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Adjust" }).click();
	await page.getByText("in the row's queue").waitFor();
	assert.equal((await server.ask("GET", "/v1/locks")).data[0].waiter_count, 1);
	await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
	await server.until(async () =>
		(await server.ask("GET", "/v1/locks")).data[0].waiter_count === 0);
	await server.ask("DELETE", `/v1/leases/${lease.id}`);
	const now = await server.ask("GET", "/v1/stock/A-3/WH1");
	assert.equal(now.version, before.version);
	visitor.assertContent();
	await visitor.close();
});

test("the search finds by name and by SKU, and says when it finds nothing", async () => {
	const visitor = await visit(browser, server, "/#/stock");
	const { page } = visitor;
	const search = page.getByRole("searchbox", { name: "Search items" });
	const lines = page.locator(".line");
	await search.fill("hex bolt m8");
	await page.getByText(/^1 item on/).waitFor();
	assert.equal(await lines.count(), 1);
	await search.fill("nothing like this");
	await page.getByText("Nothing has this name").waitFor();
	await search.fill("a-1");
	await lines.filter({ hasText: "Hex bolt M8 x 40" }).waitFor();
	visitor.assertContent();
	await visitor.close();
});

test("an item with many shelves shows a hundred at a time, and six of them over time", async () => {
	await server.ask("PUT", "/v1/items/MANY", { name: "On many shelves" });
	for (let i = 1; i <= 130; i++) {
		const code = `SHELF-${String(i).padStart(3, "0")}`;
		await server.ask("PUT", `/v1/locations/${code}`, { name: `Shelf ${i}` });
		await server.ask("POST", `/v1/stock/MANY/${code}/adjust`, { delta: 1 });
	}
	const visitor = await visit(browser, server, "/#/stock/MANY");
	const { page } = visitor;
	await page.getByText("130 available, 100 shelves shown").waitFor();
	assert.equal(await page.locator(".shelf-card").count(), 100);
	await page.getByText("6 of 130 shelves").waitFor();
	assert.equal(await page.locator(".legend li").count(), 6);
	await page.getByRole("button", { name: "Show more shelves" }).click();
	await page.getByText("130 available on 130 shelves").waitFor();
	assert.equal(await page.locator(".shelf-card").count(), 130);
	assert.equal(await page.getByRole("button", { name: "Show more shelves" }).isVisible(), false);
	visitor.assertContent();
	await visitor.close();
});
