/*
 * access_book - all tokens in memory, as the store has them, for whoever judges requests.
 *
 *     struct access_view view;                          // one per thread that asks
 *     access_view_init(&view, service_access(s));
 *     ...
 *     const struct access_table *t = access_view_use(&view);
 *     const struct access_secret *found;
 *     switch (access_judge(t, text, bytes, now_ms, &found)) ...
 *     ...found->token->actor is of whom it is, until the thread's next access_view_use()...
 *
 * A table never changes: when somebody has changed a token, by whatever hand, another one takes its
 * place, with the next generation. A thread of its own looks four times a second at the store's
 * counter, also when nobody writes. Where the store cannot be read it keeps the table that it has,
 * says so in the log, and looks again.
 *
 *     event=access_changed generation=2 tokens=3 secrets=4 state=closed
 *     event=access_damaged left_out=1       rows that make no sense open nothing
 *     event=access_unread error="..."       once, until it can be read again
 *
 * What is to outlive the turn of a thread is copied (core/access.h: actor_copy()), or holds the
 * table (access_hold()). What came of a token is judged again by the generation, and by until_ms.
 *
 * Threads: any; a view belongs to one. Cost of access_view_use(): an atomic load, and a guard once
 * for each generation; of access_find(): a hash of ten bytes and a comparison or two. Memory: some
 * 400 bytes for each token and each secret, and 65 for each location of a token.
 */
#pragma once
#include "core/access.h"
#include "engine/guard.h"
#include "store/store.h"
#include <stdatomic.h>

enum { ACCESS_LOOK_MS = 250 };

enum access_state {
	ACCESS_OPEN,   /* the store never had a token: whoever reaches it may do everything */
	ACCESS_CLOSED, /* it ever had one */
};

struct access_token {
	struct actor actor; /* his locations are in the table */
	/*
	 * Store time from which on it opens nothing: it was revoked, has expired, or none of its
	 * secrets opens anything. INT64_MAX: never.
	 */
	int64_t until_ms;
	bool is_revoked;
};

/* What a request is known by. */
struct access_secret {
	const struct access_token *token;
	int64_t until_ms; /* the earlier one of its own end and its token's */
	char public_part[TOKEN_PUBLIC_BYTES];
	unsigned char hash[TOKEN_HASH_BYTES];
};

struct access_table; /* access_book.c */
struct access_book;

/*
 * Reads all tokens; with is_watched, starts the thread that sees changes. 0 or a fault. Closing
 * leaves tables that somebody holds, and views, as they are; NULL is fine.
 */
int access_book_open(struct store *store, bool is_watched, struct access_book **ret);
void access_book_close(struct access_book *b);

/* Looks now rather than within 250 ms. */
void access_book_look(struct access_book *b);

/* Is it open? As of the newest table; one atomic load. */
enum access_state access_book_state(const struct access_book *b);

/* Counts the tables, from 1; one atomic load. */
uint64_t access_book_generation(const struct access_book *b);

/* ------------------------------------------------------------------ a thread's view */

/*
 * Keeps a table for those who go on with what a thread has found in it. Each view has one of its
 * own, so that threads do not take turns at counting.
 */
struct access_grip {
	const struct access_table *table; /* held */
	atomic_int holder_count;
};

struct access_view {
	struct access_book *book;
	const struct access_table *table; /* held */
	uint64_t generation;              /* of it; 0: none yet */
	struct access_grip *grip;         /* of it; NULL: nobody has asked for one */
};

void access_view_init(struct access_view *v, struct access_book *b);
void access_view_fini(struct access_view *v); /* before the book is closed */

/* The newest table: it, and what was found in it, stay until this thread's next call of this. */
const struct access_table *access_view_use(struct access_view *v);

/*
 * What was found in the view's table stays until access_grip_release(), which any thread may call;
 * the view may have another table by then, or be gone. NULL: memory is short.
 */
struct access_grip *access_view_grip(struct access_view *v);
void access_grip_release(struct access_grip *g);

/* One holder more, of a grip that has one. */
static inline void access_grip_hold(struct access_grip *g)
{
	atomic_fetch_add_explicit(&g->holder_count, 1, memory_order_relaxed);
}

/* For as long as somebody holds it. */
void access_hold(const struct access_table *t);
void access_release(const struct access_table *t);

/* ------------------------------------------------------------------ what a table says */

enum access_state access_state_of(const struct access_table *t);
uint64_t access_generation_of(const struct access_table *t);

/* The key by which the page's cookies are signed; NULL: the store has none, so there are none. */
const unsigned char *access_session_key(const struct access_table *t);

/* The generation that this key came with: another number means another key. */
uint64_t access_session_key_generation(const struct access_table *t);

/* The secret with this public part, of TOKEN_PUBLIC_BYTES, whether it is valid or not; or NULL. */
const struct access_secret *access_find(const struct access_table *t, const char *public_part);

/* The token with this id, whether it is valid or not; or NULL. */
const struct access_token *access_find_token(const struct access_table *t, int64_t token_id);

enum access_verdict {
	ACCESS_GOOD,
	ACCESS_MALFORMED, /* it is not the text of a token */
	ACCESS_UNKNOWN,   /* nobody has such a public part, or it has another secret */
	ACCESS_REVOKED,   /* the secret is right: its owner may be told */
	ACCESS_EXPIRED, /* so may he here: the token has expired, or was rotated long enough ago */
};

/*
 * What a token's text is worth at now_ms, store time. *ret is set but for MALFORMED and UNKNOWN.
 * Hashes the secret, about a microsecond, where the public part is known.
 */
enum access_verdict access_judge(const struct access_table *t, const char *text, size_t bytes,
				 int64_t now_ms, const struct access_secret **ret);
