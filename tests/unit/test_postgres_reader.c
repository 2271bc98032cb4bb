/*
 * test_postgres_reader - what is PostgreSQL's own about reading: snapshots that are transactions,
 * pages that end where they have looked at enough, plans, links that are lost, and limits of time.
 */
#include "base/clock.h"
#include "postgres_fixture.h"
#include "store/postgres_reader.h"
#include "unit.h"
#include <pthread.h>
#include <stdatomic.h>

/* ---------------------------------------------------------------- a store with one row in it */

static void add_row(struct postgres_fixture *f)
{
	postgres_fixture_run(
		f, "INSERT INTO item (id, sku, name) VALUES (1, 'A', 'a'), (2, 'B', 'b');"
		   "INSERT INTO location (id, code, name) VALUES (1, 'WH1', 'w');"
		   "INSERT INTO stock (id, item_id, location_id) VALUES (1, 1, 1), (2, 2, 1)");
}

/* `count` more of row 1, each one unit. */
static void add_movements(struct postgres_fixture *f, int count)
{
	char sql[600];

	snprintf(sql, sizeof(sql),
		 "INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, "
		 "on_hand, reserved, version, oversubscribed, low_stock, at, prev_seq) "
		 "SELECT n + g, 1, 'adjust', 1, 0, n + g, 0, n + g, false, false, n + g, n + g - 1 "
		 "FROM (SELECT coalesce(max(seq), 0) AS n FROM movement) m, "
		 "generate_series(1, %d) g",
		 count);
	postgres_fixture_run(f, sql);
}

static int64_t begin(struct postgres_fixture *f)
{
	int64_t seq = -1;

	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	return seq;
}

static void end(struct postgres_fixture *f)
{
	f->reader->ops->end(f->reader);
}

static int read_level(struct postgres_fixture *f, int64_t *ret)
{
	bool has_item, has_location;
	struct stock stock;
	int r = f->reader->ops->stock(f->reader, "A", "WH1", &stock, &has_item, &has_location);

	*ret = stock.on_hand;
	return r;
}

static int64_t level(struct postgres_fixture *f)
{
	int64_t on_hand;

	assert_int_equal(read_level(f, &on_hand), 0);
	return on_hand;
}

/* ---------------------------------------------------------------- snapshots */

static void a_snapshot_shows_what_was_committed_before_it(void **state)
{
	struct postgres_fixture f;

	(void)state;
	postgres_fixture_open(&f);
	add_row(&f);
	assert_int_equal(begin(&f), 0);
	add_movements(&f, 3);
	assert_int_equal(level(&f), 0);
	end(&f);
	end(&f); /* harmless */
	assert_int_equal(begin(&f), 3);
	add_movements(&f, 1);
	assert_int_equal(level(&f), 3);
	end(&f);
	assert_int_equal(begin(&f), 4);
	assert_int_equal(level(&f), 4);
	end(&f);
	postgres_fixture_close(&f);
}

/* Nor does it keep anything from being cleaned up while nobody reads. */
static void nothing_is_left_open_behind_a_snapshot(void **state)
{
	struct postgres_fixture f;
	char sql[200];

	(void)state;
	postgres_fixture_open(&f);
	begin(&f);
	snprintf(sql, sizeof(sql),
		 "SELECT (state = 'idle')::integer FROM pg_stat_activity WHERE pid = %d",
		 postgres_backend(postgres_reader_of(f.reader)->link));
	assert_int_equal(postgres_fixture_query(&f, sql), 0);
	end(&f);
	for (int64_t until_ns = clock_monotonic_ns() + 10 * NS_PER_S;
	     postgres_fixture_query(&f, sql) == 0;)
		assert_true(clock_monotonic_ns() < until_ns);
	postgres_fixture_close(&f);
}

/* Whatever is asked of it: a reader cannot write. */
static void a_reader_cannot_write(void **state)
{
	struct postgres_fixture f;
	struct postgres_link *link;

	(void)state;
	postgres_fixture_open(&f);
	link = postgres_reader_of(f.reader)->link;
	assert_true(postgres_run_text(link, "UPDATE store SET newest_at = 1", NULL) < 0);
	assert_string_equal(postgres_error_of(link)->state, "25006");
	begin(&f);
	end(&f);
	postgres_fixture_close(&f);
}

