/*
 * server_timing - what a write's lock cost, as the Server-Timing header says it (W3C Server
 * Timing).
 *
 *     queue;dur=0.021, lock;dur=12.400;desc="6 ahead", apply;dur=0.004,
 * commit;dur=0.310;desc="group of 37"
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SERVER_TIMING_BYTES = 224 };

struct server_timing {
	int64_t queue_ns;  /* granted until the writer picked it up */
	int64_t lock_ns;   /* claimed until it owned all its rows */
	int64_t apply_ns;  /* the decision */
	int64_t commit_ns; /* the rest of the group, with its flush */
	int ahead_count;
	int group_count;
};

/* Returns the bytes written, with a NUL behind. Integer arithmetic only: it is on the hot path. */
size_t server_timing_format(char out[SERVER_TIMING_BYTES], const struct server_timing *t);
