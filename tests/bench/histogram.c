#include "histogram.h"
#include "base/check.h"
#include <math.h>

#define VALUE_MAX ((INT64_C(1) << HISTOGRAM_VALUE_BITS) - 1)

/* How many low bits of a value its cell does not tell apart. */
static int shift_of(int64_t value)
{
	int bits = 64 - __builtin_clzll((unsigned long long)value | 1);

	return bits > HISTOGRAM_STEP_BITS + 1 ? bits - (HISTOGRAM_STEP_BITS + 1) : 0;
}

/* From 256 on each further bit of a value has 128 cells, behind those of the bit before. */
static int cell_of(int64_t value)
{
	int shift = shift_of(value);

	return (shift << HISTOGRAM_STEP_BITS) + (int)(value >> shift);
}

/* The greatest value of a cell. */
static int64_t cell_end(int cell)
{
	int shift = cell < (2 << HISTOGRAM_STEP_BITS) ? 0 : (cell >> HISTOGRAM_STEP_BITS) - 1;
	int64_t front = cell - (shift << HISTOGRAM_STEP_BITS);

	return ((front + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, int64_t value)
{
	int64_t held = value < 0 ? 0 : value > VALUE_MAX ? VALUE_MAX : value;

	h->cells[cell_of(held)]++;
	h->count++;
	if (value > h->most)
		h->most = value;
}

int64_t histogram_percentile(const struct histogram *h, double percent)
{
	int64_t wanted = (int64_t)ceil(percent / 100 * (double)h->count);
	int64_t passed = 0;

	CHECK(percent > 0 && percent <= 100);
	for (int cell = 0; cell < HISTOGRAM_CELLS; cell++) {
		passed += h->cells[cell];
		if (passed > 0 && passed >= wanted)
			return cell_end(cell) < h->most ? cell_end(cell) : h->most;
	}
	return h->most;
}
