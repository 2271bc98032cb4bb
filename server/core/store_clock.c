#include "core/store_clock.h"
#include "base/check.h"
#include "base/clock.h"

/* Years 1970 to 9999: what a date can say. */
#define WALL_MS_MAX INT64_C(253402300799999)

enum { FOLLOW_SHARE = 10 }; /* a tenth faster or slower */

_Static_assert(CLOCK_AGREES_MS < CLOCK_STEP_MS, "what was told is taken back nearer than that");
_Static_assert(CLOCK_STEP_MS < CLOCK_FOLLOWED_MS, "people hear of it before it is left behind");

static int64_t bounded(int64_t ms)
{
	return ms < 0 ? 0 : ms > WALL_MS_MAX ? WALL_MS_MAX : ms;
}

static int64_t magnitude(int64_t n)
{
	return n < 0 ? -n : n;
}

static int64_t now_ms(const struct store_clock *c)
{
	CHECK(c->run_ns >= 0);
	return c->base_ms + c->run_ns / NS_PER_MS;
}

bool store_clock_may_start(int64_t newest_ms, int64_t wall_ms)
{
	return newest_ms == 0 || bounded(wall_ms) - bounded(newest_ms) <=
					 CLOCK_START_DAYS * INT64_C(86400) * MS_PER_S;
}

void store_clock_start(struct store_clock *c, int64_t newest_ms, int64_t wall_ms, int64_t boot_ns)
{
	CHECK(boot_ns >= 0);
	newest_ms = bounded(newest_ms);
	wall_ms = bounded(wall_ms);
	*c = (struct store_clock){ .base_ms = wall_ms > newest_ms ? wall_ms : newest_ms,
				   .boot_ns = boot_ns,
				   .wall_ms = wall_ms };
}

/* How much faster or slower it ran since the last reading; never so much slower that it stood. */
static int64_t correction_ns(int64_t difference_ms, int64_t elapsed_ns)
{
	int64_t most_ns = elapsed_ns / FOLLOW_SHARE;

	CHECK(elapsed_ns >= 0);
	if (difference_ms > CLOCK_FOLLOWED_MS)
		return 0;
	if (difference_ms < -most_ns / NS_PER_MS)
		return -most_ns;
	return difference_ms > most_ns / NS_PER_MS ? most_ns : difference_ms * NS_PER_MS;
}

/* Has the wall clock stood so far ahead, at the same distance, for long enough? */
static bool has_stood(struct store_clock *c, int64_t difference_ms, int64_t boot_ns)
{
	bool was_far = c->is_far;

	CHECK(boot_ns >= c->far_ns || !c->is_far);
	c->is_far = difference_ms > CLOCK_FOLLOWED_MS;
	if (c->is_far && (!was_far || magnitude(difference_ms - c->far_ms) > CLOCK_STEP_MS)) {
		c->far_ms = difference_ms;
		c->far_ns = boot_ns;
	}
	return c->is_far && boot_ns - c->far_ns >= CLOCK_STAND_S * NS_PER_S;
}

static void believe(struct store_clock *c, int64_t wall_ms, struct clock_reading *r)
{
	CHECK(wall_ms > now_ms(c));
	r->event = CLOCK_BELIEVED;
	r->step_ms = wall_ms - now_ms(c);
	c->base_ms = wall_ms;
	c->run_ns = 0;
	c->is_far = c->is_apart = false;
}

/* What people should hear of it: that somebody set the clock, that it is off, that it agrees. */
static void note_difference(struct store_clock *c, int64_t jump_ms, struct clock_reading *r)
{
	bool is_off = magnitude(r->ahead_ms) > CLOCK_STEP_MS;

	CHECK(r->event == CLOCK_GOES_ON);
	if (magnitude(jump_ms) > CLOCK_STEP_MS || (is_off && !c->is_apart)) {
		r->event = CLOCK_STEPPED;
		r->step_ms = magnitude(jump_ms) > CLOCK_STEP_MS ? jump_ms : -r->ahead_ms;
		c->is_apart = is_off;
	} else if (c->is_apart && magnitude(r->ahead_ms) <= CLOCK_AGREES_MS) {
		r->event = CLOCK_AGREES;
		c->is_apart = false;
	}
}

struct clock_reading store_clock_read(struct store_clock *c, int64_t wall_ms, int64_t boot_ns)
{
	struct clock_reading r = { .event = CLOCK_GOES_ON };
	int64_t elapsed_ns = boot_ns - c->boot_ns;
	int64_t before_ms = now_ms(c), jump_ms, difference_ms;

	/*
	 * Two threads may read the clocks in one order and come here in the other, one of them a
	 * while later: what it has read is as old for both clocks, and nobody has set either.
	 */
	wall_ms = bounded(wall_ms);
	if (elapsed_ns < 0) {
		wall_ms -= elapsed_ns / NS_PER_MS;
		elapsed_ns = 0;
	}
	jump_ms = wall_ms - c->wall_ms - elapsed_ns / NS_PER_MS;
	c->boot_ns += elapsed_ns;
	c->wall_ms = wall_ms;
	c->run_ns += elapsed_ns;
	difference_ms = wall_ms - now_ms(c);
	if (has_stood(c, difference_ms, c->boot_ns))
		believe(c, wall_ms, &r);
	else
		c->run_ns += correction_ns(difference_ms, elapsed_ns);
	r.now_ms = now_ms(c);
	CHECK(r.now_ms >= before_ms);
	r.ahead_ms = c->ahead_ms = r.now_ms - wall_ms;
	if (r.event == CLOCK_GOES_ON)
		note_difference(c, jump_ms, &r);
	return r;
}

int64_t store_clock_wait_ns(const struct store_clock *c, int64_t at_ms)
{
	bool runs_fast = c->ahead_ms < 0 && c->ahead_ms >= -CLOCK_FOLLOWED_MS;
	int64_t left_ms;

	CHECK(c->base_ms >= 0);
	if (at_ms <= now_ms(c)) /* what somebody has typed may be before all times */
		return 0;
	left_ms = at_ms - now_ms(c);
	CHECK(left_ms > 0);
	if (left_ms > INT64_MAX / (NS_PER_MS * FOLLOW_SHARE))
		return INT64_MAX;
	return runs_fast ? left_ms * NS_PER_MS * FOLLOW_SHARE / (FOLLOW_SHARE + 1)
			 : left_ms * NS_PER_MS;
}
