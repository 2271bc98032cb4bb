/*
 * row-group - the service's engine itself (engine/service.h). Right.
 *
 * The client does not lock, look and write: it sends the command, "take one of this row", and the
 * engine decides. Commands queue by row, first come first served; a command enters the queues of
 * all its rows in one step, so the order of a request does not matter. A row passes to the next
 * command as soon as its change is decided, and one flush makes all of them durable, hence a hot
 * row gets many updates per flush. Nobody is answered before that flush.
 */
#include "lab/desk.h"

static enum verdict row_group_update(struct racer *r, const struct wish *w)
{
	const struct wished_change *first = &w->changes[0], *second = &w->changes[1];
	struct desk_request sale = { .kind = COMMAND_ADJUST,
				     .row = first->row,
				     .quantity = first->delta };
	struct desk_request transfer = { .kind = COMMAND_TRANSFER,
					 .row = first->row,
					 .to_row = second->row,
					 .quantity = second->delta };

	racer_think(r); /* about everything but the level, which the engine looks at */
	return desk_verdict(r, desk_ask(r->desk, w->change_count == 2 ? &transfer : &sale));
}

const struct way way_row_group = { .is_at_desk = true, .update = row_group_update };
