/*
 * snapshot - a loop's own read-only view of a store that is here (store_ops.reads_inline).
 *
 *     snapshot_use(&n);            // at the first read of a turn: sees all that was published
 *     ...n.reader...               // and renews it when a group has been published since
 *     snapshot_rest(&n);           // before the loop sleeps: it never pins the store
 *
 * Where the store is a network away there is nothing to use: snapshot_is_here() says so, and reads
 * go to threads that may wait (engine/point_reads.h). Handlers need not ask: waiting/read.h.
 *
 * Threads: one, its loop's.
 */
#pragma once
#include "engine/published.h"
#include "store/store.h"

struct snapshot {
	/* Use it between snapshot_use() and snapshot_rest() only. NULL: the store is not here. */
	struct reader *reader;
	const struct published *published;
	int64_t seq;         /* the newest seq that it shows */
	uint64_t generation; /* of what was published when it was begun */
	bool is_open;
};

/* 0 or a fault. */
int snapshot_init(struct snapshot *n, struct store *store, const struct published *published);
void snapshot_fini(struct snapshot *n);

/* May its thread read the store by itself? */
static inline bool snapshot_is_here(const struct snapshot *n)
{
	return n->reader != NULL;
}

/* Where it is here. Sees everything that was published before the call. 0 or a fault. */
int snapshot_use(struct snapshot *n);
void snapshot_rest(struct snapshot *n);
