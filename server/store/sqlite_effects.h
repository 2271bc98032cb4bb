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
 * Threads: the writer's.
 */
#pragma once
#include "store/group.h"
#include <sqlite3.h>

/* What is shown just now; its address must stay until the connection is closed. */
struct sqlite_effects {
	const struct movement_effect *movements;
	const struct key_record *keys;
	size_t count; /* of the one or the other */
};

/*
 * effect_movement and effect_key, with the columns of movement and idempotency but for the former's
 * seq, which is the order. Call it before statements are prepared that read them. An SQLite code.
 */
int sqlite_effects_register(sqlite3 *db, struct sqlite_effects *of);
