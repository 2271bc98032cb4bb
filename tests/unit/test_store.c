/*
 * test_store - what store/store.h and store/group.h promise of every store, one case a promise.
 *
 * Each is run over each store of any_store.h; what only some of them claim (that they outlive
 * closing, that several write at once) is asked of those.
 */
#include "any_store.h"
#include "base/clock.h"
#include "base/hash.h"
#include "store/verify.h"
#include "unit.h"
#include <pthread.h>

/* A case, of any store that is open. */
typedef void (*promise)(struct any_store *s);

static bool has_several_writers(const struct any_store *s)
{
	return !s->kind->is_sqlite && !s->kind->memory.has_one_writer;
}

static void expect_books_balance(struct any_store *s)
{
	struct verify *v =
		verify_create(&(struct verify_options){ .slice_rows = 3, .rows_max = 1000 });

	assert_non_null(v);
	while (!verify_is_over(v)) {
		int64_t seq;

		assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
		assert_int_equal(verify_step(v, s->reader, seq), 0);
		s->reader->ops->end(s->reader);
	}
	assert_int_equal(verify_result(v)->finding_count, 0);
	verify_destroy(v);
}

static void adjust_committed(struct any_writer *w, const char *sku, int64_t delta)
{
	any_begin_with(w, strcmp(sku, "A") == 0 ? "A WH1" : "B WH1", NULL);
	any_adjust(w, sku, "WH1", delta);
	assert_int_equal(any_commit(w), 0);
}

/* ---------------------------------------------------------------- groups */

static void a_group_is_all_or_nothing(struct any_store *s)
{
	struct any_writer *w = &s->w;

	any_begin_with(w, "A WH1", "B WH1", NULL);
	any_adjust(w, "A", "WH1", 5);
	any_adjust(w, "B", "WH1", 7);
	any_adjust(w, "A", "WH1", -2);
	assert_int_equal(any_on_hand(s, "A", "WH1"), 0); /* nobody sees it yet */
	assert_int_equal(any_write(w), 0);
	assert_int_equal(any_on_hand(s, "A", "WH1"), 0); /* nor what is written */
	effects_clear(&w->effects);
	w->effects.seq_first = w->seq + 1;
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(any_on_hand(s, "A", "WH1"), 3);
	assert_int_equal(any_on_hand(s, "B", "WH1"), 7);
	assert_int_equal(any_newest_seq(s), 3);
	expect_books_balance(s);
}

static void an_abandoned_group_was_never_there(struct any_store *s)
{
	struct any_writer *w = &s->w;

	adjust_committed(w, "A", 3);
	for (int written = 0; written < 2; written++) {
		any_begin_with(w, "A WH1", "B WH1", NULL);
		any_adjust(w, "A", "WH1", 100);
		any_adjust(w, "B", "WH1", 100);
		if (written)
			assert_int_equal(any_write(w), 0);
		any_abandon(w);
		assert_int_equal(any_on_hand(s, "A", "WH1"), 3);
		assert_int_equal(any_on_hand(s, "B", "WH1"), 0);
	}
	adjust_committed(w, "A", 1); /* the seq goes on without a gap */
	assert_int_equal(any_newest_seq(s), 2);
	assert_int_equal(any_on_hand(s, "A", "WH1"), 4);
	any_abandon(w); /* harmless without a group */
	any_abandon(w);
	assert_int_equal(any_on_hand(s, "A", "WH1"), 4);
	expect_books_balance(s);
}

/* So a store that takes followers into an open group: what they find is as the group left it. */
static void a_later_lock_sees_what_the_group_did(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct found_row *row;

	if (!w->writer->ops->joins_groups)
		return;
	any_begin_with(w, "A WH1", NULL);
	any_adjust(w, "A", "WH1", 5);
	want_row(&w->want, any_row(w, "A", "WH1"));
	want_row(&w->want, any_row(w, "B", "WH1"));
	assert_int_equal(any_lock(w, 0), 0);
	row = row_set_row(w->found.rows, any_row(w, "A", "WH1"));
	assert_int_equal(row->stock.on_hand, 5);
	any_adjust(w, "A", "WH1", 1);
	assert_int_equal(any_write(w), 0);
	effects_clear(&w->effects);
	w->seq = w->begun.newest_seq + 2; /* numbered by now */
	w->effects.seq_first = w->seq + 1;
	want_row(&w->want, any_row(w, "A", "WH1"));
	assert_int_equal(any_lock(w, 0), 0);
	assert_int_equal(row->stock.on_hand, 6);
	assert_int_equal(row->stock.version, 2);
	any_adjust(w, "A", "WH1", 1);
	any_adjust(w, "B", "WH1", 1);
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(any_on_hand(s, "A", "WH1"), 7);
	expect_books_balance(s);
}

static void what_was_kept_outlives_closing(struct any_store *s)
{
	struct any_writer *w = &s->w;

	if (!s->kind->survives_closing)
		return;
	adjust_committed(w, "A", 5);
	any_begin_with(w, "A WH1", NULL);
	any_adjust(w, "A", "WH1", 100);
	assert_int_equal(any_write(w), 0); /* and never kept */
	any_store_reopen(s);
	assert_int_equal(any_on_hand(s, "A", "WH1"), 5);
	adjust_committed(w, "A", 1);
	assert_int_equal(any_newest_seq(s), 2);
	expect_books_balance(s);
}

static void numbers_are_given_before_the_group_writes(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct reservation *made;
	const struct lease_effect *lease;

	adjust_committed(w, "A", 9);
	any_begin_with(w, "A WH1", "B WH1", NULL);
	assert_int_equal(w->begun.newest_seq, 1);
	assert_true(w->writer->ops->numbers_at_begin ? w->begun.seq == 1
						     : w->begun.seq == SEQ_RELATIVE);
	any_adjust(w, "B", "WH1", 4);
	any_adjust(w, "B", "WH1", 4);
	made = any_reserve(w, NULL, w->now_ms + 9000);
	lease = any_lease(w, "", w->now_ms + 9000, "B", "WH1");
	assert_int_equal(w->writer->ops->number(w->writer, &w->effects), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(w->effects.movements.all[i].movement->seq, 2 + (int64_t)i);
	assert_int_equal(w->effects.movements.all[1].movement->prev_seq, 2);
	assert_int_equal(w->effects.movements.all[2].movement->prev_seq, 1);
	assert_int_equal(made->id, 1);
	assert_string_equal(made->name, "r_1");
	assert_string_equal(lease->made_id, "l_1");
	assert_int_equal(lease->fence, 1);
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(any_newest_seq(s), 5);
	expect_books_balance(s);
}

static void a_flush_says_how_far(struct any_store *s)
{
	int64_t seq = 0;

	adjust_committed(&s->w, "A", 9);
	assert_int_equal(s->w.writer->ops->flush(s->w.writer, &seq), 0);
	assert_int_equal(seq, 1);
	assert_int_equal(s->w.writer->ops->check(s->w.writer), 0);
	assert_true(s->w.writer->ops->tend(s->w.writer, TEND_COPY, 0) >= 0);
	assert_true(s->w.writer->ops->log_bytes(s->w.writer) >= 0);
	assert_int_equal(any_on_hand(s, "A", "WH1"), 9);
}

static void time_is_noted(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct stored_time time;

	any_begin_with(w, "A WH1", NULL);
	any_adjust(w, "A", "WH1", 1);
	w->effects.must_note_time = true;
	w->effects.newest_ms = ANY_NOW_MS + 5;
	w->effects.ahead_ms = 7;
	assert_int_equal(any_commit(w), 0);
	any_store_load_time(s, &time);
	assert_int_equal(time.newest_ms, ANY_NOW_MS + 5);
	assert_int_equal(time.ahead_ms, 7);
	assert_int_equal(time.ledger_ms, ANY_NOW_MS);
}

/* ---------------------------------------------------------------- snapshots */

static void a_snapshot_stays_as_it_was(struct any_store *s)
{
	bool has_item, has_location;
	struct stock row;
	int64_t seq;

	adjust_committed(&s->w, "A", 5);
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	assert_int_equal(seq, 1);
	for (int i = 0; i < 10; i++)
		adjust_committed(&s->w, "A", 1); /* a snapshot holds up nobody */
	assert_int_equal(
		s->reader->ops->stock(s->reader, "A", "WH1", &row, &has_item, &has_location), 0);
	assert_int_equal(row.on_hand, 5);
	assert_int_equal(row.version, 1);
	s->reader->ops->end(s->reader);
	s->reader->ops->end(s->reader); /* harmless */
	assert_int_equal(any_newest_seq(s), 11);
	assert_int_equal(any_on_hand(s, "A", "WH1"), 15);
}

static void a_point_read_says_what_is_missing(struct any_store *s)
{
	static const struct {
		const char *what, *sku, *location;
		bool has_item, has_location;
	} rows[] = {
		{ "never stocked", "B", "WH1", true, true },
		{ "no such item", "C", "WH1", false, true },
		{ "no such location", "A", "WH9", true, false },
		{ "neither", "C", "WH9", false, false },
	};
	int64_t seq;

	adjust_committed(&s->w, "A", 5);
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		bool has_item, has_location;
		struct stock row;
		int r = s->reader->ops->stock(s->reader, rows[i].sku, rows[i].location, &row,
					      &has_item, &has_location);

		ROW_EXPECT(rows[i].what, r == 0);
		ROW_EXPECT(rows[i].what, row.id == 0 && row.on_hand == 0 && row.version == 0);
		ROW_EXPECT(rows[i].what, has_item == rows[i].has_item);
		ROW_EXPECT(rows[i].what, has_location == rows[i].has_location);
	}
	s->reader->ops->end(s->reader);
}

