/*
 * failed_logins - whose logins have failed too often lately, in bounded memory.
 *
 * Each address may fail FAILED_LOGINS_MAX times, and then once a second (the generic cell rate
 * algorithm: one time for each address says it all). Beyond that it is told so. It is only asked
 * about logins that have failed, so that nobody is kept out who has a good token.
 *
 * An address has one of four places, by its hash. Where all four are taken the one that is over
 * first is forgotten: whoever has very many addresses is told less often that he fails.
 *
 * Threads: none inside; each loop has its own.
 */
#pragma once
#include "core/limits.h"
#include <stdbool.h>
#include <stdint.h>

enum { FAILED_LOGIN_PLACES = 1024, FAILED_LOGIN_WAYS = 4 };

enum { FAILED_LOGIN_LINES_MAX = 100 };

struct failed_logins {
	int64_t lines_due_ns; /* when all lines of the log are forgotten */
	struct {
		uint64_t who;   /* a hash */
		int64_t due_ns; /* when all that it has failed is forgotten */
	} places[FAILED_LOGIN_PLACES];
};

/* A login of this address has failed at now_ns, monotonic. True: and that is beyond its bound. */
bool failed_logins_note(struct failed_logins *f, uint64_t who, int64_t now_ns);

/*
 * May one more have a line in the log? FAILED_LOGIN_LINES_MAX at once, and as many a second: very
 * many addresses must not fill a disk.
 */
bool failed_logins_may_log(struct failed_logins *f, int64_t now_ns);
