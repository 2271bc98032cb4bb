/*
 * no-key - before an order is booked, look whether it was booked already. Wrong.
 *
 * A customer taps twice, or a program that got no answer sends its order again. The shop looks
 * for the order, finds none, thinks, and books it; so does the second request, which looked before
 * the first one had booked. Stock is taken by one atomic statement, so nothing is oversold: the
 * customer gets two of what he wanted once, and pays for both.
 */
#include "lab/till.h"

static enum verdict no_key_update(struct racer *r, const struct wish *w)
{
	const struct wished_change *c = &w->changes[0];

	if (till_has_order(r->till, w->order))
		return VERDICT_REFUSED;
	racer_think(r);

	till_begin(r->till);
	if (!till_take(r->till, c->row, -c->delta)) {
		till_rollback(r->till);
		return till_verdict(r->till) == VERDICT_DONE ? VERDICT_REFUSED : VERDICT_FAILED;
	}
	till_book(r->till, c->row, c->delta);
	till_place_order(r->till, w->order);
	till_commit(r->till);
	return till_verdict(r->till);
}

const struct way way_no_key = { .update = no_key_update };
