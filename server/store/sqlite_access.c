/* sqlite_access - tokens, as they are stored. */
#include "store/sqlite_private.h"
#include <string.h>

/* ---------------------------------------------------------------- has it changed? */

static int read_integer(struct sqlite_connection *c, int statement, int64_t *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, statement, &s);

	if (r < 0)
		return r;
	if (sqlite3_step(s) != SQLITE_ROW)
		return sqlite_raise(c);
	*ret = sqlite3_column_int64(s, 0);
	return 0;
}

/* What is committed between the two reads is seen next time, since the first number is older. */
int sqlite_access_version(struct reader *reader, int64_t *ret)
{
	struct sqlite_reader *r = sqlite_reader_of(reader);
	int64_t data_version = 0, version = 0;
	int fault;

	CHECK(!r->is_in_snapshot);
	if (!sqlite3_get_autocommit(r->connection.db))
		return FAULT(-ENOMEM); /* memory was too short to end the snapshot before */
	fault = read_integer(&r->connection, READ_DATA_VERSION, &data_version);
	if (fault == 0 && data_version != r->data_version) {
		fault = read_integer(&r->connection, READ_ACCESS, &version);
		if (fault == 0) {
			r->data_version = data_version;
			r->access_version = version;
		}
	}
	if (fault == 0)
		*ret = r->access_version;
	return fault;
}

/* ---------------------------------------------------------------- reading it */

/* Room for one more element behind `count`; NULL: memory is short. It doubles. */
static void *grow(struct arena *a, void *all, size_t count, size_t element_bytes)
{
	void *more;

	CHECK(element_bytes > 0);
	if (count != 0 && (count & (count - 1)) != 0)
		return all;
	more = arena_alloc(a, (count > 0 ? 2 * count : 1) * element_bytes);
	if (more != NULL && count > 0)
		memcpy(more, all, count * element_bytes);
	return more;
}

/*
 * Did a column of the row that is read find no memory? A good token that is left out for that would
 * open nothing until the next change.
 */
static bool is_short(sqlite3_stmt *s)
{
	return sqlite3_errcode(sqlite3_db_handle(s)) == SQLITE_NOMEM;
}

static int read_store(struct sqlite_connection *c, struct stored_access *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_ACCESS, &s);

	if (r < 0)
		return r;
	if (sqlite3_step(s) != SQLITE_ROW)
		return sqlite_raise(c);
	ret->version = sqlite3_column_int64(s, 0);
	ret->had_token = sqlite3_column_int64(s, 1) != 0;
	/* One that is none signs nothing: it stays zero, and whoever uses it looks. */
	if (sqlite3_column_bytes(s, 2) == SESSION_KEY_BYTES)
		memcpy(ret->session_key, sqlite3_column_blob(s, 2), SESSION_KEY_BYTES);
	else
		ret->left_out++;
	return 0;
}

/* False: it makes no sense. */
static bool take_token(sqlite3_stmt *s, struct stored_token *t)
{
	const char *name = (const char *)sqlite3_column_text(s, 1);
	size_t name_bytes = (size_t)sqlite3_column_bytes(s, 1);
	const char *role = (const char *)sqlite3_column_text(s, 2);

	CHECK(t != NULL);
	*t = (struct stored_token){ .id = sqlite3_column_int64(s, 0),
				    .created_at_ms = sqlite3_column_int64(s, 3),
				    .expires_at_ms = sqlite3_column_int64(s, 4),
				    .revoked_at_ms = sqlite3_column_int64(s, 5) };
	if (name == NULL || role == NULL || !token_name_is_valid(name, name_bytes))
		return false;
	memcpy(t->name, name, name_bytes);
	t->role = role_by_text(role);
	return t->id > 0 && t->role > ROLE_PUBLIC && t->role < ROLES;
}

static int read_tokens(struct sqlite_connection *c, struct arena *a, struct stored_access *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_TOKENS, &s), code;

	CHECK(ret->token_count == 0);
	if (r < 0)
		return r;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct stored_token *all =
			grow(a, ret->tokens, ret->token_count, sizeof(ret->tokens[0]));

		if (all == NULL)
			return FAULT(-ENOMEM);
		ret->tokens = all;
		if (take_token(s, &all[ret->token_count]))
			ret->token_count++;
		else
			ret->left_out++;
		if (is_short(s))
			return FAULT(-ENOMEM);
	}
	return code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

