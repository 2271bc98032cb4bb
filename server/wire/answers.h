/*
 * answers - what clients read: the JSON of every object, of every answer to a command, of problems.
 *
 * The same code writes a fresh answer, the text stored under an idempotency key, and the answer
 * that is rebuilt from the ledger, so that a replay cannot differ from the first answer.
 *
 * Every body ends in a newline; an answer 204 has none. Texts must be UTF-8.
 */
#pragma once
#include "core/answer.h"
#include "core/finding.h"
#include "wire/json_write.h"

void stock_write(struct json *j, const struct code *sku, const struct code *location,
		 const struct stock *s);
void movement_write(struct json *j, const struct code *sku, const struct code *location,
		    const struct movement *m);
void item_write(struct json *j, const struct item *i);
void location_write(struct json *j, const struct location *l);
void lease_write(struct json *j, const struct lease_view *l);
void reservation_write(struct json *j, const struct reservation *r);
void finding_write(struct json *j, const struct finding *f);

/* Can the answer be rebuilt from the ledger's numbers alone? Then its text need not be stored. */
bool answer_is_rebuilt(const struct command *c, const struct answer *a);

/* The body of the answer to a command, done or refused; a->body verbatim where there is one. */
void answer_write_body(struct text *out, const struct command *c, const struct answer *a);

/* Of a refusal: the sentence with its names and numbers, as a JSON text. */
void answer_detail_write(struct json *j, const struct command *c, const struct answer *a);

/* Of a refusal for stock: "lines", and the first of them flat. */
void answer_shortages_write(struct json *j, const struct command *c, const struct answer *a);

/* Of a refusal for what it is about is not as it was named: "current", as it is now. */
void answer_current_write(struct json *j, const struct command *c, const struct answer *a);

/* A refusal that is about the request rather than about the state of the store. */
struct problem {
	enum outcome outcome;
	const char *detail;  /* a sentence; NULL: the outcome's title */
	const char *pointer; /* the field (JSON Pointer), ?parameter or header; NULL: none */
	const char *members; /* more members, JSON already: "\"a\":1"; NULL: none */
	const char *request_id;
	bool is_unknown; /* whether something was done, or will be, is not known */
};

void problem_write_body(struct text *out, const struct problem *p);
