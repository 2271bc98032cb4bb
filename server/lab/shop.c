#include "base/fault.h"
#include "lab/till.h"
#include <sqlite3.h>
#include <stdio.h>

static const char schema[] =
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	"CREATE TABLE shelf (id INTEGER PRIMARY KEY, on_hand INTEGER NOT NULL,"
	"	version INTEGER NOT NULL) STRICT;"
	"CREATE TABLE booking (id INTEGER PRIMARY KEY, shelf_id INTEGER NOT NULL,"
	"	delta INTEGER NOT NULL) STRICT;"
	"CREATE TABLE placed (number INTEGER NOT NULL) STRICT;"
	"CREATE INDEX placed_by_number ON placed (number);"
	"WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < %d)"
	"	INSERT INTO shelf SELECT id, %lld, 1 FROM n;";

static int fault_of(sqlite3 *db)
{
	int code = db != NULL ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;

	return FAULT_DETAIL(code == SQLITE_FULL ? -ENOSPC : -EIO, code);
}

int shop_create(const char *path, int row_count, int64_t units)
{
	sqlite3 *db;
	char script[sizeof(schema) + 64];
	int r = 0;

	snprintf(script, sizeof(script), schema, row_count, (long long)units);
	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, script, NULL, NULL, NULL) != SQLITE_OK)
		r = fault_of(db);
	sqlite3_close(db);
	return r;
}

int shop_query(const char *path, const char *sql, void (*see)(void *context, int64_t number),
	       void *context)
{
	sqlite3 *db;
	sqlite3_stmt *s = NULL;
	int code = SQLITE_ERROR, r = 0;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK)
		while ((code = sqlite3_step(s)) == SQLITE_ROW)
			see(context, sqlite3_column_int64(s, 0));
	if (code != SQLITE_DONE)
		r = fault_of(db);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return r;
}
