/* test_sqlite - what the store in a file does besides: edits by hand, migration, sizes. */
#include "base/hash.h"
#include "store/sqlite_private.h"
#include "store_fixture.h"
#include "unit.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

/* The scripts of earlier versions, as they are in the binary. */
extern const char sql_001_stock[];
extern const char sql_002_reservations[];
extern const char sql_003_soundness[];
extern const char sql_004_house[];
extern const char sql_005_tokens[];
extern const char sql_006_actors[];

static const char ledger_is_wrong[] = "SELECT count(*) FROM v_ledger_check";

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	assert_non_null(f);
	fixture_open(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_close(*state);
	free(*state);
	return 0;
}

/* ---------------------------------------------------------------- groups */

static void a_group_is_all_or_nothing(void **state)
{
	struct fixture *f = *state;

	fixture_begin(f);
	fixture_change(f, 0, 5);
	fixture_change(f, 1, 7);
	fixture_change(f, 0, -2);
	assert_int_equal(fixture_on_hand(f, 0), 0); /* nobody sees it yet */
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_on_hand(f, 0), 3);
	assert_int_equal(fixture_on_hand(f, 1), 7);

	fixture_begin(f);
	fixture_change(f, 0, 100);
	fixture_change(f, 1, 100);
	fixture_rollback(f);
	assert_int_equal(fixture_on_hand(f, 0), 3);
	assert_int_equal(fixture_on_hand(f, 1), 7);
	assert_int_equal(f->seq, 3);
	assert_int_equal(fixture_query(f, ledger_is_wrong), 0);

	fixture_change_committed(f, 0, 1); /* the seq goes on without a gap */
	assert_int_equal(fixture_query(f, "SELECT max(seq) FROM movement"), 4);
}

static void a_group_sees_what_it_wrote(void **state)
{
	struct fixture *f = *state;
	struct stock row;

	fixture_begin(f);
	fixture_change(f, 0, 5);
	assert_int_equal(sqlite_load_stock(f->store, f->items[0].id, f->location.id, &row), 0);
	assert_int_equal(row.on_hand, 5);
	assert_int_equal(row.version, 1);
	assert_int_equal(row.seq, 1);
	fixture_rollback(f);
}

static void a_rollback_without_a_group_is_harmless(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sqlite_rollback(f->store), 0);
	fixture_change_committed(f, 0, 5);
	assert_int_equal(sqlite_rollback(f->store), 0);
	assert_int_equal(fixture_on_hand(f, 0), 5);
}

static void a_restart_finds_what_was_committed(void **state)
{
	struct fixture *f = *state;

	fixture_change_committed(f, 0, 5);
	fixture_begin(f);
	fixture_change(f, 0, 100); /* never committed */
	fixture_reopen(f);
	assert_int_equal(f->stocks[0].on_hand, 5);
	assert_int_equal(f->seq, 1);
	assert_int_equal(fixture_query(f, ledger_is_wrong), 0);
}

static void a_checkpoint_changes_nothing(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 50; i++)
		fixture_change_committed(f, i % 2, 1);
	assert_true(sqlite_wal_bytes(f->store) > 0);
	assert_true(sqlite_checkpoint(f->store) > 0);
	assert_int_equal(fixture_on_hand(f, 0), 25);
	fixture_change_committed(f, 0, 1);
	fixture_reopen(f);
	assert_int_equal(f->stocks[0].on_hand, 26);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM pragma_integrity_check "
					  "WHERE integrity_check <> 'ok'"),
			 0);
}

/* ---------------------------------------------------------------- snapshots */

static void a_snapshot_stays_as_it_was(void **state)
{
	struct fixture *f = *state;
	bool has_item, has_location;
	struct reader *reader;
	struct stock row;
	int64_t seq;

	fixture_change_committed(f, 0, 5);
	assert_int_equal(f->store->ops->open_reader(f->store, &reader), 0);
	assert_int_equal(reader->ops->begin(reader, &seq), 0);
	assert_int_equal(seq, 1);
	for (int i = 0; i < 10; i++)
		fixture_change_committed(f, 0, 1); /* a snapshot holds up nobody */
	sqlite_checkpoint(f->store);               /* nor does it break */

	assert_int_equal(reader->ops->stock(reader, "A", "WH1", &row, &has_item, &has_location), 0);
	assert_int_equal(row.on_hand, 5);
	reader->ops->end(reader);
	assert_int_equal(reader->ops->begin(reader, &seq), 0);
	assert_int_equal(seq, 11);
	assert_int_equal(reader->ops->stock(reader, "A", "WH1", &row, &has_item, &has_location), 0);
	assert_int_equal(row.on_hand, 15);
	reader->ops->end(reader);
	reader->ops->end(reader); /* harmless */
	reader->ops->close(reader);
}

static void a_point_read_says_what_is_missing(void **state)
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
	struct fixture *f = *state;
	int64_t seq;

	fixture_change_committed(f, 0, 5);
	assert_int_equal(fixture_on_hand(f, 0), 5);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		bool has_item, has_location;
		struct stock row;
		int r = f->reader->ops->stock(f->reader, rows[i].sku, rows[i].location, &row,
					      &has_item, &has_location);

		ROW_EXPECT(rows[i].what, r == 0);
		ROW_EXPECT(rows[i].what, row.id == 0 && row.on_hand == 0 && row.version == 0);
		ROW_EXPECT(rows[i].what, has_item == rows[i].has_item);
		ROW_EXPECT(rows[i].what, has_location == rows[i].has_location);
	}
	f->reader->ops->end(f->reader);
}

/* Reads it, and compares with what another program reads. */
static void expect_row(struct fixture *f, const char *what, const char *sku, const char *location)
{
	bool has_item, has_location;
	struct stock row;
	char sql[256];

	ROW_EXPECT(what, f->reader->ops->stock(f->reader, sku, location, &row, &has_item,
					       &has_location) == 0);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM item WHERE sku = '%s'", sku);
	ROW_EXPECT(what, has_item == fixture_query(f, sql));
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM location WHERE code = '%s'", location);
	ROW_EXPECT(what, has_location == fixture_query(f, sql));
	snprintf(sql, sizeof(sql),
		 "SELECT coalesce(sum(s.on_hand * 100 + s.id), 0) FROM stock s JOIN item i "
		 "ON i.id = item_id JOIN location l ON l.id = location_id "
		 "WHERE sku = '%s' AND code = '%s'",
		 sku, location);
	ROW_EXPECT(what, row.on_hand * 100 + row.id == fixture_query(f, sql));
}

static void expect_rows(struct fixture *f, const char *what)
{
	int64_t seq;

	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	for (int again = 0; again < 2; again++)
		for (const char *sku = "ABZ"; *sku != '\0'; sku++) {
			expect_row(f, what, (char[]){ *sku, '\0' }, "WH1");
			expect_row(f, what, (char[]){ *sku, '\0' }, "WH2");
		}
	f->reader->ops->end(f->reader);
}

/* What the reader has kept of rows is never older than the file. */
static void a_known_row_is_read_as_it_is(void **state)
{
	static const char *const edits[] = {
		"UPDATE item SET sku = 'Z' WHERE sku = 'A'",
		"UPDATE item SET sku = 'A' WHERE sku = 'B'",
		"UPDATE item SET sku = 'B' WHERE sku = 'Z'",
		"UPDATE location SET code = 'WH2' WHERE code = 'WH1'",
		"UPDATE location SET code = 'WH1' WHERE code = 'WH2'",
		"UPDATE stock SET on_hand = on_hand + 3",
		"BEGIN; UPDATE item SET sku = 'Z' WHERE sku = 'A'; "
		"UPDATE item SET sku = 'A' WHERE sku = 'B'; "
		"UPDATE item SET sku = 'B' WHERE sku = 'Z'; COMMIT",
		/* The numbers of rows go from one to another, and one is not there any more. */
		"BEGIN; DROP TRIGGER stock_update_by_hand; UPDATE stock SET id = 99 WHERE id = 1; "
		"UPDATE stock SET id = 1 WHERE id = 2; UPDATE stock SET id = 2 WHERE id = 99; "
		"COMMIT",
		"DROP TRIGGER stock_delete; DELETE FROM stock WHERE id = 1",
		"UPDATE stock SET id = 1 WHERE id = 2",
	};
	struct fixture *f = *state;

	fixture_change_committed(f, 0, 5);
	fixture_change_committed(f, 1, 7);
	assert_int_equal(fixture_on_hand(f, 0), 5);
	expect_rows(f, "before");
	for (size_t i = 0; i < LENGTH_OF(edits); i++) {
		assert_int_equal(fixture_execute(f, edits[i]), SQLITE_OK);
		expect_rows(f, edits[i]);
	}
}

/* ---------------------------------------------------------------- history */

