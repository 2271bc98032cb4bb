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

/* Can the answer be rebuilt from the ledger's numbers alone? Then its text need not be stored. */
bool answer_is_rebuilt(const struct command *c, const struct answer *a);

/* The body of the answer to a command, done or refused; a->body verbatim where there is one. */
void answer_write_body(struct text *out, const struct command *c, const struct answer *a);
