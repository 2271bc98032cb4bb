#include "engine/store_turn.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "base/pulse.h"
#include "engine/aftermath.h"
#include "engine/delivery.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include <inttypes.h>

bool store_turn_end_drain(struct lane *l)
{
	CHECK(l->locks != NULL);
	if (!lock_manager_drain_is_over(l->locks, clock_monotonic_ns()))
		return false;
	delivery_refuse_undecided(l, OUTCOME_DRAINING);
	return true;
}

/*
 * A store of one file is kept by another program; one that several processes write to is nobody's
 * as a whole: then it does not answer.
 */
static atomic_bool *keeps(struct lane *l)
{
	CHECK(l->writer != NULL);
	return lane_is_alone(l) ? &l->published->is_store_busy : &l->published->is_unreachable;
}

static enum outcome keeps_with(const struct lane *l)
{
	CHECK(l->writer != NULL);
	return lane_is_alone(l) ? OUTCOME_STORE_BUSY : OUTCOME_STORE_UNREACHABLE;
}

/* Asked now and then while another program holds the store. */
static bool go_on_waiting(void *context)
{
	struct lane *l = context;
	struct refused late;

	pulse_beat(); /* whoever holds the store: this thread is alive */
	if (store_turn_end_drain(l))
		return false;
	if (!atomic_exchange(keeps(l), true))
		lock_manager_set_store_keeps(l->locks, keeps_with(l));
	log_keeper_stop(&l->log); /* the log does not grow meanwhile: lists need not stand back */
	refused_init(&late);
	lock_manager_refuse_late(l->locks, clock_monotonic_ns(), &late);
	delivery_refuse(&late);
	return true;
}

static void note_ours(struct lane *l)
{
	CHECK(l->aftermath.stopped_with == OUTCOME_DONE);
	if (!atomic_load(keeps(l)) && !l->outsiders.is_busy_logged)
		return;
	atomic_store(keeps(l), false);
	lock_manager_set_store_keeps(l->locks, OUTCOME_DONE);
	if (l->outsiders.is_busy_logged)
		log_write(LOG_INFO, lane_is_alone(l) ? "store_free_again" : "store_answers_again",
			  "seq=%" PRId64, l->seq_committed);
	l->outsiders.is_busy_logged = false;
}

static void note_busy(struct lane *l)
{
	metric_add(METRIC_STORE_BUSY, 1);
	if (!l->outsiders.is_busy_logged)
		log_write(LOG_WARN, "store_locked_by_other", "waiting_for=write_lock");
	l->outsiders.is_busy_logged = true;
}

static void note_unreachable(struct lane *l)
{
	atomic_store(&l->published->is_unreachable, true);
	lock_manager_set_store_keeps(l->locks, OUTCOME_STORE_UNREACHABLE);
	if (!l->outsiders.is_busy_logged)
		aftermath_log(LOG_ERROR, "store_unreachable", -ENOTCONN, 0);
	l->outsiders.is_busy_logged = true;
}

/* Only of begin() does -EBUSY mean that another program has it. */
int store_turn_take(struct lane *l, struct group_begun *ret)
{
	struct patience patience = { .may_go_on = go_on_waiting, .context = l };
	int r = l->writer->ops->check(l->writer);

	CHECK(l->aftermath.stopped_with == OUTCOME_DONE);
	crash_note_doing("beginning");
	if (r < 0)
		return r == -EBUSY ? FAULT(-EIO) : r;
	r = l->writer->ops->begin(l->writer, &patience, ret);
	if (r == 0)
		note_ours(l);
	else if (r == -EBUSY)
		note_busy(l);
	else if (r == -ENOTCONN)
		note_unreachable(l);
	return r;
}