static void a_past_level_is_read_from_the_ledger(void **state)
{
	static const struct {
		const char *what;
		int64_t as_of_seq;
		int64_t on_hand;
		bool is_stated_since;
	} rows[] = {
		{ "before the row was stocked", 0, 0, true },
		{ "after its first movement", 1, 5, true },
		{ "between its movements", 2, 5, true },
		{ "after the edit", 4, 9, false },
		{ "after another's movement", 5, 9, false },
		{ "now", 6, 8, false },
	};
	struct fixture *f = *state;
	int64_t seq;

	fixture_change_committed(f, 0, 5);  /* 1 */
	fixture_change_committed(f, 1, 1);  /* 2 */
	fixture_change_committed(f, 0, -1); /* 3 */
	assert_int_equal(fixture_execute(f, "UPDATE stock SET on_hand = 9 WHERE on_hand = 4"),
			 SQLITE_OK); /* 4 */
	fixture_load(f);
	fixture_change_committed(f, 1, 1);  /* 5 */
	fixture_change_committed(f, 0, -1); /* 6 */
	assert_int_equal(fixture_on_hand(f, 0), 8);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct past_level past = { .as_of_seq = rows[i].as_of_seq };
		int r = f->reader->ops->past_level(f->reader, "A", "WH1", &past);

		ROW_EXPECT(rows[i].what, r == 0);
		ROW_EXPECT(rows[i].what, past.seen_seq == 6);
		ROW_EXPECT(rows[i].what, past.stated_seq == (rows[i].is_stated_since ? 4 : 0));
		ROW_EXPECT(rows[i].what,
			   rows[i].is_stated_since || past.on_hand == rows[i].on_hand);
	}
	f->reader->ops->end(f->reader);

	fixture_begin(f);
	assert_int_equal(sqlite_stated_since(f->store, 6, 3, &seq), 0);
	assert_int_equal(seq, 4);
	assert_int_equal(sqlite_stated_since(f->store, 6, 4, &seq), 0);
	assert_int_equal(seq, 0);
	fixture_rollback(f);
}

static void a_row_without_history_had_nothing(void **state)
{
	struct past_level past = { .as_of_seq = 0 };
	struct fixture *f = *state;
	int64_t seq;

	assert_int_equal(fixture_on_hand(f, 0), 0);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	assert_int_equal(f->reader->ops->past_level(f->reader, "A", "WH1", &past), 0);
	assert_int_equal(past.on_hand, 0);
	assert_int_equal(past.stated_seq, 0);
	assert_int_equal(past.seen_seq, 0);
	f->reader->ops->end(f->reader);
}

/* ---------------------------------------------------------------- other programs */

static void another_programs_edit_is_noticed_once(void **state)
{
	struct fixture *f = *state;
	struct sqlite_begun begun;

	fixture_change_committed(f, 0, 5);
	assert_int_equal(fixture_execute(f, "UPDATE stock SET on_hand = 9"), SQLITE_OK);

	assert_int_equal(sqlite_begin(f->store, NULL, NULL, &begun), 0);
	assert_true(begun.is_changed_by_others);
	assert_int_equal(begun.seq, 2); /* the trigger wrote a movement */
	fixture_rollback(f);
	assert_int_equal(f->stocks[0].on_hand, 9);
	assert_int_equal(f->stocks[0].version, 2);
	sqlite_note_taken_in(f->store);

	fixture_change_committed(f, 0, 1);
	assert_int_equal(sqlite_begin(f->store, NULL, NULL, &begun), 0);
	assert_false(begun.is_changed_by_others); /* our own commits are not another's */
	fixture_rollback(f);
	assert_int_equal(fixture_query(f, ledger_is_wrong), 0);
}

static bool others_are_seen(struct fixture *f)
{
	bool has_others;

	assert_int_equal(sqlite_look_for_others(f->store, &has_others), 0);
	return has_others;
}

/* Each of these has no movement, and is all that happens: nothing else wakes the writer. */
static void an_edit_is_news_until_it_is_taken_in(void **state)
{
	static const char *const edits[] = {
		"UPDATE stock SET on_hand = 9",
		"UPDATE item SET backorder_limit = 3 WHERE sku = 'A'",
		"UPDATE item SET name = 'x' WHERE sku = 'A'",
		"INSERT INTO row_lock VALUES (1, 'l_1', 1, 1, 1, 'x', 1, 2, 0, NULL)",
		"UPDATE row_lock SET expires_at = 3",
		"DELETE FROM row_lock",
		"UPDATE item SET sku = 'Z' WHERE sku = 'A'",
	};
	struct fixture *f = *state;
	struct sqlite_begun begun;

	fixture_change_committed(f, 0, 5);
	assert_false(others_are_seen(f));
	for (size_t i = 0; i < LENGTH_OF(edits); i++) {
		assert_int_equal(fixture_execute(f, edits[i]), SQLITE_OK);
		assert_true(others_are_seen(f));
		for (int group = 0; group < 3; group++) { /* none of which has the use for it */
			assert_int_equal(sqlite_begin(f->store, NULL, NULL, &begun), 0);
			assert_true(begun.is_changed_by_others);
			fixture_rollback(f);
			assert_true(others_are_seen(f));
		}
		sqlite_note_taken_in(f->store);
		assert_false(others_are_seen(f));
		fixture_begin(f);
		assert_int_equal(fixture_commit(f), 0);
		assert_false(others_are_seen(f)); /* our own commits are not another's */
	}
}

static bool ask_thrice(void *calls)
{
	return ++*(int *)calls < 3;
}

static void a_held_database_is_busy(void **state)
{
	struct fixture *f = *state;
	struct sqlite_begun begun;
	sqlite3 *holder;
	int calls = 0;

	assert_int_equal(sqlite3_open(f->path, &holder), SQLITE_OK);
	assert_int_equal(sqlite3_exec(holder, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite_begin(f->store, NULL, NULL, &begun), -EBUSY);
	assert_int_equal(sqlite_begin(f->store, ask_thrice, &calls, &begun), -EBUSY);
	assert_int_equal(calls, 3);                 /* it stopped when it was told to */
	assert_int_equal(fixture_on_hand(f, 0), 0); /* reads pass */
	assert_int_equal(sqlite3_exec(holder, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(holder);
	fixture_change_committed(f, 0, 5);
	assert_int_equal(fixture_on_hand(f, 0), 5);
}

/* ---------------------------------------------------------------- keys */

static int64_t add_key(struct fixture *f, const char *key, int64_t at_ms)
{
	struct key_record record = { .id = ++f->key_last,
				     .key = key,
				     .key_hash = hash_bytes(key, strlen(key), 0),
				     .fingerprint = UINT64_C(0xfedcba9876543210),
				     .status = 201,
				     .outcome = OUTCOME_DONE,
				     .first_seq = 3,
				     .movement_count = 2,
				     .seq = 4,
				     .body = "{\"a\":1}",
				     .at_ms = at_ms };

	assert_int_equal(sqlite_add_keys(f->store, &record, 1), 0);
	return record.id;
}

struct seen_keys {
	uint64_t hashes[8];
	int64_t last_id;
	int count;
};

static int see_key(void *context, int64_t id, uint64_t key_hash, int64_t at_ms)
{
	struct seen_keys *s = context;

	assert_true(id > s->last_id); /* oldest first */
	assert_true(at_ms > 0);
	s->last_id = id;
	s->hashes[s->count++] = key_hash;
	return 0;
}

static void keys_are_kept_in_order_of_arrival(void **state)
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
	static const char *const keys[] = { "k1", "k2", "k3", "k4" };
	struct fixture *f = *state;
	int64_t ids[LENGTH_OF(keys)];

	fixture_begin(f);
	for (int i = 0; i < (int)LENGTH_OF(keys); i++) {
		ids[i] = add_key(f, keys[i], (i + 1) * 1000);
		assert_true(i == 0 || ids[i] > ids[i - 1]);
	}
	assert_int_equal(fixture_commit(f), 0);
	fixture_reopen(f);
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct seen_keys seen = { 0 };
		int r = sqlite_each_key(f->store, rows[i].since_ms, rows[i].count, see_key, &seen);

		ROW_EXPECT(rows[i].what, r == 0);
		ROW_EXPECT(rows[i].what, seen.count == rows[i].seen_count);
		ROW_EXPECT(rows[i].what, rows[i].first == NULL ||
						 seen.hashes[0] == hash_bytes(rows[i].first, 2, 0));
	}
}

static void a_key_is_found_as_it_was_written(void **state)
{
	struct fixture *f = *state;
	struct key_record found;
	struct arena a;
	int64_t id, seq;

	fixture_begin(f);
	id = add_key(f, "order-7", 5000);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_on_hand(f, 0), 0); /* opens the reader */
	arena_init(&a);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	assert_int_equal(f->reader->ops->key(f->reader, id, &a, &found), 0);
	assert_int_equal(found.id, id);
	assert_string_equal(found.key, "order-7");
	assert_true(found.fingerprint == UINT64_C(0xfedcba9876543210));
	assert_int_equal(found.status, 201);
	assert_int_equal(found.outcome, OUTCOME_DONE);
	assert_int_equal(found.first_seq, 3);
	assert_int_equal(found.movement_count, 2);
	assert_int_equal(found.seq, 4);
	assert_string_equal(found.body, "{\"a\":1}");
	assert_int_equal(f->reader->ops->key(f->reader, id + 1, &a, &found), 0);
	assert_int_equal(found.id, 0); /* absent is not a fault */
	f->reader->ops->end(f->reader);
	arena_fini(&a);
}

