/*
 * store_fixture - a store in a folder of its own, with two items and a location, and short words
 * for what the tests do with it.
 *
 *     struct fixture f;
 *     fixture_open(&f);                          // items A and B, location WH1, no stock
 *     fixture_begin(&f);
 *     fixture_change(&f, 0, 5);                  // +5 of A: its row, and a movement
 *     assert_int_equal(fixture_commit(&f), 0);
 *     fixture_close(&f);                         // everything is gone
 *
 * Sees the file through the store's contract, and through a connection of another program.
 */
#pragma once
#include "store/sqlite.h"

enum { FIXTURE_ITEMS = 2 };

struct fixture {
	char folder[64];
	char path[96];
	struct store *store;
	struct reader *reader; /* opened when it is first asked for */
	int64_t seq;           /* the newest given, committed or not */
	int64_t key_last;      /* the same of keys */
	struct item items[FIXTURE_ITEMS];
	struct location location;
	struct stock stocks[FIXTURE_ITEMS]; /* as last written */
};

void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

/* Closes the store and opens it again: what is in memory is forgotten. */
void fixture_reopen(struct fixture *f);

/* Reads rows and seq anew, as the engine does when others have written. */
void fixture_load(struct fixture *f);

void fixture_begin(struct fixture *f);
int fixture_commit(struct fixture *f);
void fixture_rollback(struct fixture *f);

/* Within a group: changes the row of an item by `delta`, with its movement. 0 or a fault. */
int fixture_try_change(struct fixture *f, int item, int64_t delta);
void fixture_change(struct fixture *f, int item, int64_t delta);

/* In a group of its own. */
void fixture_change_committed(struct fixture *f, int item, int64_t delta);

/* What a snapshot of now says is on hand. */
int64_t fixture_on_hand(struct fixture *f, int item);

/* Another program: the first column of the first row; or runs it, and says with which code. */
int64_t fixture_query(struct fixture *f, const char *sql);
int fixture_execute(struct fixture *f, const char *sql);
