/*
 * store_time - the machine's clocks, and the store's time that is made of them
 * (core/store_clock.h).
 *
 * Each who asks moves it on; the writer asks once a second at least. What happens to the wall clock
 * is logged and counted here, whoever has noticed it.
 *
 *     event=clock_step by_s=-3600.0 ahead_s=3600.0
 *     event=clock_believed by_s=90000.0      the writer says what ended early: clock_ended
 *     event=clock_agrees
 *
 * Threads: any. Its guard is the innermost: it may be asked with any other held. Cost: two vDSO
 * clocks and an uncontended mutex, some 100 ns.
 */
#pragma once
#include "core/store_clock.h"
#include "engine/guard.h"
#include <stdatomic.h>

/* Where the time comes from: the machine, or a test. */
struct clocks {
	int64_t (*utc_ms)(void *context);
	int64_t (*boot_ns)(void *context);
	void *context;
};

struct store_time {
	struct guard guard;
	struct store_clock clock; /* guarded by guard */
	struct clocks clocks;
	atomic_int_fast64_t believed_ms; /* by so much it was set, since the writer asked */
};

/* clocks: NULL: the machine's. newest_ms: the newest committed time, 0: none. */
void store_time_init(struct store_time *t, const struct clocks *clocks, int64_t newest_ms);
void store_time_fini(struct store_time *t);

/* Store time now, UTC ms. */
int64_t store_time_now(struct store_time *t);

/* Store time minus the wall clock, as of the latest reading. */
int64_t store_time_ahead_ms(struct store_time *t);

/* The monotonic time at which it can be at_ms at the earliest; at most a second or so too early. */
int64_t store_time_until_ns(struct store_time *t, int64_t at_ms);

/* By how much it was set because the wall clock was believed; 0: it was not. Then it is 0 again. */
int64_t store_time_take_believed(struct store_time *t);
