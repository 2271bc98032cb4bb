#include "base/clock.h"
#include "core/limits.h"
#include "engine/read_admission.h"
#include "unit.h"
#include <stdatomic.h>

enum { MANY = 8 };

struct world {
	struct read_admission admission;
	atomic_int through_count;
	atomic_int refused_count;
};

static int setup(void **state)
{
	static struct world w;

	w = (struct world){ 0 };
	read_admission_init(&w.admission);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	read_admission_fini(&((struct world *)*state)->admission);
	return 0;
}

static void *read_patiently(void *context)
{
	struct world *w = context;

	assert_true(read_admission_enter(&w->admission, false, true));
	atomic_fetch_add(&w->through_count, 1);
	read_admission_leave(&w->admission, false);
	return NULL;
}

static void *read_long(void *context)
{
	struct world *w = context;

	if (read_admission_enter(&w->admission, false, false)) {
		atomic_fetch_add(&w->through_count, 1);
		read_admission_leave(&w->admission, false);
	} else {
		atomic_fetch_add(&w->refused_count, 1);
	}
	return NULL;
}

static int waiting(struct world *w)
{
	int count;

	guard_lock(&w->admission.guard);
	count = w->admission.waiting_count;
	guard_unlock(&w->admission.guard);
	return count;
}

static void start(struct world *w, pthread_t threads[], int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_long, w), 0);
}

static void join(pthread_t threads[], int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void an_open_admission_lets_everybody_through(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < MANY; i++)
		assert_true(read_admission_enter(&w->admission, i == 0, false));
	assert_int_equal(read_admission_reading(&w->admission), MANY);
	for (int i = 0; i < MANY; i++)
		read_admission_leave(&w->admission, i == 0);
	assert_int_equal(read_admission_reading(&w->admission), 0);
	read_admission_open(&w->admission);
}

static void who_is_in_it_is_waited_for(void **state)
{
	struct world *w = *state;

	assert_true(read_admission_enter(&w->admission, false, false));
	assert_false(read_admission_close(&w->admission));
	read_admission_leave(&w->admission, false);
	assert_true(read_admission_close(&w->admission));
}

static void all_that_wait_come_through_when_it_opens(void **state)
{
	struct world *w = *state;
	pthread_t threads[MANY];

	assert_true(read_admission_close(&w->admission));
	start(w, threads, MANY);
	while (waiting(w) < MANY)
		;
	assert_int_equal(atomic_load(&w->through_count), 0);
	read_admission_open(&w->admission);
	join(threads, MANY);
	assert_int_equal(atomic_load(&w->through_count), MANY);
	assert_int_equal(waiting(w), 0);
}

/* A second ago it was closed, and is still: nobody waits for it any longer. */
static void who_waited_for_a_second_is_refused(void **state)
{
	struct world *w = *state;
	pthread_t threads[MANY];

	assert_true(read_admission_close(&w->admission));
	start(w, threads, MANY);
	join(threads, MANY);
	assert_int_equal(atomic_load(&w->refused_count), MANY);
	w->admission.closed_ns = clock_monotonic_ns() - 3600 * NS_PER_S;
	assert_true(read_admission_close(&w->admission)); /* it has been since then */
	assert_false(read_admission_enter(&w->admission, false, false));
	assert_false(read_admission_enter(&w->admission, true, false));
	assert_int_equal(read_admission_reading(&w->admission), 0);
	read_admission_open(&w->admission);
	assert_true(read_admission_enter(&w->admission, false, false));
	read_admission_leave(&w->admission, false);
}

static void beside_a_read_of_the_whole_store_nobody_waits(void **state)
{
	struct world *w = *state;
	pthread_t threads[1];

	assert_true(read_admission_enter(&w->admission, true, false));
	assert_false(read_admission_close(&w->admission));
	w->admission.closed_ns -= 3600 * NS_PER_S;
	assert_true(read_admission_enter(&w->admission, false, false));
	read_admission_leave(&w->admission, true);

	/* The second begins when it leaves. */
	start(w, threads, 1);
	while (waiting(w) < 1)
		;
	assert_false(read_admission_close(&w->admission));
	read_admission_leave(&w->admission, false);
	assert_true(read_admission_close(&w->admission));
	read_admission_open(&w->admission);
	join(threads, 1);
	assert_int_equal(atomic_load(&w->through_count), 1);
}

/* However long it has been closed. */
static void who_is_patient_waits(void **state)
{
	struct world *w = *state;
	pthread_t thread;

	assert_true(read_admission_close(&w->admission));
	w->admission.closed_ns -= 3600 * NS_PER_S;
	assert_int_equal(pthread_create(&thread, NULL, read_patiently, w), 0);
	while (waiting(w) < 1)
		;
	assert_false(read_admission_enter(&w->admission, false, false));
	read_admission_open(&w->admission);
	join(&thread, 1);
	assert_int_equal(atomic_load(&w->through_count), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		CASE(an_open_admission_lets_everybody_through),
		CASE(who_is_in_it_is_waited_for),
		CASE(all_that_wait_come_through_when_it_opens),
		CASE(who_waited_for_a_second_is_refused),
		CASE(who_is_patient_waits),
		CASE(beside_a_read_of_the_whole_store_nobody_waits),
#undef CASE
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
