#include "base/fault.h"
#include "unit.h"

static void nothing_was_raised_at_first(void **state)
{
	(void)state;
	assert_int_equal(fault_latest()->error, 0);
}

static void the_latest_fault_says_where_it_began(void **state)
{
	int line;

	(void)state;
	errno = ENOSPC;
	line = __LINE__ + 1;
	assert_int_equal(FAULT_DETAIL(-EIO, 778), -EIO);
	errno = 0;
	assert_int_equal(fault_latest()->error, -EIO);
	assert_int_equal(fault_latest()->detail, 778);
	assert_int_equal(fault_latest()->system_error, ENOSPC);
	assert_int_equal(fault_latest()->line, line);
	assert_string_equal(fault_latest()->file, __FILE__);

	const struct fault of_another = *fault_latest();

	assert_int_equal(FAULT(-ENOMEM), -ENOMEM);
	assert_int_equal(fault_latest()->error, -ENOMEM);
	assert_int_equal(fault_latest()->detail, 0);
	fault_adopt(&of_another);
	assert_int_equal(fault_latest()->error, -EIO);
	assert_int_equal(fault_latest()->line, line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_was_raised_at_first),
		cmocka_unit_test(the_latest_fault_says_where_it_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
