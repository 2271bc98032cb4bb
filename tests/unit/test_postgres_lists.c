/*
 * test_postgres_lists - the same rows in SQLite and in PostgreSQL: whatever is asked of one is
 * answered by the other, in every list, page by page, and at every point.
 *
 *     test_postgres_lists              a seed of today
 *     test_postgres_lists 12345        this one, as a failure has printed it
 */
#include "base/text.h"
#include "postgres_fixture.h"
#include "store/sqlite.h"
#include "unit.h"
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	SKUS = 12,
	CODES = 5,
	MOVEMENTS = 500,
	RESERVATIONS = 60,
	AUDITS = 80,
	PAGES_MAX = 2000,
};

static const char *const skus[SKUS] = { "A",   "A-1", "a",     "B",     "bolt", "BOLT-2",
					"C.3", "Z_9", "nut:1", "nut:2", "zZ",   "M" };
static const char *const names[] = { "Bolt",
				     "bolt, long",
				     "\xc3\x89"
				     "clair",
				     "\xc3\xa9"
				     "clair",
				     "100% wool",
				     "_",
				     "NUT",
				     "k" };
static const char *const codes[CODES] = { "WH1", "WH10", "WH2", "a", "Z" };

static uint64_t seed;

static int roll(int sides)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (int)((seed * UINT64_C(2685821657736338717)) >> 33) % sides;
}

/* ---------------------------------------------------------------- the same rows in both */

struct both {
	char folder[64];
	char path[96];
	struct store *sqlite;
	struct reader *readers[2];
	struct postgres_fixture postgres;
};

static void run_in_sqlite(const struct both *b, const char *sql)
{
	char *message = NULL;
	sqlite3 *database;

	assert_int_equal(sqlite3_open(b->path, &database), SQLITE_OK);
	sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s", message);
	sqlite3_close(database);
}

static void both_open(struct both *b)
{
	struct store_open_result result;

	strcpy(b->folder, "/tmp/rowlock-lists-XXXXXX");
	assert_non_null(mkdtemp(b->folder));
	snprintf(b->path, sizeof(b->path), "%s/store.db", b->folder);
	assert_int_equal(sqlite_open(&(struct store_options){ .path = b->path, .busy_ms = 5000 },
				     &b->sqlite, &result),
			 0);
	assert_int_equal(b->sqlite->ops->open_reader(b->sqlite, &b->readers[0]), 0);
	postgres_fixture_open(&b->postgres);
	b->readers[1] = b->postgres.reader;
}

static void both_close(struct both *b)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char path[128];

	postgres_fixture_close(&b->postgres);
	b->readers[0]->ops->close(b->readers[0]);
	b->sqlite->ops->close(b->sqlite);
	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", b->path, suffixes[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(b->folder), 0);
}

static void begin_both(struct both *b)
{
	int64_t seqs[2];

	for (int i = 0; i < 2; i++)
		assert_int_equal(b->readers[i]->ops->begin(b->readers[i], &seqs[i]), 0);
	assert_int_equal(seqs[0], seqs[1]);
}

static void end_both(struct both *b)
{
	for (int i = 0; i < 2; i++)
		b->readers[i]->ops->end(b->readers[i]);
}

/* ---------------------------------------------------------------- rows */

/* Literals that both understand: the columns make of them what they are. */
static void add_catalogue(struct text *sql)
{
	for (int i = 0; i < SKUS; i++) {
		text_add_format(sql,
				"INSERT INTO item (id, sku, name, unit, backorder_limit, "
				"reorder_point, attributes, archived, version, created_at, "
				"updated_at) VALUES (%d, '%s', '%s', 'piece', %d, ",
				i * 3 + 1, skus[i], names[roll((int)LENGTH_OF(names))], roll(3));
		text_add_format(sql, roll(3) > 0 ? "%d, " : "NULL, ", roll(40));
		text_add_format(sql, "%s, '%d', %d, 5, 6);",
				roll(2) ? "'{\"a\":[1,{\"b\":null}]}'" : "NULL", roll(4) == 0,
				roll(5) + 1);
	}
	for (int i = 0; i < CODES; i++)
		text_add_format(sql,
				"INSERT INTO location (id, code, name, archived, version, "
				"created_at, updated_at) VALUES (%d, '%s', '%s', '%d', 1, 7, 8);",
				i * 2 + 1, codes[i], names[roll((int)LENGTH_OF(names))],
				roll(4) == 0);
}

