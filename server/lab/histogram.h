/*
 * histogram - how long things took: 32 steps to each doubling, so an answer is right to 3 %.
 *
 *     histogram_add(&h, ns);
 *     histogram_merge(&all, &h);
 *     p99_ns = histogram_quantile(&all, 0.99);
 *
 * Cost: a few ns to add, nothing allocated; 16 KiB. Threads: one at a time.
 */
#pragma once
#include "base/check.h"
#include <stdint.h>

enum { HISTOGRAM_STEP_BITS = 5, HISTOGRAM_CELLS = 64 << HISTOGRAM_STEP_BITS };

struct histogram {
	int64_t count;
	int64_t cells[HISTOGRAM_CELLS];
};

/* Values below 2^STEP_BITS have a cell each; above, the leading bits choose it. */
static inline int histogram_cell(int64_t value)
{
	uint64_t v = value > 0 ? (uint64_t)value : 0;
	int shift = 0;

	while (v >> shift >= (2u << HISTOGRAM_STEP_BITS))
		shift++;
	return (shift << HISTOGRAM_STEP_BITS) + (int)(v >> shift);
}

/* The largest value of a cell. */
static inline int64_t histogram_cell_end(int cell)
{
	int shift = cell < (2 << HISTOGRAM_STEP_BITS) ? 0 : (cell >> HISTOGRAM_STEP_BITS) - 1;
	int64_t leading = cell - (shift << HISTOGRAM_STEP_BITS);

	return (leading << shift) + ((INT64_C(1) << shift) - 1);
}

static inline void histogram_add(struct histogram *h, int64_t value)
{
	int cell = histogram_cell(value);

	CHECK(cell < HISTOGRAM_CELLS);
	h->cells[cell]++;
	h->count++;
}

static inline void histogram_merge(struct histogram *into, const struct histogram *h)
{
	for (int i = 0; i < HISTOGRAM_CELLS; i++)
		into->cells[i] += h->cells[i];
	into->count += h->count;
}

/* The value that so much of all (0 to 1) does not exceed; 0 when there is nothing. */
static inline int64_t histogram_quantile(const struct histogram *h, double share)
{
	int64_t below = (int64_t)((double)h->count * share), seen = 0;

	for (int i = 0; i < HISTOGRAM_CELLS; i++) {
		seen += h->cells[i];
		if (seen > below)
			return histogram_cell_end(i);
	}
	return 0;
}
