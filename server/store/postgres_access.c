/* postgres_access - tokens, as they are stored. */
#include "store/postgres_reader.h"
#include <string.h>

/* A trip of its own, without a snapshot: what was committed before the call is seen by it. */
static int read_version(struct postgres_reader *r, int64_t *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int fault = postgres_reader_ready(r);

	if (fault == 0)
		fault = postgres_run(r->link, READ_ACCESS_VERSION, 0, NULL, &result);
	if (fault < 0)
		return fault;
	if (PQntuples(result) == 0)
		return FAULT(-EBADMSG);
	*ret = postgres_int(result, 0, 0);
	return 0;
}

int postgres_access_version(struct reader *reader, int64_t *ret)
{
	struct postgres_reader *r = postgres_reader_of(reader);
	int fault;

	CHECK(!r->is_in_snapshot);
	fault = read_version(r, ret);
	return fault == -ENOTCONN ? read_version(r, ret) : fault;
}

/* ---------------------------------------------------------------- reading it */

static int take_store(const PGresult *result, struct stored_access *ret)
{
	const void *key;
	size_t bytes;

	CHECK(result != NULL);
	if (PQntuples(result) == 0)
		return FAULT(-EBADMSG);
	ret->version = postgres_int(result, 0, 0);
	ret->had_token = postgres_bool(result, 0, 1);
	key = postgres_bytes(result, 0, 2, &bytes);
	/* One that is none signs nothing: it stays zero, and whoever uses it looks. */
	if (key != NULL && bytes == SESSION_KEY_BYTES)
		memcpy(ret->session_key, key, SESSION_KEY_BYTES);
	else
		ret->left_out++;
	return 0;
}

/* False: it makes no sense. */
static bool take_token(const PGresult *result, int row, struct stored_token *t)
{
	const char *name = postgres_peek_text(result, row, 1);
	const char *role = postgres_peek_text(result, row, 2);
	int64_t revoked_at_ms = postgres_int_or(result, row, 5, INT64_MAX);

	CHECK(t != NULL);
	*t = (struct stored_token){ .id = postgres_int(result, row, 0),
				    .created_at_ms = postgres_int(result, row, 3),
				    .expires_at_ms = postgres_int_or(result, row, 4, INT64_MAX),
				    .revoked_at_ms = revoked_at_ms };
	if (revoked_at_ms == INT64_MAX && !postgres_is_null(result, row, 5))
		t->revoked_at_ms--; /* whenever that is: it is not never */
	if (name == NULL || role == NULL || !token_name_is_valid(name, strlen(name)))
		return false;
	memcpy(t->name, name, strlen(name));
	t->role = role_by_text(role);
	return t->id > 0 && t->role > ROLE_PUBLIC && t->role < ROLES;
}

