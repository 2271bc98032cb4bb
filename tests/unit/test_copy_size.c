#include "core/copy_size.h"
#include "unit.h"
#include <stddef.h>

static struct copy_size after(int count, int64_t bytes, int64_t took_ns)
{
	struct copy_size c;

	copy_size_init(&c);
	for (int i = 0; i < count; i++)
		copy_size_note(&c, bytes, took_ns);
	return c;
}

static void it_begins_small_and_stays_so_while_copies_are_short(void **state)
{
	(void)state;
	assert_int_equal(after(0, 0, 0).bytes, COPY_BYTES_MIN);
	assert_int_equal(after(10, COPY_BYTES_MIN, 800000).bytes, COPY_BYTES_MIN);
}

/* Rows all over a large store, or a slow disk. */
static void long_copies_make_it_large_up_to_where_it_must_be(void **state)
{
	static const int64_t took_ns = 40000000;
	int64_t before = COPY_BYTES_MIN;

	(void)state;
	for (int count = 1; before < WAL_BYTES_CHECKPOINT; count++) {
		assert_int_equal(after(count, before, took_ns).bytes, 2 * before);
		before *= 2;
	}
	assert_int_equal(after(100, COPY_BYTES_MIN, took_ns).bytes, WAL_BYTES_CHECKPOINT);
}

static void short_copies_make_it_small_again(void **state)
{
	struct copy_size c = after(100, COPY_BYTES_MIN, 40000000);

	(void)state;
	copy_size_note(&c, c.bytes, copy_size_allowed_ns(c.bytes));
	assert_int_equal(c.bytes, WAL_BYTES_CHECKPOINT / 2);
	for (int i = 0; i < 10; i++)
		copy_size_note(&c, c.bytes, 1000000);
	assert_int_equal(c.bytes, COPY_BYTES_MIN);
}

/* For 32 MiB: a thousand rows 3.4 ms, a batch 25, a million rows 30. */
static void a_long_log_may_take_longer(void **state)
{
	(void)state;
	assert_true(copy_size_allowed_ns(WAL_BYTES_CHECKPOINT) > 25000000);
	assert_true(copy_size_allowed_ns(WAL_BYTES_CHECKPOINT) < 30000000);
	assert_true(copy_size_allowed_ns(COPY_BYTES_MIN) < 4000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_small_and_stays_so_while_copies_are_short),
		cmocka_unit_test(long_copies_make_it_large_up_to_where_it_must_be),
		cmocka_unit_test(short_copies_make_it_small_again),
		cmocka_unit_test(a_long_log_may_take_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
