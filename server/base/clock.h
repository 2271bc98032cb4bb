/*
 * clock - the two clocks: one that measures, one that dates.
 *
 * Waiting and durations use the monotonic clock (ns); what is stored and shown is UTC in
 * milliseconds since 1970. Core code never reads either: time comes in as an argument.
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

/* CLOCK_REALTIME in milliseconds since 1970-01-01T00:00:00Z. */
static inline int64_t clock_utc_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}
