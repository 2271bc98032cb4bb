/*
 * wanted - what the commands of a group need to be decided: read from their rows in
 * schema/commands.def, and asked for in one piece (store/group.h).
 *
 * Rows that a command touches and rows whose lease it respects are two sets: a row is given back
 * units though somebody leases it.
 *
 * Threads: the writer's. Cost: a few instructions a row.
 */
#pragma once
#include "engine/lock_manager.h"
#include "store/group.h"

/* What a store knows without being asked, so that nobody asks. */
struct wanted_of_store {
	bool leases_are_told;
	bool keys_are_told;
};

/* Adds what the work wants, or all of its lines; nothing for one that was recalled. */
void wanted_by(struct want *want, const struct work *w, const struct wanted_of_store *of);
