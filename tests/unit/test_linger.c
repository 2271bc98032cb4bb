#include "core/linger.h"
#include "unit.h"
#include <stddef.h>

static const int64_t flush_ns = 2000000;

/* A disk that is known by now. */
static struct linger known(int64_t takes_ns)
{
	struct linger l = { 0 };

	for (int i = 0; i < 100; i++)
		linger_note_flush(&l, takes_ns);
	return l;
}

static void a_fast_disk_is_not_waited_for(void **state)
{
	struct linger l = { 0 };

	(void)state;
	assert_false(linger_may_begin(&l, 64)); /* none was seen */
	l = known(LINGER_FLUSH_US_MIN * INT64_C(1000) / 2);
	assert_false(linger_may_begin(&l, 64));
	l = known(2 * LINGER_FLUSH_US_MIN * INT64_C(1000));
	assert_true(linger_may_begin(&l, 64));
	assert_false(linger_may_begin(&l, 0)); /* nobody was answered */
}

static void one_slow_flush_is_no_slow_disk(void **state)
{
	struct linger l = known(100000);

	(void)state;
	linger_note_flush(&l, flush_ns);
	assert_false(linger_may_begin(&l, 64));
	for (int i = 0; i < 8; i++)
		linger_note_flush(&l, flush_ns);
	assert_true(linger_may_begin(&l, 64));
}

static void a_slice_is_a_part_of_a_flush(void **state)
{
	struct linger l = known(flush_ns);

	(void)state;
	assert_in_range(linger_slice_ns(&l), flush_ns / LINGER_SLICES * 9 / 10,
			flush_ns / LINGER_SLICES);
}

/* Slices x who came in the last one x who is here. */
static void it_ends_when_it_does_not_pay(void **state)
{
	static const struct {
		int slices, came, here;
		bool goes_on;
	} cases[] = {
		{ 1, 0, 1000, true },
		{ LINGER_GRACE - 1, 0, 1000, true },
		{ LINGER_GRACE, 0, 1, false },
		{ LINGER_GRACE, 1, LINGER_SLICES - 1, true },
		{ LINGER_GRACE, 1, LINGER_SLICES, false },
		{ LINGER_GRACE, 5, 64, true },
		{ LINGER_GRACE, 4, 64, false },
		{ LINGER_SLICES / 2 - 1, 64, 64, true },
		{ LINGER_SLICES / 2, 64, 64, false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
		assert_int_equal(linger_goes_on(cases[i].slices, cases[i].came, cases[i].here),
				 cases[i].goes_on);
}

/* How many of so many groups would wait, where of those expected so many come. */
static int waits(struct linger *l, int groups, int came, int expected)
{
	int count = 0;

	for (int i = 0; i < groups; i++) {
		if (!linger_may_begin(l, expected))
			continue;
		count++;
		linger_end(l, came, expected);
	}
	return count;
}

static void who_comes_back_is_always_waited_for(void **state)
{
	struct linger l = known(flush_ns);

	(void)state;
	assert_int_equal(waits(&l, 1000, 64, 64), 1000);
	assert_int_equal(waits(&l, 1000, 32, 64), 1000);
}

static void strangers_are_waited_for_less_and_less(void **state)
{
	struct linger l = known(flush_ns);

	(void)state;
	assert_int_equal(waits(&l, 1 + 1 + 1 + 2 + 1 + 4, 31, 64), 3);
	assert_in_range(waits(&l, 100 * LINGER_PAUSE_MAX, 0, 64), 90, 110);
	/* They come back again: that is found out within a pause. */
	assert_true(waits(&l, 2 * LINGER_PAUSE_MAX, 64, 64) >= LINGER_PAUSE_MAX);
	assert_int_equal(waits(&l, 10, 64, 64), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fast_disk_is_not_waited_for),
		cmocka_unit_test(one_slow_flush_is_no_slow_disk),
		cmocka_unit_test(a_slice_is_a_part_of_a_flush),
		cmocka_unit_test(it_ends_when_it_does_not_pay),
		cmocka_unit_test(who_comes_back_is_always_waited_for),
		cmocka_unit_test(strangers_are_waited_for_less_and_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
