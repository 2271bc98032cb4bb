/*
 * stored_leases - makes the leases in memory what the store's table says.
 *
 * The truth is in the store (row_lock), whoever wrote it: at the start, and whenever another
 * program has changed the table, both are compared by fence. What the store has no longer, or on
 * other rows, is let go; what it has and we do not closes its rows; those that were granted them
 * meanwhile, and are not decided, wait at the lease as if it had been there before.
 *
 * Threads: the writer's, between begin() and the first decision of a group.
 */
#pragma once
#include "engine/lane.h"

/*
 * Takes in what the store tells of leases, if it does. Leases whose time is up at now_ms go to
 * lane.ended_leases. 0, or a fault: then the store has to tell it again.
 */
int stored_leases_take_in(struct lane *l, const struct news *news, int64_t now_ms);

/*
 * Adds to what a group does that those of lane.ended_leases go from the store: they are let go when
 * the group is kept. 0 or a fault.
 */
int stored_leases_delete_ended(struct lane *l, struct effects *effects);