struct row {
	int item_id, location_id;
	int on_hand, reserved, version, seq, at;
};

/* Of these pairs; not all of them get a movement. */
enum { ROWS = SKUS * CODES };

static void move(struct text *sql, struct row *row, int id, int seq, int at)
{
	static const char *const kinds[] = { "adjust", "adjust",   "adjust", "set",
					     "count",  "transfer", "edit",   "expire" };
	static const char *const texts[] = { "NULL",     "NULL",      "'sale'",
					     "'adjust'", "'order-7'", "'r_1'" };
	static const char *const actors[] = { "NULL", "'local'", "'till/anna'" };
	int by = roll(21) - 7;

	row->on_hand += by;
	text_add_format(sql,
			"INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, "
			"on_hand, reserved, version, reason, reference, reservation, request_id, "
			"oversubscribed, low_stock, at, prev_seq, actor, note) VALUES (%d, %d, "
			"'%s', %d, 0, %d, 0, %d, ",
			seq, id, kinds[roll((int)LENGTH_OF(kinds))], by, row->on_hand,
			++row->version);
	text_add_format(sql, "%s, %s, %s, %s, '%d', '%d', %d, %d, %s, %s);",
			texts[roll((int)LENGTH_OF(texts))], texts[roll((int)LENGTH_OF(texts))],
			texts[roll((int)LENGTH_OF(texts))], texts[roll((int)LENGTH_OF(texts))],
			roll(2), roll(2), at, row->seq, actors[roll((int)LENGTH_OF(actors))],
			texts[roll((int)LENGTH_OF(texts))]);
	row->seq = seq;
	row->at = at;
}

/* Of the rows that can be seen, by id. */
static bool is_seen[ROWS * 2];

/* Rows without a movement are there in PostgreSQL only, and not to be seen. */
static void add_stock(struct text *sqlite, struct text *postgres, struct text *movements)
{
	struct row rows[ROWS] = { { 0 } };
	int at = 1000;

	for (int i = 0; i < ROWS; i++) {
		rows[i].item_id = i % SKUS * 3 + 1;
		rows[i].location_id = i / SKUS * 2 + 1;
	}
	for (int seq = 1; seq <= MOVEMENTS; seq++) {
		int i = roll(3) == 0 ? 7 : roll(ROWS) * 3 / 4; /* one row is hot */

		at += roll(4);
		move(movements, &rows[i], i * 2 + 1, seq, at);
	}
	for (int i = 0; i < ROWS; i++) {
		text_add_format(postgres,
				"INSERT INTO stock (id, item_id, location_id) VALUES (%d, %d, %d);",
				i * 2 + 1, rows[i].item_id, rows[i].location_id);
		is_seen[i * 2 + 1] = rows[i].version > 0;
		if (rows[i].version > 0)
			text_add_format(sqlite,
					"INSERT INTO stock (id, item_id, location_id, on_hand, "
					"reserved, version, seq, updated_at) VALUES (%d, %d, %d, "
					"%d, 0, %d, %d, %d);",
					i * 2 + 1, rows[i].item_id, rows[i].location_id,
					rows[i].on_hand, rows[i].version, rows[i].seq, rows[i].at);
	}
}

static void add_reservations(struct text *sql)
{
	static const char *const states[] = { "active", "committed", "released", "expired",
					      "superseded" };

	for (int id = 1; id <= RESERVATIONS; id++) {
		const char *state = states[roll((int)LENGTH_OF(states))];
		bool is_active = strcmp(state, "active") == 0;

		text_add_format(sql,
				"INSERT INTO reservation (id, name, state, owner, reference, "
				"created_at, expires_at, resolved_at) VALUES (%d, '%s-%d', '%s', "
				"%s, %s, 5, 99, %s);",
				id * 2, roll(2) ? "r" : "mine", id, state,
				roll(3) ? "'cart'" : "NULL", roll(2) ? "'x'" : "NULL",
				is_active ? "NULL" : "77");
		for (int n = roll(5) == 0 ? -1 : roll(3); n >= 0; n--)
			text_add_format(sql,
					"INSERT INTO reservation_line (reservation_id, n, item_id, "
					"location_id, quantity, committed, open_until) VALUES (%d, "
					"%d, %d, %d, %d, 0, %s);",
					id * 2, n, roll(SKUS) * 3 + 1, roll(CODES) * 2 + 1,
					roll(9) + 1, is_active ? "99" : "NULL");
	}
}

