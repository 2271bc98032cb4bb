/*
 * decide - what a granted command does, inside the writer's open group.
 *
 * A decision works on what the group has found and changes that in memory; what it does is
 * collected, and written when the group is (engine/decider.h). Nobody outside sees any of it before
 * the group is committed.
 *
 * What is a fence or an id of the store's is not known yet while a group is decided: answers that
 * hold one are completed by decide_numbered().
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/decider.h"

/*
 * Decides one command: fills its answer, its lease, and rests_on_group: its answer rests on the
 * open group and must wait for the flush. 0, or a fault: then the group must be abandoned.
 * A record that makes no sense (-EBADMSG) refuses the command that needs it, with STORE_DAMAGED.
 * A work may be decided again, in another group: nothing of what it was decided to be is left.
 */
int decide(struct decider *d, struct work *w);

/* What another group had made of it, which was abandoned. */
void decide_forget(struct work *w);

/* Was it decided in a way that its idempotency key remembers? */
bool decided_is_recorded(const struct work *w);

/*
 * The group's effects have got their numbers: so have the answers of its leases, and, where seqs
 * were relative, the decider. 0 or a fault.
 */
int decide_numbered(struct decider *d);
/* The same for the seqs of one answer. */
void decide_numbered_answer(const struct decider *d, struct answer *a);

/*
 * Resolves what found.overdue holds, oldest first; it is empty then. What cannot be resolved stays
 * active, and keeps nobody waiting: somebody has to mend it. 0 or a fault.
 */
int decide_overdue(struct decider *d);
