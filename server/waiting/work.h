/*
 * work - a request that waits until its write is decided, and durable.
 *
 *     static const struct work_wait_kind kind = WORK_WAIT_KIND(reply_answer);
 *
 *     work_wait(x, &kind, w, wait_ms);                  // reply_answer() runs now, or later
 *
 * The write is taken back when its time is up, or its client has left, unless it is decided then. A
 * locked read is, too, when the token of its client has ended; a write was admitted, and goes on.
 *
 * Threads: the loop's.
 */
#pragma once
#include "exchange/exchange.h"

struct work_wait_kind {
	struct waiting_kind kind;
	/* `a`: of the write, or why it was taken back. The write is let go afterwards. */
	void (*answer)(struct exchange *x, const struct work *w, const struct answer *a);
};

#define WORK_WAIT_KIND(answer_)                       \
	{                                             \
		.kind = { .expire = work_wait_expire, \
			  .leave = work_wait_leave,   \
			  .hurry = work_wait_hurry }, \
		.answer = (answer_)                   \
	}

/* Submits the write, which is taken over. wait_ms: how long it may wait for its rows. */
void work_wait(struct exchange *x, const struct work_wait_kind *k, struct work *w, int64_t wait_ms);

/* For WORK_WAIT_KIND. */
void work_wait_expire(struct exchange *x);
bool work_wait_leave(struct exchange *x);
void work_wait_hurry(struct exchange *x);
