#include "store/reservation_book.h"
#include "base/check.h"
#include "base/fault.h"
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 64 };

static struct promise *promise_at(const struct reservation_book *b, book_index i)
{
	CHECK(i != 0);
	CHECK(i <= b->promise_count);
	return &b->promises[i - 1];
}

static struct promise_line *line_at(const struct reservation_book *b, book_index i)
{
	CHECK(i != 0);
	CHECK(i <= b->line_count);
	return &b->lines[i - 1];
}

/* Of splitmix64 (Steele, Lea, Flood 2014): neighbouring ids land far apart. */
static uint64_t mixed(uint64_t n)
{
	n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
	return n ^ (n >> 31);
}

uint32_t reservation_book_row(int64_t item_id, int64_t location_id)
{
	return (uint32_t)mixed((uint64_t)item_id * UINT64_C(0x9e3779b97f4a7c15) +
			       (uint64_t)location_id);
}

void reservation_book_fini(struct reservation_book *b)
{
	free(b->promises);
	free(b->by_id);
	free(b->heap);
	free(b->lines);
	free(b->changes);
	memset(b, 0, sizeof(*b));
}

/* ---------------------------------------------------------------- found by id */

static book_index *bucket_of(const struct reservation_book *b, int64_t id)
{
	CHECK(b->promise_capacity > 0);
	return &b->by_id[mixed((uint64_t)id) & (b->promise_capacity - 1)];
}

/* 0: it is not here, or gone. */
static book_index find(const struct reservation_book *b, int64_t id)
{
	book_index i = b->promise_capacity == 0 ? 0 : *bucket_of(b, id);

	while (i != 0 && promise_at(b, i)->id != id)
		i = promise_at(b, i)->same;
	return i != 0 && promise_at(b, i)->state != PROMISE_GONE ? i : 0;
}

static void enter(struct reservation_book *b, book_index i)
{
	struct promise *p = promise_at(b, i);
	book_index *bucket = bucket_of(b, p->id);

	p->same = *bucket;
	*bucket = i;
}

static void leave(struct reservation_book *b, book_index i)
{
	struct promise *p = promise_at(b, i);
	book_index *at = bucket_of(b, p->id);

	while (*at != i)
		at = &promise_at(b, *at)->same;
	*at = p->same;
}

/* ---------------------------------------------------------------- room */

/* The arrays only grow. NULL: memory is short, and the old one is as it was. */
static void *grown(void *array, size_t bytes, size_t capacity)
{
	CHECK(bytes > 0);
	CHECK(capacity > 0);
	return capacity > UINT32_MAX / 2 ? NULL : realloc(array, bytes * capacity);
}

static int make_promise_room(struct reservation_book *b)
{
	size_t capacity = b->promise_capacity == 0 ? CAPACITY_FIRST : b->promise_capacity * 2;
	book_index *by_id;
	void *larger;

	if (b->free_promise != 0 || b->promise_count < b->promise_capacity)
		return 0;
	by_id = calloc(capacity, sizeof(by_id[0]));
	larger = by_id == NULL ? NULL : grown(b->promises, sizeof(b->promises[0]), capacity);
	if (larger != NULL) {
		b->promises = larger;
		larger = grown(b->heap, sizeof(b->heap[0]), capacity);
	}
	if (larger == NULL) {
		free(by_id);
		return FAULT(-ENOMEM);
	}
	b->heap = larger;
	free(b->by_id);
	b->by_id = by_id;
	b->promise_capacity = capacity;
	for (size_t i = 1; i <= b->promise_count; i++)
		enter(b, (book_index)i); /* none is free: there would be room */
	return 0;
}

static int make_line_room(struct reservation_book *b, int count)
{
	size_t capacity = b->line_capacity == 0 ? CAPACITY_FIRST : b->line_capacity;
	size_t wanted = b->living_lines + (size_t)count;
	void *larger;

	CHECK(count >= 0);
	CHECK(b->living_lines <= b->line_count);
	while (capacity < wanted)
		capacity *= 2;
	if (capacity == b->line_capacity)
		return 0;
	larger = grown(b->lines, sizeof(b->lines[0]), capacity);
	if (larger == NULL)
		return FAULT(-ENOMEM);
	b->lines = larger;
	b->line_capacity = capacity;
	return 0;
}

static int make_change_room(struct reservation_book *b)
{
	size_t capacity = b->change_capacity == 0 ? CAPACITY_FIRST : b->change_capacity * 2;
	void *larger;

	if (b->change_count < b->change_capacity)
		return 0;
	larger = grown(b->changes, sizeof(b->changes[0]), capacity);
	if (larger == NULL)
		return FAULT(-ENOMEM);
	b->changes = larger;
	b->change_capacity = capacity;
	return 0;
}

static void note_change(struct reservation_book *b, book_index i, int kind, int64_t was_at_ms)
{
	if (!b->is_in_group)
		return;
	CHECK(b->change_count < b->change_capacity);
	b->changes[b->change_count++] =
		(struct promise_change){ .promise = i, .kind = kind, .was_at_ms = was_at_ms };
}

