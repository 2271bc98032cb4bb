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

/* --server, else ROWLOCK_SERVER, else the default. Complains about a URL that is none. */
enum exit_code session_open(struct session *s);
void session_close(struct session *s);

/* The n-th operand, from 0; NULL when there are fewer. */
const char *session_operand(const struct session *s, int n);

/*
 * Sends the request. DONE: the answer is a success, and the caller's to fini. Else the problem was
 * printed on stderr.
 */
enum exit_code session_ask(struct session *s, const struct request *r, struct answer *ret_answer);

/*
 * The same with the flags of the command line put where they belong, and with an answer that is
 * JSON (or nothing, after a 204).
 */
enum exit_code session_ask_with_options(struct session *s, struct request *r,
					struct answer *ret_answer);
