#include "engine/aftermath.h"
#include "base/clock.h"
#include "base/fault.h"
#include "engine/delivery.h"
#include "ops/metrics.h"
#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

enum {
	RETRY_MS = 1000,  /* after a group that failed */
	FAILURES_MAX = 3, /* groups that fail in a row, for another reason than a full disk */
	FULL_LOG_S = 60,
};

/* ---------------------------------------------------------------- stopping */

/* From now on nobody is served, and nothing is written. */
static void stop_writing(struct lane *l, enum outcome why)
{
	CHECK(why != OUTCOME_DONE);
	l->aftermath.stopped_with = why;
	lock_manager_close(l->locks, why);
	delivery_refuse_undecided(l, why);
}

static void stop_process(struct lane *l)
{
	CHECK(l->aftermath.failed_in_a_row >= 0);
	if (l->aftermath.stopped_with == OUTCOME_STORE_FAILED)
		return;
	stop_writing(l, OUTCOME_STORE_FAILED);
	atomic_store(&l->published->is_failing, true);
	if (l->aftermath.fail != NULL)
		l->aftermath.fail(l->aftermath.fail_context, EX_IOERR);
}

void aftermath_leave_damaged(struct lane *l)
{
	char where[DAMAGE_BYTES];

	CHECK(l->published != NULL);
	atomic_store(&l->published->is_damaged, true);
	metric_set(METRIC_STORE_IS_DAMAGED, 1);
	stop_writing(l, OUTCOME_STORE_DAMAGED);
	l->store->ops->leave_damaged(l->store, where);
	log_write(LOG_CRIT, "store_damaged",
		  "where=\"%s\" writes=refused hint=\"stop the server "
		  "and run rowlockd verify, then repair or restore, on its file\"",
		  where[0] != '\0' ? where : "not found yet");
}

/* ---------------------------------------------------------------- judging */

void aftermath_log(enum log_level level, const char *event, int fault, int count)
{
	const struct fault *f = fault_latest();

	CHECK(fault < 0);
	log_write(level, event, "error=\"%s\" errno=%d extended=%d commands=%d at=%s:%d",
		  strerror(-fault), f->system_error, f->detail, count, f->file, f->line);
}

static void log_full_disk(struct lane *l, int fault, int count)
{
	int64_t now_ns = clock_monotonic_ns(), *logged_ns = &l->aftermath.full_logged_ns;

	CHECK(fault == -ENOSPC || fault == -EDQUOT);
	atomic_store(&l->published->is_disk_full, true);
	if (*logged_ns != 0 && now_ns - *logged_ns < FULL_LOG_S * NS_PER_S)
		return;
	*logged_ns = now_ns;
	aftermath_log(LOG_ERROR, "disk_full", fault, count);
}

/* What the clients of a failed group are told; the operator is told here. */
static enum outcome judge(struct lane *l, int fault, int count)
{
	CHECK(fault < 0);
	CHECK(count >= 0);
	switch (fault) {
	case -ENOSPC:
	case -EDQUOT:
		log_full_disk(l, fault, count);
		break;
	case -EREMOTEIO:
		aftermath_log(LOG_CRIT, "commit_unknown", fault, count);
		return OUTCOME_OUTCOME_UNKNOWN;
	case -ENOMEM:
		aftermath_log(LOG_ERROR, "out_of_memory", fault, count);
		break;
	case -EBUSY:
	case -ENOTCONN: /* was told when the store could not be reached */
		break;
	case -ESTALE:
		aftermath_log(LOG_CRIT, "db_file_moved", fault, count);
		break;
	case -EBADMSG: /* what was written contradicts what was read of the same file */
	case -EUCLEAN:
		aftermath_log(LOG_CRIT, "store_contradicts_itself", fault, count);
		break;
	default:
		aftermath_log(LOG_ERROR, "store_failed", fault, count);
		break;
	}
	return outcome_of_fault(fault);
}

/* ---------------------------------------------------------------- ends of a group */

void aftermath_undo(struct group *g)
{
	struct lane *l = g->lane;

	feed_discard(&l->feed);
	decider_take_back(&g->decider);
}

/*
 * The process goes on where the store is a server: a group that comes later waits at the lane's row
 * until the one whose COMMIT was lost is over, and looks for keys behind that.
 */
static const char *unknown_detail(const struct lane *l, enum outcome o)
{
	CHECK(l->writer != NULL);
	if (o != OUTCOME_OUTCOME_UNKNOWN || lane_is_alone(l))
		return NULL;
	return "The link to the database was lost during the commit, and it has not answered "
	       "since. Send the request again with the same Idempotency-Key: it takes effect once.";
}

static void answer_members(struct group *g, enum outcome o)
{
	CHECK(o != OUTCOME_DONE);
	LIST_EACH (it, &g->members) {
		struct work *w = work_of_link(it);

		w->answer = (struct answer){ .outcome = o,
					     .status = outcome_row(o)->http_status,
					     .is_unknown = o == OUTCOME_OUTCOME_UNKNOWN,
					     .detail = unknown_detail(g->lane, o),
					     .seq = g->lane->seq_committed };
	}
	delivery_finish(g->lane, &g->members, g->size.member_count);
}

/* How the service goes on behind a group that ended with `o`. */
static void go_on_or_stop(struct lane *l, int fault, enum outcome o)
{
	bool is_hopeless = (fault == -EREMOTEIO && lane_is_alone(l)) || fault == -ESTALE;

	if (o == OUTCOME_STORE_FAILED) {
		atomic_store(&l->published->is_failing, true);
		is_hopeless = is_hopeless || ++l->aftermath.failed_in_a_row >= FAILURES_MAX;
	}
	if (o == OUTCOME_STORE_DAMAGED)
		aftermath_leave_damaged(l);
	if (is_hopeless)
		stop_process(l);
}

enum outcome aftermath_fail(struct group *g, int fault)
{
	struct lane *l = g->lane;
	enum outcome o = judge(l, fault, g->size.member_count);

	CHECK(o != OUTCOME_DONE);
	aftermath_undo(g);
	if (fault != -EREMOTEIO || !lane_is_alone(l))
		(void)l->writer->ops->abandon(l->writer, false);
	l->aftermath.retry_not_before_ns = clock_monotonic_ns() + RETRY_MS * NS_PER_MS;
	metric_add(METRIC_GROUPS_FAILED, 1);
	if (o == OUTCOME_OUTCOME_UNKNOWN && lane_is_alone(l))
		key_book_keep_unknown(l->keys, &g->members);
	answer_members(g, o);
	go_on_or_stop(l, fault, o);
	return o == OUTCOME_OUTCOME_UNKNOWN ? OUTCOME_STORE_FAILED : o;
}

void aftermath_succeed(struct lane *l)
{
	CHECK(l->aftermath.stopped_with == OUTCOME_DONE);
	l->aftermath.failed_in_a_row = 0;
	atomic_store(&l->published->is_failing, false);
	if (atomic_exchange(&l->published->is_disk_full, false)) {
		l->aftermath.full_logged_ns = 0;
		log_write(LOG_INFO, "disk_has_space", "seq=%" PRId64, l->seq_committed);
	}
}
