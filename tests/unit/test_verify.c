/* A store whose books balance, each way to damage it, and what a verification says to that. */
#include "base/fault.h"
#include "store/verify.h"
#include "store_fixture.h"
#include "unit.h"
#include <sqlite3.h>
#include <stdlib.h>

/* Two rows, a reservation of one of them, a key, a lease of both. */
static const char books[] =
	"BEGIN;"
	"INSERT INTO stock (id, item_id, location_id, on_hand, reserved, version, seq, updated_at) "
	"VALUES (1, 1, 1, 7, 2, 3, 5, 9), (2, 2, 1, 4, 0, 2, 4, 9);"
	"INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, "
	"reserved, version, reservation, oversubscribed, low_stock, at, prev_seq) VALUES "
	"(1, 1, 'adjust', 10, 0, 10, 0, 1, NULL, 0, 0, 9, 0),"
	"(2, 2, 'adjust', 5, 0, 5, 0, 1, NULL, 0, 0, 9, 0),"
	"(3, 1, 'adjust', -3, 0, 7, 0, 2, NULL, 0, 0, 9, 1),"
	"(4, 2, 'adjust', -1, 0, 4, 0, 2, NULL, 0, 0, 9, 2),"
	"(5, 1, 'reserve', 0, 2, 7, 2, 3, 'r_1', 0, 0, 9, 3);"
	"INSERT INTO reservation (id, name, state, created_at, expires_at) "
	"VALUES (1, 'r_1', 'active', 9, 99);"
	"INSERT INTO reservation_line (reservation_id, n, item_id, location_id, quantity, "
	"open_until) VALUES (1, 0, 1, 1, 2, 99);"
	"INSERT INTO idempotency (id, key, fingerprint, status, outcome, stock_seq, first_seq, "
	"movement_count, at) VALUES (1, 'k-1', 7, 201, 'done', 4, 4, 1, 9), "
	"(2, 'k-2', 8, 409, 'insufficient-stock', 5, 0, 0, 9);"
	"INSERT INTO row_lock (lease, fence, item_id, location_id, purpose, taken_at, expires_at) "
	"VALUES ('l_1', 1, 1, 1, 'count', 9, 99), ('l_1', 1, 2, 1, 'count', 9, 99);"
	"UPDATE store SET next_fence = 2;"
	"COMMIT";

/* What no rule of the schema would let pass. */
static void damage(struct fixture *f, const char *sql)
{
	char *message = NULL;
	sqlite3 *database;

	assert_int_equal(sqlite3_open_v2(f->path, &database, SQLITE_OPEN_READWRITE, NULL), 0);
	sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_exec(database, "PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF",
		     NULL, NULL, NULL);
	if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(database);
}

static struct reader *reader_of(struct fixture *f)
{
	if (f->reader == NULL)
		assert_int_equal(f->store->ops->open_reader(f->store, &f->reader), 0);
	return f->reader;
}

static int step(struct fixture *f, struct verify *v)
{
	struct reader *reader = reader_of(f);
	int64_t seq;

	assert_int_equal(reader->ops->begin(reader, &seq), 0);

	int r = verify_step(v, reader, seq);

	reader->ops->end(reader);
	return r;
}

static struct verify *verified(struct fixture *f, int64_t since_seq, int slice_rows)
{
	struct verify *v = verify_create(&(struct verify_options){
		.since_seq = since_seq, .slice_rows = slice_rows, .rows_max = 1000 });

	assert_non_null(v);
	while (!verify_is_over(v))
		assert_int_equal(step(f, v), 0);
	return v;
}

/* "code sku name seq expected found; ..." */
static void describe(const struct verify_result *r, char text[1000])
{
	int bytes = 0;

	text[0] = '\0';
	for (int i = 0; i < r->listed_count; i++) {
		const struct finding *n = &r->listed[i];

		bytes += snprintf(text + bytes, (size_t)(1000 - bytes), "%s%s %s %lld %lld %lld",
				  i > 0 ? "; " : "", finding_code_text(n->code),
				  n->name[0] != '\0'       ? n->name
				  : n->sku.text[0] != '\0' ? n->sku.text
							   : "-",
				  (long long)n->seq, (long long)n->expected, (long long)n->found);
	}
}

