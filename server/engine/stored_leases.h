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
 * Reads the leases, unless the store says that nobody has edited one since. Leases whose time is up
 * at now_ms go to lane.ended_leases. 0, or a fault: then the next call reads them again.
 */
int stored_leases_reload(struct lane *l, int64_t now_ms);

/*
 * Deletes those of lane.ended_leases from the store, within a group: they are let go when the group
 * is kept. How many there are, or a fault.
 */
int stored_leases_delete_ended(struct lane *l);
