#include "core/deadline.h"
#include "base/check.h"

void deadline_queue_init(struct deadline_queue *q, struct deadline *heap[], size_t capacity)
{
	CHECK(capacity > 0);
	*q = (struct deadline_queue){ .heap = heap, .capacity = capacity };
}

static void heap_put(struct deadline_queue *q, size_t index, struct deadline *d)
{
	CHECK(index < q->count);
	q->heap[index] = d;
	d->place = index + 1;
}

/* Puts d at the index or above it, where nothing later stands over it. */
static void heap_sift_up(struct deadline_queue *q, size_t index, struct deadline *d)
{
	CHECK(index < q->count);
	while (index > 0) {
		size_t parent = (index - 1) / 2;

		if (q->heap[parent]->at_ns <= d->at_ns)
			break;
		heap_put(q, index, q->heap[parent]);
		index = parent;
	}
	heap_put(q, index, d);
}

/* Puts d at the index or below it, where nothing earlier stands under it. */
static void heap_sift_down(struct deadline_queue *q, size_t index, struct deadline *d)
{
	for (;;) {
		size_t child = 2 * index + 1;

		if (child + 1 < q->count && q->heap[child + 1]->at_ns < q->heap[child]->at_ns)
			child++;
		if (child >= q->count || q->heap[child]->at_ns >= d->at_ns)
			break;
		heap_put(q, index, q->heap[child]);
		index = child;
	}
	heap_put(q, index, d);
}

void deadline_add(struct deadline_queue *q, struct deadline *d, int64_t at_ns)
{
	CHECK(!deadline_is_set(d));
	CHECK(q->count < q->capacity);
	d->at_ns = at_ns;
	q->count++;
	heap_sift_up(q, q->count - 1, d);
}

void deadline_remove(struct deadline_queue *q, struct deadline *d)
{
	if (!deadline_is_set(d))
		return;

	size_t index = d->place - 1;

	CHECK(index < q->count);
	CHECK(q->heap[index] == d);

	struct deadline *last = q->heap[--q->count];

	d->place = 0;
	if (last == d)
		return;
	if (last->at_ns < d->at_ns)
		heap_sift_up(q, index, last);
	else
		heap_sift_down(q, index, last);
}

struct deadline *deadline_pop_due(struct deadline_queue *q, int64_t now_ns)
{
	if (q->count == 0 || q->heap[0]->at_ns > now_ns)
		return NULL;

	struct deadline *first = q->heap[0];

	deadline_remove(q, first);
	CHECK(!deadline_is_set(first));
	return first;
}

int64_t deadline_next_ns(const struct deadline_queue *q)
{
	return q->count == 0 ? INT64_MAX : q->heap[0]->at_ns;
}
