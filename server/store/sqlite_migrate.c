/* sqlite_migrate - from whatever version the file has to the newest, all in one transaction. */
#include "sql_scripts.h"
#include "store/sqlite_private.h"
#include <stdio.h>

/* scripts[n] makes version n + 1 of version n. */
static const char *const scripts[] = { sql_001_stock, sql_002_reservations, sql_003_soundness,
				       sql_004_house };

_Static_assert(LENGTH_OF(scripts) == SQLITE_VERSION_NEWEST, "a script for each version");

const char *sqlite_demo_script(void)
{
	return sql_demo;
}

static int refuse(struct store_open_result *result, enum store_trouble t, const char *what)
{
	result->trouble = t;
	snprintf(result->message, sizeof(result->message), "%s", what);
	return FAULT(-EACCES);
}

int sqlite_look(struct sqlite_connection *c, struct store_open_result *result)
{
	int64_t application, version, things, is_utf8;
	int r = sqlite_integer(c, "PRAGMA application_id", &application);

	if (r == 0)
		r = sqlite_integer(c, "PRAGMA user_version", &version);
	if (r == 0)
		r = sqlite_integer(c, "SELECT count(*) FROM sqlite_schema", &things);
	if (r == 0)
		r = sqlite_integer(c, "SELECT encoding = 'UTF-8' FROM pragma_encoding", &is_utf8);
	if (r < 0)
		return r;
	if (application != SQLITE_APPLICATION_ID && (application != 0 || things > 0))
		return refuse(
			result, STORE_FOREIGN,
			"this is another program's database (its application_id is not ours): "
			"choose another --store");
	if (!is_utf8)
		return refuse(result, STORE_CORRUPT, "its texts are not in UTF-8");
	if (version < 0 || (version == 0 && application == SQLITE_APPLICATION_ID && things > 0))
		return refuse(result, STORE_CORRUPT,
			      "its schema has a number that no rowlockd gave it");
	if (version > SQLITE_VERSION_NEWEST) {
		char text[160];

		snprintf(text, sizeof(text),
			 "schema %lld > supported %d: a newer rowlockd wrote this store",
			 (long long)version, SQLITE_VERSION_NEWEST);
		return refuse(result, STORE_NEWER, text);
	}
	result->version_from = application == SQLITE_APPLICATION_ID ? (int)version : 0;
	return 0;
}

static int run_scripts(struct sqlite_connection *c, int from)
{
	char pragma[80];
	int r = sqlite_execute(c, "BEGIN IMMEDIATE");

	for (int n = from; r == 0 && n < SQLITE_VERSION_NEWEST; n++)
		r = sqlite_execute(c, scripts[n]);
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 SQLITE_APPLICATION_ID, SQLITE_VERSION_NEWEST);
	if (r == 0)
		r = sqlite_execute(c, pragma);
	if (r == 0)
		r = sqlite_execute(c, "COMMIT");
	/* A full disk has ended it already. */
	if (r < 0 && !sqlite3_get_autocommit(c->db))
		(void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int sqlite_migrate(struct sqlite_connection *c, struct store_open_result *result)
{
	int r = sqlite_look(c, result);

	if (r < 0)
		return r;
	/* WAL is a property of the file: set once, outside of any transaction. */
	r = sqlite_execute(c, "PRAGMA journal_mode=WAL");
	if (r < 0)
		return r;
	result->version = SQLITE_VERSION_NEWEST;
	return result->version_from == SQLITE_VERSION_NEWEST ? 0
							     : run_scripts(c, result->version_from);
}