static void old_keys_are_deleted_in_slices(void **state)
{
	struct fixture *f = *state;
	int64_t ids[5];

	fixture_begin(f);
	for (int i = 0; i < 5; i++)
		ids[i] = add_key(f, "k", 1000);
	assert_int_equal(fixture_commit(f), 0);

	fixture_begin(f);
	assert_int_equal(sqlite_delete_keys(f->store, ids[3], 3), 3);
	assert_int_equal(sqlite_delete_keys(f->store, ids[3], 3), 1);
	assert_int_equal(sqlite_delete_keys(f->store, ids[3], 3), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_query(f, "SELECT id FROM idempotency"), ids[4]);
}

/* ---------------------------------------------------------------- leases */

static int64_t take_lease(struct fixture *f, const char *id, int item, int64_t expires_at_ms)
{
	struct lease_row row = { .lease_id = id,
				 .purpose = "count",
				 .taken_at_ms = 1000,
				 .expires_at_ms = expires_at_ms };

	assert_int_equal(sqlite_next_fence(f->store, &row.fence), 0);
	assert_int_equal(sqlite_add_lease_row(f->store, &row, f->items[item].id, f->location.id),
			 0);
	return row.fence;
}

static void leases_outlive_a_restart_and_fences_only_grow(void **state)
{
	struct fixture *f = *state;
	struct lease_row *rows;
	struct arena a;
	size_t count;
	int64_t fence;

	fixture_begin(f);
	assert_int_equal(take_lease(f, "l_1", 0, 4000000000000), 1);
	assert_int_equal(take_lease(f, "mine", 1, 4000000000000), 2);
	assert_int_equal(sqlite_renew_lease(f->store, 1, 4100000000000), 1);
	assert_int_equal(fixture_commit(f), 0);
	fixture_reopen(f);

	arena_init(&a);
	assert_int_equal(sqlite_load_leases(f->store, &a, &rows, &count), 0);
	assert_int_equal(count, 2);
	assert_string_equal(rows[0].lease_id, "l_1");
	assert_string_equal(rows[0].sku.text, "A");
	assert_string_equal(rows[0].location.text, "WH1");
	assert_string_equal(rows[0].purpose, "count");
	assert_int_equal(rows[0].fence, 1);
	assert_int_equal(rows[0].expires_at_ms, 4100000000000);
	assert_string_equal(rows[1].lease_id, "mine");

	fixture_begin(f);
	assert_int_equal(sqlite_delete_lease(f->store, 1), 1);
	assert_int_equal(sqlite_delete_lease(f->store, 2), 1);
	assert_int_equal(fixture_commit(f), 0);
	fixture_reopen(f);
	assert_int_equal(sqlite_load_leases(f->store, &a, &rows, &count), 0);
	assert_int_equal(count, 0);
	fixture_begin(f);
	assert_int_equal(sqlite_next_fence(f->store, &fence), 0);
	assert_int_equal(fence, 3); /* never one that was there before */
	fixture_rollback(f);
	arena_fini(&a);
}

/* The first one's rows stayed behind when it ended: nobody was there to delete them. */
static void two_leases_of_one_id_are_told_apart_by_their_fences(void **state)
{
	struct fixture *f = *state;
	static const char living[] = "SELECT count(*) FROM row_lock WHERE expires_at > 2000";

	fixture_begin(f);
	assert_int_equal(take_lease(f, "count", 0, 2000), 1);
	assert_int_equal(take_lease(f, "count", 1, 3000), 2);
	assert_int_equal(sqlite_renew_lease(f->store, 2, 4000000000000), 1);
	assert_int_equal(sqlite_renew_lease(f->store, 3, 4000000000000), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_query(f, living), 1);
	fixture_begin(f);
	assert_int_equal(sqlite_delete_lease(f->store, 1), 1);
	assert_int_equal(sqlite_delete_lease(f->store, 1), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_query(f, living), 1);
	assert_int_equal(fixture_query(f, "SELECT fence FROM row_lock"), 2);
}

/* Most edits are of something else: only these make the leases be read again. */
static void edits_of_leases_and_names_are_counted(void **state)
{
	static const struct {
		const char *sql;
		bool is_counted;
	} edits[] = {
		{ "UPDATE v_stock SET on_hand = 9", false },
		{ "UPDATE item SET name = 'x', backorder_limit = 3", false },
		{ "UPDATE item SET sku = 'Z' WHERE sku = 'A'", true },
		{ "UPDATE location SET code = 'WH9' WHERE code = 'WH1'", true },
		{ "INSERT INTO row_lock VALUES (1, 'l_1', 1, 1, 1, 'x', 1, 2, 0, NULL)", true },
		{ "INSERT OR REPLACE INTO row_lock VALUES (1, 'l_2', 2, 1, 1, 'x', 1, 2, 0, NULL)",
		  true },
		{ "UPDATE row_lock SET expires_at = 3", true },
		{ "DELETE FROM row_lock", true },
	};
	struct fixture *f = *state;
	int64_t before, after = 0;

	fixture_change_committed(f, 0, 5);
	for (size_t i = 0; i < LENGTH_OF(edits); i++) {
		assert_int_equal(sqlite_lease_edits(f->store, &before), 0);
		assert_int_equal(fixture_execute(f, edits[i].sql), SQLITE_OK);
		assert_int_equal(sqlite_lease_edits(f->store, &after), 0);
		if ((after != before) != edits[i].is_counted)
			fail_msg("%s: %lld", edits[i].sql, (long long)(after - before));
	}
	before = after; /* what the service does itself is not counted */
	fixture_begin(f);
	take_lease(f, "l_1", 0, 4000000000000);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(sqlite_lease_edits(f->store, &after), 0);
	assert_int_equal(after, before);
}

static void a_leased_row_is_refused_by_the_database(void **state)
{
	struct fixture *f = *state;

	fixture_change_committed(f, 0, 5);
	fixture_begin(f);
	take_lease(f, "l_1", 0, 4000000000000);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_execute(f, "UPDATE stock SET on_hand = 9"), SQLITE_CONSTRAINT);
	fixture_change_committed(f, 0, 1); /* the service may: it has asked its own lock table */
	assert_int_equal(fixture_on_hand(f, 0), 6);
}

static void what_has_stock_is_in_use(void **state)
{
	struct fixture *f = *state;
	bool has_stock;

	fixture_change_committed(f, 0, 5);
	fixture_begin(f);
	take_lease(f, "l_1", 1, 4000000000000); /* of B, never stocked */
	assert_int_equal(sqlite_item_has_stock(f->store, f->items[0].id, 0, &has_stock), 0);
	assert_true(has_stock);
	assert_int_equal(sqlite_item_has_stock(f->store, f->items[1].id, 0, &has_stock), 0);
	assert_true(has_stock);
	assert_int_equal(sqlite_delete_lease(f->store, 1), 1);
	assert_int_equal(sqlite_item_has_stock(f->store, f->items[1].id, 0, &has_stock), 0);
	assert_false(has_stock);
	assert_int_equal(sqlite_delete_item(f->store, f->items[1].id), 0);
	assert_int_equal(sqlite_location_has_stock(f->store, f->location.id, 0, &has_stock), 0);
	assert_true(has_stock);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM item"), 1);
	fixture_reopen(f);
	assert_int_equal(f->items[1].id, 0);
}

/* ---------------------------------------------------------------- reservations */

static struct reservation add_reservation(struct fixture *f, const char *name, struct arena *a)
{
	static struct reservation_line lines[2];
	struct reservation made = { .name = name,
				    .owner = "cart",
				    .created_at_ms = 1000,
				    .expires_at_ms = 9000,
				    .line_count = 2,
				    .lines = lines };

	for (int i = 0; i < 2; i++)
		lines[i] = (struct reservation_line){ .item_id = f->items[i].id,
						      .location_id = f->location.id,
						      .quantity = 3 + i };
	assert_int_equal(sqlite_add_reservation(f->store, &made, a), 0);
	return made;
}

static int see_active(void *context, const struct promised_row *row)
{
	int64_t *sum = context;

	assert_true(row->item_id > 0);
	assert_true(row->location_id > 0);
	*sum += row->reservation_id * 100000 + row->expires_at_ms;
	return 0;
}