static void kill_reader(struct postgres_fixture *f)
{
	int pid = postgres_backend(postgres_reader_of(f->reader)->link);
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d, 5000)::integer", pid);
	assert_int_equal(postgres_fixture_query(f, sql), 1);
}

/* What is expected is as it was when the snapshot began, and costs no further trip. */
static void rows_that_are_expected_come_with_the_snapshot(void **state)
{
	static const struct stock_name names[] = {
		{ "B", "WH1" }, { "A", "WH1" }, { "none", "WH1" }, { "A", "none" }, { "A", "WH1" }
	};
	struct postgres_fixture f;
	struct stock stock;
	bool has_item, has_location;

	(void)state;
	postgres_fixture_open(&f);
	add_row(&f);
	add_movements(&f, 7);
	f.reader->ops->expect(f.reader, names, LENGTH_OF(names));
	assert_int_equal(begin(&f), 7);
	kill_reader(&f); /* whoever goes there again hears of it */
	for (size_t i = 0; i < 2 * LENGTH_OF(names); i++) {
		const struct stock_name *n = &names[i * 3 % LENGTH_OF(names)];

		assert_int_equal(f.reader->ops->stock(f.reader, n->sku, n->location, &stock,
						      &has_item, &has_location),
				 0);
		assert_int_equal(has_item, n->sku[0] != 'n');
		assert_int_equal(has_location, n->location[0] != 'n');
		assert_int_equal(stock.on_hand, n->sku[0] == 'A' && has_location ? 7 : 0);
		assert_int_equal(stock.id, n->sku[0] == 'A' && has_location ? 1 : 0);
	}
	assert_int_equal(f.reader->ops->stock(f.reader, "A", "L", &stock, &has_item, &has_location),
			 -ENOTCONN);
	end(&f);
	add_movements(&f, 1);
	begin(&f); /* nothing is expected of this one */
	assert_int_equal(level(&f), 8);
	end(&f);
	postgres_fixture_close(&f);
}

/* ---------------------------------------------------------------- pages */

struct lists {
	struct page stock, up, down, history, items, locations, reservations, audits;
};

static void read_lists(struct postgres_fixture *f, struct arena *a, struct lists *ret)
{
	const struct reader_ops *ops = f->reader->ops;
	struct movement_query m = {
		.reference = "none", .since_ms = INT64_MIN, .until_ms = INT64_MAX, .limit = 10
	};
	struct catalogue_query c = { .text = "none", .is_archived = -1, .after = "", .limit = 10 };
	struct audit_query q = {
		.actor = "none", .since_ms = INT64_MIN, .until_ms = INT64_MAX, .limit = 10
	};

	assert_int_equal(ops->list_stock(f->reader,
					 &(struct stock_query){ .sku = "none", .limit = 10 }, a,
					 &ret->stock),
			 0);
	assert_int_equal(ops->list_movements(f->reader, &m, a, &ret->up), 0);
	m.is_descending = true;
	assert_int_equal(ops->list_movements(f->reader, &m, a, &ret->down), 0);
	m.sku = "A";
	assert_int_equal(ops->list_movements(f->reader, &m, a, &ret->history), 0);
	assert_int_equal(ops->list_items(f->reader, &c, a, &ret->items), 0);
	assert_int_equal(ops->list_locations(f->reader, &c, a, &ret->locations), 0);
	assert_int_equal(
		ops->list_reservations(f->reader,
				       &(struct reservation_query){ .owner = "none",
								    .state = RESERVATION_STATES,
								    .limit = 10 },
				       a, &ret->reservations),
		0);
	assert_int_equal(ops->list_audit(f->reader, &q, a, &ret->audits), 0);
}

