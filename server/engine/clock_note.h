/*
 * clock_note - what the store says of time: how far store time had come, and by how much the
 * machine's clock is wrong, for hand edits and for the next start.
 *
 * The note must hold for all that is committed, so it is written within a group: when the newest
 * one is older than TIME_NOTED_EVERY_MS, when a group has no movement to tell the time by, and when
 * it has come to be wrong by CLOCK_STEP_MS, for which a group is written that has nothing else.
 * What is written counts once the group is kept.
 *
 *     clock_note_write(&n, &effects, now_ms, has_movements);
 *     ...COMMIT...
 *     clock_note_keep(&n, &effects, dated_ms);
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/store_time.h"
#include "store/group.h"

struct clock_note {
	struct store *store;
	struct store_time *time;
	struct stored_time noted; /* what the store says */
};

/* Reads what the store says. 0 or a fault. */
int clock_note_load(struct clock_note *n);

/* Is what the store says so wrong that a group must be written to mend it? */
bool clock_note_is_wrong(struct clock_note *n);

/* Adds to what the group does that it is now_ms, unless what was noted will do. */
void clock_note_write(struct clock_note *n, struct effects *effects, int64_t now_ms,
		      bool has_movements);

/* The group is durable; dated_ms: of its last movement, 0: it has none. */
void clock_note_keep(struct clock_note *n, const struct effects *effects, int64_t dated_ms);

/*
 * Others have dated what they wrote by a clock that may be wrong. It does not move store time; but
 * the ledger is in order of time, so our movements bear their date until time has come to it. `seq`
 * is for the log.
 */
void clock_note_take_ledger_in(struct clock_note *n, int64_t ledger_ms, int64_t now_ms,
			       int64_t seq);

/* What movements of a group say, whose time is now_ms: never before the last one in the ledger. */
int64_t clock_note_date(const struct clock_note *n, int64_t now_ms);

/*
 * While nobody runs it, store time is not kept: hand edits go by the machine's clock again. Writes
 * a group of its own, where there is something to take back.
 */
void clock_note_leave(struct clock_note *n, struct store_writer *w);
