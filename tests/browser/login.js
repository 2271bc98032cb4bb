/* login - who brings no token sees a form and nothing else; who does sees what his role may do. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import { Server } from "./server.js";
import { openBrowser, visit } from "./visitor.js";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const AXE = { scripts: [{ content: axe }], motion: "reduce" };
/* What the browser itself writes about a request that was refused, which no page can prevent. */
const REFUSED = /^Failed to load resource: the server responded with a status of (401|429)/;
const SITE = "stock.example";

const server = await Server.start({ flags: ["--demo", "--lab"] });
const browser = await openBrowser(`--host-resolver-rules=MAP ${SITE} 127.0.0.1`);
after(() => browser.close());
after(() => server.end());

const tokens = {};
for (const role of ["reader", "clerk", "admin"])
	tokens[role] = server.token("add", role, "--role", role);
tokens.scanner = server.token("add", "scanner", "--role", "clerk", "--location", "WH1");
server.bearer = tokens.admin;
await server.until(async () => (await fetch(`${server.url}/v1/items`)).status === 401);
await server.until(async () => (await fetch(`${server.url}/v1/items`,
	{ headers: { Authorization: `Bearer ${tokens.scanner}` } })).status === 200);

async function see(path = "/", how = {}) {
	const visitor = await visit(browser, server, path, how);
	visitor.form = visitor.page.getByRole("dialog", { name: "Log in to Rowlock" });
	visitor.who = visitor.page.locator("#who");
	return visitor;
}

async function logIn(visitor, token) {
	await visitor.form.getByLabel("Token").fill(token);
	await visitor.form.getByRole("button", { name: "Log in" }).click();
	await visitor.form.waitFor({ state: "detached" });
}

async function seeAs(name, path = "/", how = {}) {
	const visitor = await see(path, how);
	await visitor.form.waitFor();
	await logIn(visitor, tokens[name]);
	return visitor;
}

test("a closed store shows the form, and asks for nothing else", async () => {
	const visitor = await see();
	const asked = [];
	visitor.page.on("request", (request) => asked.push(new URL(request.url()).pathname));
	await visitor.form.waitFor();
	await visitor.page.keyboard.press("Escape");
	await visitor.page.keyboard.press("Escape");
	await visitor.form.waitFor();
	assert.equal(await visitor.page.title(), "Log in · Rowlock");
	assert.equal(await visitor.page.locator("main").textContent(), "");
	assert.deepEqual(asked.filter((path) => path.startsWith("/v1/") || path === "/metrics"), []);
	visitor.assertContent();
	await visitor.close();
});

test("with the keyboard alone: a token, who one is, a reload, the way out", async () => {
	const visitor = await see();
	const { page, form, who } = visitor;
	await form.waitFor();
	assert.equal(await page.evaluate(() => document.activeElement.name), "token");
	await page.keyboard.type(tokens.clerk);
	await page.keyboard.press("Enter");
	await visitor.heading("Stock");
	await who.getByText("clerk", { exact: true }).first().waitFor();
	await page.reload();
	await visitor.heading("Stock");
	await page.locator(".line").first().waitFor();
	assert.equal(await form.count(), 0);
	const kept = await page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage },
		{ ...sessionStorage }, document.documentElement.outerHTML]));
	assert.ok(!kept.includes(tokens.clerk.slice(14)), "the token is nowhere");
	assert.equal(await page.evaluate(() => document.cookie), "");
	const [cookie] = await page.context().cookies();
	assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite],
		[`rowlock-${server.port}`, true, "Strict"]);
	await who.getByRole("button", { name: "Log out" }).focus();
	await page.keyboard.press("Enter");
	await form.waitFor();
	assert.deepEqual(await page.context().cookies(), []);
	visitor.assertContent();
	await visitor.close();
});

