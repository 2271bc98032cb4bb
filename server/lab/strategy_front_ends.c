/*
 * front-ends - two of the service's engines over one shared store (front_ends.h). Right.
 *
 * Each client sends its command to the engine of its front end, as in strategy_row_group.c. There
 * commands queue by row; and before an engine decides it takes the row in the store, where the
 * other engine has to take it, too. So each decides by what the other one has written.
 */
#include "lab/desk.h"

static enum verdict front_ends_update(struct racer *r, const struct wish *w)
{
	struct desk_request sale = { .kind = COMMAND_ADJUST,
				     .row = w->changes[0].row,
				     .quantity = w->changes[0].delta };

	racer_think(r);
	return desk_verdict(r, desk_ask(r->desk, &sale));
}

const struct way way_front_ends = { .is_at_desk = true,
				    .has_front_ends = true,
				    .update = front_ends_update };
