/* views - each view loads, in light and in dark, without a complaint of the browser, and says what it is. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Server } from "./server.js";
import { VIEWS, openBrowser, visit } from "./visitor.js";

const server = await Server.start({ flags: ["--demo", "--lab"] });
const browser = await openBrowser();
after(() => browser.close());
after(() => server.end());

await server.ask("POST", "/v1/reservations",
	{ ttl_s: 600, owner: "cart 7", lines: [{ sku: "A-1", location: "WH1", quantity: 2 }] });
await server.ask("POST", "/v1/leases",
	{ rows: [{ sku: "A-2", location: "WH1" }], ttl_s: 600, purpose: "cycle count" });

for (const scheme of ["light", "dark"]) {
	for (const { name, path, heading } of VIEWS) {
		test(`${name}, ${scheme}: loads without a complaint`, async () => {
			const visitor = await visit(browser, server, path, { scheme });
			await visitor.heading(heading);
			await visitor.page.locator("#pulse .state[data-state=live], .api").first().waitFor();
			assert.match(await visitor.page.title(), /Rowlock/);
			visitor.assertContent();
			await visitor.close();
		});
	}
}

test("one page goes through all of its views", async () => {
	const visitor = await visit(browser, server, "/");
	await visitor.heading("Stock");
	for (const { path, heading } of VIEWS.filter((view) => view.path.startsWith("/#"))) {
		await visitor.go(path.slice(1), heading);
		await server.ask("POST", "/v1/stock/A-1/WH1/adjust", { delta: -1, reason: "sale" });
	}
	await visitor.go("#/changes", "Changes");
	await visitor.page.getByRole("row").filter({ hasText: "sale" }).first().waitFor();
	visitor.assertContent();
	await visitor.close();
});

test("an address that names no view shows the stock", async () => {
	const visitor = await visit(browser, server, "/#/nowhere/%zz");
	await visitor.heading("Stock");
	visitor.assertContent();
	await visitor.close();
});

test("an item that is not there is said so, with the server's words", async () => {
	const visitor = await visit(browser, server, "/#/stock/NO-SUCH");
	await visitor.page.getByRole("alert").filter({ hasText: "NO-SUCH" }).waitFor();
	visitor.assertContent(/status of 404/);
	await visitor.close();
});

test("a call of the API page is tried, and its answer shown", async () => {
	const visitor = await visit(browser, server, "/docs");
	const { page } = visitor;
	await page.locator("#readRow summary, summary:has-text('/v1/stock/{sku}/{location}')").first()
		.click();
	const call = page.locator("details.call[open]");
	assert.match(await call.locator("pre").first().textContent(), /^curl .*\/v1\/stock\/A-1\/WH1/);
	await call.getByRole("button", { name: "Try it" }).click();
	await call.locator(".call-answer pre").filter({ hasText: '"on_hand"' }).waitFor();
	visitor.assertContent();
	await visitor.close();
});
