/*
 * any_store - every store there is, behind the same few words, for tests of what all promise.
 *
 *     struct any_store s;
 *     any_store_open(&s, kind);                       // items A and B, locations WH1 and WH2
 *     any_begin_with(&s.w, "A WH1", NULL);
 *     any_adjust(&s.w, "A", "WH1", 5);
 *     assert_int_equal(any_commit(&s.w), 0);
 *     any_store_close(&s);
 *
 * A second writer of the same store is a `struct any_writer` of its own.
 */
#pragma once
#include "store/group.h"
#include "store/memory.h"
#include "store/postgres.h"
#include "store/sqlite_private.h"

struct any_kind {
	const char *name;
	bool is_sqlite;
	bool is_postgres;
	bool survives_closing;
	struct memory_options memory;
};

/*
 * The SQLite file, the store in memory in each of its ways, and PostgreSQL: which is there where
 * ROWLOCK_TEST_POSTGRES is the URI of a database, as by tests/pg/with_postgres.py, and is then the
 * one that is tried alone, as the others are tried without.
 */
enum { ANY_KINDS = 5 };
extern const struct any_kind any_kinds[ANY_KINDS];
/* The first to be tried, and how many from there. */
size_t any_kind_first(void);
size_t any_kind_end(void);

/* A writer, and the group that it has open. */
struct any_writer {
	struct store_writer *writer;
	struct group_begun begun;
	struct want want;
	struct found found;
	struct effects effects;
	struct arena memory; /* of what the group does */
	int64_t seq;         /* the last that the group has given */
	int64_t now_ms;
	uint64_t group;
};

struct any_store {
	const struct any_kind *kind;
	char folder[64];
	char path[96];
	int schema;           /* of PostgreSQL: its number; 0: none yet */
	struct store *opened; /* NULL: it is in_memory */
	struct memory *in_memory;
	struct any_writer w;
	struct reader *reader;
};

enum { ANY_SEED = 42, ANY_TRIES = 100 };
#define ANY_NOW_MS INT64_C(1700000000000)

void any_store_open(struct any_store *s, const struct any_kind *kind);
void any_store_close(struct any_store *s);
/* Closes and opens it, where it survives that. */
void any_store_reopen(struct any_store *s);
void any_store_load_time(struct any_store *s, struct stored_time *ret);

void any_writer_open(struct any_store *s, struct any_writer *w);
void any_writer_close(struct any_writer *w);

struct row_ref *any_row(struct any_writer *w, const char *sku, const char *location);

void any_begin(struct any_writer *w);
/* What was wanted since the last lock. Whether rows are held by others is in w->found. */
int any_lock(struct any_writer *w, int64_t wait_ms);
/* begin, want these rows ("A WH1", ..., NULL) and lock. */
void any_begin_with(struct any_writer *w, ...) __attribute__((sentinel));

/* In a group, of rows that are locked. */
void any_move(struct any_writer *w, const char *sku, const char *location,
	      const struct movement *what);
void any_adjust(struct any_writer *w, const char *sku, const char *location, int64_t delta);
void any_put_item(struct any_writer *w, const char *sku, void *owner);
void any_put_location(struct any_writer *w, const char *code, void *owner);
/* name NULL: one that number() makes. Two lines, of A and B at WH1, whose rows are locked. */
struct reservation *any_reserve(struct any_writer *w, const char *name, int64_t expires_at_ms);
void any_resolve(struct any_writer *w, struct reservation *reservation,
		 enum reservation_state state);
struct lease_effect *any_lease(struct any_writer *w, const char *id, int64_t expires_at_ms,
			       const char *sku, const char *location);
struct key_record *any_key(struct any_writer *w, int64_t id, const char *key, int64_t at_ms);

int any_write(struct any_writer *w);
/* write and commit */
int any_commit(struct any_writer *w);
/* What became of a commit that said -EREMOTEIO: 0, kept; -ENOTCONN, not: the group is over. */
int any_settle(struct any_writer *w);
void any_abandon(struct any_writer *w);

/* In a snapshot of its own. */
int64_t any_on_hand(struct any_store *s, const char *sku, const char *location);
int64_t any_newest_seq(struct any_store *s);
