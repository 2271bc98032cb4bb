/*
 * till - one client's own connection to a small shop in plain SQLite, and the handful of statements
 * that the strategies are written in.
 *
 *     level = till_level(t, row);          // what was committed last; takes no lock
 *     till_begin(t);                       // the database's write lock: one till at a time
 *     till_put(t, row, level - 1);
 *     till_book(t, row, -1);               // the ledger: one line for each change
 *     till_commit(t);                      // returns when it is on disk
 *
 * SQLite's write lock is polled for, with sleeps that grow. Here the tills take turns at a mutex
 * before it, so that waiting for it costs no strategy more than any other.
 *
 * A fault is remembered, and reads as 0 units; what follows it does nothing. till_fault() says so
 * at the end: strategies stay as short as they are.
 *
 * Threads: each till belongs to one racer.
 */
#pragma once
#include "lab/race.h"

/* Makes the shop's database: row_count rows of so many units. 0 or a fault. */
int shop_create(const char *path, int row_count, int64_t units);

int till_open(struct race *race, struct till **ret);
void till_close(struct till *t); /* NULL is fine */
int till_fault(const struct till *t);

int64_t till_level(struct till *t, int row);
int64_t till_level_and_version(struct till *t, int row, int64_t *ret_version);

void till_begin(struct till *t);
void till_put(struct till *t, int row, int64_t level);
/* UPDATE … WHERE version = …: false when somebody was faster. */
bool till_put_if_unchanged(struct till *t, int row, int64_t level, int64_t version);
/* UPDATE … WHERE on_hand >= …: false when there is less than that. */
bool till_take(struct till *t, int row, int64_t units);
void till_book(struct till *t, int row, int64_t delta);
void till_commit(struct till *t);
void till_rollback(struct till *t);

/* Orders that were placed, by their number; no constraint keeps one from being there twice. */
bool till_has_order(struct till *t, int64_t number);
void till_place_order(struct till *t, int64_t number);

/* DONE, or FAILED where the till has a fault. */
enum verdict till_verdict(struct till *t);

/*
 * The first column of each row of an SQL query over a database that nobody has open. 0 or a fault.
 */
int shop_query(const char *path, const char *sql, void (*see)(void *context, int64_t number),
	       void *context);
