/*
 * postgres_upkeep - of a store in a database. What changes it has the lock on the table `store`
 * with which nobody writes, and looks for front ends behind it.
 */
#include "base/secret.h"
#include "store/postgres_house.h"
#include "store/upkeep.h"
#include <stdio.h>
#include <string.h>

enum { LOOK, ALIVE, VALID, END_SECRETS, RENEW, NOTE, SET_RELEASE, TEXTS };

/* clang-format off */
static const char *const texts[] = {
	[LOOK] = "SELECT epoch, coalesce((SELECT seq FROM movement ORDER BY seq DESC LIMIT 1), 0), "
		"(SELECT count(*) FROM item), (SELECT count(*) FROM location), "
		"(SELECT count(*) FROM v_level), "
		"(SELECT count(*) FROM v_tokens WHERE state = 'valid'), had_token, row_release, "
		"schema_version FROM store",
	[ALIVE] = "SELECT coalesce(string_agg(name, ' ' ORDER BY id), '') FROM front_end f "
		"WHERE seen_at > extract(epoch FROM clock_timestamp()) * 1000 - $1 AND EXISTS "
		"(SELECT FROM pg_stat_activity a WHERE a.pid = f.backend)",
	[VALID] = "SELECT count(*) FROM v_tokens WHERE state = 'valid'",
	[END_SECRETS] = "UPDATE token_secret SET expires_at = ms FROM v_now "
		"WHERE expires_at IS NULL OR expires_at > ms",
	[RENEW] = "UPDATE store SET epoch = $1, session_key = $2, "
		"access_version = access_version + 1, next_fence = next_fence + $3, "
		"next_reservation = next_reservation + $3",
	[NOTE] = "INSERT INTO audit (id, at, actor, action, detail) "
		"SELECT next_audit(), ms, $1, $2, $3 FROM v_now",
	[SET_RELEASE] = "UPDATE store SET row_release = $1",
};
/* clang-format on */
_Static_assert(LENGTH_OF(texts) == TEXTS, "a text for each");

struct upkeep {
	const struct upkeep_options *options;
	struct store *store;
	struct postgres_link *link;
	struct store_open_result *result;
};

static int explain(struct upkeep *u, int r, const struct postgres_error *e)
{
	struct postgres_opening o = { .store = postgres_of(u->store), .result = u->result };

	CHECK(r < 0);
	if (u->result->trouble == STORE_FINE)
		(void)postgres_refuse_fault(&o, r, e);
	return r;
}

static int open_store(struct upkeep *u)
{
	struct store_options options = { .path = u->options->path,
					 .busy_ms = UPKEEP_BUSY_MS,
					 .must_not_migrate = true,
					 .must_exist = true };
	struct postgres_error e = { 0 };
	int r = postgres_open(&options, &u->store, u->result);

	CHECK(u->link == NULL);
	if (r < 0)
		return r;
	r = postgres_connect_or_say(postgres_of(u->store), POSTGRES_TOOLS, texts, TEXTS, &u->link,
				    &e);
	return r < 0 ? explain(u, r, &e) : 0;
}

static void close_store(struct upkeep *u)
{
	postgres_disconnect(u->link);
	if (u->store != NULL)
		u->store->ops->close(u->store);
}

static int run(struct upkeep *u, int statement, int count, const struct postgres_value values[],
	       PGresult **ret)
{
	int r = postgres_run(u->link, statement, count, values, ret);

	CHECK(texts[statement] != NULL);
	return r < 0 ? explain(u, r, postgres_error_of(u->link)) : 0;
}

static int run_text(struct upkeep *u, const char *sql)
{
	int r = postgres_run_text(u->link, sql, NULL);

	CHECK(sql != NULL);
	return r < 0 ? explain(u, r, postgres_error_of(u->link)) : 0;
}

static int find_front_ends(struct upkeep *u, char *ret, size_t bytes)
{
	struct postgres_value since = value_int(FRONT_END_DEAD_MS);
	CLEANUP(postgres_clear) PGresult *alive = NULL;
	int r = run(u, ALIVE, 1, &since, &alive);

	CHECK(bytes > 0);
	if (r == 0)
		snprintf(ret, bytes, "%s", postgres_peek_text(alive, 0, 0));
	return r;
}

