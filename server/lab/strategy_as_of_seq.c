/*
 * as-of-seq - count the shelf, then say what was counted and as of when. Right.
 *
 * The ledger knows what the books said at that seq. The difference is applied to now, so what was
 * sold meanwhile stays sold, and nobody waited for the count.
 */
#include "lab/counting.h"

static enum verdict as_of_seq_count(struct racer *r, const struct wish *w)
{
	struct past_level past = { 0 };
	struct desk_request count = { .kind = COMMAND_COUNT,
				      .row = w->changes[0].row,
				      .past = &past };

	counting_pause(r);
	if (!counting_count(r, count.row, &count.quantity, &past.as_of_seq) ||
	    !desk_look_back(r->desk, count.row, &past))
		return VERDICT_FAILED;
	return counting_close(r, desk_ask(r->desk, &count));
}

const struct way way_as_of_seq = { .is_at_desk = true,
				   .update = counting_sell,
				   .count = as_of_seq_count };
