/* How often an address may fail before it is told so. */
#include "core/failed_logins.h"
#include "unit.h"

enum { A = 1, B = 2, SETS = FAILED_LOGIN_PLACES / FAILED_LOGIN_WAYS };

static const int64_t second_ns = 1000000000;
static struct failed_logins f;

static int failures_told(uint64_t who, int64_t now_ns, int count)
{
	int told = 0;

	for (int i = 0; i < count; i++)
		told += !failed_logins_note(&f, who, now_ns);
	return told;
}

static void so_many_at_once_then_one_a_second(void **state)
{
	(void)state;
	f = (struct failed_logins){ 0 };
	assert_int_equal(failures_told(A, second_ns, 1000), FAILED_LOGINS_MAX);
	assert_int_equal(failures_told(A, 2 * second_ns, 1000), 1);
	assert_int_equal(failures_told(A, 5 * second_ns, 1000), 3);
	assert_int_equal(failures_told(A, 1000 * second_ns, 1000), FAILED_LOGINS_MAX);
}

static void each_address_for_itself(void **state)
{
	(void)state;
	f = (struct failed_logins){ 0 };
	assert_int_equal(failures_told(A, second_ns, 1000), FAILED_LOGINS_MAX);
	assert_int_equal(failures_told(B, second_ns, 1000), FAILED_LOGINS_MAX);
	assert_int_equal(failures_told(A, second_ns, 1000), 0);
}

/* Its places are taken one after the other, and memory stays what it is. */
static void very_many_addresses_forget_each_other(void **state)
{
	(void)state;
	f = (struct failed_logins){ 0 };
	for (uint64_t who = 1; who < 100000; who++)
		assert_int_equal(failures_told(who, second_ns, 1), 1);
}

/* Others of the same places do not make its failures forgotten: they would be sent for that. */
static void who_fails_most_is_remembered(void **state)
{
	(void)state;
	f = (struct failed_logins){ 0 };
	assert_int_equal(failures_told(A, second_ns, 1000), FAILED_LOGINS_MAX);
	for (uint64_t n = 1; n < 100; n++)
		assert_int_equal(failures_told(A + n * SETS, second_ns, 1), 1);
	assert_int_equal(failures_told(A, second_ns, 1000), 0);
}

/* Whoever they are: the log has so many lines at once, and so many a second. */
static void lines_of_the_log_are_bounded(void **state)
{
	int lines = 0;

	(void)state;
	f = (struct failed_logins){ 0 };
	for (int n = 0; n < 10000; n++)
		lines += failed_logins_may_log(&f, second_ns);
	assert_int_equal(lines, FAILED_LOGIN_LINES_MAX);
	for (int n = 1; n <= 10000; n++)
		lines += failed_logins_may_log(&f, second_ns + n * (second_ns / 1000));
	assert_int_equal(lines, FAILED_LOGIN_LINES_MAX + 10 * FAILED_LOGIN_LINES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_at_once_then_one_a_second),
		cmocka_unit_test(each_address_for_itself),
		cmocka_unit_test(very_many_addresses_forget_each_other),
		cmocka_unit_test(who_fails_most_is_remembered),
		cmocka_unit_test(lines_of_the_log_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