/* ---------------------------------------------------------------- history */

static void a_past_level_is_read_from_the_ledger(struct any_store *s)
{
	static const struct {
		int64_t as_of_seq, on_hand, stated_seq;
	} rows[] = { { 0, 0, 3 }, { 1, 5, 3 }, { 2, 5, 3 }, { 3, 9, 0 }, { 4, 10, 0 } };
	struct any_writer *w = &s->w;
	struct found_row *row;
	int64_t seq;

	any_begin_with(w, "A WH1", "B WH1", NULL);
	any_adjust(w, "A", "WH1", 5);
	any_adjust(w, "B", "WH1", 2);
	any_move(w, "A", "WH1", &(struct movement){ .kind = MOVEMENT_SET, .on_hand_delta = 4 });
	any_adjust(w, "A", "WH1", 1);
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct past_level past = { .as_of_seq = rows[i].as_of_seq };

		assert_int_equal(s->reader->ops->past_level(s->reader, "A", "WH1", &past), 0);
		assert_int_equal(past.seen_seq, 4);
		assert_int_equal(past.stated_seq, rows[i].stated_seq);
		assert_true(past.stated_seq != 0 || past.on_hand == rows[i].on_hand);
	}
	s->reader->ops->end(s->reader);

	any_store_reopen(s); /* a set of rows that was kept knows it by itself */
	any_begin(w);
	want_row(&w->want, any_row(w, "A", "WH1"));
	want_statement(&w->want,
		       (struct wanted_statement){ .row = any_row(w, "A", "WH1"), .seen_seq = 2 });
	assert_int_equal(any_lock(w, 0), 0);
	row = row_set_row(w->found.rows, any_row(w, "A", "WH1"));
	assert_int_equal(row->stated_seq, 3);
	any_abandon(w);
}

/* ---------------------------------------------------------------- the catalogue */

static void the_catalogue_is_kept_as_it_was_said(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct item item;
	struct location location;
	struct arena a;
	int64_t seq;

	arena_init(&a);
	any_begin(w);
	want_item(&w->want, (struct wanted_name){ .name = "A", .needs_texts = true });
	want_item(&w->want, (struct wanted_name){ .name = "C", .needs_texts = true });
	want_location(&w->want, (struct wanted_name){ .name = "WH1", .needs_texts = true });
	assert_int_equal(any_lock(w, 0), 0);
	assert_string_equal(row_set_item(w->found.rows, "A")->full->name, "Thing");
	assert_string_equal(row_set_location(w->found.rows, "WH1")->full->name, "Place");
	assert_int_equal(row_set_item(w->found.rows, "C")->item.id, 0);
	any_put_item(w, "A", NULL);
	w->effects.items.all[0].item->name = "Other";
	w->effects.items.all[0].item->attributes = "{\"a\":1}";
	any_put_item(w, "C", NULL);
	assert_true(row_set_item(w->found.rows, "C")->item.id < 0);
	assert_int_equal(any_commit(w), 0);
	assert_true(w->effects.items.all[1].item->id > 0);
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	assert_int_equal(s->reader->ops->item(s->reader, "A", &a, &item), 0);
	assert_string_equal(item.name, "Other");
	assert_string_equal(item.attributes, "{\"a\":1}");
	assert_int_equal(item.version, 2);
	assert_int_equal(s->reader->ops->item(s->reader, "C", &a, &item), 0);
	assert_true(item.id > 0);
	assert_null(item.attributes);
	assert_int_equal(s->reader->ops->location(s->reader, "WH1", &a, &location), 0);
	assert_string_equal(location.name, "Place");
	assert_int_equal(s->reader->ops->location(s->reader, "WH9", &a, &location), 0);
	assert_int_equal(location.id, 0);
	s->reader->ops->end(s->reader);
	arena_fini(&a);
}

static void note(struct any_writer *w, int64_t at_ms, const char *actor, const char *action)
{
	struct audit_entry *e = effects_add_audit(&w->effects);

	assert_non_null(e);
	*e = (struct audit_entry){
		.at_ms = at_ms, .actor = actor, .action = action, .detail = "{\"n\":1}"
	};
}

/* As "1 3 ": tens of ms of their times. */
static const char *audited(struct any_store *s, struct audit_query q, struct page *ret)
{
	static char ids[64];
	struct arena a;
	int64_t seq;

	arena_init(&a);
	ids[0] = '\0';
	q.limit = q.limit == 0 ? 10 : q.limit;
	q.until_ms = q.until_ms == 0 ? INT64_MAX : q.until_ms;
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	assert_int_equal(s->reader->ops->list_audit(s->reader, &q, &a, ret), 0);
	for (size_t i = 0; i < ret->count; i++) {
		const struct audit_entry *e = &ret->audits[i];

		snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%lld ",
			 (long long)e->at_ms / 10);
		assert_true(e->id > 0);
		assert_string_equal(e->detail, "{\"n\":1}");
		assert_null(e->subject);
		assert_null(e->request_id);
	}
	s->reader->ops->end(s->reader);
	arena_fini(&a);
	return ids;
}

/* With its group or not at all; found by who, what, when, and from where on. */
static void what_was_done_is_in_the_audit(struct any_store *s)
{
	struct any_writer *w = &s->w;
	int64_t last_id;
	struct page page;

	any_begin_with(w, "A WH1", NULL);
	note(w, 10, "anna", "item-make");
	note(w, 20, "ben", "item-make");
	assert_int_equal(any_write(w), 0);
	any_abandon(w);
	assert_string_equal(audited(s, (struct audit_query){ 0 }, &page), "");
	any_begin_with(w, "A WH1", NULL);
	note(w, 10, "anna", "item-make");
	note(w, 20, "ben", "item-make");
	note(w, 30, "anna", "lease-take");
	assert_int_equal(any_commit(w), 0);
	assert_string_equal(audited(s, (struct audit_query){ 0 }, &page), "1 2 3 ");
	assert_false(page.has_next);
	last_id = page.next;
	assert_string_equal(audited(s, (struct audit_query){ .is_descending = true }, &page),
			    "3 2 1 ");
	assert_string_equal(audited(s, (struct audit_query){ .actor = "anna" }, &page), "1 3 ");
	assert_string_equal(audited(s, (struct audit_query){ .action = "item-make" }, &page),
			    "1 2 ");
	assert_string_equal(audited(s, (struct audit_query){ .since_ms = 20 }, &page), "2 3 ");
	assert_string_equal(audited(s, (struct audit_query){ .until_ms = 20 }, &page), "1 ");
	assert_string_equal(audited(s, (struct audit_query){ .limit = 2 }, &page), "1 2 ");
	assert_true(page.has_next);
	assert_string_equal(audited(s, (struct audit_query){ .after_id = page.next }, &page), "3 ");
	assert_string_equal(
		audited(s, (struct audit_query){ .after_id = last_id, .is_descending = true },
			&page),
		"2 1 ");
}

static void forget(struct any_writer *w, int64_t at_ms, int count)
{
	w->effects.audit_old_ms = at_ms;
	w->effects.audit_old_count = count;
}

