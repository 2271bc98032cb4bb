/*
 * router - the part of the address behind # says which view is shown: #/stock/A-1 is the view
 * "stock" with ["A-1"].
 *
 * A view is a function (place, ...rest) that draws into `place` and returns what ends it.
 */
import { h } from "./dom.js";
import { problemBox } from "./problem.js";

let end = null;

function readAddress() {
	const parts = location.hash.replace(/^#\/?/, "").split("/").filter((part) => part !== "");
	try {
		return parts.map(decodeURIComponent);
	} catch {
		return [];
	}
}

function markTab(name) {
	for (const link of document.querySelectorAll(".tabs a")) {
		if (link.hash === `#/${name}`)
			link.setAttribute("aria-current", "page");
		else
			link.removeAttribute("aria-current");
	}
	document.querySelector(".tabs a[aria-current]")?.scrollIntoView(
		{ block: "nearest", inline: "nearest" });
}

function show(views, first) {
	const [name = first, ...rest] = readAddress();
	const view = views[name] ?? views[first];
	const place = h("div", { class: "view" });
	end?.();
	end = null;
	document.getElementById("main").replaceChildren(place);
	markTab(views[name] ? name : first);
	window.scrollTo(0, 0);
	try {
		end = view(place, ...rest);
	} catch (trouble) {
		place.append(problemBox(trouble));
	}
	document.title = `${place.querySelector("h1")?.textContent ?? "Stock"} · Rowlock`;
}

export function startRouter(views, first) {
	window.addEventListener("hashchange", () => {
		/* "Skip to the content" is a # of its own, and no view. */
		if (location.hash !== "" && !location.hash.startsWith("#/"))
			return;
		show(views, first);
		document.getElementById("main").focus({ preventScroll: true });
	});
	show(views, first);
}
