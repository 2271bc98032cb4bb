/*
 * metrics - what the service counts, from schema/metrics.def, as text for Prometheus.
 *
 *     metric_add(METRIC_GROUPS, 1);
 *     metric_observe(METRIC_COMMIT_TIME, ns);
 *
 * Threads: any; relaxed atomics, a few ns each. Nothing is allocated after start.
 */
#pragma once
#include "base/text.h"
#include <stdint.h>

enum metric {
#define COUNTER(name, text, help)            METRIC_##name,
#define GAUGE(name, text, help)              METRIC_##name,
#define HISTOGRAM(name, text, buckets, help) METRIC_##name,
#include "schema/metrics.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
	METRIC_COUNT,
};

/*
 * What this thread does from now on is not the service's business, and is not counted: threads of
 * the laboratory.
 */
void metrics_mute_thread(void);

/* Counters and gauges, in ns where the name ends in _seconds. A counter never goes down. */
void metric_add(enum metric m, int64_t n);
void metric_set(enum metric m, int64_t value);
int64_t metric_value(enum metric m);

/* A counter of what somebody else counts: as of now it is at least that. */
void metric_raise(enum metric m, int64_t value);

/* A histogram: ns for SECONDS, a number for COUNTS. */
void metric_observe(enum metric m, int64_t value);

/* One answered request of a route (its label, a constant text) with its status and duration. */
void metric_request(const char *route_label, int status, int64_t duration_ns);

/* What rowlock_build_info says, constant texts; before the first metrics_write(). */
void metrics_set_build(const char *version, const char *sqlite_version);

enum metrics_format {
	METRICS_PLAIN, /* Prometheus's own, version 0.0.4, which everything reads */
	METRICS_OPEN,  /* OpenMetrics 1.0.0: units, the type info, and "# EOF" as its end */
};

/*
 * Everything. Names of samples and bounds of buckets are the same in either format, so that a
 * scraper that begins to ask for the other one goes on with the same series.
 */
void metrics_write(struct text *out, enum metrics_format format);
