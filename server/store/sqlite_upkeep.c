/* sqlite_upkeep - of a file that no server has. */
#include "store/sqlite_offline.h"
#include "store/upkeep.h"
#include <stdio.h>
#include <string.h>

/* A text of one row, cut. */
static int read_text(struct sqlite_connection *c, const char *sql, char *ret, size_t bytes)
{
	sqlite3_stmt *s;
	int r = 0;

	CHECK(bytes > 0);
	if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK)
		return sqlite_raise(c);
	if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_text(s, 0) != NULL)
		snprintf(ret, bytes, "%s", (const char *)sqlite3_column_text(s, 0));
	else
		r = sqlite_raise(c);
	sqlite3_finalize(s);
	return r;
}

static int look(struct offline *f, struct store_about *ret)
{
	const struct {
		const char *sql;
		int64_t *number;
	} numbers[] = {
		{ "SELECT coalesce(max(seq), 0) FROM movement", &ret->seq },
		{ "SELECT count(*) FROM item", &ret->items },
		{ "SELECT count(*) FROM location", &ret->locations },
		{ "SELECT count(*) FROM stock WHERE version > 0", &ret->rows },
		{ "SELECT count(*) FROM v_tokens WHERE state = 'valid'", &ret->tokens },
	};
	struct sqlite_connection *c = &f->reader.connection;
	int64_t had_token = 0;
	int r = read_text(c, "SELECT epoch FROM store", ret->epoch, sizeof(ret->epoch));

	CHECK(f->is_open);
	for (size_t i = 0; r == 0 && i < LENGTH_OF(numbers); i++)
		r = sqlite_integer(c, numbers[i].sql, numbers[i].number);
	if (r == 0)
		r = sqlite_integer(c, "SELECT had_token FROM store", &had_token);
	ret->had_token = had_token != 0;
	ret->version = f->version;
	snprintf(ret->kind, sizeof(ret->kind), "SQLite");
	return r;
}

int sqlite_upkeep_look(const struct upkeep_options *o, struct store_about *ret,
		       struct store_open_result *result)
{
	struct offline *f = NULL;
	int r = offline_open(&(struct offline_options){ .path = o->path }, &f, result);

	CHECK(o->path != NULL);
	if (r < 0)
		return r;
	r = look(f, ret);
	if (r < 0)
		(void)offline_explain(f->path, &f->reader.connection, r, result);
	offline_close(f);
	return r;
}

/*
 * Triggers are off, as in the service: what they count is counted here. The row of the audit is
 * written by whoever typed this.
 */
static int renew(struct sqlite_connection *c, const struct upkeep_options *o,
		 struct store_about *ret)
{
	char *note;
	char sql[300];
	int r = sqlite_execute(c, "BEGIN IMMEDIATE");

	CHECK(o->actor != NULL);
	if (r == 0 && !o->keeps_tokens)
		r = sqlite_integer(c, "SELECT count(*) FROM v_tokens WHERE state = 'valid'",
				   &ret->void_count);
	if (r == 0 && !o->keeps_tokens)
		r = sqlite_execute(c, "UPDATE token_secret SET expires_at = ms FROM v_now "
				      "WHERE expires_at IS NULL OR expires_at > ms");
	snprintf(sql, sizeof(sql),
		 "UPDATE store SET epoch = lower(hex(randomblob(8))), "
		 "session_key = randomblob(32), access_version = access_version + 1, "
		 "next_fence = next_fence + %1$lld, next_reservation = next_reservation + %1$lld",
		 (long long)UPKEEP_SKIPPED);
	if (r == 0)
		r = sqlite_execute(c, sql);
	note = sqlite3_mprintf("INSERT INTO audit (at, actor, action, detail) SELECT ms, %Q, "
			       "'epoch-new', json_object('epoch', epoch, 'void_tokens', %lld) "
			       "FROM v_now, store",
			       o->actor, (long long)ret->void_count);
	if (r == 0)
		r = note == NULL ? FAULT(-ENOMEM) : sqlite_execute(c, note);
	sqlite3_free(note);
	return r == 0 ? sqlite_execute(c, "COMMIT") : r;
}

int sqlite_upkeep_renew_epoch(const struct upkeep_options *o, struct store_about *ret,
			      struct store_open_result *result)
{
	struct offline *f = NULL;
	int r = offline_open(&(struct offline_options){ .path = o->path, .may_write = true }, &f,
			     result);

	CHECK(o->path != NULL);
	if (r < 0)
		return r;
	r = renew(&f->reader.connection, o, ret);
	if (r == 0)
		r = look(f, ret);
	if (r < 0)
		(void)offline_explain(f->path, &f->reader.connection, r, result);
	offline_close(f);
	return r;
}