/* So many of each, beside what is there. */
static void add_many(struct postgres_fixture *f, int count)
{
	char sql[2000];

	add_movements(f, count);
	snprintf(
		sql, sizeof(sql),
		"INSERT INTO item (id, sku, name) SELECT 10 + g, 'I' || lpad(g::text, 6, '0'), 'i' "
		"FROM generate_series(1, %1$d) g;"
		"INSERT INTO location (id, code, name) SELECT 10 + g, 'L' || lpad(g::text, 6, "
		"'0'), 'l' FROM generate_series(1, %1$d) g;"
		"INSERT INTO stock (id, item_id, location_id) SELECT 10 + g, 10 + g, 10 + g "
		"FROM generate_series(1, %1$d) g;"
		"INSERT INTO reservation (id, name, state, created_at, expires_at) "
		"SELECT g, 'r_' || g, 'active', 1, 2 FROM generate_series(1, %1$d) g;"
		"INSERT INTO audit (id, at, actor, action) SELECT g, 1, 'a', 'b' "
		"FROM generate_series(1, %1$d) g",
		count);
	postgres_fixture_run(f, sql);
}

/* Which row of add_many() a page has come to. */
static void expect_ends(const struct lists *l, int examined, int newest)
{
	char code[16];

	assert_int_equal(l->stock.next, examined - 2 + 10); /* two rows are there without them */
	assert_int_equal(l->up.next, examined);
	assert_int_equal(l->down.next, newest - examined + 1);
	assert_int_equal(l->history.next, newest - examined + 1);
	snprintf(code, sizeof(code), "I%06d", examined - 2); /* so are A and B */
	assert_string_equal(l->items.next_code.text, code);
	snprintf(code, sizeof(code), "L%06d", examined);
	assert_string_equal(l->locations.next_code.text, code);
	assert_int_equal(l->reservations.next, examined);
	assert_int_equal(l->audits.next, examined);
	assert_true(l->stock.has_next && l->up.has_next && l->down.has_next &&
		    l->history.has_next && l->items.has_next && l->locations.has_next &&
		    l->reservations.has_next && l->audits.has_next);
}

static void a_page_ends_where_it_has_looked_at_enough(void **state)
{
	enum { COUNT = PAGE_EXAMINED_MAX + 5 };
	struct postgres_reader *r;
	struct postgres_fixture f;
	struct lists lists;
	struct arena a;

	(void)state;
	postgres_fixture_open(&f);
	r = postgres_reader_of(f.reader);
	add_row(&f);
	add_many(&f, COUNT);
	arena_init(&a);
	begin(&f);
	r->page_ms = 60000;
	read_lists(&f, &a, &lists);
	expect_ends(&lists, PAGE_EXAMINED_MAX, COUNT);
	r->page_ms = -1; /* it is late from the start, and gets on all the same */
	read_lists(&f, &a, &lists);
	expect_ends(&lists, 64, COUNT);
	end(&f);
	arena_fini(&a);
	postgres_fixture_close(&f);
}

/* One more than is walked side by side: the ledger is read instead, and says the same. */
static void the_history_of_an_item_at_very_many_locations(void **state)
{
	struct movement_query m = { .sku = "A",
				    .is_descending = true,
				    .since_ms = INT64_MIN,
				    .until_ms = INT64_MAX,
				    .limit = 1000 };
	struct postgres_fixture f;
	struct page page;
	struct arena a;

	(void)state;
	postgres_fixture_open(&f);
	add_row(&f);
	postgres_fixture_run(
		&f, "INSERT INTO location (id, code, name) SELECT 10 + g, 'L' || g, 'l' "
		    "FROM generate_series(1, 1000) g;"
		    "INSERT INTO stock (id, item_id, location_id) SELECT 10 + g, 1, 10 + g "
		    "FROM generate_series(1, 1000) g;"
		    "INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, "
		    "on_hand, reserved, version, oversubscribed, low_stock, at, prev_seq) "
		    "SELECT g, CASE WHEN g > 1000 THEN 1 ELSE 10 + g END, 'adjust', 1, 0, 1, 0, 1, "
		    "false, false, g, 0 FROM generate_series(1, 1001) g");
	begin(&f);
	for (int i = 0; i < 2; i++) {
		arena_init(&a);
		assert_int_equal(f.reader->ops->list_movements(f.reader, &m, &a, &page), 0);
		assert_int_equal(page.count, 1000);
		assert_true(page.has_next);
		for (size_t k = 0; k < page.count; k++)
			assert_int_equal(page.movements[k].movement.seq, 1001 - (int64_t)k);
		arena_fini(&a);
		m.location = NULL;
	}
	end(&f);
	postgres_fixture_close(&f);
}

