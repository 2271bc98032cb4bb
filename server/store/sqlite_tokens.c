/* sqlite_tokens - tokens, written beside a server: one transaction for each call. */
#include "base/clock.h"
#include "base/secret.h"
#include "store/sqlite_offline.h"
#include "store/tokens.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sqlite_tokens {
	struct tokens tokens;
	struct sqlite_connection connection;
	char path[OFFLINE_PATH_BYTES];
	int64_t busy_until_ns;
};

/* ---------------------------------------------------------------- opening */

/* A server that writes all the time lets go of its lock for moments: one must be quick. */
static int wait_for_lock(void *context, int tries)
{
	const struct sqlite_tokens *t = context;

	(void)tries;
	if (clock_monotonic_ns() > t->busy_until_ns)
		return 0;
	usleep(200);
	return 1;
}

static void begin_waiting(struct sqlite_tokens *t)
{
	t->busy_until_ns = clock_monotonic_ns() + TOKENS_WAIT_MS * NS_PER_MS;
}

/* As a server would, alone in the store: makes it, or brings it up to date. */
static int make_or_migrate(const char *path, struct store_open_result *result)
{
	struct store_options options = { .path = path, .busy_ms = TOKENS_WAIT_MS };
	struct store *store;
	int r = sqlite_open(&options, &store, result);

	CHECK(path != NULL);
	if (r == 0)
		store->ops->close(store);
	return r;
}

static int connect_beside(struct sqlite_tokens *t, struct store_open_result *result)
{
	struct sqlite_connection *c = &t->connection;
	int r = sqlite_connect(c, t->path, SQLITE_OPEN_READWRITE, NULL, 0);

	CHECK(t->path[0] != '\0');
	if (r == 0) {
		sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_busy_handler(c->db, wait_for_lock, t);
		begin_waiting(t);
		r = sqlite_execute(c, "PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=FULL; "
				      "PRAGMA foreign_keys=ON");
	}
	if (r == 0)
		r = offline_look(t->path, c, result);
	if (r < 0 && result->trouble == STORE_FINE)
		(void)offline_explain(t->path, c, r, result);
	return r;
}

/*
 * One try. 0; a fault; or -EAGAIN: somebody else is making the store, or bringing it up to date, at
 * this moment; of a server that does not, *result says what is wrong. A version of 0 is one that is
 * not made yet.
 */
static int try_open(struct sqlite_tokens *t, bool may_create, struct store_open_result *result)
{
	bool is_there = access(t->path, F_OK) == 0;
	int version, r;

	*result = (struct store_open_result){ 0 };
	if (!is_there && !may_create)
		return offline_refuse(result, errno == EACCES ? STORE_FORBIDDEN : STORE_GONE,
				      "%.300s: %s", t->path, strerror(errno));
	r = is_there ? connect_beside(t, result) : 0;
	version = is_there ? result->version_from : 0;
	if (r < 0 || version == SQLITE_VERSION_NEWEST)
		return r;
	sqlite_disconnect(&t->connection);
	r = make_or_migrate(t->path, result);
	if (r == 0)
		return -EAGAIN;
	if (result->trouble != STORE_IN_USE)
		return r;
	if (version != 0)
		(void)offline_refuse(result, STORE_IN_USE,
				     "%.300s has schema %d, and the server that has it knows no "
				     "tokens: start this version of it first",
				     t->path, version);
	return -EAGAIN;
}

static struct sqlite_tokens *of(struct tokens *tokens)
{
	return CONTAINER_OF(tokens, struct sqlite_tokens, tokens);
}

static void close_tokens(struct tokens *tokens)
{
	sqlite_disconnect(&of(tokens)->connection);
	free(of(tokens));
}

static const struct tokens_ops ops;

int sqlite_tokens_open(const char *path, bool may_create, struct tokens **ret,
		       struct store_open_result *result)
{
	int64_t until_ns = clock_monotonic_ns() + TOKENS_WAIT_MS * NS_PER_MS;
	struct sqlite_tokens *t = calloc(1, sizeof(*t));
	int r;

	CHECK(path != NULL);
	sqlite_prepare();
	if (t == NULL)
		return offline_refuse(result, STORE_UNREACHABLE, "out of memory");
	t->tokens.ops = &ops;
	if (!offline_beside(t->path, path, ""))
		r = offline_refuse(result, STORE_UNREACHABLE, "the path is too long");
	else
		while ((r = try_open(t, may_create, result)) == -EAGAIN &&
		       clock_monotonic_ns() < until_ns)
			usleep(2000);
	if (r == -EAGAIN && result->trouble == STORE_FINE)
		(void)offline_refuse(result, STORE_LOCKED, "%.300s changes all the time", path);
	if (r < 0) {
		close_tokens(&t->tokens);
		return r;
	}
	*ret = &t->tokens;
	return 0;
}

