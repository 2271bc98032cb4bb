/*
 * postgres_witness - what this process has seen of the ledger, so that it notices when the database
 * has lost it.
 *
 * A standby that follows asynchronously, and takes over, lacks what it had not received; a backup
 * that is put in place lacks more. So a front end remembers the newest movement that it knows to be
 * durable, and each connection that could write looks, before anything else, whether that movement
 * is still there: its seq, and its date, since others may have given the seq anew meanwhile. Where
 * it is not, a new epoch begins, once for all front ends (compare and set): cursors of the old one
 * end, and this front end starts anew, since all that it keeps in memory may be of what was lost.
 *
 * Threads: any. Cost: a mutex; a trip for each connection, and one a second (postgres_house.h).
 */
#pragma once
#include "store/postgres_private.h"

/* The store is open, in this epoch: from now on there is something to lose. */
void postgres_witness_begin(struct postgres_store *s, const char *epoch);
/* This movement was answered as durable, or was read where others could. */
void postgres_witness_note(struct postgres_store *s, int64_t seq, int64_t at_ms);
/*
 * 0; or -ESTALE, told to the log: it is no longer the store that it was; or a fault of the link.
 */
int postgres_witness_judge(struct postgres_store *s, struct postgres_link *l);
