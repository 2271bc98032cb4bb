#include "client/crawl.h"
#include "base/check.h"
#include <stdlib.h>

static int64_t place(const struct crawl_ask *a, enum crawl_place by)
{
	switch (by) {
	case PLACE_OF_ANSWER:
		return a->status == 0 ? -1 : a->answered;
	case PLACE_IN_LINE:
		return a->ahead;
	case PLACE_OF_SERVICE:
		return a->version;
	}
	return -1;
}

struct placed {
	int64_t place;
	int number;
};

static int compare_places(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	return x->place != y->place ? (x->place > y->place) - (x->place < y->place)
				    : (x->number > y->number) - (x->number < y->number);
}

bool lane_order(const struct crawl_lane *lane, enum crawl_place by, int ret_order[])
{
	struct placed placed[CRAWL_COUNT_MAX];

	CHECK(lane->count <= CRAWL_COUNT_MAX);
	for (int i = 0; i < lane->count; i++) {
		placed[i] = (struct placed){ place(&lane->asks[i], by), i };
		if (placed[i].place < 0)
			return false;
	}
	qsort(placed, (size_t)lane->count, sizeof(placed[0]), compare_places);
	for (int i = 0; i < lane->count; i++)
		ret_order[i] = placed[i].number;
	return true;
}

/* Every pair is looked at: a thousand numbers have half a million. */
struct disorder disorder_of(const int order[], int count)
{
	struct disorder d = { 0 };
	int64_t moved_sum = 0;

	for (int i = 0; i < count; i++) {
		int moved = abs(order[i] - i);

		for (int k = i + 1; k < count; k++)
			d.pairs += order[i] > order[k];
		d.in_place += moved == 0;
		d.moved_max = moved > d.moved_max ? moved : d.moved_max;
		moved_sum += moved;
	}
	if (count > 1)
		d.pairs_share = (double)d.pairs * 2 / ((double)count * (count - 1));
	if (count > 0)
		d.moved_mean = (double)moved_sum / count;
	return d;
}

static int compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t lane_median_ns(const struct crawl_lane *lane)
{
	int64_t times[CRAWL_COUNT_MAX];

	if (lane->count == 0)
		return 0;
	for (int i = 0; i < lane->count; i++)
		times[i] = lane->asks[i].took_ns;
	qsort(times, (size_t)lane->count, sizeof(times[0]), compare_times);
	return times[lane->count / 2];
}

bool crawl_is_alone(const struct crawl_result *r)
{
	int line[CRAWL_COUNT_MAX];

	if (!r->is_in_line || !lane_order(r->updates, PLACE_IN_LINE, line))
		return false;
	for (int i = 0; i < r->updates->count; i++)
		if (r->updates->asks[line[i]].ahead != i)
			return false;
	return true;
}

bool crawl_is_in_order(const struct crawl_result *r)
{
	int line[CRAWL_COUNT_MAX], service[CRAWL_COUNT_MAX];

	if (!lane_order(r->updates, PLACE_IN_LINE, line) ||
	    !lane_order(r->updates, PLACE_OF_SERVICE, service))
		return false;
	for (int i = 0; i < r->updates->count; i++) {
		const struct crawl_ask *asks = r->updates->asks;

		if (line[i] != service[i])
			return false;
		if (i > 0 && asks[service[i]].version == asks[service[i - 1]].version)
			return false;
	}
	return true;
}
