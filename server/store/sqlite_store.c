/* sqlite_store - what a store can be asked for beside its readers and its writer. */
#include "base/check.h"
#include "store/sqlite_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int epoch(struct store *store, char ret[EPOCH_BYTES_MAX + 1])
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_EPOCH, &s);

	if (r < 0)
		return r;
	if (sqlite3_step(s) != SQLITE_ROW)
		return sqlite_raise(c);
	snprintf(ret, EPOCH_BYTES_MAX + 1, "%s", (const char *)sqlite3_column_text(s, 0));
	return 0;
}

static int run_script(struct store *store, const char *sql, char **ret_message)
{
	struct sqlite_store *s = sqlite_of(store);
	struct sqlite_begun begun;
	int r = sqlite_begin(store, NULL, NULL, &begun);

	CHECK(sql != NULL);
	*ret_message = NULL;
	if (r < 0)
		return r;
	/* Scripts are typed by people: the guards must see them. */
	sqlite3_db_config(s->connection.db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
	r = sqlite_execute(&s->connection, sql);
	if (r < 0)
		*ret_message = strdup(sqlite3_errmsg(s->connection.db));
	else
		r = sqlite_commit(store);
	if (r < 0)
		(void)sqlite_rollback(store);
	sqlite3_db_config(s->connection.db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	return r;
}

static int is_empty(struct store *store, bool *ret)
{
	int64_t has_none;
	int r = sqlite_integer(&sqlite_of(store)->connection,
			       "SELECT NOT EXISTS (SELECT 1 FROM item)", &has_none);

	if (r == 0)
		*ret = has_none != 0;
	return r;
}

static void leave_damaged(struct store *store, char ret_where[DAMAGE_BYTES])
{
	struct sqlite_store *s = sqlite_of(store);

	(void)sqlite_rollback(store);
	sqlite3_db_config(s->connection.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite_find_damage(s->file.path, ret_where);
}

static void close_store(struct store *store)
{
	if (store == NULL)
		return;

	struct sqlite_store *s = sqlite_of(store);

	(void)sqlite_rollback(store);
	sqlite_disconnect(&s->connection); /* the last connection: copies the WAL and removes it */
	sqlite_file_close(&s->file, false);
	free(s);
}

const struct store_ops sqlite_store_ops = {
	.name = "sqlite",
	.reads_inline = true,
	.open_reader = sqlite_open_reader,
	.open_writer = sqlite_open_writer,
	.load_time = sqlite_load_time,
	.epoch = epoch,
	.run_script = run_script,
	.is_empty = is_empty,
	.leave_damaged = leave_damaged,
	.close = close_store,
};
