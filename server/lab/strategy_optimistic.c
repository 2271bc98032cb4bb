/*
 * optimistic - no lock: look at level and version, think, and write if the version is the same.
 * Right.
 *
 * Nobody waits while others think. Who was too slow finds that the version has moved, and
 * begins again: with few clients that is rare, and on a hot row most of the work is thrown away.
 */
#include "lab/till.h"

/* False: somebody was faster, and nothing was done. */
static bool write_if_unchanged(struct till *t, const struct wished_change *c, int64_t level,
			       int64_t version)
{
	bool is_written;

	till_begin(t);
	is_written = till_put_if_unchanged(t, c->row, level + c->delta, version);
	if (is_written) {
		till_book(t, c->row, c->delta);
		till_commit(t);
	} else {
		till_rollback(t);
	}
	return is_written;
}

static enum verdict optimistic_update(struct racer *r, const struct wish *w)
{
	const struct wished_change *c = &w->changes[0];

	while (!race_is_over(r->race)) {
		int64_t version = 0;
		int64_t level = till_level_and_version(r->till, c->row, &version);

		if (till_fault(r->till) == 0 && level + c->delta < 0)
			return VERDICT_REFUSED;
		racer_think(r);
		if (write_if_unchanged(r->till, c, level, version) || till_fault(r->till) < 0)
			return till_verdict(r->till);
		r->tally.retries++;
	}
	return VERDICT_STOPPED;
}

const struct way way_optimistic = { .update = optimistic_update };
