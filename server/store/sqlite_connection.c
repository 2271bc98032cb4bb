/*
 * sqlite_connection - one connection: its pragmas, its prepared statements, and what errors mean.
 */
#include "base/utf8.h"
#include "store/sqlite_private.h"
#include <stdlib.h>
#include <string.h>

int sqlite_fault_of_code(int extended_code)
{
	switch (extended_code) {
	case SQLITE_IOERR_SHMSIZE: /* the WAL's index could not grow */
		return -ENOSPC;
	case SQLITE_IOERR_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY_DBMOVED:
		return -ESTALE;
	case SQLITE_IOERR_FSYNC:
	case SQLITE_IOERR_DIR_FSYNC:
		return -EREMOTEIO;
	case SQLITE_IOERR_CORRUPTFS:
		return -EUCLEAN;
	default:
		break;
	}
	switch (extended_code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: /* it went well, and what must be there is not */
		return -EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_TOOBIG: /* nothing of ours is: a record says so */
		return -EUCLEAN;
	case SQLITE_CONSTRAINT:
		return -EBADMSG;
	case SQLITE_INTERRUPT:
		return -ETIME;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		return -EACCES;
	default:
		return -EIO;
	}
}

void sqlite_words(const char *said, char ret[DAMAGE_BYTES])
{
	size_t n = 0;

	CHECK(said != NULL);
	for (; n < DAMAGE_BYTES - 1 && said[n] != '\0'; n++) {
		char c = said[n] == '"' ? '\'' : said[n];

		ret[n] = c == '\n' || c == '\t' ? ' ' : c < ' ' || c > '~' ? '?' : c;
	}
	ret[n] = '\0';
}

int sqlite_raise(struct sqlite_connection *c)
{
	int code = sqlite3_extended_errcode(c->db);

	CHECK(c->db != NULL);
	return FAULT_DETAIL(sqlite_fault_of_code(code), code);
}

/* Our own words do not fit the schema: it is not the one that we made. */
static int raise_unprepared(struct sqlite_connection *c)
{
	int code = sqlite3_extended_errcode(c->db);

	return (code & 0xff) == SQLITE_ERROR ? FAULT_DETAIL(-EUCLEAN, code) : sqlite_raise(c);
}

int sqlite_change_one(struct sqlite_connection *c, sqlite3_stmt *s)
{
	int r = sqlite_run(c, s);

	return r == 0 && sqlite3_changes(c->db) != 1 ? FAULT(-EBADMSG) : r;
}

int sqlite_execute(struct sqlite_connection *c, const char *sql)
{
	CHECK(sql != NULL);
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_raise(c);
}

int sqlite_integer(struct sqlite_connection *c, const char *sql, int64_t *ret)
{
	sqlite3_stmt *s;
	int r = 0;

	CHECK(sql != NULL);
	if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK)
		return raise_unprepared(c);
	if (sqlite3_step(s) == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	else
		r = sqlite_raise(c);
	sqlite3_finalize(s);
	return r;
}

int sqlite_bounded_integer(struct sqlite_connection *c, int statement, int64_t bound, int64_t *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, statement, &s);

	CHECK(bound > 0);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, bound);
	if (sqlite3_step(s) != SQLITE_ROW)
		return sqlite_raise(c);
	*ret = sqlite3_column_int64(s, 0);
	return 0;
}

int sqlite_connect(struct sqlite_connection *c, const char *path, int flags,
		   const char *const texts[], int statement_count)
{
	return sqlite_connect_through(c, NULL, path, flags, texts, statement_count);
}

int sqlite_connect_through(struct sqlite_connection *c, const char *vfs, const char *path,
			   int flags, const char *const texts[], int statement_count)
{
	CHECK(path != NULL);
	CHECK(texts != NULL || statement_count == 0);
	CHECK(statement_count >= 0);
	*c = (struct sqlite_connection){ .texts = texts, .statement_count = statement_count };
	c->statements = calloc((size_t)statement_count, sizeof(c->statements[0]));
	if (c->statements == NULL && statement_count > 0)
		return FAULT(-ENOMEM);
	if (sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			    vfs) != SQLITE_OK)
		return c->db != NULL ? sqlite_raise(c) : FAULT(-ENOMEM);
	/* DEFENSIVE: but for a migration, no SQL of ours writes to the schema or shadow tables. */
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_busy_timeout(c->db, 0);
	return 0;
}

void sqlite_disconnect(struct sqlite_connection *c)
{
	for (int i = 0; c->statements != NULL && i < c->statement_count; i++)
		sqlite3_finalize(c->statements[i]);
	free(c->statements);
	c->statements = NULL;
	CHECK(sqlite3_close(c->db) == SQLITE_OK);
	c->db = NULL;
}