static void a_reservation_is_resolved_once_and_stays(void **state)
{
	struct fixture *f = *state;
	struct reservation made, mine, found;
	struct arena a;
	int64_t sum = 0;

	arena_init(&a);
	fixture_begin(f);
	made = add_reservation(f, NULL, &a);
	mine = add_reservation(f, "mine", &a);
	assert_string_equal(made.name, "r_1");
	assert_int_equal(mine.id, 2);
	mine.expires_at_ms = 9500;
	assert_int_equal(sqlite_extend_reservation(f->store, &mine), 0);
	assert_int_equal(fixture_commit(f), 0);
	fixture_reopen(f);

	assert_int_equal(sqlite_each_active_reservation(f->store, see_active, &sum), 0);
	assert_int_equal(sum, 2 * (109000 + 209500)); /* two lines each */
	assert_int_equal(sqlite_load_reservation(f->store, "r_1", &a, &found), 0);
	assert_int_equal(found.id, 1);
	assert_int_equal(found.state, RESERVATION_ACTIVE);
	assert_string_equal(found.owner, "cart");
	assert_null(found.reference);
	assert_int_equal(found.line_count, 2);
	assert_string_equal(found.lines[1].sku.text, "B");
	assert_int_equal(found.lines[1].quantity, 4);
	assert_int_equal(found.resolved_at_ms, 0);

	fixture_begin(f);
	found.state = RESERVATION_COMMITTED;
	found.resolved_at_ms = 5000;
	found.lines[0].committed = 2;
	assert_int_equal(sqlite_resolve_reservation(f->store, &found), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(sqlite_load_reservation_by_id(f->store, 1, &a, &found), 0);
	assert_int_equal(found.state, RESERVATION_COMMITTED);
	assert_int_equal(found.resolved_at_ms, 5000);
	assert_int_equal(found.lines[0].committed, 2);
	assert_int_equal(found.lines[1].committed, 0);
	assert_int_equal(sqlite_load_reservation(f->store, "nobody", &a, &found), 0);
	assert_int_equal(found.id, 0);
	arena_fini(&a);
}

static void reservations_are_listed_by_what_one_knows(void **state)
{
	static const struct {
		const char *what, *owner, *sku;
		enum reservation_state state;
		int64_t after_id;
		size_t count;
	} rows[] = {
		{ "all", NULL, NULL, RESERVATION_STATES, 0, 2 },
		{ "active", NULL, NULL, RESERVATION_ACTIVE, 0, 2 },
		{ "released", NULL, NULL, RESERVATION_RELEASED, 0, 0 },
		{ "of an owner", "cart", NULL, RESERVATION_STATES, 0, 2 },
		{ "of another", "Cart", NULL, RESERVATION_STATES, 0, 0 },
		{ "with an item", NULL, "B", RESERVATION_STATES, 0, 2 },
		{ "with none", NULL, "C", RESERVATION_STATES, 0, 0 },
		{ "behind the first", NULL, NULL, RESERVATION_STATES, 1, 1 },
	};
	struct fixture *f = *state;
	struct arena a;
	int64_t seq;

	arena_init(&a);
	fixture_begin(f);
	add_reservation(f, NULL, &a);
	add_reservation(f, "mine", &a);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_on_hand(f, 0), 0);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct reservation_query q = { .owner = rows[i].owner,
					       .sku = rows[i].sku,
					       .state = rows[i].state,
					       .after_id = rows[i].after_id,
					       .limit = 10 };
		struct page page;
		int r = f->reader->ops->list_reservations(f->reader, &q, &a, &page);

		ROW_EXPECT(rows[i].what, r == 0);
		ROW_EXPECT(rows[i].what, page.count == rows[i].count);
		ROW_EXPECT(rows[i].what, !page.has_next);
	}
	f->reader->ops->end(f->reader);
	arena_fini(&a);
}

/* A store of that version, as the scripts of that time made it, with an item and some stock. */
static void make_older_store(struct fixture *f, int version)
{
	static const char *const scripts[] = { sql_001_stock,     sql_002_reservations,
					       sql_003_soundness, sql_004_house,
					       sql_005_tokens,    sql_006_actors };
	char pragma[80];

	f->store->ops->close(f->store);
	f->store = NULL;
	assert_int_equal(truncate(f->path, 0), 0);
	for (int n = 0; n < version; n++)
		assert_int_equal(fixture_execute(f, scripts[n]), SQLITE_OK);
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 0x52574C4B, version);
	assert_int_equal(fixture_execute(f, pragma), SQLITE_OK);
	assert_int_equal(
		fixture_execute(f, "INSERT INTO item (sku, name) VALUES ('A', 'A'), ('B', 'B');"
				   "INSERT INTO location (code, name) VALUES ('WH1', 'W');"
				   "INSERT INTO v_stock (sku, location, on_hand) VALUES "
				   "('A', 'WH1', 5)"),
		SQLITE_OK);
}

/* One that is active and one that has ended, of a store that has reservations. */
static void add_older_reservations(struct fixture *f, int version)
{
	assert_int_equal(fixture_execute(f, "DROP TRIGGER reservation_insert;"
					    "DROP TRIGGER reservation_line_insert;"
					    "INSERT INTO reservation VALUES "
					    "(1, 'r_1', 'active', NULL, NULL, 7, 99, NULL), "
					    "(2, 'r_2', 'released', NULL, NULL, 7, 98, 8);"
					    "INSERT INTO reservation_line (reservation_id, n, "
					    "item_id, location_id, quantity, committed) VALUES "
					    "(1, 0, 1, 1, 2, 0), (1, 1, 2, 1, 3, 0), "
					    "(2, 0, 1, 1, 4, 0)"),
			 SQLITE_OK);
	if (version > 3)
		assert_int_equal(fixture_execute(f, "DROP TRIGGER reservation_line_update;"
						    "UPDATE reservation_line SET open_until = 99 "
						    "WHERE reservation_id = 1"),
				 SQLITE_OK);
}

/* A store of an earlier version is brought up to date, with all that is in it. */
static void an_older_store_is_migrated(void **state)
{
	struct fixture *f = *state;
	char migrated[160];

	for (int version = 1; version < SQLITE_VERSION_NEWEST; version++) {
		make_older_store(f, version);
		if (version > 1)
			add_older_reservations(f, version);
		fixture_reopen(f);
		assert_int_equal(f->stocks[0].on_hand, 5);
		assert_int_equal(fixture_query(f, "PRAGMA user_version"), SQLITE_VERSION_NEWEST);
		assert_int_equal(fixture_query(f, "SELECT count(*) FROM reservation"),
				 version > 1 ? 2 : 0);
		assert_int_equal(fixture_query(f, "SELECT total(quantity * (open_until = 99)) "
						  "FROM reservation_line"),
				 version > 1 ? 5 : 0);
		assert_int_equal(fixture_query(f, ledger_is_wrong), 0);
		assert_int_equal(fixture_query(f, "SELECT newest_at = created_at FROM store"), 1);
		assert_int_equal(fixture_query(f, "SELECT count(*) FROM movement WHERE "
						  "coalesce(actor, note) IS NULL"),
				 version < 6 ? 1 : 0);
		snprintf(migrated, sizeof(migrated),
			 "SELECT count(*) FROM audit WHERE actor = 'rowlock' AND action = "
			 "'migrate' AND detail = '{\"schema\":[%d,%d]}'",
			 version, SQLITE_VERSION_NEWEST);
		assert_int_equal(fixture_query(f, migrated), 1);
		assert_int_equal(fixture_query(f, "SELECT noted_by_tool FROM store"), 0);
	}
}

/* A store that has not met a kind of ours, as those of earlier versions have not. */
static void kinds_are_learned(void **state)
{
	struct fixture *f = *state;

	fixture_execute(f, "DROP TRIGGER movement_kind_delete;"
			   "DELETE FROM movement_kind WHERE kind IN ('transfer', 'edit')");
	fixture_reopen(f);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM movement_kind"), MOVEMENT_KINDS);
}

/* The ledger stays where it is: its first page is that of the older version. */
static void a_migration_does_not_copy_the_ledger(void **state)
{
	static const char root[] = "SELECT rootpage FROM sqlite_schema WHERE name = 'movement'";
	struct fixture *f = *state;
	int64_t page;

	make_older_store(f, 3);
	page = fixture_query(f, root);
	fixture_reopen(f);
	assert_int_equal(fixture_query(f, root), page);
	assert_int_equal(fixture_query(f, "SELECT instr(sql, 'CHECK') FROM sqlite_schema "
					  "WHERE name = 'movement'"),
			 0);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM pragma_integrity_check "
					  "WHERE integrity_check <> 'ok'"),
			 0);
}

/* ---------------------------------------------------------------- pages */

