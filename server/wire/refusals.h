/*
 * refusals - why a command was not carried out: a sentence with its names and numbers, and the rows
 * as they are now, so that nobody has to ask for them again.
 *
 * The same code writes the problem of a single call and what a batch says of a line. Threads: none
 * inside.
 */
#pragma once
#include "core/answer.h"
#include "wire/json_write.h"

/* The body of the refusal, with its newline. */
void refusal_write_body(struct text *out, const struct command *c, const struct answer *a);

/* Of a refusal: the sentence with its names and numbers, as a JSON text. */
void refusal_detail_write(struct json *j, const struct command *c, const struct answer *a);

/* Of a refusal for stock: "lines", and the first of them flat. */
void refusal_shortages_write(struct json *j, const struct command *c, const struct answer *a);

/* Of a refusal for where it lies: "sku", if it is about one, and "location". */
void refusal_place_write(struct json *j, const struct command *c, const struct answer *a);

/* Of a refusal for what it is about is not as it was named: "current", as it is now. */
void refusal_current_write(struct json *j, const struct command *c, const struct answer *a);
