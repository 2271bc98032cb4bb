/* sqlite_migrate - from whatever version the file has to the newest, all in one transaction. */
#include "sql_scripts.h"
#include "core/movement.h"
#include "store/sqlite_private.h"
#include <stdio.h>

/* scripts[n] makes version n + 1 of version n. */
static const char *const scripts[] = { sql_001_stock, sql_002_reservations, sql_003_soundness,
				       sql_004_house, sql_005_tokens,       sql_006_actors,
				       sql_007_audit };

enum { PROGRESS_STEPS = 100000 }; /* of SQLite's machine, between two looks */

_Static_assert(LENGTH_OF(scripts) == SQLITE_VERSION_NEWEST, "a script for each version");

/* Every kind of schema/movements.def, in SQL: of the words, none is ''. */
#define MOVEMENT(name, word, states, promises) ", '" word "'"
static const char count_strange_kinds[] = "SELECT count(*) FROM movement_kind WHERE kind NOT IN (''"
#include "schema/movements.def"
					  ")";
#undef MOVEMENT

#define MOVEMENT(name, word, states, promises) ", ('" word "')"
static const char add_kinds[] = "INSERT OR IGNORE INTO movement_kind (kind) "
				"SELECT column1 FROM (VALUES ('')"
#include "schema/movements.def"
				") WHERE column1 <> ''";
#undef MOVEMENT

const char *sqlite_migration(int n)
{
	CHECK(n >= 0);
	CHECK(n < SQLITE_VERSION_NEWEST);
	return scripts[n];
}

const char *sqlite_demo_script(void)
{
	return sql_demo;
}

static int refuse(struct store_open_result *result, enum store_trouble t, const char *what)
{
	CHECK(t != STORE_FINE);
	result->trouble = t;
	snprintf(result->message, sizeof(result->message), "%s", what);
	return FAULT(-EACCES);
}

/* Words of a later version's movements: what they mean is not known here. */
static int refuse_strange_kinds(struct sqlite_connection *c, struct store_open_result *result)
{
	int64_t count = 0;
	int r = sqlite_integer(c, count_strange_kinds, &count);

	if (r < 0 || count == 0)
		return r;
	return refuse(result, STORE_NEWER,
		      "its ledger has kinds of movements that are not known here: a newer rowlockd "
		      "wrote this store");
}

int sqlite_look(struct sqlite_connection *c, struct store_open_result *result)
{
	int64_t application, version, things, is_utf8;
	/*
	 * Somebody may make the store while we look, all of it by one commit: what is in it is
	 * counted before it is asked whose it is, or a new one of ours would be another program's.
	 */
	int r = sqlite_integer(c, "SELECT count(*) FROM sqlite_schema", &things);

	if (r == 0)
		r = sqlite_integer(c, "PRAGMA application_id", &application);
	if (r == 0)
		r = sqlite_integer(c, "PRAGMA user_version", &version);
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
	return version == SQLITE_VERSION_NEWEST ? refuse_strange_kinds(c, result) : 0;
}

int sqlite_learn_kinds(struct sqlite_connection *c, struct sqlite_opening *o)
{
	int64_t count = 0;
	int r = sqlite_integer(c, "SELECT count(*) FROM movement_kind", &count);

	CHECK(o->result->version == SQLITE_VERSION_NEWEST);
	return r < 0 || count >= MOVEMENT_KINDS ? r : sqlite_execute(c, add_kinds);
}

/*
 * The ledger's table has lost its CHECK, and what it holds is what its text says: before that is
 * committed, for a schema that was written over is the one way to make a file that nobody can read.
 */
static int judge_ledger(struct sqlite_connection *c, struct store_open_result *result)
{
	int64_t troubles = 0;
	int r = sqlite_integer(
		c,
		"SELECT (SELECT count(*) FROM pragma_integrity_check('movement') "
		"WHERE integrity_check <> 'ok') + (SELECT count(*) FROM sqlite_schema "
		"WHERE name = 'movement' AND instr(sql, 'CHECK') > 0)",
		&troubles);

	if (r < 0 || troubles == 0)
		return r;
	return refuse(result, STORE_CORRUPT,
		      "its table movement is not as rowlockd made it, or is damaged: nothing was "
		      "migrated");
}

