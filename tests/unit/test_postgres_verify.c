/*
 * A store over PostgreSQL whose books balance, each way to damage it that is left when constraints
 * and guards are taken away, and what a verification says to that. What of a row could contradict
 * its ledger elsewhere cannot here: the row is its last movement.
 */
#include "postgres_fixture.h"
#include "store/verify.h"
#include "unit.h"

/* Two rows, a reservation of one, two keys, a lease of both; and a row without a movement. */
static const char books[] =
	"DELETE FROM item; DELETE FROM location; DELETE FROM stock; DELETE FROM movement;"
	"DELETE FROM reservation; DELETE FROM reservation_line; DELETE FROM row_lock;"
	"DELETE FROM idempotency; DELETE FROM token_location; DELETE FROM token_secret;"
	"DELETE FROM token; UPDATE store SET had_token = false, session_key = "
	"decode(repeat('01', 32), 'hex');"
	"INSERT INTO item (id, sku, name) VALUES (1, 'A', 'a'), (2, 'B', 'b'), (3, 'C', 'c');"
	"INSERT INTO location (id, code, name) VALUES (1, 'WH1', 'w');"
	"INSERT INTO stock (id, item_id, location_id) VALUES (1, 1, 1), (2, 2, 1), (3, 3, 1);"
	"INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, "
	"reserved, version, reservation, oversubscribed, low_stock, at, prev_seq) VALUES "
	"(1, 1, 'adjust', 10, 0, 10, 0, 1, NULL, false, false, 9, 0),"
	"(2, 2, 'adjust', 5, 0, 5, 0, 1, NULL, false, false, 9, 0),"
	"(3, 1, 'adjust', -3, 0, 7, 0, 2, NULL, false, false, 9, 1),"
	"(4, 2, 'adjust', -1, 0, 4, 0, 2, NULL, false, false, 9, 2),"
	"(5, 1, 'reserve', 0, 2, 7, 2, 3, 'r_1', false, false, 9, 3);"
	"INSERT INTO reservation (id, name, state, created_at, expires_at) "
	"VALUES (1, 'r_1', 'active', 9, 99);"
	"INSERT INTO reservation_line (reservation_id, n, item_id, location_id, quantity, "
	"open_until) VALUES (1, 0, 1, 1, 2, 99);"
	"INSERT INTO idempotency (id, key, fingerprint, status, outcome, stock_seq, first_seq, "
	"movement_count, at) VALUES (1, 'k-1', 7, 201, 'done', 4, 4, 1, 9), "
	"(2, 'k-2', 8, 409, 'insufficient-stock', 5, 0, 0, 9);"
	"INSERT INTO row_lock (id, lease, fence, item_id, location_id, purpose, taken_at, "
	"expires_at) "
	"VALUES (1, 'l_1', 1, 1, 1, 'count', 9, 99), (2, 'l_1', 1, 2, 1, 'count', 9, 99);"
	"UPDATE store SET next_fence = 2, next_reservation = 2";

/* What no rule would let pass is to pass. */
static const char no_rules[] =
	"DO $$ DECLARE c record; BEGIN FOR c IN SELECT conrelid::regclass AS t, conname FROM "
	"pg_constraint WHERE connamespace = current_schema()::regnamespace AND contype IN ('c', "
	"'f') LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); "
	"END LOOP; FOR c IN SELECT oid::regclass AS t FROM pg_class WHERE relkind = 'r' AND "
	"relnamespace = current_schema()::regnamespace LOOP EXECUTE format('ALTER TABLE %s DISABLE "
	"TRIGGER USER', c.t); END LOOP; END $$;"
	"ALTER TABLE movement DROP CONSTRAINT movement_stock_id_version_key;"
	"CREATE INDEX ON movement (stock_id, version)";

static int step(struct postgres_fixture *f, struct verify *v)
{
	int64_t seq;
	int r;

	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	r = verify_step(v, f->reader, seq);
	f->reader->ops->end(f->reader);
	return r;
}

