/*
 * dom - makes elements: h("p", { class: "muted" }, "text", child, ...).
 *
 * Texts become text nodes and nothing else; there is no way from a name in the store to markup. A
 * property that begins with `on` is a listener; null, undefined and false leave a property or a
 * child out.
 */
const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
	for (const [name, value] of Object.entries(properties)) {
		if (value === null || value === undefined || value === false)
			continue;
		if (name.startsWith("on"))
			element.addEventListener(name.slice(2), value);
		else
			element.setAttribute(name, value === true ? "" : value);
	}
	element.append(...children.flat().filter((child) => child !== null && child !== undefined
		&& child !== false));
	return element;
}

export function h(tag, properties = {}, ...children) {
	return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
	return fill(document.createElementNS(SVG, tag), properties, children);
}

/* Sets a text where it is another one: an unchanged node costs the browser nothing. */
export function say(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

let idCount = 0;

export function newId(prefix) {
	return `${prefix}-${++idCount}`;
}