static void locations_of_an_item_come_page_by_page(void **state)
{
	enum { LOCATIONS = 2500, LIMIT = 1000 };
	struct fixture *f = *state;
	struct item_stock_query q = { .sku = "A", .after = "", .limit = LIMIT };
	struct stock_sum sum;
	char last[CODE_BYTES_MAX + 1] = "";
	int count = 0, pages = 0;
	struct page page;
	struct arena a;
	int64_t seq;

	(void)fixture_on_hand(f, 0); /* opens the reader */
	assert_int_equal(fixture_execute(f,
					 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 "
					 "FROM n WHERE i < 2500) INSERT INTO location (code, name) "
					 "SELECT printf('P%04d', 2501 - i), 'x' FROM n;"
					 "INSERT INTO v_stock (sku, location, on_hand) "
					 "SELECT 'A', code, 2 FROM location WHERE code GLOB 'P*'"),
			 SQLITE_OK);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	do {
		arena_init(&a);
		assert_int_equal(f->reader->ops->stock_of_item(f->reader, &q, &a, &sum, &page), 0);
		assert_true(sum.has_item);
		assert_int_equal(sum.on_hand, 2 * LOCATIONS);
		assert_int_equal(sum.reserved, 0);
		for (size_t i = 0; i < page.count; i++) {
			assert_true(strcmp(page.stock[i].location.text, last) > 0);
			snprintf(last, sizeof(last), "%s", page.stock[i].location.text);
		}
		count += (int)page.count;
		pages++;
		q.after = last;
		arena_fini(&a);
	} while (page.has_next);
	assert_int_equal(count, LOCATIONS);
	assert_int_equal(pages, 3);

	arena_init(&a);
	q = (struct item_stock_query){ .sku = "NOPE", .after = "", .limit = LIMIT };
	assert_int_equal(f->reader->ops->stock_of_item(f->reader, &q, &a, &sum, &page), 0);
	assert_false(sum.has_item);
	assert_int_equal(page.count, 0);
	f->reader->ops->end(f->reader);
	arena_fini(&a);
}

/* A page costs memory for what it returns, not for what it looked at. */
static void what_does_not_fit_costs_no_memory(void **state)
{
	struct fixture *f = *state;
	struct movement_query q = {
		.since_ms = INT64_MIN, .until_ms = INT64_MAX, .reference = "nobody's", .limit = 1
	};
	struct page page;
	struct arena a;
	int64_t seq;

	for (int i = 0; i < 300; i++)
		fixture_change_committed(f, 0, 1);
	(void)fixture_on_hand(f, 0); /* opens the reader */
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	for (int way = 0; way < 3; way++) {
		q.is_descending = way > 0;
		q.sku = way > 1 ? "A" : NULL;
		arena_init(&a);
		assert_int_equal(f->reader->ops->list_movements(f->reader, &q, &a, &page), 0);
		assert_int_equal(page.count, 0);
		assert_null(a.blocks);
		arena_fini(&a);
	}
	f->reader->ops->end(f->reader);
}

/* However slow each row is, a page gets somewhere, and the pages together are the list. */
static void a_page_that_takes_too_long_ends_where_it_is(void **state)
{
	enum { MOVEMENTS = 300, AT_LEAST = 64 };
	struct fixture *f = *state;
	struct movement_query q = { .since_ms = INT64_MIN,
				    .until_ms = INT64_MAX,
				    .limit = PAGE_ROWS_MAX };
	struct reservation_query none = { .state = RESERVATION_STATES, .limit = 1 };
	int64_t seq, count = 0;
	struct page page;
	struct arena a;

	for (int i = 0; i < MOVEMENTS; i++)
		fixture_change_committed(f, 0, 1);
	(void)fixture_on_hand(f, 0); /* opens the reader */
	sqlite_reader_of(f->reader)->page_ns = -1;
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	do {
		arena_init(&a);
		assert_int_equal(f->reader->ops->list_movements(f->reader, &q, &a, &page), 0);
		assert_true(page.count >= AT_LEAST || !page.has_next);
		assert_true(page.count <= AT_LEAST);
		count += (int64_t)page.count;
		q.after_seq = page.next;
		arena_fini(&a);
	} while (page.has_next);
	assert_int_equal(count, seq);
	arena_init(&a);
	assert_int_equal(f->reader->ops->list_reservations(f->reader, &none, &a, &page), 0);
	assert_false(page.has_next);
	arena_fini(&a);
	f->reader->ops->end(f->reader);
}

static void sums_beyond_64_bits_are_not_wrapped(void **state)
{
	struct fixture *f = *state;
	struct item_stock_query q = { .sku = "A", .after = "", .limit = 1 };
	struct stock_sum sum;
	struct page page;
	struct arena a;
	int64_t seq;

	(void)fixture_on_hand(f, 0); /* opens the reader */
	assert_int_equal(fixture_execute(f,
					 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 "
					 "FROM n WHERE i < 9223) INSERT INTO location (code, name) "
					 "SELECT printf('P%04d', i), 'x' FROM n;"
					 "INSERT INTO v_stock (sku, location, on_hand) "
					 "SELECT 'A', code, 1000000000000000 FROM location "
					 "WHERE code GLOB 'P*'"),
			 SQLITE_OK);
	arena_init(&a);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	assert_int_equal(f->reader->ops->stock_of_item(f->reader, &q, &a, &sum, &page), 0);
	assert_int_equal(sum.on_hand, INT64_C(9223000000000000000));
	f->reader->ops->end(f->reader);
	assert_int_equal(fixture_execute(f, "INSERT INTO location (code, name) VALUES ('Q', 'x');"
					    "INSERT INTO v_stock (sku, location, on_hand) "
					    "VALUES ('A', 'Q', 1000000000000000)"),
			 SQLITE_OK);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	assert_int_equal(f->reader->ops->stock_of_item(f->reader, &q, &a, &sum, &page), -EOVERFLOW);
	f->reader->ops->end(f->reader);
	arena_fini(&a);
}

/* Walks a list page by page, and counts what comes by; each thing once, in order. */
static int walk_movements(struct fixture *f, struct movement_query q)
{
	int64_t last = q.is_descending ? INT64_MAX : 0;
	struct page page;
	struct arena a;
	int count = 0;

	do {
		arena_init(&a);
		assert_int_equal(f->reader->ops->list_movements(f->reader, &q, &a, &page), 0);
		assert_true(page.count <= (size_t)q.limit);
		for (size_t i = 0; i < page.count; i++) {
			int64_t seq = page.movements[i].movement.seq;

			assert_true(q.is_descending ? seq < last : seq > last);
			last = seq;
			count++;
		}
		q.after_seq = page.next;
		arena_fini(&a);
	} while (page.has_next);
	return count;
}

static void pages_of_the_ledger_lose_nothing(void **state)
{
	static const struct {
		const char *what, *sku, *location;
		bool is_descending;
		int limit, count;
	} rows[] = {
		{ "all, one by one", NULL, NULL, false, 1, 30 },
		{ "all, backwards by seven", NULL, NULL, true, 7, 30 },
		{ "of A by four", "A", NULL, false, 4, 20 },
		{ "of B backwards", "B", NULL, true, 3, 10 },
		{ "of one row", "B", "WH1", true, 100, 10 },
		{ "of no item", "C", NULL, false, 10, 0 },
		{ "all in one page", NULL, NULL, false, 30, 30 },
	};
	struct fixture *f = *state;
	int64_t seq;

	fixture_begin(f);
	for (int i = 0; i < 30; i++)
		fixture_change(f, i % 3 == 0, 1);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_on_hand(f, 1), 10);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct movement_query q = { .sku = rows[i].sku,
					    .location = rows[i].location,
					    .since_ms = INT64_MIN,
					    .until_ms = INT64_MAX,
					    .is_descending = rows[i].is_descending,
					    .limit = rows[i].limit };

		ROW_EXPECT(rows[i].what, walk_movements(f, q) == rows[i].count);
	}
	f->reader->ops->end(f->reader);
}

static void pages_of_items_go_by_sku(void **state)
{
	struct fixture *f = *state;
	struct catalogue_query q = { .is_archived = -1, .after = "", .limit = 3 };
	char last[CODE_BYTES_MAX + 1] = "";
	struct page page = { 0 };
	struct arena a;
	int64_t seq;
	int count = 0;

	assert_int_equal(fixture_execute(f,
					 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 "
					 "FROM n WHERE i < 20) INSERT INTO item (sku, name) "
					 "SELECT printf('X-%d', i), 'Thing' FROM n"),
			 SQLITE_OK);
	assert_int_equal(fixture_on_hand(f, 0), 0);
	arena_init(&a);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	do {
		assert_int_equal(f->reader->ops->list_items(f->reader, &q, &a, &page), 0);
		for (size_t i = 0; i < page.count; i++, count++) {
			assert_true(strcmp(page.items[i].sku.text, last) > 0);
			strcpy(last, page.items[i].sku.text);
		}
		q.after = last;
	} while (page.has_next);
	assert_int_equal(count, 22);
	f->reader->ops->end(f->reader);
	arena_fini(&a);
}

/* Bytes 18 and 19 of a file: 2 where it has a log. */
static bool has_format_of_log(const char *path)
{
	char head[20] = { 0 };
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_int_equal(fread(head, 1, sizeof(head), file), sizeof(head));
	fclose(file);
	return head[18] == 2 && head[19] == 2;
}

