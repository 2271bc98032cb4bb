#include "engine/clock_note.h"
#include "base/check.h"
#include "base/clock.h"
#include "ops/log.h"
#include <inttypes.h>

int clock_note_load(struct clock_note *n)
{
	return n->store->ops->load_time(n->store, &n->noted);
}

/* What hand edits are told of the clock: that it is right, or by how much it is not. */
static int64_t ahead_to_note(struct clock_note *n)
{
	int64_t ahead_ms = store_time_ahead_ms(n->time);

	return ahead_ms >= -CLOCK_STEP_MS && ahead_ms <= CLOCK_STEP_MS ? 0 : ahead_ms;
}

bool clock_note_is_wrong(struct clock_note *n)
{
	int64_t ahead_ms = ahead_to_note(n), off_ms = ahead_ms - n->noted.ahead_ms;

	return off_ms < -CLOCK_STEP_MS || off_ms > CLOCK_STEP_MS ||
	       (ahead_ms == 0 && n->noted.ahead_ms != 0);
}

int clock_note_write(struct clock_note *n, struct stored_time *of_group, int64_t now_ms,
		     bool has_movements)
{
	CHECK(of_group->newest_ms == 0);
	if (has_movements && now_ms - n->noted.newest_ms < TIME_NOTED_EVERY_MS &&
	    !clock_note_is_wrong(n))
		return 0;
	*of_group = (struct stored_time){ .newest_ms = now_ms, .ahead_ms = ahead_to_note(n) };
	return n->store->ops->note_time(n->store, now_ms, of_group->ahead_ms);
}

void clock_note_keep(struct clock_note *n, const struct stored_time *of_group, int64_t dated_ms)
{
	CHECK(dated_ms == 0 || dated_ms >= n->noted.ledger_ms);
	if (dated_ms != 0)
		n->noted.ledger_ms = dated_ms;
	if (of_group->newest_ms == 0)
		return;
	n->noted.newest_ms = of_group->newest_ms;
	n->noted.ahead_ms = of_group->ahead_ms;
}

int clock_note_take_ledger_in(struct clock_note *n, int64_t now_ms, int64_t seq)
{
	struct stored_time stored;
	int r = n->store->ops->load_time(n->store, &stored);
	int64_t by_ms;

	if (r < 0)
		return r;
	by_ms = stored.ledger_ms - now_ms;
	if (by_ms > CLOCK_STEP_MS && stored.ledger_ms > n->noted.ledger_ms)
		log_write(LOG_WARN, "ledger_ahead", "by_s=%.1f seq=%" PRId64,
			  (double)by_ms / MS_PER_S, seq);
	n->noted.ledger_ms = stored.ledger_ms;
	return 0;
}

int64_t clock_note_date(const struct clock_note *n, int64_t now_ms)
{
	return now_ms > n->noted.ledger_ms ? now_ms : n->noted.ledger_ms;
}

void clock_note_leave(struct clock_note *n)
{
	const struct store_ops *ops = n->store->ops;
	struct store_begun begun;
	int r;

	if (n->noted.ahead_ms == 0)
		return;
	r = ops->begin(n->store, NULL, NULL, &begun);
	if (r == 0)
		r = ops->note_time(n->store, store_time_now(n->time), 0);
	if (r == 0)
		r = ops->commit(n->store);
	if (r < 0)
		(void)ops->rollback(n->store); /* what is noted stays noted: see v_now */
}
