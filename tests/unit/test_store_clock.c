/*
 * test_store_clock - what time it is for the store, while somebody turns the wall clock.
 *
 * Two clocks are played against each other: `at` seconds after the start by the boot clock the wall
 * clock is set by so much. A hold is taken, and must end after its time, a tenth more or less.
 */
#include "base/clock.h"
#include "core/store_clock.h"
#include "unit.h"
#include <stdlib.h>

enum { HOUR_S = 3600, DAY_S = 86400, TICK_MS = 250, STEPS = 200000 };

/* 2026-11-30T08:00:00Z. */
#define TODAY_MS INT64_C(1796025600000)

/* The clocks of a machine that is played. */
struct machine {
	int64_t boot_ns;
	int64_t wall_ms;
};

static struct clock_reading tick(struct store_clock *c, struct machine *m, int64_t ms)
{
	m->boot_ns += ms * NS_PER_MS;
	m->wall_ms += ms;
	return store_clock_read(c, m->wall_ms, m->boot_ns);
}

struct turn {
	const char *what;
	int64_t newest_s; /* newest committed time, after (or before) the wall clock at the start */
	int64_t at_s, by_s;        /* then the wall clock is set */
	int64_t back_s;            /* so much later it is set right again; 0: never */
	int64_t asleep_s;          /* from at_s on nobody looks at any clock for so long */
	int64_t parts_per_1000;    /* the wall clock runs so much faster */
	int64_t hold_s;            /* taken right before at_s */
	int64_t least_ms, most_ms; /* how long it lasts by the boot clock */
	int steps, believed;       /* how often people are told */
	bool agrees;               /* four hours later */
};

static const struct turn turns[] = {
	/* clang-format off */
	{ "nothing happens",                        0, 5, 0, 0, 0, 0,        60, 60000, 60250, 0, 0, true },
	{ "an hour back",                           0, 5, -HOUR_S, 0, 0, 0,   2, 2000, 2500, 1, 0, false },
	{ "an hour back, a long hold",              0, 5, -HOUR_S, 0, 0, 0,   600, 600000, 667000, 1, 0, false },
	{ "ten minutes back",                       0, 5, -600, 0, 0, 0,      60, 60000, 67000, 1, 0, true },
	{ "half a second back is no news",          0, 5, 0, 0, 0, -1,        60, 60000, 61000, 0, 0, true },
	{ "ten minutes forward",                    0, 5, 600, 0, 0, 0,       60, 54000, 60000, 1, 0, true },
	{ "fifteen minutes forward",                0, 5, 900, 0, 0, 0,       60, 54000, 60000, 1, 0, true },
	{ "a day and an hour forward for 2 s",      0, 5, 25 * HOUR_S, 2, 0, 0, 60, 59500, 60500, 2, 0, true },
	{ "a day forward for 59 s",                 0, 5, DAY_S, 59, 0, 0,    300, 299500, 300500, 2, 0, true },
	{ "a day forward, for good",                0, 5, DAY_S, 0, 0, 0,     300, 59500, 61000, 1, 1, true },
	{ "16 minutes forward, for good",           0, 5, 960, 0, 0, 0,       HOUR_S, 2640000, 2702000, 1, 1, true },
	{ "ten years forward for 5 s",              0, 5, 3650 * (int64_t)DAY_S, 5, 0, 0, 60, 59500, 60500, 2, 0, true },
	{ "the start is an hour behind the store",  HOUR_S, 5, 0, 0, 0, 0,    2, 2000, 2500, 1, 0, false },
	{ "the start is a year behind the store",   365 * (int64_t)DAY_S, 5, 0, 0, 0, 0, 2, 2000, 2500, 1, 0, false },
	{ "the start is a year behind, then right", 365 * (int64_t)DAY_S, 5, 365 * (int64_t)DAY_S, 0, 0, 0, 60, 59000, 62000, 2, 0, true },
	{ "the start is long after the store",      -300 * (int64_t)DAY_S, 5, 0, 0, 0, 0, 2, 2000, 2250, 0, 0, true },
	{ "asleep for an hour: its time counts",    0, 5, 0, 0, HOUR_S, 0,    600, HOUR_S * 1000, HOUR_S * 1000 + 250, 0, 0, true },
	{ "asleep, and the clock was set back",     0, 5, -HOUR_S, 0, HOUR_S, 0, 600, HOUR_S * 1000, HOUR_S * 1000 + 250, 1, 0, false },
	{ "asleep, and the clock was a day ahead",  0, 5, DAY_S, 0, HOUR_S, 0, 2 * HOUR_S, HOUR_S * 1000 + 59000, HOUR_S * 1000 + 61000, 1, 1, true },
	{ "the clock gains a second in 100",        0, 5, 0, 0, 0, 10,        600, 590000, 600000, 0, 0, true },
	{ "the clock loses a second in 100",        0, 5, 0, 0, 0, -10,       600, 600000, 610000, 0, 0, true },
	/* clang-format on */
};

