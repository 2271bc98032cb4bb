/*
 * deadline - whose time is up next: a binary heap of things that carry their own place in it
 * (Williams 1964; Knuth, TAOCP 3, 5.2.3).
 *
 *     struct waiter { struct deadline deadline; ... };
 *     deadline_add(&queue, &w->deadline, now_ns + wait_ns);
 *     while ((d = deadline_pop_due(&queue, now_ns)) != NULL) ...
 *
 * at_ns is of the monotonic clock, or of whatever clock and unit a queue keeps to throughout.
 * The caller brings the array, so nothing is allocated here. Equal times come in any order.
 * Cost: O(log n); adding in rising order, the common case, O(1). Threads: none inside.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deadline {
	int64_t at_ns;
	size_t place; /* index + 1 in the heap; 0: not in one */
};

struct deadline_queue {
	struct deadline **heap;
	size_t count;
	size_t capacity;
};

void deadline_queue_init(struct deadline_queue *q, struct deadline *heap[], size_t capacity);

static inline bool deadline_is_set(const struct deadline *d)
{
	return d->place != 0;
}

/* The queue must have room and d must not be in it. */
void deadline_add(struct deadline_queue *q, struct deadline *d, int64_t at_ns);

/* Harmless when it is not in the queue. */
void deadline_remove(struct deadline_queue *q, struct deadline *d);

/* One whose time is at or before now, taken out, or NULL. */
struct deadline *deadline_pop_due(struct deadline_queue *q, int64_t now_ns);

/* The earliest time, or INT64_MAX when nothing waits. */
int64_t deadline_next_ns(const struct deadline_queue *q);