static int look(struct upkeep *u, struct store_about *ret)
{
	CLEANUP(postgres_clear) PGresult *seen = NULL;
	int version = postgres_of(u->store)->server_version;
	int r = run(u, LOOK, 0, NULL, &seen);

	if (r < 0)
		return r;
	CHECK(PQntuples(seen) == 1);
	snprintf(ret->kind, sizeof(ret->kind), "PostgreSQL %d.%d", version / 10000,
		 version % 10000);
	snprintf(ret->epoch, sizeof(ret->epoch), "%s", postgres_peek_text(seen, 0, 0));
	ret->seq = postgres_int(seen, 0, 1);
	ret->items = postgres_int(seen, 0, 2);
	ret->locations = postgres_int(seen, 0, 3);
	ret->rows = postgres_int(seen, 0, 4);
	ret->tokens = postgres_int(seen, 0, 5);
	ret->had_token = postgres_bool(seen, 0, 6);
	snprintf(ret->row_release, sizeof(ret->row_release), "%s", postgres_peek_text(seen, 0, 7));
	ret->version = (int)postgres_int(seen, 0, 8);
	return find_front_ends(u, ret->front_ends, sizeof(ret->front_ends));
}

int postgres_upkeep_look(const struct upkeep_options *o, struct store_about *ret,
			 struct store_open_result *result)
{
	struct upkeep u = { .options = o, .result = result };
	int r = open_store(&u);

	CHECK(o->path != NULL);
	if (r == 0)
		r = look(&u, ret);
	close_store(&u);
	return r;
}

/* Nobody writes from here to the end of the transaction, and nobody serves it. */
static int begin(struct upkeep *u)
{
	char names[200] = "", text[340];
	int r = run_text(u, "BEGIN");

	CHECK(u->result->trouble == STORE_FINE || r < 0);
	if (r == 0)
		r = run_text(u, "LOCK TABLE store IN EXCLUSIVE MODE");
	if (r == 0)
		r = find_front_ends(u, names, sizeof(names));
	if (r < 0 || names[0] == '\0')
		return r;
	snprintf(text, sizeof(text), "it has front ends: stop all of them first (%s)", names);
	return postgres_refuse(
		&(struct postgres_opening){ .store = postgres_of(u->store), .result = u->result },
		STORE_IN_USE, text);
}

static int note(struct upkeep *u, const char *action, const char *detail)
{
	struct postgres_value v[] = { value_text(u->options->actor), value_text(action),
				      value_text(detail) };

	CHECK(u->options->actor != NULL);
	return run(u, NOTE, LENGTH_OF(v), v, NULL);
}

/* All that are good end now; *ret says how many tokens were valid by them. */
static int end_secrets(struct upkeep *u, int64_t *ret)
{
	CLEANUP(postgres_clear) PGresult *valid = NULL;
	int r = run(u, VALID, 0, NULL, &valid);

	CHECK(!u->options->keeps_tokens);
	if (r == 0)
		*ret = postgres_int(valid, 0, 0);
	return r == 0 ? run(u, END_SECRETS, 0, NULL, NULL) : r;
}

static int renew(struct upkeep *u, struct store_about *ret)
{
	unsigned char random[8], key[SESSION_KEY_BYTES];
	char epoch[2 * sizeof(random) + 1], detail[120];
	int r = 0;

	CHECK(u->options->actor != NULL);
	secret_random(random, sizeof(random));
	secret_random(key, sizeof(key));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(epoch + 2 * i, 3, "%02x", random[i]);

	struct postgres_value v[] = { value_text(epoch), value_bytes(key, sizeof(key)),
				      value_int(UPKEEP_SKIPPED) };

	if (!u->options->keeps_tokens)
		r = end_secrets(u, &ret->void_count);
	if (r == 0)
		r = run(u, RENEW, LENGTH_OF(v), v, NULL);
	secret_wipe(key, sizeof(key));
	snprintf(detail, sizeof(detail), "{\"epoch\":\"%s\",\"void_tokens\":%lld}", epoch,
		 (long long)ret->void_count);
	return r == 0 ? note(u, "epoch-new", detail) : r;
}

int postgres_upkeep_renew_epoch(const struct upkeep_options *o, struct store_about *ret,
				struct store_open_result *result)
{
	struct upkeep u = { .options = o, .result = result };
	int r = open_store(&u);

	CHECK(o->path != NULL);
	if (r == 0)
		r = begin(&u);
	if (r == 0)
		r = renew(&u, ret);
	if (r == 0)
		r = run_text(&u, "COMMIT");
	if (r == 0)
		r = look(&u, ret);
	close_store(&u);
	return r;
}

int postgres_upkeep_set_row_release(const struct upkeep_options *o, const char *row_release,
				    struct store_open_result *result)
{
	struct postgres_value value = value_text(row_release);
	struct upkeep u = { .options = o, .result = result };
	char detail[60];
	int r;

	CHECK(row_release != NULL);
	*result = (struct store_open_result){ 0 };
	snprintf(detail, sizeof(detail), "{\"row_release\":\"%.20s\"}", row_release);
	r = open_store(&u);
	if (r == 0)
		r = begin(&u);
	if (r == 0)
		r = run(&u, SET_RELEASE, 1, &value, NULL);
	if (r == 0)
		r = note(&u, "store-change", detail);
	if (r == 0)
		r = run_text(&u, "COMMIT");
	close_store(&u);
	return r;
}
