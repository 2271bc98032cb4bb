/*
 * key - every request carries its order's number as an idempotency key. Right.
 *
 * The key is written in the same transaction as its effect. A second request with it is answered
 * with the first one's answer; one that comes while the first is under way shares it. There is no
 * moment at which an order is booked and its key is not there.
 */
#include "lab/desk.h"

static enum verdict key_update(struct racer *r, const struct wish *w)
{
	struct desk_request order = { .kind = COMMAND_ADJUST,
				      .row = w->changes[0].row,
				      .quantity = w->changes[0].delta,
				      .order = w->order,
				      .has_key = true };
	enum verdict v;

	racer_think(r);
	v = desk_verdict(r, desk_ask(r->desk, &order));
	return v == VERDICT_DONE && desk_was_known(r->desk) ? VERDICT_REFUSED : v;
}

const struct way way_key = { .is_at_desk = true, .update = key_update };
