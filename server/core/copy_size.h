/*
 * copy_size - from which size on the log is copied in a moment in which nobody waits.
 *
 * A copy writes each page once, however often the log has it, and flushes twice; meanwhile the
 * writer does nothing else, and whoever comes waits. Where updates change the same few pages, or
 * append to the ledger, as a batch does, a copy takes about as long as its log is: often and short
 * costs nothing more, and nobody waits long. Where each update changes a page of its own, or the
 * disk is slow, a short log takes nearly as long as a long one: seldom costs less. So a copy that
 * took longer than its size allows doubles the size, one that did not halves it, between
 * COPY_BYTES_MIN and WAL_BYTES_CHECKPOINT, from which on it cannot wait for an idle moment.
 *
 *     if (is_idle && bytes >= c.bytes)
 *             ...copy...
 *             copy_size_note(&c, bytes, how long it took);
 *
 * Pure: time comes in as an argument. Cost: nothing.
 */
#pragma once
#include "base/check.h"
#include "core/limits.h"
#include <stdint.h>

enum {
	COPY_BYTES_MIN = 2 * 1024 * 1024,
	COPY_US_MAX = 2000,        /* any copy may take that, */
	COPY_US_MAX_PER_MIB = 800, /* and this for each MiB of the log */
};

_Static_assert((int)COPY_BYTES_MIN < (int)WAL_BYTES_CHECKPOINT,
	       "an early copy comes before one that must");

struct copy_size {
	int64_t bytes;
};

static inline void copy_size_init(struct copy_size *c)
{
	c->bytes = COPY_BYTES_MIN;
}

static inline int64_t copy_size_allowed_ns(int64_t bytes)
{
	CHECK(bytes >= 0);
	return (COPY_US_MAX + bytes / (1024 * 1024) * COPY_US_MAX_PER_MIB) * INT64_C(1000);
}

/* A log of so many bytes was copied. */
static inline void copy_size_note(struct copy_size *c, int64_t bytes, int64_t took_ns)
{
	CHECK(c->bytes >= COPY_BYTES_MIN);
	CHECK(c->bytes <= WAL_BYTES_CHECKPOINT);
	if (took_ns > copy_size_allowed_ns(bytes))
		c->bytes *= 2;
	else
		c->bytes /= 2;
	if (c->bytes < COPY_BYTES_MIN)
		c->bytes = COPY_BYTES_MIN;
	if (c->bytes > WAL_BYTES_CHECKPOINT)
		c->bytes = WAL_BYTES_CHECKPOINT;
}