/* ---------------------------------------------------------------- statements */

#define DETAIL_OF_TOKEN                                                                           \
	"json_object('public', $3, 'role', role, 'locations', json((SELECT "                      \
	"json_group_array(code) FROM (SELECT code FROM token_location WHERE token_id = token.id " \
	"ORDER BY code))), 'expires', strftime('%Y-%m-%dT%H:%M:%SZ', expires_at / 1000, "         \
	"'unixepoch'))"
#define NOTE(action, detail)                                                             \
	"INSERT INTO audit (at, actor, action, subject, detail) SELECT ms, $5, '" action \
	"', name, " detail " FROM v_now, token WHERE token.id = $6"

/* Written as PostgreSQL numbers them: to SQLite "?6" is the sixth, and "$6" a name. */
static const char *const steps[] = {
	[TOKEN_ID] = "SELECT id FROM token WHERE name = $1",
	[TOKEN_COUNT] = "SELECT count(*) FROM token",
	[TOKEN_IS_REVOKED] = "SELECT revoked_at IS NOT NULL FROM token WHERE id = $6",
	[TOKEN_HAS_EXPIRED] = "SELECT coalesce(expires_at <= ms, 0) FROM token, v_now "
			      "WHERE id = $6",
	[TOKEN_IS_SAME] = "SELECT count(*) FROM token t JOIN token_secret s ON s.token_id = t.id, "
			  "v_now WHERE t.id = $6 AND role = $2 AND revoked_at IS NULL "
			  "AND (t.expires_at IS NULL OR t.expires_at > ms) "
			  "AND (t.expires_at IS NULL) = ($7 = 0) AND public = $3 AND hash = $4 "
			  "AND (s.expires_at IS NULL OR s.expires_at > ms)",
	[TOKEN_LOCATIONS] = "SELECT count(*) FROM token_location WHERE token_id = $6",
	[TOKEN_HAS_LOCATION] = "SELECT count(*) FROM token_location WHERE token_id = $6 "
			       "AND code = $9",
	[TOKEN_PUBLIC_USED] = "SELECT count(*) FROM token_secret WHERE public = $3",
	[TOKEN_END_KEYS] = "UPDATE store SET session_key = $10 WHERE had_token = 0",
	[TOKEN_ADD] = "INSERT INTO token (name, role, created_at, expires_at) SELECT $1, $2, ms, "
		      "iif($7 > 0, ms + $7, NULL) FROM v_now RETURNING id",
	[TOKEN_ADD_SECRET] = "INSERT INTO token_secret (public, token_id, hash, created_at) "
			     "SELECT $3, $6, $4, ms FROM v_now",
	[TOKEN_ADD_LOCATION] = "INSERT INTO token_location (token_id, code) VALUES ($6, $9)",
	[TOKEN_SET_END] = "UPDATE token SET expires_at = ms + $7 FROM v_now WHERE id = $6",
	[TOKEN_END_SECRETS] =
		"UPDATE token_secret SET expires_at = ms + $8 FROM v_now "
		"WHERE token_id = $6 AND (expires_at IS NULL OR expires_at > ms + $8)",
	[TOKEN_REVOKE] = "UPDATE token SET revoked_at = ms FROM v_now WHERE id = $6",
	[TOKEN_NOTE_ADD] = NOTE("token-add", DETAIL_OF_TOKEN),
	[TOKEN_NOTE_ROTATE] = NOTE("token-rotate", DETAIL_OF_TOKEN),
	[TOKEN_NOTE_REVOKE] = NOTE("token-revoke", "NULL"),
	[TOKEN_VALID] = "SELECT count(*) FROM v_tokens WHERE state = 'valid'",
};
_Static_assert(LENGTH_OF(steps) == TOKEN_STEPS, "a statement for each");

static void bind_integer(sqlite3_stmt *s, const char *name, int64_t value)
{
	int index = sqlite3_bind_parameter_index(s, name);

	if (index > 0)
		CHECK(sqlite3_bind_int64(s, index, value) == SQLITE_OK);
}

static void bind_text(sqlite3_stmt *s, const char *name, const char *value)
{
	int index = sqlite3_bind_parameter_index(s, name);

	if (index > 0)
		sqlite_bind_text(s, index, value);
}