/* Of this name and role, in SQL. */
#define A_TOKEN(words)                    \
	"UPDATE store SET had_token = 1;" \
	"INSERT INTO token (id, name, role, created_at) VALUES (7, " words ", 1);"

/* clang-format off */
static const struct row {
	const char *what;
	const char *sql;
	const char *findings;       /* of a verification of everything */
	const char *findings_since; /* of one since seq 3 */
} rows[] = {
	{ "nothing is wrong", "SELECT 1", "", "" },
	{ "a row was changed behind the ledger's back",
	  "UPDATE stock SET on_hand = 8 WHERE id = 1",
	  "row-on-hand-wrong A 5 7 8", "row-on-hand-wrong A 5 7 8" },
	{ "a row promises more than its movements and its reservations",
	  "UPDATE stock SET reserved = 3 WHERE id = 2",
	  "row-reserved-wrong B 4 0 3; row-promised-wrong B 4 0 3",
	  "row-reserved-wrong B 4 0 3; row-promised-wrong B 4 0 3" },
	{ "a row has another version",
	  "UPDATE stock SET version = 9 WHERE id = 1",
	  "row-version-wrong A 5 3 9", "row-version-wrong A 5 3 9" },
	{ "a row points to another movement",
	  "UPDATE stock SET seq = 3 WHERE id = 1",
	  "row-seq-wrong A 3 5 3", "row-seq-wrong A 3 5 3" },
	{ "a movement is of no kind",
	  "DROP TRIGGER movement_update; UPDATE movement SET kind = 'gift' WHERE seq = 5",
	  "movement-kind-unknown A 5 0 0", "movement-kind-unknown A 5 0 0" },
	{ "a movement in the middle is lost",
	  "DELETE FROM movement WHERE seq = 3",
	  "seq-missing - 3 3 4; prev-seq-wrong A 5 1 3", "prev-seq-wrong A 5 0 3" },
	{ "the newest movement is lost",
	  "DELETE FROM movement WHERE seq = 5",
	  "row-reserved-wrong A 5 0 2; row-version-wrong A 5 2 3; row-seq-wrong A 5 3 5; "
	  "key-without-effect k-2 5 5 4",
	  "key-without-effect k-2 5 5 4" },
	{ "the movement of a key is lost",
	  "DELETE FROM movement WHERE seq = 4; UPDATE stock SET on_hand = 5, version = 1, seq = 2 WHERE id = 2",
	  "seq-missing - 4 4 5; key-without-effect k-1 4 1 0",
	  "seq-missing - 4 4 5; key-without-effect k-1 4 1 0" },
	{ "a movement was written twice",
	  "INSERT INTO movement SELECT 6, stock_id, kind, on_hand_delta, reserved_delta, on_hand, reserved, "
	  "version, reason, reference, reservation, request_id, oversubscribed, low_stock, at, prev_seq, "
	  "actor, note FROM movement WHERE seq = 4",
	  "prev-seq-wrong B 6 4 2; row-seq-wrong B 4 6 4", "prev-seq-wrong B 6 4 2; row-seq-wrong B 4 6 4" },
	{ "a movement follows one of another row",
	  "UPDATE movement SET prev_seq = 2 WHERE seq = 5",
	  "prev-seq-wrong A 5 3 2", "prev-seq-wrong A 5 0 2" },
	{ "a movement follows itself",
	  "UPDATE movement SET prev_seq = 5 WHERE seq = 5",
	  "prev-seq-wrong A 5 3 5", "prev-seq-wrong A 5 0 5" },
	{ "a version was left out",
	  "UPDATE movement SET version = 4 WHERE seq = 5; UPDATE stock SET version = 4 WHERE id = 1",
	  "movement-version-wrong A 5 3 4", "movement-version-wrong A 5 3 4" },
	{ "a delta was changed",
	  "UPDATE movement SET on_hand_delta = -2 WHERE seq = 4",
	  "movement-on-hand-wrong B 4 3 4", "movement-on-hand-wrong B 4 3 4" },
	{ "a promise was changed",
	  "UPDATE movement SET reserved_delta = 1 WHERE seq = 5",
	  "movement-reserved-wrong A 5 1 2", "movement-reserved-wrong A 5 1 2" },
	{ "a row is gone",
	  "DELETE FROM stock WHERE id = 2",
	  "row-missing - 4 2 0", "row-missing - 4 2 0" },
	{ "a row was made without a movement",
	  "INSERT INTO item VALUES (3, 'C', 'c', 'x', 0, NULL, NULL, 0, 1, 9, 9); "
	  "INSERT INTO stock VALUES (3, 3, 1, 5, 0, 0, 0, 0)",
	  "row-on-hand-wrong C 0 0 5; row-level-impossible C 0 0 5", "" },
	{ "more than any rule allows is on hand",
	  "UPDATE movement SET on_hand_delta = 2000000000000000, on_hand = 2000000000000005 WHERE seq = 4; "
	  "UPDATE stock SET on_hand = 2000000000000005 WHERE id = 2",
	  "row-level-impossible B 4 0 2000000000000005", "row-level-impossible B 4 0 2000000000000005" },
	{ "more was sold than there was",
	  "UPDATE movement SET on_hand_delta = -6, on_hand = -1 WHERE seq = 4; UPDATE stock SET on_hand = -1 WHERE id = 2",
	  "row-oversold B 4 0 -1", "" },
	{ "more was sold, but the limit was another once",
	  "UPDATE movement SET on_hand_delta = -6, on_hand = -1 WHERE seq = 4; UPDATE stock SET on_hand = -1 WHERE id = 2; "
	  "UPDATE item SET version = 2 WHERE id = 2",
	  "", "" },
	{ "an item is gone",
	  "UPDATE stock SET item_id = 77 WHERE id = 2",
	  "row-without-name - 4 0 2", "row-without-name - 4 0 2" },
	{ "a reservation promises more than is reserved",
	  "UPDATE reservation_line SET quantity = 3",
	  "row-promised-wrong A 5 3 2", "row-promised-wrong A 5 3 2" },
	{ "a reservation was resolved without its movements",
	  "UPDATE reservation SET state = 'released', resolved_at = 9",
	  "reservation-line-wrong r_1 0 0 1; row-promised-wrong A 5 0 2",
	  "reservation-line-wrong r_1 0 0 1; row-promised-wrong A 5 0 2" },
	{ "a line of an active reservation is not open",
	  "UPDATE reservation_line SET open_until = NULL",
	  "reservation-line-wrong r_1 0 1 0", "reservation-line-wrong r_1 0 1 0" },
	{ "a line is open until another time than its reservation",
	  "UPDATE reservation_line SET open_until = 98",
	  "reservation-line-wrong r_1 0 1 0", "reservation-line-wrong r_1 0 1 0" },
	{ "a reservation has lost its lines",
	  "DELETE FROM reservation_line",
	  "reservation-empty r_1 0 1 0; row-promised-wrong A 5 0 2",
	  "reservation-empty r_1 0 1 0; row-promised-wrong A 5 0 2" },
	{ "a reservation is for a row that is not there",
	  "INSERT INTO reservation_line VALUES (1, 1, 77, 1, 4, 0, 99)",
	  "reservation-row-missing r_1 0 0 4", "reservation-row-missing r_1 0 0 4" },
	{ "a key names movements that are still to come",
	  "UPDATE idempotency SET first_seq = 5, movement_count = 2 WHERE id = 1",
	  "key-without-effect k-1 5 2 1", "key-without-effect k-1 5 2 1" },
	{ "a fence that is still to be given out",
	  "UPDATE store SET next_fence = 1",
	  "lease-fence-wrong l_1 0 0 1; lease-fence-wrong l_1 0 0 1",
	  "lease-fence-wrong l_1 0 0 1; lease-fence-wrong l_1 0 0 1" },
	{ "a lease with two fences",
	  "UPDATE store SET next_fence = 9; UPDATE row_lock SET fence = 2 WHERE item_id = 2",
	  "lease-mixed l_1 0 1 2", "lease-mixed l_1 0 1 2" },
	{ "a lease with two ends",
	  "UPDATE row_lock SET expires_at = 100 WHERE item_id = 2",
	  "lease-mixed l_1 0 99 100", "lease-mixed l_1 0 99 100" },
	{ "a token of no role",
	  A_TOKEN("'till', 'boss'"),
	  "token-wrong 7 0 0 0", "" },
	{ "a token that is called as nobody may be",
	  A_TOKEN("'local', 'admin'"),
	  "token-wrong 7 0 0 0", "" },
	{ "a token with a NUL in its name",
	  A_TOKEN("'a' || char(0) || 'b', 'admin'"),
	  "token-wrong 7 0 0 0", "" },
	{ "a secret of nobody",
	  "UPDATE store SET had_token = 1;"
	  "INSERT INTO token_secret VALUES ('aaaaaaaaaa', 7, zeroblob(32), 1, NULL)",
	  "token-secret-wrong aaaaaaaaaa 0 0 0", "" },
	{ "a hash that is none",
	  A_TOKEN("'till', 'admin'")
	  "INSERT INTO token_secret VALUES ('aaaaaaaaaa', 7, zeroblob(31), 1, NULL)",
	  "token-secret-wrong aaaaaaaaaa 0 0 0", "" },
	{ "a public part that is no text",
	  A_TOKEN("'till', 'admin'")
	  "INSERT INTO token_secret VALUES (CAST(x'ff' AS TEXT), 7, zeroblob(32), 1, NULL)",
	  "token-secret-wrong \xef\xbf\xbd 0 0 0", "" },
	{ "a limit to no location",
	  A_TOKEN("'till', 'admin'")
	  "INSERT INTO token_location VALUES (7, 'WH1'), (7, 'W H')",
	  "token-location-wrong 7 0 0 0", "" },
	{ "a limit to more locations than there may be",
	  A_TOKEN("'till', 'admin'")
	  "INSERT INTO token_location SELECT 7, 'W' || place FROM v_characters LIMIT 65",
	  "token-location-wrong 7 0 0 0", "" },
	{ "a limit of nobody",
	  "INSERT INTO token_location VALUES (7, 'WH1')",
	  "token-location-wrong 7 0 0 0", "" },
	{ "a store that has forgotten that it had a token",
	  A_TOKEN("'till', 'admin'")
	  "UPDATE store SET had_token = 0",
	  "store-access-wrong had_token 0 0 0", "" },
	{ "a store without a key for sessions",
	  "UPDATE store SET session_key = x''",
	  "store-access-wrong session_key 0 0 0", "" },
	{ "a store whose guards note no hand",
	  "UPDATE store SET noted_by_tool = 1",
	  "store-access-wrong noted_by_tool 0 0 0", "" },
	{ "tokens as they should be",
	  A_TOKEN("'till', 'admin'")
	  "INSERT INTO token_location VALUES (7, 'WH1');"
	  "INSERT INTO token_secret VALUES ('aaaaaaaaaa', 7, zeroblob(32), 1, 2);",
	  "", "" },
	{ "a lease of nothing",
	  "UPDATE row_lock SET item_id = 77 WHERE item_id = 2",
	  "lease-row-missing l_1 0 1 0", "lease-row-missing l_1 0 1 0" },
};
/* clang-format on */

