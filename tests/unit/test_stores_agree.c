/*
 * test_stores_agree - the same groups, drawn at random, over SQLite and over the store in memory:
 * after each of them both show the same, in every list and by every name.
 *
 *     test_stores_agree              seeds of today, a bounded number of groups
 *     test_stores_agree 12345        this seed alone, as a failure has printed it
 */
#include "any_store.h"
#include "base/hash.h"
#include "base/text.h"
#include "store/postgres_group.h"
#include "store/verify.h"
#include "unit.h"
#include <stdlib.h>
#include <time.h>

enum { GROUPS = 150, SEEDS = 6, KNOWN_LEASES = 16, KNOWN_NAMES = 64, SKUS = 4, CODES = 2 };

static const char *const skus[SKUS] = { "A", "B", "C", "D" };
static const char *const codes[CODES] = { "WH1", "WH2" };

static uint64_t only_seed;

/* xorshift64* (Vigna 2016): the same numbers for both stores. */
struct dice {
	uint64_t state;
};

static int roll(struct dice *d, int sides)
{
	d->state ^= d->state >> 12;
	d->state ^= d->state << 25;
	d->state ^= d->state >> 27;
	return (int)((d->state * UINT64_C(2685821657736338717)) >> 33) % sides;
}

struct known_lease {
	int64_t fence;
	int64_t expires_at_ms;
	int sku, code;
};

/* Who plays against one of the stores; all players draw the same. */
struct player {
	struct any_store s;
	struct dice dice;
	struct known_lease leases[KNOWN_LEASES];
	int lease_count;
	char names[KNOWN_NAMES][ID_BYTES_MAX + 1]; /* of reservations */
	int name_count;
	int64_t key_last;
	struct text shown;
	struct player *before; /* as of the begin of its group */
	int cuts_left;         /* of this group, over PostgreSQL: 2, one before its lock, too */
};

/* ---------------------------------------------------------------- a group */

static void want_everything(struct player *p)
{
	struct any_writer *w = &p->s.w;

	for (int i = 0; i < SKUS; i++) {
		want_item(&w->want, (struct wanted_name){ skus[i], true, true });
		for (int k = 0; k < CODES; k++)
			want_row(&w->want, any_row(w, skus[i], codes[k]));
	}
	for (int k = 0; k < CODES; k++)
		want_location(&w->want, (struct wanted_name){ codes[k], true, true });
	for (int i = p->name_count > 5 ? p->name_count - 5 : 0; i < p->name_count; i++)
		want_reservation(&w->want, (struct wanted_reservation){ .name = p->names[i],
									.needs_rows = true });
	want_reservation(&w->want,
			 (struct wanted_reservation){ .name = "nobody", .needs_rows = true });
	want_statement(&w->want,
		       (struct wanted_statement){ any_row(w, skus[roll(&p->dice, SKUS)], "WH1"),
						  roll(&p->dice, 200) });
}

static struct found_row *row_of(struct player *p, int sku, int code)
{
	return row_set_row(p->s.w.found.rows, any_row(&p->s.w, skus[sku], codes[code]));
}

static void change_level(struct player *p)
{
	static const char *const actors[] = { "local", "scanner-3", "shop/anna", NULL };
	int sku = roll(&p->dice, SKUS), code = roll(&p->dice, CODES), by = roll(&p->dice, 41) - 20;
	bool is_set = roll(&p->dice, 5) == 0;
	const struct found_row *row = row_of(p, sku, code);

	if (row->item->item.id == 0 || row->location->location.id == 0 ||
	    stock_available(&row->stock) + by < 0)
		return;
	any_move(&p->s.w, skus[sku], codes[code],
		 &(struct movement){ .kind = is_set ? MOVEMENT_SET : MOVEMENT_ADJUST,
				     .on_hand_delta = by,
				     .reason = is_set ? NULL : "sale",
				     .reference = roll(&p->dice, 2) ? "order-1" : NULL,
				     .actor = actors[roll(&p->dice, LENGTH_OF(actors))],
				     .note = roll(&p->dice, 4) == 0 ? "wet" : NULL });
}

