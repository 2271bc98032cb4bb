/*
 * cookie - which cookie of a request says who is logged in, and how it is given out and taken back.
 *
 *     struct cookie c;
 *     if (cookie_find(x, &c) == COOKIE_COUNTS)
 *             ...c.name and c.value: engine/session.h says what that is worth...
 *
 * A browser sends cookies by itself, whoever made it ask. So one counts only where the page itself
 * asks: its Origin is ours, https:// and the Host for __Host-rowlock, http:// and the Host for that
 * of loopback; or there is no Origin, it only reads, and no Sec-Fetch-Site speaks against it.
 * Beyond loopback a cookie without TLS is neither given nor looked at.
 *
 * Threads: the loop's. Texts are those of the request. Cost where there is no Cookie header: none
 * to speak of.
 */
#pragma once
#include "engine/session.h"
#include "exchange/exchange.h"

struct cookie {
	char name[SESSION_NAME_BYTES_MAX + 1];
	const char *value; /* not terminated */
	size_t bytes;
};

enum cookie_found {
	COOKIE_NONE,    /* there is none by our name */
	COOKIE_COUNTS,  /* *ret is set */
	COOKIE_FOREIGN, /* there is, but another page may have asked */
	COOKIE_TWICE,   /* which of them is ours nobody knows */
};

enum cookie_found cookie_find(struct exchange *x, struct cookie *ret);

/*
 * Where may the login live for which this asks? The name of its cookie; false: nowhere, for the
 * reason (a constant sentence).
 */
bool cookie_name_of_login(struct exchange *x, char ret_name[SESSION_NAME_BYTES_MAX + 1],
			  const char **ret_reason);

/* Set-Cookie, for so many seconds; 0 and "" take it back. False: memory is short. */
bool cookie_set(struct exchange *x, const char *name, const char *value, int64_t seconds);
