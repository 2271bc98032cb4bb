#include "ops/metrics.h"
#include "unit.h"
#include <pthread.h>
#include <stdlib.h>

/* More threads than have a shard of their own: the last of them share one. Divisible by 3. */
enum { THREADS = 48, ROUNDS = 50000 };

static bool shows_as(const char *line, enum metrics_format format)
{
	struct text t;
	bool is_there;

	text_init(&t);
	metrics_write(&t, format);
	assert_false(t.failed);
	is_there = strstr(t.data, line) != NULL;
	text_fini(&t);
	return is_there;
}

static bool shows(const char *line)
{
	return shows_as(line, METRICS_OPEN);
}

static void counters_count_up(void **state)
{
	(void)state;
	assert_int_equal(metric_value(METRIC_GROUPS), 0);
	metric_add(METRIC_GROUPS, 2);
	metric_add(METRIC_GROUPS, 0);
	metric_add(METRIC_GROUPS, 40);
	assert_int_equal(metric_value(METRIC_GROUPS), 42);
	assert_true(shows("# TYPE rowlock_groups counter\n# HELP rowlock_groups "));
	assert_true(shows("\nrowlock_groups_total 42\n"));
	assert_true(shows_as("# TYPE rowlock_groups_total counter\n# HELP rowlock_groups_total ",
			     METRICS_PLAIN));
	assert_true(shows_as("\nrowlock_groups_total 42\n", METRICS_PLAIN));
}

static void *count_muted(void *context)
{
	(void)context;
	metrics_mute_thread();
	metric_add(METRIC_GROUPS_EMPTY, 5);
	metric_set(METRIC_LEASES, 5);
	metric_observe(METRIC_COMMIT_TIME, 5);
	return NULL;
}

