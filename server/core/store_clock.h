/*
 * store_clock - what time it is for the store.
 *
 * Every deadline (reservations, leases, keys) and every date is of store time. Store time starts at
 * the wall clock, or at the newest time that was committed where that is later, and goes on with a
 * clock that nobody sets and that counts while the machine sleeps (CLOCK_BOOTTIME). Store time
 * never runs backwards, and it does not jump because the wall clock did:
 *
 *     wall clock                      store time
 *     behind it                       runs a tenth slower until they agree
 *     ahead by up to 15 minutes       runs a tenth faster until they agree
 *     ahead by more                   goes on as it was; once the wall clock has stood there for
 *                                     60 s it is believed, and store time is set to it
 *
 * So a hold of 2 s lasts 1.8 to 2.2 s whatever is done to the wall clock (but for what is under way
 * when one is believed), a clock that was wrong for a moment ends nothing, and a machine without a
 * battery for its clock gets its time from the network a minute late. Following by a tenth and not
 * at once is what keeps deadlines near to what was promised; NTP's own slewing (0.05 %) would take
 * months for an hour.
 *
 *     store_clock_start(&c, newest_ms, wall_ms, boot_ns);
 *     struct clock_reading r = store_clock_read(&c, wall_ms, boot_ns);     // as often as you like
 *
 * The wall clock is looked at by reading: read once a second at least. Cost: some 20 ns. Threads:
 * none inside (engine/store_time.h); no clock inside.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	CLOCK_STEP_MS = 1000,               /* a difference that people are told of */
	CLOCK_AGREES_MS = 100,              /* and from here on they agree again */
	CLOCK_FOLLOWED_MS = 15 * 60 * 1000, /* ahead by more: it must stand */
	CLOCK_STAND_S = 60,                 /* for so long */
	CLOCK_START_DAYS = 400, /* a start so much later than the store's newest time is no start */
};

enum clock_event {
	CLOCK_GOES_ON,
	CLOCK_STEPPED, /* the wall clock was set, or is more than CLOCK_STEP_MS away at the start */
	CLOCK_BELIEVED, /* store time was set to it */
	CLOCK_AGREES,   /* store time has come to it again */
};

struct clock_reading {
	int64_t now_ms;   /* store time, UTC, ms since 1970; never less than that before */
	int64_t ahead_ms; /* store time minus the wall clock */
	int64_t step_ms;  /* of STEPPED and BELIEVED: by how much; positive: forwards */
	enum clock_event event;
};

struct store_clock {
	int64_t base_ms; /* store time is base_ms + run_ns */
	int64_t run_ns;
	int64_t boot_ns; /* at the latest reading, as all below */
	int64_t wall_ms;
	int64_t ahead_ms;
	bool is_apart;  /* people were told */
	bool is_far;    /* the wall clock is too far ahead to be followed */
	int64_t far_ms; /* by so much */
	int64_t far_ns; /* since then (boot_ns) */
};

/* May it start at all? Not where the clock is CLOCK_START_DAYS ahead of newest_ms (0: none yet). */
bool store_clock_may_start(int64_t newest_ms, int64_t wall_ms);

void store_clock_start(struct store_clock *c, int64_t newest_ms, int64_t wall_ms, int64_t boot_ns);

struct clock_reading store_clock_read(struct store_clock *c, int64_t wall_ms, int64_t boot_ns);

/* The shortest time until it can be at_ms, as it runs now; 0: it is. */
int64_t store_clock_wait_ns(const struct store_clock *c, int64_t at_ms);
