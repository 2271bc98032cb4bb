/*
 * answers - what clients read as the answer to a command: the JSON of its body.
 *
 * The same code writes a fresh answer, the text stored under an idempotency key, and the answer
 * that is rebuilt from the ledger, so that a replay cannot differ from the first answer.
 *
 * Each noun has a header of its own, answers_NOUN.h, which writes its object as the next value of a
 * JSON text. Every body ends in a newline; an answer 204 has none. Texts must be UTF-8. Threads:
 * none inside.
 */
#pragma once
#include "core/answer.h"
#include "wire/json_write.h"

/* Where the answer of a used idempotency key comes from when it is given again. */
enum answer_source {
	ANSWER_OF_LEDGER, /* rebuilt from the movements that the command made: no text is stored */
	ANSWER_OF_BODY,   /* the text that was stored */
	ANSWER_OF_NOTHING /* a 204 has no body */
};

/* By what the command's row says that it answers with; every refusal is a text. */
enum answer_source answer_source(const struct command *c, const struct answer *a);

/* The body of the answer to a command, done or refused; a->body verbatim where there is one. */
void answer_write_body(struct text *out, const struct command *c, const struct answer *a);

/* The version that the answer shows (ETag), or -1 when it does not show one thing that has one. */
int64_t answer_version(const struct command *c, const struct answer *a);

/* Where the thing is that was created (Location). */
struct answer_location {
	const char *folder; /* "/v1/items/"; NULL: nothing was created */
	const char *name;   /* NULL: it is the number */
	int64_t number;
};

struct answer_location answer_location(const struct command *c, const struct answer *a);