static void add_others(struct text *sql)
{
	static const char *const actions[] = { "item-change", "lease-take" };

	for (int id = 1; id <= AUDITS; id++)
		text_add_format(sql,
				"INSERT INTO audit (id, at, actor, action, subject, detail, "
				"request_id) VALUES (%d, %d, '%s', '%s', %s, %s, NULL);",
				id * 2, 100 + roll(50), roll(2) ? "local" : "till",
				actions[roll(2)], roll(2) ? "'A-1'" : "NULL",
				roll(2) ? "'{\"a\":1}'" : "NULL");
	for (int id = 1; id <= 9; id++)
		text_add_format(sql,
				"INSERT INTO idempotency (id, token_id, key, fingerprint, status, "
				"outcome, stock_seq, first_seq, movement_count, body, at) VALUES "
				"(%d, %d, 'k-%d', -%d, 201, 'done', 4, 4, 1, %s, 9);",
				id, roll(3), id, id, roll(2) ? "'{}'" : "NULL");
}

static void fill(struct both *b)
{
	struct text before, stock[2], behind, all;

	text_init(&before), text_init(&behind), text_init(&stock[0]), text_init(&stock[1]);
	text_init(&all);
	add_catalogue(&before);
	add_stock(&stock[0], &stock[1], &behind);
	add_reservations(&behind);
	add_others(&behind);
	for (int i = 0; i < 2; i++) {
		text_fini(&all);
		text_add_format(&all, "BEGIN; %s%s%s COMMIT", before.data, stock[i].data,
				behind.data);
		assert_false(all.failed);
		if (i == 0)
			run_in_sqlite(b, all.data);
		else
			postgres_fixture_run(&b->postgres, all.data);
	}
	text_fini(&before), text_fini(&behind), text_fini(&stock[0]), text_fini(&stock[1]);
	text_fini(&all);
}

/* ---------------------------------------------------------------- what is shown */

static const char *or_none(const char *text)
{
	return text == NULL ? "-" : text;
}

static void show_stock(struct text *t, const struct stock *s)
{
	text_add_format(t, "%lld %lld %lld %lld %lld %lld ", (long long)s->id,
			(long long)s->on_hand, (long long)s->reserved, (long long)s->version,
			(long long)s->seq, (long long)s->updated_at_ms);
}

static void show_stocks(struct text *t, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++) {
		text_add_format(t, "%s %s ", p->stock[i].sku.text, p->stock[i].location.text);
		show_stock(t, &p->stock[i].stock);
		text_add(t, "\n");
	}
}

static void show_movement(struct text *t, const struct movement_view *v)
{
	const struct movement *m = &v->movement;

	text_add_format(t, "%lld %lld %s %s %s %lld %lld %lld %lld %lld %lld %lld ",
			(long long)m->seq, (long long)m->stock_id, v->sku.text, v->location.text,
			movement_kind_text(m->kind), (long long)m->on_hand_delta,
			(long long)m->reserved_delta, (long long)m->on_hand, (long long)m->reserved,
			(long long)m->version, (long long)m->prev_seq, (long long)m->at_ms);
	text_add_format(t, "%d %d %s %s %s %s %s %s\n", m->is_oversubscribed, m->is_low_stock,
			or_none(m->reason), or_none(m->reference), or_none(m->reservation),
			or_none(m->request_id), or_none(m->actor), or_none(m->note));
}

static void show_movements(struct text *t, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		show_movement(t, &p->movements[i]);
}

static void show_item(struct text *t, const struct item *i)
{
	text_add_format(t, "%lld %s %s %s %s %lld %d %lld %d %lld %lld %lld\n", (long long)i->id,
			i->sku.text, or_none(i->name), or_none(i->unit), or_none(i->attributes),
			(long long)i->backorder_limit, i->has_reorder_point,
			(long long)i->reorder_point, i->is_archived, (long long)i->version,
			(long long)i->created_at_ms, (long long)i->updated_at_ms);
}

static void show_items(struct text *t, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		show_item(t, &p->items[i]);
}

static void show_location(struct text *t, const struct location *l)
{
	text_add_format(t, "%lld %s %s %d %lld %lld %lld\n", (long long)l->id, l->code.text,
			or_none(l->name), l->is_archived, (long long)l->version,
			(long long)l->created_at_ms, (long long)l->updated_at_ms);
}