static struct verify *verified(struct postgres_fixture *f, int64_t since_seq, int slice_rows)
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

/* clang-format off */

/* Of this name and role, in SQL. */
#define A_TOKEN(words) \
	"UPDATE store SET had_token = true; INSERT INTO token (id, name, role, created_at) VALUES (7, " words ", 1);"
#define HASH(bytes) "decode(repeat('01', " #bytes "), 'hex')"
#define ATTRIBUTES(json) "UPDATE item SET attributes = '" json "' WHERE id = 3"

static const struct row {
	const char *what;
	const char *sql;
	const char *findings;       /* of a verification of everything */
	const char *findings_since; /* of one since seq 3 */
} rows[] = {
	{ "nothing is wrong", "SELECT 1", "", "" },
	{ "a movement is of no kind",
	  "UPDATE movement SET kind = 'gift' WHERE seq = 5",
	  "movement-kind-unknown A 5 0 0", "movement-kind-unknown A 5 0 0" },
	{ "a movement in the middle is lost",
	  "DELETE FROM movement WHERE seq = 3",
	  "seq-missing - 3 3 4; prev-seq-wrong A 5 1 3", "prev-seq-wrong A 5 0 3" },
	{ "the newest movement is lost",
	  "DELETE FROM movement WHERE seq = 5",
	  "row-promised-wrong A 3 2 0; key-without-effect k-2 5 5 4", "key-without-effect k-2 5 5 4" },
	{ "the movement of a key is lost",
	  "DELETE FROM movement WHERE seq = 4",
	  "seq-missing - 4 4 5; key-without-effect k-1 4 1 0", "seq-missing - 4 4 5; key-without-effect k-1 4 1 0" },
	{ "the first movement is lost",
	  "DELETE FROM movement WHERE seq = 1",
	  "seq-missing - 1 1 2; prev-seq-wrong A 3 0 1", "" },
	{ "all movements of a row are lost, and a reservation rests on it",
	  "DELETE FROM movement WHERE stock_id = 1",
	  "seq-missing - 1 1 2; seq-missing - 3 3 4; reservation-row-missing r_1 0 0 2; key-without-effect k-2 5 5 4",
	  "reservation-row-missing r_1 0 0 2; key-without-effect k-2 5 5 4" },
	{ "a movement was written twice",
	  "INSERT INTO movement SELECT 6, stock_id, kind, on_hand_delta, reserved_delta, on_hand, reserved, "
	  "version, reason, reference, reservation, request_id, oversubscribed, low_stock, at, prev_seq, "
	  "actor, note FROM movement WHERE seq = 3",
	  "prev-seq-wrong A 6 5 1; row-reserved-wrong A 5 0 2; row-version-wrong A 5 2 3; row-seq-wrong A 5 6 5",
	  "prev-seq-wrong A 6 5 1; row-reserved-wrong A 5 0 2; row-version-wrong A 5 2 3; row-seq-wrong A 5 6 5" },
	{ "a movement follows one of another row",
	  "UPDATE movement SET prev_seq = 2 WHERE seq = 5",
	  "prev-seq-wrong A 5 3 2", "prev-seq-wrong A 5 0 2" },
	{ "a movement follows itself",
	  "UPDATE movement SET prev_seq = 5 WHERE seq = 5",
	  "prev-seq-wrong A 5 3 5", "prev-seq-wrong A 5 0 5" },
	{ "a version was left out",
	  "UPDATE movement SET version = 4 WHERE seq = 5",
	  "movement-version-wrong A 5 3 4", "movement-version-wrong A 5 3 4" },
	{ "a version was given twice",
	  "UPDATE movement SET version = 2 WHERE seq = 5",
	  "movement-version-wrong A 5 3 2", "movement-version-wrong A 5 3 2" },
	{ "an old movement has the highest version",
	  "UPDATE movement SET version = 9 WHERE seq = 3",
	  "movement-version-wrong A 3 2 9; movement-version-wrong A 5 10 3; row-reserved-wrong A 3 2 0; "
	  "row-version-wrong A 3 3 9; row-seq-wrong A 3 5 3; row-promised-wrong A 3 2 0",
	  "movement-version-wrong A 5 10 3; row-reserved-wrong A 3 2 0; row-version-wrong A 3 3 9; "
	  "row-seq-wrong A 3 5 3; row-promised-wrong A 3 2 0" },
	{ "a delta was changed",
	  "UPDATE movement SET on_hand_delta = -2 WHERE seq = 4",
	  "movement-on-hand-wrong B 4 3 4", "movement-on-hand-wrong B 4 3 4" },
	{ "a promise was changed",
	  "UPDATE movement SET reserved_delta = 1 WHERE seq = 5",
	  "movement-reserved-wrong A 5 1 2", "movement-reserved-wrong A 5 1 2" },
	{ "a row is gone",
	  "DELETE FROM stock WHERE id = 2",
	  "row-missing - 4 2 0", "row-missing - 4 2 0" },
	{ "more than any rule allows is on hand",
	  "UPDATE movement SET on_hand_delta = 2000000000000000, on_hand = 2000000000000005 WHERE seq = 4",
	  "row-level-impossible B 4 0 2000000000000005", "row-level-impossible B 4 0 2000000000000005" },
	{ "fewer than none are reserved",
	  "UPDATE movement SET reserved_delta = -1, reserved = -1 WHERE seq = 4",
	  "row-promised-wrong B 4 0 -1; row-level-impossible B 4 0 -1",
	  "row-promised-wrong B 4 0 -1; row-level-impossible B 4 0 -1" },
	{ "more was sold than there was",
	  "UPDATE movement SET on_hand_delta = -6, on_hand = -1 WHERE seq = 4",
	  "row-oversold B 4 0 -1", "" },
	{ "more was sold, but the limit was another once",
	  "UPDATE movement SET on_hand_delta = -6, on_hand = -1 WHERE seq = 4; UPDATE item SET version = 2 WHERE id = 2",
	  "", "" },
	{ "an item is gone",
	  "UPDATE stock SET item_id = 77 WHERE id = 2",
	  "row-without-name - 4 0 2", "row-without-name - 4 0 2" },
	{ "a location is gone",
	  "UPDATE stock SET location_id = 77 WHERE id = 2",
	  "row-without-name - 4 0 2", "row-without-name - 4 0 2" },
	{ "a reservation promises more than is reserved",
	  "UPDATE reservation_line SET quantity = 3",
	  "row-promised-wrong A 5 3 2", "row-promised-wrong A 5 3 2" },
	{ "a reservation was resolved without its movements",
	  "UPDATE reservation SET state = 'released', resolved_at = 9",
	  "reservation-line-wrong r_1 0 0 1; row-promised-wrong A 5 0 2",
	  "reservation-line-wrong r_1 0 0 1; row-promised-wrong A 5 0 2" },
	{ "a reservation is gone, and has left its line",
	  "DELETE FROM reservation",
	  "reservation-line-wrong - 0 0 1; row-promised-wrong A 5 0 2",
	  "reservation-line-wrong - 0 0 1; row-promised-wrong A 5 0 2" },
	{ "a line of an active reservation is not open",
	  "UPDATE reservation_line SET open_until = NULL",
	  "reservation-line-wrong r_1 0 1 0", "reservation-line-wrong r_1 0 1 0" },
	{ "a line is open until another time than its reservation",
	  "UPDATE reservation_line SET open_until = 98",
	  "reservation-line-wrong r_1 0 1 0", "reservation-line-wrong r_1 0 1 0" },
	{ "a reservation has lost its lines",
	  "DELETE FROM reservation_line",
	  "reservation-empty r_1 0 1 0; row-promised-wrong A 5 0 2", "reservation-empty r_1 0 1 0; row-promised-wrong A 5 0 2" },
	{ "a reservation is for a row that is not there",
	  "INSERT INTO reservation_line VALUES (1, 1, 77, 1, 4, 0, 99)",
	  "reservation-row-missing r_1 0 0 4", "reservation-row-missing r_1 0 0 4" },
	{ "a reservation is for a row that was never stocked",
	  "INSERT INTO reservation_line VALUES (1, 1, 3, 1, 4, 0, 99)",
	  "reservation-row-missing r_1 0 0 4", "reservation-row-missing r_1 0 0 4" },
	{ "a key names movements that are still to come",
	  "UPDATE idempotency SET first_seq = 5, movement_count = 2 WHERE id = 1",
	  "key-without-effect k-1 5 2 1", "key-without-effect k-1 5 2 1" },
	{ "a key names movements that there can never be",
	  "UPDATE idempotency SET first_seq = 9223372036854775807 WHERE id = 1",
	  "key-without-effect k-1 9223372036854775807 1 0", "key-without-effect k-1 9223372036854775807 1 0" },
	{ "a key has fewer movements than none",
	  "UPDATE idempotency SET movement_count = -1 WHERE id = 1",
	  "key-without-effect k-1 4 -1 0", "key-without-effect k-1 4 -1 0" },
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
	{ "a lease of nothing",
	  "UPDATE row_lock SET item_id = 77 WHERE item_id = 2",
	  "lease-row-missing l_1 0 1 0", "lease-row-missing l_1 0 1 0" },
	{ "a sku that is none", "UPDATE item SET sku = 'C C' WHERE id = 3", "item-text-wrong sku 0 0 0", "" },
	{ "an item without a name", "UPDATE item SET name = '' WHERE id = 3", "item-text-wrong name 0 0 0", "" },
	{ "a name that is too long",
	  "UPDATE item SET name = repeat('\xc3\xa9', 201) WHERE id = 3", "item-text-wrong name 0 0 0", "" },
	{ "a name as long as it may be", "UPDATE item SET name = repeat('\xc3\xa9', 200) WHERE id = 3", "", "" },
	{ "a unit that is too long", "UPDATE item SET unit = repeat('x', 33) WHERE id = 3", "item-text-wrong unit 0 0 0", "" },
	{ "attributes that say a name twice", ATTRIBUTES("{\"a\":1,\"b\":{\"c\":[{\"d\":1,\"d\":2}]}}"),
	  "item-text-wrong attributes 0 0 0", "" },
	{ "attributes that say a name twice, once in other letters", ATTRIBUTES("{\"a\":1,\"\\u0061\":2}"),
	  "item-text-wrong attributes 0 0 0", "" },
	{ "a name in two objects", ATTRIBUTES("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}"), "", "" },
	{ "a number of more than 64 bits", ATTRIBUTES("{\"a\":[9223372036854775808]}"), "item-text-wrong attributes 0 0 0", "" },
	{ "a number of many digits", ATTRIBUTES("{\"a\":[123456789012345678901234567890]}"),
	  "item-text-wrong attributes 0 0 0", "" },
	{ "the least and the most of 64 bits", ATTRIBUTES("{\"a\":[9223372036854775807,-9223372036854775808]}"), "", "" },
	{ "a number beyond a double", ATTRIBUTES("{\"a\":-1.5e309}"), "item-text-wrong attributes 0 0 0", "" },
	{ "a number beyond all", ATTRIBUTES("{\"a\":1e99999}"), "item-text-wrong attributes 0 0 0", "" },
	{ "a number next to nothing", ATTRIBUTES("{\"a\":1e-99999,\"b\":-1.5e308}"), "", "" },
	{ "an escaped NUL", ATTRIBUTES("{\"a\\u0000\":1}"), "item-text-wrong attributes 0 0 0", "" },
	{ "an escaped backslash before what looks like one", ATTRIBUTES("{\"a\\\\u0000\":\"\\\\ud800\"}"), "", "" },
	{ "half of a pair", ATTRIBUTES("{\"a\\uD83d\":1}"), "item-text-wrong attributes 0 0 0", "" },
	{ "the other half", ATTRIBUTES("{\"\\ude00\":1}"), "item-text-wrong attributes 0 0 0", "" },
	{ "both halves", ATTRIBUTES("{\"\\ud83d\\uDE00\":1}"), "", "" },
	{ "attributes that are too long",
	  "UPDATE item SET attributes = '{\"a\":\"' || repeat('x', 8192) || '\"}' WHERE id = 3",
	  "item-text-wrong attributes 0 0 0", "" },
	{ "a code that is none", "INSERT INTO location (id, code, name) VALUES (9, 'W H', 'x')", "location-text-wrong code 0 0 0", "" },
	{ "a location without a name", "INSERT INTO location (id, code, name) VALUES (9, 'X', '')", "location-text-wrong name 0 0 0", "" },
	{ "a token of no role", A_TOKEN("'till', 'boss'"), "token-wrong 7 0 0 0", "" },
	{ "a token that is called as nobody may be", A_TOKEN("'psql', 'admin'"), "token-wrong 7 0 0 0", "" },
	{ "a token of a name that is none", A_TOKEN("'t i', 'admin'"), "token-wrong 7 0 0 0", "" },
	{ "a token of an id that is none",
	  "UPDATE store SET had_token = true; INSERT INTO token (id, name, role, created_at) VALUES (0, 'x', 'admin', 1)",
	  "token-wrong 0 0 0 0", "" },
	{ "a secret of nobody",
	  "UPDATE store SET had_token = true; INSERT INTO token_secret VALUES ('aaaaaaaaaa', 7, " HASH(32) ", 1, NULL)",
	  "token-secret-wrong aaaaaaaaaa 0 0 0", "" },
	{ "a hash that is none",
	  A_TOKEN("'till', 'admin'") "INSERT INTO token_secret VALUES ('aaaaaaaaaa', 7, " HASH(31) ", 1, NULL)",
	  "token-secret-wrong aaaaaaaaaa 0 0 0", "" },
	{ "a public part that is none",
	  A_TOKEN("'till', 'admin'") "INSERT INTO token_secret VALUES ('aaaaaaaaa1', 7, " HASH(32) ", 1, NULL)",
	  "token-secret-wrong aaaaaaaaa1 0 0 0", "" },
	{ "a limit to no location",
	  A_TOKEN("'till', 'admin'") "INSERT INTO token_location VALUES (7, 'WH1'), (7, 'W H')",
	  "token-location-wrong 7 0 0 0", "" },
	{ "a limit to more locations than there may be",
	  A_TOKEN("'till', 'admin'") "INSERT INTO token_location SELECT 7, 'W' || g FROM generate_series(1, 65) g",
	  "token-location-wrong 7 0 0 0", "" },
	{ "a limit of nobody", "INSERT INTO token_location VALUES (7, 'WH1')", "token-location-wrong 7 0 0 0", "" },
	{ "a store that has forgotten that it had a token",
	  A_TOKEN("'till', 'admin'") "UPDATE store SET had_token = false",
	  "store-access-wrong had_token 0 0 0", "" },
	{ "a store without a key for sessions",
	  "UPDATE store SET session_key = ''", "store-access-wrong session_key 0 0 0", "" },
	{ "tokens as they should be",
	  A_TOKEN("'till', 'admin'") "INSERT INTO token_location VALUES (7, 'WH1');"
	  "INSERT INTO token_secret VALUES ('aaaaaaaaaa', 7, " HASH(32) ", 1, 2);",
	  "", "" },
};
/* clang-format on */

