#include "engine/lock_moves.h"
#include "ops/metrics.h"

static void detach_locked(struct waiter *waiter)
{
	struct work *w = waiter->work;

	CHECK(list_is_linked(&waiter->waiter_link));
	CHECK(w->waiter_count > 0);
	list_remove(&waiter->waiter_link);
	w->waiter_count--;
}

static bool withdraw_locked(struct lock_manager *m, struct waiter *waiter, int64_t now_ns,
			    struct answer *ret, struct lease **ret_held)
{
	struct work *w = waiter->work;

	CHECK(guard_is_mine(&m->guard));
	if (w->state == WORK_DONE)
		return false;
	if (w->waiter_count > 1) {
		*ret = (struct answer){ .outcome = OUTCOME_REQUEST_IN_FLIGHT, .is_unknown = true };
		ret->status = outcome_row(ret->outcome)->http_status;
		detach_locked(waiter);
		return true;
	}
	if (w->state != WORK_WAITING) {
		/* The work owns its rows: the writer decides it, or says that the store is busy. */
		w->is_overdue = true;
		return false;
	}
	*ret_held = lock_explain_wait_locked(m, w, ret);
	lock_take_out_locked(m, w, WORK_WITHDRAWN, now_ns);
	detach_locked(waiter);
	return true;
}

bool lock_manager_withdraw(struct lock_manager *m, struct waiter *waiter, int64_t now_ns,
			   struct arena *texts, struct answer *ret_answer)
{
	struct work *w = waiter->work;
	struct lease *held = NULL;
	bool is_out;
	bool is_last;

	CHECK(w != NULL);
	guard_lock(&m->guard);
	is_out = withdraw_locked(m, waiter, now_ns, ret_answer, &held);
	is_last = is_out && w->state == WORK_WITHDRAWN;
	guard_unlock(&m->guard);

	lock_name_lease(held, texts, ret_answer);
	if (is_last) {
		metric_add(METRIC_TIMEOUTS, 1);
		work_release(w); /* the engine's hold; the waiter still has its own */
	}
	return is_out;
}

/* The work gives its place up at once, and is ready: there is nothing that it has to wait for. */
static enum recall recall_locked(struct lock_manager *m, struct work *w, int64_t now_ns)
{
	CHECK(guard_is_mine(&m->guard));
	if (w->is_recalled)
		return RECALL_BEGUN;
	if (w->state != WORK_WAITING && w->state != WORK_READY)
		return RECALL_LATE;
	if (w->waiter_count > 1)
		return RECALL_SHARED;
	w->is_recalled = true;
	lock_leave_locked(m, w, now_ns);
	if (w->state == WORK_WAITING)
		lock_make_ready_locked(m, w, now_ns);
	return RECALL_BEGUN;
}

enum recall lock_manager_recall(struct lock_manager *m, struct waiter *waiter, int64_t now_ns)
{
	guard_lock(&m->guard);
	enum recall result = recall_locked(m, waiter->work, now_ns);
	guard_unlock(&m->guard);
	return result;
}

void lock_manager_place(struct lock_manager *m, const struct waiter *waiter, struct work_place *ret)
{
	const struct work *w = waiter->work;

	guard_lock(&m->guard);
	ret->is_decided = w->state != WORK_WAITING && w->state != WORK_READY && !w->is_recalled;
	ret->ahead_count = w->state == WORK_WAITING ? lock_table_ahead(&m->table, &w->claim) : 0;
	guard_unlock(&m->guard);
}
