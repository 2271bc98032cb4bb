/*
 * group_effects - writes what a group has decided into the store's open transaction: each changed
 * row once, the movements in the order of their seqs, each key, and what the clock says.
 *
 * Catalogue, leases and reservations are there already (engine/decide.h). A slice of old keys is
 * deleted on the way: more than come.
 *
 * Threads: the writer's, between the last decision and COMMIT.
 */
#pragma once
#include "engine/group.h"

/* 0 or a fault; then the group must be rolled back. Behind it, COMMIT is all that can fail. */
int group_effects_write(struct group *g);
