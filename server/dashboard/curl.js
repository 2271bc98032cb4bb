/* curl - a request as a line to type into a shell. */

/* In single quotes nothing means anything but the quote itself. */
export function quote(text) {
	return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function curlLine(origin, { method, path, headers, body }) {
	const words = ["curl"];
	if (method !== "GET" && !(method === "POST" && body))
		words.push("-X", method);
	words.push(quote(origin + path));
	for (const [name, value] of Object.entries(headers))
		if (name !== "Content-Type" || value !== "application/json")
			words.push("-H", quote(`${name}: ${value}`));
	if (body)
		words.push("-d", quote(body));
	return words.join(" ");
}
