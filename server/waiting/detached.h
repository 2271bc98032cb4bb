/*
 * detached - work of a loop that may outlive the request it began with: a part of a batch that is
 * being decided, although its client has left. A loop does not end while it has any.
 *
 *     detached_begin(&waits_of(x)->detached, &b->part_work, late, until_ns);
 *     ...its parcel arrives, or late(&b->part_work) is called when until_ns passes first...
 *     detached_end(&b->part_work);
 *
 * Threads: the loop's.
 */
#pragma once
#include "core/deadline.h"
#include "exchange/duty.h"

enum { DETACHED_MAX = 256 };

struct detached {
	struct detached_line *line; /* NULL: it is not under way */
	struct deadline deadline;
	void (*late)(struct detached *d);
};

/* What is under way on one loop. */
struct detached_line {
	struct duty duty;
	int count;
	struct deadline_queue deadlines;
	struct deadline *heap[DETACHED_MAX];
};

struct host;

void detached_line_init(struct detached_line *line, struct host *h);

/* until_ns: monotonic; INT64_MAX: it is never late. At most DETACHED_MAX are under way. */
void detached_begin(struct detached_line *line, struct detached *d,
		    void (*late)(struct detached *d), int64_t until_ns);

static inline bool detached_is_under_way(const struct detached *d)
{
	return d->line != NULL;
}

/* Harmless when it is not under way. */
void detached_end(struct detached *d);
