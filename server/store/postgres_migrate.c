/* postgres_migrate - from whatever version the schema has to the newest, in one transaction. */
#include "sql_scripts.h"
#include "base/secret.h"
#include "core/movement.h"
#include "store/postgres_open.h"
#include <stdio.h>
#include <string.h>

/* scripts[n] makes version n + 1 of version n. */
static const char *const scripts[] = { sql_postgres_001_store, sql_postgres_002_views };

_Static_assert(LENGTH_OF(scripts) == POSTGRES_VERSION_NEWEST, "a script for each version");

/* Every kind of schema/movements.def, in SQL: of the words, none is ''. */
#define MOVEMENT(name, word, states, promises) ", '" word "'"
static const char count_strange_kinds[] = "SELECT count(*) FROM movement_kind WHERE kind NOT IN (''"
#include "schema/movements.def"
					  ")";
static const char count_known_kinds[] = "SELECT count(*) FROM movement_kind WHERE kind IN (''"
#include "schema/movements.def"
					")";
#undef MOVEMENT

#define MOVEMENT(name, word, states, promises) ", ('" word "')"
static const char add_kinds[] = "INSERT INTO movement_kind (kind) "
				"SELECT kind FROM (VALUES ('')"
#include "schema/movements.def"
				") AS known (kind) WHERE kind <> '' "
				"ON CONFLICT DO NOTHING";
#undef MOVEMENT

/* What a schema is, before anything in it is trusted. */
static const char look[] =
	"SELECT to_regclass(format('%I.store', current_setting('rowlock.schema'))) IS NOT NULL,"
	" (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
	"  WHERE n.nspname = current_setting('rowlock.schema')),"
	" EXISTS (SELECT FROM pg_namespace WHERE nspname = current_setting('rowlock.schema')),"
	" (SELECT count(*) FROM information_schema.columns"
	"  WHERE table_schema = current_setting('rowlock.schema') AND table_name = 'store'"
	"  AND column_name IN ('epoch', 'schema_version', 'row_release'))";

/* Ours has it, whatever else it has. */
enum { COLUMNS_OF_OURS = 3 };

struct seen {
	bool has_schema;
	bool is_empty;
	int version; /* 0: there is no store */
};

static int fail(struct postgres_opening *o, int r)
{
	CHECK(r < 0);
	return postgres_refuse_fault(o, r, postgres_error_of(o->store->link));
}

static int query_int(struct postgres_opening *o, const char *sql, int64_t *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = postgres_run_text(o->store->link, sql, &result);

	CHECK(sql != NULL);
	if (r < 0)
		return fail(o, r);
	if (PQntuples(result) != 1)
		return postgres_refuse(o, STORE_CORRUPT, "its table store has not one row");
	*ret = postgres_int(result, 0, 0);
	return 0;
}

static int look_at_version(struct postgres_opening *o, struct seen *ret)
{
	int64_t version = 0;
	char text[160];
	int r = query_int(o, "SELECT schema_version FROM store", &version);

	if (r < 0)
		return r;
	if (version < 1)
		return postgres_refuse(o, STORE_CORRUPT,
				       "its schema has a number that no rowlockd gave it");
	if (version > POSTGRES_VERSION_NEWEST) {
		snprintf(text, sizeof(text),
			 "schema %lld > supported %d: a newer rowlockd wrote this store",
			 (long long)version, POSTGRES_VERSION_NEWEST);
		return postgres_refuse(o, STORE_NEWER, text);
	}
	ret->version = (int)version;
	return 0;
}

static int look_at_schema(struct postgres_opening *o, struct seen *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = postgres_run_text(o->store->link, look, &result);

	CHECK(ret != NULL);
	if (r < 0)
		return fail(o, r);
	*ret = (struct seen){ .has_schema = postgres_bool(result, 0, 2),
			      .is_empty = postgres_int(result, 0, 1) == 0 };
	if (postgres_bool(result, 0, 0) && postgres_int(result, 0, 3) == COLUMNS_OF_OURS)
		return look_at_version(o, ret);
	if (!ret->is_empty)
		return postgres_refuse(o, STORE_FOREIGN,
				       "this schema has tables, and none of them is a store's: "
				       "choose another one, ?schema=NAME");
	return 0;
}

static int refuse_strange_kinds(struct postgres_opening *o)
{
	int64_t count = 0;
	int r = query_int(o, count_strange_kinds, &count);

	if (r < 0 || count == 0)
		return r;
	return postgres_refuse(o, STORE_NEWER,
			       "its ledger has kinds of movements that are not known here: a newer "
			       "rowlockd wrote this store");
}

static int refuse_older(struct postgres_opening *o, int version)
{
	char text[200];

	CHECK(version < POSTGRES_VERSION_NEWEST);
	snprintf(text, sizeof(text),
		 "schema %d < %d of this rowlockd, and --no-migrate says to leave it: start once "
		 "without, or run the rowlockd that wrote it",
		 version, POSTGRES_VERSION_NEWEST);
	return postgres_refuse(o, STORE_OLDER, text);
}

