#include "core/deadline.h"
#include "unit.h"

enum { PLACES = 7, PLACES_MAX = 13 };

struct fixture {
	struct deadline deadlines[PLACES_MAX];
	struct deadline *heap[PLACES_MAX];
	struct deadline_queue queue;
};

static void fixture_set(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	deadline_queue_init(&f->queue, f->heap, PLACES_MAX);
}

static void nothing_waits_in_an_empty_queue(void **state)
{
	struct fixture f;

	(void)state;
	fixture_set(&f);
	assert_null(deadline_pop_due(&f.queue, INT64_MAX));
	assert_int_equal(deadline_next_ns(&f.queue), INT64_MAX);
}

/* clang-format off */
static const int64_t orders[][PLACES] = {
	{ 1, 2, 3, 4, 5, 6, 7 },
	{ 7, 6, 5, 4, 3, 2, 1 },
	{ 4, 2, 6, 1, 3, 5, 7 },
	{ 3, 3, 3, 1, 1, 9, 9 },
	{ 5, 1, 5, 1, 5, 1, 5 },
	{ -3, 0, -7, 2, 0, -1, INT64_MAX },
};
/* clang-format on */

static void they_come_out_by_time(void **state)
{
	struct fixture f;

	(void)state;
	for (size_t o = 0; o < LENGTH_OF(orders); o++) {
		int64_t last = INT64_MIN;

		fixture_set(&f);
		for (int i = 0; i < PLACES; i++)
			deadline_add(&f.queue, &f.deadlines[i], orders[o][i]);
		for (int i = 0; i < PLACES; i++) {
			struct deadline *d = deadline_pop_due(&f.queue, INT64_MAX);

			assert_non_null(d);
			assert_false(deadline_is_set(d));
			assert_true(d->at_ns >= last);
			last = d->at_ns;
		}
		assert_int_equal(f.queue.count, 0);
	}
}

static void only_those_that_are_due_come_out(void **state)
{
	struct fixture f;

	(void)state;
	fixture_set(&f);
	deadline_add(&f.queue, &f.deadlines[0], 20);
	deadline_add(&f.queue, &f.deadlines[1], 10);
	assert_int_equal(deadline_next_ns(&f.queue), 10);
	assert_null(deadline_pop_due(&f.queue, 9));
	assert_ptr_equal(deadline_pop_due(&f.queue, 10), &f.deadlines[1]);
	assert_int_equal(deadline_next_ns(&f.queue), 20);
	assert_null(deadline_pop_due(&f.queue, 19));
	assert_ptr_equal(deadline_pop_due(&f.queue, 99), &f.deadlines[0]);
}

static void removing_leaves_the_others_in_order(void **state)
{
	struct fixture f;

	(void)state;
	for (int gone = 0; gone < PLACES; gone++) {
		fixture_set(&f);
		for (int i = 0; i < PLACES; i++)
			deadline_add(&f.queue, &f.deadlines[i], orders[2][i]);
		deadline_remove(&f.queue, &f.deadlines[gone]);
		deadline_remove(&f.queue, &f.deadlines[gone]); /* harmless */
		assert_false(deadline_is_set(&f.deadlines[gone]));
		for (int64_t time = 1; time <= PLACES; time++) {
			if (time == orders[2][gone])
				continue;
			assert_int_equal(deadline_next_ns(&f.queue), time);
			assert_int_equal(deadline_pop_due(&f.queue, time)->at_ns, time);
		}
		assert_int_equal(f.queue.count, 0);
	}
}

/*
 * The last one in the heap, 4, is earlier than what stands over the gap that it fills: 11 and 10.
 * Left under them, it would not be the earliest when its turn comes.
 */
static void the_one_that_fills_the_gap_may_rise(void **state)
{
	static const int64_t times[PLACES_MAX] = { 1, 10, 2, 11, 12, 3, 20, 13, 14, 15, 16, 30, 4 };
	struct fixture f;

	(void)state;
	fixture_set(&f);
	for (int i = 0; i < PLACES_MAX; i++)
		deadline_add(&f.queue, &f.deadlines[i], times[i]);
	deadline_remove(&f.queue, &f.deadlines[7]);
	for (int64_t time = 1; time <= 4; time++)
		assert_int_equal(deadline_pop_due(&f.queue, 99)->at_ns, time);
	assert_int_equal(deadline_next_ns(&f.queue), 10);
}

static void one_that_came_out_may_go_in_again(void **state)
{
	struct fixture f;

	(void)state;
	fixture_set(&f);
	deadline_add(&f.queue, &f.deadlines[0], 5);
	assert_ptr_equal(deadline_pop_due(&f.queue, 5), &f.deadlines[0]);
	deadline_add(&f.queue, &f.deadlines[0], 3);
	assert_true(deadline_is_set(&f.deadlines[0]));
	assert_int_equal(deadline_next_ns(&f.queue), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_waits_in_an_empty_queue),
		cmocka_unit_test(they_come_out_by_time),
		cmocka_unit_test(only_those_that_are_due_come_out),
		cmocka_unit_test(removing_leaves_the_others_in_order),
		cmocka_unit_test(the_one_that_fills_the_gap_may_rise),
		cmocka_unit_test(one_that_came_out_may_go_in_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
