#include "shop.h"
#include "caller.h"
#include "store/sqlite.h"
#include "unit.h"
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

void shop_init(struct shop *s, bool releases_rows_early)
{
	*s = (struct shop){ .releases_rows_early = releases_rows_early };
	strcpy(s->folder, "/tmp/rowlock-shop-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	snprintf(s->path, sizeof(s->path), "%s/store.db", s->folder);
}

/* On the writer thread: no disk fails here. */
static void on_failure(void *context, int exit_code)
{
	(void)context;
	(void)exit_code;
	check_failed(__FILE__, __LINE__, "the disk does not fail");
}

void shop_open(struct shop *s)
{
	struct store_options options = { .path = s->path, .busy_ms = 100 };
	struct store_open_result result = { 0 };
	struct service_options service = { .releases_rows_early = s->releases_rows_early,
					   .reader_count = 2,
					   .fail = on_failure };

	if (sqlite_open(&options, &service.store, &result) < 0)
		fail_msg("%s", result.message);
	assert_int_equal(service_open(&service, &s->service), 0);
}

void shop_stock(struct shop *s, int row_count, int64_t units)
{
	struct caller c;

	caller_open(&c, s->service);
	assert_int_equal(caller_ask(&c, &(struct order){ .kind = COMMAND_ITEM_PUT })->status, 201);
	for (int row = 0; row < row_count; row++) {
		struct order shelf = { .kind = COMMAND_LOCATION_PUT, .row = row };
		struct order fill = { .kind = COMMAND_ADJUST, .row = row, .quantity = units };

		assert_int_equal(caller_ask(&c, &shelf)->status, 201);
		assert_int_equal(caller_ask(&c, &fill)->status, 201);
	}
	caller_close(&c);
}

void shop_close(struct shop *s)
{
	service_close(s->service);
	s->service = NULL;
	assert_int_equal(shop_query(s, "SELECT count(*) FROM v_ledger_check"), 0);
}

void shop_fini(struct shop *s)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char path[128];

	/* One that a failed assertion left open stays so: its callers may still be at it. */
	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", s->path, suffixes[i]);
		unlink(path);
	}
	rmdir(s->folder);
}

int64_t shop_query(const struct shop *s, const char *sql)
{
	sqlite3 *database;
	sqlite3_stmt *statement;
	int64_t number;

	assert_null(s->service);
	assert_int_equal(sqlite3_open_v2(s->path, &database, SQLITE_OPEN_READWRITE, NULL),
			 SQLITE_OK);
	if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(database));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(database);
	return number;
}
