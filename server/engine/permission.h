/*
 * permission - may the actor of a work write to what it touches?
 *
 * What a command names is judged before it queues, so that nobody waits in the queue of a row that
 * he may not touch; what a reservation or a lease names is judged when it is decided, since only
 * then it is known. A read is no write, and an item lies nowhere.
 *
 *     if (!permission_by_names(w))
 *             ...w->answer says LOCATION_FORBIDDEN and which row...
 *
 * Threads: whoever has the work. Cost where the actor is not limited: one compare.
 */
#pragma once
#include "engine/work.h"

/* Of the rows that the command names, and of the location that it is about. */
bool permission_by_names(struct work *w);

/* Of the rows of a reservation that it makes, resolves or extends. */
bool permission_by_reservation(struct work *w, const struct reservation *reservation);

/* Of the rows of a lease that it renews or gives back. */
bool permission_by_rows(struct work *w, const struct row_ref rows[], int count);