static void a_muted_thread_counts_nothing(void **state)
{
	pthread_t thread;

	(void)state;
	metric_add(METRIC_GROUPS_EMPTY, 1);
	metric_set(METRIC_LEASES, 1);
	assert_int_equal(pthread_create(&thread, NULL, count_muted, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(metric_value(METRIC_GROUPS_EMPTY), 1);
	assert_int_equal(metric_value(METRIC_LEASES), 1);
	assert_true(shows("\nrowlock_commit_seconds_count 0\n"));
}

static void gauges_are_set_or_added_to(void **state)
{
	(void)state;
	metric_set(METRIC_WAL_BYTES, 4096);
	metric_set(METRIC_WAL_BYTES, 8192);
	metric_add(METRIC_SUSPENDED, 3);
	metric_add(METRIC_SUSPENDED, -1);
	assert_int_equal(metric_value(METRIC_WAL_BYTES), 8192);
	assert_int_equal(metric_value(METRIC_SUSPENDED), 2);
	assert_true(shows("# TYPE rowlock_wal_bytes gauge\n# UNIT rowlock_wal_bytes bytes\n"));
	assert_true(shows("\nrowlock_wal_bytes 8192\n"));
	assert_true(shows("\nrowlock_requests_suspended 2\n"));
}

/* What somebody else counts, who may be asked by several at once: it never goes down. */
static void counters_are_raised(void **state)
{
	(void)state;
	metric_raise(METRIC_PROCESS_CPU, 1500000000);
	metric_raise(METRIC_PROCESS_CPU, 1400000000);
	assert_int_equal(metric_value(METRIC_PROCESS_CPU), 1500000000);
	metric_raise(METRIC_PROCESS_CPU, 1500000001);
	assert_true(shows("# UNIT process_cpu_seconds seconds\n"));
	assert_true(shows("\nprocess_cpu_seconds_total 1.500000001\n"));
}

static void seconds_may_be_negative(void **state)
{
	(void)state;
	metric_set(METRIC_CLOCK_AHEAD, -2250 * INT64_C(1000000));
	assert_true(shows("\nrowlock_clock_ahead_seconds -2.250000000\n"));
	metric_set(METRIC_CLOCK_AHEAD, -1000000);
	assert_true(shows("\nrowlock_clock_ahead_seconds -0.001000000\n"));
	metric_set(METRIC_CLOCK_AHEAD, 3600 * INT64_C(1000000000));
	assert_true(shows("\nrowlock_clock_ahead_seconds 3600.000000000\n"));
}

static void what_was_built_is_said(void **state)
{
	static const char sample[] = "rowlock_build_info{version=\"1.2.3\",sqlite=\"3.40.1\"} 1\n";

	(void)state;
	metrics_set_build("1.2.3", "3.40.1");
	assert_true(shows("# TYPE rowlock_build info\n# HELP rowlock_build "));
	assert_true(shows(sample));
	assert_true(shows_as("# TYPE rowlock_build_info gauge\n", METRICS_PLAIN));
	assert_true(shows_as(sample, METRICS_PLAIN));
}

static void seconds_fall_into_buckets(void **state)
{
	(void)state;
	metric_observe(METRIC_COMMIT_TIME, 0);
	metric_observe(METRIC_COMMIT_TIME, 10000); /* bounds are inclusive */
	metric_observe(METRIC_COMMIT_TIME, 10001);
	metric_observe(METRIC_COMMIT_TIME, 2500000000);
	metric_observe(METRIC_COMMIT_TIME, 60000000000);
	metric_observe(METRIC_COMMIT_TIME, 3600000000000);
	assert_true(shows("# UNIT rowlock_commit_seconds seconds\n"));
	assert_true(shows("\nrowlock_commit_seconds_bucket{le=\"1e-05\"} 2\n"));
	assert_true(shows("\nrowlock_commit_seconds_bucket{le=\"2.5e-05\"} 3\n"));
	assert_true(shows("\nrowlock_commit_seconds_bucket{le=\"1.0\"} 3\n"));
	assert_true(shows("\nrowlock_commit_seconds_bucket{le=\"2.5\"} 4\n"));
	assert_true(shows("\nrowlock_commit_seconds_bucket{le=\"30.0\"} 4\n"));
	assert_true(shows("\nrowlock_commit_seconds_bucket{le=\"60.0\"} 5\n"));
	assert_true(shows("\nrowlock_commit_seconds_bucket{le=\"+Inf\"} 6\n"));
	assert_true(shows("\nrowlock_commit_seconds_count 6\n"));
	assert_true(shows("\nrowlock_commit_seconds_sum 3662.500020001\n"));
}

static void counts_fall_into_buckets(void **state)
{
	(void)state;
	for (int i = 0; i <= 8192; i++)
		metric_observe(METRIC_GROUP_SIZE, i);
	metric_observe(METRIC_GROUP_SIZE, 100000);
	assert_true(shows("\nrowlock_group_commands_bucket{le=\"0.0\"} 1\n"));
	assert_true(shows("\nrowlock_group_commands_bucket{le=\"1.0\"} 2\n"));
	assert_true(shows("\nrowlock_group_commands_bucket{le=\"64.0\"} 65\n"));
	assert_true(shows("\nrowlock_group_commands_bucket{le=\"8192.0\"} 8193\n"));
	assert_true(shows("\nrowlock_group_commands_bucket{le=\"+Inf\"} 8194\n"));
	assert_true(shows("\nrowlock_group_commands_sum 33658528\n"));
}

static void requests_are_counted_by_route_and_status(void **state)
{
	static const char label[] = "stock_show", same[] = "stock_show";

	(void)state;
	metric_request(label, 200, 1000);
	metric_request(label, 200, 1000);
	metric_request(same, 200, 1000); /* another constant, the same route */
	metric_request(label, 409, 1000);
	metric_request(label, 299, 1000);
	metric_request("none", 400, 1000);
	assert_true(shows("# TYPE rowlock_requests counter\n"));
	assert_true(shows("\nrowlock_requests_total{route=\"stock_show\",status=\"200\"} 3\n"));
	assert_true(shows("\nrowlock_requests_total{route=\"stock_show\",status=\"409\"} 1\n"));
	assert_true(shows("\nrowlock_requests_total{route=\"stock_show\",status=\"other\"} 1\n"));
	assert_true(shows("\nrowlock_requests_total{route=\"none\",status=\"400\"} 1\n"));
	assert_true(shows("\nrowlock_request_seconds_count 6\n"));
}

static void *count(void *label)
{
	for (int i = 0; i < ROUNDS; i++) {
		metric_add(METRIC_COMMANDS, 1);
		metric_observe(METRIC_QUEUE_DEPTH, i);
		metric_request(label, 201, i);
	}
	return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
	static const char *const labels[] = { "a", "b", "c" };
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, (void *)labels[i % 3]),
				 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(metric_value(METRIC_COMMANDS), THREADS * ROUNDS);
	assert_true(shows("\nrowlock_queue_ahead_count 2400000\n"));
	assert_true(shows("\nrowlock_requests_total{route=\"a\",status=\"201\"} 800000\n"));
	assert_true(shows("\nrowlock_requests_total{route=\"c\",status=\"201\"} 800000\n"));
}

/* Every family is described once, and no line is empty. Returns the last line. */
static void check_lines(char *at, char ret_last[static 64])
{
	int types = 0, helps = 0;
	char *line;

	while ((line = strsep(&at, "\n")) != NULL && at != NULL) {
		assert_true(line[0] != '\0');
		types += strncmp(line, "# TYPE ", 7) == 0;
		helps += strncmp(line, "# HELP ", 7) == 0;
		if (line[0] != '#')
			assert_true(strncmp(line, "rowlock_", 8) == 0 ||
				    strncmp(line, "process_", 8) == 0);
		snprintf(ret_last, 64, "%s", line);
	}
	assert_int_equal(types, METRIC_COUNT + 2);
	assert_int_equal(helps, METRIC_COUNT + 2);
}

static void the_text_is_well_formed(void **state)
{
	char last[64];
	struct text t;

	(void)state;
	text_init(&t);
	metrics_write(&t, METRICS_OPEN);
	check_lines(t.data, last);
	assert_string_equal(last, "# EOF");
	text_fini(&t);
	text_init(&t);
	metrics_write(&t, METRICS_PLAIN);
	assert_null(strstr(t.data, "# UNIT"));
	assert_null(strstr(t.data, "# EOF"));
	check_lines(t.data, last);
	text_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_count_up),
		cmocka_unit_test(a_muted_thread_counts_nothing),
		cmocka_unit_test(gauges_are_set_or_added_to),
		cmocka_unit_test(counters_are_raised),
		cmocka_unit_test(seconds_may_be_negative),
		cmocka_unit_test(what_was_built_is_said),
		cmocka_unit_test(seconds_fall_into_buckets),
		cmocka_unit_test(counts_fall_into_buckets),
		cmocka_unit_test(requests_are_counted_by_route_and_status),
		cmocka_unit_test(nothing_is_lost_between_threads),
		cmocka_unit_test(the_text_is_well_formed),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