static bool may_reserve(struct player *p)
{
	const struct found_row *a = row_of(p, 0, 0), *b = row_of(p, 1, 0);

	return a->item->item.id != 0 && b->item->item.id != 0 && stock_available(&a->stock) >= 3 &&
	       stock_available(&b->stock) >= 4 && p->name_count < KNOWN_NAMES;
}

static void reserve(struct player *p)
{
	int64_t until_ms = p->s.w.now_ms + roll(&p->dice, 6000);
	bool is_named = roll(&p->dice, 2) == 0;
	char name[ID_BYTES_MAX + 1];

	snprintf(name, sizeof(name), "mine-%d", roll(&p->dice, 1000000));
	if (!may_reserve(p) || found_reservation_of(&p->s.w.found, name) != NULL)
		return;
	if (is_named)
		snprintf(p->names[p->name_count++], sizeof(p->names[0]), "%s", name);
	any_reserve(&p->s.w, is_named ? p->names[p->name_count - 1] : NULL, until_ms);
}

static bool is_overdue(struct player *p, const struct found_reservation *of)
{
	LIST_EACH (it, &p->s.w.found.overdue)
		if (CONTAINER_OF(it, struct found_overdue, link)->of == of)
			return true;
	return false;
}

static void change_reservation(struct player *p)
{
	static const enum reservation_state ends[] = { RESERVATION_RELEASED, RESERVATION_COMMITTED,
						       RESERVATION_SUPERSEDED };
	int at = p->name_count == 0 ? 0 : roll(&p->dice, p->name_count), what = roll(&p->dice, 4);
	struct found_reservation *of =
		p->name_count == 0 ? NULL : found_reservation_of(&p->s.w.found, p->names[at]);

	if (of == NULL || !of->is_there || of->reservation.state != RESERVATION_ACTIVE ||
	    is_overdue(p, of))
		return;
	if (what < 3) {
		if (ends[what] == RESERVATION_COMMITTED)
			of->reservation.lines[0].committed = 2;
		any_resolve(&p->s.w, &of->reservation, ends[what]);
		return;
	}
	of->reservation.expires_at_ms = p->s.w.now_ms + 2000;
	*effects_add_reservation(&p->s.w.effects) =
		(struct reservation_effect){ .change = RESERVATION_EXTEND,
					     .reservation = &of->reservation };
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct found_reservation *const *)a)->name,
		      (*(struct found_reservation *const *)b)->name);
}

/* In the order of their names: which of two is handed out first is the store's matter. */
static void expire(struct player *p)
{
	struct found_reservation *due[KNOWN_NAMES * 4];
	size_t count = 0;

	LIST_EACH (it, &p->s.w.found.overdue) {
		assert_true(count < LENGTH_OF(due));
		due[count++] = CONTAINER_OF(it, struct found_overdue, link)->of;
	}
	qsort(due, count, sizeof(due[0]), by_name);
	for (size_t i = 0; i < count; i++) {
		text_add_format(&p->shown, "due %s\n", due[i]->name);
		if (roll(&p->dice, 5) > 0) /* one is left now and then, as if it were damaged */
			any_resolve(&p->s.w, &due[i]->reservation, RESERVATION_EXPIRED);
	}
}

static bool is_leased(const struct player *p, int sku, int code)
{
	for (int i = 0; i < p->lease_count; i++)
		if (p->leases[i].sku == sku && p->leases[i].code == code &&
		    p->leases[i].expires_at_ms > p->s.w.now_ms)
			return true;
	return false;
}

