/* tokens - the same for every kind of store: what a change is made of, and why it is refused. */
#include "store/tokens.h"
#include "base/check.h"
#include "store/postgres.h"
#include <string.h>

int tokens_open(const char *path, bool may_create, struct tokens **ret,
		struct store_open_result *result)
{
	CHECK(path != NULL);
	*result = (struct store_open_result){ 0 };
	return postgres_is_uri(path) ? postgres_tokens_open(path, may_create, ret, result)
				     : sqlite_tokens_open(path, may_create, ret, result);
}

void tokens_close(struct tokens *t)
{
	if (t != NULL)
		t->ops->close(t);
}

static int run(struct tokens *t, enum token_step step, const struct token_terms *terms, int64_t id)
{
	return t->ops->run(t, step, terms, id, NULL, NULL);
}

static int ask(struct tokens *t, enum token_step step, const struct token_terms *terms, int64_t id,
	       int64_t *ret)
{
	CHECK(ret != NULL);
	return t->ops->run(t, step, terms, id, NULL, ret);
}

/* Keeps what went well, and nothing of the rest. r: a refusal or a fault, which it returns. */
static int end(struct tokens *t, int r, struct store_open_result *result)
{
	CHECK(r <= TOKENS_HAS_EXPIRED);
	if (r == TOKENS_DONE)
		r = t->ops->keep(t);
	if (r < 0)
		t->ops->explain(t, r, result);
	t->ops->undo(t);
	return r;
}

static int is_public_used(struct tokens *t, const struct token_terms *terms)
{
	int64_t count = 0;
	int r = ask(t, TOKEN_PUBLIC_USED, terms, 0, &count);

	CHECK(terms->public_part != NULL);
	return r < 0 ? r : count > 0 ? TOKENS_PUBLIC_USED : TOKENS_DONE;
}

/* ---------------------------------------------------------------- adding */

/* Of a name that is there: is it this token, with these terms? */
static int judge_same(struct tokens *t, const struct token_terms *terms, int64_t id)
{
	int64_t is_same = 0, count = 0, there = 0;
	int r = ask(t, TOKEN_IS_SAME, terms, id, &is_same);

	CHECK(id != 0);
	if (r == 0)
		r = ask(t, TOKEN_LOCATIONS, terms, id, &count);
	for (int i = 0; r == 0 && i < terms->location_count; i++) {
		r = t->ops->run(t, TOKEN_HAS_LOCATION, terms, id, terms->locations[i].text, &there);
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
	int r = ask(t, TOKEN_ID, terms, 0, &id);

	CHECK(terms->name != NULL);
	if (r == 0 && id != 0)
		return judge_same(t, terms, id);
	if (r == 0)
		r = ask(t, TOKEN_COUNT, terms, 0, &count);
	if (r < 0)
		return r;
	return count >= STORE_TOKENS_MAX ? TOKENS_TOO_MANY : is_public_used(t, terms);
}

int tokens_add(struct tokens *t, const struct token_terms *terms, struct store_open_result *result)
{
	int64_t id = 0;
	int r = t->ops->begin(t);

	CHECK(terms->location_count <= TOKEN_LOCATIONS_MAX);
	if (r == 0)
		r = judge_new(t, terms);
	/* While a store is open, copies of it are no secret: the key in them signs nothing now. */
	if (r == TOKENS_DONE)
		r = run(t, TOKEN_END_KEYS, terms, 0);
	if (r == TOKENS_DONE)
		r = ask(t, TOKEN_ADD, terms, 0, &id);
	if (r == TOKENS_DONE)
		r = run(t, TOKEN_ADD_SECRET, terms, id);
	for (int i = 0; r == TOKENS_DONE && i < terms->location_count; i++)
		r = t->ops->run(t, TOKEN_ADD_LOCATION, terms, id, terms->locations[i].text, NULL);
	if (r == TOKENS_DONE)
		r = run(t, TOKEN_NOTE_ADD, terms, id);
	return end(t, r, result);
}

/* ---------------------------------------------------------------- ending */

/* The token of this name, which is not revoked. */
static int find(struct tokens *t, const struct token_terms *terms, int64_t *ret_id)
{
	int64_t is_revoked = 0;
	int r = ask(t, TOKEN_ID, terms, 0, ret_id);

	CHECK(ret_id != NULL);
	if (r == 0 && *ret_id == 0)
		return TOKENS_NO_SUCH;
	if (r == 0)
		r = ask(t, TOKEN_IS_REVOKED, terms, *ret_id, &is_revoked);
	return r < 0 ? r : is_revoked ? TOKENS_WAS_REVOKED : TOKENS_DONE;
}

/* With its new end, where it is given one. */
static int judge_end(struct tokens *t, const struct token_terms *terms, int64_t id)
{
	int64_t has_expired = 0;
	int r = 0;

	CHECK(id != 0);
	if (terms->expires_in_ms > 0)
		return run(t, TOKEN_SET_END, terms, id);
	r = ask(t, TOKEN_HAS_EXPIRED, terms, id, &has_expired);
	return r < 0 ? r : has_expired ? TOKENS_HAS_EXPIRED : TOKENS_DONE;
}

int tokens_rotate(struct tokens *t, const struct token_terms *terms,
		  struct store_open_result *result)
{
	int64_t id = 0;
	int r = t->ops->begin(t);

	CHECK(terms->overlap_ms >= 0);
	if (r == 0)
		r = find(t, terms, &id);
	if (r == TOKENS_DONE)
		r = is_public_used(t, terms);
	if (r == TOKENS_DONE)
		r = judge_end(t, terms, id);
	if (r == TOKENS_DONE)
		r = run(t, TOKEN_END_SECRETS, terms, id);
	if (r == TOKENS_DONE)
		r = run(t, TOKEN_ADD_SECRET, terms, id);
	if (r == TOKENS_DONE)
		r = run(t, TOKEN_NOTE_ROTATE, terms, id);
	return end(t, r, result);
}

int tokens_revoke(struct tokens *t, const struct token_terms *terms,
		  struct store_open_result *result)
{
	int64_t id = 0;
	int r = t->ops->begin(t);

	CHECK(terms->name != NULL);
	if (r == 0)
		r = find(t, terms, &id);
	if (r == TOKENS_DONE)
		r = run(t, TOKEN_REVOKE, terms, id);
	if (r == TOKENS_DONE)
		r = run(t, TOKEN_NOTE_REVOKE, terms, id);
	return end(t, r, result);
}

/* ---------------------------------------------------------------- looking */

int64_t tokens_valid(struct tokens *t, struct store_open_result *result)
{
	static const struct token_terms of_none = { .name = "", .role = ROLE_READER };
	int64_t count = 0;
	int r = ask(t, TOKEN_VALID, &of_none, 0, &count);

	if (r < 0)
		t->ops->explain(t, r, result);
	return r < 0 ? r : count;
}

int tokens_list(struct tokens *t, void (*see)(void *context, const struct token_line *line),
		void *context, struct store_open_result *result)
{
	int r;

	CHECK(see != NULL);
	r = t->ops->list(t, see, context);
	if (r < 0)
		t->ops->explain(t, r, result);
	return r;
}
