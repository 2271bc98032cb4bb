#include "ops/watchdog.h"
#include "base/clock.h"
#include "ops/metrics.h"
#include "ops/notify.h"
#include "unit.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DAY_S = 86400 };

/* ---------------------------------------------------------------- a manager */

static int manager_fd;
static char manager_path[64];
static int wakes;
static const char *state;

static int manager_begin(void **unused)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)unused;
	snprintf(manager_path, sizeof(manager_path), "/tmp/test_watchdog.%d", (int)getpid());
	strcpy(a.sun_path, manager_path);
	unlink(manager_path);
	manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(manager_fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return -1;
	wakes = 0;
	state = "serving";
	return setenv("NOTIFY_SOCKET", manager_path, 1);
}

static int manager_end(void **unused)
{
	(void)unused;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	close(manager_fd);
	return unlink(manager_path);
}

/* All that it was told since it was asked last, a line each. */
static const char *manager_heard(void)
{
	static char heard[512];
	char message[256];
	ssize_t bytes;

	heard[0] = '\0';
	while ((bytes = recv(manager_fd, message, sizeof(message), 0)) > 0)
		snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "%.*s\n", (int)bytes,
			 message);
	return heard;
}

static void wake(void *context)
{
	assert_ptr_equal(context, &wakes);
	wakes++;
}

static const char *state_now(void *context)
{
	assert_ptr_equal(context, &wakes);
	return state;
}

static const struct watched watched = { .wake = wake, .state = state_now, .context = &wakes };

/* ---------------------------------------------------------------- the time */

/* clang-format off */
static const struct wait_row {
	const char *what;
	int64_t period_ns, now_ns;
	int wait_ms;
} waits[] = {
	/* the first turn is at 0, the next one a quarter of the period later */
	{ "no watchdog, no end",                                    0,                  1, -1       },
	{ "it is time to the nanosecond",             4 * NS_PER_S,          NS_PER_S, 0        },
	{ "it has been for long",                     4 * NS_PER_S,      50 * NS_PER_S, 0        },
	{ "a part of one ms is waited for as a whole", 4 * NS_PER_S,      NS_PER_S - 1, 1        },
	{ "the rest of a second",                     4 * NS_PER_S,      NS_PER_S / 2, 501      },
	{ "two hours: an hour at most",     (int64_t)4 * 7200 * NS_PER_S,             0, 3600000 },
	{ "99 days, the most that fits",    (int64_t)99 * DAY_S * NS_PER_S,           0, 3600000 },
	{ "100 days, the least that did not", (int64_t)100 * DAY_S * NS_PER_S,        0, 3600000 },
	{ "a year",                         (int64_t)365 * DAY_S * NS_PER_S,          0, 3600000 },
	{ "as long as a number goes",                 INT64_MAX,                      0, 3600000 },
};
/* clang-format on */

static void how_long_it_waits(void **unused)
{
	(void)unused;
	for (const struct wait_row *r = waits; r < waits + LENGTH_OF(waits); r++) {
		struct watchdog w;
		int wait_ms;

		watchdog_init(&w, r->period_ns, &watched);
		watchdog_turn(&w, 0);
		(void)manager_heard(); /* its socket takes a few only */
		wait_ms = watchdog_wait_ms(&w, r->now_ns);
		if (wait_ms != r->wait_ms)
			fail_msg("%s: %d", r->what, wait_ms);
	}
}

/* clang-format off */
static const struct period_row {
	const char *usec;
	int64_t period_ns;
} periods[] = {
	{ "1000000",              NS_PER_S },
	{ "8553600000000",        (int64_t)99 * DAY_S * NS_PER_S },
	{ "31536000000000",       (int64_t)365 * DAY_S * NS_PER_S },
	{ "31536000000001",       (int64_t)365 * DAY_S * NS_PER_S },
	{ "9223372036854776",     (int64_t)365 * DAY_S * NS_PER_S },
	{ "18446744073709551614", (int64_t)365 * DAY_S * NS_PER_S },
};
/* clang-format on */

static void how_often_the_manager_looks(void **unused)
{
	(void)unused;
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog_ns(), 0);
	for (const struct period_row *r = periods; r < periods + LENGTH_OF(periods); r++) {
		setenv("WATCHDOG_USEC", r->usec, 1);
		if (notify_watchdog_ns() != r->period_ns)
			fail_msg("%s us: %lld ns", r->usec, (long long)notify_watchdog_ns());
	}
}

/* ---------------------------------------------------------------- turns */

static void it_feeds_at_its_time_only(void **unused)
{
	struct watchdog w;

	(void)unused;
	watchdog_init(&w, 4 * NS_PER_S, &watched);
	watchdog_turn(&w, 5 * NS_PER_S);
	assert_string_equal(manager_heard(), "WATCHDOG=1\nSTATUS=serving\n");
	watchdog_turn(&w, 6 * NS_PER_S - 1);
	assert_string_equal(manager_heard(), "");
	assert_int_equal(wakes, 1);
	watchdog_turn(&w, 6 * NS_PER_S);
	assert_string_equal(manager_heard(), "WATCHDOG=1\n");
	assert_int_equal(wakes, 2);
	state = "writes are refused: disk-full";
	watchdog_turn(&w, 7 * NS_PER_S);
	assert_string_equal(manager_heard(), "WATCHDOG=1\nSTATUS=writes are refused: disk-full\n");
}

static void without_a_period_there_is_no_turn(void **unused)
{
	struct watchdog w;

	(void)unused;
	watchdog_init(&w, 0, &watched);
	watchdog_turn(&w, NS_PER_S);
	assert_string_equal(manager_heard(), "");
	assert_int_equal(wakes, 0);
}

/* This thread is the one that is late: it is asked, and does not answer. */
static void a_late_thread_starves_it(void **unused)
{
	int64_t late = metric_value(METRIC_THREADS_LATE);
	struct watchdog w;

	(void)unused;
	pulse_begin("loop", 0);
	watchdog_init(&w, 4 * NS_PER_S, &watched);
	watchdog_turn(&w, 1 * NS_PER_S);
	assert_string_equal(manager_heard(), "WATCHDOG=1\nSTATUS=serving\n");
	watchdog_turn(&w, 2 * NS_PER_S);
	assert_int_equal(metric_value(METRIC_THREADS_LATE), late);
	watchdog_turn(&w, 3 * NS_PER_S);
	assert_int_equal(metric_value(METRIC_THREADS_LATE), late + 1);
	watchdog_turn(&w, 4 * NS_PER_S);
	assert_int_equal(metric_value(METRIC_THREADS_LATE), late + 1);
	assert_string_equal(manager_heard(), "");
	assert_int_equal(wakes, 1);
	assert_string_equal(w.late, "loop-0");

	pulse_beat();
	watchdog_turn(&w, 5 * NS_PER_S);
	assert_string_equal(manager_heard(), "WATCHDOG=1\n");
	assert_string_equal(w.late, "");
	pulse_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(how_long_it_waits, manager_begin, manager_end),
		cmocka_unit_test_setup_teardown(how_often_the_manager_looks, manager_begin,
						manager_end),
		cmocka_unit_test_setup_teardown(it_feeds_at_its_time_only, manager_begin,
						manager_end),
		cmocka_unit_test_setup_teardown(without_a_period_there_is_no_turn, manager_begin,
						manager_end),
		cmocka_unit_test_setup_teardown(a_late_thread_starves_it, manager_begin,
						manager_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