static void expect_findings(struct postgres_fixture *f, const struct row *row, int64_t since_seq,
			    int slice_rows, const char *wanted)
{
	struct verify *v = verified(f, since_seq, slice_rows);
	char text[1000];

	describe(verify_result(v), text);
	if (strcmp(text, wanted) != 0)
		fail_msg("\"%s\", since %lld, by %d: \"%s\" instead of \"%s\"", row->what,
			 (long long)since_seq, slice_rows, text, wanted);
	verify_destroy(v);
}

static void each_damage_is_found_and_nothing_else(void **state)
{
	struct postgres_fixture f;

	(void)state;
	postgres_fixture_open(&f);
	postgres_fixture_run(&f, no_rules);
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		postgres_fixture_run(&f, books);
		postgres_fixture_run(&f, rows[i].sql);
		expect_findings(&f, &rows[i], 0, 1, rows[i].findings);
		expect_findings(&f, &rows[i], 0, 1000, rows[i].findings);
		expect_findings(&f, &rows[i], 3, 1, rows[i].findings_since);
	}
	postgres_fixture_close(&f);
}

static void it_says_what_it_has_looked_at(void **state)
{
	struct postgres_fixture f;
	const struct verify_result *r;
	struct verify *v;

	(void)state;
	postgres_fixture_open(&f);
	postgres_fixture_run(&f, books);
	v = verified(&f, 0, 2);
	r = verify_result(v);
	assert_int_equal(r->seq, 5);
	assert_int_equal(r->checked.movements, 5);
	assert_int_equal(r->checked.rows, 2); /* not the one that was never stocked */
	assert_int_equal(r->checked.reservations, 1);
	assert_int_equal(r->checked.keys, 2);
	assert_int_equal(r->checked.leases, 2);
	verify_destroy(v);
	postgres_fixture_close(&f);
}

