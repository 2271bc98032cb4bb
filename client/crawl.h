/*
 * crawl - many reads and as many updates of one row, all asked at once: in which order were they
 * asked, and in which were they answered?
 *
 * A lane is what was asked of one kind, reads or updates, numbered from 0 in the order in which the
 * requests were sent. Orders are permutations of these numbers: the first to be answered, the
 * second, and so on.
 *
 *     lane_order(&updates, order, by_answer);
 *     struct disorder d = disorder_of(order, updates.count);
 *     if (d.pairs == 0) ...as they were asked...
 *
 * An update has two more places beside those in which it was asked and answered. `ahead` is how
 * many stood before it when it joined the row's queue, which the server says of it (Server-Timing),
 * and `version` is the number of the row's change that it made: the order of service, which cannot
 * be other than what it says, for each change was made to what the one before had left.
 *
 * No I/O, no clock. Threads: one.
 */
#pragma once
#include "client/api_calls.h"

enum { CRAWL_COUNT_MAX = 1000 };

struct crawl_ask {
	struct call call;
	struct crawl_lane *lane;
	long status;      /* 0: it was not answered */
	int64_t answered; /* its place among all answers, of both lanes */
	int64_t took_ns;
	int64_t ahead, version; /* of an update; -1: not said */
};

struct crawl_lane {
	bool is_of_updates;
	int count;
	int failures; /* answered by something else than a success */
	struct crawl_ask *asks;
};

/* How far an order is from that of the numbers themselves. */
struct disorder {
	int64_t pairs;      /* that are the wrong way round */
	double pairs_share; /* of all pairs; a shuffle has 0.5 */
	int in_place;       /* numbers that stand at their own place */
	double moved_mean;  /* places from there, on average */
	int moved_max;
};

enum crawl_place { PLACE_OF_ANSWER, PLACE_IN_LINE, PLACE_OF_SERVICE };

/* Writes the numbers in the order of such places. False: one has no such place. */
bool lane_order(const struct crawl_lane *lane, enum crawl_place by, int ret_order[]);

struct disorder disorder_of(const int order[], int count);

/* The middle of the times that they took. */
int64_t lane_median_ns(const struct crawl_lane *lane);

/* What came out, for people and for programs. */
struct crawl_result {
	const char *server, *sku, *location;
	uint64_t seed;
	const struct crawl_lane *reads, *updates;
	bool is_in_line; /* every update was in the row's queue before the first was served */
};

/*
 * Were they all that stood in line? Where others do, and give up, two updates can be told the same
 * place, and their order in line is not known.
 */
bool crawl_is_alone(const struct crawl_result *r);

/* Were the updates carried out one after the other, in the order of the line? */
bool crawl_is_in_order(const struct crawl_result *r);

void crawl_show(const struct crawl_result *r);
void crawl_show_json(const struct crawl_result *r);
