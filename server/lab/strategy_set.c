/*
 * set - count the shelf, then write down what was counted. Wrong.
 *
 * What was sold between the look and the write is put back into the books, where it is sold again.
 * Sales and the write itself are sound, one by one: the count is simply of another moment.
 */
#include "lab/counting.h"

static enum verdict set_count(struct racer *r, const struct wish *w)
{
	struct desk_request set = { .kind = COMMAND_SET, .row = w->changes[0].row };
	int64_t seq;

	counting_pause(r);
	if (!counting_count(r, set.row, &set.quantity, &seq))
		return VERDICT_FAILED;
	return counting_close(r, desk_ask(r->desk, &set));
}

const struct way way_set = { .is_at_desk = true, .update = counting_sell, .count = set_count };