static void show_locations(struct text *t, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		show_location(t, &p->locations[i]);
}

static void show_reservation(struct text *t, const struct reservation *r)
{
	text_add_format(t, "%lld %s %s %s %s %lld %lld %lld %d", (long long)r->id, or_none(r->name),
			reservation_state_text(r->state), or_none(r->owner), or_none(r->reference),
			(long long)r->created_at_ms, (long long)r->expires_at_ms,
			(long long)r->resolved_at_ms, r->lacks_lines);
	for (int i = 0; i < r->line_count; i++)
		text_add_format(t, ", %s %s %lld %lld %lld %lld", r->lines[i].sku.text,
				r->lines[i].location.text, (long long)r->lines[i].item_id,
				(long long)r->lines[i].location_id, (long long)r->lines[i].quantity,
				(long long)r->lines[i].committed);
	text_add(t, "\n");
}

static void show_reservations(struct text *t, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		show_reservation(t, &p->reservations[i]);
}

static void show_audits(struct text *t, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct audit_entry *e = &p->audits[i];

		text_add_format(t, "%lld %lld %s %s %s %s %s\n", (long long)e->id,
				(long long)e->at_ms, e->actor, e->action, or_none(e->subject),
				or_none(e->detail), or_none(e->request_id));
	}
}

/* ---------------------------------------------------------------- the same question to both */

struct question {
	const struct stock_query *stock;
	const struct movement_query *movements;
	const struct catalogue_query *items, *locations;
	const struct reservation_query *reservations;
	const struct audit_query *audits;
};

static int ask(struct reader *r, const struct question *q, struct arena *a, struct page *p)
{
	return q->stock != NULL          ? r->ops->list_stock(r, q->stock, a, p)
	       : q->movements != NULL    ? r->ops->list_movements(r, q->movements, a, p)
	       : q->items != NULL        ? r->ops->list_items(r, q->items, a, p)
	       : q->locations != NULL    ? r->ops->list_locations(r, q->locations, a, p)
	       : q->reservations != NULL ? r->ops->list_reservations(r, q->reservations, a, p)
					 : r->ops->list_audit(r, q->audits, a, p);
}

/* A page may end at a row that is not seen: it goes on at the same row as behind the one before. */
static int64_t next_of(const struct question *q, const struct page *p)
{
	int64_t next = p->next;

	while (q->stock != NULL && next > 0 && !is_seen[next])
		next--;
	return next;
}

static void show(struct text *t, const struct question *q, const struct page *p)
{
	text_add_format(t, "%zu rows, next %d %lld '%s'\n", p->count, p->has_next,
			(long long)next_of(q, p), p->next_code.text);
	(q->stock != NULL          ? show_stocks
	 : q->movements != NULL    ? show_movements
	 : q->items != NULL        ? show_items
	 : q->locations != NULL    ? show_locations
	 : q->reservations != NULL ? show_reservations
				   : show_audits)(t, p);
}

static void describe(struct text *t, const struct question *q)
{
	const struct movement_query *m = q->movements;

	if (q->stock != NULL)
		text_add_format(t, "stock %s %s %d behind %lld, %d", or_none(q->stock->sku),
				or_none(q->stock->location), q->stock->is_below_reorder,
				(long long)q->stock->after_id, q->stock->limit);
	if (m != NULL)
		text_add_format(t,
				"movements %s %s %s %s %s %s, kinds %x, from %lld to %lld, down "
				"%d, behind %lld, %d",
				or_none(m->sku), or_none(m->location), or_none(m->reference),
				or_none(m->reservation), or_none(m->actor), or_none(m->reason),
				m->kinds, (long long)m->since_ms, (long long)m->until_ms,
				m->is_descending, (long long)m->after_seq, m->limit);
	if (q->items != NULL || q->locations != NULL) {
		const struct catalogue_query *c = q->items != NULL ? q->items : q->locations;

		text_add_format(t, "%s %s %d behind %s, %d", q->items ? "items" : "locations",
				or_none(c->text), c->is_archived, c->after, c->limit);
	}
	if (q->reservations != NULL)
		text_add_format(t, "reservations %s %s %s %d behind %lld, %d",
				or_none(q->reservations->owner), or_none(q->reservations->sku),
				or_none(q->reservations->location), (int)q->reservations->state,
				(long long)q->reservations->after_id, q->reservations->limit);
	if (q->audits != NULL)
		text_add_format(t, "audits %s %s from %lld to %lld, down %d, behind %lld, %d",
				or_none(q->audits->actor), or_none(q->audits->action),
				(long long)q->audits->since_ms, (long long)q->audits->until_ms,
				q->audits->is_descending, (long long)q->audits->after_id,
				q->audits->limit);
}

