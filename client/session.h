/*
 * session - one run of the command line: what was typed, and the server it is about.
 *
 * Every verb gets one. The server is only spoken to when the verb asks something.
 */
#pragma once
#include "client/api.h"
#include "client/args.h"

struct session {
	struct args args;
	bool is_json; /* --json: the server's own JSON instead of tables */
	struct api *api;
};

/*
 * --server, else ROWLOCK_SERVER, else the default, and the token of credentials.h. Complains about
 * a URL or a token that is none.
 */
enum exit_code session_open(struct session *s);
void session_close(struct session *s);

/* The n-th operand, from 0; NULL when there are fewer. */
const char *session_operand(const struct session *s, int n);

/* "ttl_s" of the body, unless --ttl says another. */
void session_default_ttl(const struct session *s, struct api_request *r, int ttl_s);

/*
 * Sends the request. DONE: the answer is a success, and the caller's to fini. Else the problem was
 * printed on stderr.
 */
enum exit_code session_ask(struct session *s, const struct api_request *r,
			   struct response *ret_response);

/*
 * The same with the flags of the command line put where they belong, and with an answer of this
 * shape (shape.h): 200 or 201, or, with --async, a 202 that names the operation. shape NULL: a 204,
 * which has no body. Anything else comes from somebody who is not rowlockd: FAILED.
 */
enum exit_code session_ask_for(struct session *s, struct api_request *r, const char *shape,
			       struct response *ret_response);

/*
 * Complains that the answer to r is not what the contract says; after a write, that nobody knows
 * what was done. FAILED.
 */
enum exit_code session_strange(const struct session *s, const struct api_request *r);
