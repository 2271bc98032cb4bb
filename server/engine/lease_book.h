/*
 * lease_book - the leases that are held: row locks that outlive a request.
 *
 * The truth is in the store (row_lock); this is the same in memory, with a gate for each lease that
 * keeps others from its rows (core/lock_table.h). A lease is here from the moment it is durable
 * until it is durably released, or its time is up. What the store holds is here, however many:
 * LEASES_MAX is a bound for taking them.
 *
 * A lease ends by store time, as everything does that is stored (core/store_clock.h): the time that
 * is shown, that a restart finds and that SQL typed by hand sees is the one that counts.
 *
 * Leases are found by fence, by id, by when they end, and page by page in the order of their
 * fences; none of that walks. A lease is one piece of memory, whose texts and rows never change:
 * who looks at it holds it (lease_hold) under the guard and copies behind it.
 *
 * Threads: none inside; the lock manager's guard protects it, but for a lease's fixed parts while
 * it is held. Only the writer thread changes the book, and so may read it without the guard.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "base/tree.h"
#include "core/answer.h"
#include "core/lock_table.h"
#include <stdatomic.h>

enum { LEASE_BUCKETS = 1 << 14 };
_Static_assert((int)LEASE_BUCKETS >= (int)LEASES_MAX, "about one lease in a bucket");

struct lease {
	struct gate gate;
	struct map_node by_fence;  /* in lease_book.by_fence */
	struct map_node by_id;     /* in lease_book.by_id */
	struct tree_node in_order; /* in lease_book.in_order, by fence */
	struct tree_node by_end;   /* in lease_book.by_end, by expires_at_ms */
	struct list link;          /* of whoever took it out of the book */
	bool is_in_book;
	atomic_int holder_count;

	/* Fixed. */
	const char *id;
	const char *purpose;
	int64_t token_id; /* whose it is; 0: of nobody; set by whoever has created it */
	int row_count;
	struct row_ref *rows;

	/* UTC, store time. What somebody has typed may be any number. */
	int64_t taken_at_ms;
	int64_t expires_at_ms; /* not to be set while it is in the book */
};

struct lease_book {
	int count;
	struct map by_fence;
	struct map by_id;
	struct tree in_order;
	struct tree by_end;
	struct map_node *fence_buckets[LEASE_BUCKETS];
	struct map_node *id_buckets[LEASE_BUCKETS];
};

void lease_book_init(struct lease_book *b);
void lease_book_fini(struct lease_book *b); /* it must be empty */

/*
 * Copies rows and texts. NULL when memory is short. Not in the book yet; the caller holds it, and
 * sets when it was taken and ends. rows: 1 or more; of the store's own there may be more than
 * COMMAND_ROWS_MAX.
 */
struct lease *lease_create(const char *id, const char *purpose, int64_t fence,
			   const struct row_ref rows[], int row_count);

static inline void lease_hold(struct lease *l)
{
	CHECK(atomic_fetch_add_explicit(&l->holder_count, 1, memory_order_relaxed) > 0);
}

/* One holder fewer; the last one frees it. NULL is fine. Returns NULL. */
struct lease *lease_release(struct lease *l);

static inline bool lease_has_ended(const struct lease *l, int64_t now_ms)
{
	return l->expires_at_ms <= now_ms;
}

/* The book holds it from now on, in place of the caller; its end must be set. */
void lease_book_add(struct lease_book *b, struct lease *l);
/* The caller holds it in place of the book. */
void lease_book_remove(struct lease_book *b, struct lease *l);
void lease_book_renew(struct lease_book *b, struct lease *l, int64_t expires_at_ms);

/* Of several with this id the one that was added last. */
struct lease *lease_book_by_id(const struct lease_book *b, const char *id);
struct lease *lease_book_by_fence(const struct lease_book *b, int64_t fence);
/* The one with the smallest fence above this one, or NULL. */
struct lease *lease_book_after(const struct lease_book *b, int64_t fence);

/* One whose time is up at now_ms, still in the book, or NULL. */
struct lease *lease_book_due(const struct lease_book *b, int64_t now_ms);
/* When the next one ends, or INT64_MAX. */
int64_t lease_book_next_ms(const struct lease_book *b);

/* May he renew it, give it back, or change what it keeps from others? */
static inline bool lease_is_for(const struct lease *l, const struct actor *a)
{
	return l->token_id == a->token_id || actor_has_role(a, ROLE_WRITER);
}

/* How it stands now; texts and rows are the lease's own. */
struct lease_view lease_view_of(const struct lease *l, int64_t now_ms);

static inline struct lease *lease_of_gate(struct gate *g)
{
	return CONTAINER_OF(g, struct lease, gate);
}
