/*
 * visitor - somebody who looks at the dashboard, and everything that the browser complains about
 * meanwhile: console errors and warnings, exceptions, what the content security policy refused.
 *
 *     const browser = await openBrowser();
 *     const visitor = await visit(browser, server, "/#/stock", { width: 360 });
 *     await visitor.page.getByRole("heading", { name: "Stock" }).waitFor();
 *     visitor.assertContent();
 */
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const ANSWER_MS_MAX = 15000;

/* The last ones: a browser of tests has nobody to talk to but the server under test. */
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync"];

export function openBrowser(...more) {
	return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: [...ARGUMENTS, ...more] });
}

class Visitor {
	complaints = [];

	constructor(page) {
		this.page = page;
		page.on("console", (message) => ["error", "warning"].includes(message.type())
			&& this.complaints.push(`${message.text()} (${message.location().url})`));
		page.on("pageerror", (error) => this.complaints.push(error.stack));
	}

	/* Nobody complained, but about what the test itself provoked. */
	assertContent(...provoked) {
		const others = this.complaints.filter((text) => !provoked.some((known) => known.test(text)));
		assert.deepEqual(others, []);
	}

	/* Follows a link inside of the page, as a click on a tab does. */
	async go(hash, heading) {
		await this.page.evaluate((to) => {
			globalThis.location.hash = to;
		}, hash);
		await this.heading(heading);
	}

	heading(name) {
		return this.page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
	}

	async close() {
		await this.page.context().close();
	}
}

/*
 * how: width and height in pixels, scheme ("light", "dark"), motion ("reduce"), scale, scripts to
 * run before the page's own, and headers that a proxy adds to each request.
 */
export async function visit(browser, server, path, how = {}) {
	const context = await browser.newContext({
		viewport: { width: how.width ?? 1280, height: how.height ?? 860 },
		colorScheme: how.scheme ?? "light",
		deviceScaleFactor: how.scale ?? 1,
		reducedMotion: how.motion ?? "no-preference",
		extraHTTPHeaders: how.headers ?? {},
	});
	context.setDefaultTimeout(ANSWER_MS_MAX);
	for (const script of how.scripts ?? [])
		await context.addInitScript(script);
	await context.addInitScript(() => addEventListener("securitypolicyviolation", (event) =>
		console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)));
	const visitor = new Visitor(await context.newPage());
	await visitor.page.goto(server.url + path);
	return visitor;
}

/* Every view: what its address is, and its heading. */
export const VIEWS = [
	{ name: "stock", path: "/#/stock", heading: "Stock" },
	{ name: "item", path: "/#/stock/A-1", heading: "Hex bolt M8 x 40, galvanised" },
	{ name: "locks", path: "/#/locks", heading: "Locks" },
	{ name: "traffic", path: "/#/traffic", heading: "Traffic" },
	{ name: "changes", path: "/#/changes", heading: "Changes" },
	{ name: "reservations", path: "/#/reservations", heading: "Reservations" },
	{ name: "audit", path: "/#/audit", heading: "Audit" },
	{ name: "laboratory", path: "/#/laboratory", heading: "Laboratory" },
	{ name: "docs", path: "/docs", heading: "API" },
];
