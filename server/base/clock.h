/*
 * clock - the machine's clocks: one that measures, one that dates, one that counts.
 *
 * Waiting and durations use the monotonic clock (ns). The wall clock is UTC in milliseconds since
 * 1970, and somebody may set it: it dates lines of the log. What is stored and shown is store time,
 * made of the wall clock and the boot clock (core/store_clock.h). Core code never reads any of
 * them: time comes in as an argument.
 */
#pragma once
#include <stdint.h>
#include <time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)
#define MS_PER_S  INT64_C(1000)

/* CLOCK_MONOTONIC in nanoseconds; about 25 ns. */
static inline int64_t clock_monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* CLOCK_BOOTTIME in nanoseconds: never set, and counts while the machine sleeps, too. */
static inline int64_t clock_boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* CLOCK_REALTIME in milliseconds since 1970-01-01T00:00:00Z. */
static inline int64_t clock_utc_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}
