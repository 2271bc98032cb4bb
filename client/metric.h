/*
 * metric - one value out of what /metrics says.
 *
 *     double sum, count;
 *     if (metric_find(text, "rowlock_group_commands", "_sum", &sum) && ...
 */
#pragma once
#include <stdbool.h>

/* The sample that is named `name``suffix` and has no labels; false when there is none. */
bool metric_find(const char *metrics, const char *name, const char *suffix, double *ret_value);
