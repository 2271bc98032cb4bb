/*
 * settings - reading them with each allocation failing in turn: a complaint that says so, or a
 * refused reload that changes nothing; and nothing is left of what was read by then.
 */
#include "failing.h"
#include "ops/config.h"
#include "ops/log.h"
#include "unit.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char first[] = "host-name = a\nhost-name = b\nlisten = :1\nlisten = :2\nslow-ms = 7\n";
static const char second[] = "host-name = a\nhost-name = c\nslow-ms = 8\n";

static char path[] = "/tmp/rowlock-settings-XXXXXX";
static char program[] = "rowlockd", config[] = "--config", one[] = "--trust-proxy=10.0.0.1",
	    two[] = "--trust-proxy=unix", address[] = "--listen=:9";
static char *arguments[] = { program, config, path, one, two, address, NULL };

static void file_write(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	failing_drive();
	return fd >= 0 ? close(fd) : -1;
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static enum config_result read_failing(struct config_reading *r, long n, int *ret_code)
{
	enum config_result result;

	failing_arm(n, FAILING_HERE);
	result = config_read(r, (int)LENGTH_OF(arguments) - 1, arguments, ret_code);
	return result;
}

static void each_allocation_of_the_start(void **state)
{
	static struct config_reading r;
	bool has_failed = true;
	long n;

	(void)state;
	file_write(first);
	for (n = 1; has_failed; n++) {
		int code = 0;
		enum config_result result = read_failing(&r, n, &code);

		has_failed = failing_disarm();
		if (!has_failed) {
			assert_int_equal(result, CONFIG_RUN);
			assert_string_equal(r.config.host_name, "a,b");
			assert_string_equal(r.config.listen, ":9");
			assert_string_equal(r.config.trust_proxy, "10.0.0.1,unix");
		} else if (result !=
			   CONFIG_RUN) { /* what is written on stderr may be refused, too */
			assert_int_equal(result, CONFIG_WRONG);
			assert_true(code == 64 || code == 78);
			assert_non_null(strstr(r.error, strerror(ENOMEM)));
		}
		config_reading_fini(&r);
	}
	assert_true(n > 4); /* two lists, the file, and one more of its own */
}

static void each_allocation_of_a_reload(void **state)
{
	static struct config_reading r;
	bool has_failed = true;
	int code;

	(void)state;
	log_set_level(LOG_ERROR);
	for (long n = 1; has_failed; n++) {
		bool is_taken;

		file_write(first);
		assert_int_equal(read_failing(&r, 0, &code), CONFIG_RUN);
		file_write(second);
		failing_arm(n, FAILING_HERE);
		is_taken = config_read_again(&r);
		has_failed = failing_disarm();
		assert_true(is_taken || has_failed);
		assert_int_equal(r.config.slow_ms, is_taken ? 8 : 7);
		assert_string_equal(r.config.host_name, "a,b"); /* it needs a restart */
		config_reading_fini(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_of_the_start),
		cmocka_unit_test(each_allocation_of_a_reload),
	};

	return cmocka_run_group_tests_name("settings", tests, setup, teardown);
}
