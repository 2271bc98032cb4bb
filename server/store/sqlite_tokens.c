/* sqlite_tokens - tokens, written beside a server: one transaction for each call. */
#include "base/clock.h"
#include "store/sqlite_offline.h"
#include "store/tokens.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tokens {
	struct sqlite_connection connection;
	char path[OFFLINE_PATH_BYTES];
	int64_t busy_until_ns;
};

/* ---------------------------------------------------------------- opening */

/* A server that writes all the time lets go of its lock for moments: one must be quick. */
static int wait_for_lock(void *context, int tries)
{
	const struct tokens *t = context;

	(void)tries;
	if (clock_monotonic_ns() > t->busy_until_ns)
		return 0;
	usleep(200);
	return 1;
}

static void begin_waiting(struct tokens *t)
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

static int connect_beside(struct tokens *t, struct store_open_result *result)
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
static int try_open(struct tokens *t, bool may_create, struct store_open_result *result)
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

int tokens_open(const char *path, bool may_create, struct tokens **ret,
		struct store_open_result *result)
{
	int64_t until_ns = clock_monotonic_ns() + TOKENS_WAIT_MS * NS_PER_MS;
	struct tokens *t = calloc(1, sizeof(*t));
	int r;

	CHECK(path != NULL);
	*result = (struct store_open_result){ 0 };
	sqlite_prepare();
	if (t == NULL)
		return offline_refuse(result, STORE_UNREACHABLE, "out of memory");
	if (!offline_beside(t->path, path, ""))
		r = offline_refuse(result, STORE_UNREACHABLE, "the path is too long");
	else
		while ((r = try_open(t, may_create, result)) == -EAGAIN &&
		       clock_monotonic_ns() < until_ns)
			usleep(2000);
	if (r == -EAGAIN && result->trouble == STORE_FINE)
		(void)offline_refuse(result, STORE_LOCKED, "%.300s changes all the time", path);
	if (r < 0) {
		tokens_close(t);
		return r;
	}
	*ret = t;
	return 0;
}

void tokens_close(struct tokens *t)
{
	if (t == NULL)
		return;
	sqlite_disconnect(&t->connection);
	free(t);
}

/* ---------------------------------------------------------------- statements */

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

/* Each statement takes what it names. */
static void bind_terms(sqlite3_stmt *s, const struct token_terms *terms, int64_t id)
{
	int hash = sqlite3_bind_parameter_index(s, ":hash");

	CHECK(terms->name != NULL);
	bind_text(s, ":name", terms->name);
	bind_text(s, ":role", role_text(terms->role));
	bind_text(s, ":public", terms->public_part);
	bind_text(s, ":actor", terms->actor);
	bind_integer(s, ":id", id);
	bind_integer(s, ":expires_in", terms->expires_in_ms);
	bind_integer(s, ":overlap", terms->overlap_ms);
	if (hash > 0)
		CHECK(sqlite3_bind_blob(s, hash, terms->hash, TOKEN_HASH_BYTES, SQLITE_STATIC) ==
		      SQLITE_OK);
}

/* Runs a statement; *ret, where it is asked for, is the integer that it yields, or 0. */
static int run(struct tokens *t, const char *sql, const struct token_terms *terms, int64_t id,
	       const char *code, int64_t *ret)
{
	sqlite3_stmt *s;
	int r = 0, step;

	CHECK(sql != NULL);
	if (sqlite3_prepare_v2(t->connection.db, sql, -1, &s, NULL) != SQLITE_OK)
		return sqlite_raise(&t->connection);
	bind_terms(s, terms, id);
	bind_text(s, ":code", code);
	step = sqlite3_step(s);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		r = sqlite_raise(&t->connection);
	else if (ret != NULL)
		*ret = step == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_finalize(s);
	return r;
}

/* Its row of the audit is written here: the guards, which see hands, leave it alone. */
static int begin(struct tokens *t)
{
	begin_waiting(t);
	return sqlite_execute(&t->connection,
			      "BEGIN IMMEDIATE; UPDATE store SET noted_by_tool = 1");
}

/* Keeps what went well, and nothing of the rest. r: a refusal or a fault, which it returns. */
static int end(struct tokens *t, int r, struct store_open_result *result)
{
	if (r == TOKENS_DONE)
		r = sqlite_execute(&t->connection, "UPDATE store SET noted_by_tool = 0; COMMIT");
	if (r < 0)
		(void)offline_explain(t->path, &t->connection, r, result);
	if (!sqlite3_get_autocommit(t->connection.db))
		(void)sqlite_execute(&t->connection, "ROLLBACK");
	return r;
}