static void take_lease(struct player *p)
{
	int sku = roll(&p->dice, SKUS), code = roll(&p->dice, CODES);
	int64_t until_ms = p->s.w.now_ms + 500 + roll(&p->dice, 4000);
	const struct found_row *row = row_of(p, sku, code);
	char *id = arena_alloc(&p->s.w.memory, 32);

	assert_non_null(id);
	if (row->item->item.id <= 0 || row->location->location.id <= 0 || is_leased(p, sku, code) ||
	    p->lease_count == KNOWN_LEASES || p->s.w.effects.leases.count > 0)
		return;
	snprintf(id, 32, "count-%d", roll(&p->dice, 1000000));
	any_lease(&p->s.w, roll(&p->dice, 2) ? "" : id, until_ms, skus[sku], codes[code]);
	p->leases[p->lease_count++] =
		(struct known_lease){ .expires_at_ms = until_ms, .sku = sku, .code = code };
}

/* Renews or ends one of those that are known and kept. */
static void change_lease(struct player *p)
{
	int at = p->lease_count == 0 ? 0 : roll(&p->dice, p->lease_count);
	bool is_end = roll(&p->dice, 2) == 0;
	struct known_lease *l = &p->leases[at];

	if (p->lease_count == 0 || p->s.w.effects.leases.count > 0 ||
	    l->expires_at_ms <= p->s.w.now_ms)
		return;
	l->expires_at_ms = is_end ? 0 : p->s.w.now_ms + 3000;
	*effects_add_lease(&p->s.w.effects) =
		(struct lease_effect){ .change = is_end ? CHANGE_DELETE : CHANGE_UPDATE,
				       .fence = l->fence,
				       .id = "",
				       .expires_at_ms = l->expires_at_ms };
}

static void change_catalogue(struct player *p)
{
	int sku = roll(&p->dice, SKUS);

	if (p->s.w.effects.items.count + p->s.w.effects.locations.count > 0)
		return;
	any_put_item(&p->s.w, skus[sku], NULL);
	p->s.w.effects.items.all[0].item->reorder_point = roll(&p->dice, 30);
	p->s.w.effects.items.all[0].item->has_reorder_point = true;
	p->s.w.effects.items.all[0].item->name = roll(&p->dice, 2) ? "Bolt" : "Nut";
	if (roll(&p->dice, 3) == 0)
		any_put_location(&p->s.w, codes[roll(&p->dice, CODES)], NULL);
}

static void use_key(struct player *p)
{
	char *key = arena_alloc(&p->s.w.memory, 32);

	assert_non_null(key);
	snprintf(key, 32, "key-%d", roll(&p->dice, 1000000));
	any_key(&p->s.w, ++p->key_last, key, p->s.w.now_ms);
}

static void act(struct player *p)
{
	static void (*const acts[])(struct player * p) = {
		change_level, change_level,       change_level, change_level, change_level,
		reserve,      change_reservation, take_lease,   change_lease, change_catalogue,
		use_key,
	};

	acts[roll(&p->dice, (int)LENGTH_OF(acts))](p);
}

/* What was numbered is known from here on. */
static void learn_numbers(struct player *p)
{
	struct any_writer *w = &p->s.w;

	for (size_t i = 0; i < w->effects.leases.count; i++)
		if (w->effects.leases.all[i].change == CHANGE_MAKE)
			p->leases[p->lease_count - 1].fence = w->effects.leases.all[i].fence;
	for (size_t i = 0; i < w->effects.reservations.count; i++) {
		const struct reservation_effect *e = &w->effects.reservations.all[i];

		if (e->made_name != NULL && p->name_count < KNOWN_NAMES)
			snprintf(p->names[p->name_count++], sizeof(p->names[0]), "%s",
				 e->made_name);
	}
}

/* As of before the group, which has not been kept. */
static void forget_group(struct player *p, const struct player *before)
{
	memcpy(p->leases, before->leases, sizeof(p->leases));
	p->lease_count = before->lease_count;
	p->name_count = before->name_count;
	p->key_last = before->key_last;
}