/*
 * Plans are made while the tables are empty, and are kept. None may be one that reads or sorts a
 * whole table to find a page of it.
 */
static void plans_that_were_made_early_stay_good(void **state)
{
	static const struct {
		enum postgres_read statement;
		int param_count;
	} pages[] = {
		{ READ_SEQ, 0 },
		{ READ_STOCK, 2 },
		{ READ_STOCKS, 2 },
		{ READ_PAST_LEVEL, 3 },
		{ LIST_STOCK, 6 },
		{ LIST_MOVEMENTS_UP, 13 },
		{ LIST_MOVEMENTS_DOWN, 13 },
		{ LIST_HISTORY, 13 },
		{ LIST_ITEMS, 5 },
		{ LIST_LOCATIONS, 5 },
		{ LIST_RESERVATIONS, 7 },
		{ LIST_AUDIT_UP, 7 },
	};
	struct postgres_fixture f;
	struct postgres_link *link;
	struct lists lists;
	struct arena a;
	struct past_level past = { .as_of_seq = 1 };

	(void)state;
	postgres_fixture_open(&f);
	link = postgres_reader_of(f.reader)->link;
	arena_init(&a);
	f.reader->ops->expect(f.reader, &(struct stock_name){ "B", "WH1" }, 1);
	begin(&f);
	level(&f);
	read_lists(&f, &a, &lists);
	assert_int_equal(f.reader->ops->past_level(f.reader, "A", "WH1", &past), 0);
	for (size_t i = 0; i < LENGTH_OF(pages); i++) {
		PGresult *plan = NULL;
		char sql[200] = "";

		snprintf(sql, sizeof(sql), "EXPLAIN EXECUTE s%d", (int)pages[i].statement);
		for (int k = 0; k < pages[i].param_count; k++)
			strcat(sql, k == 0 ? "(NULL" : ", NULL");
		strcat(sql, pages[i].param_count > 0 ? ")" : "");
		assert_int_equal(postgres_run_text(link, sql, &plan), 0);
		for (int row = 0; row < PQntuples(plan); row++) {
			const char *line = PQgetvalue(plan, row, 0);

			/* What is sorted is one page of it. */
			if (strstr(line, "Seq Scan") != NULL || strstr(line, "Bitmap") != NULL ||
			    strstr(line, "Hash") != NULL || strstr(line, "->  Sort") != NULL)
				fail_msg("statement %d: %s", (int)pages[i].statement, line);
		}
		postgres_clear(&plan);
	}
	end(&f);
	arena_fini(&a);
	postgres_fixture_close(&f);
}

/* ---------------------------------------------------------------- what goes wrong */

static void a_link_that_is_lost_is_made_again(void **state)
{
	struct postgres_fixture f;
	int64_t found, version;

	(void)state;
	postgres_fixture_open(&f);
	add_row(&f);
	add_movements(&f, 1);
	kill_reader(&f); /* between two snapshots: nobody sees it */
	assert_int_equal(begin(&f), 1);
	assert_int_equal(level(&f), 1);
	kill_reader(&f); /* within one: it is over */
	assert_int_equal(read_level(&f, &found), -ENOTCONN);
	assert_int_equal(read_level(&f, &found), -ENOTCONN);
	end(&f);
	assert_int_equal(begin(&f), 1);
	assert_int_equal(level(&f), 1);
	end(&f);
	kill_reader(&f);
	assert_int_equal(f.reader->ops->access_version(f.reader, &version), 0);
	assert_int_equal(version, 1);
	postgres_fixture_close(&f);
}