/* Beside a copy there is nothing; and it has all of the store but the key that signs sessions. */
static void expect_other_session_key(struct fixture *f, const char *copy)
{
	char sql[600], log[140];
	sqlite3_stmt *s;
	sqlite3 *database;

	snprintf(log, sizeof(log), "%s-wal", copy);
	assert_int_equal(access(log, F_OK), -1);
	assert_true(has_format_of_log(copy));
	snprintf(sql, sizeof(sql),
		 "ATTACH 'file:%s?immutable=1' AS copy; PRAGMA trusted_schema = ON", copy);
	assert_int_equal(
		sqlite3_open_v2(f->path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database,
					    "SELECT a.session_key <> b.session_key, "
					    "length(b.session_key), a.epoch = b.epoch, "
					    "a.next_fence = b.next_fence "
					    "FROM main.store a, copy.store b",
					    -1, &s, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(s, 0), 1);
	assert_int_equal(sqlite3_column_int(s, 1), 32);
	assert_int_equal(sqlite3_column_int(s, 2), 1);
	assert_int_equal(sqlite3_column_int(s, 3), 1);
	sqlite3_finalize(s);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static bool goes_on(void *times)
{
	return (*(int *)times)-- > 0;
}

/* What is written after the snapshot began is not in it; nor is half of a store anywhere. */
static void a_copy_is_the_store_of_its_snapshot(void **state)
{
	struct fixture *f = *state;
	struct reader *reader;
	char path[128];
	int64_t seq;
	int times = 0;

	snprintf(path, sizeof(path), "%s/copy.db", f->folder);
	fixture_change_committed(f, 0, 5);
	assert_int_equal(f->store->ops->open_reader(f->store, &reader), 0);
	assert_int_equal(reader->ops->begin(reader, &seq), 0);
	fixture_change_committed(f, 0, 7);
	fclose(fopen(path, "w"));
	assert_int_equal(reader->ops->copy(reader, path, goes_on, &times), -ECANCELED);
	times = 1000;
	assert_int_equal(reader->ops->copy(reader, path, goes_on, &times), 0);
	reader->ops->end(reader);
	reader->ops->close(reader);
	assert_int_equal(fixture_on_hand(f, 0), 12);
	expect_other_session_key(f, path);

	struct store_options options = { .path = path, .busy_ms = 100 };
	struct store_open_result result;
	struct sqlite_begun begun;
	struct store *copy;

	assert_int_equal(sqlite_open(&options, &copy, &result), 0);
	assert_false(result.is_new);
	assert_int_equal(sqlite_begin(copy, NULL, NULL, &begun), 0);
	assert_int_equal(begun.seq, seq);
	assert_int_equal(sqlite_rollback(copy), 0);
	copy->ops->close(copy);
	assert_int_equal(remove(path), 0);
	strcat(path, ".lock");
	assert_int_equal(remove(path), 0);
}

/* ---------------------------------------------------------------- tokens */

static void read_access(struct fixture *f, struct arena *a, struct stored_access *ret)
{
	int64_t seq;

	(void)fixture_on_hand(f, 0); /* opens the reader */
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	assert_int_equal(f->reader->ops->access(f->reader, a, ret), 0);
	f->reader->ops->end(f->reader);
}

static void tokens_are_read_as_they_are(void **state)
{
	struct fixture *f = *state;
	struct stored_access access;
	const struct stored_token *t;
	struct arena a;

	arena_init(&a);
	read_access(f, &a, &access);
	assert_false(access.had_token);
	assert_int_equal(access.token_count + access.secret_count + access.left_out, 0);
	assert_int_equal(
		fixture_execute(f,
				"INSERT INTO token VALUES (3, 'till', 'clerk', 5, 9, NULL), "
				"(7, 'boss', 'admin', 6, NULL, 8);"
				"INSERT INTO token_location VALUES (3, 'b'), (3, 'WH1'), (3, 'a'), "
				"(7, 'WH1');"
				"INSERT INTO token_secret VALUES "
				"('bbbbbbbbbb', 3, zeroblob(32), 5, 7), "
				"('aaaaaaaaaa', 3, randomblob(32), 5, NULL)"),
		SQLITE_OK);
	read_access(f, &a, &access);
	assert_true(access.had_token);
	assert_int_equal(access.left_out, 0);
	assert_int_equal(access.token_count, 2);
	t = &access.tokens[0];
	assert_int_equal(t->id, 3);
	assert_string_equal(t->name, "till");
	assert_int_equal(t->role, ROLE_CLERK);
	assert_int_equal(t->created_at_ms, 5);
	assert_int_equal(t->expires_at_ms, 9);
	assert_true(t->revoked_at_ms == INT64_MAX);
	assert_int_equal(t->location_count, 3); /* in the order of their bytes */
	assert_string_equal(t->locations[0].text, "WH1");
	assert_string_equal(t->locations[1].text, "a");
	assert_string_equal(t->locations[2].text, "b");
	assert_true(access.tokens[1].expires_at_ms == INT64_MAX);
	assert_int_equal(access.tokens[1].revoked_at_ms, 8);
	assert_int_equal(access.tokens[1].location_count, 1);
	assert_int_equal(access.secret_count, 2);
	assert_string_equal(access.secrets[0].public_part, "aaaaaaaaaa");
	assert_true(access.secrets[0].expires_at_ms == INT64_MAX);
	assert_int_equal(access.secrets[1].expires_at_ms, 7);
	assert_int_equal(access.secrets[1].token_id, 3);
	arena_fini(&a);
}

/* clang-format off */
static const struct nonsense_row {
	const char *what;
	const char *sql;
	size_t left_out;
	size_t token_count; /* beside 'sound', which has a secret and a location */
	size_t secret_count;
} nonsense[] = {
	{ "a role that there is not", "INSERT INTO token VALUES (7, 'x', 'boss', 1, NULL, NULL)", 1, 0, 0 },
	{ "the role of nobody", "INSERT INTO token VALUES (7, 'x', 'public', 1, NULL, NULL)", 1, 0, 0 },
	{ "a name of no token", "INSERT INTO token VALUES (7, 'local', 'admin', 1, NULL, NULL)", 1, 0, 0 },
	{ "no name", "INSERT INTO token VALUES (7, '', 'admin', 1, NULL, NULL)", 1, 0, 0 },
	{ "a NUL", "INSERT INTO token VALUES (7, 'a' || char(0), 'admin', 1, NULL, NULL)", 1, 0, 0 },
	{ "an id below zero", "INSERT INTO token VALUES (-7, 'x', 'admin', 1, NULL, NULL)", 1, 0, 0 },
	{ "a location that is none, with the token and its secret",
	  "INSERT INTO token VALUES (7, 'x', 'admin', 1, NULL, NULL);"
	  "INSERT INTO token_location VALUES (7, 'WH1'), (7, 'W H');"
	  "INSERT INTO token_secret VALUES ('bbbbbbbbbb', 7, zeroblob(32), 1, NULL)", 2, 0, 0 },
	{ "too many locations, with the token",
	  "INSERT INTO token VALUES (7, 'x', 'admin', 1, NULL, NULL);"
	  "INSERT INTO token_location SELECT 7, 'W' || place FROM v_characters LIMIT 65", 1, 0, 0 },
	{ "as many as there may be",
	  "INSERT INTO token VALUES (7, 'x', 'admin', 1, NULL, NULL);"
	  "INSERT INTO token_location SELECT 7, 'W' || place FROM v_characters LIMIT 64", 0, 1, 0 },
	{ "a location of nobody", "INSERT INTO token_location VALUES (7, 'WH1')", 0, 0, 0 },
	{ "a secret of nobody", "INSERT INTO token_secret VALUES ('bbbbbbbbbb', 7, zeroblob(32), 1, NULL)", 1, 0, 0 },
	{ "a short hash", "INSERT INTO token_secret VALUES ('bbbbbbbbbb', 1, zeroblob(31), 1, NULL)", 1, 0, 0 },
	{ "an empty hash", "INSERT INTO token_secret VALUES ('bbbbbbbbbb', 1, x'', 1, NULL)", 1, 0, 0 },
	{ "a public part that is none", "INSERT INTO token_secret VALUES ('bbbbbbbbb1', 1, zeroblob(32), 1, NULL)", 1, 0, 0 },
	{ "a short public part", "INSERT INTO token_secret VALUES ('b', 1, zeroblob(32), 1, NULL)", 1, 0, 0 },
	{ "a key for sessions that is none", "UPDATE store SET session_key = x'00'", 1, 0, 0 },
	{ "had_token of anything", "UPDATE store SET had_token = -9", 0, 0, 0 },
	{ "times of anything", "INSERT INTO token VALUES (7, 'x', 'admin', -1, -9223372036854775808, 9223372036854775807)", 0, 1, 0 },
};
/* clang-format on */

/* A hand has written past the guards: it is passed over, and nothing that it limits. */
static void what_makes_no_sense_opens_nothing(void **state)
{
	struct fixture *f = *state;
	char sql[700];

	assert_int_equal(
		fixture_execute(f, "INSERT INTO token VALUES (1, 'sound', 'admin', 1, NULL, NULL);"
				   "INSERT INTO token_location VALUES (1, 'WH1');"
				   "INSERT INTO token_secret VALUES "
				   "('aaaaaaaaaa', 1, zeroblob(32), 1, NULL);"
				   "DROP TRIGGER token_secret_insert_again;"
				   "DROP TRIGGER store_access; DROP TRIGGER token_delete;"
				   "DROP TRIGGER token_secret_delete;"
				   "DROP TRIGGER token_location_delete"),
		SQLITE_OK);
	for (size_t i = 0; i < LENGTH_OF(nonsense); i++) {
		const struct nonsense_row *r = &nonsense[i];
		struct stored_access access;
		struct arena a;

		snprintf(sql, sizeof(sql), "PRAGMA ignore_check_constraints = ON; %s", r->sql);
		assert_int_equal(fixture_execute(f, sql), SQLITE_OK);
		arena_init(&a);
		read_access(f, &a, &access);
		ROW_EXPECT(r->what, access.left_out == r->left_out);
		ROW_EXPECT(r->what, access.token_count == 1 + r->token_count);
		ROW_EXPECT(r->what, access.secret_count == 1 + r->secret_count);
		ROW_EXPECT(r->what, access.had_token);
		arena_fini(&a);
		assert_int_equal(
			fixture_execute(f, "DELETE FROM token WHERE id <> 1;"
					   "DELETE FROM token_location WHERE token_id <> 1;"
					   "DELETE FROM token_secret WHERE public <> 'aaaaaaaaaa';"
					   "UPDATE store SET had_token = 1, "
					   "session_key = randomblob(32)"),
			SQLITE_OK);
	}
}

/* By whomever it is changed, it is seen; what is no token's is not. */
static void a_change_of_tokens_is_seen(void **state)
{
	static const struct {
		const char *sql;
		bool is_change;
	} steps[] = {
		{ "UPDATE item SET name = 'x' WHERE id = 1", false },
		{ "INSERT INTO token (name, role, created_at) VALUES ('a', 'admin', 1)", true },
		{ "UPDATE item SET name = 'y' WHERE id = 1", false },
		{ "UPDATE token SET revoked_at = 5", true },
		{ "UPDATE store SET session_key = randomblob(32)", true },
	};
	struct fixture *f = *state;
	int64_t before, version;

	(void)fixture_on_hand(f, 0); /* opens the reader */
	assert_int_equal(f->reader->ops->access_version(f->reader, &before), 0);
	for (size_t i = 0; i < LENGTH_OF(steps); i++) {
		assert_int_equal(fixture_execute(f, steps[i].sql), SQLITE_OK);
		assert_int_equal(f->reader->ops->access_version(f->reader, &version), 0);
		ROW_EXPECT(steps[i].sql, (version > before) == steps[i].is_change);
		before = version;
	}
	fixture_change_committed(f, 0, 5);
	assert_int_equal(f->reader->ops->access_version(f->reader, &version), 0);
	assert_int_equal(version, before);
}

static void a_read_ends_at_its_time_limit(void **state)
{
	struct fixture *f = *state;
	struct movement_query q = { .kinds = 1u << MOVEMENT_SET,
				    .since_ms = INT64_MIN,
				    .until_ms = INT64_MAX,
				    .limit = 10 };
	struct page page;
	struct arena a;
	int64_t seq;

	fixture_begin(f);
	for (int i = 0; i < 20000; i++)
		fixture_change(f, 0, 1);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_on_hand(f, 0), 20000);
	arena_init(&a);
	f->reader->ops->limit_time(f->reader, 1, NULL); /* long ago */
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	assert_int_equal(f->reader->ops->list_movements(f->reader, &q, &a, &page), -ETIME);
	f->reader->ops->limit_time(f->reader, 0, NULL);
	assert_int_equal(f->reader->ops->list_movements(f->reader, &q, &a, &page), 0);
	f->reader->ops->end(f->reader);
	arena_fini(&a);
}

/* ---------------------------------------------------------------- many at once */

/* Each column comes from its own field, and what is not there is NULL. */
static void movements_come_with_all_that_they_have(void **state)
{
	struct fixture *f = *state;
	struct movement all[] = {
		{ .seq = 2,
		  .kind = MOVEMENT_RESERVE,
		  .on_hand_delta = -3,
		  .reserved_delta = 4,
		  .on_hand = 5,
		  .reserved = 6,
		  .version = 7,
		  .reason = "damaged",
		  .reference = "order 8",
		  .reservation = "r_9",
		  .request_id = "request 10",
		  .actor = "shop/anna",
		  .note = "fell off",
		  .is_low_stock = true,
		  .at_ms = 11,
		  .prev_seq = 1 },
		{ .seq = 3, .kind = MOVEMENT_ADJUST, .reason = "adjust", .version = 8 },
		{ .seq = 4, .kind = MOVEMENT_SET, .version = 9, .is_oversubscribed = true },
	};
	struct movement_effect effects[LENGTH_OF(all)];

	fixture_change_committed(f, 0, 5);
	for (size_t i = 0; i < LENGTH_OF(all); i++) {
		all[i].stock_id = f->stocks[0].id;
		effects[i] = (struct movement_effect){ .movement = &all[i] };
	}
	fixture_begin(f);
	assert_int_equal(sqlite_add_movements(f->store, effects, 0), 0);
	assert_int_equal(sqlite_add_movements(f->store, effects, LENGTH_OF(all)), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM movement"), 4);
	assert_int_equal(
		fixture_query(f,
			      "SELECT count(*) FROM movement WHERE (seq, kind, on_hand_delta, "
			      "reserved_delta, on_hand, reserved, version, reason, reference, "
			      "reservation, request_id, oversubscribed, low_stock, at, prev_seq, "
			      "actor, note) = (2, 'reserve', -3, 4, 5, 6, 7, 'damaged', 'order 8', "
			      "'r_9', 'request 10', 0, 1, 11, 1, 'shop/anna', 'fell off')"),
		1);
	assert_int_equal(
		fixture_query(
			f, "SELECT count(*) FROM movement WHERE seq IN (3, 4) AND "
			   "coalesce(reason, reference, reservation, request_id, "
			   "actor, note) IS NULL AND oversubscribed = (seq = 4) AND low_stock = 0 "
			   "AND kind = iif(seq = 3, 'adjust', 'set')"),
		2);
}

/* What all of a group have in common is told once, and each keeps its own all the same. */
static void movements_say_who_made_them(void **state)
{
	static const struct {
		const char *actors[3], *notes[3];
	} groups[] = {
		{ { "local", "local", "local" }, { NULL, NULL, NULL } },
		{ { "local", "local", "local" }, { NULL, "wet", NULL } },
		{ { "a", "b", "a" }, { "", NULL, "x" } },
		{ { "a", "a", NULL }, { NULL, NULL, NULL } },
		{ { NULL, "a", "a" }, { NULL, NULL, "last" } },
		{ { NULL, NULL, NULL }, { "only", NULL, NULL } },
	};
	struct fixture *f = *state;
	struct movement all[3];
	struct movement_effect effects[LENGTH_OF(all)];
	int64_t seq = 1;
	char sql[200];

	fixture_change_committed(f, 0, 5);
	for (size_t g = 0; g < LENGTH_OF(groups); g++) {
		for (size_t i = 0; i < LENGTH_OF(all); i++) {
			seq++;
			all[i] = (struct movement){ .seq = seq,
						    .stock_id = f->stocks[0].id,
						    .kind = MOVEMENT_SET,
						    .version = seq,
						    .actor = groups[g].actors[i],
						    .note = groups[g].notes[i] };
			effects[i] = (struct movement_effect){ .movement = &all[i] };
		}
		fixture_begin(f);
		assert_int_equal(sqlite_add_movements(f->store, effects, LENGTH_OF(all)), 0);
		assert_int_equal(fixture_commit(f), 0);
		for (size_t i = 0; i < LENGTH_OF(all); i++) {
			snprintf(sql, sizeof(sql),
				 "SELECT ifnull(actor, '-') = '%s' AND ifnull(note, '-') = '%s' "
				 "FROM movement WHERE seq = %lld",
				 all[i].actor == NULL ? "-" : all[i].actor,
				 all[i].note == NULL ? "-" : all[i].note, (long long)all[i].seq);
			assert_int_equal(fixture_query(f, sql), 1);
		}
	}
}

/* The ledger goes on where it ends, and a number that is not the next one is no movement's. */
static void movements_do_not_leave_a_gap(void **state)
{
	struct fixture *f = *state;
	struct movement m = { .seq = 3, .kind = MOVEMENT_ADJUST, .version = 2, .prev_seq = 1 };
	struct movement_effect effect = { .movement = &m };

	fixture_change_committed(f, 0, 5);
	m.stock_id = f->stocks[0].id;
	fixture_begin(f);
	assert_int_equal(sqlite_add_movements(f->store, &effect, 1), -EUCLEAN);
	fixture_rollback(f);
	assert_int_equal(fixture_query(f, "SELECT max(seq) FROM movement"), 1);
}

static void add_two_keys(struct fixture *f, int64_t first, int64_t second)
{
	struct key_record all[] = {
		{ .id = first, .key = "one", .status = 200, .outcome = OUTCOME_DONE },
		{ .id = second, .key = "two", .status = 200, .outcome = OUTCOME_DONE },
	};

	assert_int_equal(sqlite_add_keys(f->store, all, LENGTH_OF(all)), 0);
}

/* Whatever was there before, was rolled back, deleted or typed: each key has the id that it got. */
static void keys_have_the_ids_that_they_were_given(void **state)
{
	struct fixture *f = *state;

	fixture_begin(f);
	add_two_keys(f, 1, 2);   /* the first of all */
	add_two_keys(f, 3, 4);   /* go on */
	add_two_keys(f, 9, 10);  /* leave a gap */
	add_two_keys(f, 5, 6);   /* fill it */
	add_two_keys(f, 11, 13); /* have one between them */
	assert_int_equal(fixture_commit(f), 0);
	fixture_begin(f);
	add_two_keys(f, 14, 15);
	fixture_rollback(f);
	fixture_begin(f);
	add_two_keys(f, 16, 17); /* go on behind what is not there any more */
	assert_int_equal(sqlite_delete_keys(f->store, 16, 100), 11);
	add_two_keys(f, 18, 19);
	assert_int_equal(sqlite_delete_keys(f->store, 19, 100), 3);
	add_two_keys(f, 20, 21); /* none was left */
	add_two_keys(f, 22, 23);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_query(f, "SELECT sum(id) * 10 + count(*) FROM idempotency"), 864);
	assert_int_equal(
		fixture_execute(
			f, "DROP TRIGGER idempotency_insert;"
			   "INSERT INTO idempotency (id, key, fingerprint, status, outcome, "
			   "stock_seq, first_seq, movement_count, at) "
			   "VALUES (9223372036854775807, 'typed', 1, 200, 'done', 0, 0, 0, 0)"),
		SQLITE_OK);
	fixture_begin(f);
	add_two_keys(f, 24, 25); /* would go on, if nobody had typed */
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM idempotency WHERE id IN (24, 25)"),
			 2);
}