static void open_books(struct fixture *f)
{
	fixture_open(f);
	damage(f, books);
}

static void expect_findings(const struct row *row, int64_t since_seq, int slice_rows,
			    const char *wanted)
{
	struct fixture f;
	char text[1000];

	open_books(&f);
	damage(&f, row->sql);

	struct verify *v = verified(&f, since_seq, slice_rows);

	describe(verify_result(v), text);
	if (strcmp(text, wanted) != 0)
		fail_msg("\"%s\", since %lld, by %d: \"%s\" instead of \"%s\"", row->what,
			 (long long)since_seq, slice_rows, text, wanted);
	verify_destroy(v);
	fixture_close(&f);
}

static void each_damage_is_found_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		expect_findings(&rows[i], 0, 1, rows[i].findings);
		expect_findings(&rows[i], 0, 1000, rows[i].findings);
		expect_findings(&rows[i], 3, 1, rows[i].findings_since);
	}
}

static void it_says_what_it_has_looked_at(void **state)
{
	struct fixture f;

	(void)state;
	open_books(&f);

	struct verify *v = verified(&f, 0, 2);
	const struct verify_result *r = verify_result(v);

	assert_int_equal(r->seq, 5);
	assert_int_equal(r->checked.movements, 5);
	assert_int_equal(r->checked.rows, 2);
	assert_int_equal(r->checked.reservations, 1);
	assert_int_equal(r->checked.keys, 2);
	assert_int_equal(r->checked.leases, 2);
	assert_int_equal(verify_row(v, 1).on_hand, 7);
	assert_int_equal(verify_row(v, 1).promised, 2);
	assert_int_equal(verify_row(v, 9).seq, 0);
	verify_destroy(v);

	v = verified(&f, 4, 2);
	assert_int_equal(verify_result(v)->checked.movements, 1);
	assert_int_equal(verify_result(v)->checked.rows, 1);
	assert_int_equal(verify_result(v)->checked.keys, 1);
	verify_destroy(v);
	fixture_close(&f);
}

