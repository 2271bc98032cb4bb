/*
 * aftermath - what comes of a group, beyond its answers: undone if it failed, and how the service
 * goes on.
 *
 *     the disk is full         the group is refused; the next one tries again
 *     another fault            the same, and after FAILURES_MAX in a row the process stops
 *     nobody knows (flush)     its keys are unknown from now on, and the process stops
 *     the file was moved       the process stops
 *     the file is damaged      nothing is written any more; reads go on
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/group.h"
#include "ops/log.h"

/*
 * What is in memory of a group that will not be kept is forgotten: rows, reservations, bookings,
 * movements for the feed. Its transaction is the caller's.
 */
void aftermath_undo(struct group *g);

/*
 * Nothing of the group was kept (or, with -EREMOTEIO, nobody knows): rolls it back, and all of it
 * is told so. Returns what those are to be told who would have been in it, and of whom nothing was
 * done in any case. Also for a fault between groups, with an empty one.
 */
enum outcome aftermath_fail(struct group *g, int fault);

/* The group is kept. */
void aftermath_succeed(struct lane *l);

/* Writing to a damaged store could make it worse: the file stays as it is, and reads go on. */
void aftermath_leave_damaged(struct lane *l);

/* Tells the operator of a fault that `count` commands met, as fault_latest() has it. */
void aftermath_log(enum log_level level, const char *event, int fault, int count);
