#include "engine/reservation_book.h"
#include "base/check.h"
#include "base/fault.h"
#include <stdlib.h>

/* Room for `count` in all: the arrays only grow. */
static int make_room(struct reservation_due **array, size_t count, size_t *capacity)
{
	size_t wanted = *capacity == 0 ? 64 : *capacity * 2;
	struct reservation_due *larger;

	if (count <= *capacity)
		return 0;
	larger = realloc(*array, wanted * sizeof(larger[0]));
	if (larger == NULL)
		return FAULT(-ENOMEM);
	*array = larger;
	*capacity = wanted;
	return 0;
}

void reservation_book_fini(struct reservation_book *b)
{
	free(b->heap);
	free(b->taken);
	*b = (struct reservation_book){ 0 };
}

/* Into a binary heap that has room (Williams 1964). */
static void put(struct reservation_book *b, struct reservation_due due)
{
	size_t i = b->count++;

	CHECK(b->count <= b->capacity);
	while (i > 0 && b->heap[(i - 1) / 2].at_ms > due.at_ms) {
		b->heap[i] = b->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	b->heap[i] = due;
}

static struct reservation_due take_first(struct reservation_book *b)
{
	struct reservation_due first = b->heap[0], last = b->heap[--b->count];
	size_t i = 0;

	for (size_t child; (child = 2 * i + 1) < b->count; i = child) {
		if (child + 1 < b->count && b->heap[child + 1].at_ms < b->heap[child].at_ms)
			child++;
		if (b->heap[child].at_ms >= last.at_ms)
			break;
		b->heap[i] = b->heap[child];
	}
	b->heap[i] = last;
	return first;
}

int reservation_book_add(struct reservation_book *b, int64_t id, int64_t at_ms)
{
	/* Those that the group has taken out keep their places: undoing must not need memory. */
	int r = make_room(&b->heap, b->count + b->taken_count + 1, &b->capacity);

	if (r == 0)
		put(b, (struct reservation_due){ .at_ms = at_ms, .id = id });
	return r;
}

int64_t reservation_book_next_ms(const struct reservation_book *b)
{
	return b->count > 0 ? b->heap[0].at_ms : INT64_MAX;
}

int reservation_book_take_due(struct reservation_book *b, int64_t now_ms, int64_t *ret_id)
{
	int r;

	*ret_id = 0;
	if (reservation_book_next_ms(b) > now_ms)
		return 0;
	r = make_room(&b->taken, b->taken_count + 1, &b->taken_capacity);
	if (r < 0)
		return r;
	b->taken[b->taken_count] = take_first(b);
	*ret_id = b->taken[b->taken_count++].id;
	return 0;
}

void reservation_book_begin_group(struct reservation_book *b)
{
	CHECK(!b->is_in_group);
	b->is_in_group = true;
	b->taken_count = 0;
	b->active_before_group = b->active_count;
}

void reservation_book_keep_group(struct reservation_book *b)
{
	b->is_in_group = false;
	b->taken_count = 0;
}

void reservation_book_undo_group(struct reservation_book *b)
{
	if (!b->is_in_group)
		return;
	while (b->taken_count > 0)
		put(b, b->taken[--b->taken_count]);
	b->active_count = b->active_before_group;
	b->is_in_group = false;
}