int sqlite_statement(struct sqlite_connection *c, int index, sqlite3_stmt **ret)
{
	CHECK(index >= 0);
	CHECK(index < c->statement_count);
	CHECK(c->texts[index] != NULL);
	if (c->statements[index] == NULL &&
	    sqlite3_prepare_v3(c->db, c->texts[index], -1, SQLITE_PREPARE_PERSISTENT,
			       &c->statements[index], NULL) != SQLITE_OK)
		return raise_unprepared(c);
	*ret = c->statements[index];
	return 0;
}

int sqlite_prepare_all(struct sqlite_connection *c)
{
	sqlite3_stmt *s;
	int r = 0;

	CHECK(c->db != NULL);
	for (int i = 0; r == 0 && i < c->statement_count; i++)
		if (c->texts[i] != NULL)
			r = sqlite_statement(c, i, &s);
	return r;
}

void sqlite_park(sqlite3_stmt **statement)
{
	sqlite3_reset(*statement);
}

int sqlite_run(struct sqlite_connection *c, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);
	int r = code == SQLITE_DONE || code == SQLITE_ROW ? 0 : sqlite_raise(c);

	sqlite3_reset(statement);
	return r;
}

void sqlite_bind_text(sqlite3_stmt *s, int index, const char *text)
{
	int code = text == NULL ? sqlite3_bind_null(s, index)
				: sqlite3_bind_text(s, index, text, -1, SQLITE_STATIC);

	CHECK(code == SQLITE_OK);
}

int sqlite_walk_history(struct sqlite_connection *c, sqlite3_stmt *s, int64_t down_to_seq,
			struct sqlite_history_end *ret)
{
	int code;

	CHECK(s != NULL);
	*ret = (struct sqlite_history_end){ 0 };
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		const char *kind = (const char *)sqlite3_column_text(s, 1);

		if (kind == NULL)
			return sqlite_raise_no_text(s);

		enum movement_kind known = movement_kind_by_text(kind);

		if (known == MOVEMENT_KINDS)
			return FAULT(-EBADMSG);
		ret->seq = sqlite3_column_int64(s, 0);
		ret->has_stated_level = ret->seq > down_to_seq && movement_states_level(known);
		ret->on_hand = sqlite3_column_int64(s, 2);
		ret->prev_seq = sqlite3_column_int64(s, 3);
		if (ret->prev_seq >= ret->seq)
			return FAULT(-EBADMSG); /* it would never end */
	}
	return code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

int sqlite_raise_no_text(sqlite3_stmt *s)
{
	bool is_short = sqlite3_errcode(sqlite3_db_handle(s)) == SQLITE_NOMEM;

	return is_short ? FAULT(-ENOMEM) : FAULT(-EBADMSG);
}

/* What a hand left in the store may be anything; what comes out of it is UTF-8 without a NUL. */
int sqlite_column_copy(sqlite3_stmt *s, int column, struct arena *a, const char **ret)
{
	CHECK(a != NULL);
	CHECK(column >= 0);
	*ret = NULL;
	if (sqlite3_column_type(s, column) == SQLITE_NULL)
		return 0;

	const void *text = sqlite3_column_text(s, column);

	if (text == NULL)
		return FAULT(-ENOMEM);

	size_t byte_count = (size_t)sqlite3_column_bytes(s, column);

	if (utf8_is_sound(text, byte_count)) {
		*ret = arena_copy(a, text, byte_count);
		return *ret == NULL ? FAULT(-ENOMEM) : 0;
	}

	char *mended = arena_alloc(a, byte_count * UTF8_REPLACEMENT_BYTES + 1);

	if (mended == NULL)
		return FAULT(-ENOMEM);
	(void)utf8_mend(mended, text, byte_count);
	*ret = mended;
	return 0;
}

/*
 * A code that no request can name is shown as far as it fits, mended: the rows and movements of its
 * item are still there, and whoever reads them must get past it. code_is_valid() tells.
 */
static void show_code(struct code *ret, const char *text, size_t byte_count)
{
	char mended[(sizeof(ret->text) - 1) * UTF8_REPLACEMENT_BYTES + 1];
	size_t bytes, shown = 0;

	if (byte_count > sizeof(ret->text) - 1)
		byte_count = sizeof(ret->text) - 1;
	(void)utf8_mend(mended, text, byte_count);
	while ((bytes = mended[shown] != '\0' ? utf8_character_bytes(mended + shown, SIZE_MAX)
					      : 0) > 0 &&
	       shown + bytes < sizeof(ret->text))
		shown += bytes;
	memcpy(ret->text, mended, shown);
	ret->text[shown] = '\0';
}

int sqlite_column_code(sqlite3_stmt *s, int column, struct code *ret)
{
	const char *text = (const char *)sqlite3_column_text(s, column);
	size_t byte_count = (size_t)sqlite3_column_bytes(s, column);

	CHECK(column >= 0);
	if (text == NULL)
		return sqlite_raise_no_text(s);
	if (!code_set(ret, text, byte_count))
		show_code(ret, text, byte_count);
	return 0;
}