test("what opens nothing says so, and what is no token is not sent", async () => {
	const visitor = await see();
	const { form, page } = visitor;
	const sent = [];
	page.on("request", (request) => request.method() === "POST" && sent.push(request));
	const rows = [["password", "That is no token", 0], ["rl_é", "That is no token", 0],
		[`rl_unknown234_${"S".repeat(42)}A`, "Nobody has this token.", 1]];
	for (const [text, words, count] of rows) {
		await form.getByLabel("Token").fill(text);
		await form.getByRole("button", { name: "Log in" }).click();
		await form.getByRole("alert").getByText(words).waitFor();
		assert.equal(sent.length, count, text);
	}
	for (;;) {
		const answered = page.waitForResponse((response) => response.url().endsWith("/v1/session"));
		await form.getByRole("button", { name: "Log in" }).click();
		if ((await answered).status() === 429)
			break;
	}
	await form.getByText("Too many logins from this address have failed").waitFor();
	await logIn(visitor, tokens.reader); /* a good one is not stopped */
	await visitor.heading("Stock");
	visitor.assertContent(REFUSED);
	await visitor.close();
});

test("a reader is shown nothing that a clerk does", async () => {
	const visitor = await seeAs("reader", "/#/stock/A-1");
	const { page } = visitor;
	await page.locator(".shelf-card").first().waitFor();
	assert.equal(await page.getByRole("button", { name: /^(Adjust|Transfer|Reserve|Lease) / }).count(),
		0);
	await visitor.go("#/locks", "Locks");
	assert.equal(await page.getByRole("button", { name: "Show me" }).count(), 0);
	assert.equal(await page.getByRole("link", { name: "Laboratory" }).count(), 0);
	await visitor.go("#/laboratory", "Laboratory");
	await page.getByText("reader has the role reader: this needs admin.").waitFor();
	assert.equal(await page.getByRole("link", { name: "Audit" }).count(), 0);
	await visitor.go("#/audit", "Audit");
	await page.getByText("reader has the role reader: this needs admin.").waitFor();
	await page.goto(`${server.url}/docs#stock_adjust`);
	await page.getByText("this needs clerk.").waitFor();
	assert.ok(await page.locator("#stock_adjust").getByRole("button", { name: "Try it" })
		.isDisabled());
	visitor.assertContent();
	await visitor.close();
});

test("an admin has the laboratory", async () => {
	const visitor = await seeAs("admin");
	await visitor.page.getByRole("link", { name: "Laboratory" }).click();
	await visitor.page.getByRole("button", { name: "Start the race" }).waitFor();
	await visitor.page.getByRole("link", { name: "Audit" }).click();
	await visitor.page.locator("tbody tr").filter({ hasText: "token-add" }).first().waitFor();
	visitor.assertContent();
	await visitor.close();
});

