/* names - a name is a name: whatever text is in the store, none of it becomes markup. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Server } from "./server.js";
import { VIEWS, openBrowser, visit } from "./visitor.js";

const EVIL = "<script>globalThis.isRun = 1</script><img src=x onerror='globalThis.isRun = 2'>\"'&amp;";

const server = await Server.start({ flags: ["--demo", "--lab"] });
const browser = await openBrowser();
after(() => browser.close());
after(() => server.end());

await server.ask("PUT", "/v1/items/EVIL-1", { name: EVIL, unit: "<b>kg</b>", reorder_point: 50 });
await server.ask("PUT", "/v1/locations/EVIL", { name: EVIL });
await server.ask("POST", "/v1/stock/EVIL-1/EVIL/set", { on_hand: 9, expected: null, reference: EVIL.slice(0, 60) });
await server.ask("POST", "/v1/reservations", { ttl_s: 600, owner: EVIL.slice(0, 60),
	reference: "<i>note</i>", lines: [{ sku: "EVIL-1", location: "EVIL", quantity: 2 }] });
await server.ask("POST", "/v1/leases", { ttl_s: 600, purpose: EVIL.slice(0, 60),
	rows: [{ sku: "EVIL-1", location: "EVIL" }] });

/* Where each view shows one of these texts. */
const SHOWN = {
	stock: ".line", item: "h1", locks: ".lane", changes: "tbody", reservations: ".promised",
};

for (const [name, place] of Object.entries(SHOWN)) {
	test(`${name}: <script> in a name stays text`, async () => {
		const view = VIEWS.find((one) => one.name === name);
		const visitor = await visit(browser, server, view.path.replace("A-1", "EVIL-1"));
		const { page } = visitor;
		await page.locator(place).filter({ hasText: "<script>globalThis.isRun = 1</script>" }).first()
			.waitFor();
		assert.equal(await page.evaluate(() => globalThis.isRun), undefined);
		assert.equal(await page.locator("main script, main img, main b:has-text('kg')").count(), 0);
		visitor.assertContent();
		await visitor.close();
	});
}

test("a dialog about it and what it says when it is done, too", async () => {
	const visitor = await visit(browser, server, "/#/stock/EVIL-1");
	const { page } = visitor;
	await page.getByRole("button", { name: "Reserve EVIL-1 at EVIL" }).click();
	await page.getByRole("dialog").getByText("<script>").waitFor();
	assert.equal(await page.evaluate(() => globalThis.isRun), undefined);
	visitor.assertContent();
	await visitor.close();
});