/* Ids of changed rows, and how many rows each walk takes. */
static void rows_that_lie_close_are_walked_over(void **state)
{
	static const struct {
		int64_t ids[12]; /* 0: no more */
		bool is_close;
		size_t walks[12];
	} cases[] = {
		{ { 1 }, false, { 0 } },
		{ { 3, 2, 1 }, false, { 0 } },
		{ { 4, 1, 3, 2 }, true, { 4 } },
		{ { 1, 5, 9, 13 }, true, { 4 } },
		{ { 1, 6, 11, 16 }, true, { 1, 1, 1, 1 } },
		{ { 1, 100, 200, 300 }, false, { 0 } },
		{ { 40, 1, 2, 3, 4, 41, 42, 43, 50, 52 }, true, { 4, 4, 1, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++) {
		struct found_row rows[12] = { 0 }, *all[12];
		size_t count = 0, from = 0, taken;

		for (; cases[i].ids[count] != 0; count++) {
			rows[count].stock.id = cases[i].ids[count];
			all[count] = &rows[count];
		}
		assert_int_equal(sqlite_effects_sort(all, count), cases[i].is_close);
		for (int walk = 0; cases[i].is_close && from < count; walk++, from += taken) {
			taken = sqlite_effects_walk(all, from, count);
			assert_int_equal(taken, cases[i].walks[walk]);
		}
		for (size_t k = 1; cases[i].is_close && k < count; k++)
			assert_true(all[k - 1]->stock.id < all[k]->stock.id);
	}
}

/* In one statement, which leaves the rows between them alone; a row that is not there is told. */
static void rows_are_put_together(void **state)
{
	struct fixture *f = *state;
	struct found_row rows[4] = { 0 }, *all[4];

	fixture_execute(f,
			"INSERT INTO item (sku, name) VALUES ('C', 'C'), ('D', 'D'), ('E', 'E'), "
			"('F', 'F'), ('G', 'G')");
	fixture_execute(f,
			"INSERT INTO stock (item_id, location_id, on_hand) SELECT id, 1, 10 FROM "
			"item ORDER BY id");
	assert_int_equal(fixture_execute(f, "CREATE INDEX by_hand ON stock (id, on_hand)"),
			 SQLITE_OK);
	fixture_load(f);
	for (int i = 0; i < 4; i++) {
		rows[i].stock = (struct stock){ .id = 1 + 2 * i,
						.on_hand = 100 + i,
						.reserved = 20 + i,
						.version = 30 + i,
						.seq = 40 + i,
						.updated_at_ms = 50 + i };
		all[i] = &rows[i];
	}
	fixture_begin(f);
	assert_int_equal(sqlite_put_stocks(f->store, all, 4), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM stock WHERE id % 2 = 1 AND "
					  "(on_hand, reserved, version, seq, updated_at) = "
					  "(100 + id / 2, 20 + id / 2, 30 + id / 2, 40 + id / 2, "
					  "50 + id / 2)"),
			 4);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM stock WHERE id IN (2, 4, 6) AND "
					  "on_hand = 10 AND version = 1"),
			 3);
	fixture_begin(f);
	rows[3].stock.id = 99;
	assert_int_equal(sqlite_put_stocks(f->store, all, 4), -EBADMSG);
	fixture_rollback(f);
}

