/*
 * decide_reservation - what reservations do to stock rows, inside the writer's open group.
 *
 * A reservation is written to the store at once, inside the group's transaction, so that later
 * commands of the group find it there; its rows change in row_cache.h like everybody's. Its
 * movements belong to no one write: they are kept in `bookings` until the group is written.
 *
 * Exact about time: the group has one `now`. What is overdue by then is booked before a row of its
 * lines is decided on, or somebody names it; the rest of it in slices, one at the start of each
 * group, so that nobody waits for reservations that are none of his rows' business.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/decide.h"

/* COMMAND_RESERVE and the three that resolve or extend: see decide(). */
int decide_reservation(struct decider *d, struct work *w);

/* Books a slice of what is overdue by the group's time, oldest first. 0 or a fault. */
int expire_reservations(struct decider *d);

/*
 * Books what is overdue in the rows of this command, which is decided next, until the group has
 * booked twice EXPIRED_LINES_PER_GROUP_MAX lines, or looked at as many reservations.
 * *ret_is_booked: nothing is any more; if something is, the command must wait for another group. 0
 * or a fault.
 */
int book_overdue_of_command(struct decider *d, const struct command *c, bool *ret_is_booked);
