/*
 * gate - what is read waits here while nobody is logged in, and goes on when somebody is.
 *
 *     await gate.pass(signal);              at once, while it is open
 *     gate.shut();                          a request was refused: there is no login any more
 *     gate.isShut
 *     gate.news.listen(() => ...)           it has just been shut
 *     gate.open();
 *
 * What changes something does not wait: it is refused, what was typed stays, and whoever typed it
 * sends it again.
 */
import { News } from "./news.js";

let opened = null; /* while it is shut: { promise, resolve } */

export const gate = {
	news: new News(),
	get isShut() {
		return opened !== null;
	},

	count: 0, /* how often it was opened: what was sent before that says nothing about now */

	async pass(signal) {
		if (opened === null)
			return;
		const { promise } = opened;
		await Promise.race([promise, new Promise((_, fail) => {
			signal?.addEventListener("abort", () => fail(signal.reason), { once: true });
		})]);
		signal?.throwIfAborted();
	},

	shut() {
		if (opened !== null)
			return;
		opened = {};
		opened.promise = new Promise((resolve) => { opened.resolve = resolve; });
		gate.news.tell();
	},

	open() {
		const { resolve } = opened ?? {};
		opened = null;
		gate.count++;
		resolve?.();
	},
};
