/*
 * linger - does a group wait for those who were answered just now?
 *
 * Who is answered comes again a moment later. A writer that flushes whatever is ready splits its
 * clients in two halves, each of which waits for the other one's flush: two flushes for an answer,
 * where one would do. So before it closes a group it may sleep, a slice of a flush at a time, while
 * that pays: a slice costs everybody who is in the group its length, and saves each who comes
 * meanwhile a flush. The wait ends when all are back, when too few come, or after half a flush.
 *
 *     if (linger_may_begin(&l, expected))
 *             for (slices = 1; ...sleep linger_slice_ns(&l), or until all are back...; slices++)
 *                     if (!linger_goes_on(slices, came in this slice, here))
 *                             break;
 *     linger_end(&l, came, expected);
 *     ...flush...
 *     linger_note_flush(&l, how long it took);
 *
 * Where a flush takes less than LINGER_FLUSH_US_MIN there is no wait: the loops fill one group
 * while the other is flushed, and both are needed to keep all cores at work. After a wait in vain
 * (less than half of those expected came) as many groups as LINGER_PAUSE_MAX close without one,
 * beginning with one and twice as many each time: clients who come at their own rate, and do not
 * wait for answers, pay next to nothing.
 *
 * Pure: time comes in as an argument. Numbers are of works: a part of a batch is one.
 */
#pragma once
#include "base/check.h"
#include <stdbool.h>
#include <stdint.h>

enum {
	LINGER_FLUSH_US_MIN = 400,
	LINGER_SLICES = 16, /* of a flush; a wait is half as many at most */
	LINGER_GRACE = 4,   /* of them, in which nobody needs to come */
	LINGER_PAUSE_MAX = 64,
	LINGER_SMOOTHING = 8, /* the newest flush counts for an eighth */
};

struct linger {
	int64_t flush_ns; /* what a flush takes, smoothed; 0: none was seen */
	int pause;        /* groups that close without a wait after the last one in vain; 0: none */
	int paused;       /* of those, still to come */
};

static inline void linger_note_flush(struct linger *l, int64_t took_ns)
{
	CHECK(took_ns >= 0);
	l->flush_ns += (took_ns - l->flush_ns) / LINGER_SMOOTHING;
}

/*
 * expected: how many were answered when the group before was durable. Asked once a group: a pause
 * is counted down by it.
 */
static inline bool linger_may_begin(struct linger *l, int expected)
{
	CHECK(expected >= 0);
	if (expected == 0 || l->flush_ns < LINGER_FLUSH_US_MIN * INT64_C(1000))
		return false;
	if (l->paused > 0) {
		l->paused--;
		return false;
	}
	return true;
}

static inline int64_t linger_slice_ns(const struct linger *l)
{
	return l->flush_ns / LINGER_SLICES;
}

/* After so many slices, of which the last one has brought `came`. here: in the group by then. */
static inline bool linger_goes_on(int slices, int came, int here)
{
	CHECK(slices >= 1);
	if (slices < LINGER_GRACE)
		return true; /* a burst of answers goes out before the first of them comes back */
	return slices < LINGER_SLICES / 2 && came * LINGER_SLICES > here;
}

static inline void linger_end(struct linger *l, int came, int expected)
{
	CHECK(expected > 0);
	if (2 * came >= expected) {
		l->pause = 0;
		return;
	}
	l->pause = l->pause == 0 ? 1 : 2 * l->pause;
	if (l->pause > LINGER_PAUSE_MAX)
		l->pause = LINGER_PAUSE_MAX;
	l->paused = l->pause;
}