static void a_read_that_takes_too_long_is_ended(void **state)
{
	struct postgres_fixture f;
	int64_t found, begun_ns;

	(void)state;
	postgres_fixture_open(&f);
	add_row(&f);
	add_movements(&f, 1);
	begin(&f);
	end(&f);
	postgres_fixture_run(&f, "BEGIN; LOCK TABLE stock IN ACCESS EXCLUSIVE MODE");
	begun_ns = clock_monotonic_ns();
	f.reader->ops->limit_time(f.reader, begun_ns + 50 * NS_PER_MS, NULL);
	assert_int_equal(begin(&f), 1);
	assert_int_equal(read_level(&f, &found), -ETIME);
	assert_true(clock_monotonic_ns() - begun_ns >= 50 * NS_PER_MS);
	assert_int_equal(read_level(&f, &found), -ETIME); /* it is over */
	end(&f);
	f.reader->ops->limit_time(f.reader, 0, NULL);
	postgres_fixture_run(&f, "COMMIT");
	assert_int_equal(begin(&f), 1);
	assert_int_equal(level(&f), 1);
	end(&f);
	postgres_fixture_close(&f);
}

struct ender {
	atomic_int_fast64_t end_ns;
	struct postgres_fixture f;
	pthread_t thread;
};

/* Ends the read once it waits. */
static void *end_soon(void *context)
{
	struct ender *e = context;

	while (postgres_fixture_query(&e->f, "SELECT count(*) FROM pg_locks WHERE NOT granted") ==
	       0)
		;
	atomic_store(&e->end_ns, clock_monotonic_ns());
	return NULL;
}

static void another_thread_may_end_a_read(void **state)
{
	struct ender e = { .end_ns = INT64_MAX };
	struct postgres_fixture f;
	int64_t found;

	(void)state;
	postgres_fixture_open(&f);
	postgres_fixture_open(&e.f);
	add_row(&f);
	postgres_fixture_run(&f, "BEGIN; LOCK TABLE stock IN ACCESS EXCLUSIVE MODE");
	f.reader->ops->limit_time(f.reader, clock_monotonic_ns() + 600 * NS_PER_S, &e.end_ns);
	begin(&f);
	assert_int_equal(pthread_create(&e.thread, NULL, end_soon, &e), 0);
	assert_int_equal(read_level(&f, &found), -ETIME);
	assert_int_equal(pthread_join(e.thread, NULL), 0);
	end(&f);
	f.reader->ops->limit_time(f.reader, 0, NULL);
	postgres_fixture_run(&f, "COMMIT");
	begin(&f);
	assert_int_equal(level(&f), 0);
	end(&f);
	postgres_fixture_close(&e.f);
	postgres_fixture_close(&f);
}

/* What no hand of the owner should be able to type is refused, or left out. */
static void what_makes_no_sense_is_refused(void **state)
{
	struct movement_query m = { .since_ms = INT64_MIN, .until_ms = INT64_MAX, .limit = 10 };
	struct postgres_fixture f;
	struct movement_view v;
	struct page page;
	int64_t found;
	struct arena a;

	(void)state;
	postgres_fixture_open(&f);
	arena_init(&a);
	add_row(&f);
	add_movements(&f, 2);
	postgres_fixture_run(&f, "ALTER TABLE movement DROP CONSTRAINT \"on_hand: within 10^15\";"
				 "ALTER TABLE movement DISABLE TRIGGER USER;"
				 "UPDATE movement SET on_hand = 2000000000000000, kind = 'gift' "
				 "WHERE seq = 2");
	begin(&f);
	assert_int_equal(read_level(&f, &found), -EBADMSG);
	assert_int_equal(f.reader->ops->movement(f.reader, 2, &a, &v), -EBADMSG);
	assert_int_equal(f.reader->ops->movement(f.reader, 1, &a, &v), 0);
	assert_int_equal(f.reader->ops->list_movements(f.reader, &m, &a, &page), -EBADMSG);
	assert_int_equal(f.reader->ops->copy(f.reader, "/nowhere", NULL, NULL), -ENOTSUP);
	end(&f);
	arena_fini(&a);
	postgres_fixture_close(&f);
}

