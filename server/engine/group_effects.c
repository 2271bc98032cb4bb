#include "engine/group_effects.h"
#include "base/fault.h"
#include "wire/answers.h"

enum {
	OLD_KEYS_PER_MEMBER = 4, /* deleted beside each command of a group: faster than they come */
};

/* What has been written of the group so far. */
struct progress {
	size_t booking_index;
	int64_t movement_count;
};

static int write_movement(struct group *g, const struct cached_row *row, struct movement *m)
{
	struct lane *l = g->lane;
	int r;

	m->stock_id = row->stock.id;
	CHECK(m->stock_id > 0);
	r = l->store->ops->add_movement(l->store, m);
	if (r < 0)
		return r;
	feed_add(&l->feed, &row->sku, &row->location_code, m);
	return 0;
}

static int write_movements(struct group *g, struct work *w)
{
	for (int i = 0; i < w->answer.movement_count; i++) {
		int r = write_movement(g, w->cached_rows[i], &w->answer.movements[i]);

		if (r < 0)
			return r;
		w->answer.stocks[i].id = w->answer.movements[i].stock_id;
	}
	return 0;
}

/* The movements of reservations that come before this seq. */
static int write_bookings(struct group *g, int64_t before_seq, struct progress *p)
{
	const struct bookings *b = &g->decider.bookings;

	for (; p->booking_index < b->count; p->booking_index++) {
		struct booked *booked = &b->all[p->booking_index];
		int r;

		if (booked->movement.seq >= before_seq)
			break;
		r = write_movement(g, booked->row, &booked->movement);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_key(struct group *g, struct work *w)
{
	struct lane *l = g->lane;
	struct text body;
	int r;

	CHECK(w->command.key != NULL);
	text_init(&body);
	if (answer_source(&w->command, &w->answer) == ANSWER_OF_BODY)
		answer_write_body(&body, &w->command, &w->answer);
	if (body.failed) {
		text_fini(&body);
		return FAULT(-ENOMEM);
	}

	struct key_record record = { .id = key_book_give_id(l->keys),
				     .key = w->command.key,
				     .key_hash = w->key_hash,
				     .fingerprint = w->command.fingerprint,
				     .status = w->answer.status,
				     .outcome = w->answer.outcome,
				     .first_seq = w->answer.movement_count > 0
							  ? w->answer.movements[0].seq
							  : 0,
				     .movement_count = w->answer.movement_count,
				     .seq = w->answer.seq,
				     .body = body.data,
				     .at_ms = g->decider.now_ms };

	r = l->store->ops->add_key(l->store, &record);
	w->key_id = record.id;
	g->key_count++;
	text_fini(&body);
	return r;
}

static int write_command(struct group *g, struct work *w, struct progress *p)
{
	int r = 0;

	if (w->answer.movement_count > 0)
		r = write_bookings(g, w->answer.movements[0].seq, p);
	if (r == 0)
		r = write_movements(g, w);
	p->movement_count += w->answer.movement_count;
	if (r == 0 && decided_is_recorded(w))
		r = write_key(g, w);
	return r;
}

/* Movements in the order of their seqs, whoever made them. */
static int write_commands(struct group *g, struct list *works, struct progress *p)
{
	LIST_EACH (it, works) {
		struct work *w = work_of_link(it);
		int r = w->line_count > 0 ? write_commands(g, &w->lines, p)
					  : write_command(g, w, p);

		if (r < 0)
			return r;
	}
	return 0;
}

int group_effects_write(struct group *g)
{
	struct lane *l = g->lane;
	struct decider *d = &g->decider;
	struct progress p = { .movement_count = (int64_t)d->bookings.count };
	int r = row_cache_write(&l->cache);

	CHECK(g->key_count == 0);
	if (r == 0)
		r = write_commands(g, &g->members, &p);
	if (r == 0)
		r = write_bookings(g, INT64_MAX, &p);
	if (r == 0 && l->keys->has_old)
		r = key_book_delete_old(l->keys, l->store,
					OLD_KEYS_PER_MEMBER * g->size.member_count);
	if (r < 0)
		return r;
	CHECK(d->seq == d->seq_committed + p.movement_count);
	r = clock_note_write(&l->clock, &g->to_note, d->now_ms, d->seq > d->seq_committed);
	return r < 0 ? r : key_book_make_room(l->keys, g->key_count);
}
