/*
 * waiting - why a parked exchange waits, and what may happen to it until that is over.
 *
 *     static const struct waiting_kind kind = { .expire = expire, .leave = leave };
 *
 *     x->waiting.own = w;                               // in the arena; stays there afterwards
 *     exchange_park(x, &kind, resume, until_ns);
 *
 * Each reason to wait is a kind, in a file of server/waiting/; who drives the loop knows none of
 * them. What a kind has no function for needs nothing done.
 *
 * Threads: the loop's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct exchange;

struct waiting_kind {
	/* Its deadline has passed: replies, or parks again. */
	void (*expire)(struct exchange *x);
	/*
	 * Its client has left. True: what it waited for was taken back, and the request is over.
	 * False: it is too late for that, and it is not asked again until it parks anew.
	 */
	bool (*leave)(struct exchange *x);
	/* Now and then, while its client is there. */
	void (*probe)(struct exchange *x);
	/* The server stops: no need to wait for what may never come. */
	void (*hurry)(struct exchange *x);
};

struct waiting {
	const struct waiting_kind *kind; /* while it is parked */
	void *own;                       /* the kind's */
	bool is_firm;                    /* it was asked to leave, and cannot any more */
};
