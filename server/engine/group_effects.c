#include "engine/group_effects.h"
#include "base/fault.h"
#include "engine/audit_note.h"
#include "wire/answers.h"

enum {
	OLD_KEYS_PER_MEMBER = 4, /* deleted beside each command of a group: faster than they come */
};

/* ---------------------------------------------------------------- numbers */

static void number_answers(struct group *g, struct list *works)
{
	LIST_EACH (it, works) {
		struct work *w = work_of_link(it);

		if (w->line_count > 0)
			number_answers(g, &w->lines);
		decide_numbered_answer(&g->decider, &w->answer);
	}
}

/* Only what names a number before it is written makes this a step of its own. */
static int number(struct group *g)
{
	struct store_writer *w = g->lane->writer;
	struct decider *d = &g->decider;
	int r;

	CHECK(!d->effects.is_numbered);
	if (w->ops->numbers_at_begin && d->effects.leases.count == 0 &&
	    d->effects.reservations.count == 0)
		return 0;
	r = w->ops->number(w, &d->effects);
	if (r == 0)
		r = decide_numbered(d);
	if (r == 0 && d->effects.seq_shift != 0)
		number_answers(g, &g->members);
	return r;
}

/* ---------------------------------------------------------------- keys */

/* Its answer's JSON where it cannot be rebuilt from the ledger; else NULL. 0 or a fault. */
static int write_body(struct group *g, const struct work *w, const char **ret)
{
	struct text body;

	*ret = NULL;
	if (answer_source(&w->command, &w->answer) != ANSWER_OF_BODY)
		return 0;
	text_init(&body);
	answer_write_body(&body, &w->command, &w->answer);
	if (!body.failed && body.data != NULL) {
		*ret = arena_copy(&g->decider.found.memory, body.data, body.byte_count);
		body.failed = *ret == NULL;
	}

	bool has_failed = body.failed;

	text_fini(&body);
	return has_failed ? FAULT(-ENOMEM) : 0;
}

static int add_key(struct group *g, struct work *w)
{
	struct key_record *record = effects_add_key(&g->decider.effects);
	const struct answer *a = &w->answer;
	const char *body;
	int r = record == NULL ? FAULT(-ENOMEM) : write_body(g, w, &body);

	CHECK(w->command.key != NULL);
	CHECK(w->key_id == 0);
	if (r < 0)
		return r;
	*record = (struct key_record){
		.id = g->has_rivals ? 0 : key_book_give_id(g->lane->keys),
		.token_id = w->command.actor->token_id,
		.replaces = w->key_found,
		.key = w->command.key,
		.key_hash = w->key_hash,
		.fingerprint = w->command.fingerprint,
		.status = a->status,
		.outcome = a->outcome,
		.first_seq = a->movement_count > 0 ? a->movements[0].seq : 0,
		.movement_count = a->movement_count,
		.seq = a->seq,
		.body = body,
		.at_ms = g->decider.now_ms,
	};
	w->key_id = record->id;
	return 0;
}

static int add_keys(struct group *g, struct list *works)
{
	LIST_EACH (it, works) {
		struct work *w = work_of_link(it);
		int r = 0;

		if (w->line_count > 0)
			r = add_keys(g, &w->lines);
		else if (decided_is_recorded(w))
			r = add_key(g, w);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Where rivals make records, too, the store gives them their ids when it writes them. */
static void take_key_ids(struct group *g, struct list *works, size_t *at)
{
	const struct effect_keys *keys = &g->decider.effects.keys;

	CHECK(g->has_rivals);
	LIST_EACH (it, works) {
		struct work *w = work_of_link(it);

		if (w->line_count > 0) {
			take_key_ids(g, &w->lines, at);
		} else if (decided_is_recorded(w)) {
			w->key_id = keys->all[(*at)++].id;
			key_book_pass_id(g->lane->keys, w->key_id);
		}
	}
	CHECK(*at <= keys->count);
}

/* ---------------------------------------------------------------- all of it */

static void feed(struct group *g)
{
	const struct effects *e = &g->decider.effects;

	for (size_t i = 0; i < e->movements.count; i++) {
		const struct found_row *row = e->movements.all[i].row;

		feed_add(&g->lane->feed, &row->sku, &row->location_code,
			 e->movements.all[i].movement);
	}
}

void group_effects_are_none(struct group *g)
{
	struct decider *d = &g->decider;

	CHECK(!d->effects.is_numbered);
	if (d->seq_begun != SEQ_RELATIVE)
		return;
	d->effects.seq_shift = d->seq_committed - SEQ_RELATIVE;
	d->effects.is_numbered = true;
	number_answers(g, &g->members);
}

int group_effects_write(struct group *g)
{
	struct lane *l = g->lane;
	struct decider *d = &g->decider;
	bool has_movements = d->seq > d->seq_begun;
	size_t key_at = 0;
	int r;

	CHECK(d->seq == d->seq_begun + (int64_t)d->effects.movements.count);
	CHECK(!g->is_taken_back);
	d->effects.seq_first = d->seq_begun + 1;
	clock_note_write(&l->clock, &d->effects, d->now_ms, has_movements);
	if (l->keys->has_old)
		key_book_delete_old(l->keys, OLD_KEYS_PER_MEMBER * g->size.member_count,
				    &d->effects);
	r = number(g);
	if (r == 0)
		r = add_keys(g, &g->members);
	if (r == 0)
		r = audit_note_effects(&d->effects, d->now_ms, &d->found.memory);
	audit_age_ask(&l->audit_age, d->now_ms, &d->effects);
	if (r == 0)
		r = key_book_make_room(l->keys, (int)d->effects.keys.count);
	d->effects.is_last = true;
	if (r == 0)
		r = l->writer->ops->write(l->writer, &d->effects);
	if (r < 0)
		return r;
	if (g->has_rivals)
		take_key_ids(g, &g->members, &key_at);
	key_book_old_are_deleted(l->keys, &d->effects);
	audit_age_told(&l->audit_age, d->now_ms, &d->effects);
	feed(g);
	return 0;
}