/* Now and then the server ends the session of the writer, in a group or at its begin. */
static void cut(struct player *p)
{
	struct postgres_writer *w;
	CLEANUP(postgres_clear) PGresult *cut = NULL;
	char sql[100];
	PGconn *other;

	if (!p->s.kind->is_postgres || p->cuts_left == 0)
		return;
	p->cuts_left--;
	w = postgres_writer_of(p->s.w.writer);
	other = PQconnectdb(getenv("ROWLOCK_TEST_POSTGRES"));
	assert_int_equal(PQstatus(other), CONNECTION_OK);
	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d, 5000)",
		 postgres_backend(w->link));
	cut = PQexec(other, sql);
	assert_int_equal(PQresultStatus(cut), PGRES_TUPLES_OK);
	PQfinish(other);
}

/* -ENOTCONN: nothing was done, and the group is over. */
static int try_group(struct player *p, int count, int end)
{
	const struct player *const before = p->before;
	struct any_writer *w = &p->s.w;
	int r;

	any_begin(w);
	want_everything(p);
	if (p->cuts_left == 2)
		cut(p);
	r = any_lock(w, 0);
	r = r < 0 ? r : w->writer->ops->sweep(w->writer, w->now_ms, &w->found);
	if (r < 0)
		return r;
	expire(p);
	for (int i = 0; i < count; i++)
		act(p);
	if (roll(&p->dice, 4) == 0) {
		w->effects.forget_to = p->key_last - 3;
		w->effects.forget_count = 1 + roll(&p->dice, 3);
	}
	if (end == 0) {
		if (roll(&p->dice, 2) == 0 && w->writer->ops->numbers_at_begin)
			assert_int_equal(any_write(w), 0);
		any_abandon(w);
		forget_group(p, before);
		return 0;
	}
	cut(p);
	r = any_commit(w);
	r = r == -EREMOTEIO ? any_settle(w) : r;
	if (r == 0)
		learn_numbers(p);
	return r;
}

/*
 * Both players know the same before and after, whether the group is kept or not. A store that is a
 * network away may end a group that idles, as when this process gets no time: it is begun again.
 */
static void play_group(struct player *p)
{
	int count = roll(&p->dice, 8), end = roll(&p->dice, 6), tries = 0, r;

	p->s.w.now_ms += roll(&p->dice, 3000);
	p->before = malloc(sizeof(*p));
	assert_non_null(p->before);
	*p->before = *p;
	while ((r = try_group(p, count, end)) == -ENOTCONN && ++tries < ANY_TRIES) {
		any_abandon(&p->s.w);
		forget_group(p, p->before);
		p->dice = p->before->dice;
		text_fini(&p->shown);
		text_init(&p->shown);
	}
	assert_int_equal(r, 0);
	free(p->before);
	p->before = NULL;
}

/* ---------------------------------------------------------------- what is shown */

static const char *or_none(const char *text)
{
	return text == NULL ? "-" : text;
}

static int by_names(const void *a, const void *b)
{
	const struct stock_view *x = a, *y = b;
	int order = strcmp(x->sku.text, y->sku.text);

	return order != 0 ? order : strcmp(x->location.text, y->location.text);
}

/* By name: which id a row has, and so where it stands in the list, is each store's own matter. */
static void show_stock(struct player *p, struct arena *a)
{
	struct page page;

	assert_int_equal(p->s.reader->ops->list_stock(
				 p->s.reader, &(struct stock_query){ .limit = 100 }, a, &page),
			 0);
	qsort(page.stock, page.count, sizeof(page.stock[0]), by_names);
	for (size_t i = 0; i < page.count; i++) {
		const struct stock_view *v = &page.stock[i];

		text_add_format(&p->shown, "row %s %s %lld %lld %lld %lld %lld\n", v->sku.text,
				v->location.text, (long long)v->stock.on_hand,
				(long long)v->stock.reserved, (long long)v->stock.version,
				(long long)v->stock.seq, (long long)v->stock.updated_at_ms);
	}
}

