/*
 * copy - a store with its whole history, from SQLite to PostgreSQL or back (rowlockd copy).
 *
 *     r = copy_run(&(struct copy_options){ .from = "stock.db", .to = "postgresql://..." },
 *                  &report, &result);
 *
 * 1. The source is locked, so that no server starts on it and nobody writes to it, and verified:
 *    one whose books do not balance is refused, since a level is what its last movement says
 *    there, and nothing else.
 * 2. Rows go over in the order of their keys, with their ids, seqs, versions and times: the
 *    catalogue, the ledger, reservations, leases, keys, tokens with the hashes of their secrets,
 *    the audit, and the numbers that the store gives next. A lease goes along as it would through
 *    a restart: it holds its rows until its time is over.
 * 3. Both are read again, row by row, and compared, each column of each table; then the target is
 *    verified. Only then is it a store that a server opens.
 *
 * Killed on the way to PostgreSQL the same command goes on where it was, as long as the source is
 * as it was: what had been copied is compared at the end as all the rest. Otherwise it begins
 * again. A copy to SQLite is a file of another name until it is verified, and always begins again:
 * a file that was half written without a journal may be anything, and to write it takes seconds.
 *
 * The copy has a new epoch, so that no cursor of the change feed goes on in it: where both go on,
 * the same seq would be of two movements. With keeps_epoch it has the source's: for a move, where
 * the source is never opened again.
 *
 * Threads: one. Memory: a part's rows are in the connection's buffers; 64 bytes for each stock row.
 */
#pragma once
#include "store/verify.h"

/* Rows that are kept by one commit of the target. */
enum { COPY_PART_ROWS = 50000 };

enum copy_stage { COPY_VERIFIES_SOURCE, COPY_COPIES, COPY_COMPARES, COPY_VERIFIES_TARGET };

struct copy_options {
	const char *from, *to; /* paths, or URIs: one of them each */
	const char *actor;     /* who asks, for the audit */
	bool keeps_epoch;
	/* Now and then, growing within a stage; NULL: not told. percent -1: nobody can say. */
	void (*progress)(void *context, enum copy_stage stage, int percent);
	void *context;
};

struct copy_report {
	int64_t rows; /* of all tables, as compared */
	int64_t movements;
	int64_t seq;
	int64_t rows_before; /* that an interrupted copy had brought over */
	char epoch[EPOCH_BYTES_MAX + 1];
	bool goes_on;      /* where an interrupted one was */
	bool begins_again; /* what an interrupted one had copied was thrown away */
	/* Of the source or the target, where there are findings; the caller's to destroy. */
	struct verify *verify;
};

/*
 * 0, or a fault with the trouble in `result`. With findings of a verification, in ret->verify, that
 * is STORE_CORRUPT.
 */
int copy_run(const struct copy_options *o, struct copy_report *ret,
	     struct store_open_result *result);