/* The oldest go, as far as they are old; their ids are given to no other. */
static void old_rows_of_the_audit_go(struct any_store *s)
{
	struct any_writer *w = &s->w;
	int64_t last_id;
	struct page page;

	any_begin_with(w, "A WH1", NULL);
	for (int64_t at_ms = 10; at_ms <= 50; at_ms += 10)
		note(w, at_ms == 20 ? 60 : at_ms, "anna", "x"); /* a clock that was wrong */
	assert_int_equal(any_commit(w), 0);
	assert_string_equal(audited(s, (struct audit_query){ 0 }, &page), "1 6 3 4 5 ");
	last_id = page.next;

	any_begin_with(w, "A WH1", NULL);
	forget(w, 10, 5);
	assert_int_equal(any_write(w), 0);
	assert_int_equal(w->effects.audit_gone_count, 0);
	any_abandon(w);
	any_begin_with(w, "A WH1", NULL);
	forget(w, 30, 1);
	assert_int_equal(any_write(w), 0);
	assert_int_equal(w->effects.audit_gone_count, 1);
	any_abandon(w);
	assert_string_equal(audited(s, (struct audit_query){ 0 }, &page), "1 6 3 4 5 ");

	any_begin_with(w, "A WH1", NULL);
	forget(w, 30, 1);
	assert_int_equal(any_commit(w), 0);
	assert_string_equal(audited(s, (struct audit_query){ 0 }, &page), "6 3 4 5 ");
	any_begin_with(w, "A WH1", NULL);
	forget(w, 100, 9);
	assert_int_equal(any_commit(w), 0);
	assert_string_equal(audited(s, (struct audit_query){ 0 }, &page), "");
	any_begin_with(w, "A WH1", NULL);
	note(w, 70, "anna", "x");
	assert_int_equal(any_commit(w), 0);
	assert_string_equal(audited(s, (struct audit_query){ 0 }, &page), "7 ");
	assert_true(page.next > last_id);
}

static void delete_item(struct any_writer *w, const char *sku)
{
	struct found_item *of = row_set_item(w->found.rows, sku);
	struct item_effect *e = effects_add_item(&w->effects);
	struct item *gone = arena_alloc(&w->memory, sizeof(*gone));

	assert_non_null(gone);
	*gone = (struct item){ .sku = of->item.sku };
	*e = (struct item_effect){ .change = CHANGE_DELETE, .of = of, .item = gone };
	gone->id = of->item.id;
	row_set_change_item(w->found.rows, of, &(struct item){ .sku = of->item.sku }, w->group);
	of->full = gone;
}

static void what_is_stocked_or_leased_is_in_use(struct any_store *s)
{
	struct any_writer *w = &s->w;
	int64_t seq;
	struct item item;
	struct arena a;

	adjust_committed(w, "A", 5);
	any_begin_with(w, "B WH1", NULL);
	any_lease(w, "l", w->now_ms + 1000, "B", "WH1");
	assert_int_equal(any_commit(w), 0);
	for (int later = 0; later < 2; later++) {
		any_begin(w);
		w->now_ms = ANY_NOW_MS + later * 5000;
		want_item(&w->want, (struct wanted_name){ .name = "A", .needs_use = true });
		want_item(&w->want, (struct wanted_name){ .name = "B", .needs_use = true });
		want_location(&w->want, (struct wanted_name){ .name = "WH1", .needs_use = true });
		assert_int_equal(any_lock(w, 0), 0);
		assert_true(row_set_item(w->found.rows, "A")->is_in_use);
		assert_true(row_set_item(w->found.rows, "B")->is_in_use == (later == 0));
		assert_true(row_set_location(w->found.rows, "WH1")->is_in_use);
		if (later)
			delete_item(w, "B");
		assert_int_equal(any_commit(w), 0);
	}
	arena_init(&a);
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	assert_int_equal(s->reader->ops->item(s->reader, "B", &a, &item), 0);
	assert_int_equal(item.id, 0);
	s->reader->ops->end(s->reader);
	arena_fini(&a);
	expect_books_balance(s);
}

/* ---------------------------------------------------------------- leases */

static void take_news(struct any_writer *w, struct arena *a, struct news *ret)
{
	any_begin(w);
	assert_int_equal(w->writer->ops->news(w->writer, a, ret), 0);
	w->writer->ops->news_taken(w->writer);
	any_abandon(w);
}

/* Leases as a writer that begins is told of them. */
static void read_leases(struct any_store *s, struct arena *a, struct news *ret)
{
	if (s->kind->is_sqlite) {
		any_store_reopen(s);
		take_news(&s->w, a, ret);
	} else {
		struct any_writer other;

		any_writer_open(s, &other);
		take_news(&other, a, ret);
		any_writer_close(&other);
	}
	assert_true(ret->has_leases);
}

static void change_lease(struct any_writer *w, enum change change, int64_t fence,
			 int64_t expires_at_ms, int expected)
{
	struct lease_effect *e;

	any_begin_with(w, "A WH1", NULL);
	e = effects_add_lease(&w->effects);
	*e = (struct lease_effect){ .change = change,
				    .fence = fence,
				    .id = "",
				    .expires_at_ms = expires_at_ms,
				    .owner = w };
	assert_int_equal(any_write(w), expected);
	if (expected == 0)
		assert_int_equal(w->writer->ops->commit(w->writer, &(bool){ false }), 0);
	else
		any_abandon(w);
	assert_ptr_equal(w->effects.culprit, expected == 0 ? NULL : w);
}

static void leases_are_named_by_fences_that_only_grow(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct news news;
	struct lease_effect *e;
	struct arena a;

	arena_init(&a);
	any_begin_with(w, "A WH1", "B WH1", NULL);
	any_lease(w, "", w->now_ms + 1000, "A", "WH1");
	e = any_lease(w, "mine", w->now_ms + 1000, "B", "WH1");
	e->token_id = 7;
	e->actor = "scanner-3";
	assert_int_equal(any_commit(w), 0);
	change_lease(w, CHANGE_UPDATE, 1, w->now_ms + 5000, 0);
	change_lease(w, CHANGE_UPDATE, 7, w->now_ms + 5000, -EBADMSG);
	read_leases(s, &a, &news);
	assert_int_equal(news.lease_count, 2);
	assert_string_equal(news.leases[0].lease_id, "l_1");
	assert_string_equal(news.leases[0].sku.text, "A");
	assert_string_equal(news.leases[0].location.text, "WH1");
	assert_string_equal(news.leases[0].purpose, "count");
	assert_int_equal(news.leases[0].expires_at_ms, w->now_ms + 5000);
	assert_string_equal(news.leases[1].lease_id, "mine");
	assert_int_equal(news.leases[1].fence, 2);
	assert_int_equal(news.leases[0].token_id, 0);
	assert_null(news.leases[0].actor);
	assert_int_equal(news.leases[1].token_id, 7);
	assert_string_equal(news.leases[1].actor, "scanner-3");
	change_lease(w, CHANGE_DELETE, 1, 0, 0);
	change_lease(w, CHANGE_DELETE, 2, 0, 0);
	any_begin_with(w, "A WH1", NULL);
	any_lease(w, "mine", w->now_ms + 1000, "A", "WH1");
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(w->effects.leases.all[0].fence, 3); /* never one that was there before */
	read_leases(s, &a, &news);
	assert_int_equal(news.lease_count, 1);
	arena_fini(&a);
	expect_books_balance(s);
}

static void a_row_has_one_lease_at_a_time(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct news news;
	struct arena a;

	arena_init(&a);
	any_begin_with(w, "A WH1", NULL);
	any_lease(w, "one", w->now_ms + 1000, "A", "WH1");
	assert_int_equal(any_commit(w), 0);
	any_begin_with(w, "A WH1", NULL);
	any_lease(w, "two", w->now_ms + 1000, "A", "WH1")->owner = w;
	assert_int_equal(any_write(w), -EBADMSG);
	assert_ptr_equal(w->effects.culprit, w);
	any_abandon(w);
	w->now_ms += 2000; /* the first one has ended, and nobody has taken it away */
	any_begin_with(w, "A WH1", NULL);
	any_lease(w, "two", w->now_ms + 1000, "A", "WH1");
	assert_int_equal(any_commit(w), 0);
	read_leases(s, &a, &news);
	assert_int_equal(news.lease_count, 1);
	assert_string_equal(news.leases[0].lease_id, "two");
	arena_fini(&a);
}

/* ---------------------------------------------------------------- reservations */

static void stock_up(struct any_writer *w)
{
	any_begin_with(w, "A WH1", "B WH1", NULL);
	any_adjust(w, "A", "WH1", 50);
	any_adjust(w, "B", "WH1", 50);
	assert_int_equal(any_commit(w), 0);
}

static void reserve_committed(struct any_writer *w, const char *name, int64_t expires_at_ms)
{
	any_begin_with(w, "A WH1", "B WH1", NULL);
	any_reserve(w, name, expires_at_ms);
	assert_int_equal(any_commit(w), 0);
}

