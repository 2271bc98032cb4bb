/*
 * session - who uses this page, and what he may do. The server judges; the page only leaves out what
 * would be refused, and says why.
 *
 *     await learnSession();
 *     session.actor          null: nobody that the server knows
 *     hasRole("clerk")       may he do what a clerk does?
 *     mayWrite("WH1")        ...and at this location?
 */
import { call } from "./api.js";

const ROLES = ["public", "reader", "clerk", "writer", "admin"];

export const session = {
	actor: null, role: "public", locations: null, expires_at: null, by: "nothing",
};

/* What one page of this browser does, "in" or "out", its others hear of. */
export const others = new BroadcastChannel("rowlock-session");

export async function readSession() {
	return (await call("GET", "/v1/session", { isLogin: true })).data;
}

export async function learnSession() {
	Object.assign(session, await readSession());
}

/* Is it somebody? */
export function isKnown(who = session) {
	return who.role !== "public";
}

export function hasRole(role) {
	return ROLES.indexOf(session.role) >= ROLES.indexOf(role);
}

export function mayWrite(location) {
	return session.locations === null || session.locations.includes(location);
}

/* "The role reader may not do this: it needs clerk." */
export function roleWords(role) {
	return isKnown() ? `${session.actor} has the role ${session.role}: this needs ${role}.`
		: `This needs a token with the role ${role}: log in on the dashboard.`;
}

/*
 * The token goes out in a header of this one request, and is kept nowhere: what remains is a cookie
 * that no script can read. Refusals are thrown, as of call().
 */
export async function beginSession(token) {
	const { data } = await call("POST", "/v1/session",
		{ headers: { Authorization: `Bearer ${token}` }, isLogin: true });
	return data;
}

export async function endSession() {
	await call("DELETE", "/v1/session", { isLogin: true });
}