static int64_t page_count;

/* One page of each; *ret is where it ends, with codes in the arena. */
static void compare(const struct both *b, const struct question *q, struct arena *a,
		    struct page *ret)
{
	struct text shown[2], asked;

	text_init(&asked);
	describe(&asked, q);
	for (int i = 0; i < 2; i++) {
		int r = ask(b->readers[i], q, a, ret);

		if (r < 0)
			fail_msg("%s of %d: %d", asked.data, i, r);
		text_init(&shown[i]);
		show(&shown[i], q, ret);
	}
	if (strcmp(shown[0].data, shown[1].data) != 0)
		fail_msg("%s:\n%s\nand\n%s", asked.data, shown[0].data, shown[1].data);
	text_fini(&shown[0]), text_fini(&shown[1]), text_fini(&asked);
	page_count++;
}

/* ---------------------------------------------------------------- every list */

static void stock_is_listed(const struct both *b)
{
	static const char *const wanted_skus[] = { NULL, "A", "nobody", "bolt" };
	static const char *const wanted_codes[] = { NULL, "WH1", "nowhere" };
	static const int limits[] = { 1, 7, 1000 };

	for (int i = 0; i < 4 * 3 * 2 * 3; i++) {
		struct stock_query s = { .sku = wanted_skus[i % 4],
					 .location = wanted_codes[i / 4 % 3],
					 .is_below_reorder = i / 12 % 2,
					 .limit = limits[i / 24] };
		struct page page = { .has_next = true };

		for (int pages = 0; pages == 0 || page.has_next; pages++) {
			struct arena a;

			arena_init(&a);
			assert_true(pages < PAGES_MAX);
			compare(b, &(struct question){ .stock = &s }, &a, &page);
			s.after_id = page.next;
			arena_fini(&a);
		}
	}
}

/* Walked to its end, or for some pages. */
static void walk_movements(const struct both *b, struct movement_query m, int pages_max)
{
	struct page page = { .has_next = true };

	for (int pages = 0; pages < pages_max && (pages == 0 || page.has_next); pages++) {
		struct arena a;

		arena_init(&a);
		compare(b, &(struct question){ .movements = &m }, &a, &page);
		m.after_seq = page.next;
		arena_fini(&a);
	}
}

/* Every kind of filter with every other one, from wherever, to wherever. */
static void movements_are_listed(const struct both *b)
{
	static const char *const wanted_skus[] = { NULL, NULL, "A", "nobody", "B", "bolt" };
	static const char *const wanted_codes[] = { NULL, NULL, "WH1", "WH10", "nowhere" };
	static const char *const wanted_texts[] = { NULL, NULL, NULL, "order-7", "r_1", "none" };
	static const char *const wanted_actors[] = { NULL, NULL, "local", "till/anna", "none" };
	static const char *const wanted_reasons[] = { NULL, NULL, "sale", "adjust", "count" };
	static const int limits[] = { 1, 3, 20, 1000 };

	for (int i = 0; i < 3000; i++) {
		struct movement_query m = {
			.sku = wanted_skus[roll((int)LENGTH_OF(wanted_skus))],
			.location = wanted_codes[roll((int)LENGTH_OF(wanted_codes))],
			.reference = wanted_texts[roll((int)LENGTH_OF(wanted_texts))],
			.reservation = roll(4) ? NULL : wanted_texts[roll(6)],
			.actor = wanted_actors[roll((int)LENGTH_OF(wanted_actors))],
			.reason = wanted_reasons[roll((int)LENGTH_OF(wanted_reasons))],
			.kinds = roll(3) ? 0 : (unsigned)roll(1 << MOVEMENT_KINDS),
			.since_ms = roll(2) ? INT64_MIN : 990 + roll(1200),
			.until_ms = roll(2) ? INT64_MAX : 990 + roll(1200),
			.is_descending = roll(2),
			.after_seq = roll(2) ? 0 : roll(MOVEMENTS + 20),
			.limit = limits[roll((int)LENGTH_OF(limits))],
		};

		walk_movements(b, m, i % 50 == 0 ? PAGES_MAX : 3);
	}
}

