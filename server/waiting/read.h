/*
 * read - a request that waits until a reader thread has read for it.
 *
 *     if (!read_wait(x, run, finish))                   // x->long_read says what came of it
 *             reply_refuse(x, OUTCOME_STORE_BUSY, NULL);
 *
 * There is no deadline: the reader limits its own time. One whose client has left may stop early,
 * and so may a whole export when the server stops.
 *
 * Threads: the loop's; run() is called on a reader thread.
 */
#pragma once
#include "exchange/exchange.h"

typedef int read_run(struct long_read *read, struct reader *reader, struct arena *arena);

/* False: too many are under way, and nothing happened. */
bool read_wait(struct exchange *x, read_run *run, exchange_continue *resume);

/* The same for a whole export or backup: service_read_all(). */
bool read_wait_whole(struct exchange *x, read_run *run, exchange_continue *resume);

/* For those that are parked already: the read only. */
bool read_begin(struct exchange *x, read_run *run);

/* waiting_kind.leave while a read is under way. */
bool read_leave(struct exchange *x);
