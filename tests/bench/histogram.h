/*
 * histogram - how long many things took: any percentile, in the memory of a few pages.
 *
 *     static struct histogram h;
 *     histogram_add(&h, took_ns);
 *     printf("%" PRId64 "\n", histogram_percentile(&h, 99));
 *
 * A cell holds the values that agree in their highest bit and the seven below it, so that cells
 * grow with what they hold: up to 255 each value has its own, above a percentile is at most one
 * part in 128 (0.8 %) greater than the value that stands there in order, and never less. The
 * scheme is that of the HDR histogram (Gil Tene). `most` is exact.
 *
 * Range: 0 to 2^40 - 1, which are 18 minutes in nanoseconds; what is longer counts as that (but
 * for `most`), what is negative as 0. Cost: an increment; a percentile walks 4,352 cells. A struct
 * of zeros is an empty one. Threads: one at a time.
 */
#pragma once
#include <stdint.h>

enum {
	HISTOGRAM_STEP_BITS = 7,
	HISTOGRAM_VALUE_BITS = 40,
	HISTOGRAM_CELLS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS,
};

struct histogram {
	int64_t count;
	int64_t most;
	int64_t cells[HISTOGRAM_CELLS];
};

void histogram_add(struct histogram *h, int64_t value);

/*
 * The least value that `percent` (above 0, at most 100) of all are not greater than, rounded up to
 * the end of its cell; 0 where there is none.
 */
int64_t histogram_percentile(const struct histogram *h, double percent);
