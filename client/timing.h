/*
 * timing - what a write's lock cost, out of its Server-Timing header.
 *
 *     queue;dur=0.012, lock;dur=3.200;desc="6 ahead", commit;dur=1.200;desc="group of 37"
 *  -> lock 3.200 ms (6 ahead), queue 0.012 ms, commit 1.200 ms (group of 37)
 */
#pragma once
#include "base/text.h"

/*
 * Appends the line, in the order in which a write lives through its phases. Phases that the header
 * does not have are left out; nothing is appended when it has none.
 */
void timing_show(struct text *t, const char *header);