/* ---------------------------------------------------------------- migrating */

static int script(struct postgres_opening *o, const char *sql)
{
	int r = postgres_run_script(o->store->link, sql);

	return r < 0 ? fail(o, r) : 0;
}

/* The row of a new store; what cannot be guessed is made here. */
static int make_row(struct postgres_opening *o)
{
	unsigned char key[SESSION_KEY_BYTES], epoch[8];
	char sql[512], key_text[2 * SESSION_KEY_BYTES + 1], epoch_text[17];

	CHECK(o->store->link != NULL);
	secret_random(key, sizeof(key));
	secret_random(epoch, sizeof(epoch));
	for (size_t i = 0; i < sizeof(key); i++)
		snprintf(key_text + 2 * i, 3, "%02x", key[i]);
	for (size_t i = 0; i < sizeof(epoch); i++)
		snprintf(epoch_text + 2 * i, 3, "%02x", epoch[i]);
	snprintf(sql, sizeof(sql),
		 "INSERT INTO store (id, epoch, schema_version, session_key, created_at) VALUES "
		 "(1, '%s', %d, '\\x%s', (extract(epoch FROM clock_timestamp()) * 1000)::bigint)",
		 epoch_text, POSTGRES_VERSION_NEWEST, key_text);

	int r = script(o, sql);

	secret_wipe(key, sizeof(key));
	secret_wipe(key_text, sizeof(key_text));
	secret_wipe(sql, sizeof(sql));
	return r;
}

static int note_migration(struct postgres_opening *o, int version)
{
	char sql[400];

	CHECK(version > 0);
	snprintf(sql, sizeof(sql),
		 "UPDATE store SET schema_version = %d;"
		 "INSERT INTO audit (at, actor, action, detail) VALUES "
		 "((extract(epoch FROM clock_timestamp()) * 1000)::bigint, 'rowlock', 'migrate', "
		 "'{\"schema\":[%d,%d]}')",
		 POSTGRES_VERSION_NEWEST, version, POSTGRES_VERSION_NEWEST);
	return script(o, sql);
}

static int run_scripts(struct postgres_opening *o, const struct seen *seen)
{
	char sql[POSTGRES_SCHEMA_BYTES + 40];
	int r = 0;

	CHECK(seen->version < POSTGRES_VERSION_NEWEST);
	snprintf(sql, sizeof(sql), "CREATE SCHEMA \"%s\"", o->store->schema);
	if (!seen->has_schema)
		r = script(o, sql);
	for (int n = seen->version; r == 0 && n < POSTGRES_VERSION_NEWEST; n++) {
		postgres_opening_look(o, "migrate");
		r = script(o, scripts[n]);
	}
	if (r == 0)
		r = seen->version == 0 ? make_row(o) : note_migration(o, seen->version);
	return r == 0 ? script(o, add_kinds) : r;
}

/*
 * Alone: who comes at the same time waits here for as long as it takes, and looks again behind it.
 * The lock is of the database, its second number of the schema.
 */
static int lock_migrations(struct postgres_opening *o)
{
	CHECK(o->store->link != NULL);
	return script(o, "BEGIN; SET LOCAL lock_timeout = 0;"
			 "SELECT pg_advisory_xact_lock(1381454923,"
			 " hashtext(current_setting('rowlock.schema')))");
}

static int migrate_locked(struct postgres_opening *o, struct seen *seen)
{
	int r = lock_migrations(o);

	if (r == 0)
		r = look_at_schema(o, seen);
	if (r == 0 && seen->version < POSTGRES_VERSION_NEWEST)
		r = run_scripts(o, seen);
	if (r == 0)
		r = script(o, "COMMIT");
	CHECK(r <= 0);
	(void)postgres_rollback(o->store->link);
	return r;
}

/* A store that has them all is not written to: whoever opens it need not be allowed to. */
static int learn_kinds(struct postgres_opening *o)
{
	int64_t count = 0;
	int r = refuse_strange_kinds(o);

	if (r == 0)
		r = query_int(o, count_known_kinds, &count);
	CHECK(count <= MOVEMENT_KINDS);
	return r < 0 || count == MOVEMENT_KINDS ? r : script(o, add_kinds);
}

int postgres_migrate(struct postgres_opening *o)
{
	struct seen seen;
	int r = look_at_schema(o, &seen);

	CHECK(o->result != NULL);
	if (r < 0)
		return r;
	if (seen.version == 0 && o->options->must_exist)
		return postgres_refuse(o, STORE_GONE, "there is no store in this schema");
	if (seen.version > 0 && seen.version < POSTGRES_VERSION_NEWEST &&
	    o->options->must_not_migrate)
		return refuse_older(o, seen.version);
	if (seen.version < POSTGRES_VERSION_NEWEST)
		r = migrate_locked(o, &seen);
	if (r < 0)
		return r;
	o->result->version_from = seen.version;
	o->result->is_new = seen.version == 0;
	o->result->version = POSTGRES_VERSION_NEWEST;
	return learn_kinds(o);
}
