/*
 * waits - what the exchanges of one loop can wait for: the lines they stand in, and the work that
 * goes on without them.
 *
 *     waits_open(&h, &options);                         // before the loop runs
 *     seq_wait_begin(&waits_of(x)->seqs, ...);
 *     waits_close(&h);                                  // after it has ended
 *
 * A kind of waiting is a file here: its `struct waiting_kind`, and the duty of its line, if it has
 * one. Add a file, and its line below; who drives the loop sees none of it.
 *
 * Threads: the loop's.
 */
#pragma once
#include "exchange/host.h"
#include "waiting/credentials.h"
#include "waiting/detached.h"
#include "waiting/movements.h"
#include "waiting/operation.h"
#include "waiting/seq.h"

struct waits {
	struct credentials credentials;
	struct detached_line detached;
	struct operation_line operations;
	struct seq_line seqs;
	struct subscribers subscribers;
};

struct waits_options {
	struct operation_book *operations; /* of all loops, which it outlives */
};

/* edge_options.open_waits: 0 or -ENOMEM. */
int waits_open(struct host *h, const struct waits_options *options);

/* Harmless when it was not opened. */
void waits_close(struct host *h);

static inline struct waits *waits_of(const struct exchange *x)
{
	return x->host->waits;
}
