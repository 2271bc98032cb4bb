/*
 * postgres_tokens - tokens, written beside any number of front ends: one transaction for each call,
 * which has the store's row, so that ids are one above the last and every front end sees that
 * access_version has grown.
 */
#include "base/secret.h"
#include "store/postgres_open.h"
#include "store/tokens.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct postgres_tokens {
	struct tokens tokens;
	struct store *store;
	struct postgres_link *link;
	bool is_keeping; /* a COMMIT went out: whether it was kept is not known when that fails */
};

/* Each of its texts is of letters and digits: none has to be quoted. */
#define DETAIL_OF_TOKEN                                                                          \
	"format('{\"public\":\"%s\",\"role\":\"%s\",\"locations\":[%s],\"expires\":%s}', $3, "   \
	"role, (SELECT string_agg('\"' || code || '\"', ',' ORDER BY code) FROM token_location " \
	"WHERE token_id = token.id), "                                                           \
	"coalesce('\"' || left(time_text(expires_at), 19) || 'Z\"', 'null'))"
#define NOTE(action, detail)                                                                   \
	"INSERT INTO audit (id, at, actor, action, subject, detail) SELECT next_audit(), ms, " \
	"$5, '" action "', name, " detail " FROM v_now, token WHERE token.id = $6"

enum { LIST = TOKEN_STEPS, GROW, LOCK, STATEMENTS };

/* clang-format off */
static const char *const texts[] = {
	[TOKEN_ID] = "SELECT id FROM token WHERE name = $1",
	[TOKEN_COUNT] = "SELECT count(*) FROM token",
	[TOKEN_IS_REVOKED] = "SELECT revoked_at IS NOT NULL FROM token WHERE id = $6",
	[TOKEN_HAS_EXPIRED] = "SELECT coalesce(expires_at <= ms, false) FROM token, v_now WHERE id = $6",
	[TOKEN_IS_SAME] = "SELECT count(*) FROM token t JOIN token_secret s ON s.token_id = t.id, v_now "
		"WHERE t.id = $6 AND role = $2 AND revoked_at IS NULL "
		"AND (t.expires_at IS NULL OR t.expires_at > ms) "
		"AND (t.expires_at IS NULL) = ($7 = 0) AND public = $3 AND hash = $4 "
		"AND (s.expires_at IS NULL OR s.expires_at > ms)",
	[TOKEN_LOCATIONS] = "SELECT count(*) FROM token_location WHERE token_id = $6",
	[TOKEN_HAS_LOCATION] = "SELECT count(*) FROM token_location WHERE token_id = $6 AND code = $9",
	[TOKEN_PUBLIC_USED] = "SELECT count(*) FROM token_secret WHERE public = $3",
	[TOKEN_END_KEYS] = "UPDATE store SET session_key = $10 WHERE NOT had_token",
	[TOKEN_ADD] = "INSERT INTO token (id, name, role, created_at, expires_at) "
		"SELECT next_token(), $1, $2, ms, CASE WHEN $7 > 0 THEN ms + $7 END FROM v_now "
		"RETURNING id",
	[TOKEN_ADD_SECRET] = "INSERT INTO token_secret (public, token_id, hash, created_at) "
		"SELECT $3, $6, $4, ms FROM v_now",
	[TOKEN_ADD_LOCATION] = "INSERT INTO token_location (token_id, code) VALUES ($6, $9)",
	[TOKEN_SET_END] = "UPDATE token SET expires_at = ms + $7 FROM v_now WHERE id = $6",
	[TOKEN_END_SECRETS] = "UPDATE token_secret SET expires_at = ms + $8 FROM v_now "
		"WHERE token_id = $6 AND (expires_at IS NULL OR expires_at > ms + $8)",
	[TOKEN_REVOKE] = "UPDATE token SET revoked_at = ms FROM v_now WHERE id = $6",
	[TOKEN_NOTE_ADD] = NOTE("token-add", DETAIL_OF_TOKEN),
	[TOKEN_NOTE_ROTATE] = NOTE("token-rotate", DETAIL_OF_TOKEN),
	[TOKEN_NOTE_REVOKE] = NOTE("token-revoke", "NULL"),
	[TOKEN_VALID] = "SELECT count(*) FROM v_tokens WHERE state = 'valid'",
	[LIST] = "SELECT name, role, locations, state, created, expires, revoked, "
		"(SELECT string_agg(public, ' ' ORDER BY public) FROM token_secret, v_now "
		"WHERE token_id = v.id AND (expires_at IS NULL OR expires_at > ms)) "
		"FROM v_tokens v ORDER BY name",
	[GROW] = "UPDATE store SET access_version = access_version + 1, had_token = true",
	[LOCK] = "SELECT FROM store FOR UPDATE",
};
/* clang-format on */
_Static_assert(LENGTH_OF(texts) == STATEMENTS, "a text for each");