/* The list is bounded, the count is not; nor may a store take more memory than was said. */
static void what_is_listed_and_kept_is_bounded(void **state)
{
	struct fixture f;

	(void)state;
	open_books(&f);
	damage(&f,
	       "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) "
	       "INSERT INTO idempotency (key, fingerprint, status, outcome, stock_seq, first_seq, "
	       "movement_count, at) SELECT 'x' || i, 1, 201, 'done', 1, 100 + i, 1, 9 FROM n");

	struct verify *v = verified(&f, 0, 40);

	assert_int_equal(verify_result(v)->finding_count, 150);
	assert_int_equal(verify_result(v)->listed_count, FINDINGS_LISTED_MAX);
	verify_destroy(v);

	v = verify_create(&(struct verify_options){ .slice_rows = 10, .rows_max = 1 });
	assert_non_null(v);
	assert_int_equal(step(&f, v), -ENOMEM);
	verify_destroy(v);
	fixture_close(&f);
}

/* ---------------------------------------------------------------- while others write */

/* One of A's and B's rows is changed, or promised, or given back, as the service would do it. */
static void somebody_writes(struct fixture *f, unsigned what)
{
	static const char next[] =
		"(SELECT max(seq) + 1 FROM movement), s.id, '%s', %d, %d, s.on_hand + %d, "
		"s.reserved + %d, s.version + 1, %s, 0, 0, 9, s.seq FROM stock s WHERE s.id = %d";
	static const char columns[] =
		"INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, "
		"on_hand, reserved, version, reservation, oversubscribed, low_stock, at, prev_seq) "
		"SELECT ";
	static const char follow[] =
		"UPDATE stock SET (on_hand, reserved, version, seq) = (SELECT on_hand, reserved, "
		"version, seq FROM movement ORDER BY seq DESC LIMIT 1) WHERE id = %d;";
	int row = (int)(what >> 4) % 2 + 1, quantity = (int)(what >> 8) % 5 + 1;
	char change[600], update[300], sql[2000];

	snprintf(update, sizeof(update), follow, row);
	switch (what % 3) {
	case 0:
		snprintf(change, sizeof(change), next, "adjust", quantity, 0, quantity, 0, "NULL",
			 row);
		snprintf(sql, sizeof(sql), "BEGIN; %s%s; %s COMMIT", columns, change, update);
		break;
	case 1:
		snprintf(change, sizeof(change), next, "reserve", 0, quantity, 0, quantity,
			 "(SELECT name FROM reservation ORDER BY id DESC LIMIT 1)", row);
		snprintf(sql, sizeof(sql),
			 "BEGIN; INSERT INTO reservation (name, state, created_at, expires_at) "
			 "SELECT 'r_' || (max(id) + 1), 'active', 9, %u FROM reservation; "
			 "INSERT INTO reservation_line SELECT max(id), 0, %d, 1, %d, 0, %u "
			 "FROM reservation; %s%s; %s COMMIT",
			 what % 90, row, quantity, what % 90, columns, change, update);
		break;
	default:
		/* One that is active on this row, wherever in the order it stands. */
		snprintf(
			sql, sizeof(sql),
			"CREATE TEMP TABLE one AS SELECT r.id, r.name, e.quantity FROM "
			"reservation r JOIN reservation_line e ON e.reservation_id = r.id WHERE "
			"r.state = 'active' AND e.item_id = %d ORDER BY (r.id * %u) %% 17 LIMIT 1; "
			"BEGIN; %s(SELECT max(seq) + 1 FROM movement), s.id, 'release', 0, "
			"-one.quantity, s.on_hand, s.reserved - one.quantity, s.version + 1, "
			"one.name, 0, 0, 9, s.seq FROM stock s, one WHERE s.id = %d; "
			"UPDATE reservation SET state = 'released', resolved_at = 9 "
			"WHERE id IN (SELECT id FROM one); "
			"UPDATE reservation_line SET open_until = NULL "
			"WHERE reservation_id IN (SELECT id FROM one); "
			"UPDATE stock SET (on_hand, reserved, version, seq) = (SELECT on_hand, "
			"reserved, version, seq FROM movement WHERE stock_id = %d "
			"ORDER BY seq DESC LIMIT 1) WHERE id = %d; COMMIT",
			row, what % 13 + 1, columns, row, row, row);
		break;
	}
	damage(f, sql);
}