/* From every cursor there is, in both directions, of one row, of an item and of all. */
static void movements_are_listed_from_everywhere(const struct both *b)
{
	for (int i = 0; i < (MOVEMENTS + 3) * 6; i++) {
		struct movement_query m = { .sku = i % 3 > 0 ? "B" : NULL,
					    .location = i % 3 > 1 ? "WH1" : NULL,
					    .since_ms = INT64_MIN,
					    .until_ms = INT64_MAX,
					    .is_descending = i / 3 % 2,
					    .after_seq = i / 6,
					    .limit = 2 };

		walk_movements(b, m, 1);
	}
}

static void the_catalogue_is_listed(const struct both *b)
{
	static const char *const texts[] = { NULL,     "bolt", "BOLT",  "\xc3\xa9", "\xc3\x89",
					     "%",      "_",    "a",     "nut:",     "wh1",
					     "CLAIR ", "z",    "nobody" };
	static const int limits[] = { 1, 2, 1000 };

	for (int i = 0; i < (int)LENGTH_OF(texts) * 3 * 3 * 2; i++) {
		struct catalogue_query c = { .text = texts[i / 18],
					     .is_archived = i % 3 - 1,
					     .after = "",
					     .limit = limits[i / 3 % 3] };
		bool is_item = i / 9 % 2;
		struct code after;
		struct page page = { .has_next = true };

		for (int pages = 0; pages == 0 || page.has_next; pages++) {
			struct question q = { .items = is_item ? &c : NULL,
					      .locations = is_item ? NULL : &c };
			struct arena a;

			arena_init(&a);
			assert_true(pages < PAGES_MAX);
			compare(b, &q, &a, &page);
			after = page.next_code;
			arena_fini(&a);
			c.after = after.text;
		}
	}
}

static void reservations_are_listed(const struct both *b)
{
	static const char *const wanted_skus[] = { NULL, "A", "M", "nobody" };
	static const char *const wanted_codes[] = { NULL, "WH1", "nowhere" };
	static const int limits[] = { 1, 7, 1000 };

	for (int i = 0; i < 4 * 3 * 2 * 3 * (RESERVATION_STATES + 1); i++) {
		struct reservation_query r = {
			.sku = wanted_skus[i % 4],
			.location = wanted_codes[i / 4 % 3],
			.owner = i / 12 % 2 ? "cart" : NULL,
			.limit = limits[i / 24 % 3],
			.state = (enum reservation_state)(i / 72),
		};
		struct page page = { .has_next = true };

		for (int pages = 0; pages == 0 || page.has_next; pages++) {
			struct arena a;

			arena_init(&a);
			assert_true(pages < PAGES_MAX);
			compare(b, &(struct question){ .reservations = &r }, &a, &page);
			r.after_id = page.next;
			arena_fini(&a);
		}
	}
}

static void the_audit_is_listed(const struct both *b)
{
	static const int limits[] = { 1, 7, 1000 };

	for (int i = 0; i < 3 * 3 * 2 * 2 * 2 * 3; i++) {
		struct audit_query q = { .actor = (const char *[]){ NULL, "local", "no" }[i % 3],
					 .action = (const char *[]){ NULL, "lease-take",
								     "no" }[i / 3 % 3],
					 .since_ms = i / 9 % 2 ? INT64_MIN : 120,
					 .until_ms = i / 18 % 2 ? INT64_MAX : 130,
					 .is_descending = i / 36 % 2,
					 .limit = limits[i / 72] };
		struct page page = { .has_next = true };

		for (int pages = 0; pages == 0 || page.has_next; pages++) {
			struct arena a;

			arena_init(&a);
			assert_true(pages < PAGES_MAX);
			compare(b, &(struct question){ .audits = &q }, &a, &page);
			q.after_id = page.next;
			arena_fini(&a);
		}
	}
}

static void every_list_says_the_same(void **state)
{
	struct both b;

	(void)state;
	both_open(&b);
	fill(&b);
	begin_both(&b);
	stock_is_listed(&b);
	movements_are_listed(&b);
	movements_are_listed_from_everywhere(&b);
	the_catalogue_is_listed(&b);
	reservations_are_listed(&b);
	the_audit_is_listed(&b);
	end_both(&b);
	both_close(&b);
	print_message("%lld pages\n", (long long)page_count);
}

/* ---------------------------------------------------------------- every point */