/* More movements behind the last step than are read at once. */
static void others_write_much_between_two_steps(void **state)
{
	struct postgres_fixture f;
	struct verify *v =
		verify_create(&(struct verify_options){ .slice_rows = 5, .rows_max = 1000 });
	int steps = 0;

	(void)state;
	assert_non_null(v);
	postgres_fixture_open(&f);
	postgres_fixture_run(&f, books);
	for (; !verify_is_over(v); steps++) {
		assert_int_equal(step(&f, v), 0);
		if (steps < 3)
			postgres_fixture_run(
				&f, "INSERT INTO movement (seq, stock_id, kind, on_hand_delta, "
				    "reserved_delta, on_hand, reserved, version, oversubscribed, "
				    "low_stock, at, prev_seq) SELECT l.seq + g, l.stock_id, "
				    "'adjust', 1, 0, l.on_hand + g, l.reserved, l.version + g, "
				    "false, false, 9, l.seq + g - 1 FROM (SELECT * FROM movement "
				    "ORDER BY seq DESC LIMIT 1) l, generate_series(1, 20001) g");
	}
	for (int i = 0; i < verify_result(v)->listed_count; i++)
		fail_msg("%s", finding_code_text(verify_result(v)->listed[i].code));
	assert_int_equal(verify_result(v)->checked.movements, 5 + 3 * 20001);
	verify_destroy(v);
	postgres_fixture_close(&f);
}

