/*
 * own-locks - each front end locks the row, in its own process. Wrong.
 *
 * Look, think and write are done under a mutex, and as long as there is one front end that is
 * right (strategy_row.c). With the second one it is not any more: its mutex is another one, in
 * another process, and each lets one client to the row at the same time. Nothing of the code has
 * changed, only how often it was started.
 */
#include "lab/row_locks.h"

static enum verdict own_locks_update(struct racer *r, const struct wish *w)
{
	int mine = r->index % LAB_FRONT_ENDS;
	enum verdict v;

	CHECK(w->changes[0].row == 0); /* there is one mutex for each front end, and no more */
	if (!row_lock_take(r, mine))
		return VERDICT_DEADLOCK;
	v = way_none.update(r, w);
	row_lock_give(r, mine);
	return v;
}

const struct way way_own_locks = { .has_row_locks = true, .update = own_locks_update };