static void bind_bytes(sqlite3_stmt *s, const char *name, const void *bytes, int byte_count)
{
	int index = sqlite3_bind_parameter_index(s, name);

	if (index > 0)
		CHECK(sqlite3_bind_blob(s, index, bytes, byte_count, SQLITE_TRANSIENT) ==
		      SQLITE_OK);
}

/* Each statement takes what it names. */
static void bind_terms(sqlite3_stmt *s, const struct token_terms *terms, int64_t id,
		       const char *code)
{
	unsigned char random[SESSION_KEY_BYTES];

	CHECK(terms->overlap_ms >= 0);
	CHECK(terms->name != NULL);
	secret_random(random, sizeof(random));
	bind_text(s, "$1", terms->name);
	bind_text(s, "$2", role_text(terms->role));
	bind_text(s, "$3", terms->public_part);
	bind_bytes(s, "$4", terms->hash, TOKEN_HASH_BYTES);
	bind_text(s, "$5", terms->actor);
	bind_integer(s, "$6", id);
	bind_integer(s, "$7", terms->expires_in_ms);
	bind_integer(s, "$8", terms->overlap_ms);
	bind_text(s, "$9", code);
	bind_bytes(s, "$10", random, sizeof(random));
	secret_wipe(random, sizeof(random));
}

static int run(struct tokens *tokens, enum token_step which, const struct token_terms *terms,
	       int64_t id, const char *code, int64_t *ret)
{
	struct sqlite_tokens *t = of(tokens);
	sqlite3_stmt *s;
	int r = 0, step;

	CHECK(steps[which] != NULL);
	begin_waiting(t);
	if (sqlite3_prepare_v2(t->connection.db, steps[which], -1, &s, NULL) != SQLITE_OK)
		return sqlite_raise(&t->connection);
	bind_terms(s, terms, id, code);
	step = sqlite3_step(s);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		r = sqlite_raise(&t->connection);
	else if (ret != NULL)
		*ret = step == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_finalize(s);
	return r;
}

/* Its row of the audit is written here: the guards, which see hands, leave it alone. */
static int begin(struct tokens *tokens)
{
	begin_waiting(of(tokens));
	return sqlite_execute(&of(tokens)->connection,
			      "BEGIN IMMEDIATE; UPDATE store SET noted_by_tool = 1");
}

static int keep(struct tokens *tokens)
{
	return sqlite_execute(&of(tokens)->connection,
			      "UPDATE store SET noted_by_tool = 0; COMMIT");
}

static void undo(struct tokens *tokens)
{
	if (!sqlite3_get_autocommit(of(tokens)->connection.db))
		(void)sqlite_execute(&of(tokens)->connection, "ROLLBACK");
}

static void explain(struct tokens *tokens, int r, struct store_open_result *result)
{
	CHECK(r < 0);
	(void)offline_explain(of(tokens)->path, &of(tokens)->connection, r, result);
}

/* ---------------------------------------------------------------- looking */

static const char *column(sqlite3_stmt *s, int index)
{
	return (const char *)sqlite3_column_text(s, index);
}

static int list(struct tokens *tokens, void (*see)(void *context, const struct token_line *line),
		void *context)
{
	static const char sql[] =
		"SELECT name, role, locations, state, created, expires, revoked, "
		"(SELECT group_concat(public, ' ') FROM token_secret, v_now "
		"WHERE token_id = v.id AND (expires_at IS NULL OR expires_at > ms)) "
		"FROM v_tokens v ORDER BY name";
	struct sqlite_tokens *t = of(tokens);
	sqlite3_stmt *s;
	int step;

	CHECK(see != NULL);
	begin_waiting(t);
	if (sqlite3_prepare_v2(t->connection.db, sql, -1, &s, NULL) != SQLITE_OK)
		return sqlite_raise(&t->connection);
	while ((step = sqlite3_step(s)) == SQLITE_ROW)
		see(context, &(struct token_line){ .name = column(s, 0),
						   .role = column(s, 1),
						   .locations = column(s, 2),
						   .state = column(s, 3),
						   .created = column(s, 4),
						   .expires = column(s, 5),
						   .revoked = column(s, 6),
						   .public_parts = column(s, 7) });
	if (step != SQLITE_DONE)
		(void)sqlite_raise(&t->connection);
	sqlite3_finalize(s);
	return step == SQLITE_DONE ? 0 : fault_latest()->error;
}

static const struct tokens_ops ops = {
	.begin = begin,
	.run = run,
	.keep = keep,
	.undo = undo,
	.explain = explain,
	.list = list,
	.close = close_tokens,
};
