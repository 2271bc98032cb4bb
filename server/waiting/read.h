/*
 * read - a request that waits until a reader thread has read for it.
 *
 *     if (!read_wait(x, run, finish))                   // x->long_read says what came of it
 *             reply_refuse(x, OUTCOME_STORE_BUSY, NULL);
 *
 *     read_point(x, run, finish);                       // a few rows
 *
 * A read of a few rows is written once, and runs where the store is: here, on the spot, in the
 * loop's snapshot; or, where that is a network away, on a thread that may wait, in a snapshot that
 * is younger than the request, while the exchange is parked. Which of them it is follows from the
 * store, and is asked once for each such read.
 *
 * There is no deadline: the reader limits its own time. One whose client has left may stop early,
 * and so may a whole export when the server stops.
 *
 * Threads: the loop's; run() is called on a reader thread, but that of a point read on the loop's
 * where the store is here. It touches what is its own only, and what is not touched meanwhile: the
 * request, and its arena.
 */
#pragma once
#include "exchange/exchange.h"

typedef int read_run(struct long_read *read, struct reader *reader, struct arena *arena);

/* False: too many are under way, and nothing happened. */
bool read_wait(struct exchange *x, read_run *run, exchange_continue *resume);

/* finish() is called in any case, at once or later: x->long_read says what came of it. */
void read_point(struct exchange *x, read_run *run, exchange_continue *finish);

/* Nothing but how far the store has come: x->long_read.seq. */
void read_newest(struct exchange *x, exchange_continue *finish);

/*
 * How far it has come as far as can be told at once: by the loop's snapshot, or by what was
 * published and the latest read of this exchange. 0 or a fault.
 */
int read_newest_known(struct exchange *x, int64_t *ret_seq);

/* The same for a whole export or backup: service_read_all(). */
bool read_wait_whole(struct exchange *x, read_run *run, exchange_continue *resume);

/* For those that are parked already: the read only. */
bool read_begin(struct exchange *x, read_run *run);

/* waiting_kind.leave while a read is under way. */
bool read_leave(struct exchange *x);
