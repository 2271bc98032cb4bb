#include "engine/lock_moves.h"
#include "ops/metrics.h"
#include <string.h>

static void attach_locked(struct work *w, struct waiter *waiter)
{
	CHECK(w->state != WORK_DONE && w->state != WORK_WITHDRAWN);
	CHECK(waiter->parcel.home != NULL);
	waiter->work = w;
	list_init(&waiter->waiter_link);
	list_push_back(&w->waiters, &waiter->waiter_link);
	w->waiter_count++;
}

/* Shares the work with the same key. */
static enum enter join_locked(struct work *first, struct work *w, struct waiter *waiter)
{
	CHECK(first != w);
	CHECK(first->waiter_count > 0);
	work_hold(first);
	attach_locked(first, waiter);
	waiter->has_joined = true;
	if (first->decide_by_ns < w->decide_by_ns)
		first->decide_by_ns = w->decide_by_ns;
	metric_add(METRIC_KEYS_JOINED, 1);
	return ENTER_PENDING;
}

/*
 * Every fence it brings must be of a lease that is held, and that its actor may use. DONE: so, or
 * it may be one that another process has just given out, which the writer looks for.
 */
static enum outcome judge_fences_locked(const struct lock_manager *m, const struct command *c)
{
	CHECK(guard_is_mine(&m->guard));
	for (int i = 0; i < c->fence_count; i++) {
		const struct lease *l = lease_book_by_fence(&m->leases, c->fences[i]);

		if (l == NULL && m->has_rivals)
			continue;
		if (l == NULL || strcmp(l->id, c->fence_ids[i]) != 0)
			return OUTCOME_STALE_FENCE;
		if (!lease_is_for(l, c->actor))
			return OUTCOME_LEASE_NOT_YOURS;
	}
	return OUTCOME_DONE;
}

static enum enter queue_locked(struct lock_manager *m, struct work *w, struct waiter *waiter,
			       int64_t wait_ms, int64_t now_ns, struct lease **ret_held)
{
	CHECK(guard_is_mine(&m->guard));

	enum claim_state state = lock_table_enter(&m->table, &w->claim);

	if (state == CLAIM_REFUSED) {
		work_refuse(w, OUTCOME_ROW_QUEUE_FULL);
		metric_add(METRIC_QUEUE_FULL, 1);
		return ENTER_ANSWERED;
	}
	w->cost.claimed_ns = now_ns;
	w->cost.ahead_count = w->claim.ahead_count;
	if (state != CLAIM_GRANTED &&
	    (wait_ms == 0 || (state == CLAIM_AT_GATE && w->avoids_leases))) {
		*ret_held = lock_explain_wait_locked(m, w, &w->answer);
		lock_leave_locked(m, w, now_ns);
		metric_add(METRIC_TIMEOUTS, 1);
		return ENTER_ANSWERED;
	}

	work_hold(w); /* the engine's own, until it is done with it */
	attach_locked(w, waiter);
	if (++m->arrived_count == m->awaited_count)
		lock_wake_writer_locked(m);
	if (w->command.key != NULL)
		key_book_enter_locked(m->keys, w);
	if (state == CLAIM_GRANTED) {
		lock_make_ready_locked(m, w, now_ns);
	} else {
		work_move(w, WORK_WAITING);
		list_push_back(&m->waiting, &w->work_link);
		m->waiting_count++;
		metric_set(METRIC_WAITING, m->waiting_count);
		lock_remember_blocker_locked(w);
	}
	return ENTER_PENDING;
}

/* Its key is not free. */
static enum enter heed_key_locked(enum key_state state, struct work *first, struct work *w,
				  struct waiter *waiter)
{
	switch (state) {
	case KEY_IN_FLIGHT:
		return join_locked(first, w, waiter);
	case KEY_LOOK_UP:
		return ENTER_LOOK_UP;
	case KEY_UNKNOWN:
	case KEY_REUSED:
		key_book_refuse(w, state);
		return ENTER_ANSWERED;
	case KEY_FREE:
		break;
	}
	check_failed(__FILE__, __LINE__, "a free key is in nobody's way");
}

static enum enter enter_locked(struct lock_manager *m, struct work *w, struct waiter *waiter,
			       int64_t wait_ms, int64_t now_ns, struct key_search *search,
			       struct lease **ret_held)
{
	enum outcome fences;

	CHECK(guard_is_mine(&m->guard));
	CHECK(w->state == WORK_NEW);
	if (w->command.key != NULL) {
		struct work *first = NULL;
		enum key_state state = key_book_ask_locked(m->keys, w, search, &first);

		if (state != KEY_FREE)
			return heed_key_locked(state, first, w, waiter);
	}
	if (m->closed_with != OUTCOME_DONE || m->is_draining) {
		work_refuse(w, m->closed_with != OUTCOME_DONE ? m->closed_with : OUTCOME_DRAINING);
		return ENTER_ANSWERED;
	}
	fences = judge_fences_locked(m, &w->command);
	if (fences != OUTCOME_DONE) {
		work_refuse(w, fences);
		return ENTER_ANSWERED;
	}
	return queue_locked(m, w, waiter, wait_ms, now_ns, ret_held);
}

enum enter lock_manager_enter(struct lock_manager *m, struct work *w, struct waiter *waiter,
			      int64_t wait_ms, int64_t now_ns, struct key_search *search)
{
	struct lease *held = NULL;

	guard_lock(&m->guard);
	enum enter result = enter_locked(m, w, waiter, wait_ms, now_ns, search, &held);
	guard_unlock(&m->guard);
	if (held != NULL)
		lock_name_lease(held, &w->arena, &w->answer);
	return result;
}
