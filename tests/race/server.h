/*
 * server - a rowlockd of its own for a test, on a port and over a store of its own.
 *
 *     server_start(&s, rowlockd, "early");
 *     ...
 *     server_stop(&s);        // SIGTERM; it must drain, and exit with 0
 *
 * A sanitizer's report makes rowlockd exit with another code than 0: it fails the test. What
 * rowlockd wrote on stderr is shown then. Each step has a bound; what takes longer fails the test,
 * too.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct server {
	const char *program;
	const char *release; /* --row-release */
	char folder[64];     /* with store.db and log in it */
	pid_t pid;           /* 0: it does not run */
	int port;
};

void server_init(struct server *s, const char *program, const char *release);
void server_start(struct server *s); /* over the same store each time */
void server_stop(struct server *s);
void server_kill(struct server *s); /* kill -9 */
void server_fini(struct server *s); /* kills what still runs, and removes the folder */

/* The first column of a query's first row, as a number, from the store of a stopped server. */
long long server_query(const struct server *s, const char *sql);
