/*
 * errands - what a loop waits for that may outlive the request it began with: a part of a batch
 * that is being decided, although its client has left. A loop does not end while it has any.
 *
 *     errand_begin(exchange_errands(x), &b->errand, late, until_ns);
 *     ...its parcel arrives, or late(&b->errand) is called when until_ns passes first...
 *     errand_end(&b->errand);
 *
 * Threads: the loop's.
 */
#pragma once
#include "core/deadline.h"
#include <stddef.h>

enum { ERRANDS_MAX = 256 };

struct errand {
	struct errands *all; /* NULL: it is not under way */
	struct deadline deadline;
	void (*late)(struct errand *e);
};

struct errands {
	int count;
	struct deadline_queue deadlines;
	struct deadline *heap[ERRANDS_MAX];
};

void errands_init(struct errands *all);

/* until_ns: monotonic; INT64_MAX: it is never late. At most ERRANDS_MAX are under way. */
void errand_begin(struct errands *all, struct errand *e, void (*late)(struct errand *e),
		  int64_t until_ns);

static inline bool errand_is_under_way(const struct errand *e)
{
	return e->all != NULL;
}

/* Harmless when it is not under way. */
void errand_end(struct errand *e);

/* Calls late() for each whose time is up; that one is under way still, and is not late again. */
void errands_look(struct errands *all, int64_t now_ns);
