#include "core/group_size.h"
#include "unit.h"

static const int64_t now_ns = 5000000000, open_ns = GROUP_OPEN_US_MAX * INT64_C(1000);

static void a_new_group_takes_all_it_may(void **state)
{
	struct group_size g = { .decided_count = 3, .member_count = 2 };

	(void)state;
	group_size_begin(&g);
	assert_int_equal(group_size_room(&g, now_ns), GROUP_COMMANDS_MAX);
	assert_int_equal(g.member_count, 0);
}

static void it_closes_when_it_is_full(void **state)
{
	struct group_size g;

	(void)state;
	group_size_begin(&g);
	for (int i = 1; i <= GROUP_COMMANDS_MAX; i++) {
		group_size_add(&g, now_ns, i % 2 == 0, 1);
		assert_int_equal(group_size_room(&g, now_ns), GROUP_COMMANDS_MAX - i);
	}
	assert_int_equal(g.decided_count, GROUP_COMMANDS_MAX);
	assert_int_equal(g.member_count, GROUP_COMMANDS_MAX / 2);
}

static void it_closes_when_the_first_member_has_waited_enough(void **state)
{
	struct group_size g;

	(void)state;
	group_size_begin(&g);
	group_size_add(&g, now_ns, true, 1);
	group_size_add(&g, now_ns + open_ns, true, 1);
	assert_true(group_size_room(&g, now_ns + open_ns) > 0);
	assert_int_equal(group_size_room(&g, now_ns + open_ns + 1), 0);
}

static void who_was_answered_at_once_waits_for_nothing(void **state)
{
	struct group_size g;

	(void)state;
	group_size_begin(&g);
	group_size_add(&g, now_ns, false, 1);
	assert_int_equal(group_size_room(&g, now_ns + 10 * open_ns), GROUP_COMMANDS_MAX - 1);
	group_size_add(&g, now_ns + 10 * open_ns, true, 1);
	assert_true(group_size_room(&g, now_ns + 11 * open_ns) > 0);
	assert_int_equal(group_size_room(&g, now_ns + 11 * open_ns + 1), 0);
}

static void a_part_of_a_batch_may_make_it_fuller(void **state)
{
	struct group_size g;

	(void)state;
	group_size_begin(&g);
	group_size_add(&g, now_ns, true, GROUP_COMMANDS_MAX - 1);
	assert_int_equal(group_size_room(&g, now_ns), 1);
	group_size_add(&g, now_ns, true, BATCH_PART_LINES_MAX);
	assert_int_equal(group_size_room(&g, now_ns), 0);
	assert_int_equal(g.member_count, GROUP_COMMANDS_MAX - 1 + BATCH_PART_LINES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_group_takes_all_it_may),
		cmocka_unit_test(it_closes_when_it_is_full),
		cmocka_unit_test(it_closes_when_the_first_member_has_waited_enough),
		cmocka_unit_test(a_part_of_a_batch_may_make_it_fuller),
		cmocka_unit_test(who_was_answered_at_once_waits_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