/* What is handed out in a group that wants this: so many, and each with its rows. */
static size_t overdue_count(struct any_writer *w)
{
	size_t count = 0;

	LIST_EACH (it, &w->found.overdue) {
		const struct found_overdue *o = CONTAINER_OF(it, struct found_overdue, link);

		assert_int_equal(o->of->reservation.state, RESERVATION_ACTIVE);
		assert_true(o->of->reservation.expires_at_ms <= w->now_ms);
		for (int i = 0; i < o->of->reservation.line_count; i++)
			assert_non_null(row_set_row(
				w->found.rows, any_row(w, o->of->reservation.lines[i].sku.text,
						       o->of->reservation.lines[i].location.text)));
		count++;
	}
	return count;
}

static void a_reservation_is_found_by_its_name(struct any_store *s)
{
	struct any_writer *w = &s->w;
	const struct found_reservation *of;
	struct reservation found;
	struct promised promised;
	struct arena a;
	int64_t seq;

	stock_up(w);
	reserve_committed(w, "cart-1", w->now_ms + 9000);
	w->writer->ops->promised(w->writer, w->now_ms, &promised);
	assert_int_equal(promised.count, 1);
	assert_int_equal(promised.line_count, 2);
	assert_int_equal(promised.overdue_count, 0);
	assert_int_equal(promised.next_ms, w->now_ms + 9000);
	any_begin(w);
	for (int i = 0; i < 2; i++) { /* works of one group may name the same one */
		want_reservation(&w->want, (struct wanted_reservation){ .name = "cart-1",
									.needs_rows = true });
		want_reservation(&w->want, (struct wanted_reservation){ .name = "nobody",
									.needs_rows = true });
	}
	w->want.now_ms = w->now_ms;
	w->want.group = w->group;
	/* Not sorted, as the engine asks: in the order of arrival. */
	assert_int_equal(w->writer->ops->lock(w->writer, &w->want, 0, &w->found), 0);
	w->effects.rows = w->found.rows;
	want_clear(&w->want);
	assert_false(found_reservation_of(&w->found, "nobody")->is_there);
	of = found_reservation_of(&w->found, "cart-1");
	assert_true(of->is_there);
	assert_int_equal(of->reservation.line_count, 2);
	assert_string_equal(of->reservation.lines[1].sku.text, "B");
	assert_int_equal(of->reservation.lines[1].quantity, 4);
	assert_int_equal(overdue_count(w), 0);
	found = of->reservation;
	any_resolve(w, &found, RESERVATION_RELEASED);
	assert_int_equal(any_commit(w), 0);
	w->writer->ops->promised(w->writer, w->now_ms, &promised);
	assert_int_equal(promised.count, 0);
	arena_init(&a);
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	assert_int_equal(s->reader->ops->reservation(s->reader, "cart-1", &a, &found), 0);
	assert_int_equal(found.state, RESERVATION_RELEASED);
	assert_string_equal(found.owner, "cart");
	assert_null(found.reference);
	assert_int_equal(s->reader->ops->reservation(s->reader, "nobody", &a, &found), 0);
	assert_int_equal(found.id, 0);
	s->reader->ops->end(s->reader);
	arena_fini(&a);
	expect_books_balance(s);
}

/* By a row, by its name, or by nobody; once a group, and again if the group is abandoned. */
static void what_is_overdue_is_handed_out(struct any_store *s)
{
	enum { BY_ROW, BY_NAME, BY_SWEEP, WAYS };
	struct any_writer *w = &s->w;

	stock_up(w);
	reserve_committed(w, "due-1", w->now_ms + 1000);
	reserve_committed(w, "due-2", w->now_ms + 1000);
	reserve_committed(w, "later", w->now_ms + 99000);
	w->now_ms += 1000;
	for (int way = BY_ROW; way < WAYS; way++) {
		any_begin(w);
		if (way == BY_ROW)
			want_row(&w->want, any_row(w, "B", "WH1"));
		if (way == BY_NAME)
			want_reservation(&w->want, (struct wanted_reservation){
							   .name = "due-2", .needs_rows = true });
		assert_int_equal(any_lock(w, 0), 0);
		if (way != BY_NAME) /* whoever sweeps after a lock finds what that left */
			assert_int_equal(w->writer->ops->sweep(w->writer, w->now_ms, &w->found), 0);
		assert_int_equal(overdue_count(w), way == BY_NAME ? 1 : 2);
		any_abandon(w);
	}
	any_begin_with(w, "B WH1", NULL);
	LIST_EACH (it, &w->found.overdue)
		any_resolve(w, &CONTAINER_OF(it, struct found_overdue, link)->of->reservation,
			    RESERVATION_EXPIRED);
	assert_int_equal(any_commit(w), 0);
	any_begin_with(w, "A WH1", "B WH1", NULL);
	assert_int_equal(w->writer->ops->sweep(w->writer, w->now_ms, &w->found), 0);
	assert_int_equal(overdue_count(w), 0);
	any_abandon(w);
	expect_books_balance(s);
}

static struct found_overdue *first_overdue(struct any_writer *w)
{
	return CONTAINER_OF(w->found.overdue.next, struct found_overdue, link);
}

/* The store names the one that it does not let run out; left alone, it keeps nobody waiting. */
static void one_that_cannot_run_out_is_named(struct any_store *s)
{
	struct any_writer *w = &s->w;
	int64_t id;

	stock_up(w);
	reserve_committed(w, "due-1", w->now_ms + 1000);
	reserve_committed(w, "due-2", w->now_ms + 1000);
	w->now_ms += 1000;
	any_begin_with(w, "A WH1", "B WH1", NULL);
	assert_int_equal(overdue_count(w), 2);
	id = first_overdue(w)->id;
	for (int i = 0; i < 2; i++) /* once too often */
		any_resolve(w, &first_overdue(w)->of->reservation, RESERVATION_EXPIRED);
	assert_int_equal(any_write(w), -EBADMSG);
	assert_null(w->effects.culprit);
	assert_int_equal(w->effects.culprit_overdue, id);
	any_abandon(w);

	any_begin_with(w, "A WH1", "B WH1", NULL);
	assert_int_equal(overdue_count(w), 2);
	list_pop_front(&w->found.overdue);
	any_resolve(w, &first_overdue(w)->of->reservation, RESERVATION_EXPIRED);
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(w->effects.culprit_overdue, 0);
	any_begin_with(w, "A WH1", "B WH1", NULL);
	assert_int_equal(overdue_count(w), 0);
	any_abandon(w);
	expect_books_balance(s);
}

static void one_that_is_extended_is_not_overdue(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct reservation_effect *e;

	stock_up(w);
	reserve_committed(w, "mine", w->now_ms + 1000);
	any_begin(w);
	want_reservation(&w->want,
			 (struct wanted_reservation){ .name = "mine", .needs_rows = true });
	assert_int_equal(any_lock(w, 0), 0);
	e = effects_add_reservation(&w->effects);
	*e = (struct reservation_effect){
		.change = RESERVATION_EXTEND,
		.reservation = &found_reservation_of(&w->found, "mine")->reservation,
	};
	e->reservation->expires_at_ms = w->now_ms + 8000;
	assert_int_equal(any_commit(w), 0);
	w->now_ms += 2000;
	any_begin_with(w, "A WH1", NULL);
	assert_int_equal(overdue_count(w), 0);
	any_abandon(w);
	w->now_ms += 6000;
	any_begin_with(w, "A WH1", NULL);
	assert_int_equal(overdue_count(w), 1);
	any_abandon(w);
}

/* Somebody has to mend it: it keeps nobody waiting for a minute. */
static void one_that_is_not_resolved_comes_again_later(struct any_store *s)
{
	struct any_writer *w = &s->w;

	stock_up(w);
	reserve_committed(w, "mine", w->now_ms + 1000);
	w->now_ms += 1000;
	any_begin_with(w, "A WH1", NULL);
	assert_int_equal(overdue_count(w), 1);
	any_adjust(w, "A", "WH1", 1);
	assert_int_equal(any_commit(w), 0);
	any_begin_with(w, "A WH1", NULL);
	assert_int_equal(overdue_count(w), 0);
	any_abandon(w);
	w->now_ms += 61000;
	any_begin_with(w, "A WH1", NULL);
	assert_int_equal(overdue_count(w), 1);
	any_abandon(w);
}

/* ---------------------------------------------------------------- keys */

struct seen_keys {
	uint64_t hashes[8];
	int64_t last_id;
	int count;
};

static int see_key(void *context, int64_t id, uint64_t key_hash, int64_t at_ms)
{
	struct seen_keys *k = context;

	assert_true(id > k->last_id); /* oldest first */
	assert_true(at_ms > 0);
	k->last_id = id;
	k->hashes[k->count++] = key_hash;
	return 0;
}

