/*
 * rivals - other writers of the same store, as a group meets them: keys that they have used, and
 * rows and names that they hold.
 *
 *     lock ──> found.keys   used: the work gets the first answer again, or KEY_REUSED
 *          ──> found.held   its works are put back, all others go on
 *          ──> found.leases one that is not in the book: the same, and the next group reads news
 *          ──> -EBUSY       a name is held: all that were taken are put back, and members of the
 *                           group are decided again
 *
 * Who was put back comes again with the next group, and is refused with ROW_BUSY once its own time
 * is up. Of a store with one writer nothing of this is called.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/group.h"

enum {
	RIVALS_WAIT_MS = 20,   /* lock() waits for what others hold, while nobody waits for it */
	LINK_TRIES_MAX = 3,    /* of a group whose store went away meanwhile */
	SETTLE_MS_MAX = 10000, /* an unknown COMMIT is asked after for so long */
	/* Of a group that a rival was in the way of, also for who does not wait. */
	RIVALS_TRIES_AT_ONCE = 3,
	RIVALS_TRIES_MAX = 100, /* of a group with members, until they are refused STORE_BUSY */
	/* One waits so often for news of a lease; somebody may have typed one that no news tell. */
	RIVALS_AHEAD_MAX = 8,
};

/*
 * Is the fault one after which the group can be decided again as it is: what it wants is held, or
 * the link to the store was lost before anything was kept?
 */
bool rivals_may_have_crossed(const struct group *g, int fault);

/*
 * Has the work's key been used, by whomever? Then w->answer says so; where that cannot be read,
 * that nobody knows.
 */
bool rivals_have_answered(struct group *g, struct work *w);

/*
 * Puts back those of them that want a row that is held, and those that name a lease of which the
 * next group hears. Were there any?
 */
bool rivals_put_back(struct group *g, struct list *taken);

/*
 * The group was abandoned, and is about to be decided again: members whose own time is up, or whose
 * service is over, are told that nothing was done. Is nobody left?
 */
bool rivals_refuse_late(struct group *g);

/* Puts all of them back. */
void rivals_put_all_back(struct group *g, struct list *taken);
