/*
 * reply - how answers look: JSON with its headers, problems, and the answers to writes.
 */
#pragma once
#include "http/routes.h"
#include "wire/answers.h"

/* Answers with the JSON in x->reply: ?pretty, Cache-Control and, under /v1, Stock-Seq. */
void reply_json(struct exchange *x, int status, int64_t seq);

/* Answers without a body. */
void reply_empty(struct exchange *x, int status);

/* Answers with plain text, or whatever content_type says. */
void reply_text(struct exchange *x, int status, const char *content_type);

/* loop_options.refuse: a problem about the request as a whole. detail may be NULL. */
void reply_refuse(struct exchange *x, enum outcome o, const char *detail);

/* A problem with one field, parameter or header. pointer and detail may be NULL. */
void reply_problem(struct exchange *x, enum outcome o, const char *pointer, const char *detail);

/* A read failed: logs it, answers STORE_BUSY for -ETIME, STORE_FAILED otherwise. */
void reply_fault(struct exchange *x, int fault);

/* The answer to a command that changed nothing and read nothing uncommitted (a 404 of a read). */
void reply_read_refused(struct exchange *x, enum outcome o, struct row_ref *row, int64_t seq);

/* The answer to a write: everything in `a`, with what its lock cost. */
void reply_answer(struct exchange *x, const struct write *w, const struct answer *a);

/* ETag: "version" */
void reply_etag(struct exchange *x, int64_t version);

/* A number or text as a header, copied into the arena. */
void reply_header_int(struct exchange *x, const char *name, int64_t n);
void reply_header_text(struct exchange *x, const char *name, const char *before, int64_t n,
		       const char *after);