static void add_keys(struct any_writer *w)
{
	static const char *const keys[] = { "k1", "k2", "k3", "k4" };

	any_begin_with(w, "A WH1", NULL);
	for (int i = 0; i < (int)LENGTH_OF(keys); i++)
		any_key(w, i + 1, keys[i], (i + 1) * 1000);
	assert_int_equal(any_commit(w), 0);
}

static void keys_are_kept_in_order_of_arrival(struct any_store *s)
{
	static const struct {
		const char *what;
		int64_t since_ms;
		size_t count;
		const char *first; /* of those that are seen */
		int seen_count;
	} rows[] = {
		{ "all", 0, 100, "k1", 4 },
		{ "the newest two", 0, 2, "k3", 2 },
		{ "since then", 3000, 100, "k3", 2 },
		{ "none that new", 9000, 100, NULL, 0 },
	};
	struct any_writer *w = &s->w;

	add_keys(w);
	any_store_reopen(s);
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct seen_keys seen = { 0 };
		int r = w->writer->ops->each_key(w->writer, rows[i].since_ms, rows[i].count,
						 see_key, &seen);

		ROW_EXPECT(rows[i].what, r == 0);
		ROW_EXPECT(rows[i].what, seen.count == rows[i].seen_count);
		ROW_EXPECT(rows[i].what, rows[i].first == NULL ||
						 seen.hashes[0] == hash_bytes(rows[i].first, 2, 0));
	}
}

static void a_key_is_found_as_it_was_written(struct any_store *s)
{
	struct key_record found;
	struct arena a;
	int64_t seq;

	add_keys(&s->w);
	arena_init(&a);
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	assert_int_equal(s->reader->ops->key(s->reader, 2, &a, &found), 0);
	assert_string_equal(found.key, "k2");
	assert_true(found.fingerprint == UINT64_C(0xfedcba9876543210));
	assert_int_equal(found.status, 201);
	assert_int_equal(found.outcome, OUTCOME_DONE);
	assert_string_equal(found.body, "{\"a\":1}");
	assert_int_equal(found.at_ms, 2000);
	assert_int_equal(s->reader->ops->key(s->reader, 9, &a, &found), 0);
	assert_int_equal(found.id, 0); /* absent is not a fault */
	s->reader->ops->end(s->reader);
	arena_fini(&a);
	if (s->w.writer->ops->keys_are_told)
		return;
	any_begin(&s->w);
	want_key(&s->w.want, (struct wanted_key){ .key = "k2" });
	want_key(&s->w.want, (struct wanted_key){ .key = "k9" });
	assert_int_equal(any_lock(&s->w, 0), 0);
	assert_int_equal(s->w.found.key_count, 2);
	assert_int_equal(s->w.found.keys[0].record.id, 2);
	assert_int_equal(s->w.found.keys[1].record.id, 0);
	any_abandon(&s->w);
}

enum { KEYS_WANTED = 9 };

/* In any order they are wanted in, by text and by token; only what was wanted last is there. */
static void wanted_keys_are_found_by_their_order(struct any_store *s)
{
	struct any_writer *w = &s->w;
	char texts[KEYS_WANTED][4];

	if (w->writer->ops->keys_are_told)
		return;
	any_begin_with(w, "A WH1", NULL);
	for (int i = 0; i < KEYS_WANTED; i += 2) {
		(void)snprintf(texts[i], sizeof(texts[i]), "n%d", i);
		any_key(w, i / 2 + 1, texts[i], 1000);
	}
	assert_int_equal(any_commit(w), 0);
	any_begin(w);
	if (w->writer->ops->joins_groups) {
		want_key(&w->want, (struct wanted_key){ .key = "early" });
		assert_int_equal(any_lock(w, 0), 0);
	}
	for (int i = KEYS_WANTED - 1; i >= 0; i--) {
		(void)snprintf(texts[i], sizeof(texts[i]), "n%d", i);
		want_key(&w->want, (struct wanted_key){ .key = texts[i], .token_id = i % 2 });
		want_key(&w->want, (struct wanted_key){ .key = texts[i], .token_id = 7 });
	}
	assert_int_equal(any_lock(w, 0), 0);
	for (int i = 0; i < KEYS_WANTED; i++) {
		struct wanted_key key = { .key = texts[i], .token_id = i % 2 };
		const struct found_key *k = found_key_of(&w->found, &key);

		assert_non_null(k);
		assert_string_equal(k->key.key, texts[i]);
		assert_true((k->record.id != 0) == (i % 2 == 0));
		key.token_id = 7;
		assert_int_equal(found_key_of(&w->found, &key)->record.id, 0);
		key.token_id = 8;
		assert_null(found_key_of(&w->found, &key));
	}
	assert_null(found_key_of(&w->found, &(struct wanted_key){ .key = "early" }));
	any_abandon(w);
}

/* Each token has its own, and one that has none has another. */
static void keys_of_the_same_text_are_one_of_each_token(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct seen_keys seen = { 0 };
	struct key_record found;
	struct arena a;
	int64_t seq;

	any_begin_with(w, "A WH1", NULL);
	for (int64_t token = 0; token < 3; token++) {
		struct key_record *k = any_key(w, token + 1, "same", 1000);

		k->token_id = token;
		k->key_hash = key_hash_of("same", 4, token);
	}
	assert_int_equal(any_commit(w), 0);
	any_store_reopen(s);
	assert_int_equal(w->writer->ops->each_key(w->writer, 0, 100, see_key, &seen), 0);
	assert_int_equal(seen.count, 3);
	arena_init(&a);
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	for (int64_t token = 0; token < 3; token++) {
		assert_int_equal(s->reader->ops->key(s->reader, token + 1, &a, &found), 0);
		assert_int_equal(found.token_id, token);
		assert_true(found.key_hash == seen.hashes[token]);
		assert_true(found.key_hash == key_hash_of("same", 4, token));
	}
	s->reader->ops->end(s->reader);
	arena_fini(&a);
	if (w->writer->ops->keys_are_told)
		return;
	any_begin(w);
	want_key(&w->want, (struct wanted_key){ .key = "same", .token_id = 2 });
	want_key(&w->want, (struct wanted_key){ .key = "same", .token_id = 3 });
	assert_int_equal(any_lock(w, 0), 0);
	assert_int_equal(w->found.keys[0].record.id, 3);
	assert_int_equal(w->found.keys[1].record.id, 0);
	any_abandon(w);
}

