/*
 * group - commands that are decided and committed together, from its begin to its end.
 *
 *     begin     the store's lock; what others wrote is taken in; some of what is overdue is booked
 *     decide    ready works are taken, what they want is locked and found (store/group.h), they are
 *               decided one after the other, and pass their rows on, until nobody is ready (nor
 *               is expected: core/linger.h) or the group closes (core/group_size.h)
 *     write     what they do (engine/group_effects.h), then COMMIT: one flush
 *     publish   the new seq is visible, keys are remembered, answers go home (engine/delivery.h)
 *
 * All that is true of one group only is in it, and what outlives it is in the lane: a store that
 * could have several groups under way would have as many of these.
 *
 * With early lock release a row passes on as soon as its change is decided, so one hot row gets
 * many changes per flush; every answer that rests on the group, a refusal too, leaves only after
 * the flush, and a failed commit fails the whole group. (DeWitt et al. 1984, "Implementation
 * Techniques for Main Memory Database Systems", section 5.2: pre-committed transactions.) With
 * `commit` a row passes on when its change is durable.
 *
 * Where the store will not take what one of them does, the group is abandoned and decided again
 * from its begin, with that one refused: nothing was told to anybody yet, but refusals that rest on
 * nothing of it. A reservation that the store does not let run out stays as it is.
 *
 * A refusal that rests on nothing uncommitted, and that no key has to remember, leaves at once. A
 * group that wrote nothing, or whose atomic part of a batch was refused, is rolled back: no flush.
 * What the store says of the clock, when it is wrong by a second, is written by a group, too.
 *
 * Threads: the writer's.
 */
#pragma once
#include "core/group_size.h"
#include "engine/decide.h"
#include "engine/lane.h"

struct group {
	struct lane *lane;
	struct group_size size;
	struct decider decider; /* its time, what it found, and what it does */
	struct want want;       /* of those that are decided next */
	struct list members;    /* work.work_link: wait for the flush */
	int work_count;         /* of them */
	int slice;              /* how many are taken at once, after a name was held: grows again */
	bool has_rivals;        /* others may write while it is open: engine/rivals.h */
	bool joins;             /* lock() may be called again in an open group */
	int crossed_by;         /* it begins anew: -EBUSY, a rival held what it wants; -ENOTCONN */
	bool has_lingered;      /* for those who were answered just before: core/linger.h */
	bool is_taken_back;     /* nothing of it is to be kept: its atomic part was refused */
	bool follows_taken_back; /* and so was the one before it */
};

/* An empty one. Its memory is kept from run to run. */
void group_init(struct group *g, struct lane *l);
void group_fini(struct group *g); /* it must have no members */

/*
 * From begin to end, whatever comes of it: those in it have got their answers then, and
 * lane.aftermath says whether there is to be another. Nobody may be ready: then it takes in what
 * others wrote, and writes what is due by itself.
 */
void group_run(struct group *g);