/* The token with this id, or NULL. */
static struct stored_token *token_of(const struct stored_access *access, int64_t id)
{
	size_t low = 0, high = access->token_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (access->tokens[middle].id == id)
			return &access->tokens[middle];
		if (access->tokens[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/*
 * One location of a limited token; a token that has one that is none, or too many, could write
 * where it must not if that were passed over: its count becomes -1, and the token is left out.
 */
static int take_location(sqlite3_stmt *s, struct arena *a, struct stored_access *access)
{
	struct stored_token *t = token_of(access, sqlite3_column_int64(s, 0));
	const char *code = (const char *)sqlite3_column_text(s, 1);
	size_t bytes = (size_t)sqlite3_column_bytes(s, 1);
	struct code *all;

	if (t == NULL || t->location_count < 0)
		return 0;
	if (code == NULL)
		return sqlite_raise_no_text(s);
	if (!code_is_valid(code, bytes) || t->location_count == TOKEN_LOCATIONS_MAX) {
		t->location_count = -1;
		return 0;
	}
	all = grow(a, t->locations, (size_t)t->location_count, sizeof(t->locations[0]));
	if (all == NULL)
		return FAULT(-ENOMEM);
	t->locations = all;
	CHECK(code_set(&all[t->location_count], code, bytes));
	t->location_count++;
	return 0;
}

static int read_locations(struct sqlite_connection *c, struct arena *a,
			  struct stored_access *access)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_TOKEN_LOCATIONS, &s), code = SQLITE_DONE;
	size_t kept = 0;

	while (r == 0 && (code = sqlite3_step(s)) == SQLITE_ROW)
		r = take_location(s, a, access);
	if (r == 0 && code != SQLITE_DONE)
		r = sqlite_raise(c);
	for (size_t i = 0; r == 0 && i < access->token_count; i++)
		if (access->tokens[i].location_count >= 0)
			access->tokens[kept++] = access->tokens[i];
	access->left_out += access->token_count - kept;
	access->token_count = kept;
	return r;
}

static bool take_secret(sqlite3_stmt *s, const struct stored_access *access,
			struct stored_secret *ret)
{
	const char *public_part = (const char *)sqlite3_column_text(s, 0);
	size_t bytes = (size_t)sqlite3_column_bytes(s, 0);
	const void *hash = sqlite3_column_blob(s, 2);

	CHECK(ret != NULL);
	*ret = (struct stored_secret){ .token_id = sqlite3_column_int64(s, 1),
				       .created_at_ms = sqlite3_column_int64(s, 3),
				       .expires_at_ms = sqlite3_column_int64(s, 4) };
	if (public_part == NULL || !token_public_is_valid(public_part, bytes) || hash == NULL ||
	    sqlite3_column_bytes(s, 2) != TOKEN_HASH_BYTES)
		return false;
	memcpy(ret->public_part, public_part, bytes);
	memcpy(ret->hash, hash, TOKEN_HASH_BYTES);
	return token_of(access, ret->token_id) != NULL;
}

static int read_secrets(struct sqlite_connection *c, struct arena *a, struct stored_access *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_SECRETS, &s), code;

	CHECK(ret->secret_count == 0);
	if (r < 0)
		return r;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct stored_secret *all =
			grow(a, ret->secrets, ret->secret_count, sizeof(ret->secrets[0]));

		if (all == NULL)
			return FAULT(-ENOMEM);
		ret->secrets = all;
		if (take_secret(s, ret, &all[ret->secret_count]))
			ret->secret_count++;
		else
			ret->left_out++;
		if (is_short(s))
			return FAULT(-ENOMEM);
	}
	return code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

int sqlite_access(struct reader *reader, struct arena *a, struct stored_access *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	int r;

	CHECK(sqlite_reader_of(reader)->is_in_snapshot);
	*ret = (struct stored_access){ 0 };
	r = read_store(c, ret);
	if (r == 0)
		r = read_tokens(c, a, ret);
	if (r == 0)
		r = read_locations(c, a, ret);
	return r == 0 ? read_secrets(c, a, ret) : r;
}
