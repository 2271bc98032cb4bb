/*
 * tokens - making and ending tokens in a store that a server has, or nobody (rowlockd token).
 *
 *     struct tokens *t;
 *     if (tokens_open(path, may_create, &t, &result) < 0) ...result.message...
 *     r = tokens_add(t, &terms, &result);   // 0: done; above: refused; below: a fault
 *     tokens_close(t);
 *
 * `path` is a file, or a URI of PostgreSQL. It is a second writer beside the servers', in one short
 * transaction for each call, with its audit row. It waits for its turn for TOKENS_WAIT_MS, and
 * never copies the log of a file into it, not at the end either: two who do that at once may damage
 * it (SQLite before 3.51.3). A server sees what it did within a second.
 *
 * A store that nobody has, and that is not there yet or of an older version, is made or brought up
 * to date first, as a server would. No secret passes here, only its hash.
 *
 * Threads: one.
 */
#pragma once
#include "core/access.h"
#include "store/store.h"

enum { TOKENS_WAIT_MS = 10000 };

struct tokens;

/* 0, or a fault with the trouble in `result`. may_create: where no store is. */
int tokens_open(const char *path, bool may_create, struct tokens **ret,
		struct store_open_result *result);
void tokens_close(struct tokens *t); /* NULL is fine */

/* Why a call was refused; nothing was done then. */
enum tokens_refusal {
	TOKENS_DONE,
	/* This very token is there, with these terms; of its end only whether it has one. */
	TOKENS_UNCHANGED,
	TOKENS_NAME_USED, /* by a token, which may be revoked: names are not given out again */
	TOKENS_PUBLIC_USED,
	TOKENS_TOO_MANY, /* STORE_TOKENS_MAX there are, or ever were */
	TOKENS_NO_SUCH,
	TOKENS_WAS_REVOKED,
	TOKENS_HAS_EXPIRED, /* a rotation that gives it no new end */
};

/* What is asked for; each call says what it reads. */
struct token_terms {
	const char *actor; /* who asks, for the audit */
	const char *name;
	enum role role;
	int location_count;
	const struct code *locations; /* each once */
	int64_t expires_in_ms;        /* from now; 0: never, or as it was */
	int64_t overlap_ms;           /* so long the secrets before go on */
	const char *public_part;
	const unsigned char *hash;
};

/*
 * Each returns a refusal (>= 0), or a fault (< 0) with its words in `result`. add reads all but
 * overlap_ms; rotate actor, name, expires_in_ms, overlap_ms and the secret; revoke actor and name.
 */
int tokens_add(struct tokens *t, const struct token_terms *terms, struct store_open_result *result);
int tokens_rotate(struct tokens *t, const struct token_terms *terms,
		  struct store_open_result *result);
int tokens_revoke(struct tokens *t, const struct token_terms *terms,
		  struct store_open_result *result);

/* How many are valid now, or a fault. */
int64_t tokens_valid(struct tokens *t, struct store_open_result *result);

/* A line of v_tokens; texts until the next one is seen, NULL: none. */
struct token_line {
	const char *name, *role, *locations, *state, *created, *expires, *revoked;
	const char *public_parts; /* of its secrets that are still good, blanks between */
};

/* Each token there ever was, by name. 0 or a fault. */
int tokens_list(struct tokens *t, void (*see)(void *context, const struct token_line *line),
		void *context, struct store_open_result *result);

/* ---------------------------------------------------------- what each kind of store fills in */

/*
 * The steps that a change is made of. A statement may use $1 name, $2 role, $3 public part, $4
 * hash, $5 actor, $6 id of the token, $7 expires_in_ms, $8 overlap_ms, $9 code of a location, $10
 * random bytes; it yields one integer, or nothing.
 */
enum token_step {
	TOKEN_ID,         /* by name; nothing: there is none */
	TOKEN_COUNT,      /* of all */
	TOKEN_IS_REVOKED, /* by id, as all that follow unless said */
	TOKEN_HAS_EXPIRED,
	TOKEN_IS_SAME,   /* valid, with this role, end or none, public part and hash */
	TOKEN_LOCATIONS, /* how many */
	TOKEN_HAS_LOCATION,
	TOKEN_PUBLIC_USED, /* by any */
	TOKEN_END_KEYS,    /* of a store that is open: another session key */
	TOKEN_ADD,         /* yields the new id */
	TOKEN_ADD_SECRET,
	TOKEN_ADD_LOCATION,
	TOKEN_SET_END,
	TOKEN_END_SECRETS, /* those that go on for longer than the overlap end with it */
	TOKEN_REVOKE,
	TOKEN_NOTE_ADD, /* in the audit */
	TOKEN_NOTE_ROTATE,
	TOKEN_NOTE_REVOKE,
	TOKEN_VALID, /* how many are */
	TOKEN_STEPS,
};

struct tokens_ops {
	/* Begins a change, of which nobody else is in the middle. */
	int (*begin)(struct tokens *t);
	/* *ret: NULL, or gets what it yields, else 0. */
	int (*run)(struct tokens *t, enum token_step step, const struct token_terms *terms,
		   int64_t id, const char *code, int64_t *ret);
	/* Keeps all of it. */
	int (*keep)(struct tokens *t);
	/* Undoes what was not kept. */
	void (*undo)(struct tokens *t);
	/* The words for a fault. */
	void (*explain)(struct tokens *t, int r, struct store_open_result *result);
	int (*list)(struct tokens *t, void (*see)(void *context, const struct token_line *line),
		    void *context);
	void (*close)(struct tokens *t);
};

struct tokens {
	const struct tokens_ops *ops;
};

int sqlite_tokens_open(const char *path, bool may_create, struct tokens **ret,
		       struct store_open_result *result);
int postgres_tokens_open(const char *uri, bool may_create, struct tokens **ret,
			 struct store_open_result *result);