static void show_movements(struct player *p, struct arena *a)
{
	struct movement_query q = {
		.since_ms = INT64_MIN, .until_ms = INT64_MAX, .is_descending = true, .limit = 40
	};
	struct page page;

	assert_int_equal(p->s.reader->ops->list_movements(p->s.reader, &q, a, &page), 0);
	for (size_t i = 0; i < page.count; i++) {
		const struct movement *m = &page.movements[i].movement;

		text_add_format(&p->shown, "movement %lld %s %s %s %lld %lld %lld %lld %lld %lld ",
				(long long)m->seq, page.movements[i].sku.text,
				page.movements[i].location.text, movement_kind_text(m->kind),
				(long long)m->on_hand_delta, (long long)m->reserved_delta,
				(long long)m->on_hand, (long long)m->reserved,
				(long long)m->version, (long long)m->prev_seq);
		text_add_format(&p->shown, "%s %s %s %s %s %lld\n", or_none(m->reason),
				or_none(m->reference), or_none(m->reservation), or_none(m->actor),
				or_none(m->note), (long long)m->at_ms);
	}
}

static void show_catalogue(struct player *p, struct arena *a)
{
	struct catalogue_query q = { .text = "U", .is_archived = -1, .after = "", .limit = 100 };
	struct page page;

	assert_int_equal(p->s.reader->ops->list_items(p->s.reader, &q, a, &page), 0);
	for (size_t i = 0; i < page.count; i++)
		text_add_format(&p->shown, "item %s %s %s %lld %lld\n", page.items[i].sku.text,
				page.items[i].name, page.items[i].unit,
				(long long)page.items[i].version,
				(long long)page.items[i].reorder_point);
	q.text = NULL;
	assert_int_equal(p->s.reader->ops->list_locations(p->s.reader, &q, a, &page), 0);
	for (size_t i = 0; i < page.count; i++)
		text_add_format(&p->shown, "location %s %s %lld\n", page.locations[i].code.text,
				page.locations[i].name, (long long)page.locations[i].version);
}

static void show_reservations(struct player *p, struct arena *a)
{
	struct reservation_query q = { .state = RESERVATION_STATES, .limit = 100 };
	struct promised promised;
	struct page page;

	assert_int_equal(p->s.reader->ops->list_reservations(p->s.reader, &q, a, &page), 0);
	for (size_t i = 0; i < page.count; i++) {
		const struct reservation *r = &page.reservations[i];

		text_add_format(&p->shown, "reservation %lld %s %s %lld %lld", (long long)r->id,
				r->name, reservation_state_text(r->state),
				(long long)r->expires_at_ms, (long long)r->resolved_at_ms);
		for (int k = 0; k < r->line_count; k++)
			text_add_format(&p->shown, " %s %s %lld %lld", r->lines[k].sku.text,
					r->lines[k].location.text, (long long)r->lines[k].quantity,
					(long long)r->lines[k].committed);
		text_add(&p->shown, "\n");
	}
	p->s.w.writer->ops->promised(p->s.w.writer, p->s.w.now_ms, &promised);
	text_add_format(&p->shown, "promised %lld %lld\n", (long long)promised.count,
			(long long)promised.line_count);
}

static int show_key(void *context, int64_t id, uint64_t key_hash, int64_t at_ms)
{
	text_add_format(context, "key %lld %llu %lld\n", (long long)id,
			(unsigned long long)key_hash, (long long)at_ms);
	return 0;
}

static void show_leases(struct player *p, struct arena *a)
{
	struct any_writer *w = &p->s.w;
	struct news news;

	any_begin(w);
	assert_int_equal(w->writer->ops->news(w->writer, a, &news), 0);
	assert_true(news.has_leases); /* since nobody has taken the news */
	any_abandon(w);
	for (size_t i = 0; i < news.lease_count; i++)
		text_add_format(&p->shown, "lease %lld %s %s %s %lld\n",
				(long long)news.leases[i].fence, news.leases[i].lease_id,
				news.leases[i].sku.text, news.leases[i].location.text,
				(long long)news.leases[i].expires_at_ms);
	text_add_format(&p->shown, "newest key %lld, ledger %lld\n", (long long)news.newest_key,
			(long long)news.ledger_ms);
}

