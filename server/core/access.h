/*
 * access - who somebody is, what he may do, and how a token is written.
 *
 * A role may do what the roles before it may. A token has a role, and may be limited to locations:
 * that limits what it writes, and nothing that it reads.
 *
 *     rl_<public part>_<secret>        rl_k3v7q2mwza_Jx0...: 57 characters
 *
 * The public part is 10 of a-z 2-7, finds the token, and may stand in a log. The secret is 256
 * random bits in base64url (RFC 4648, without padding), is shown once, and kept nowhere: a store
 * has its hash. A secret that is random and so long needs no slow hash, as a password does.
 *
 * An actor is of whom a request is, and goes with its command into the ledger. His name is that of
 * the token; "token/user" where a proxy with a token says for which user it asks. No token can be
 * called as those are who have none ("local", "sqlite3", "rowlock"), and no user can be either.
 *
 * Threads: none inside. Nothing here allocates, hashes, or compares a secret.
 */
#pragma once
#include "core/stock.h"

/* Rising; their numbers are nobody's but the program's, stores have their words. */
enum role { ROLE_PUBLIC, ROLE_READER, ROLE_CLERK, ROLE_WRITER, ROLE_ADMIN, ROLES };

/* "public", "reader", "clerk", "writer", "admin". */
const char *role_text(enum role role);

/* ROLES: there is none like it. "public" is found: it is no role that a token can have. */
enum role role_by_text(const char *text);

/* ------------------------------------------------------------------ of whom something is */

struct actor {
	int64_t token_id; /* in the store; 0: of no token */
	enum role role;
	int location_count; /* 0: not limited; else 1 to TOKEN_LOCATIONS_MAX */
	const struct code
		*locations; /* rising in byte order, each once: writes are limited to them */
	char name[ACTOR_BYTES_MAX + 1];
};

extern const struct actor actor_local;   /* "local", an admin: no token was ever made */
extern const struct actor actor_service; /* "rowlock", an admin: what becomes due by itself */
extern const struct actor actor_sqlite;  /* "sqlite3", an admin: edits by hand */

/* Everything that is true of one, but for the order of his locations. */
bool actor_is_sound(const struct actor *a);

/* Has he this role, or one that may more? Everybody has ROLE_PUBLIC. */
static inline bool actor_has_role(const struct actor *a, enum role role)
{
	return a->role >= role;
}

/* May he change what lies at this location, or the location itself? O(log of his locations). */
bool actor_may_touch_location(const struct actor *a, const char *code);

/* May he change this row? */
static inline bool actor_may_touch(const struct actor *a, const struct row_ref *row)
{
	return a->location_count == 0 || actor_may_touch_location(a, row->location.text);
}

/* May he do all that the other may? O(locations of both). */
bool actor_covers(const struct actor *a, const struct actor *other);

/*
 * What a copy that lives as long as its command needs: `place` has actor_bytes(a), aligned as
 * malloc aligns. The three constants above are never copied: they live for ever.
 */
size_t actor_bytes(const struct actor *a);
const struct actor *actor_copy(const struct actor *a, void *place);
static inline bool actor_is_constant(const struct actor *a)
{
	return a == &actor_local || a == &actor_service || a == &actor_sqlite;
}

/*
 * Appends "/user" to his name. False, and nothing was done: it is none, since it is not 1 to
 * USER_BYTES_MAX bytes of UTF-8 without control characters and without a blank at either end; or he
 * has one.
 */
bool actor_set_user(struct actor *a, const char *user, size_t bytes);

/* ------------------------------------------------------------------ tokens */

enum {
	TOKEN_PUBLIC_BYTES = 10, /* 50 bits */
	TOKEN_SECRET_BYTES = 43, /* 256 bits */
	TOKEN_BYTES = 3 + TOKEN_PUBLIC_BYTES + 1 + TOKEN_SECRET_BYTES,
	TOKEN_HASH_BYTES = 32,   /* BLAKE2b of the 43 characters of the secret */
	TOKEN_RANDOM_BYTES = 39, /* what one is written from: 7 for the public part, 32 */
};

/*
 * Is this the text of a token? Then its parts are found in it, TOKEN_PUBLIC_BYTES and
 * TOKEN_SECRET_BYTES long, not terminated. A secret is written in one way only.
 */
bool token_read(const char *text, size_t bytes, const char **ret_public, const char **ret_secret);

/* Is it a public part, by itself? */
bool token_public_is_valid(const char *text, size_t bytes);

/* Writes the text of a token made of these random bytes, and a NUL. */
void token_write(const unsigned char random[TOKEN_RANDOM_BYTES], char ret[TOKEN_BYTES + 1]);

/*
 * May a token be called so? 1 to TOKEN_NAME_BYTES_MAX of A-Z a-z 0-9 . _ : - with a letter or digit
 * first, and not as those who have no token.
 */
bool token_name_is_valid(const char *text, size_t bytes);