static int run_scripts(struct sqlite_connection *c, struct sqlite_opening *o)
{
	char pragma[80];
	int r = 0;

	CHECK(o->result->version_from >= 0);
	CHECK(o->result->version_from < SQLITE_VERSION_NEWEST);
	sqlite_opening_enter(o, "migrate");
	for (int n = o->result->version_from; r == 0 && n < SQLITE_VERSION_NEWEST; n++)
		r = sqlite_execute(c, scripts[n]);
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 SQLITE_APPLICATION_ID, SQLITE_VERSION_NEWEST);
	if (r == 0)
		r = sqlite_execute(c, pragma);
	sqlite_opening_enter(o, "check");
	return r == 0 ? judge_ledger(c, o->result) : r;
}

/* In the same transaction: a store that was migrated says so. A new one has nothing to tell. */
static int note_migration(struct sqlite_connection *c, const struct store_open_result *result)
{
	char sql[400];

	CHECK(result->version_from > 0);
	snprintf(sql, sizeof(sql),
		 "UPDATE store SET noted_by_tool = 1;"
		 "INSERT INTO audit (at, actor, action, detail) SELECT ms, 'rowlock', 'migrate', "
		 "'{\"schema\":[%d,%d]}' FROM v_now;"
		 "UPDATE store SET noted_by_tool = 0",
		 result->version_from, SQLITE_VERSION_NEWEST);
	return sqlite_execute(c, sql);
}

static bool is_older(const struct store_open_result *result)
{
	return result->version_from > 0 && result->version_from < SQLITE_VERSION_NEWEST;
}

static int refuse_older(struct store_open_result *result)
{
	char text[200];

	snprintf(text, sizeof(text),
		 "schema %d < %d of this rowlockd, and --no-migrate says to leave it: start once "
		 "without, or run the rowlockd that wrote it",
		 result->version_from, SQLITE_VERSION_NEWEST);
	return refuse(result, STORE_OLDER, text);
}

/* Copy and migration are of one moment: nobody writes between them. */
static int migrate_locked(struct sqlite_connection *c, struct sqlite_opening *o)
{
	int r = sqlite_execute(c, "BEGIN IMMEDIATE");

	CHECK(o->result != NULL);
	if (r == 0 && is_older(o->result))
		r = sqlite_keep_before(c, o);
	if (r == 0)
		r = run_scripts(c, o);
	if (r == 0 && is_older(o->result))
		r = note_migration(c, o->result);
	if (r == 0)
		r = sqlite_execute(c, "COMMIT");
	/* A full disk has ended it already. */
	if (r < 0 && !sqlite3_get_autocommit(c->db))
		(void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int get_on(void *context)
{
	sqlite_opening_look(context);
	return 0;
}

static int migrate(struct sqlite_connection *c, struct sqlite_opening *o)
{
	int r;

	/*
	 * What the log holds is in the file before that is copied, where nobody reads it: so the
	 * file's own time says which state it is in.
	 */
	if (is_older(o->result))
		(void)sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
						NULL);
	/* A script may write over a table's text in the schema, which nothing else may. */
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	sqlite3_progress_handler(c->db, PROGRESS_STEPS, get_on, o);
	r = migrate_locked(c, o);
	sqlite3_progress_handler(c->db, 0, NULL, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return r;
}

int sqlite_migrate(struct sqlite_connection *c, struct sqlite_opening *o)
{
	int r = sqlite_look(c, o->result);

	CHECK(o->options != NULL);
	if (r == 0 && is_older(o->result) && o->options->must_not_migrate)
		r = refuse_older(o->result);
	if (r < 0)
		return r;
	/*
	 * Properties of the file, set once, outside of any transaction. Of one that has pages
	 * already their size stays as it is.
	 */
	r = sqlite_execute(c, "PRAGMA page_size=" SQLITE_PAGE_TEXT "; PRAGMA journal_mode=WAL");
	if (r < 0)
		return r;
	o->result->version = SQLITE_VERSION_NEWEST;
	return o->result->version_from == SQLITE_VERSION_NEWEST ? 0 : migrate(c, o);
}
