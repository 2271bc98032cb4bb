#include "store_fixture.h"
#include "store/sqlite_private.h"
#include "unit.h"
#include <dirent.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const skus[FIXTURE_ITEMS] = { "A", "B" };

enum { AT_MS = 1700000000 };

static void open_store(struct fixture *f)
{
	struct store_options options = { .path = f->path, .busy_ms = 20 };
	struct store_open_result result;

	if (sqlite_open(&options, &f->store, &result) < 0)
		fail_msg("%s", result.message);
	f->reader = NULL;
}

void fixture_load(struct fixture *f)
{
	struct sqlite_begun begun;

	assert_int_equal(sqlite_begin(f->store, NULL, NULL, &begun), 0);
	f->seq = begun.seq;
	for (int i = 0; i < FIXTURE_ITEMS; i++) {
		assert_int_equal(sqlite_load_item(f->store, skus[i], NULL, &f->items[i]), 0);
		assert_int_equal(sqlite_load_location(f->store, "WH1", NULL, &f->location), 0);
		assert_int_equal(
			sqlite_load_stock(f->store, f->items[i].id, f->location.id, &f->stocks[i]),
			0);
	}
	assert_int_equal(sqlite_rollback(f->store), 0);
}

static void make_catalogue(struct fixture *f)
{
	fixture_begin(f);
	for (int i = 0; i < FIXTURE_ITEMS; i++) {
		struct item item = { .name = "Thing",
				     .unit = "piece",
				     .version = 1,
				     .created_at_ms = AT_MS,
				     .updated_at_ms = AT_MS };

		assert_true(code_set(&item.sku, skus[i], strlen(skus[i])));
		assert_int_equal(sqlite_put_item(f->store, &item), 0);
	}

	struct location location = {
		.name = "One", .version = 1, .created_at_ms = AT_MS, .updated_at_ms = AT_MS
	};

	assert_true(code_set(&location.code, "WH1", 3));
	assert_int_equal(sqlite_put_location(f->store, &location), 0);
	assert_int_equal(fixture_commit(f), 0);
}

void fixture_open(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	strcpy(f->folder, "/tmp/rowlock-store-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/store.db", f->folder);
	open_store(f);
	make_catalogue(f);
	fixture_load(f);
}

static void close_store(struct fixture *f)
{
	if (f->reader != NULL)
		f->reader->ops->close(f->reader);
	if (f->store != NULL)
		f->store->ops->close(f->store);
	f->reader = NULL;
	f->store = NULL;
}

void fixture_close(struct fixture *f)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	close_store(f);
	d = opendir(f->folder);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", f->folder, e->d_name);
		if (strncmp(e->d_name, "store.db", strlen("store.db")) == 0)
			unlink(path);
	}
	closedir(d);
	assert_int_equal(rmdir(f->folder), 0);
}

void fixture_reopen(struct fixture *f)
{
	close_store(f);
	open_store(f);
	fixture_load(f);
}

void fixture_begin(struct fixture *f)
{
	struct sqlite_begun begun;

	assert_int_equal(sqlite_begin(f->store, NULL, NULL, &begun), 0);
}

int fixture_commit(struct fixture *f)
{
	return sqlite_commit(f->store);
}

void fixture_rollback(struct fixture *f)
{
	assert_int_equal(sqlite_rollback(f->store), 0);
	fixture_load(f);
}

int fixture_try_change(struct fixture *f, int item, int64_t delta)
{
	struct stock *row = &f->stocks[item];
	struct movement m = { .seq = ++f->seq,
			      .kind = MOVEMENT_ADJUST,
			      .on_hand_delta = delta,
			      .on_hand = row->on_hand + delta,
			      .version = row->version + 1,
			      .prev_seq = row->seq,
			      .at_ms = AT_MS };
	int r;

	row->on_hand += delta;
	row->version++;
	row->seq = m.seq;
	row->updated_at_ms = AT_MS;
	r = sqlite_put_stock(f->store, f->items[item].id, f->location.id, row);
	m.stock_id = row->id;
	return r < 0 ? r
		     : sqlite_add_movements(f->store, &(struct movement_effect){ .movement = &m },
					    1);
}

void fixture_change(struct fixture *f, int item, int64_t delta)
{
	assert_int_equal(fixture_try_change(f, item, delta), 0);
}

void fixture_change_committed(struct fixture *f, int item, int64_t delta)
{
	fixture_begin(f);
	fixture_change(f, item, delta);
	assert_int_equal(fixture_commit(f), 0);
}

int64_t fixture_on_hand(struct fixture *f, int item)
{
	bool has_item, has_location;
	struct stock row;
	int64_t seq;

	if (f->reader == NULL)
		assert_int_equal(f->store->ops->open_reader(f->store, &f->reader), 0);
	assert_int_equal(f->reader->ops->begin(f->reader, &seq), 0);
	assert_int_equal(
		f->reader->ops->stock(f->reader, skus[item], "WH1", &row, &has_item, &has_location),
		0);
	f->reader->ops->end(f->reader);
	return row.on_hand;
}

static sqlite3 *open_foreign(struct fixture *f)
{
	sqlite3 *database;

	assert_int_equal(sqlite3_open_v2(f->path, &database, SQLITE_OPEN_READWRITE, NULL),
			 SQLITE_OK);
	return database;
}

int64_t fixture_query(struct fixture *f, const char *sql)
{
	sqlite3 *database = open_foreign(f);
	sqlite3_stmt *statement;
	int64_t number;

	if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(database));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(database);
	return number;
}

int fixture_execute(struct fixture *f, const char *sql)
{
	sqlite3 *database = open_foreign(f);
	int code = sqlite3_exec(database, sql, NULL, NULL, NULL);

	sqlite3_close(database);
	return code;
}
