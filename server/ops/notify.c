#include "ops/notify.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/crash.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

enum {
	EXTEND_EVERY_S = 5,
	EXTEND_BY_S = 30, /* each time, counted from then */
	START_S_MIN = 60,
	START_BYTES_PER_S_MIN = 4 << 20, /* of the store: copied, migrated, read */
};

/* Who looks less often is fed as if he looked once a year: in ns the number fits. */
static const uint64_t watchdog_us_max = INT64_C(365) * 86400 * 1000000;

/* The thread that asks for more time. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t is_over_now;
	pthread_t thread;
	struct crash_stack stack;
	int64_t until_ns;
	bool is_over; /* under the mutex */
	bool is_running;
} extender = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static bool is_listened_to(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

/* ---------------------------------------------------------------- a long start */

static void *extend(void *unused)
{
	(void)unused;
	crash_thread_begin(&extender.stack, "extender", -1);
	CHECK(pthread_mutex_lock(&extender.mutex) == 0);
	while (!extender.is_over && clock_monotonic_ns() < extender.until_ns) {
		struct timespec at;

		sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%d\nSTATUS=opening the store",
			   EXTEND_BY_S * 1000000);
		CHECK(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
		at.tv_sec += EXTEND_EVERY_S;
		while (!extender.is_over &&
		       pthread_cond_timedwait(&extender.is_over_now, &extender.mutex, &at) == 0)
			;
	}
	CHECK(pthread_mutex_unlock(&extender.mutex) == 0);
	return NULL;
}

void notify_starting(int64_t store_bytes)
{
	pthread_condattr_t monotonic;

	CHECK(store_bytes >= 0);
	CHECK(!extender.is_running);
	if (!is_listened_to())
		return;
	CHECK(pthread_condattr_init(&monotonic) == 0);
	CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&extender.is_over_now, &monotonic) == 0);
	CHECK(pthread_condattr_destroy(&monotonic) == 0);
	extender.until_ns = clock_monotonic_ns() +
			    (START_S_MIN + store_bytes / START_BYTES_PER_S_MIN) * NS_PER_S;
	extender.is_running = pthread_create(&extender.thread, NULL, extend, NULL) == 0;
}

void notify_started(void)
{
	if (!extender.is_running)
		return;
	CHECK(pthread_mutex_lock(&extender.mutex) == 0);
	extender.is_over = true;
	CHECK(pthread_cond_signal(&extender.is_over_now) == 0);
	CHECK(pthread_mutex_unlock(&extender.mutex) == 0);
	CHECK(pthread_join(extender.thread, NULL) == 0);
	CHECK(pthread_cond_destroy(&extender.is_over_now) == 0);
	extender.is_running = false;
}

/* ---------------------------------------------------------------- running */

void notify_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
}

void notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_ns() / 1000);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=draining");
}

int64_t notify_watchdog_ns(void)
{
	uint64_t us;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return 0;
	return (int64_t)(us < watchdog_us_max ? us : watchdog_us_max) * (NS_PER_MS / 1000);
}

void notify_feed(void)
{
	sd_notify(0, "WATCHDOG=1");
}
