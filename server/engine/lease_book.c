#include "engine/lease_book.h"
#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- leases */

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* In rising order, so that many are taken in as fast as few. */
static void close_rows(struct lease *l, struct gate_row gate_rows[], uint64_t keys[], int64_t fence)
{
	for (int i = 0; i < l->row_count; i++)
		keys[i] = l->rows[i].key;
	qsort(keys, (size_t)l->row_count, sizeof(keys[0]), by_key);
	gate_init(&l->gate, gate_rows, keys, l->row_count, fence);
}

/* Behind the struct: its rows, the gate's, and the texts. */
struct lease *lease_create(const char *id, const char *purpose, int64_t fence,
			   const struct row_ref rows[], int row_count)
{
	size_t count = (size_t)row_count, id_bytes = strlen(id) + 1;
	size_t rows_bytes = sizeof(rows[0]) * count, gates_bytes = sizeof(struct gate_row) * count;
	uint64_t *keys = malloc(sizeof(keys[0]) * count);
	struct lease *l =
		malloc(sizeof(*l) + rows_bytes + gates_bytes + id_bytes + strlen(purpose) + 1);
	struct gate_row *gate_rows;
	char *texts;

	CHECK(row_count > 0);
	if (keys == NULL || l == NULL) {
		free(keys);
		free(l);
		return NULL;
	}
	gate_rows = (struct gate_row *)(l + 1);
	*l = (struct lease){ .rows = (struct row_ref *)(gate_rows + count),
			     .row_count = row_count };
	texts = (char *)(l->rows + count);
	memcpy(l->rows, rows, rows_bytes);
	l->id = memcpy(texts, id, id_bytes);
	l->purpose = strcpy(texts + id_bytes, purpose);
	list_init(&l->link);
	atomic_init(&l->holder_count, 1);
	close_rows(l, gate_rows, keys, fence);
	free(keys);
	return l;
}

struct lease *lease_release(struct lease *l)
{
	if (l == NULL || atomic_fetch_sub_explicit(&l->holder_count, 1, memory_order_acq_rel) > 1)
		return NULL;
	CHECK(!l->is_in_book);
	CHECK(!list_is_linked(&l->link));
	CHECK(!l->gate.is_closed);
	free(l);
	return NULL;
}

struct lease_view lease_view_of(const struct lease *l, int64_t now_ms)
{
	int64_t left_ms = lease_has_ended(l, now_ms) ? 0 : l->expires_at_ms - now_ms;

	return (struct lease_view){ .id = l->id,
				    .fence = l->gate.fence,
				    .purpose = l->purpose,
				    .expires_at_ms = l->expires_at_ms,
				    .expires_in_ms = left_ms,
				    .row_count = l->row_count,
				    .rows = l->rows };
}

/* ---------------------------------------------------------------- the book */

void lease_book_init(struct lease_book *b)
{
	b->count = 0;
	map_init(&b->by_fence, b->fence_buckets, LEASE_BUCKETS);
	map_init(&b->by_id, b->id_buckets, LEASE_BUCKETS);
	tree_init(&b->in_order);
	tree_init(&b->by_end);
}

void lease_book_fini(struct lease_book *b)
{
	CHECK(b->count == 0);
	CHECK(tree_is_empty(&b->in_order));
	CHECK(tree_is_empty(&b->by_end));
}

static uint64_t hash_of_id(const char *id)
{
	return hash_bytes(id, strlen(id), 0);
}

void lease_book_add(struct lease_book *b, struct lease *l)
{
	CHECK(!l->is_in_book);
	CHECK(lease_book_by_fence(b, l->gate.fence) == NULL);
	l->is_in_book = true;
	map_insert(&b->by_fence, &l->by_fence, (uint64_t)l->gate.fence);
	map_insert(&b->by_id, &l->by_id, hash_of_id(l->id));
	tree_insert(&b->in_order, &l->in_order, l->gate.fence);
	tree_insert(&b->by_end, &l->by_end, l->expires_at_ms);
	b->count++;
}

void lease_book_remove(struct lease_book *b, struct lease *l)
{
	CHECK(l->is_in_book);
	CHECK(b->count > 0);
	l->is_in_book = false;
	map_remove(&b->by_fence, &l->by_fence);
	map_remove(&b->by_id, &l->by_id);
	tree_remove(&b->in_order, &l->in_order);
	tree_remove(&b->by_end, &l->by_end);
	b->count--;
}

void lease_book_renew(struct lease_book *b, struct lease *l, int64_t expires_at_ms)
{
	CHECK(l->is_in_book);
	tree_remove(&b->by_end, &l->by_end);
	l->expires_at_ms = expires_at_ms;
	tree_insert(&b->by_end, &l->by_end, l->expires_at_ms);
}

struct lease *lease_book_by_id(const struct lease_book *b, const char *id)
{
	struct map_node *n = map_find(&b->by_id, hash_of_id(id));

	for (; n != NULL; n = map_find_next(n)) {
		struct lease *l = CONTAINER_OF(n, struct lease, by_id);

		if (strcmp(l->id, id) == 0)
			return l;
	}
	return NULL;
}

struct lease *lease_book_by_fence(const struct lease_book *b, int64_t fence)
{
	struct map_node *n = map_find(&b->by_fence, (uint64_t)fence);

	return n == NULL ? NULL : CONTAINER_OF(n, struct lease, by_fence);
}

struct lease *lease_book_after(const struct lease_book *b, int64_t fence)
{
	struct tree_node *n = tree_after(&b->in_order, fence);

	return n == NULL ? NULL : CONTAINER_OF(n, struct lease, in_order);
}

struct lease *lease_book_due(const struct lease_book *b, int64_t now_ms)
{
	struct tree_node *n = tree_first(&b->by_end);

	return n == NULL || n->key > now_ms ? NULL : CONTAINER_OF(n, struct lease, by_end);
}

int64_t lease_book_next_ms(const struct lease_book *b)
{
	struct tree_node *n = tree_first(&b->by_end);

	return n == NULL ? INT64_MAX : n->key;
}
