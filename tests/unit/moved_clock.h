/*
 * moved_clock - clocks that a test moves: linked in, they stand in for libc's.
 *
 *     time_passes(PASSING_MS);        // leases have run out, and nobody waited for it
 *     time_set_wall(CLOCK_SET_MS);    // somebody set the machine's clock
 *
 * Threads: any. Whoever already sleeps until a moment sleeps as long as was to go when he began.
 */
#pragma once
#include <stdint.h>

/* All clocks go ahead by so much, together. */
void time_passes(int64_t ms);

/* The wall clock alone is so much ahead of where it would be; 0: it is right. */
void time_set_wall(int64_t ahead_ms);
