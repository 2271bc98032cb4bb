/*
 * decide - what a granted command does, inside the writer's open group.
 *
 * Stock commands are decided in memory by core/rules.h on the rows that row_cache.h holds.
 * Catalogue and lease commands are rare: they write to the store at once, inside the same
 * transaction. Nobody outside sees any of it before the group is committed.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/lock_manager.h"
#include "engine/row_cache.h"

struct decider {
	struct store *store;
	struct row_cache *cache;
	struct lock_manager *locks;
	const struct list
		*members;      /* write.work_link: decided in this group, waiting for its flush */
	uint64_t group;        /* number of the open group, from 1 */
	int64_t seq_committed; /* before the group */
	int64_t seq;           /* given out so far */
	int64_t now_ms;        /* store time of the group */
	int64_t now_ns;
	bool has_writes; /* something is to be written */
};

/*
 * Decides one write: fills its answer, its cached rows or its lease, and is_late: its answer rests
 * on the open group and must wait for the flush. 0, or a fault: then the group must be rolled back.
 */
int decide(struct decider *d, struct write *w);

/* Was it decided in a way that its idempotency key remembers? */
bool decided_is_recorded(const struct write *w);
