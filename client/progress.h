/*
 * progress - how far a long transfer is, on a terminal that somebody looks at.
 *
 *      37 %  [##############........................]  21.4 of 57.9 MB  19.8 MB/s
 *
 * On stderr, only where that is a terminal; otherwise nothing is printed at all. One line, which is
 * gone when the transfer has ended.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool is_shown;
	int64_t begun_ns;
	int64_t shown_ns;
	int64_t total_bytes; /* 0: not known */
};

/* total_bytes: 0 if nobody knows. */
struct progress progress_begin(int64_t total_bytes);

/* Cheap: the line is written ten times a second at most. */
void progress_show(struct progress *p, int64_t byte_count);

void progress_end(struct progress *p);