test("who is limited to a location changes that, and is told of the others", async () => {
	const visitor = await seeAs("scanner", "/#/stock/A-1");
	const { page, who } = visitor;
	await who.getByText("clerk at WH1").waitFor();
	await page.getByRole("button", { name: "Adjust A-1 at WH1" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Adjust" }).click();
	await page.locator(".toast").filter({ hasText: "A-1" }).waitFor();
	assert.equal(await page.getByRole("button", { name: "Adjust A-1 at WH2" }).count(), 0);
	await page.getByText("Your token does not write here.").first().waitFor();
	visitor.assertContent();
	await visitor.close();
});

test("a login that ends in the middle: the form, and what was typed is still there", async () => {
	tokens.temporary = server.token("add", "temporary", "--role", "clerk");
	await server.until(async () => (await fetch(`${server.url}/v1/items`,
		{ headers: { Authorization: `Bearer ${tokens.temporary}` } })).status === 200);
	const visitor = await seeAs("temporary", "/#/stock/A-1");
	const { page, form } = visitor;
	await page.getByRole("button", { name: "Adjust A-1 at WH1" }).click();
	const dialog = page.getByRole("dialog", { name: "Adjust A-1 at WH1" });
	await dialog.getByLabel("Units to add").fill("-3");
	await dialog.getByLabel("Reason").fill("sale");
	const secret = server.token("rotate", "temporary", "--overlap", "0s");
	await form.waitFor(); /* by itself: the figures are asked for each second */
	await form.getByText("Your login has ended.").waitFor();
	await logIn(visitor, secret);
	assert.equal(await dialog.getByLabel("Units to add").inputValue(), "-3");
	await dialog.getByRole("button", { name: "Adjust" }).click();
	await page.locator(".toast").filter({ hasText: "A-1" }).waitFor();
	const [movement] = (await server.ask("GET", "/v1/movements?order=desc&limit=1")).data;
	assert.deepEqual([movement.actor, movement.on_hand_delta, movement.reason],
		["temporary", -3, "sale"]);
	assert.equal(await page.locator("#notice").textContent(), "");
	visitor.assertContent(REFUSED);
	await visitor.close();
});

test("somebody else who logs in sees nothing of what was there", async () => {
	tokens.leaving = server.token("add", "leaving", "--role", "clerk");
	await server.until(async () => (await fetch(`${server.url}/v1/items`,
		{ headers: { Authorization: `Bearer ${tokens.leaving}` } })).status === 200);
	const visitor = await seeAs("leaving", "/#/stock/A-1");
	const { page, form, who } = visitor;
	await page.getByRole("button", { name: "Adjust A-1 at WH1" }).click();
	server.token("revoke", "leaving");
	await form.waitFor();
	await logIn(visitor, tokens.reader);
	await who.getByText("reader", { exact: true }).first().waitFor();
	assert.equal(await page.getByRole("dialog").count(), 0);
	visitor.assertContent(REFUSED);
	await visitor.close();
});

test("two pages of one browser are logged in and out together", async () => {
	const first = await see();
	await first.form.waitFor();
	const page = await first.page.context().newPage();
	await page.goto(server.url);
	const form = page.getByRole("dialog", { name: "Log in to Rowlock" });
	await form.waitFor();
	await logIn(first, tokens.clerk);
	await form.waitFor({ state: "detached" });
	await page.locator("#who").getByText("clerk", { exact: true }).first().waitFor();
	await page.locator("#who").getByRole("button", { name: "Log out" }).click();
	await form.waitFor();
	await first.form.waitFor();
	first.assertContent(REFUSED);
	await first.close();
});

test("the form: axe finds nothing serious, and 360 pixels are wide enough", async () => {
	for (const scheme of ["light", "dark"]) {
		const visitor = await see("/", { ...AXE, scheme, width: 360, height: 740 });
		const { page, form } = visitor;
		await form.getByLabel("Token").fill("password");
		await form.getByRole("button", { name: "Log in" }).click();
		await form.getByRole("alert").waitFor();
		const { violations } = await page.evaluate(() => globalThis.axe.run(document,
			{ resultTypes: ["violations"] }));
		assert.deepEqual(violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
			.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
		await logIn(visitor, tokens.scanner);
		await visitor.heading("Stock");
		await visitor.who.waitFor();
		assert.ok(await page.evaluate(() => document.querySelector(".bar").offsetHeight) < 90,
			"the bar has two lines, as it had");
		for (const place of ["documentElement", "body"])
			assert.ok(await page.evaluate((name) => document[name].scrollWidth, place) <= 360, place);
		visitor.assertContent();
		await visitor.close();
	}
});

test("behind a proxy that names the person: who he is, and no way out", async () => {
	const proxied = await Server.start({ tokens: [["add", "shop", "--role", "clerk"]],
		flags: ["--demo", "--trust-proxy", "127.0.0.1"] });
	const visitor = await visit(browser, proxied, "/#/stock/A-1", { headers: {
		Authorization: `Bearer ${proxied.tokens[0]}`, "X-Forwarded-User": "anna",
	} });
	await visitor.page.locator("#who").getByText("shop/anna").waitFor();
	assert.equal(await visitor.page.getByRole("button", { name: "Log out" }).count(), 0);
	await visitor.page.getByRole("button", { name: "Adjust A-1 at WH1" }).waitFor();
	visitor.assertContent();
	await visitor.close();
	await proxied.end();
});

test("without TLS, from elsewhere: no form, but how to do it", async () => {
	const named = await Server.start({ tokens: [["add", "shop", "--role", "clerk"]],
		flags: ["--demo", "--host-name", SITE] });
	const visitor = await visit(browser, { url: `http://${SITE}:${named.port}` }, "/");
	const form = visitor.page.getByRole("dialog", { name: "Log in to Rowlock" });
	await form.getByText(`ssh -L ${named.port}:localhost:${named.port} ${SITE}`).waitFor();
	assert.equal(await form.locator("input").count(), 0);
	visitor.assertContent(/Cross-Origin-Opener-Policy header has been ignored/);
	await visitor.close();
	await named.end();
});