static void old_keys_are_forgotten_in_slices(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct seen_keys seen = { 0 };
	static const int expected[] = { 2, 1, 0 };

	add_keys(w);
	for (size_t i = 0; i < LENGTH_OF(expected); i++) {
		any_begin_with(w, "A WH1", NULL);
		w->effects.forget_to = 3;
		w->effects.forget_count = 2;
		assert_int_equal(any_commit(w), 0);
		assert_int_equal(w->effects.forgotten_count, expected[i]);
	}
	assert_int_equal(w->writer->ops->each_key(w->writer, 0, 100, see_key, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last_id, 4);
}

/* Whoever has seen an id may ask by it once more: it must not name another key then. */
static void ids_of_keys_do_not_come_again(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct key_record *k;

	if (w->writer->ops->keys_are_told)
		return; /* ids are the caller's there */
	add_keys(w);
	any_begin_with(w, "A WH1", NULL);
	w->effects.forget_to = 100;
	w->effects.forget_count = 100;
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(w->effects.forgotten_count, 4);
	any_store_reopen(s);
	for (int64_t id = 5; id <= 6; id++) {
		any_begin_with(w, "A WH1", NULL);
		k = any_key(w, 0, id == 5 ? "k5" : "k6", 9000);
		assert_int_equal(any_commit(w), 0);
		assert_int_equal(k->id, id);
	}
}

/* ---------------------------------------------------------------- pages */

/* Items P00 to P24 at WH1 with so many units, and three reservations. */
static void fill(struct any_writer *w)
{
	enum { ITEMS = 25 };
	char skus[ITEMS][8];

	any_begin(w);
	for (int i = 0; i < ITEMS; i++) {
		snprintf(skus[i], sizeof(skus[i]), "P%02d", i);
		want_item(&w->want, (struct wanted_name){ .name = skus[i] });
		want_row(&w->want, any_row(w, skus[i], "WH1"));
	}
	assert_int_equal(any_lock(w, 0), 0);
	for (int i = 0; i < ITEMS; i++)
		any_put_item(w, skus[i], NULL);
	for (int i = 0; i < ITEMS; i++)
		any_adjust(w, skus[i], "WH1", i);
	assert_int_equal(any_commit(w), 0);
	stock_up(w);
	for (int i = 0; i < 3; i++)
		reserve_committed(w, NULL, w->now_ms + 9000);
}

struct walked {
	size_t count;
	int pages;
};

/* Page by page to the end: how many there were, each behind the one before. */
static struct walked walk_stock(struct reader *r, struct stock_query q)
{
	struct walked walked = { 0 };
	struct page page = { 0 };
	struct arena a;
	int64_t last = 0;

	do {
		arena_init(&a);
		q.after_id = page.next;
		assert_int_equal(r->ops->list_stock(r, &q, &a, &page), 0);
		assert_true(page.count <= (size_t)q.limit);
		for (size_t i = 0; i < page.count; i++) {
			assert_true(page.stock[i].stock.id > last);
			last = page.stock[i].stock.id;
		}
		walked.count += page.count;
		walked.pages++;
		arena_fini(&a);
	} while (page.has_next);
	return walked;
}

static struct walked walk_movements(struct reader *r, struct movement_query q)
{
	struct walked walked = { 0 };
	struct page page = { 0 };
	struct arena a;
	int64_t last = q.is_descending ? INT64_MAX : 0;

	do {
		arena_init(&a);
		q.after_seq = page.next;
		assert_int_equal(r->ops->list_movements(r, &q, &a, &page), 0);
		assert_true(page.count <= (size_t)q.limit);
		for (size_t i = 0; i < page.count; i++) {
			assert_true((page.movements[i].movement.seq < last) == q.is_descending);
			last = page.movements[i].movement.seq;
		}
		walked.count += page.count;
		walked.pages++;
		arena_fini(&a);
	} while (page.has_next);
	return walked;
}

static struct walked walk_names(struct reader *r, struct catalogue_query q, bool is_item)
{
	struct walked walked = { 0 };
	struct page page = { 0 };
	char after[CODE_BYTES_MAX + 1] = "";
	struct arena a;

	q.after = after;
	do {
		arena_init(&a);
		assert_int_equal(is_item ? r->ops->list_items(r, &q, &a, &page)
					 : r->ops->list_locations(r, &q, &a, &page),
				 0);
		assert_true(page.count <= (size_t)q.limit);
		assert_true(page.count == 0 || strcmp(page.next_code.text, after) > 0);
		snprintf(after, sizeof(after), "%s", page.next_code.text);
		walked.count += page.count;
		walked.pages++;
		arena_fini(&a);
	} while (page.has_next);
	return walked;
}

static struct walked walk_reservations(struct reader *r, struct reservation_query q)
{
	struct walked walked = { 0 };
	struct page page = { 0 };
	struct arena a;

	do {
		arena_init(&a);
		q.after_id = page.next;
		assert_int_equal(r->ops->list_reservations(r, &q, &a, &page), 0);
		assert_true(page.count <= (size_t)q.limit);
		walked.count += page.count;
		walked.pages++;
		arena_fini(&a);
	} while (page.has_next);
	return walked;
}

#define EXPECT_WALKED(walk, expected_count, expected_pages)      \
	do {                                                     \
		struct walked walked_ = walk;                    \
		assert_int_equal(walked_.count, expected_count); \
		assert_int_equal(walked_.pages, expected_pages); \
	} while (0)

/* By whom and why, and of which kinds: each by itself and together. */
static void movements_are_found_by_who_and_why(struct any_store *s)
{
	static const struct movement all[] = {
		{ .kind = MOVEMENT_SET, .on_hand_delta = 9, .actor = "local" },
		{ .kind = MOVEMENT_ADJUST, .on_hand_delta = -1, .actor = "a", .reason = "sale" },
		{ .kind = MOVEMENT_ADJUST, .on_hand_delta = -1, .actor = "a", .reason = "adjust" },
		{ .kind = MOVEMENT_COUNT_OF_STOCK,
		  .actor = "a/anna",
		  .reason = "sale",
		  .note = "n" },
		{ .kind = MOVEMENT_ADJUST, .on_hand_delta = -1 },
	};
	static const struct {
		const char *actor, *reason;
		unsigned kinds;
		size_t count;
	} rows[] = {
		{ NULL, NULL, 0, 5 },
		{ "a", NULL, 0, 2 },
		{ "a/anna", NULL, 0, 1 },
		{ "b", NULL, 0, 0 },
		{ NULL, "sale", 0, 2 },
		{ NULL, "adjust", 0, 2 },
		{ NULL, "set", 0, 1 },
		{ "a", "sale", 0, 1 },
		{ NULL, NULL, 1u << MOVEMENT_SET | 1u << MOVEMENT_COUNT_OF_STOCK, 2 },
		{ "a", NULL, 1u << MOVEMENT_SET | 1u << MOVEMENT_COUNT_OF_STOCK, 0 },
		{ NULL, "sale", 1u << MOVEMENT_SET | 1u << MOVEMENT_COUNT_OF_STOCK, 1 },
	};
	struct any_writer *w = &s->w;
	int64_t seq;

	any_begin_with(w, "A WH1", NULL);
	for (size_t i = 0; i < LENGTH_OF(all); i++)
		any_move(w, "A", "WH1", &all[i]);
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	for (size_t i = 0; i < LENGTH_OF(rows) * 4; i++) {
		struct movement_query q = { .actor = rows[i / 4].actor,
					    .reason = rows[i / 4].reason,
					    .kinds = rows[i / 4].kinds,
					    .sku = i & 1 ? "A" : NULL,
					    .is_descending = i & 2,
					    .since_ms = INT64_MIN,
					    .until_ms = INT64_MAX,
					    .limit = 10 };

		assert_int_equal(walk_movements(s->reader, q).count, rows[i / 4].count);
	}
	s->reader->ops->end(s->reader);
}

static void lists_come_page_by_page(struct any_store *s)
{
	struct reader *r = s->reader;
	struct movement_query any_movement = { .since_ms = INT64_MIN,
					       .until_ms = INT64_MAX,
					       .limit = 10 };
	struct movement_query q;
	int64_t seq;

	fill(&s->w);
	assert_int_equal(r->ops->begin(r, &seq), 0);
	assert_int_equal(seq, 33); /* P00 to P24, A and B, and three times both */
	EXPECT_WALKED(walk_stock(r, (struct stock_query){ .limit = 10 }), 27, 3);
	EXPECT_WALKED(walk_stock(r, (struct stock_query){ .sku = "P07", .limit = 10 }), 1, 1);
	EXPECT_WALKED(walk_stock(r, (struct stock_query){ .location = "WH2", .limit = 10 }), 0, 1);
	EXPECT_WALKED(
		walk_names(r, (struct catalogue_query){ .is_archived = -1, .limit = 9 }, true), 27,
		3);
	EXPECT_WALKED(
		walk_names(r,
			   (struct catalogue_query){ .text = "p1", .is_archived = 0, .limit = 5 },
			   true),
		10, 2);
	EXPECT_WALKED(walk_names(r, (struct catalogue_query){ .is_archived = 1, .limit = 9 }, true),
		      0, 1);
	EXPECT_WALKED(
		walk_names(r, (struct catalogue_query){ .is_archived = -1, .limit = 1 }, false), 2,
		2);
	EXPECT_WALKED(walk_reservations(r, (struct reservation_query){ .state = RESERVATION_STATES,
								       .limit = 2 }),
		      3, 2);
	EXPECT_WALKED(walk_reservations(r, (struct reservation_query){ .owner = "cart",
								       .state = RESERVATION_ACTIVE,
								       .sku = "B",
								       .location = "WH1",
								       .limit = 9 }),
		      3, 1);
	EXPECT_WALKED(walk_reservations(r, (struct reservation_query){ .state = RESERVATION_STATES,
								       .sku = "P01",
								       .limit = 9 }),
		      0, 1);
	EXPECT_WALKED(walk_movements(r, any_movement), 33, 4);
	q = any_movement;
	q.is_descending = true;
	EXPECT_WALKED(walk_movements(r, q), 33, 4);
	q.sku = "A";
	q.limit = 2;
	EXPECT_WALKED(walk_movements(r, q), 4, 2);
	q = any_movement;
	q.kinds = 1u << MOVEMENT_RESERVE;
	EXPECT_WALKED(walk_movements(r, q), 6, 1);
	q.reservation = "r_2";
	EXPECT_WALKED(walk_movements(r, q), 2, 1);
	q = any_movement;
	q.since_ms = ANY_NOW_MS + 1;
	EXPECT_WALKED(walk_movements(r, q), 0, 1);
	q.since_ms = INT64_MIN;
	q.until_ms = ANY_NOW_MS;
	EXPECT_WALKED(walk_movements(r, q), 0, 1);
	r->ops->end(r);
	expect_books_balance(s);
}

static void an_item_is_summed_up_over_its_rows(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct item_stock_query q = { .sku = "A", .after = "", .limit = 1 };
	struct stock_sum sum;
	struct page page;
	struct arena a;
	int64_t seq;

	arena_init(&a);
	any_begin_with(w, "A WH1", "A WH2", NULL);
	any_adjust(w, "A", "WH2", 5);
	any_adjust(w, "A", "WH1", 7);
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(s->reader->ops->stock_of_item(s->reader, &q, &a, &sum, &page), 0);
		assert_true(sum.has_item);
		assert_int_equal(sum.on_hand, 12);
		assert_int_equal(page.count, 1);
		assert_string_equal(page.stock[0].location.text, i == 0 ? "WH1" : "WH2");
		assert_true(page.has_next == (i == 0));
		q.after = "WH1";
	}
	q.sku = "Z";
	assert_int_equal(s->reader->ops->stock_of_item(s->reader, &q, &a, &sum, &page), 0);
	assert_false(sum.has_item);
	s->reader->ops->end(s->reader);
	arena_fini(&a);
}

