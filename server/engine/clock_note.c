#include "engine/clock_note.h"
#include "base/check.h"
#include "base/clock.h"
#include "ops/log.h"
#include <inttypes.h>

int clock_note_load(struct clock_note *n)
{
	CHECK(n->time != NULL);
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

void clock_note_write(struct clock_note *n, struct effects *effects, int64_t now_ms,
		      bool has_movements)
{
	CHECK(!effects->must_note_time);
	if (has_movements && now_ms - n->noted.newest_ms < TIME_NOTED_EVERY_MS &&
	    !clock_note_is_wrong(n))
		return;
	effects->must_note_time = true;
	effects->newest_ms = now_ms;
	effects->ahead_ms = ahead_to_note(n);
}

void clock_note_keep(struct clock_note *n, const struct effects *effects, int64_t dated_ms)
{
	CHECK(dated_ms == 0 || dated_ms >= n->noted.ledger_ms);
	if (dated_ms != 0)
		n->noted.ledger_ms = dated_ms;
	if (!effects->must_note_time)
		return;
	n->noted.newest_ms = effects->newest_ms;
	n->noted.ahead_ms = effects->ahead_ms;
}

void clock_note_take_ledger_in(struct clock_note *n, int64_t ledger_ms, int64_t now_ms, int64_t seq)
{
	int64_t by_ms = ledger_ms - now_ms;

	if (by_ms > CLOCK_STEP_MS && ledger_ms > n->noted.ledger_ms)
		log_write(LOG_WARN, "ledger_ahead", "by_s=%.1f seq=%" PRId64,
			  (double)by_ms / MS_PER_S, seq);
	n->noted.ledger_ms = ledger_ms;
}

int64_t clock_note_date(const struct clock_note *n, int64_t now_ms)
{
	CHECK(now_ms >= 0);
	return now_ms > n->noted.ledger_ms ? now_ms : n->noted.ledger_ms;
}

void clock_note_leave(struct clock_note *n, struct store_writer *w)
{
	struct effects effects = { .must_note_time = true };
	struct group_begun begun;
	bool is_durable;
	int r;

	if (n->noted.ahead_ms == 0)
		return;
	effects.newest_ms = store_time_now(n->time);
	r = w->ops->begin(w, NULL, &begun);
	if (r < 0)
		return;
	r = w->ops->write(w, &effects);
	if (r == 0)
		r = w->ops->commit(w, &is_durable);
	if (r < 0)
		(void)w->ops->abandon(w, false); /* what is noted stays noted: see v_now */
}
