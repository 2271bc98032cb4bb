/*
 * verify - do the books balance? Reads the ledger, the rows and everything that rests on them.
 *
 *     struct verify *v = verify_create(&(struct verify_options){ .since_seq = 0, ... });
 *     while (!verify_is_over(v)) {
 *             reader->ops->begin(reader, &seq);        // a short snapshot for each step
 *             r = verify_step(v, reader, seq);
 *             reader->ops->end(reader);
 *     }
 *     ...verify_result(v)...
 *     verify_destroy(v);
 *
 * Each step looks at a slice and keeps no snapshot, so that a store of any size is verified while
 * others write. That works since the ledger only grows: for every row the verification keeps what
 * its movements so far sum to, and before it compares rows it takes in, within the same snapshot,
 * the movements that were written since its last step. The same goes for what reservations
 * promise: it is summed up reservation by reservation, and moved on by the movements that name
 * a reservation which was summed up before.
 *
 * With since_seq only the movements behind it are read, and only the rows that they change
 * compared; what stood before is taken as it says.
 *
 * Threads: none inside. Cost: the ledger is read once, in its order; 64 bytes of memory for each
 * row, 8 for each active reservation.
 */
#pragma once
#include "core/finding.h"
#include "store/store.h"

struct verify;

struct verify_options {
	int64_t since_seq; /* 0: everything */
	int slice_rows;    /* so many movements, rows or keys a step, >= 1 */
	int64_t rows_max;  /* stock rows; more: -ENOMEM */
};

struct verify_counts {
	int64_t movements;
	int64_t rows;
	int64_t reservations; /* active ones */
	int64_t keys;
	int64_t leases;
};

struct verify_result {
	int64_t since_seq;
	int64_t seq; /* the newest that was looked at */
	struct verify_counts checked;
	int64_t finding_count; /* all of them */
	int listed_count;      /* the first of them */
	struct finding listed[FINDINGS_LISTED_MAX];
};

/* What the movements and the active reservations of a row say that it is. */
struct verify_row {
	int64_t id;
	int64_t seq; /* its last movement; 0: none */
	int64_t version;
	int64_t on_hand;
	int64_t reserved;
	int64_t promised;
};

/* NULL: memory is short. */
struct verify *verify_create(const struct verify_options *o);
struct verify *verify_destroy(struct verify *v); /* NULL is fine; returns NULL */

/* One slice, within the reader's snapshot of this seq. 0 or a fault: then it cannot go on. */
int verify_step(struct verify *v, struct reader *reader, int64_t seq);

/*
 * Everything, to the end, in slices that a command has time for. *ret is the caller's to destroy. 0
 * or a fault.
 */
int verify_run(struct reader *reader, struct verify **ret);

bool verify_is_over(const struct verify *v);

const struct verify_result *verify_result(const struct verify *v);

/* Once all rows are compared: what the row with this id should be; zeros where nothing says so. */
struct verify_row verify_row(const struct verify *v, int64_t stock_id);
