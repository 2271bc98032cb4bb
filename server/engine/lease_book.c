#include "engine/lease_book.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lease_book_init(struct lease_book *b)
{
	list_init(&b->leases);
	b->count = 0;
	deadline_queue_init(&b->deadlines, b->heap, LENGTH_OF(b->heap));
}

void lease_book_fini(struct lease_book *b)
{
	LIST_EACH_SAFE (it, &b->leases) {
		struct lease *l = CONTAINER_OF(it, struct lease, link);

		lease_book_remove(b, l);
		lease_destroy(l);
	}
	CHECK(b->count == 0);
}

struct lease *lease_create(const char *id, const char *purpose, int64_t fence,
			   const struct row_ref rows[], int row_count)
{
	struct lease *l = calloc(1, sizeof(*l));
	uint64_t keys[COMMAND_ROWS_MAX];

	CHECK(row_count > 0);
	CHECK(row_count <= COMMAND_ROWS_MAX);
	if (l == NULL)
		return NULL;
	list_init(&l->link);
	l->rows = malloc(sizeof(rows[0]) * (size_t)row_count);
	l->gate_rows = malloc(sizeof(l->gate_rows[0]) * (size_t)row_count);
	if (l->rows == NULL || l->gate_rows == NULL)
		return lease_destroy(l);

	snprintf(l->id, sizeof(l->id), "%s", id);
	snprintf(l->purpose, sizeof(l->purpose), "%s", purpose);
	l->row_count = row_count;
	for (int i = 0; i < row_count; i++) {
		l->rows[i] = rows[i];
		keys[i] = rows[i].key;
	}
	gate_init(&l->gate, l->gate_rows, keys, row_count, fence);
	return l;
}

struct lease *lease_destroy(struct lease *l)
{
	if (l == NULL)
		return NULL;
	CHECK(!list_is_linked(&l->link));
	CHECK(!l->gate.is_closed);
	free(l->rows);
	free(l->gate_rows);
	free(l);
	return NULL;
}

void lease_book_add(struct lease_book *b, struct lease *l)
{
	struct list *at = &b->leases;

	CHECK(b->count < LEASES_MAX);
	CHECK(l->deadline_ns > 0);
	while (at->prev != &b->leases &&
	       CONTAINER_OF(at->prev, struct lease, link)->gate.fence > l->gate.fence)
		at = at->prev;
	list_insert_before(at, &l->link);
	deadline_add(&b->deadlines, &l->deadline, l->deadline_ns);
	b->count++;
}

void lease_book_remove(struct lease_book *b, struct lease *l)
{
	CHECK(list_is_linked(&l->link));
	list_remove(&l->link);
	deadline_remove(&b->deadlines, &l->deadline);
	b->count--;
}

void lease_book_renew(struct lease_book *b, struct lease *l, int64_t expires_at_ms,
		      int64_t deadline_ns)
{
	deadline_remove(&b->deadlines, &l->deadline);
	l->expires_at_ms = expires_at_ms;
	l->deadline_ns = deadline_ns;
	deadline_add(&b->deadlines, &l->deadline, deadline_ns);
}

struct lease *lease_book_by_id(const struct lease_book *b, const char *id)
{
	LIST_EACH (it, &b->leases) {
		struct lease *l = CONTAINER_OF(it, struct lease, link);

		if (strcmp(l->id, id) == 0)
			return l;
	}
	return NULL;
}

struct lease *lease_book_by_fence(const struct lease_book *b, int64_t fence)
{
	LIST_EACH (it, &b->leases) {
		struct lease *l = CONTAINER_OF(it, struct lease, link);

		if (l->gate.fence == fence)
			return l;
	}
	return NULL;
}

struct lease *lease_book_due(const struct lease_book *b, int64_t now_ns)
{
	if (deadline_next_ns(&b->deadlines) > now_ns)
		return NULL;
	return CONTAINER_OF(b->deadlines.heap[0], struct lease, deadline);
}

struct lease_view lease_view_of(const struct lease *l, int64_t now_ns)
{
	int64_t left_ms = (l->deadline_ns - now_ns) / NS_PER_MS;

	return (struct lease_view){ .id = l->id,
				    .fence = l->gate.fence,
				    .purpose = l->purpose,
				    .expires_at_ms = l->expires_at_ms,
				    .expires_in_ms = left_ms > 0 ? left_ms : 0,
				    .row_count = l->row_count,
				    .rows = l->rows };
}
