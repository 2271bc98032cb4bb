#include "ops/spool.h"
#include "unit.h"
#include "base/fault.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void what_was_added_is_in_the_file(void **state)
{
	struct spool *s = spool_open();
	char line[9];
	int fd;

	(void)state;
	assert_non_null(s);
	for (int i = 0; i < 50000; i++) {
		text_add_format(&s->text, "%07d\n", i);
		assert_int_equal(spool_settle(s), 0);
		assert_true(s->text.byte_count < SPOOL_TEXT_BYTES);
	}
	assert_int_equal(spool_finish(s), 0);
	assert_int_equal(s->byte_count, 50000 * 8);
	fd = spool_take_fd(s);
	assert_int_equal(pread(fd, line, 8, 12345 * 8), 8);
	line[8] = '\0';
	assert_string_equal(line, "0012345\n");
	close(fd);
}

static void it_has_no_name(void **state)
{
	struct spool *s = spool_open();
	struct stat is;

	(void)state;
	assert_int_equal(fstat(s->fd, &is), 0);
	assert_int_equal(is.st_nlink, 0);
	assert_int_equal(is.st_mode & 0077, 0);
	assert_int_equal(spool_finish(s), 0);
	assert_int_equal(s->byte_count, 0);
	assert_null(spool_close(s));
}

/* The file may not grow beyond a limit: what a full disk does, without one. */
static void the_first_fault_stays(void **state)
{
	struct rlimit before, small;
	struct spool *s = spool_open();

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = SPOOL_TEXT_BYTES;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	text_reserve(&s->text, 2 * SPOOL_TEXT_BYTES);
	while (s->text.byte_count < 2 * SPOOL_TEXT_BYTES)
		text_add(&s->text, "0123456789abcdef");
	assert_int_equal(spool_settle(s), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	text_add(&s->text, "later");
	assert_int_equal(spool_settle(s), -EFBIG);
	assert_int_equal(spool_finish(s), -EFBIG);
	assert_int_equal(s->byte_count, SPOOL_TEXT_BYTES);
	spool_close(s);
}

static void the_folder_is_chosen(void **state)
{
	(void)state;
	setenv("TMPDIR", "/nowhere/at/all", 1);
	assert_string_equal(spool_folder(), "/nowhere/at/all");
	assert_null(spool_open());
	assert_int_equal(fault_latest()->error, -ENOENT);
	unsetenv("TMPDIR");
	assert_string_equal(spool_folder(), "/var/tmp");
	spool_set_folder("/tmp");
	assert_string_equal(spool_folder(), "/tmp");
	spool_close(spool_open());
	spool_set_folder("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_in_the_file),
		cmocka_unit_test(it_has_no_name),
		cmocka_unit_test(the_first_fault_stays),
		cmocka_unit_test(the_folder_is_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