/* As many as are read at once, and two more; each has its line, and its row promises them all. */
static void very_many_reservations_are_summed_up(void **state)
{
	struct postgres_fixture f;
	struct verify *v;

	(void)state;
	postgres_fixture_open(&f);
	postgres_fixture_run(&f, no_rules);
	postgres_fixture_run(&f, books);
	postgres_fixture_run(
		&f, "INSERT INTO reservation (id, name, state, created_at, expires_at) "
		    "SELECT g, 'r_' || g, 'active', 9, 99 FROM generate_series(2, 10002) g;"
		    "INSERT INTO reservation_line (reservation_id, n, item_id, location_id, "
		    "quantity, open_until) SELECT g, 0, 1, 1, 1, 99 FROM generate_series(2, 10002) "
		    "g; UPDATE movement SET reserved = 10003, reserved_delta = 10003 WHERE seq = "
		    "5; UPDATE "
		    "item SET backorder_limit = 20000");
	v = verified(&f, 0, 20000);
	assert_int_equal(verify_result(v)->checked.reservations, 10002);
	assert_int_equal(verify_result(v)->finding_count, 0);
	verify_destroy(v);
	postgres_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_damage_is_found_and_nothing_else),
		cmocka_unit_test(it_says_what_it_has_looked_at),
		cmocka_unit_test(others_write_much_between_two_steps),
		cmocka_unit_test(very_many_reservations_are_summed_up),
	};

	if (!postgres_fixture_is_there())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
