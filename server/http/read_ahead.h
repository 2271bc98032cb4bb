/*
 * read_ahead - what must be known of the store before a command queues, so that no lock is held
 * while it is looked up: the rows that a reservation has promised, and the past of a count. Both
 * are history and cannot change: reading them early is as good as reading them under the lock.
 *
 * Threads: the loop's; what takes a reader is for whose that is, and nobody else touches the work
 * meanwhile.
 */
#pragma once
#include "engine/service.h"
#include "wire/message.h"

/* The reservation whose rows the command claims beside its own; NULL: none. */
const char *read_ahead_reservation(const struct command *c);

/*
 * Its rows, into command.more_rows, so that resolving it claims them; they stay NULL where it is
 * not there. 0 or a fault.
 */
int read_ahead_rows(struct reader *reader, struct work *w);

/*
 * A reservation that is not there: is there nothing to be done without it? One to supersede that is
 * unknown is judged by the rules, in its turn.
 */
bool read_ahead_needs_reservation(const struct command *c);

/* Does the command state what a row was at a seq before (COUNT)? */
bool read_ahead_has_past(const struct command *c);

/* That level, into command.past. 0 or a fault. Walks the row's movements back. */
int read_ahead_past(struct reader *reader, struct command *c);

/*
 * Had the ledger come to the seq that it names, when it was read? By what the ledger has, not by
 * what was published: a read may have seen it already. False: see `e`.
 */
bool read_ahead_judge_past(const struct command *c, int64_t ledger_seq, struct message_error *e);