static struct postgres_tokens *of(struct tokens *tokens)
{
	return CONTAINER_OF(tokens, struct postgres_tokens, tokens);
}

/* A statement of a change is prepared once, and so is given all that any of them may use. */
static int run(struct tokens *tokens, enum token_step step, const struct token_terms *terms,
	       int64_t id, const char *code, int64_t *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	unsigned char random[SESSION_KEY_BYTES];
	int r;

	CHECK(texts[step] != NULL);
	secret_random(random, sizeof(random));
	struct postgres_value values[] = {
		value_text(terms->name),
		value_text(role_text(terms->role)),
		value_text(terms->public_part),
		terms->hash != NULL ? value_bytes(terms->hash, TOKEN_HASH_BYTES)
				    : value_bytes("", 0),
		value_text(terms->actor),
		value_int(id),
		value_int(terms->expires_in_ms),
		value_int(terms->overlap_ms),
		value_text(code),
		value_bytes(random, sizeof(random)),
	};

	r = postgres_run(of(tokens)->link, (int)step, LENGTH_OF(values), values, &result);
	if (r == 0 && ret != NULL)
		*ret = PQntuples(result) > 0 ? postgres_int(result, 0, 0) : 0;
	secret_wipe(random, sizeof(random));
	return r;
}

static int begin(struct tokens *tokens)
{
	struct postgres_link *l = of(tokens)->link;
	int r = postgres_run_text(l, "BEGIN", NULL);

	CHECK(l != NULL);
	of(tokens)->is_keeping = false;
	return r == 0 ? postgres_run(l, LOCK, 0, NULL, NULL) : r;
}

static int keep(struct tokens *tokens)
{
	struct postgres_link *l = of(tokens)->link;
	int r = postgres_run(l, GROW, 0, NULL, NULL);

	CHECK(!of(tokens)->is_keeping);
	if (r < 0)
		return r;
	of(tokens)->is_keeping = true;
	r = postgres_run_text(l, "COMMIT", NULL);
	of(tokens)->is_keeping = r == -ENOTCONN;
	return r;
}

static void undo(struct tokens *tokens)
{
	CHECK(of(tokens)->link != NULL);
	(void)postgres_rollback(of(tokens)->link);
}

static void explain(struct tokens *tokens, int r, struct store_open_result *result)
{
	struct postgres_tokens *t = of(tokens);
	struct postgres_opening o = { .store = postgres_of(t->store), .result = result };
	size_t bytes;

	CHECK(r < 0);
	(void)postgres_refuse_fault(&o, r, postgres_error_of(t->link));
	bytes = strlen(result->message);
	if (t->is_keeping)
		snprintf(result->message + bytes, sizeof(result->message) - bytes,
			 "; whether it was done is not known: rowlockd token list says it");
}

static int list(struct tokens *tokens, void (*see)(void *context, const struct token_line *line),
		void *context)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = postgres_run(of(tokens)->link, LIST, 0, NULL, &result);

	CHECK(see != NULL);
	for (int i = 0; r == 0 && i < PQntuples(result); i++)
		see(context,
		    &(struct token_line){ .name = postgres_peek_text(result, i, 0),
					  .role = postgres_peek_text(result, i, 1),
					  .locations = postgres_peek_text(result, i, 2),
					  .state = postgres_peek_text(result, i, 3),
					  .created = postgres_peek_text(result, i, 4),
					  .expires = postgres_peek_text(result, i, 5),
					  .revoked = postgres_peek_text(result, i, 6),
					  .public_parts = postgres_peek_text(result, i, 7) });
	return r;
}

static void close_tokens(struct tokens *tokens)
{
	struct postgres_tokens *t = of(tokens);

	postgres_disconnect(t->link);
	if (t->store != NULL)
		t->store->ops->close(t->store);
	free(t);
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

int postgres_tokens_open(const char *uri, bool may_create, struct tokens **ret,
			 struct store_open_result *result)
{
	struct store_options options = { .path = uri,
					 .busy_ms = TOKENS_WAIT_MS,
					 .must_not_migrate = !may_create,
					 .must_exist = !may_create };
	struct postgres_tokens *t = calloc(1, sizeof(*t));
	struct postgres_error error = { 0 };
	int r;

	CHECK(uri != NULL);
	if (t == NULL)
		return FAULT(-ENOMEM);
	t->tokens.ops = &ops;
	r = postgres_open(&options, &t->store, result);
	if (r == 0) {
		r = postgres_connect_or_say(postgres_of(t->store), POSTGRES_TOOLS, texts,
					    STATEMENTS, &t->link, &error);
		if (r < 0)
			(void)postgres_refuse_fault(
				&(struct postgres_opening){ .store = postgres_of(t->store),
							    .result = result },
				r, &error);
	}
	if (r < 0) {
		close_tokens(&t->tokens);
		return r;
	}
	*ret = &t->tokens;
	return 0;
}