/* The wall clock goes on by itself, and is set when the time has come. */
static void turn_wall(const struct turn *t, struct machine *m, int64_t start_ms)
{
	int64_t run_ms = m->boot_ns / NS_PER_MS, by_ms = 0;

	if (run_ms > t->at_s * 1000)
		by_ms += t->by_s * 1000;
	if (t->back_s > 0 && run_ms > (t->at_s + t->back_s) * 1000)
		by_ms -= t->by_s * 1000;
	m->wall_ms = start_ms + run_ms + by_ms + run_ms * t->parts_per_1000 / 1000;
}

static void a_hold_lasts_as_long_as_was_promised(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(turns); i++) {
		const struct turn *t = &turns[i];
		struct machine m = { .wall_ms = TODAY_MS };
		struct clock_reading r = { .now_ms = 0 };
		int64_t ends_ms = 0, lasted_ms = -1, latest_ms = 0;
		int steps = 0, believed = 0;
		struct store_clock c;

		store_clock_start(&c, TODAY_MS + t->newest_s * 1000, TODAY_MS, 0);
		while (m.boot_ns < (t->at_s + 4 * HOUR_S) * NS_PER_S) {
			bool falls_asleep = t->asleep_s > 0 && m.boot_ns == t->at_s * NS_PER_S;

			m.boot_ns += falls_asleep ? t->asleep_s * NS_PER_S : TICK_MS * NS_PER_MS;
			turn_wall(t, &m, TODAY_MS);
			r = store_clock_read(&c, m.wall_ms, m.boot_ns);
			ROW_EXPECT(t->what, r.now_ms >= latest_ms);
			latest_ms = r.now_ms;
			steps += r.event == CLOCK_STEPPED;
			believed += r.event == CLOCK_BELIEVED;
			if (m.boot_ns == t->at_s * NS_PER_S)
				ends_ms = r.now_ms + t->hold_s * 1000;
			if (ends_ms != 0 && lasted_ms < 0 && r.now_ms >= ends_ms)
				lasted_ms = m.boot_ns / NS_PER_MS - t->at_s * 1000;
		}
		ROW_EXPECT(t->what, lasted_ms >= t->least_ms);
		ROW_EXPECT(t->what, lasted_ms <= t->most_ms);
		ROW_EXPECT(t->what, steps == t->steps);
		ROW_EXPECT(t->what, believed == t->believed);
		ROW_EXPECT(t->what, (llabs(r.ahead_ms) <= CLOCK_STEP_MS) == t->agrees);
	}
}

