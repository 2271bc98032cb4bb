/*
 * none - no lock at all. Wrong.
 *
 * Look at the level, think, write what is left. Each step is sound by itself, and the write is a
 * durable transaction; but between the look and the write others have looked at the same level.
 * Who writes last writes down his own view, and the sales of the others are gone. When one unit
 * is left everybody who looked in time sells it.
 */
#include "lab/till.h"

static enum verdict none_update(struct racer *r, const struct wish *w)
{
	const struct wished_change *c = &w->changes[0];
	int64_t level = till_level(r->till, c->row);

	if (level + c->delta < 0)
		return VERDICT_REFUSED;
	racer_think(r);

	till_begin(r->till);
	till_put(r->till, c->row, level + c->delta);
	till_book(r->till, c->row, c->delta);
	till_commit(r->till);
	return till_verdict(r->till);
}

const struct way way_none = { .update = none_update };
