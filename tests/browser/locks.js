/* locks - a lease makes a lane, its waiters stand in it in their order, and it drains. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Server } from "./server.js";
import { openBrowser, visit } from "./visitor.js";

const WAITERS = 4;

const server = await Server.start({ flags: ["--demo"] });
const browser = await openBrowser();
after(() => browser.close());
after(() => server.end());

/* So many writers that wait for one row, each sent once the one before stands in the queue. */
async function queueUp(path, count) {
	const answers = [];
	for (let i = 1; i <= count; i++) {
		answers.push(server.ask("POST", `${path}/adjust?wait=60`, { delta: -i }));
		await server.until(async () => await server.metric("rowlock_writes_waiting") === i);
	}
	return answers;
}

test("a lease makes a lane; its waiters appear in order, and drain when it is released", async () => {
	const visitor = await visit(browser, server, "/#/stock/A-1");
	const { page } = visitor;
	await page.getByRole("button", { name: "Lease A-1 at WH1" }).click();
	await page.getByRole("dialog").getByLabel("For seconds").fill("60");
	await page.getByRole("dialog").getByLabel("Purpose").fill("shelf 12 is counted");
	await page.getByRole("dialog").getByRole("button", { name: "Take the lease" }).click();
	await page.locator(".toast").filter({ hasText: "is leased" }).waitFor();
	await visitor.go("#/locks", "Locks");

	const lane = page.getByRole("region", { name: "A-1 at WH1" });
	await lane.getByText("shelf 12 is counted").waitFor();
	await lane.getByText("nobody is waiting").waitFor();
	const answers = await queueUp("/v1/stock/A-1/WH1", WAITERS);
	await lane.getByText(`${WAITERS} wait`).waitFor();
	const [{ waiters }] = (await server.ask("GET", "/v1/locks")).data;
	const titles = await lane.locator(".column:not(.leaving)").evaluateAll((columns) => columns
		.map((column) => [column.getBoundingClientRect().left, column.title]).sort((a, b) => a[0] - b[0])
		.map(([, title]) => title));
	assert.deepEqual(titles, waiters.map((waiter) => `request ${waiter.request_id}`));

	const release = lane.getByRole("button", { name: /Release lease/ });
	await release.click();
	await lane.getByText("Really?").waitFor();
	await release.click();
	await lane.getByText(new RegExp(`free again: ${WAITERS} went through`)).waitFor();
	const versions = (await Promise.all(answers)).map(({ stock }) => stock.version);
	assert.deepEqual(versions, [...versions].sort((a, b) => a - b));
	await lane.waitFor({ state: "detached" });
	visitor.assertContent();
	await visitor.close();
});

test("a lease counts down, and its lane is gone some seconds after its end", async () => {
	const visitor = await visit(browser, server, "/#/locks");
	const { page } = visitor;
	await server.ask("POST", "/v1/leases",
		{ rows: [{ sku: "A-2", location: "WH1" }], ttl_s: 2, purpose: "soon over" });
	const lane = page.getByRole("region", { name: "A-2 at WH1" });
	await lane.getByText("soon over").waitFor();
	await lane.getByText("free again").waitFor();
	visitor.assertContent();
	await visitor.close();
});

test("`Show me` shows a queue, and changes nothing", async () => {
	const before = await server.metric("rowlock_stock_seq");
	const visitor = await visit(browser, server, "/#/locks");
	const { page } = visitor;
	await page.getByText("No row is held, and nobody waits").waitFor();
	await page.getByRole("button", { name: "Show me" }).click();
	const lane = page.locator(".lane:not(.free)");
	await lane.getByText("3 wait").waitFor();
	await lane.getByRole("button", { name: /Release lease/ }).click();
	await lane.getByText("Really?").click();
	await page.getByText("free again: 3 went through").waitFor();
	assert.equal(await server.metric("rowlock_stock_seq"), before);
	visitor.assertContent();
	await visitor.close();
});
