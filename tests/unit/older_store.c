#include "older_store.h"
#include "store/offline.h"
#include "store/sqlite_private.h"
#include "unit.h"
#include <unistd.h>

static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };

/* Of the first schema: typed by hand, with its triggers. */
static const char typed[] =
	"INSERT INTO item (sku, name, attributes) VALUES ('A', 'Ale', '{\"n\":1}'), ('B', 'B', "
	"NULL);"
	"INSERT INTO location (code, name) VALUES ('WH1', 'One'), ('WH2', 'Two');"
	"INSERT INTO v_stock (sku, location, on_hand) VALUES ('A', 'WH1', 5), ('B', 'WH2', 6);"
	"UPDATE v_stock SET on_hand = 7 WHERE sku = 'A'";

/* Written as the service writes: it keeps the books itself, and triggers are off. */
static const char served[] =
	"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
	"INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, "
	"reserved,"
	" version, reference, oversubscribed, low_stock, at, prev_seq)"
	" SELECT 3 + i, 2, 'adjust', 1, 0, 6 + i, 0, 1 + i, 'order ' || i, 0, 0, 1700000000000 + i,"
	" iif(i = 1, 2, 2 + i) FROM n;"
	"UPDATE stock SET on_hand = 306, version = 301, seq = 303 WHERE id = 2;"
	"INSERT INTO row_lock (lease, fence, item_id, location_id, purpose, taken_at, expires_at)"
	" VALUES ('l_1', 1, 1, 1, 'count', 1, 9000000000000);"
	"UPDATE store SET next_fence = 2;"
	"INSERT INTO idempotency (id, key, fingerprint, status, outcome, stock_seq, first_seq,"
	" movement_count, at) VALUES (1, 'k-1', 77, 201, 'done', 4, 4, 1, 1700000000000)";

/* From the second schema on. */
static const char promised[] =
	"INSERT INTO reservation (id, name, state, created_at, expires_at, resolved_at) VALUES"
	" (1, 'r_1', 'active', 7, 9000000000000, NULL), (2, 'r_2', 'released', 7, 98, 8);"
	"INSERT INTO reservation_line (reservation_id, n, item_id, location_id, quantity)"
	" VALUES (1, 0, 1, 1, 2), (2, 0, 2, 2, 4);"
	"INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, "
	"reserved,"
	" version, reservation, oversubscribed, low_stock, at, prev_seq)"
	" VALUES (304, 1, 'reserve', 0, 2, 7, 2, 3, 'r_1', 0, 0, 1700000000400, 3);"
	"UPDATE stock SET reserved = 2, version = 3, seq = 304 WHERE id = 1";

static void execute(sqlite3 *db, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %.200s", message, sql);
}

static void remove_all(const char *path)
{
	char beside[256];

	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		snprintf(beside, sizeof(beside), "%s%s", path, suffixes[i]);
		unlink(beside);
	}
}

void older_store_make(const char *path, int version)
{
	char pragma[80];
	sqlite3 *db;

	remove_all(path);
	assert_int_equal(
		sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix"),
		SQLITE_OK);
	execute(db, "PRAGMA page_size=2048; PRAGMA journal_mode=WAL; BEGIN");
	for (int n = 0; n < version; n++)
		execute(db, sqlite_migration(n));
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 SQLITE_APPLICATION_ID, version);
	execute(db, pragma);
	execute(db, typed);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	execute(db, served);
	if (version >= 2)
		execute(db, promised);
	if (version >= 4)
		execute(db, "UPDATE reservation_line SET open_until = 9000000000000 "
			    "WHERE reservation_id = 1");
	execute(db, "COMMIT");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

long long older_store_query(const char *path, const char *sql)
{
	sqlite3_stmt *s;
	long long number;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
		fail_msg("%s: %s: %s", path, sql, sqlite3_errmsg(db));
	number = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return number;
}

static void see_line(void *context, const char *line)
{
	fail_msg("%s: %s", (const char *)context, line);
}

static void books_balance(const char *path, const char *when)
{
	struct store_open_result result;
	struct verify *v = NULL;
	struct offline *f;

	if (offline_open(&(struct offline_options){ .path = path }, &f, &result) < 0)
		fail_msg("%s: %s", when, result.message);
	assert_int_equal(offline_check(f, see_line, (void *)when), 0);
	assert_int_equal(offline_verify(f, &v), 0);
	ROW_EXPECT(when, verify_result(v)->finding_count == 0);
	verify_destroy(v);
	offline_close(f);
}

void older_store_is_sound(const char *path, const char *when)
{
	static const struct {
		const char *sql;
		long long number;
	} rows[] = {
		{ "PRAGMA user_version", SQLITE_VERSION_NEWEST },
		{ "SELECT count(*) >= 303 FROM movement", 1 },
		{ "SELECT on_hand FROM v_stock WHERE sku = 'A'", OLDER_ON_HAND },
		{ "SELECT on_hand FROM v_stock WHERE sku = 'B'", 306 },
		{ "SELECT count(*) FROM movement WHERE kind = 'edit'", 3 },
		{ "SELECT count(*) FROM row_lock WHERE lease = 'l_1' AND fence = 1", 1 },
		{ "SELECT count(*) FROM idempotency WHERE key = 'k-1' AND first_seq = 4", 1 },
		{ "SELECT count(*) FROM item WHERE attributes = '{\"n\":1}'", 1 },
	};

	books_balance(path, when);
	for (size_t i = 0; i < LENGTH_OF(rows); i++)
		if (older_store_query(path, rows[i].sql) != rows[i].number)
			fail_msg("%s: %s is not %lld", when, rows[i].sql, rows[i].number);
	if (older_store_query(path, "SELECT count(*) FROM reservation") > 0)
		assert_int_equal(older_store_query(path, "SELECT total(quantity) FROM "
							 "reservation_line WHERE open_until > 0"),
				 OLDER_RESERVED);
}