/* ---------------------------------------------------------------- tokens */

static void tokens_are_read_and_nonsense_is_left_out(void **state)
{
	struct postgres_fixture f;
	struct stored_access access;
	struct arena a;

	(void)state;
	postgres_fixture_open(&f);
	arena_init(&a);
	postgres_fixture_run(
		&f,
		"UPDATE store SET had_token = true, session_key = "
		"decode(repeat('ab', 32), 'hex');"
		"INSERT INTO token (id, name, role, created_at, expires_at, revoked_at) VALUES "
		"(1, 'till', 'clerk', 5, 99, NULL), (2, 'shop', 'admin', 6, NULL, "
		"9223372036854775807), (3, 'many', 'writer', 6, NULL, NULL), "
		"(4, 'odd', 'writer', 6, NULL, NULL);"
		"INSERT INTO token_location VALUES (1, 'b'), (1, 'B'), (1, 'a');"
		"INSERT INTO token_location SELECT 3, 'L' || g FROM generate_series(1, 65) g;"
		"INSERT INTO token_secret VALUES ('bbbbbbbbbb', 1, decode(repeat('01', 32), "
		"'hex'), "
		"1, 2), ('aaaaaaaaaa', 2, decode(repeat('02', 32), 'hex'), 1, NULL), "
		"('cccccccccc', 3, decode(repeat('03', 32), 'hex'), 1, NULL);"
		"ALTER TABLE token DROP CONSTRAINT \"role: reader clerk writer admin\";"
		"UPDATE token SET role = 'boss' WHERE id = 4; UPDATE store SET access_version = 7");
	begin(&f);
	assert_int_equal(f.reader->ops->access(f.reader, &a, &access), 0);
	end(&f);
	assert_int_equal(access.version, 7);
	assert_true(access.had_token);
	assert_int_equal(access.session_key[31], 0xab);
	assert_int_equal(access.token_count, 2);
	assert_int_equal(access.tokens[0].role, ROLE_CLERK);
	assert_string_equal(access.tokens[0].name, "till");
	assert_int_equal(access.tokens[0].expires_at_ms, 99);
	assert_int_equal(access.tokens[0].revoked_at_ms, INT64_MAX);
	assert_int_equal(access.tokens[0].location_count, 3);
	assert_string_equal(access.tokens[0].locations[0].text, "B"); /* in the order of bytes */
	assert_int_equal(access.tokens[1].expires_at_ms, INT64_MAX);
	assert_int_equal(access.tokens[1].revoked_at_ms, INT64_MAX - 1); /* it is not never */
	assert_int_equal(access.tokens[1].location_count, 0);
	assert_int_equal(access.secret_count, 2);
	assert_string_equal(access.secrets[0].public_part, "aaaaaaaaaa");
	assert_int_equal(access.secrets[0].hash[31], 2);
	assert_int_equal(access.secrets[1].expires_at_ms, 2);
	assert_int_equal(access.left_out, 3); /* two tokens, and the secret of one */
	arena_fini(&a);
	postgres_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_shows_what_was_committed_before_it),
		cmocka_unit_test(nothing_is_left_open_behind_a_snapshot),
		cmocka_unit_test(a_reader_cannot_write),
		cmocka_unit_test(rows_that_are_expected_come_with_the_snapshot),
		cmocka_unit_test(a_page_ends_where_it_has_looked_at_enough),
		cmocka_unit_test(the_history_of_an_item_at_very_many_locations),
		cmocka_unit_test(plans_that_were_made_early_stay_good),
		cmocka_unit_test(a_link_that_is_lost_is_made_again),
		cmocka_unit_test(a_read_that_takes_too_long_is_ended),
		cmocka_unit_test(another_thread_may_end_a_read),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(tokens_are_read_and_nonsense_is_left_out),
	};

	if (!postgres_fixture_is_there())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
