/*
 * test_store_power - the power fails after any write, cut or flush of the store: what was
 * acknowledged is there, all of a group or nothing, and the file is whole.
 */
#include "power_vfs.h"
#include "store_fixture.h"
#include "store/sqlite_private.h"
#include "unit.h"
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHANGES = 20, CUTS = 2 };

static struct {
	char path[128];
	int64_t acknowledged; /* of each row */
	int64_t under_way;
	unsigned cut_count;
	int64_t seen_early, seen_late; /* the group under way was not there, was there */
} power;

static int64_t query(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	int64_t number;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("cut %u: %s: %s", power.cut_count, sql, sqlite3_errmsg(db));
	if (sqlite3_step(s) != SQLITE_ROW)
		fail_msg("cut %u: %s: %s", power.cut_count, sql, sqlite3_errmsg(db));
	number = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return number;
}

static void forget_cut(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char path[160];

	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", power.path, suffixes[i]);
		unlink(path);
	}
}

/* By SQLite's own file system: as whoever comes next finds it. */
static void look_after_a_cut(void *context)
{
	sqlite3 *db;

	(void)context;
	for (int i = 0; i < CUTS; i++) {
		int64_t on_hand;

		power_vfs_cut(power.path, ++power.cut_count);
		assert_int_equal(sqlite3_open_v2(power.path, &db, SQLITE_OPEN_READWRITE, "unix"),
				 SQLITE_OK);
		on_hand = query(db, "SELECT coalesce(min(on_hand), 0) FROM stock");
		assert_int_equal(query(db, "SELECT coalesce(max(on_hand), 0) FROM stock"), on_hand);
		if (on_hand != power.acknowledged && on_hand != power.under_way)
			fail_msg("cut %u: %lld is on hand, %lld acknowledged, %lld under way",
				 power.cut_count, (long long)on_hand, (long long)power.acknowledged,
				 (long long)power.under_way);
		power.seen_early += on_hand != power.under_way;
		power.seen_late += on_hand != power.acknowledged;
		assert_int_equal(query(db, "SELECT count(*) FROM v_ledger_check"), 0);
		assert_int_equal(query(db, "SELECT count(*) FROM pragma_integrity_check "
					   "WHERE integrity_check <> 'ok'"),
				 0);
		sqlite3_close(db);
		forget_cut();
	}
}

static void write_group(struct fixture *f, int changes)
{
	fixture_begin(f);
	for (int i = 0; i < changes; i++) {
		fixture_change(f, 0, 1);
		fixture_change(f, 1, 1);
	}
	power.under_way = power.acknowledged + changes;
	assert_int_equal(fixture_commit(f), 0);
	power.acknowledged = power.under_way;
	look_after_a_cut(NULL);
}

static void nothing_acknowledged_is_lost(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f);
	snprintf(power.path, sizeof(power.path), "%s/cut.db", f.folder);
	write_group(&f, 1); /* so that both rows are there */
	power_vfs_watch(look_after_a_cut, NULL);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++)
			write_group(&f, CHANGES);
		write_group(&f, 1000); /* more than one write takes */
		switch (round % 3) {
		case 0:
			assert_true(sqlite_checkpoint(f.store) >= 0);
			break;
		case 1:
			assert_int_equal(sqlite_restart_log(f.store, 100, false), 0);
			break;
		default:
			assert_int_equal(sqlite_restart_log(f.store, 100, true), 0);
			break;
		}
	}
	power_vfs_watch(NULL, NULL);
	assert_true(power.seen_early > 0);
	assert_true(power.seen_late > 0);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_acknowledged_is_lost) };

	power_vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
