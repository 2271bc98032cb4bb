/*
 * part_size - how many lines of a batch are decided together.
 *
 * Many, because a row is written once for each group, and a flush is one for each, however many
 * lines there are; few, because whoever writes beside a batch waits for one of its parts, or for
 * two. So parts grow while nobody else writes, each twice as long as the one before, up to
 * BATCH_PART_LINES_ALONE_MAX; as soon as somebody comes they have at most BATCH_PART_LINES_MAX
 * again, until nobody has come for BATCH_ALONE_MS. A part that could not be had is followed by
 * smaller ones.
 *
 *     part_size_begin(&p, &of_the_batch_before, now_ns, arrival_count);
 *     part_size_look(&p, now_ns, arrival_count);      // before each part
 *     ...at most p.lines_max lines become a part...
 *     part_size_note_arrival(&p);
 *     part_size_grow(&p), or part_size_shrink(&p, line_count, is_leased)
 *
 * Pure: time and the number of writes that have come so far (service_arrival_count()) are told.
 */
#pragma once
#include "base/check.h"
#include "core/limits.h"
#include <stdbool.h>

#define PART_SIZE_NEVER INT64_MIN

struct part_size {
	int lines_max;          /* of the next part; >= 1 */
	uint64_t arrival_count; /* when it was looked at last, with our own parts since */
	int64_t alone_since_ns; /* monotonic: somebody else came last; PART_SIZE_NEVER */
};

/* The most that a part may have now. */
static inline int part_size_bound(const struct part_size *p, int64_t now_ns)
{
	bool is_alone = p->alone_since_ns == PART_SIZE_NEVER ||
			now_ns - p->alone_since_ns > BATCH_ALONE_MS * INT64_C(1000000);

	return is_alone ? BATCH_PART_LINES_ALONE_MAX : BATCH_PART_LINES_MAX;
}

/* Has anybody else come? */
static inline void part_size_look(struct part_size *p, int64_t now_ns, uint64_t arrival_count)
{
	int bound;

	if (arrival_count > p->arrival_count)
		p->alone_since_ns = now_ns;
	p->arrival_count = arrival_count;
	bound = part_size_bound(p, now_ns);
	if (p->lines_max > bound)
		p->lines_max = bound;
}

/*
 * before: of the batch that looked last, also if it has ended: whoever came beside it, or has come
 * since, counts. {0}: there was none.
 */
static inline void part_size_begin(struct part_size *p, const struct part_size *before,
				   int64_t now_ns, uint64_t arrival_count)
{
	bool is_first = before->lines_max == 0;

	*p = (struct part_size){ .lines_max = BATCH_PART_LINES_MAX,
				 .arrival_count = is_first ? arrival_count : before->arrival_count,
				 .alone_since_ns =
					 is_first ? PART_SIZE_NEVER : before->alone_since_ns };
	part_size_look(p, now_ns, arrival_count);
}

/* A part has joined the queues. */
static inline void part_size_note_arrival(struct part_size *p)
{
	p->arrival_count++;
}

/* A part was decided: the next one may be longer, within what part_size_look() allows. */
static inline void part_size_grow(struct part_size *p)
{
	CHECK(p->lines_max >= 1);
	p->lines_max *= 2;
	if (p->lines_max > BATCH_PART_LINES_ALONE_MAX)
		p->lines_max = BATCH_PART_LINES_ALONE_MAX;
}

/*
 * A part of line_count >= 2 could not be had. A lease is in the way of one line, which is found by
 * halving at once; after a wait in vain for another reason lines go one by one.
 */
static inline void part_size_shrink(struct part_size *p, int line_count, bool is_leased)
{
	CHECK(line_count >= 2);
	p->lines_max = is_leased ? line_count / 2 : 1;
}