/* ---------------------------------------------------------------- the heap */

static void heap_set(struct reservation_book *b, size_t at, struct heap_entry e)
{
	CHECK(at < b->heap_count);
	b->heap[at] = e;
	promise_at(b, e.promise)->place = (book_index)(at + 1);
}

/* Into the hole at `at`, or above or below it (Williams 1964). */
static void heap_settle(struct reservation_book *b, size_t at, struct heap_entry e)
{
	CHECK(at < b->heap_count);
	while (at > 0 && b->heap[(at - 1) / 2].at_ms > e.at_ms) {
		heap_set(b, at, b->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (size_t child; (child = 2 * at + 1) < b->heap_count; at = child) {
		if (child + 1 < b->heap_count && b->heap[child + 1].at_ms < b->heap[child].at_ms)
			child++;
		if (b->heap[child].at_ms >= e.at_ms)
			break;
		heap_set(b, at, b->heap[child]);
	}
	heap_set(b, at, e);
}

static void wait_for(struct reservation_book *b, book_index i)
{
	struct promise *p = promise_at(b, i);

	CHECK(b->heap_count < b->promise_capacity);
	p->state = PROMISE_WAITING;
	b->heap_count++;
	heap_settle(b, b->heap_count - 1, (struct heap_entry){ .at_ms = p->at_ms, .promise = i });
}

static void stop_waiting(struct reservation_book *b, book_index i)
{
	size_t at = promise_at(b, i)->place - 1;
	struct heap_entry last = b->heap[--b->heap_count];

	CHECK(at <= b->heap_count);
	promise_at(b, i)->place = 0;
	if (last.promise != i)
		heap_settle(b, at, last);
}

/* ---------------------------------------------------------------- overdue */

static book_index *overdue_bucket(struct reservation_book *b, uint32_t row)
{
	return &b->overdue_rows[row % OVERDUE_BUCKETS];
}

static void show_line(struct reservation_book *b, book_index i)
{
	struct promise_line *l = line_at(b, i);
	book_index *bucket = overdue_bucket(b, l->row);

	CHECK(promise_at(b, l->owner)->state == PROMISE_OVERDUE);
	l->prev = 0;
	l->next = *bucket;
	if (l->next != 0)
		line_at(b, l->next)->prev = i;
	*bucket = i;
}

static void hide_line(struct reservation_book *b, book_index i)
{
	struct promise_line *l = line_at(b, i);

	CHECK(promise_at(b, l->owner)->state == PROMISE_OVERDUE);
	if (l->next != 0)
		line_at(b, l->next)->prev = l->prev;
	if (l->prev != 0)
		line_at(b, l->prev)->next = l->next;
	else
		*overdue_bucket(b, l->row) = l->next;
}

static void become_overdue(struct reservation_book *b, book_index i)
{
	struct promise *p = promise_at(b, i);

	CHECK(p->place == 0);
	p->state = PROMISE_OVERDUE;
	p->next = 0;
	p->prev = b->overdue_last;
	if (p->prev != 0)
		promise_at(b, p->prev)->next = i;
	else
		b->overdue_first = i;
	b->overdue_last = i;
	b->overdue_count++;
	for (book_index l = p->lines; l != 0; l = line_at(b, l)->sibling)
		show_line(b, l);
}

static void stop_being_overdue(struct reservation_book *b, book_index i)
{
	struct promise *p = promise_at(b, i);

	CHECK(b->overdue_count > 0);
	if (p->next != 0)
		promise_at(b, p->next)->prev = p->prev;
	else
		b->overdue_last = p->prev;
	if (p->prev != 0)
		promise_at(b, p->prev)->next = p->next;
	else
		b->overdue_first = p->next;
	b->overdue_count--;
	for (book_index l = p->lines; l != 0; l = line_at(b, l)->sibling)
		hide_line(b, l);
}

/* From where it stands, whichever that is. */
static void take_out(struct reservation_book *b, book_index i)
{
	CHECK(promise_at(b, i)->state == PROMISE_WAITING ||
	      promise_at(b, i)->state == PROMISE_OVERDUE);
	if (promise_at(b, i)->state == PROMISE_OVERDUE)
		stop_being_overdue(b, i);
	else
		stop_waiting(b, i);
}

void reservation_book_collect(struct reservation_book *b, int64_t now_ms)
{
	while (b->heap_count > 0 && b->heap[0].at_ms <= now_ms) {
		book_index i = b->heap[0].promise;

		stop_waiting(b, i);
		become_overdue(b, i);
	}
}

int64_t reservation_book_next_ms(const struct reservation_book *b)
{
	return b->heap_count > 0 ? b->heap[0].at_ms : INT64_MAX;
}

int64_t reservation_book_overdue(const struct reservation_book *b)
{
	return b->overdue_first == 0 ? 0 : promise_at(b, b->overdue_first)->id;
}

int64_t reservation_book_overdue_in(const struct reservation_book *b, uint32_t row)
{
	book_index i = b->overdue_rows[row % OVERDUE_BUCKETS];

	while (i != 0 && line_at(b, i)->row != row)
		i = line_at(b, i)->next;
	return i == 0 ? 0 : promise_at(b, line_at(b, i)->owner)->id;
}

bool reservation_book_is_overdue(const struct reservation_book *b, int64_t id)
{
	book_index i = b->overdue_count == 0 ? 0 : find(b, id);

	return i != 0 && promise_at(b, i)->state == PROMISE_OVERDUE;
}

/* ---------------------------------------------------------------- coming and going */

static book_index new_promise(struct reservation_book *b, int64_t id, int64_t at_ms)
{
	book_index i = b->free_promise;

	CHECK(i != 0 || b->promise_count < b->promise_capacity);
	if (i != 0)
		b->free_promise = promise_at(b, i)->next;
	else
		i = (book_index)++b->promise_count;
	*promise_at(b, i) = (struct promise){ .id = id, .at_ms = at_ms };
	enter(b, i);
	return i;
}

static void new_line(struct reservation_book *b, book_index owner, uint32_t row)
{
	book_index i = b->free_line;

	CHECK(i != 0 || b->line_count < b->line_capacity);
	if (i != 0)
		b->free_line = line_at(b, i)->sibling;
	else
		i = (book_index)++b->line_count;
	b->living_lines++;
	*line_at(b, i) = (struct promise_line){ .row = row,
						.owner = owner,
						.sibling = promise_at(b, owner)->lines };
	promise_at(b, owner)->lines = i;
}

/* The promise stands nowhere any more. */
static void free_promise(struct reservation_book *b, book_index i)
{
	struct promise *p = promise_at(b, i);

	CHECK(p->state != PROMISE_FREE);
	while (p->lines != 0) {
		book_index l = p->lines;

		p->lines = line_at(b, l)->sibling;
		line_at(b, l)->sibling = b->free_line;
		b->free_line = l;
		b->living_lines--;
	}
	leave(b, i);
	*p = (struct promise){ .state = PROMISE_FREE, .next = b->free_promise };
	b->free_promise = i;
}

static void move(struct reservation_book *b, book_index i, int64_t at_ms)
{
	take_out(b, i);
	promise_at(b, i)->at_ms = at_ms;
	wait_for(b, i);
}

int reservation_book_put(struct reservation_book *b, int64_t id, int64_t at_ms,
			 const uint32_t rows[], int row_count)
{
	book_index i = find(b, id);
	int r = make_change_room(b);

	CHECK(row_count >= 0);
	CHECK(row_count == 0 || rows != NULL);
	if (r == 0 && i != 0) {
		note_change(b, i, PROMISE_MOVED, promise_at(b, i)->at_ms);
		move(b, i, at_ms);
		return 0;
	}
	if (r == 0)
		r = make_promise_room(b);
	if (r == 0)
		r = make_line_room(b, row_count);
	if (r < 0)
		return r;
	i = new_promise(b, id, at_ms);
	for (int n = 0; n < row_count; n++)
		new_line(b, i, rows[n]);
	note_change(b, i, PROMISE_ADDED, at_ms);
	wait_for(b, i);
	b->active_count++;
	return 0;
}

int reservation_book_add_row(struct reservation_book *b, int64_t id, uint32_t row)
{
	book_index i = find(b, id);
	int r = make_line_room(b, 1);

	CHECK(i != 0);
	CHECK(promise_at(b, i)->state == PROMISE_WAITING);
	if (r == 0)
		new_line(b, i, row);
	return r;
}

int reservation_book_remove(struct reservation_book *b, int64_t id)
{
	book_index i = find(b, id);
	int r = make_change_room(b);

	if (r < 0 || i == 0)
		return r;
	take_out(b, i);
	b->active_count--;
	note_change(b, i, PROMISE_REMOVED, promise_at(b, i)->at_ms);
	if (b->is_in_group)
		promise_at(b, i)->state = PROMISE_GONE;
	else
		free_promise(b, i);
	return 0;
}

/* ---------------------------------------------------------------- groups */

void reservation_book_begin_group(struct reservation_book *b)
{
	CHECK(!b->is_in_group);
	CHECK(b->change_count == 0);
	b->is_in_group = true;
}

void reservation_book_keep_group(struct reservation_book *b)
{
	for (size_t n = 0; n < b->change_count; n++)
		if (b->changes[n].kind == PROMISE_REMOVED)
			free_promise(b, b->changes[n].promise);
	b->change_count = 0;
	b->is_in_group = false;
}

static void undo(struct reservation_book *b, const struct promise_change *c)
{
	switch (c->kind) {
	case PROMISE_ADDED:
		take_out(b, c->promise);
		free_promise(b, c->promise);
		b->active_count--;
		break;
	case PROMISE_MOVED:
		move(b, c->promise, c->was_at_ms);
		break;
	case PROMISE_REMOVED:
		wait_for(b, c->promise);
		b->active_count++;
		break;
	}
}

void reservation_book_undo_group(struct reservation_book *b)
{
	while (b->change_count > 0)
		undo(b, &b->changes[--b->change_count]);
	b->is_in_group = false;
}
