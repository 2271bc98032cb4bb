#include "http/read_ahead.h"
#include "base/check.h"
#include "base/fault.h"
#include "wire/json_read.h"

/* ---------------------------------------------------------------- reservations */

const char *read_ahead_reservation(const struct command *c)
{
	const struct command_traits *t = command_traits(c->kind);

	if ((t->respects & TOUCHES_PROMISED) == 0)
		return NULL;
	return (t->touches & TOUCHES_SUPERSEDED) != 0 ? c->supersedes : c->reservation_id;
}

bool read_ahead_needs_reservation(const struct command *c)
{
	return read_ahead_reservation(c) != NULL &&
	       (command_traits(c->kind)->touches & TOUCHES_SUPERSEDED) == 0;
}

int read_ahead_rows(struct reader *reader, struct work *w)
{
	struct command *c = &w->command;
	const char *name = read_ahead_reservation(c);
	struct reservation found;
	int r;

	CHECK(name != NULL);
	r = reader->ops->reservation(reader, name, &w->arena, &found);
	if (r < 0 || found.id == 0)
		return r;
	c->more_rows = arena_alloc(&w->arena, sizeof(c->more_rows[0]) * (size_t)found.line_count);
	if (c->more_rows == NULL)
		return FAULT(-ENOMEM);
	c->more_row_count = found.line_count;
	for (int i = 0; i < c->more_row_count; i++)
		c->more_rows[i] = (struct row_ref){ .sku = found.lines[i].sku,
						    .location = found.lines[i].location };
	return 0;
}

/* ---------------------------------------------------------------- the past */

bool read_ahead_has_past(const struct command *c)
{
	return c->kind == COMMAND_COUNT;
}

int read_ahead_past(struct reader *reader, struct command *c)
{
	CHECK(c->row_count == 1);
	return reader->ops->past_level(reader, c->rows[0].sku.text, c->rows[0].location.text,
				       &c->past);
}

bool read_ahead_judge_past(const struct command *c, int64_t ledger_seq, struct message_error *e)
{
	return c->past.as_of_seq <= ledger_seq ||
	       message_refuse(e, OUTCOME_MEANINGLESS, "/as_of_seq", "That seq is not reached yet.");
}