static int take_tokens(const PGresult *result, struct arena *a, struct stored_access *ret)
{
	size_t count = (size_t)PQntuples(result);

	CHECK(ret->token_count == 0);
	ret->tokens = arena_alloc(a, count * sizeof(ret->tokens[0]));
	if (ret->tokens == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		if (take_token(result, (int)i, &ret->tokens[ret->token_count]))
			ret->token_count++;
		else
			ret->left_out++;
	}
	return 0;
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

/* Where the locations of one token end, which begin at `row`. */
static int end_of_token(const PGresult *result, int row)
{
	int64_t id = postgres_int(result, row, 0);

	CHECK(row < PQntuples(result));
	while (row < PQntuples(result) && postgres_int(result, row, 0) == id)
		row++;
	return row;
}

/*
 * The locations of a limited token; one that has one that is none, or too many, could write where
 * it must not if that were passed over: its count becomes -1, and the token is left out.
 */
static int take_limits(const PGresult *result, int row, int end, struct arena *a,
		       struct stored_token *t)
{
	int count = end - row;

	CHECK(count > 0);
	t->location_count = -1;
	if (count > TOKEN_LOCATIONS_MAX)
		return 0;
	t->locations = arena_alloc(a, (size_t)count * sizeof(t->locations[0]));
	if (t->locations == NULL)
		return FAULT(-ENOMEM);
	for (int i = 0; i < count; i++) {
		const char *code = postgres_peek_text(result, row + i, 1);

		if (code == NULL || !code_set(&t->locations[i], code, strlen(code)))
			return 0;
	}
	t->location_count = count;
	return 0;
}

static int take_locations(const PGresult *result, struct arena *a, struct stored_access *access)
{
	size_t kept = 0;
	int r = 0;

	CHECK(result != NULL);
	for (int row = 0, end; r == 0 && row < PQntuples(result); row = end) {
		struct stored_token *t = token_of(access, postgres_int(result, row, 0));

		end = end_of_token(result, row);
		if (t != NULL)
			r = take_limits(result, row, end, a, t);
	}
	for (size_t i = 0; r == 0 && i < access->token_count; i++)
		if (access->tokens[i].location_count >= 0)
			access->tokens[kept++] = access->tokens[i];
	access->left_out += access->token_count - kept;
	access->token_count = kept;
	return r;
}

static bool take_secret(const PGresult *result, int row, const struct stored_access *access,
			struct stored_secret *ret)
{
	const char *public_part = postgres_peek_text(result, row, 0);
	size_t hash_bytes;
	const void *hash = postgres_bytes(result, row, 2, &hash_bytes);

	CHECK(ret != NULL);
	*ret = (struct stored_secret){ .token_id = postgres_int(result, row, 1),
				       .created_at_ms = postgres_int(result, row, 3),
				       .expires_at_ms =
					       postgres_int_or(result, row, 4, INT64_MAX) };
	if (public_part == NULL || !token_public_is_valid(public_part, strlen(public_part)) ||
	    hash == NULL || hash_bytes != TOKEN_HASH_BYTES)
		return false;
	memcpy(ret->public_part, public_part, strlen(public_part));
	memcpy(ret->hash, hash, TOKEN_HASH_BYTES);
	return token_of(access, ret->token_id) != NULL;
}

static int take_secrets(const PGresult *result, struct arena *a, struct stored_access *ret)
{
	size_t count = (size_t)PQntuples(result);

	CHECK(ret->secret_count == 0);
	ret->secrets = arena_alloc(a, count * sizeof(ret->secrets[0]));
	if (ret->secrets == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		if (take_secret(result, (int)i, ret, &ret->secrets[ret->secret_count]))
			ret->secret_count++;
		else
			ret->left_out++;
	}
	return 0;
}

enum { ACCESS_READS = 4 };

/* All of it is asked for at once. */
static int ask(struct postgres_link *link, PGresult *results[ACCESS_READS])
{
	int r;

	postgres_begin_trip(link);
	postgres_add(link, READ_ACCESS, 0, NULL);
	postgres_add(link, READ_TOKENS, 0, NULL);
	postgres_add(link, READ_TOKEN_LOCATIONS, 0, NULL);
	postgres_add(link, READ_SECRETS, 0, NULL);
	r = postgres_send(link, 0);
	if (r < 0)
		return r;
	for (int i = 0; r == 0 && i < ACCESS_READS; i++)
		r = postgres_take(link, &results[i]);
	return postgres_end_trip(link, r);
}

int postgres_access(struct reader *reader, struct arena *a, struct stored_access *ret)
{
	struct postgres_reader *reads = postgres_reader_of(reader);
	PGresult *results[ACCESS_READS] = { NULL };
	int r;

	CHECK(reads->is_in_snapshot);
	*ret = (struct stored_access){ 0 };
	r = ask(reads->link, results);
	if (r == 0)
		r = take_store(results[0], ret);
	if (r == 0)
		r = take_tokens(results[1], a, ret);
	if (r == 0)
		r = take_locations(results[2], a, ret);
	if (r == 0)
		r = take_secrets(results[3], a, ret);
	for (int i = 0; i < ACCESS_READS; i++)
		postgres_clear(&results[i]);
	return r;
}
