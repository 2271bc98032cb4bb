#include "engine/writer.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "base/pulse.h"
#include "engine/aftermath.h"
#include "engine/delivery.h"
#include "engine/outsiders.h"
#include "engine/store_turn.h"
#include "ops/metrics.h"
#include <inttypes.h>

enum {
	OVERDUE_SOON_MS = 2000, /* it must wake by itself at least as often */
};

/* ---------------------------------------------------------------- sleeping */

/* After a group that failed: what nobody waits for is not tried again at once. */
static bool may_try_again(const struct lane *l)
{
	return clock_monotonic_ns() >= l->aftermath.retry_not_before_ns;
}

static bool has_work(struct lane *l)
{
	CHECK(l->locks != NULL);
	return lock_manager_has_ready(l->locks) || lane_has_overdue(l) ||
	       ((!list_is_empty(&l->ended_leases) || clock_note_is_wrong(&l->clock) ||
		 audit_inbox_has_some(&l->audits)) &&
		may_try_again(l));
}

/* When the next reservation is to be booked; INT64_MAX: not soon. */
static int64_t overdue_ns(struct lane *l)
{
	int64_t due_ms = lane_overdue_ms(l);
	int64_t due_ns;

	CHECK(l->now_ms >= 0);
	if (due_ms == INT64_MAX || due_ms - l->now_ms > OVERDUE_SOON_MS)
		return INT64_MAX;
	due_ns = store_time_until_ns(l->locks->time, due_ms);
	return due_ns < l->aftermath.retry_not_before_ns ? l->aftermath.retry_not_before_ns
							 : due_ns;
}

/* When it must look around at the latest, though nothing comes in. */
static int64_t next_look_ns(struct writer *w)
{
	struct lane *l = &w->lane;
	int64_t at_ns = chores_due_ns(&w->chores);
	int64_t look_ns = l->outsiders.looked_ns + outsiders_look_ms(l) * NS_PER_MS;
	int64_t due_ns;

	CHECK(w->group.lane == l);
	if (l->aftermath.stopped_with != OUTCOME_DONE)
		return at_ns;
	at_ns = look_ns < at_ns ? look_ns : at_ns;
	due_ns = overdue_ns(l);
	return due_ns < at_ns ? due_ns : at_ns;
}

/* ---------------------------------------------------------------- a turn */

/* Store time was set ahead: whose time has come by that is not to blame. */
static void tell_what_ended(struct lane *l)
{
	int64_t by_ms = store_time_take_believed(l->locks->time);
	int leases = 0;

	if (by_ms == 0)
		return;
	LIST_EACH (it, &l->ended_leases)
		leases++;
	log_write(LOG_WARN, "clock_ended", "by_s=%.1f reservations=%" PRId64 " leases=%d",
		  (double)by_ms / MS_PER_S, lane_take_new_overdue(l), leases);
}

/* Nothing is written any more. */
static void refuse_all(struct writer *w)
{
	CHECK(w->lane.aftermath.stopped_with != OUTCOME_DONE);
	chores_stop(&w->chores);
	delivery_refuse_undecided(&w->lane, w->lane.aftermath.stopped_with);
	w->lane.outsiders.looked_ns = w->chores.done_ns;
}

static void write_and_keep_house(struct writer *w)
{
	struct lane *l = &w->lane;
	bool is_idle = !has_work(l);

	CHECK(w->group.lane == l);
	CHECK(l->aftermath.stopped_with == OUTCOME_DONE);
	if (!is_idle || outsiders_have_news(l)) {
		group_run(&w->group);
		if (l->aftermath.stopped_with == OUTCOME_DONE)
			chores_keep_log_short(&w->chores);
	} else if (chores_have_log(&w->chores)) {
		chores_keep_log_short(&w->chores);
	}
	if (l->aftermath.stopped_with == OUTCOME_DONE)
		chores_do(&w->chores, is_idle);
}

/* A read may have seen that the file is damaged. */
static void hear_of_damage(struct lane *l)
{
	CHECK(l->published != NULL);
	if (l->aftermath.stopped_with == OUTCOME_DONE && atomic_load(&l->published->is_damaged))
		aftermath_leave_damaged(l);
}

/* False: it is over. */
static bool wait_for_work(struct writer *w)
{
	crash_note_doing("waiting");
	return lock_manager_wait(w->lane.locks, next_look_ns(w));
}

static void *writer_main(void *context)
{
	struct writer *w = context;
	struct lane *l = &w->lane;
	struct crash_stack stack;

	CHECK(w->group.lane == l);
	CHECK(w->chores.group == &w->group);
	crash_thread_begin(&stack, "writer", -1);
	if (w->is_uncounted)
		metrics_mute_thread();
	else
		pulse_begin("writer", -1);
	while (wait_for_work(w)) {
		pulse_beat();
		l->now_ms = store_time_now(l->locks->time);
		lock_manager_end_leases(l->locks, l->now_ms, &l->ended_leases);
		tell_what_ended(l);
		(void)store_turn_end_drain(l);
		hear_of_damage(l);
		if (l->aftermath.stopped_with != OUTCOME_DONE)
			refuse_all(w);
		else
			write_and_keep_house(w);
	}
	hear_of_damage(l);
	if (l->aftermath.stopped_with == OUTCOME_DONE && audit_inbox_has_some(&l->audits))
		group_run(&w->group);
	if (l->aftermath.stopped_with == OUTCOME_DONE)
		clock_note_leave(&l->clock, l->writer);
	pulse_end();
	return NULL;
}

/* ---------------------------------------------------------------- life */

int writer_open(struct writer *w, uint64_t seed)
{
	int r = lane_open(&w->lane, seed);

	if (r < 0)
		return r;
	group_init(&w->group, &w->lane);
	chores_init(&w->chores, &w->group);
	if (pthread_create(&w->thread, NULL, writer_main, w) == 0)
		return 0;
	group_fini(&w->group);
	lane_close(&w->lane);
	return FAULT(-EAGAIN);
}

void writer_close(struct writer *w)
{
	CHECK(w->group.lane == &w->lane);
	lock_manager_stop(w->lane.locks);
	CHECK(pthread_join(w->thread, NULL) == 0);
	group_fini(&w->group);
	lane_close(&w->lane);
}
