/*
 * reply - how answers look: JSON with its headers, problems, and the answers to writes.
 *
 * Each of these answers the exchange, once. Handlers that have written their JSON into x->reply,
 * with its newline, end with reply_json() or reply_tagged().
 */
#pragma once
#include "http/call.h"
#include "wire/message.h"
#include "wire/problems.h"
#include "wire/server_timing.h"

/* The JSON in x->reply: ?pretty, and under /v1 Cache-Control and, for readers, Stock-Seq. */
void reply_json(struct exchange *x, int status, int64_t seq);

/* Cache-Control and Stock-Seq, where the others do not add them. */
void reply_headers(struct exchange *x, int64_t seq);

/* The same with status 200 and the ETag "version"; 304 without a body where If-None-Match holds. */
void reply_tagged(struct exchange *x, int64_t version, int64_t seq);

/* The same for a change that took no lock: Server-Timing says so. The body may be empty. */
void reply_untimed(struct exchange *x, int status);

/* Without a body. */
void reply_empty(struct exchange *x, int status);

/* The text in x->reply, which is of this type. */
void reply_text(struct exchange *x, int status, const char *content_type);

/* edge_options.refuse: a problem with the request as a whole. detail may be NULL. */
void reply_refuse(struct exchange *x, enum outcome o, const char *detail);

/*
 * Any problem; request_id is filled in, and is_unknown from x->is_unsure, or where there was no
 * memory to look for a key. OUT_OF_MEMORY, which invites to try again, is ANSWER_LOST then.
 */
void reply_problem(struct exchange *x, const struct problem *p);

/* A message that could not be read: the field, and what is wrong with it. */
void reply_message_error(struct exchange *x, const struct message_error *e);

/* INVALID_PARAMETER: "The parameter <name> <what>". */
struct wrong_parameter {
	const char *name;
	const char *what;
};

void reply_wrong_parameters(struct exchange *x, const struct wrong_parameter wrong[], int count);
void reply_wrong_parameter(struct exchange *x, const char *name, const char *what);

/* 401: his token has ended while it waited (exchange.is_ended). */
void reply_ended(struct exchange *x);

/* A read failed: notes it (service_note_fault) and answers with outcome_of_fault(). */
void reply_fault(struct exchange *x, int fault);

/* UNKNOWN_ITEM or UNKNOWN_LOCATION of a read, with the PUT to type for the name in `row`. */
void reply_unknown(struct exchange *x, enum outcome o, struct row_ref *row, int64_t seq);

/* Preference-Applied: call.preferred_wait_s, where it was read. */
void reply_preference_applied(struct exchange *x);

/* Server-Timing. */
void reply_timing(struct exchange *x, const struct server_timing *t);

/* The headers of a 202, whose operation is to be asked for again after so many seconds. */
void reply_accepted(struct exchange *x, const struct work *w, const char *operation_id,
		    int64_t retry_after_s);

/* 410: the seq that was named does not exist in this store. */
void reply_cursor_lost(struct exchange *x, int64_t latest_seq);

/* 503: the store has not come to the seq that the read wants. */
void reply_behind(struct exchange *x, int64_t wanted_seq, int64_t latest_seq);

/* The answer to a write (or a locked read), with what its lock cost. `a` may be w->answer. */
void reply_answer(struct exchange *x, const struct work *w, const struct answer *a);
