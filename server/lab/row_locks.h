/*
 * row_locks - a mutex for each row.
 *
 *     if (!row_lock_take(r, row))
 *             ...a deadlock: give back what you hold, and give up...
 *     row_lock_give(r, row);
 *
 * Whoever waits longer than DEADLOCK_MS looks whether it is a deadlock at all: the owner of the row
 * waits for a row whose owner waits ... for a row of mine. If so it is the victim; if not, the
 * queue is merely long and it waits on. Each deadlock so has one victim and is counted once.
 */
#pragma once
#include "lab/race.h"

enum { DEADLOCK_MS = 50 };

int row_locks_create(int row_count, struct row_locks **ret); /* 0 or a fault */
void row_locks_destroy(struct row_locks *l);                 /* NULL is fine */

/* Waits for the row. False: that would be for ever. */
bool row_lock_take(struct racer *r, int row);
void row_lock_give(struct racer *r, int row);