/* ---------------------------------------------------------------- several writers */

static void rows_of_others_are_held(struct any_store *s)
{
	struct any_writer *w = &s->w, other;

	if (!has_several_writers(s))
		return;
	any_writer_open(s, &other);
	any_begin_with(w, "A WH1", NULL);
	any_adjust(w, "A", "WH1", 5);
	any_begin_with(&other, "A WH1", "B WH1", NULL);
	assert_int_equal(other.found.held_count, 1);
	assert_string_equal(other.found.held[0]->sku.text, "A");
	assert_null(row_set_row(other.found.rows, any_row(&other, "A", "WH1")));
	any_adjust(&other, "B", "WH1", 7); /* another row: nobody waits */
	assert_int_equal(any_commit(&other), 0);
	assert_int_equal(any_newest_seq(s), 1); /* whoever is kept first is numbered first */
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(any_newest_seq(s), 2);
	any_begin_with(&other, "A WH1", NULL);
	assert_int_equal(other.found.held_count, 0);
	assert_int_equal(row_set_row(other.found.rows, any_row(&other, "A", "WH1"))->stock.on_hand,
			 5);
	any_abandon(&other);
	any_writer_close(&other);
	expect_books_balance(s);
}

/* What one has read before may have been changed since by somebody else. */
static void a_row_is_read_anew_when_it_is_locked(struct any_store *s)
{
	struct any_writer *w = &s->w, other;

	if (!has_several_writers(s))
		return;
	any_writer_open(s, &other);
	for (int i = 0; i < 3; i++) {
		any_begin(&other);
		adjust_committed(w, "A", 1);
		want_row(&other.want, any_row(&other, "A", "WH1"));
		assert_int_equal(any_lock(&other, 0), 0);
		assert_int_equal(
			row_set_row(other.found.rows, any_row(&other, "A", "WH1"))->stock.on_hand,
			i + 1);
		assert_int_equal(any_commit(&other), 0);
	}
	any_writer_close(&other);
}

/* Otherwise two could wait for each other, and everybody who is to be numbered for both. */
static void who_is_numbered_waits_for_no_row(struct any_store *s)
{
	enum { LONG_MS = 60000 };
	struct any_writer *w = &s->w, other;
	int64_t began_ns = clock_monotonic_ns();

	if (!has_several_writers(s) || !w->writer->ops->joins_groups)
		return;
	any_writer_open(s, &other);
	any_begin_with(w, "A WH1", NULL);
	any_begin_with(&other, "B WH1", NULL);
	any_adjust(&other, "B", "WH1", 1);
	assert_int_equal(other.writer->ops->number(other.writer, &other.effects), 0);
	want_row(&other.want, any_row(&other, "A", "WH1"));
	assert_int_equal(any_lock(&other, LONG_MS), 0);
	assert_int_equal(other.found.held_count, 1);
	assert_true(clock_monotonic_ns() - began_ns < LONG_MS * NS_PER_MS / 2);
	assert_int_equal(any_commit(&other), 0);
	any_abandon(w);
	any_writer_close(&other);
}

static void names_of_others_are_busy(struct any_store *s)
{
	struct any_writer *w = &s->w, other;

	if (!has_several_writers(s))
		return;
	stock_up(w);
	any_writer_open(s, &other);
	any_begin_with(w, "A WH1", NULL);
	any_begin(&other);
	want_item(&other.want,
		  (struct wanted_name){ .name = "A" }); /* to be changed: its rows wait */
	assert_int_equal(any_lock(&other, 0), -EBUSY);
	any_abandon(&other);
	any_begin(&other);
	want_item(&other.want, (struct wanted_name){ .name = "B" });
	assert_int_equal(any_lock(&other, 0), 0);
	any_abandon(&other);
	any_abandon(w);
	any_writer_close(&other);
}

static void another_writers_group_is_news(struct any_store *s)
{
	struct any_writer *w = &s->w, other;
	struct news news;
	struct arena a;
	bool has_news;

	if (s->kind->is_sqlite)
		return; /* others write by hand: tests/unit/test_sqlite.c */
	arena_init(&a);
	any_writer_open(s, &other);
	take_news(&other, &a, &news);
	assert_int_equal(other.writer->ops->has_news(other.writer, &has_news), 0);
	assert_false(has_news);
	any_begin_with(w, "A WH1", NULL);
	any_lease(w, "l", w->now_ms + 9000, "A", "WH1");
	any_adjust(w, "A", "WH1", 5);
	assert_int_equal(any_commit(w), 0);
	assert_int_equal(w->writer->ops->has_news(w->writer, &has_news), 0);
	assert_false(has_news);       /* what one has written oneself is none */
	for (int i = 0; i < 2; i++) { /* until it is taken */
		assert_int_equal(other.writer->ops->has_news(other.writer, &has_news), 0);
		assert_true(has_news);
		any_begin(&other);
		assert_true(other.begun.is_changed_by_others);
		want_respect(&other.want, any_row(&other, "A", "WH1"));
		assert_int_equal(any_lock(&other, 0), 0);
		assert_int_equal(other.found.held_count, 1); /* leased by somebody unknown yet */
		any_abandon(&other);
	}
	take_news(&other, &a, &news);
	assert_int_equal(news.lease_count, 1);
	assert_int_equal(news.ledger_ms, ANY_NOW_MS);
	any_begin(&other);
	assert_false(other.begun.is_changed_by_others);
	want_respect(&other.want, any_row(&other, "A", "WH1"));
	assert_int_equal(any_lock(&other, 0), 0);
	assert_int_equal(other.found.held_count, 0);
	any_abandon(&other);
	any_writer_close(&other);
	arena_fini(&a);
}

/* Groups of two rows each, in two threads, every row touched by both. */
struct seller {
	struct any_writer w;
	int sold;
	int groups;
};

static void *sell(void *context)
{
	static const char *const rows[][2] = { { "A", "WH1" }, { "B", "WH1" }, { "A", "WH2" } };
	struct seller *me = context;
	struct any_writer *w = &me->w;

	while (me->groups < 300) {
		int r;

		any_begin(w);
		for (int i = 0; i < 2; i++) {
			const char *const *row = rows[(me->groups + i) % 3];

			want_row(&w->want, any_row(w, row[0], row[1]));
		}
		r = any_lock(w, 50);
		assert_int_equal(r, 0);
		for (int i = 0; i < 2; i++) {
			const char *const *row = rows[(me->groups + i) % 3];
			struct found_row *found =
				row_set_row(w->found.rows, any_row(w, row[0], row[1]));

			if (found == NULL || found->stock.on_hand == 0)
				continue;
			any_adjust(w, row[0], row[1], -1);
			me->sold++;
		}
		me->groups++;
		r = any_commit(w);
		if (r == -EBUSY) {
			me->sold -= (int)w->effects.movements.count;
			any_abandon(w);
		} else {
			assert_int_equal(r, 0);
		}
	}
	return NULL;
}

