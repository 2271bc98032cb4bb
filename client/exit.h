/*
 * exit - what the command line's exit code tells a script.
 *
 *     0 ok · 1 failed · 2 usage · 3 unreachable · 4 not allowed · 5 conflict · 6 not found
 *
 * Functions that can end the command return one of these; DONE means: go on.
 */
#pragma once

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* the server or this machine failed, or the request was refused as such */
	EXIT_USAGE = 2,  /* nothing was sent: the command line makes no sense */
	EXIT_UNREACHABLE = 3, /* no answer came */
	EXIT_FORBIDDEN = 4,   /* 401 403 */
	EXIT_CONFLICT = 5,  /* 409 412 423 428 429: the state says no; look again, then try again */
	EXIT_NOT_FOUND = 6, /* 404 */
};

/*
 * The exit code for an answer. `code` is the problem's own and may be NULL: then, and when a newer
 * server uses one that this client has never heard of, the HTTP status decides.
 */
enum exit_code exit_of_answer(long status, const char *code);

/* Says on stderr what is wrong with the command line. Returns EXIT_USAGE. */
enum exit_code exit_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says on stderr what failed. Returns EXIT_FAILED. */
enum exit_code exit_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
