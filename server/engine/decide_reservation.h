/*
 * decide_reservation - what reservations do to stock rows, inside the writer's open group.
 *
 * A reservation is written to the store at once, inside the group's transaction, so that later
 * commands of the group find it there; its rows change in row_cache.h like everybody's. Its
 * movements belong to no one write: they are kept in `bookings` until the group is written.
 *
 * Exact about time: the group has one `now`, and everything overdue by then is booked before
 * anything else is decided.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/decide.h"

/* COMMAND_RESERVE and the three that resolve or extend: see decide(). */
int decide_reservation(struct decider *d, struct write *w);

/*
 * Books what is overdue, at most EXPIRIES_PER_GROUP_MAX of them. *ret_is_done: nothing else is; if
 * something is, this group must decide nothing. 0 or a fault.
 */
int expire_reservations(struct decider *d, bool *ret_is_done);
