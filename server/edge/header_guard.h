/*
 * header_guard - which requests are refused for what their headers say, before anybody looks at
 * path or body.
 *
 *     o = header_guard_judge(&guard, &head, &detail);
 *     if (o != OUTCOME_DONE) ...refuse with o and detail...
 *
 * A page from elsewhere must not use a browser on this machine against us: a foreign Host is a name
 * that was rebound to our address (421), a foreign Origin a request across sites (403). Somebody
 * who follows a link to us on another page may: only he sees what comes back. Nor can anybody read
 * a body here that was packed (415). Whether the
 * bytes are well-formed HTTP at all, and where the body ends, is framing.h's business.
 *
 * Threads: none inside; a guard is only read once it stands. Texts are kept by reference.
 */
#pragma once
#include "core/outcome.h"
#include "edge/listener.h"
#include "exchange/header.h"
#include <stdint.h>

/*
 * What this server calls itself. An address of one listener is good at each: who was rebound knows
 * none of them.
 */
struct header_guard {
	const struct listeners *listeners;
	const char *const
		*host_names; /* further names, with or without :port; NULL-terminated; or NULL */
};

struct request_head {
	bool knows_method;   /* it is one of ours */
	bool is_read;        /* GET or HEAD */
	const char *version; /* "HTTP/1.1" */
	/* By a unix socket, which has no port: a tunnel's browser names the tunnel's own. */
	bool is_by_unix;
	const char *authority; /* of an absolute target; NULL: there was none */
	const struct header *headers;
	int header_count;
};

/* OUTCOME_DONE: nothing is wrong. Otherwise *ret_detail is a constant sentence, or NULL. */
enum outcome header_guard_judge(const struct header_guard *g, const struct request_head *head,
				const char **ret_detail);