#define DETAIL_OF_TOKEN                                                                       \
	"json_object('public', :public, 'role', role, 'locations', json((SELECT "             \
	"json_group_array(code) FROM (SELECT code FROM token_location WHERE token_id = t.id " \
	"ORDER BY code))), 'expires', strftime('%Y-%m-%dT%H:%M:%SZ', expires_at / 1000, "     \
	"'unixepoch'))"

static int add_audit(struct tokens *t, const char *action, const struct token_terms *terms,
		     int64_t id)
{
	char sql[700];

	CHECK(terms->actor != NULL);
	snprintf(sql, sizeof(sql),
		 "INSERT INTO audit (at, actor, action, subject, detail) "
		 "SELECT ms, :actor, '%s', name, %s FROM v_now, token t WHERE t.id = :id",
		 action, strcmp(action, "token-revoke") == 0 ? "NULL" : DETAIL_OF_TOKEN);
	return run(t, sql, terms, id, NULL, NULL);
}

static int add_secret(struct tokens *t, const struct token_terms *terms, int64_t id)
{
	return run(t,
		   "INSERT INTO token_secret (public, token_id, hash, created_at) "
		   "SELECT :public, :id, :hash, ms FROM v_now",
		   terms, id, NULL, NULL);
}

static int is_public_used(struct tokens *t, const struct token_terms *terms)
{
	int64_t count = 0;
	int r = run(t, "SELECT count(*) FROM token_secret WHERE public = :public", terms, 0, NULL,
		    &count);

	return r < 0 ? r : count > 0 ? TOKENS_PUBLIC_USED : TOKENS_DONE;
}

/* ---------------------------------------------------------------- adding */

/* Of a name that is there: is it this token, with these terms? */
static int judge_same(struct tokens *t, const struct token_terms *terms, int64_t id)
{
	int64_t is_same = 0, count = 0, there = 0;
	int r = run(t,
		    "SELECT count(*) FROM token t JOIN token_secret s ON s.token_id = t.id, v_now "
		    "WHERE t.id = :id AND role = :role AND revoked_at IS NULL "
		    "AND (t.expires_at IS NULL OR t.expires_at > ms) "
		    "AND (t.expires_at IS NULL) = (:expires_in = 0) "
		    "AND public = :public AND hash = :hash AND (s.expires_at IS NULL "
		    "OR s.expires_at > ms)",
		    terms, id, NULL, &is_same);

	if (r == 0)
		r = run(t, "SELECT count(*) FROM token_location WHERE token_id = :id", terms, id,
			NULL, &count);
	for (int i = 0; r == 0 && i < terms->location_count; i++) {
		r = run(t,
			"SELECT count(*) FROM token_location WHERE token_id = :id "
			"AND code = :code",
			terms, id, terms->locations[i].text, &there);
		is_same = is_same && there == 1;
	}
	if (r < 0)
		return r;
	return is_same && count == terms->location_count ? TOKENS_UNCHANGED : TOKENS_NAME_USED;
}

/* Is there room, and is the name free? */
static int judge_new(struct tokens *t, const struct token_terms *terms)
{
	int64_t id = 0, count = 0;
	int r = run(t, "SELECT id FROM token WHERE name = :name", terms, 0, NULL, &id);

	if (r == 0 && id != 0)
		return judge_same(t, terms, id);
	if (r == 0)
		r = run(t, "SELECT count(*) FROM token", terms, 0, NULL, &count);
	if (r < 0)
		return r;
	return count >= STORE_TOKENS_MAX ? TOKENS_TOO_MANY : is_public_used(t, terms);
}

/* While a store is open, copies of it are no secret: the key in them signs nothing from now on. */
static int end_keys_of_open_store(struct tokens *t, const struct token_terms *terms)
{
	return run(t, "UPDATE store SET session_key = randomblob(32) WHERE had_token = 0", terms, 0,
		   NULL, NULL);
}

int tokens_add(struct tokens *t, const struct token_terms *terms, struct store_open_result *result)
{
	int64_t id = 0;
	int r = begin(t);

	CHECK(terms->location_count <= TOKEN_LOCATIONS_MAX);
	if (r == 0)
		r = judge_new(t, terms);
	if (r == TOKENS_DONE)
		r = end_keys_of_open_store(t, terms);
	if (r == TOKENS_DONE)
		r = run(t,
			"INSERT INTO token (name, role, created_at, expires_at) SELECT :name, "
			":role, ms, iif(:expires_in > 0, ms + :expires_in, NULL) FROM v_now "
			"RETURNING id",
			terms, 0, NULL, &id);
	if (r == TOKENS_DONE)
		r = add_secret(t, terms, id);
	for (int i = 0; r == TOKENS_DONE && i < terms->location_count; i++)
		r = run(t, "INSERT INTO token_location (token_id, code) VALUES (:id, :code)", terms,
			id, terms->locations[i].text, NULL);
	if (r == TOKENS_DONE)
		r = add_audit(t, "token-add", terms, id);
	return end(t, r, result);
}