static void a_start_far_ahead_of_the_store_is_no_start(void **state)
{
	static const struct {
		const char *what;
		int64_t newest_ms, wall_ms;
		bool may_start;
	} rows[] = {
		{ "a new store", 0, TODAY_MS, true },
		{ "the same time", TODAY_MS, TODAY_MS, true },
		{ "a weekend later", TODAY_MS, TODAY_MS + 3 * DAY_S * INT64_C(1000), true },
		{ "400 days later", TODAY_MS, TODAY_MS + 400 * DAY_S * INT64_C(1000), true },
		{ "a millisecond more", TODAY_MS, TODAY_MS + 400 * DAY_S * INT64_C(1000) + 1,
		  false },
		{ "1970", TODAY_MS, 0, true },
		{ "before 1970", TODAY_MS, -1, true },
		{ "the end of time", TODAY_MS, INT64_MAX, false },
		{ "a store from the end of time", INT64_MAX, TODAY_MS, true },
		{ "a store from before all time", INT64_MIN, TODAY_MS, false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++)
		ROW_EXPECT(rows[i].what,
			   store_clock_may_start(rows[i].newest_ms, rows[i].wall_ms) ==
				   rows[i].may_start);
}

static void it_says_how_long_to_wait_at_least(void **state)
{
	struct machine m = { .wall_ms = TODAY_MS };
	struct store_clock c;

	(void)state;
	store_clock_start(&c, 0, m.wall_ms, m.boot_ns);
	tick(&c, &m, 1000);
	assert_int_equal(store_clock_wait_ns(&c, TODAY_MS + 1000), 0);
	assert_int_equal(store_clock_wait_ns(&c, TODAY_MS + 2100), 1100 * NS_PER_MS);
	assert_true(store_clock_wait_ns(&c, INT64_MAX) == INT64_MAX);
	m.wall_ms += 60000; /* it runs faster now */
	tick(&c, &m, 1000);
	assert_int_equal(store_clock_wait_ns(&c, TODAY_MS + 2100 + 1100), 1000 * NS_PER_MS);
}

/* Whatever the clocks do: it never runs backwards, and never more than a tenth off unless told. */
/* A thread that was held up between its reading of the clocks and its turn. */
static void what_was_read_long_ago_is_no_news(void **state)
{
	struct machine m = { .boot_ns = NS_PER_S, .wall_ms = TODAY_MS }, old;
	struct store_clock c;

	(void)state;
	store_clock_start(&c, 0, m.wall_ms, m.boot_ns);
	for (int held_ms = 1; held_ms < HOUR_S * 1000; held_ms *= 3) {
		struct clock_reading r;

		old = m;
		r = tick(&c, &m, held_ms);
		assert_int_equal(r.event, CLOCK_GOES_ON);
		assert_int_equal(r.now_ms, m.wall_ms);
		r = store_clock_read(&c, old.wall_ms, old.boot_ns);
		assert_int_equal(r.event, CLOCK_GOES_ON);
		assert_int_equal(r.now_ms, m.wall_ms);
		assert_int_equal(r.ahead_ms, 0);
	}
	assert_int_equal(tick(&c, &m, TICK_MS).event, CLOCK_GOES_ON);
}

static void it_never_runs_backwards(void **state)
{
	struct machine m = { .wall_ms = TODAY_MS };
	int64_t latest_ms = 0;
	struct store_clock c;

	(void)state;
	srandom(4711);
	store_clock_start(&c, TODAY_MS - 5, m.wall_ms, m.boot_ns);
	for (int i = 0; i < STEPS; i++) {
		int64_t elapsed_ms = random() % (random() % 1000 == 0 ? 100000000 : 2000);
		int64_t jitter_ns = random() % 3 == 0 ? random() % 1000000 : 0;
		struct clock_reading r;

		if (random() % 50 == 0)
			m.wall_ms += (random() % 2000001 - 1000000) * (random() % 100000);
		if (random() % 5000 == 0)
			m.wall_ms = random() % 2 == 0 ? INT64_MAX / 2 : INT64_MIN / 2;
		if (random() % 5000 == 1)
			m.wall_ms = TODAY_MS;
		r = tick(&c, &m, elapsed_ms);
		m.boot_ns += jitter_ns;
		assert_true(r.now_ms >= latest_ms);
		if (i > 0 && r.event != CLOCK_BELIEVED) {
			assert_true(r.now_ms - latest_ms <= (elapsed_ms + 1) * 11 / 10 + 2);
			assert_true(r.now_ms - latest_ms >= elapsed_ms * 9 / 10 - 2);
		}
		if (r.event == CLOCK_BELIEVED)
			assert_true(r.step_ms > CLOCK_FOLLOWED_MS);
		latest_ms = r.now_ms;
		/* Another thread has read the clocks earlier, and comes now. */
		r = store_clock_read(&c, m.wall_ms, m.boot_ns - jitter_ns - 5);
		assert_true(r.now_ms >= latest_ms);
		latest_ms = r.now_ms;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hold_lasts_as_long_as_was_promised),
		cmocka_unit_test(a_start_far_ahead_of_the_store_is_no_start),
		cmocka_unit_test(it_says_how_long_to_wait_at_least),
		cmocka_unit_test(what_was_read_long_ago_is_no_news),
		cmocka_unit_test(it_never_runs_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