/* Whatever is written between two steps, wherever they stand: there is nothing to be found. */
static void others_write_between_the_steps(void **state)
{
	unsigned seed = 4711;

	(void)state;
	for (int round = 0; round < 12; round++) {
		struct fixture f;
		struct verify_options o = { .slice_rows = 3, .rows_max = 100 };
		int steps = 0;
		char text[1000];

		open_books(&f);
		for (int i = 0; i < 40; i++)
			somebody_writes(&f, (seed = seed * 1103515245u + 12345u) >> 8);
		if (round % 3 > 0) /* the second time rows come in behind the ledger's end */
			o.since_seq = fixture_query(&f, "SELECT max(seq) FROM movement") -
				      (round % 3 == 1 ? 20 : 0);

		struct verify *v = verify_create(&o);

		for (; !verify_is_over(v); steps++) {
			assert_int_equal(step(&f, v), 0);
			somebody_writes(&f, (seed = seed * 1103515245u + 12345u) >> 8);
		}
		describe(verify_result(v), text);
		if (text[0] != '\0')
			fail_msg("round %d: %s", round, text);
		assert_true(steps > 4);
		verify_destroy(v);
		fixture_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_damage_is_found_and_nothing_else),
		cmocka_unit_test(it_says_what_it_has_looked_at),
		cmocka_unit_test(what_is_listed_and_kept_is_bounded),
		cmocka_unit_test(others_write_between_the_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
