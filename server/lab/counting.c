#include "lab/counting.h"
#include <stdlib.h>

bool counting_count(struct racer *r, int row, int64_t *ret_counted, int64_t *ret_seq)
{
	struct stock books;

	if (!desk_look(r->desk, row, &books, ret_seq))
		return false;
	*ret_counted = books.on_hand - r->drift;
	racer_think_long(r, COUNTING_THINKS);
	return true;
}

enum verdict counting_close(struct racer *r, const struct answer *a)
{
	enum verdict v = desk_verdict(r, a);

	if (v != VERDICT_DONE)
		return v;
	if (a->movement_count > 0)
		r->drift += a->movements[0].on_hand_delta;
	r->tally.overwritten += llabs((long long)r->drift);
	return VERDICT_DONE;
}

void counting_pause(struct racer *r)
{
	racer_think_long(r, COUNTING_THINKS);
}

enum verdict counting_sell(struct racer *r, const struct wish *w)
{
	return way_row_group.update(r, w);
}
