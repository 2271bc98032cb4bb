/*
 * lease_book - the leases that are held: row locks that outlive a request.
 *
 * The truth is in the store (row_lock); this is the same in memory, with a gate for each lease that
 * keeps others from its rows (core/lock_table.h). A lease is here from the moment it is durable
 * until it is durably released, or its time is up.
 *
 * Deadlines count on the monotonic clock, so that a step of the wall clock neither ends nor revives
 * a lease; what is stored and shown is UTC.
 *
 * Threads: none inside; the lock manager's guard protects it. Only the writer thread changes it,
 * and so may read it without the guard.
 */
#pragma once
#include "base/list.h"
#include "core/answer.h"
#include "core/deadline.h"
#include "core/lock_table.h"

struct lease {
	struct gate gate;
	struct list link;         /* in lease_book.leases, by rising fence */
	struct deadline deadline; /* in lease_book.deadlines */
	char id[ID_BYTES_MAX + 1];
	char purpose[PURPOSE_CHARACTERS_MAX * 4 + 1]; /* of UTF-8 */
	int64_t taken_at_ms;
	int64_t expires_at_ms; /* UTC */
	int64_t taken_ns;      /* monotonic: when it was taken */
	int64_t deadline_ns;   /* monotonic: when it expires */
	int row_count;
	struct row_ref *rows;
	struct gate_row *gate_rows;
};

struct lease_book {
	struct list leases;
	int count;
	struct deadline_queue deadlines;
	struct deadline *heap[LEASES_MAX];
};

void lease_book_init(struct lease_book *b);
void lease_book_fini(struct lease_book *b); /* destroys what is still in it */

/* Copies rows and texts. NULL when memory is short. Not in the book yet. */
struct lease *lease_create(const char *id, const char *purpose, int64_t fence,
			   const struct row_ref rows[], int row_count);
/* It must not be in the book. NULL is fine. Returns NULL. */
struct lease *lease_destroy(struct lease *l);

/* The book must have room. expires_at_ms and deadline_ns must be set. */
void lease_book_add(struct lease_book *b, struct lease *l);
void lease_book_remove(struct lease_book *b, struct lease *l);
void lease_book_renew(struct lease_book *b, struct lease *l, int64_t expires_at_ms,
		      int64_t deadline_ns);

struct lease *lease_book_by_id(const struct lease_book *b, const char *id);
struct lease *lease_book_by_fence(const struct lease_book *b, int64_t fence);

/* One whose time is up at now_ns, still in the book, or NULL. */
struct lease *lease_book_due(const struct lease_book *b, int64_t now_ns);

/* How it stands now; texts and rows are the lease's own. */
struct lease_view lease_view_of(const struct lease *l, int64_t now_ns);

static inline struct lease *lease_of_gate(struct gate *g)
{
	return CONTAINER_OF(g, struct lease, gate);
}
