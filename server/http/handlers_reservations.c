/* handlers_reservations - the calls that make, resolve and extend reservations. */
#include "base/fault.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "wire/messages_reservation.h"
#include <string.h>

int write_read_promised_rows(struct snapshot *snapshot, struct work *w, const char *name,
			     bool *ret_is_known)
{
	struct command *c = &w->command;
	struct reservation found;
	int r = snapshot_use(snapshot);

	if (r == 0)
		r = snapshot->reader->ops->reservation(snapshot->reader, name, &w->arena, &found);
	if (r < 0)
		return r;
	*ret_is_known = found.id != 0;
	if (found.id == 0)
		return 0;
	c->more_rows = arena_alloc(&w->arena, sizeof(c->more_rows[0]) * (size_t)found.line_count);
	if (c->more_rows == NULL)
		return FAULT(-ENOMEM);
	c->more_row_count = found.line_count;
	for (int i = 0; i < c->more_row_count; i++)
		c->more_rows[i] = (struct row_ref){ .sku = found.lines[i].sku,
						    .location = found.lines[i].location };
	return 0;
}

/* False: it was answered. */
static bool read_promised_rows(struct exchange *x, struct work *w, const char *name,
			       bool *ret_is_known)
{
	int r = write_read_promised_rows(x->snapshot, w, name, ret_is_known);

	if (r == 0)
		return true;
	reply_fault(x, r);
	work_release(w);
	return false;
}

static void make_reservation(struct exchange *x, struct work *w)
{
	struct message_error e;
	bool is_known;

	if (!message_read_reservation(message_of(x->body, x->body_bytes), &w->arena, &w->command,
				      &e))
		write_refuse_message(x, w, &e);
	else if (w->command.supersedes == NULL ||
		 read_promised_rows(x, w, w->command.supersedes, &is_known))
		write_submit(x, w);
}

void handle_reservation_make(struct exchange *x)
{
	struct work *w = write_begin(x, COMMAND_RESERVE);

	if (w != NULL && write_has_no_condition(x, w))
		make_reservation(x, w);
}

/* The one that the path names; NULL: it was answered. */
static struct work *begin_reservation(struct exchange *x, enum command_kind kind)
{
	const char *id = call_of(x)->names[0];
	struct work *w = write_begin(x, kind);

	if (w == NULL || !write_has_no_condition(x, w))
		return NULL;
	w->command.reservation_id = arena_copy(&w->arena, id, strlen(id));
	if (w->command.reservation_id != NULL)
		return w;
	write_refuse(x, w, OUTCOME_OUT_OF_MEMORY, NULL, NULL);
	return NULL;
}

void handle_reservation_put(struct exchange *x)
{
	struct work *w = begin_reservation(x, COMMAND_RESERVE);

	if (w == NULL)
		return;
	if (strncmp(w->command.reservation_id, "r_", 2) == 0)
		write_refuse(x, w, OUTCOME_MEANINGLESS, "{id}",
			     "Ids that begin with r_ are made by the server: choose another.");
	else
		make_reservation(x, w);
}

void handle_reservation_commit(struct exchange *x)
{
	struct work *w = begin_reservation(x, COMMAND_RESERVATION_COMMIT);
	struct message_error e;
	bool is_known;

	if (w == NULL)
		return;
	if (!message_read_reservation_commit(message_of(x->body, x->body_bytes), &w->arena,
					     &w->command, &e)) {
		write_refuse_message(x, w, &e);
		return;
	}
	if (!read_promised_rows(x, w, w->command.reservation_id, &is_known))
		return;
	if (is_known)
		write_submit(x, w);
	else
		write_refuse(x, w, OUTCOME_UNKNOWN_RESERVATION, NULL, NULL);
}

/* Release and extension pass leases: they claim the reservation, and none of its rows. */
void handle_reservation_release(struct exchange *x)
{
	struct work *w = begin_reservation(x, COMMAND_RESERVATION_RELEASE);

	if (w != NULL)
		write_submit_without_body(x, w);
}

void handle_reservation_extend(struct exchange *x)
{
	struct work *w = begin_reservation(x, COMMAND_RESERVATION_EXTEND);
	struct message_error e;

	if (w == NULL)
		return;
	if (message_read_reservation_extend(message_of(x->body, x->body_bytes), &w->arena,
					    &w->command, &e))
		write_submit(x, w);
	else
		write_refuse_message(x, w, &e);
}
