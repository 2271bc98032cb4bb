/*
 * handlers - what the handler files share beyond the rows of routes.def: the way of every write.
 *
 *     handle_write() ──> headers, names, body ──> read ahead ──> queues ──> answer
 *                                                                  └──> an operation (202)
 *
 * Everything in which commands differ is in their rows of schema/commands.def and in wire/messages:
 * a new command needs no handler.
 */
#pragma once
#include "exchange/exchange.h"

/*
 * Queues as an operation: answered as soon as it is there, and after wait_ms with a 202. Takes `w`
 * over.
 */
void write_submit_async(struct exchange *x, struct work *w, int64_t wait_ms);

/* How long this request waits for its rows. False: ?wait cannot be read, and it was answered. */
bool write_read_wait(struct exchange *x, int64_t *ret_ms);

/* GET /v1/stock/{sku}/{location}?read=locked (handlers_writes.c: it queues like a write). */
void stock_show_locked(struct exchange *x);
