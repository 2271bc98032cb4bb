/*
 * operation - a request that waits until an operation has finished (engine/operation_book.h), and
 * what a loop does for the operations that were begun on it.
 *
 *     struct operation_wait *w = operation_wait_create(x);   // NULL: memory is short
 *     w->poll.id = id;
 *     if (operation_wait(x, w, until_ns, done, late))
 *             return;                                        // one of the two runs later
 *     done(x);                                               // it has finished, or there is none
 *
 * Threads: the loop's. Ownership: the request's arena.
 */
#pragma once
#include "engine/operation_book.h"
#include "exchange/exchange.h"
#include "exchange/duty.h"

struct operation_wait {
	struct operation_poll poll;
	struct operation_home *home;
	struct operation_begun begun; /* by this request; work NULL: by another one */
	/* While the key of its write is looked up: the operation to be, and how long to wait. */
	struct operation *beginning;
	int64_t wait_ms;
	exchange_continue *done;
	exchange_continue *late;
};

struct operation_wait *operation_wait_create(struct exchange *x);

/* Polls w->poll.id. True: x is parked. */
bool operation_wait(struct exchange *x, struct operation_wait *w, int64_t until_ns,
		    exchange_continue *done, exchange_continue *late);

/* The same where the poll was begun by something else, as by operation_withdraw(). */
void operation_wait_park(struct exchange *x, struct operation_wait *w, int64_t until_ns,
			 exchange_continue *done, exchange_continue *late);

/* Ends the waits of those operations whose time is up. */
struct operation_line {
	struct duty duty;
	struct operation_home home;
};

struct host;

void operation_line_init(struct operation_line *line, struct host *h, struct operation_book *b);