static void two_writers_sell_no_unit_twice(struct any_store *s)
{
	enum { UNITS = 100 };
	struct seller sellers[2] = { 0 };
	pthread_t threads[2];
	int64_t left = 0;

	if (!has_several_writers(s))
		return;
	any_begin_with(&s->w, "A WH1", "B WH1", "A WH2", NULL);
	any_adjust(&s->w, "A", "WH1", UNITS);
	any_adjust(&s->w, "B", "WH1", UNITS);
	any_adjust(&s->w, "A", "WH2", UNITS);
	assert_int_equal(any_commit(&s->w), 0);
	for (int i = 0; i < 2; i++) {
		any_writer_open(s, &sellers[i].w);
		assert_int_equal(pthread_create(&threads[i], NULL, sell, &sellers[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	left = any_on_hand(s, "A", "WH1") + any_on_hand(s, "B", "WH1") + any_on_hand(s, "A", "WH2");
	assert_int_equal(sellers[0].sold + sellers[1].sold + left, 3 * UNITS);
	assert_int_equal(any_newest_seq(s), 3 + sellers[0].sold + sellers[1].sold);
	for (int i = 0; i < 2; i++)
		any_writer_close(&sellers[i].w);
	expect_books_balance(s);
}

/* ---------------------------------------------------------------- all of them */

/* A lease of another writer, not yet known here, is in the way of who respects it, and of nobody
 * else: a reservation's units come back all the same. */
static void a_leased_row_is_there_for_its_reservations(struct any_store *s)
{
	struct any_writer *w = &s->w, other;
	const struct found_reservation *of;
	struct reservation released;
	struct promised promised;

	if (s->kind->is_sqlite)
		return; /* it has one writer, which knows all leases */
	stock_up(w);
	reserve_committed(w, "cart", w->now_ms + 9000);
	any_writer_open(s, &other);
	any_begin_with(&other, "A WH1", NULL);
	any_lease(&other, "l", w->now_ms + 9000, "A", "WH1");
	assert_int_equal(any_commit(&other), 0);
	any_begin(w);
	want_row(&w->want, any_row(w, "A", "WH1"));
	want_respect(&w->want, any_row(w, "A", "WH1"));
	want_reservation(&w->want,
			 (struct wanted_reservation){ .name = "cart", .needs_rows = true });
	assert_int_equal(any_lock(w, 0), 0);
	assert_true(w->found.held_count > 0);
	assert_non_null(row_set_row(w->found.rows, any_row(w, "A", "WH1")));
	of = found_reservation_of(&w->found, "cart");
	assert_true(of->is_there);
	released = of->reservation;
	any_resolve(w, &released, RESERVATION_RELEASED);
	assert_int_equal(any_commit(w), 0);
	w->writer->ops->promised(w->writer, w->now_ms, &promised);
	assert_int_equal(promised.count, 0);
	any_writer_close(&other);
	expect_books_balance(s);
}

/* ---------------------------------------------------------------- groups of many */

enum { MANY = 60 };

/* "n-1", "n-2" and so on, that outlive each group. */
static const char *name_of(int i)
{
	static char names[MANY][8];

	snprintf(names[i], sizeof(names[i]), "n-%d", i + 1);
	return names[i];
}

static void put_or_delete_many(struct any_writer *w, bool deletes)
{
	any_begin(w);
	for (int i = 0; i < MANY; i++)
		want_item(&w->want,
			  (struct wanted_name){ .name = name_of(i), .needs_use = deletes });
	assert_int_equal(any_lock(w, 0), 0);
	for (int i = 0; i < MANY; i++)
		if (deletes)
			delete_item(w, name_of(i));
		else
			any_put_item(w, name_of(i), NULL);
	assert_int_equal(any_commit(w), 0);
}

static void lease_many(struct any_writer *w)
{
	any_begin(w);
	for (int i = 0; i < MANY; i++)
		want_row(&w->want, any_row(w, name_of(i), "WH1"));
	assert_int_equal(any_lock(w, 0), 0);
	for (int i = 0; i < MANY; i++)
		any_lease(w, name_of(i), w->now_ms + 9000, name_of(i), "WH1");
	assert_int_equal(any_commit(w), 0);
}

/* Fences 1 to MANY. */
static void change_many_leases(struct any_writer *w, enum change change)
{
	any_begin_with(w, "A WH1", NULL);
	for (int i = 0; i < MANY; i++)
		*effects_add_lease(&w->effects) =
			(struct lease_effect){ .change = change,
					       .fence = i + 1,
					       .id = "",
					       .expires_at_ms = w->now_ms + 20000,
					       .owner = w };
	assert_int_equal(any_commit(w), 0);
}

static void reserve_many(struct any_writer *w)
{
	any_begin_with(w, "A WH1", "B WH1", NULL);
	any_adjust(w, "A", "WH1", 3 * MANY);
	any_adjust(w, "B", "WH1", 4 * MANY);
	for (int i = 0; i < MANY; i++) {
		any_reserve(w, name_of(i), w->now_ms + 9000);
		any_key(w, i + 1, name_of(i), w->now_ms);
	}
	assert_int_equal(any_commit(w), 0);
}

/* Each kind of effect, so often that a count of statements or of room that is too small shows. */
static void a_group_may_do_much_of_one_kind(struct any_store *s)
{
	struct any_writer *w = &s->w;
	struct promised promised;
	struct news news;
	struct arena a;

	arena_init(&a);
	put_or_delete_many(w, false);
	lease_many(w);
	change_many_leases(w, CHANGE_UPDATE);
	read_leases(s, &a, &news);
	assert_int_equal(news.lease_count, MANY);
	change_many_leases(w, CHANGE_DELETE);
	reserve_many(w);
	w->writer->ops->promised(w->writer, w->now_ms, &promised);
	assert_int_equal(promised.count, MANY);
	put_or_delete_many(w, true);
	arena_fini(&a);
	expect_books_balance(s);
}

static const struct {
	const char *name;
	promise keep;
} promises[] = {
#define PROMISE(name)       \
	{                   \
#name, name \
	}
	PROMISE(a_group_is_all_or_nothing),
	PROMISE(an_abandoned_group_was_never_there),
	PROMISE(a_later_lock_sees_what_the_group_did),
	PROMISE(what_was_kept_outlives_closing),
	PROMISE(numbers_are_given_before_the_group_writes),
	PROMISE(a_flush_says_how_far),
	PROMISE(time_is_noted),
	PROMISE(a_snapshot_stays_as_it_was),
	PROMISE(a_point_read_says_what_is_missing),
	PROMISE(a_past_level_is_read_from_the_ledger),
	PROMISE(the_catalogue_is_kept_as_it_was_said),
	PROMISE(what_was_done_is_in_the_audit),
	PROMISE(old_rows_of_the_audit_go),
	PROMISE(what_is_stocked_or_leased_is_in_use),
	PROMISE(leases_are_named_by_fences_that_only_grow),
	PROMISE(a_row_has_one_lease_at_a_time),
	PROMISE(a_reservation_is_found_by_its_name),
	PROMISE(what_is_overdue_is_handed_out),
	PROMISE(one_that_cannot_run_out_is_named),
	PROMISE(one_that_is_extended_is_not_overdue),
	PROMISE(one_that_is_not_resolved_comes_again_later),
	PROMISE(keys_are_kept_in_order_of_arrival),
	PROMISE(a_key_is_found_as_it_was_written),
	PROMISE(keys_of_the_same_text_are_one_of_each_token),
	PROMISE(wanted_keys_are_found_by_their_order),
	PROMISE(old_keys_are_forgotten_in_slices),
	PROMISE(ids_of_keys_do_not_come_again),
	PROMISE(movements_are_found_by_who_and_why),
	PROMISE(lists_come_page_by_page),
	PROMISE(an_item_is_summed_up_over_its_rows),
	PROMISE(rows_of_others_are_held),
	PROMISE(a_row_is_read_anew_when_it_is_locked),
	PROMISE(who_is_numbered_waits_for_no_row),
	PROMISE(names_of_others_are_busy),
	PROMISE(another_writers_group_is_news),
	PROMISE(two_writers_sell_no_unit_twice),
	PROMISE(a_leased_row_is_there_for_its_reservations),
	PROMISE(a_group_may_do_much_of_one_kind),
#undef PROMISE
};

struct trial {
	const struct any_kind *kind;
	promise keep;
};

static void keep_promise(void **state)
{
	const struct trial *t = *state;
	struct any_store s;

	any_store_open(&s, t->kind);
	t->keep(&s);
	any_store_close(&s);
}

int main(void)
{
	static struct trial trials[ANY_KINDS][LENGTH_OF(promises)];
	struct CMUnitTest tests[LENGTH_OF(promises)];
	int failed = 0;

	for (size_t k = any_kind_first(); k < any_kind_end(); k++) {
		for (size_t i = 0; i < LENGTH_OF(promises); i++) {
			trials[k][i] = (struct trial){ &any_kinds[k], promises[i].keep };
			tests[i] = (struct CMUnitTest){ .name = promises[i].name,
							.test_func = keep_promise,
							.initial_state = &trials[k][i] };
		}
		failed += cmocka_run_group_tests_name(any_kinds[k].name, tests, NULL, NULL);
	}
	return failed;
}
