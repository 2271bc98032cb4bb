/*
 * clock_note - what the store says of time: how far store time had come, and by how much the
 * machine's clock is wrong, for hand edits and for the next start.
 *
 * The note must hold for all that is committed, so it is written within a group: when the newest
 * one is older than TIME_NOTED_EVERY_MS, when a group has no movement to tell the time by, and when
 * it has come to be wrong by CLOCK_STEP_MS, for which a group is written that has nothing else.
 * What is written counts once the group is kept.
 *
 *     r = clock_note_write(&n, &of_group, now_ms, has_movements);
 *     ...COMMIT...
 *     clock_note_keep(&n, &of_group);
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/store_time.h"
#include "store/store.h"

struct clock_note {
	struct store *store;
	struct store_time *time;
	struct stored_time noted; /* what the store says */
};

/* Reads what the store says. 0 or a fault. */
int clock_note_load(struct clock_note *n);

/* Is what the store says so wrong that a group must be written to mend it? */
bool clock_note_is_wrong(struct clock_note *n);

/*
 * Notes in the open group that it is now_ms, unless what was noted will do. *of_group (newest_ms 0:
 * nothing was noted) is for clock_note_keep(). 0 or a fault.
 */
int clock_note_write(struct clock_note *n, struct stored_time *of_group, int64_t now_ms,
		     bool has_movements);

/* The group is durable; dated_ms: of its last movement, 0: it has none. */
void clock_note_keep(struct clock_note *n, const struct stored_time *of_group, int64_t dated_ms);

/*
 * Others have dated what they wrote by a clock that may be wrong. A wrong date does not move store
 * time; but the ledger is in order of time, so our movements bear their date until time has come to
 * it. `seq` is for the log. 0 or a fault.
 */
int clock_note_take_ledger_in(struct clock_note *n, int64_t now_ms, int64_t seq);

/* What movements of a group say, whose time is now_ms: never before the last one in the ledger. */
int64_t clock_note_date(const struct clock_note *n, int64_t now_ms);

/*
 * While nobody runs it, store time is not kept: hand edits go by the machine's clock again. Writes
 * a group of its own, where there is something to take back.
 */
void clock_note_leave(struct clock_note *n);
