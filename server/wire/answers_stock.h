/*
 * answers_stock - stock rows and their movements, as clients read them. For the ways of all answers
 * see answers.h.
 */
#pragma once
#include "core/command.h"
#include "wire/json_write.h"

/* "sku" and "location", as members of an object that is open. */
void row_names_write(struct json *j, const struct code *sku, const struct code *location);

void stock_write(struct json *j, const struct code *sku, const struct code *location,
		 const struct stock *s);
void movement_write(struct json *j, const struct code *sku, const struct code *location,
		    const struct movement *m);

/* "hint", of a command whose reason came with capitals: how it is kept. Else nothing. */
void reason_hint_write(struct json *j, const struct command *c);

/*
 * The same in the answer of the command that made it. One of which nobody knows who made it is of a
 * release that did not say, and a key is answered as it was: without actor and note.
 */
void movement_write_answered(struct json *j, const struct code *sku, const struct code *location,
			     const struct movement *m);
