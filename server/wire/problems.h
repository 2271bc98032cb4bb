/*
 * problems - application/problem+json (RFC 9457): the body of every refusal.
 *
 *     problem_write_body(&x->reply, &(struct problem){ .outcome = OUTCOME_NOT_FOUND });
 *
 * Refusals of commands have more to say: refusals.h. Every body ends in a newline; texts must be
 * UTF-8. Threads: none inside.
 */
#pragma once
#include "core/outcome.h"
#include "wire/json_write.h"

/* A refusal that is about the request rather than about the state of the store. */
struct problem {
	enum outcome outcome;
	const char *detail;  /* a sentence; NULL: the outcome's title */
	const char *pointer; /* the field (JSON Pointer), ?parameter or header; NULL: none */
	const char *members; /* more members, JSON already: "\"a\":1"; NULL: none */
	const char *request_id;
	bool is_unknown; /* whether something was done, or will be, is not known */
};

/* Is it a refusal, and does it say what it is about? Of ours: we CHECK it. */
bool problem_is_sound(const struct problem *p);

void problem_write_body(struct text *out, const struct problem *p);

/*
 * The members that every problem begins with, and those that it ends with; the caller writes its
 * own in between. detail and hint: NULL for those of the outcome's row.
 */
void problem_open(struct json *j, enum outcome o, const char *detail, const char *hint,
		  bool is_unknown);
void problem_close(struct json *j, enum outcome o, bool is_unknown, const char *request_id);
