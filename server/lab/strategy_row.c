/*
 * row - a mutex for each row, one transaction for each update. Right.
 *
 * A client that wants a row locks it, looks, thinks, writes, and keeps it until the write is on
 * disk. Clients of other rows go on. Who needs two rows takes them in the order of their numbers,
 * whatever the order of the request: then no two clients can each hold what the other one waits
 * for.
 *
 * A hot row gets one update per flush: that is what row-group saves.
 */
#include "lab/row_locks.h"
#include "lab/till.h"

static enum verdict look_and_write(struct racer *r, const struct wish *w)
{
	int64_t levels[2] = { 0 };

	for (int i = 0; i < w->change_count; i++) {
		levels[i] = till_level(r->till, w->changes[i].row) + w->changes[i].delta;
		if (levels[i] < 0)
			return VERDICT_REFUSED;
	}
	racer_think(r);

	till_begin(r->till);
	for (int i = 0; i < w->change_count; i++) {
		till_put(r->till, w->changes[i].row, levels[i]);
		till_book(r->till, w->changes[i].row, w->changes[i].delta);
	}
	till_commit(r->till);
	return till_verdict(r->till);
}

static enum verdict row_update(struct racer *r, const struct wish *w)
{
	int first = w->changes[0].row;
	int last = w->change_count > 1 ? w->changes[1].row : first;
	int low = first < last ? first : last, high = first < last ? last : first;
	enum verdict v = VERDICT_DEADLOCK;

	if (!row_lock_take(r, low))
		return VERDICT_DEADLOCK;
	if (high == low || row_lock_take(r, high)) {
		v = look_and_write(r, w);
		if (high != low)
			row_lock_give(r, high);
	}
	row_lock_give(r, low);
	return v;
}

const struct way way_row = { .has_row_locks = true, .update = row_update };
