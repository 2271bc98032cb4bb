/*
 * chores - what the writer does between groups: old keys are deleted, the store's log is kept
 * short, and a file that was moved away is noticed though nobody writes.
 *
 * Nobody is to wait for any of it: what takes long is done while nothing is ready, in pieces.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/group.h"

struct chores {
	struct group *group; /* for groups of their own, and for what becomes of a fault */
	int64_t done_ns;     /* when all of them were looked at last */
};

void chores_init(struct chores *c, struct group *g);

/*
 * Once a second, and in between as long as there are old keys and nothing else to do. is_idle:
 * nothing was ready just now.
 */
void chores_do(struct chores *c, bool is_idle);

/* Looks at the log, after a group and when chores_have_log() says so. */
void chores_keep_log_short(struct chores *c);

/* Is the log to be looked at soon, though no group was written? */
bool chores_have_log(const struct chores *c);

/* When the writer must look around at the latest, for their sake: monotonic; 0: at once. */
int64_t chores_due_ns(const struct chores *c);

/* Nothing is written any more: nobody is to wait for the log, no key is deleted. */
void chores_stop(struct chores *c);
