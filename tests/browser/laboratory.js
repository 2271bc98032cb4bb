/* laboratory - a race is started from the page, watched, and compared; where it is off, the page says how. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Server } from "./server.js";
import { openBrowser, visit } from "./visitor.js";

const server = await Server.start({ flags: ["--demo", "--lab"] });
const plain = await Server.start({ flags: ["--demo"] });
const browser = await openBrowser();
after(() => browser.close());
after(() => server.end());
after(() => plain.end());

/* Chooses a scenario, exactly these strategies, and a second for each. */
async function choose(page, scenario, strategies) {
	await page.locator(`input[type=radio][value=${scenario}]`).check();
	for (const box of await page.locator(".strategies input").all())
		await box.setChecked(strategies.includes(await box.inputValue()));
	await page.getByLabel("Clients").fill("8");
	await page.getByLabel("Seconds each").fill("1");
}

test("last-unit with no lock oversells, with row locks in groups it does not", async () => {
	const visitor = await visit(browser, server, "/#/laboratory");
	const { page } = visitor;
	await choose(page, "last-unit", ["none", "row-group"]);
	await page.getByRole("button", { name: "Start the race" }).click();
	await page.getByText("racing…").waitFor();
	await page.getByRole("heading", { name: "What it says" }).waitFor();
	const table = page.locator(".races[data-scenario=last-unit]");
	const books = async (strategy) => table.getByRole("row").filter({ hasText: strategy })
		.locator(".race-harm").textContent();
	assert.match(await books("none"), /[1-9][\d,]* oversold/);
	assert.equal(await books("row-group"), "no harm");
	visitor.assertContent();
	await visitor.close();
});

test("who comes later sees the race that ran last", async () => {
	const visitor = await visit(browser, server, "/#/laboratory");
	await visitor.page.locator(".races[data-scenario=last-unit]").getByText("no harm").waitFor();
	visitor.assertContent();
	await visitor.close();
});

test("a race is cancelled", async () => {
	const visitor = await visit(browser, server, "/#/laboratory");
	const { page } = visitor;
	await choose(page, "hot-row", ["row", "row-group"]);
	await page.getByLabel("Seconds each").fill("10");
	await page.getByRole("button", { name: "Start the race" }).click();
	await page.getByText("racing…").waitFor();
	await page.getByRole("button", { name: "Cancel" }).click();
	await page.getByText(/^cancell?ed$/).waitFor();
	visitor.assertContent();
	await visitor.close();
});

test("where the laboratory is off, the page says how to switch it on", async () => {
	const visitor = await visit(browser, plain, "/#/laboratory");
	await visitor.page.getByText("The laboratory is switched off").waitFor();
	await visitor.page.getByText("rowlockd --lab").first().waitFor();
	visitor.assertContent();
	await visitor.close();
});
