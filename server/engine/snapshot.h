/*
 * snapshot - a loop's own read-only view of the store.
 *
 *     snapshot_use(&n);            // at the first read of a turn: sees all that was published
 *     ...n.reader...               // and renews it when a group has been published since
 *     snapshot_rest(&n);           // before the loop sleeps: it never pins the store
 *
 * Threads: one, its loop's.
 */
#pragma once
#include "engine/published.h"
#include "store/store.h"

struct snapshot {
	struct reader *reader; /* use it between snapshot_use() and snapshot_rest() only */
	const struct published *published;
	int64_t seq;         /* the newest seq that it shows */
	uint64_t generation; /* of what was published when it was begun */
	bool is_open;
};

/* 0 or a fault. */
int snapshot_init(struct snapshot *n, struct store *store, const struct published *published);
void snapshot_fini(struct snapshot *n);

/* Sees everything that was published before the call. 0 or a fault. */
int snapshot_use(struct snapshot *n);
void snapshot_rest(struct snapshot *n);
