/*
 * metrics - what the service counts, from schema/metrics.def, in OpenMetrics text.
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

/* Counters and gauges. A counter never goes down. */
void metric_add(enum metric m, int64_t n);
void metric_set(enum metric m, int64_t value);
int64_t metric_value(enum metric m);

/* A histogram: ns for SECONDS, a number for COUNTS. */
void metric_observe(enum metric m, int64_t value);

/* One answered request of a route (its label, a constant text) with its status and duration. */
void metric_request(const char *route_label, int status, int64_t duration_ns);

/* Everything, ending in "# EOF". */
void metrics_write(struct text *out);
