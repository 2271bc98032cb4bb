/*
 * moment - points in time as RFC 3339, UTC, with milliseconds: 2026-11-23T18:57:50.123Z.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MOMENT_BYTES = 25 }; /* with the NUL */

/* utc_ms: since 1970, years 1970 to 9999. About 20 ns, and 5 in the second of the last one. */
void moment_format(char out[MOMENT_BYTES], int64_t utc_ms);

/* Reads any RFC 3339 date-time (with Z or an offset). False: it is none. */
bool moment_parse(const char *text, int64_t *ret_utc_ms);