static void show(struct player *p)
{
	struct any_writer *w = &p->s.w;
	struct arena a;
	int64_t seq;

	arena_init(&a);
	assert_int_equal(p->s.reader->ops->begin(p->s.reader, &seq), 0);
	text_add_format(&p->shown, "seq %lld\n", (long long)seq);
	show_stock(p, &a);
	show_movements(p, &a);
	show_catalogue(p, &a);
	show_reservations(p, &a);
	for (int64_t as_of = 0; as_of < seq; as_of += 1 + seq / 5) {
		struct past_level past = { .as_of_seq = as_of };

		assert_int_equal(p->s.reader->ops->past_level(p->s.reader, "A", "WH1", &past), 0);
		text_add_format(&p->shown, "past %lld %lld %lld\n", (long long)past.stated_seq,
				(long long)past.seen_seq,
				past.stated_seq == 0 ? (long long)past.on_hand : 0);
	}
	p->s.reader->ops->end(p->s.reader);
	assert_int_equal(w->writer->ops->each_key(w->writer, 0, 100, show_key, &p->shown), 0);
	show_leases(p, &a);
	arena_fini(&a);
}

/* ---------------------------------------------------------------- playing */

static void verify_books(struct player *p)
{
	struct verify *v =
		verify_create(&(struct verify_options){ .slice_rows = 50, .rows_max = 1000 });

	assert_non_null(v);
	while (!verify_is_over(v)) {
		int64_t seq;

		assert_int_equal(p->s.reader->ops->begin(p->s.reader, &seq), 0);
		assert_int_equal(verify_step(v, p->s.reader, seq), 0);
		p->s.reader->ops->end(p->s.reader);
	}
	for (int i = 0; i < verify_result(v)->listed_count; i++)
		fail_msg("%s: %s %s", p->s.kind->name,
			 finding_code_text(verify_result(v)->listed[i].code),
			 verify_result(v)->listed[i].name);
	verify_destroy(v);
}

static void first_difference(const char *a, const char *b, uint64_t seed, int group)
{
	const char *line_a = a, *line_b = b;

	while (*a != '\0' && *a == *b) {
		if (*a == '\n') {
			line_a = a + 1;
			line_b = b + 1;
		}
		a++, b++;
	}
	fail_msg("seed %llu, group %d:\n%.*s\nand\n%.*s", (unsigned long long)seed, group,
		 (int)strcspn(line_a, "\n"), line_a, (int)strcspn(line_b, "\n"), line_b);
}

static void play(const struct any_kind *kind, uint64_t seed)
{
	struct player *players = calloc(2, sizeof(players[0]));

	assert_non_null(players);
	print_message("seed %llu, %s\n", (unsigned long long)seed, kind->name);
	for (int i = 0; i < 2; i++) {
		any_store_open(&players[i].s, i == 0 ? &any_kinds[0] : kind);
		players[i].dice.state = seed;
	}
	for (int group = 0; group < GROUPS; group++) {
		for (int i = 0; i < 2; i++) {
			text_init(&players[i].shown);
			players[i].cuts_left = group % 30 < 3 ? group % 30 : 0;
			play_group(&players[i]);
			show(&players[i]);
		}
		if (strcmp(players[0].shown.data, players[1].shown.data) != 0)
			first_difference(players[0].shown.data, players[1].shown.data, seed, group);
		for (int i = 0; i < 2; i++)
			text_fini(&players[i].shown);
	}
	for (int i = 0; i < 2; i++) {
		verify_books(&players[i]);
		any_store_close(&players[i].s);
	}
	free(players);
}

static void the_same_groups_show_the_same(void **state)
{
	uint64_t first = only_seed != 0 ? only_seed : (uint64_t)time(NULL) * SEEDS;

	(void)state;
	for (uint64_t seed = first; seed < first + (only_seed != 0 ? 1 : SEEDS); seed++)
		for (size_t k = any_kind_first(); k < any_kind_end(); k++)
			if (k > 0)
				play(&any_kinds[k], seed);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_groups_show_the_same),
	};

	only_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
