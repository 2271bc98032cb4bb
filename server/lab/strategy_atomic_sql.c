/*
 * atomic-sql - one statement that checks and takes: UPDATE … WHERE on_hand >= …. Right.
 *
 * There is no moment between the look and the write, so there is nothing to lock. That is
 * enough where a change is one row and one statement, and nothing has to be held, counted, promised
 * or answered twice. Each update still pays for its own flush.
 */
#include "lab/till.h"

static enum verdict atomic_sql_update(struct racer *r, const struct wish *w)
{
	const struct wished_change *c = &w->changes[0];

	racer_think(r); /* about everything but the level, which it never sees */
	till_begin(r->till);
	if (!till_take(r->till, c->row, -c->delta)) {
		till_rollback(r->till);
		return till_verdict(r->till) == VERDICT_DONE ? VERDICT_REFUSED : VERDICT_FAILED;
	}
	till_book(r->till, c->row, c->delta);
	till_commit(r->till);
	return till_verdict(r->till);
}

const struct way way_atomic_sql = { .update = atomic_sql_update };
