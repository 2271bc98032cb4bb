/*
 * edge_open - opening the edge when memory, descriptors or threads are short: a fault, and nothing
 * of it is left.
 */
#include "failing.h"
#include "inside.h"
#include "race/client.h"
#include "unit.h"
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

static struct inside inside;

static int setup(void **state)
{
	(void)state;
	failing_drive();
	inside_init(&inside);
	inside_service_open(&inside);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	service_drain(inside.service, 0);
	inside_service_close(&inside);
	inside_fini(&inside);
	return 0;
}

/* Of the store's files SQLite keeps some that it will use again. */
static bool is_of_store(const char *descriptor)
{
	char link[64], path[256];
	ssize_t bytes;

	snprintf(link, sizeof(link), "/proc/self/fd/%s", descriptor);
	bytes = readlink(link, path, sizeof(path) - 1);
	path[bytes > 0 ? bytes : 0] = '\0';
	return strncmp(path, inside.path, strlen(inside.path)) == 0;
}

static int descriptor_count(void)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	int count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		count += !is_of_store(entry->d_name);
	closedir(folder);
	return count;
}

static void expect_that_it_serves(void)
{
	struct reply reply;
	struct client client;

	client_open(&client, inside.port);
	client_ask(&client, &reply, "GET", "/livez", NULL, NULL);
	client_close(&client);
	assert_int_equal(reply.status, 200);
}

static void whatever_fails_while_it_opens_it_opens_later(void **state)
{
	int count = descriptor_count();
	bool has_failed = true;
	long n;

	(void)state;
	for (n = 1; has_failed; n++) {
		int r;

		failing_arm(n, FAILING_HERE);
		r = inside_edge_open(&inside);
		has_failed = failing_disarm();
		if (r == 0) {
			expect_that_it_serves();
			inside_edge_close(&inside);
		}
		if (descriptor_count() != count || (r < 0 && !has_failed))
			fail_msg("step %ld: r %d, %d descriptors were open, now %d", n, r, count,
				 descriptor_count());
	}
	assert_true(n > 15); /* the steps were counted; a sanitizer sees only ours */
}

static rlim_t files_max; /* what the limit of open files is said to be; 0: the truth */

int __real_getrlimit(__rlimit_resource_t what, struct rlimit *ret);
int __wrap_getrlimit(__rlimit_resource_t what, struct rlimit *ret);
int __wrap_getrlimit(__rlimit_resource_t what, struct rlimit *ret)
{
	if (what != RLIMIT_NOFILE || files_max == 0)
		return __real_getrlimit(what, ret);
	*ret = (struct rlimit){ .rlim_cur = files_max, .rlim_max = files_max };
	return 0;
}

/* As containers have it: a table for all of these would be 8 GiB for each loop. */
static void a_huge_limit_of_open_files_costs_nothing(void **state)
{
	static const rlim_t limits[] = { 1 << 30, RLIM_INFINITY, 1 };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(limits); i++) {
		files_max = limits[i];
		failing_refuse_over(1 << 20);
		assert_int_equal(inside_edge_open(&inside), 0);
		expect_that_it_serves();
		inside_edge_close(&inside);
		failing_refuse_over(0);
	}
	files_max = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_fails_while_it_opens_it_opens_later),
		cmocka_unit_test(a_huge_limit_of_open_files_costs_nothing),
	};

	return cmocka_run_group_tests_name("edge_open", tests, setup, teardown);
}