/* One of them is there already: none of the group is. */
static void keys_come_with_all_that_they_have(void **state)
{
	struct fixture *f = *state;
	struct key_record all[] = {
		{ .id = 5,
		  .key = "one",
		  .fingerprint = UINT64_C(0xfedcba9876543210),
		  .status = 409,
		  .outcome = OUTCOME_INSUFFICIENT_STOCK,
		  .first_seq = 6,
		  .movement_count = 2,
		  .seq = 8,
		  .body = "{}",
		  .at_ms = 9 },
		{ .id = 7, .key = "two", .status = 200, .outcome = OUTCOME_DONE },
	};

	fixture_begin(f);
	assert_int_equal(sqlite_add_keys(f->store, all, 0), 0);
	assert_int_equal(sqlite_add_keys(f->store, all, LENGTH_OF(all)), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM idempotency WHERE (id, key, "
					  "fingerprint, status, outcome, stock_seq, first_seq, "
					  "movement_count, body, at) = (5, 'one', "
					  "-81985529216486896, 409, 'insufficient-stock', 8, 6, 2, "
					  "'{}', 9)"),
			 1);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM idempotency WHERE id = 7 AND "
					  "key = 'two' AND outcome = 'done' AND body IS NULL"),
			 1);
	fixture_begin(f);
	all[0].id = 6;
	assert_int_equal(sqlite_add_keys(f->store, all, LENGTH_OF(all)), -EBADMSG);
	fixture_rollback(f);
	assert_int_equal(fixture_query(f, "SELECT count(*) FROM idempotency"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(movements_come_with_all_that_they_have),
		CASE(movements_say_who_made_them),
		CASE(movements_do_not_leave_a_gap),
		CASE(keys_come_with_all_that_they_have),
		CASE(keys_have_the_ids_that_they_were_given),
		CASE(rows_that_lie_close_are_walked_over),
		CASE(rows_are_put_together),
		CASE(a_group_is_all_or_nothing),
		CASE(a_group_sees_what_it_wrote),
		CASE(a_rollback_without_a_group_is_harmless),
		CASE(a_restart_finds_what_was_committed),
		CASE(a_checkpoint_changes_nothing),
		CASE(a_snapshot_stays_as_it_was),
		CASE(a_point_read_says_what_is_missing),
		CASE(a_known_row_is_read_as_it_is),
		CASE(a_past_level_is_read_from_the_ledger),
		CASE(a_row_without_history_had_nothing),
		CASE(another_programs_edit_is_noticed_once),
		CASE(an_edit_is_news_until_it_is_taken_in),
		CASE(a_held_database_is_busy),
		CASE(keys_are_kept_in_order_of_arrival),
		CASE(a_key_is_found_as_it_was_written),
		CASE(old_keys_are_deleted_in_slices),
		CASE(leases_outlive_a_restart_and_fences_only_grow),
		CASE(two_leases_of_one_id_are_told_apart_by_their_fences),
		CASE(edits_of_leases_and_names_are_counted),
		CASE(a_leased_row_is_refused_by_the_database),
		CASE(what_has_stock_is_in_use),
		CASE(a_reservation_is_resolved_once_and_stays),
		CASE(reservations_are_listed_by_what_one_knows),
		CASE(an_older_store_is_migrated),
		CASE(kinds_are_learned),
		CASE(a_migration_does_not_copy_the_ledger),
		CASE(locations_of_an_item_come_page_by_page),
		CASE(what_does_not_fit_costs_no_memory),
		CASE(a_page_that_takes_too_long_ends_where_it_is),
		CASE(sums_beyond_64_bits_are_not_wrapped),
		CASE(pages_of_the_ledger_lose_nothing),
		CASE(pages_of_items_go_by_sku),
		CASE(a_copy_is_the_store_of_its_snapshot),
		CASE(tokens_are_read_as_they_are),
		CASE(what_makes_no_sense_opens_nothing),
		CASE(a_change_of_tokens_is_seen),
		CASE(a_read_ends_at_its_time_limit),
#undef CASE
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
