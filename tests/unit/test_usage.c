#include "ops/usage.h"
#include "base/clock.h"
#include "ops/metrics.h"
#include "unit.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FILES = 20, MEMORY_BYTES = 64 << 20, LOOKS = 200 };

static char store[] = "/tmp/rowlock-usage-XXXXXX";

static void it_started_now(void **state)
{
	int64_t now_ns = clock_utc_ms() * NS_PER_MS;

	(void)state;
	assert_true(metric_value(METRIC_PROCESS_START) <= now_ns);
	assert_true(metric_value(METRIC_PROCESS_START) > now_ns - 60 * NS_PER_S);
	assert_in_range(usage_uptime_s(), 0, 60);
}

static void open_files_are_counted(void **state)
{
	struct rlimit limit;
	int64_t before;
	int fds[FILES];

	(void)state;
	usage_measure();
	before = metric_value(METRIC_PROCESS_OPEN_FILES);
	assert_true(before >= 3);
	for (int i = 0; i < FILES; i++)
		assert_true((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	usage_measure();
	assert_int_equal(metric_value(METRIC_PROCESS_OPEN_FILES), before + FILES);
	for (int i = 0; i < FILES; i++)
		close(fds[i]);
	usage_measure();
	assert_int_equal(metric_value(METRIC_PROCESS_OPEN_FILES), before);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(metric_value(METRIC_PROCESS_FILES_MAX), limit.rlim_cur);
}

static void memory_is_measured(void **state)
{
	/* Not of malloc(), which may write to what it gives out: MALLOC_PERTURB_. */
	volatile char *memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int64_t before;

	(void)state;
	assert_true(memory != MAP_FAILED);
	usage_measure();
	before = metric_value(METRIC_PROCESS_RESIDENT);
	assert_true(before > 0);
	assert_true(metric_value(METRIC_PROCESS_VIRTUAL) > before);
	for (size_t i = 0; i < MEMORY_BYTES; i += 4096)
		memory[i] = 1;
	usage_measure();
	assert_true(metric_value(METRIC_PROCESS_RESIDENT) - before > MEMORY_BYTES / 2);
	assert_int_equal(munmap((void *)memory, MEMORY_BYTES), 0);
}

static void processor_time_goes_on(void **state)
{
	int64_t before;

	(void)state;
	usage_measure();
	before = metric_value(METRIC_PROCESS_CPU);
	assert_true(before > 0);
	usage_measure();
	assert_true(metric_value(METRIC_PROCESS_CPU) > before);
}

static void the_disk_is_looked_at(void **state)
{
	(void)state;
	usage_measure();
	assert_int_equal(metric_value(METRIC_STORE_BYTES), 12345);
	assert_true(metric_value(METRIC_STORE_DISK_BYTES) > 0);
	assert_in_range(metric_value(METRIC_STORE_FREE_BYTES), 0,
			metric_value(METRIC_STORE_DISK_BYTES));
	assert_true(metric_value(METRIC_SPOOL_FREE_BYTES) > 0);
}

static void *look(void *context)
{
	(void)context;
	for (int i = 0; i < LOOKS; i++)
		usage_measure();
	return NULL;
}

static void several_may_look_at_once(void **state)
{
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look, NULL), 0);
	for (size_t i = 0; i < LENGTH_OF(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	usage_measure();
	assert_in_range(metric_value(METRIC_PROCESS_THREADS), 1, 2); /* a sanitizer has its own */
}

/* A store that was moved away leaves what was known; no file is made in its place. */
static void a_store_that_is_gone(void **state)
{
	(void)state;
	assert_int_equal(unlink(store), 0);
	usage_measure();
	assert_int_equal(metric_value(METRIC_STORE_BYTES), 12345);
	assert_true(metric_value(METRIC_STORE_FREE_BYTES) > 0);
	assert_int_equal(access(store, F_OK), -1);
}

/* No file can be opened: what needs none is measured all the same. */
static void without_a_file_to_spare(void **state)
{
	struct rlimit before, none;
	int64_t thread_count = metric_value(METRIC_PROCESS_THREADS);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	usage_measure();
	assert_int_equal(metric_value(METRIC_PROCESS_FILES_MAX), 0);
	assert_int_equal(metric_value(METRIC_PROCESS_THREADS), thread_count);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static int begin(void **state)
{
	int fd = mkstemp(store);

	(void)state;
	if (fd < 0 || ftruncate(fd, 12345) < 0 || close(fd) < 0)
		return -1;
	usage_begin(store);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_started_now),        cmocka_unit_test(open_files_are_counted),
		cmocka_unit_test(memory_is_measured),    cmocka_unit_test(processor_time_goes_on),
		cmocka_unit_test(the_disk_is_looked_at), cmocka_unit_test(several_may_look_at_once),
		cmocka_unit_test(a_store_that_is_gone),  cmocka_unit_test(without_a_file_to_spare),
	};

	return cmocka_run_group_tests_name("usage", tests, begin, NULL);
}
