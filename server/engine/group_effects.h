/*
 * group_effects - writes what a group has decided into the store's open transaction.
 *
 * The decisions have collected it; here it gets its numbers, where the store gives them late, then
 * the records of its keys, whose bodies name them, and what the clock says. A slice of old keys is
 * deleted on the way: more than come. What was written goes into the feed, which shows it when the
 * group is published.
 *
 * Threads: the writer's, between the last decision and COMMIT.
 */
#pragma once
#include "engine/group.h"

/* 0 or a fault; then the group must be abandoned. Behind it, COMMIT is all that can fail. */
int group_effects_write(struct group *g);

/*
 * Nothing of it is kept: what its answers say of seqs counts on from the newest that is, as if the
 * group had been numbered.
 */
void group_effects_are_none(struct group *g);
