/* link - a server that is gone shows as lost, and the page comes back by itself; unseen, it asks nothing. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Server } from "./server.js";
import { openBrowser, visit } from "./visitor.js";

/* What a browser says of a server that does not answer. */
const GONE = /net::ERR_|status of 503/;

const server = await Server.start({ flags: ["--demo"] });
const browser = await openBrowser();
after(() => browser.close());
after(() => server.end());

for (const [path, what] of [["/#/stock", ".line"], ["/#/locks", ".figures"]]) {
	test(`${path}: killed, it shows as lost; started again, it is live by itself`, async () => {
		const visitor = await visit(browser, server, path);
		const { page } = visitor;
		const state = page.locator("#pulse .state");
		await page.locator(what).first().waitFor();
		await page.locator("#pulse [data-state=live]").waitFor();
		await server.kill();
		await state.getByText("lost").waitFor();
		await page.getByRole("alert").filter({ hasText: "does not answer" }).first().waitFor();
		assert.ok(await page.locator(what).first().isVisible(), "what was there is still shown");
		await server.restart();
		await state.getByText("live").waitFor();
		await page.getByText("does not answer").first().waitFor({ state: "detached" });
		visitor.assertContent(GONE);
		await visitor.close();
	});
}

test("a damaged store and a clock that was set are said where an operator looks", async () => {
	const visitor = await visit(browser, server, "/#/traffic");
	const { page } = visitor;
	const notice = page.getByRole("alert").filter({ hasText: "The store's file is damaged" });
	const ahead = page.locator(".figures li").filter({ hasText: "store time ahead of clock" });
	await ahead.getByText("0.0 s").waitFor();
	await page.route("**/metrics", async (route) => {
		const response = await route.fetch();
		const text = (await response.text()).replace(/^(rowlock_store_is_damaged) 0$/m, "$1 1")
			.replace(/^(rowlock_clock_ahead_seconds) .*$/m, "$1 3600.5");
		await route.fulfill({ response, body: text });
	});
	await notice.waitFor();
	await ahead.getByText("3600.5 s").waitFor();
	await page.unroute("**/metrics");
	await notice.waitFor({ state: "detached" });
	visitor.assertContent();
	await visitor.close();
});

test("what changed while it was lost, and afterwards, is shown", async () => {
	const visitor = await visit(browser, server, "/#/stock/A-1");
	const { page } = visitor;
	const shelf = page.locator(".shelf-card").filter({ hasText: "WH1" });
	await page.locator("#pulse [data-state=live]").waitFor();
	await page.route("**/*", (route) => route.abort());
	await server.ask("POST", "/v1/stock/A-1/WH1/set",
		{ on_hand: 4321, expected: null });
	await server.kill();
	await page.locator("#pulse .state").getByText("lost").waitFor();
	await server.restart();
	await page.unroute("**/*");
	await shelf.getByText("4,321", { exact: true }).waitFor();
	await server.ask("POST", "/v1/stock/A-1/WH1/set",
		{ on_hand: 1234, expected: null });
	await shelf.getByText("1,234", { exact: true }).waitFor();
	visitor.assertContent(GONE);
	await visitor.close();
});

test("a change sent again after a lost connection takes effect once", async () => {
	const visitor = await visit(browser, server, "/#/stock/A-2");
	const { page } = visitor;
	const before = await server.ask("GET", "/v1/stock/A-2/WH1");
	await page.getByRole("button", { name: "Adjust A-2 at WH1" }).click();
	/* The server does it, and nobody hears of it. */
	await page.route("**/adjust?*", async (route) => {
		await route.fetch();
		await route.abort();
	}, { times: 1 });
	const dialog = page.getByRole("dialog");
	await dialog.getByRole("button", { name: "Adjust" }).click();
	await dialog.getByText("Whether the change took effect is not known").waitFor();
	await dialog.getByRole("button", { name: "Adjust" }).click();
	await page.locator(".toast").waitFor();
	const now = await server.ask("GET", "/v1/stock/A-2/WH1");
	assert.equal(now.version, before.version + 1);
	assert.equal(now.on_hand, before.on_hand - 1);
	visitor.assertContent(GONE);
	await visitor.close();
});

test("a page that nobody looks at asks nothing; looked at again, it has caught up", async () => {
	const hide = () => {
		Object.defineProperty(document, "hidden", { get: () => globalThis.isHidden === true });
		globalThis.setHidden = (isHidden) => {
			globalThis.isHidden = isHidden;
			document.dispatchEvent(new Event("visibilitychange"));
		};
	};
	const visitor = await visit(browser, server, "/#/stock", { scripts: [hide] });
	const { page } = visitor;
	const line = page.locator(".line").filter({ hasText: "A-3" });
	await line.waitFor();
	await server.until(async () => await server.metric("rowlock_feed_subscribers") === 1);
	await page.evaluate(() => globalThis.setHidden(true));
	await server.until(async () => await server.metric("rowlock_feed_subscribers") === 0);
	const asked = [];
	page.on("request", (request) => asked.push(request.url()));
	await server.ask("POST", "/v1/stock/A-3/WH1/set",
		{ on_hand: 7654, expected: null });
	await page.evaluate(() => new Promise((done) => setTimeout(done, 2500))); /* two beats */
	assert.deepEqual(asked, []);
	await page.evaluate(() => globalThis.setHidden(false));
	await line.getByText("7,654", { exact: true }).waitFor();
	visitor.assertContent();
	await visitor.close();
});
