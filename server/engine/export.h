/*
 * export - all that a store has now, written as one snapshot into a spool.
 *
 * As NDJSON it is a batch (wire/export_lines.h) that makes the same catalogue, levels and open
 * reservations in an empty store. The rules hold there, too, so what they would refuse comes round
 * about: what is archived is archived by a last line, and an item that owes more than it may is
 * allowed anything until its last line.
 *
 *     locations, items ──> levels ──> open reservations ──> archived, and what may be owed
 *
 * As CSV it is the levels with their names: a table for a spreadsheet.
 *
 * Texts that no request may say, which a hand left in the store, are mended (engine/mend.h).
 *
 * Threads: a reader thread. Cost: a few µs a row; memory for a page of PAGE_ROWS_MAX rows, and for
 * the names of what needs a last line.
 */
#pragma once
#include "ops/spool.h"
#include "store/store.h"
#include <stdatomic.h>

struct export_request {
	struct reader *reader; /* in a snapshot */
	struct spool *spool;
	int64_t now_ms;           /* UTC: what runs out until then is not exported */
	atomic_bool *is_unwanted; /* asked between pages: nobody waits for it any more */
};

/* 0; -ECANCELED: it is unwanted; or a fault of the store or the spool. */
int export_lines(const struct export_request *e);
int export_csv(const struct export_request *e);
