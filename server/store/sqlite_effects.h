/*
 * sqlite_effects - movements and keys of a group as tables that a statement can read.
 *
 * One INSERT ... SELECT takes in all of them: the statement begins, opens its table and ends once a
 * group instead of once a row, and nothing is bound. Instructions for a row of the ledger, with
 * SQLite 3.40 and the whole schema:
 *
 *     rows in the group                       1      2      4      64
 *     a statement a row                   6,996  6,992  7,021  7,126
 *     VALUES (...), (...) of 64 rows                             5,543
 *     these tables                        7,468  5,953  5,180   4,424
 *
 * The tables have no content of their own: what they show is lent to them for one statement.
 * The connection that they were made for knows them, and nobody else who opens the file; no view
 * and no trigger can name them.
 *
 * Rows of stock that lie close together are changed by one UPDATE that walks over them; functions
 * say which of them have changed, and to what. Rows in all that were changed, and instructions for
 * one of them; a statement a row takes 5,872:
 *
 *     every one   every second   2 in 5   every fourth   every sixteenth
 *         2,979          3,429    3,632          4,353            10,165
 *
 * Threads: the writer's.
 */
#pragma once
#include "store/group.h"
#include <sqlite3.h>

/* What is shown just now; its address must stay until the connection is closed. */
struct sqlite_effects {
	const struct movement_effect *movements;
	const struct key_record *keys;
	struct found_row *const *rows; /* by stock.id, upwards */
	size_t count;                  /* of the one or the other */
	size_t at;                     /* the row that was looked at last */
};

/*
 * Sorts them by stock.id, if they lie so close together that there may be a walk. False: there is
 * none, and they stay in their order.
 */
bool sqlite_effects_sort(struct found_row *rows[], size_t count);

/*
 * Of rows that were sorted, where rows[from] begins a walk: how many of them it takes. 1: this one
 * is better written alone. Rows that were not changed may lie between them.
 */
size_t sqlite_effects_walk(struct found_row *const rows[], size_t from, size_t count);

/*
 * effect_movement and effect_key, with the columns of movement and idempotency but for the former's
 * seq, which is the order; row_is_changed(id), and row_on_hand(id) and the like. Call this before
 * statements are prepared that read them. An SQLite code.
 */
int sqlite_effects_register(sqlite3 *db, struct sqlite_effects *of);
