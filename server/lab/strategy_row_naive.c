/*
 * row-naive - a mutex for each row, taken in the order of the request. Wrong.
 *
 * A transfer from A to B locks A, looks what is there, thinks, and locks B. One from B to A locks B
 * first. When they meet, each holds what the other one waits for, and both wait for ever: a
 * deadlock. A deadlock needs no fault and no load, only two people at the same time. Here the wait
 * has an end; the one that gives up has done its work for nothing, and meanwhile everybody else
 * waited.
 */
#include "lab/row_locks.h"
#include "lab/till.h"

static enum verdict move(struct racer *r, const struct wished_change *from,
			 const struct wished_change *to, int64_t from_level)
{
	int64_t to_level = till_level(r->till, to->row);

	till_begin(r->till);
	till_put(r->till, from->row, from_level + from->delta);
	till_book(r->till, from->row, from->delta);
	till_put(r->till, to->row, to_level + to->delta);
	till_book(r->till, to->row, to->delta);
	till_commit(r->till);
	return till_verdict(r->till);
}

static enum verdict look_and_move(struct racer *r, const struct wish *w)
{
	const struct wished_change *from = &w->changes[0], *to = &w->changes[1];
	int64_t from_level = till_level(r->till, from->row);
	enum verdict v;

	if (from_level + from->delta < 0)
		return VERDICT_REFUSED;
	racer_think(r);
	if (!row_lock_take(r, to->row))
		return VERDICT_DEADLOCK;
	v = move(r, from, to, from_level);
	row_lock_give(r, to->row);
	return v;
}

static enum verdict row_naive_update(struct racer *r, const struct wish *w)
{
	enum verdict v;

	CHECK(w->change_count == 2);
	if (!row_lock_take(r, w->changes[0].row))
		return VERDICT_DEADLOCK;
	v = look_and_move(r, w);
	row_lock_give(r, w->changes[0].row);
	return v;
}

const struct way way_row_naive = { .has_row_locks = true, .update = row_naive_update };