static void show_points(struct text *t, struct reader *r, const char *sku, const char *code)
{
	struct item item;
	struct location location;
	struct stock stock;
	bool has_item, has_location;
	struct arena a;

	arena_init(&a);
	assert_int_equal(r->ops->item(r, sku, &a, &item), 0);
	if (item.id != 0)
		show_item(t, &item);
	assert_int_equal(r->ops->location(r, code, &a, &location), 0);
	if (location.id != 0)
		show_location(t, &location);
	assert_int_equal(r->ops->stock(r, sku, code, &stock, &has_item, &has_location), 0);
	show_stock(t, &stock);
	text_add_format(t, "%d %d\n", has_item, has_location);
	for (int64_t seq = 0; seq <= MOVEMENTS + 1; seq += 1 + seq / 7) {
		struct past_level past = { .as_of_seq = seq };

		assert_int_equal(r->ops->past_level(r, sku, code, &past), 0);
		text_add_format(t, "%lld %lld %lld, ", (long long)past.seen_seq,
				(long long)past.stated_seq, (long long)past.on_hand);
	}
	arena_fini(&a);
}

static void show_sum(struct text *t, struct reader *r, const char *sku, const char *after,
		     int limit)
{
	struct item_stock_query q = { .sku = sku, .after = after, .limit = limit };
	struct stock_sum sum;
	struct page page;
	struct arena a;

	arena_init(&a);
	assert_int_equal(r->ops->stock_of_item(r, &q, &a, &sum, &page), 0);
	text_add_format(t, "%d %lld %lld, next %d '%s'\n", sum.has_item, (long long)sum.on_hand,
			(long long)sum.reserved, page.has_next, page.next_code.text);
	show_stocks(t, &page);
	arena_fini(&a);
}

static void show_records(struct text *t, struct reader *r)
{
	char name[32];
	struct arena a;

	arena_init(&a);
	for (int64_t i = 0; i <= MOVEMENTS + 1; i++) {
		struct movement_view movement;
		struct key_record key;
		struct reservation reservation;

		assert_int_equal(r->ops->movement(r, i, &a, &movement), 0);
		if (movement.movement.seq != 0)
			show_movement(t, &movement);
		assert_int_equal(r->ops->key(r, i, &a, &key), 0);
		text_add_format(t, "%lld %lld %s %lld %d %lld %lld %d %s\n", (long long)key.id,
				(long long)key.token_id, or_none(key.key),
				(long long)key.fingerprint, key.status, (long long)key.seq,
				(long long)key.first_seq, key.movement_count, or_none(key.body));
		snprintf(name, sizeof(name), "mine-%d", (int)i);
		assert_int_equal(r->ops->reservation(r, name, &a, &reservation), 0);
		if (reservation.id != 0)
			show_reservation(t, &reservation);
	}
	arena_fini(&a);
}

static void every_point_says_the_same(void **state)
{
	struct text shown[2];
	struct both b;

	(void)state;
	both_open(&b);
	fill(&b);
	begin_both(&b);
	for (int i = 0; i < 2; i++) {
		text_init(&shown[i]);
		show_records(&shown[i], b.readers[i]);
		for (int k = 0; k < (SKUS + 1) * (CODES + 1); k++)
			show_points(&shown[i], b.readers[i],
				    k % (SKUS + 1) < SKUS ? skus[k % (SKUS + 1)] : "nobody",
				    k / (SKUS + 1) < CODES ? codes[k / (SKUS + 1)] : "nowhere");
		for (int k = 0; k < SKUS; k++)
			for (int limit = 1; limit <= CODES + 1; limit++)
				show_sum(&shown[i], b.readers[i], skus[k], k % 2 ? "" : "WH1",
					 limit);
		show_sum(&shown[i], b.readers[i], "nobody", "", 9);
	}
	for (const char *x = shown[0].data, *y = shown[1].data; x != NULL && strcmp(x, y) != 0;) {
		size_t n = strcspn(x, "\n"), m = strcspn(y, "\n");

		if (n != m || memcmp(x, y, n) != 0)
			fail_msg("%.*s\nand\n%.*s", (int)n, x, (int)m, y);
		x += n + 1, y += m + 1;
	}
	text_fini(&shown[0]), text_fini(&shown[1]);
	end_both(&b);
	both_close(&b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_list_says_the_same),
		cmocka_unit_test(every_point_says_the_same),
	};

	if (!postgres_fixture_is_there())
		return 77;
	seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
