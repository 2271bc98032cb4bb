/* decide_stock - commands that core/rules.h decides on rows. */
#include "base/fault.h"
#include "core/rules.h"
#include "engine/decide_parts.h"

/* Was the row's level stated behind what the count has looked at? */
static int find_stated(struct decider *d, const struct command *c, const struct found_row *row,
		       int64_t *ret_seq)
{
	*ret_seq = row->stated_seq > c->past.seen_seq ? row->stated_seq : 0;
	return *ret_seq == 0 && c->kind == COMMAND_COUNT && row->damaged_group == d->group
		       ? FAULT(-EBADMSG)
		       : 0;
}

static int book(struct decider *d, struct work *w, struct found_row *const rows[],
		const struct stock before[])
{
	CHECK(w->answer.movement_count <= w->command.row_count);
	for (int i = 0; i < w->answer.movement_count; i++) {
		int r = decider_move(d, &w->answer.movements[i], rows[i], &before[i],
				     &w->answer.stocks[i]);

		if (r < 0)
			return r;
		w->rests_on_group = true;
	}
	return 0;
}

int decide_stock(struct decider *d, struct work *w)
{
	enum outcome fences;
	struct command *c = &w->command;
	struct found_row *found[COMMAND_MOVEMENTS_MAX];
	struct rules_row rows[COMMAND_MOVEMENTS_MAX];
	struct stock before[COMMAND_MOVEMENTS_MAX];
	struct rules_clock clock = { .seq = d->seq, .now_ms = d->dated_ms };

	CHECK(c->row_count >= 1);
	CHECK(c->row_count <= COMMAND_MOVEMENTS_MAX);
	for (int i = 0; i < c->row_count; i++) {
		struct found_row *row = row_set_row(d->found.rows, &c->rows[i]);
		int r = row == NULL ? FAULT(-EBADMSG) : find_stated(d, c, row, &rows[i].stated_seq);
		int64_t stated_seq = rows[i].stated_seq;

		if (r < 0)
			return r;
		w->rests_on_group = w->rests_on_group || decider_row_is_open(d, row);
		found[i] = row;
		before[i] = row->stock;
		decider_show_row(row, &rows[i]);
		rows[i].stated_seq = stated_seq;
	}
	fences = decider_judge_fences(d, c);
	if (fences != OUTCOME_DONE) {
		decider_refuse(w, fences);
		return 0;
	}
	rules_decide(c, rows, &clock, &w->answer);
	return book(d, w, found, before);
}