/* ---------------------------------------------------------------- ending */

/* The token of this name, which is not revoked. */
static int find(struct tokens *t, const struct token_terms *terms, int64_t *ret_id)
{
	int64_t is_revoked = 0;
	int r = run(t, "SELECT id FROM token WHERE name = :name", terms, 0, NULL, ret_id);

	if (r == 0 && *ret_id == 0)
		return TOKENS_NO_SUCH;
	if (r == 0)
		r = run(t, "SELECT revoked_at IS NOT NULL FROM token WHERE id = :id", terms,
			*ret_id, NULL, &is_revoked);
	return r < 0 ? r : is_revoked ? TOKENS_WAS_REVOKED : TOKENS_DONE;
}

/* With its new end, where it is given one. */
static int judge_end(struct tokens *t, const struct token_terms *terms, int64_t id)
{
	int64_t has_expired = 0;
	int r = 0;

	CHECK(id != 0);
	if (terms->expires_in_ms > 0)
		return run(t,
			   "UPDATE token SET expires_at = ms + :expires_in FROM v_now "
			   "WHERE id = :id",
			   terms, id, NULL, NULL);
	r = run(t, "SELECT coalesce(expires_at <= ms, 0) FROM token, v_now WHERE id = :id", terms,
		id, NULL, &has_expired);
	return r < 0 ? r : has_expired ? TOKENS_HAS_EXPIRED : TOKENS_DONE;
}

int tokens_rotate(struct tokens *t, const struct token_terms *terms,
		  struct store_open_result *result)
{
	int64_t id = 0;
	int r = begin(t);

	CHECK(terms->overlap_ms >= 0);
	if (r == 0)
		r = find(t, terms, &id);
	if (r == TOKENS_DONE)
		r = is_public_used(t, terms);
	if (r == TOKENS_DONE)
		r = judge_end(t, terms, id);
	if (r == TOKENS_DONE)
		r = run(t,
			"UPDATE token_secret SET expires_at = ms + :overlap FROM v_now "
			"WHERE token_id = :id "
			"AND (expires_at IS NULL OR expires_at > ms + :overlap)",
			terms, id, NULL, NULL);
	if (r == TOKENS_DONE)
		r = add_secret(t, terms, id);
	if (r == TOKENS_DONE)
		r = add_audit(t, "token-rotate", terms, id);
	return end(t, r, result);
}

int tokens_revoke(struct tokens *t, const struct token_terms *terms,
		  struct store_open_result *result)
{
	int64_t id = 0;
	int r = begin(t);

	CHECK(terms->name != NULL);
	if (r == 0)
		r = find(t, terms, &id);
	if (r == TOKENS_DONE)
		r = run(t, "UPDATE token SET revoked_at = ms FROM v_now WHERE id = :id", terms, id,
			NULL, NULL);
	if (r == TOKENS_DONE)
		r = add_audit(t, "token-revoke", terms, id);
	return end(t, r, result);
}

/* ---------------------------------------------------------------- looking */

int64_t tokens_valid(struct tokens *t, struct store_open_result *result)
{
	int64_t count = 0;
	int r;

	CHECK(t->connection.db != NULL);
	begin_waiting(t);
	r = sqlite_integer(&t->connection, "SELECT count(*) FROM v_tokens WHERE state = 'valid'",
			   &count);
	return r < 0 ? end(t, r, result) : count;
}

static const char *column(sqlite3_stmt *s, int index)
{
	return (const char *)sqlite3_column_text(s, index);
}

int tokens_list(struct tokens *t, void (*see)(void *context, const struct token_line *line),
		void *context, struct store_open_result *result)
{
	static const char sql[] =
		"SELECT name, role, locations, state, created, expires, revoked, "
		"(SELECT group_concat(public, ' ') FROM token_secret, v_now "
		"WHERE token_id = v.id AND (expires_at IS NULL OR expires_at > ms)) "
		"FROM v_tokens v ORDER BY name";
	sqlite3_stmt *s;
	int step;

	CHECK(see != NULL);
	begin_waiting(t);
	if (sqlite3_prepare_v2(t->connection.db, sql, -1, &s, NULL) != SQLITE_OK)
		return end(t, sqlite_raise(&t->connection), result);
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
	return step == SQLITE_DONE ? 0 : end(t, fault_latest()->error, result);
}
