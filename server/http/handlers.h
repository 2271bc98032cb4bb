/*
 * handlers - what the handler files share beyond the rows of routes.def: the way of every write.
 *
 *     struct work *w = write_begin(x, COMMAND_RESERVE);
 *     if (w == NULL || !write_has_no_condition(x, w))
 *             return;                                    // it was answered
 *     if (!message_read_...(..., &w->command, &e))
 *             write_refuse_message(x, w, &e);
 *     else
 *             write_submit(x, w);
 *
 * Whoever is handed `w` answers the exchange and lets it go, unless it says otherwise.
 */
#pragma once
#include "exchange/exchange.h"
#include "wire/message.h"

/* NULL: it was answered that memory is short. */
struct work *write_begin(struct exchange *x, enum command_kind kind);

/* Gives it up before it was submitted. pointer: the field or header; it and detail may be NULL. */
void write_refuse(struct exchange *x, struct work *w, enum outcome o, const char *pointer,
		  const char *detail);
void write_refuse_message(struct exchange *x, struct work *w, const struct message_error *e);

/* If-Match and If-None-Match are refused: the call is not about one row. False: it was answered. */
bool write_has_no_condition(struct exchange *x, struct work *w);

/* Reads what all writes have in common (wait, leases, key), then queues. */
void write_submit(struct exchange *x, struct work *w);

/* Queues as an operation: answered as soon as it is there, and after wait_ms with a 202. */
void write_submit_async(struct exchange *x, struct work *w, int64_t wait_ms);

/* The same as write_submit() for calls without fields: {} or no body. */
void write_submit_without_body(struct exchange *x, struct work *w);

/*
 * The rows that a reservation has promised, into command.more_rows, so that resolving it claims
 * them. Its lines never change, so what the snapshot says of them is true for good. 0 or a fault.
 */
int write_read_promised_rows(struct snapshot *snapshot, struct work *w, const char *name,
			     bool *ret_is_known);

/* How long this request waits for its rows. False: ?wait cannot be read, and it was answered. */
bool write_read_wait(struct exchange *x, int64_t *ret_ms);

/* GET /v1/stock/{sku}/{location}?read=locked (handlers_writes.c: it queues like a write). */
void stock_show_locked(struct exchange *x);
