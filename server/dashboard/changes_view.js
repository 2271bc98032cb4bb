/* changes_view - the ledger as it grows; may be stopped, so that it can be read. */
import { list } from "./api.js";
import { h, say } from "./dom.js";
import { feed } from "./feed.js";
import { count, number } from "./format.js";
import { KINDS } from "./kinds.js";
import { Ledger } from "./ledger.js";
import { problemBox } from "./problem.js";

const ROWS_MAX = 150;

export function changesView(place) {
	const ledger = new Ledger(ROWS_MAX);
	let held = [];       /* came while it was paused, the newest of them */
	let heldCount = 0;
	let skippedCount = 0;
	let isPaused = false;
	let isClosed = false;
	let lastSeq = 0;
	let recent = [];     /* everything that came, for a filter that is changed */

	const about = h("p", {}, "");
	const message = h("div", {});
	const pause = h("button", { type: "button", "aria-pressed": "false", onclick: toggle }, "Pause");
	const kind = h("select", { "aria-label": "Kind", onchange: refilter },
		h("option", { value: "" }, "Every kind"),
		KINDS.map((name) => h("option", { value: name }, name)));
	const words = h("input", { type: "search", "aria-label": "SKU or location",
		placeholder: "SKU or location", oninput: refilter });
	kind.style.width = "auto";

	place.append(
		h("div", { class: "head" },
			h("div", {}, h("h1", {}, "Changes"), about),
			h("div", { class: "tools" }, words, kind, pause)),
		message, h("section", { class: "card" }, ledger.element));

	function isWanted(m) {
		const word = words.value.trim().toLowerCase();
		return (kind.value === "" || m.kind === kind.value)
			&& (word === "" || m.sku.toLowerCase().includes(word)
				|| m.location.toLowerCase() === word);
	}

	function refilter() {
		ledger.clear();
		ledger.add(recent.filter(isWanted));
	}

	function toggle() {
		isPaused = !isPaused;
		pause.setAttribute("aria-pressed", String(isPaused));
		if (!isPaused) {
			take(held);
			held = [];
			heldCount = 0;
		}
		drawWords();
	}

	function take(movements) {
		recent = [...recent, ...movements].slice(-ROWS_MAX * 4);
		ledger.add(movements.filter(isWanted));
	}

	function drawWords() {
		say(pause, !isPaused ? "Pause" : heldCount > 0 ? `Resume, ${number(heldCount)} new` : "Resume");
		say(about, skippedCount === 0
			? "Every movement of the ledger, as soon as it is durable."
			: "More is committed than anybody can read: "
				+ `${count(skippedCount, "movement")} left out here, none in the ledger.`);
	}

	function hear({ movements, skipped }) {
		const news = movements.filter((m) => m.seq > lastSeq);
		lastSeq = news.at(-1)?.seq ?? lastSeq;
		skippedCount += skipped;
		if (isPaused) {
			held = [...held, ...news].slice(-ROWS_MAX);
			heldCount += news.length + skipped;
		} else {
			take(news);
		}
		drawWords();
	}

	async function begin() {
		const { rows } = await list("/v1/movements?order=desc", ROWS_MAX);
		if (isClosed)
			return;
		lastSeq = rows[0]?.seq ?? 0;
		take(rows.reverse());
		endings.push(feed.listen(hear));
	}

	const endings = [];
	drawWords();
	begin().catch((trouble) => message.replaceChildren(problemBox(trouble)));
	return () => {
		isClosed = true;
		endings.forEach((end) => end());
	};
}
