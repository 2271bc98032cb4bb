/* test_store_time - one store time for every thread, over clocks that the test turns. */
#include "base/clock.h"
#include "engine/store_time.h"
#include "ops/log.h"
#include "unit.h"
#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS = 4, READINGS = 50000, HOUR_MS = 3600 * 1000 };

#define TODAY_MS INT64_C(1796025600000)

struct machine {
	atomic_int_fast64_t wall_ms;
	atomic_int_fast64_t boot_ns;
};

static int64_t utc_ms(void *context)
{
	return atomic_load(&((struct machine *)context)->wall_ms);
}

static int64_t boot_ns(void *context)
{
	return atomic_load(&((struct machine *)context)->boot_ns);
}

static void machine_init(struct machine *m, struct store_time *t, int64_t newest_ms)
{
	struct clocks clocks = { .utc_ms = utc_ms, .boot_ns = boot_ns, .context = m };

	atomic_init(&m->wall_ms, TODAY_MS);
	atomic_init(&m->boot_ns, NS_PER_S);
	store_time_init(t, &clocks, newest_ms);
}

static void pass(struct machine *m, int64_t ms)
{
	atomic_fetch_add(&m->wall_ms, ms);
	atomic_fetch_add(&m->boot_ns, ms * NS_PER_MS);
}

static void it_begins_at_the_later_of_both(void **state)
{
	struct store_time t;
	struct machine m;

	(void)state;
	machine_init(&m, &t, 0);
	assert_true(store_time_now(&t) == TODAY_MS);
	store_time_fini(&t);
	machine_init(&m, &t, TODAY_MS + HOUR_MS);
	assert_true(store_time_now(&t) == TODAY_MS + HOUR_MS);
	assert_int_equal(store_time_ahead_ms(&t), HOUR_MS);
	pass(&m, 1000);
	assert_true(store_time_now(&t) == TODAY_MS + HOUR_MS + 900);
	store_time_fini(&t);
}

static void what_was_believed_is_told_once(void **state)
{
	struct store_time t;
	struct machine m;

	(void)state;
	machine_init(&m, &t, 0);
	atomic_fetch_add(&m.wall_ms, 24 * HOUR_MS);
	assert_true(store_time_now(&t) == TODAY_MS);
	assert_int_equal(store_time_take_believed(&t), 0);
	pass(&m, 60000);
	assert_true(store_time_now(&t) == TODAY_MS + 24 * HOUR_MS + 60000);
	assert_int_equal(store_time_take_believed(&t), 24 * HOUR_MS);
	assert_int_equal(store_time_take_believed(&t), 0);
	store_time_fini(&t);
}

static void it_says_until_when_to_wait(void **state)
{
	struct store_time t;
	struct machine m;
	int64_t before_ns = clock_monotonic_ns(), until_ns;

	(void)state;
	machine_init(&m, &t, 0);
	until_ns = store_time_until_ns(&t, TODAY_MS + 5000);
	assert_true(until_ns >= before_ns + 5 * NS_PER_S);
	assert_true(until_ns <= clock_monotonic_ns() + 5 * NS_PER_S);
	assert_true(store_time_until_ns(&t, INT64_MAX) == INT64_MAX);
	assert_true(store_time_until_ns(&t, INT64_MIN) <= clock_monotonic_ns());
	store_time_fini(&t);
}

/* ---------------------------------------------------------------- threads */

struct reader {
	pthread_t thread;
	struct store_time *time;
	struct machine *machine;
	unsigned seed;
	bool went_back;
};

static void *read_on(void *context)
{
	struct reader *r = context;
	int64_t latest_ms = 0;

	for (int i = 0; i < READINGS; i++) {
		int64_t now_ms;

		pass(r->machine, rand_r(&r->seed) % 3);
		if (rand_r(&r->seed) % 1000 == 0)
			atomic_fetch_add(&r->machine->wall_ms,
					 rand_r(&r->seed) % (2 * HOUR_MS) - HOUR_MS);
		now_ms = store_time_now(r->time);
		r->went_back = r->went_back || now_ms < latest_ms;
		latest_ms = now_ms;
	}
	return NULL;
}

static void it_never_runs_backwards_for_any_thread(void **state)
{
	struct reader readers[THREADS];
	struct store_time t;
	struct machine m;

	(void)state;
	machine_init(&m, &t, 0);
	for (int i = 0; i < THREADS; i++) {
		readers[i] = (struct reader){ .time = &t, .machine = &m, .seed = (unsigned)i };
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		assert_false(readers[i].went_back);
	}
	store_time_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_at_the_later_of_both),
		cmocka_unit_test(what_was_believed_is_told_once),
		cmocka_unit_test(it_says_until_when_to_wait),
		cmocka_unit_test(it_never_runs_backwards_for_any_thread),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
