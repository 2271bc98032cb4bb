/*
 * asker - a request that waits until an operation has finished.
 *
 *     struct asker *k = asker_create(x);                 // NULL: memory is short
 *     k->poll.id = id;
 *     if (asker_wait(x, k, until_ns, done, late))
 *             return;                                    // one of the two runs later
 *     done(x);                                           // it has finished, or there is none
 *
 * Threads: its loop's. Ownership: the request's arena.
 */
#pragma once
#include "engine/operation_book.h"
#include "exchange/exchange.h"

struct asker {
	struct operation_poll poll;
	struct operation_home *home;
	struct operation_begun begun; /* by this request; write NULL: by another one */
	exchange_continue *done;
	exchange_continue *late;
};

struct asker *asker_create(struct exchange *x);

/* Polls k->poll.id. True: x is parked. */
bool asker_wait(struct exchange *x, struct asker *k, int64_t until_ns, exchange_continue *done,
		exchange_continue *late);

/* The same where the poll was begun by something else, as by operation_withdraw(). */
void asker_park(struct exchange *x, struct asker *k, int64_t until_ns, exchange_continue *done,
		exchange_continue *late);

/* Its client is gone. False: its parcel is on its way. */
bool asker_leave(struct exchange *x);
