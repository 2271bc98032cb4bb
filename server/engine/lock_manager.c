#include "engine/lock_manager.h"
#include "base/clock.h"
#include "base/fault.h"
#include "ops/metrics.h"
#include <string.h>

/* ---------------------------------------------------------------- life */

void lock_manager_init(struct lock_manager *m, struct store_time *time, struct key_book *keys)
{
	guard_init(&m->guard, RANK_LOCKS);
	m->time = time;
	m->keys = keys;
	signal_flag_init(&m->wake);
	lock_table_init(&m->table);
	list_init(&m->waiting);
	list_init(&m->ready);
	lease_book_init(&m->leases);
}

void lock_manager_fini(struct lock_manager *m)
{
	CHECK(list_is_empty(&m->waiting));
	CHECK(list_is_empty(&m->ready));

	struct lease *l;

	while ((l = lease_book_after(&m->leases, INT64_MIN)) != NULL) {
		struct list nobody;

		list_init(&nobody);
		lease_book_remove(&m->leases, l);
		lock_table_open(&m->table, &l->gate, &nobody);
		CHECK(list_is_empty(&nobody));
		lease_release(l);
	}
	lease_book_fini(&m->leases);
	lock_table_fini(&m->table);
	signal_flag_fini(&m->wake);
	guard_fini(&m->guard);
}

/* ---------------------------------------------------------------- small moves */

static void wake_writer_locked(struct lock_manager *m)
{
	CHECK(guard_is_mine(&m->guard));
	if (m->is_writer_asleep)
		signal_flag_raise(&m->wake);
}

static void make_ready_locked(struct lock_manager *m, struct work *w, int64_t now_ns)
{
	if (w->state == WORK_WAITING) {
		list_remove(&w->work_link);
		m->waiting_count--;
	}
	work_move(w, WORK_READY);
	w->cost.granted_ns = now_ns;
	list_push_back(&m->ready, &w->work_link);
	m->ready_count++;
	wake_writer_locked(m);
}

/* The claims that have just become owners are ready for the writer. */
static void grant_locked(struct lock_manager *m, struct list *granted, int64_t now_ns)
{
	struct list *link;

	while ((link = list_pop_front(granted)) != NULL)
		make_ready_locked(m,
				  CONTAINER_OF(CONTAINER_OF(link, struct claim, granted_link),
					       struct work, claim),
				  now_ns);
}

static void leave_locked(struct lock_manager *m, struct work *w, int64_t now_ns)
{
	struct list granted;

	if (w->claim.state == CLAIM_OUT)
		return;
	list_init(&granted);
	lock_table_leave(&m->table, &w->claim, &granted);
	grant_locked(m, &granted, now_ns);
}

/* Takes a write that is not decided yet out of everything. */
static void take_out_locked(struct lock_manager *m, struct work *w, enum work_state next,
			    int64_t now_ns)
{
	if (w->state == WORK_WAITING)
		m->waiting_count--;
	else if (w->state == WORK_READY)
		m->ready_count--;
	metric_set(METRIC_WAITING, m->waiting_count); /* the writer may be asleep, and not see it */
	list_remove(&w->work_link);
	work_move(w, next);
	leave_locked(m, w, now_ns);
	key_book_leave_locked(m->keys, w);
}

static void attach_locked(struct work *w, struct waiter *waiter)
{
	waiter->work = w;
	list_init(&waiter->waiter_link);
	list_push_back(&w->waiters, &waiter->waiter_link);
	w->waiter_count++;
}

static void detach_locked(struct waiter *waiter)
{
	struct work *w = waiter->work;

	CHECK(w->waiter_count > 0);
	list_remove(&waiter->waiter_link);
	w->waiter_count--;
}

/*
 * The lease in the way, as an answer shows it. Its texts are the lease's own: it is held, and
 * name_lease() copies them when the guard is let go.
 */
static struct lease *see_lease_locked(struct lock_manager *m, const struct claim *c,
				      struct lease_view *ret)
{
	struct lease *l = lease_of_gate(c->gate);

	*ret = lease_view_of(l, store_time_now(m->time));
	ret->rows = NULL;
	ret->row_count = 0;
	lease_hold(l);
	return l;
}

/* Not under the guard: it may need memory. held NULL: no lease was in the way. */
static void name_lease(struct lease *held, struct arena *texts, struct answer *a)
{
	if (held == NULL)
		return;
	a->lease.id = arena_copy(texts, held->id, strlen(held->id));
	a->lease.purpose = arena_copy(texts, held->purpose, strlen(held->purpose));
	if (a->lease.id == NULL || a->lease.purpose == NULL)
		a->lease = (struct lease_view){ .id = "", .purpose = "" };
	lease_release(held);
}

/* Why its wait ended without a decision; the lease for name_lease(). */
static struct lease *explain_wait_locked(struct lock_manager *m, const struct work *w,
					 struct answer *ret)
{
	struct lease *held = NULL;

	*ret = (struct answer){ .outcome = OUTCOME_ROW_BUSY };
	if (m->is_store_busy) {
		ret->outcome = OUTCOME_STORE_BUSY;
	} else if (w->claim.state == CLAIM_AT_GATE) {
		ret->outcome = OUTCOME_ROW_LEASED;
		held = see_lease_locked(m, &w->claim, &ret->lease);
	}
	ret->status = outcome_row(ret->outcome)->http_status;
	return held;
}

/* ---------------------------------------------------------------- loops */

/* Shares the work with the same key. */
static enum enter join_locked(struct work *first, struct work *w, struct waiter *waiter)
{
	work_hold(first);
	attach_locked(first, waiter);
	waiter->has_joined = true;
	if (first->decide_by_ns < w->decide_by_ns)
		first->decide_by_ns = w->decide_by_ns;
	metric_add(METRIC_KEYS_JOINED, 1);
	return ENTER_PENDING;
}

/* Every fence it brings must be of a lease that is held. */
static bool fences_are_current_locked(const struct lock_manager *m, const struct command *c)
{
	for (int i = 0; i < c->fence_count; i++) {
		const struct lease *l = lease_book_by_fence(&m->leases, c->fences[i]);

		if (l == NULL || strcmp(l->id, c->fence_ids[i]) != 0)
			return false;
	}
	return true;
}

/* Whom it waits for: the lease in the way, or the request just ahead. For the log of slow writes.
 */
static void remember_blocker_locked(struct work *w)
{
	const char *who = "";

	if (w->claim.state == CLAIM_AT_GATE)
		who = lease_of_gate(w->claim.gate)->id;
	for (int i = 0; w->claim.state == CLAIM_QUEUED && i < w->claim.row_count; i++) {
		const struct list *ahead = w->claim.slots[i].queue_link.prev;

		if (w->claim.slots[i].is_first)
			continue;
		who = CONTAINER_OF(CONTAINER_OF(ahead, struct claim_slot, queue_link)->claim,
				   struct work, claim)
			      ->command.request_id;
		break;
	}

	size_t bytes = strnlen(who, sizeof(w->blocked_by) - 1);

	memcpy(w->blocked_by, who, bytes);
	w->blocked_by[bytes] = '\0';
}

static enum enter queue_locked(struct lock_manager *m, struct work *w, struct waiter *waiter,
			       int64_t wait_ms, int64_t now_ns, struct lease **ret_held)
{
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
		*ret_held = explain_wait_locked(m, w, &w->answer);
		leave_locked(m, w, now_ns);
		metric_add(METRIC_TIMEOUTS, 1);
		return ENTER_ANSWERED;
	}

	work_hold(w); /* the engine's own, until it is done with it */
	attach_locked(w, waiter);
	if (w->command.key != NULL)
		key_book_enter_locked(m->keys, w);
	if (state == CLAIM_GRANTED) {
		make_ready_locked(m, w, now_ns);
	} else {
		work_move(w, WORK_WAITING);
		list_push_back(&m->waiting, &w->work_link);
		m->waiting_count++;
		metric_set(METRIC_WAITING, m->waiting_count);
		remember_blocker_locked(w);
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
	if (!fences_are_current_locked(m, &w->command)) {
		work_refuse(w, OUTCOME_STALE_FENCE);
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
		name_lease(held, &w->arena, &w->answer);
	return result;
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
		/* It owns its rows: the writer decides it, or says that the store is busy. */
		w->is_overdue = true;
		return false;
	}
	*ret_held = explain_wait_locked(m, w, ret);
	take_out_locked(m, w, WORK_WITHDRAWN, now_ns);
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

	guard_lock(&m->guard);
	is_out = withdraw_locked(m, waiter, now_ns, ret_answer, &held);
	is_last = is_out && w->state == WORK_WITHDRAWN;
	guard_unlock(&m->guard);

	name_lease(held, texts, ret_answer);
	if (is_last) {
		metric_add(METRIC_TIMEOUTS, 1);
		work_release(w); /* the engine's hold; the waiter still has its own */
	}
	return is_out;
}

/* It gives its place up at once, and is ready: there is nothing that it has to wait for. */
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
	leave_locked(m, w, now_ns);
	if (w->state == WORK_WAITING)
		make_ready_locked(m, w, now_ns);
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

/* ---------------------------------------------------------------- the writer */

static int64_t next_event_locked(const struct lock_manager *m, int64_t until_ns)
{
	int64_t next = until_ns;

	if (m->leases.count > 0) {
		int64_t ends_ns = store_time_until_ns(m->time, lease_book_next_ms(&m->leases));

		next = ends_ns < next ? ends_ns : next;
	}
	if (m->is_draining && !list_is_empty(&m->waiting) && m->drain_until_ns < next)
		next = m->drain_until_ns;
	return next;
}

bool lock_manager_wait(struct lock_manager *m, int64_t until_ns)
{
	bool goes_on;

	guard_lock(&m->guard);
	while (list_is_empty(&m->ready) && !m->must_stop && !m->must_look) {
		int64_t next_ns = next_event_locked(m, until_ns);

		if (next_ns <= clock_monotonic_ns())
			break;
		m->is_writer_asleep = true;
		guard_wait(&m->guard, &m->wake, next_ns);
		m->is_writer_asleep = false;
	}
	m->must_look = false;
	goes_on = !m->must_stop;
	guard_unlock(&m->guard);
	return goes_on;
}

void lock_manager_stop(struct lock_manager *m)
{
	guard_lock(&m->guard);
	m->must_stop = true;
	wake_writer_locked(m);
	guard_unlock(&m->guard);
}

bool lock_manager_has_ready(struct lock_manager *m)
{
	guard_lock(&m->guard);
	bool has_ready = !list_is_empty(&m->ready);
	guard_unlock(&m->guard);
	return has_ready;
}

/* The next one that fits: an atomic part goes alone. NULL: none does. */
static struct work *next_ready_locked(struct lock_manager *m, bool is_alone)
{
	struct work *w;

	if (list_is_empty(&m->ready))
		return NULL;
	w = CONTAINER_OF(m->ready.next, struct work, work_link);
	return w->is_atomic && !is_alone ? NULL : w;
}

int lock_manager_take(struct lock_manager *m, int limit, bool is_first, struct list *taken)
{
	bool is_closed = false;
	struct work *w;
	int count = 0;

	guard_lock(&m->guard);
	while (count < limit && !is_closed &&
	       (w = next_ready_locked(m, is_first && count == 0)) != NULL) {
		list_remove(&w->work_link);
		is_closed = w->is_atomic;
		work_move(w, WORK_DECIDED);
		list_push_back(taken, &w->work_link);
		m->ready_count--;
		count++;
	}
	CHECK(m->ready_count >= 0);
	CHECK(IMPLIES(list_is_empty(&m->ready), m->ready_count == 0));
	metric_set(METRIC_READY, m->ready_count);
	metric_set(METRIC_WAITING, m->waiting_count);
	guard_unlock(&m->guard);
	return count;
}

void lock_manager_put_back(struct lock_manager *m, struct list *taken)
{
	struct list *link;

	guard_lock(&m->guard);
	while ((link = list_pop_front(taken)) != NULL) {
		work_move(CONTAINER_OF(link, struct work, work_link), WORK_READY);
		list_push_back(&m->ready, link);
		m->ready_count++;
	}
	guard_unlock(&m->guard);
}

void lock_manager_pass_on(struct lock_manager *m, struct list *taken, int64_t now_ns,
			  bool (*keeps_rows)(const struct work *w))
{
	guard_lock(&m->guard);
	LIST_EACH (it, taken) {
		struct work *w = CONTAINER_OF(it, struct work, work_link);

		if (!keeps_rows(w))
			leave_locked(m, w, now_ns);
	}
	guard_unlock(&m->guard);
}

static void close_gate_locked(struct lock_manager *m, struct lease *l, int64_t now_ns)
{
	struct list granted;

	list_init(&granted);
	lease_book_add(&m->leases, l);
	lock_table_close(&m->table, &l->gate, &granted);
	grant_locked(m, &granted, now_ns);
}

static void open_gate_locked(struct lock_manager *m, struct lease *l, int64_t now_ns)
{
	struct list granted;

	list_init(&granted);
	lease_book_remove(&m->leases, l);
	lock_table_open(&m->table, &l->gate, &granted);
	grant_locked(m, &granted, now_ns);
}

/* The lease change of a write that is durable now; a lease that is to be let go, or NULL. */
static struct lease *change_lease_locked(struct lock_manager *m, struct work *w, int64_t now_ns)
{
	struct lease *l = w->lease;

	w->lease = NULL;
	if (l == NULL)
		return NULL;

	bool is_carried_out = w->answer.outcome == OUTCOME_DONE;

	if (w->command.kind == COMMAND_LEASE_TAKE) {
		if (!is_carried_out)
			return l;
		close_gate_locked(m, l, now_ns);
		return NULL;
	}
	if (w->command.kind == COMMAND_LEASE_RENEW) {
		/* Its time may have come while the group was flushed: then it has ended. */
		if (is_carried_out && l->is_in_book)
			lease_book_renew(&m->leases, l, w->answer.lease.expires_at_ms);
		return NULL;
	}
	CHECK(w->command.kind == COMMAND_LEASE_RELEASE);
	if (!is_carried_out || !l->is_in_book)
		return NULL;
	open_gate_locked(m, l, now_ns);
	return l;
}

static void finish_one_locked(struct lock_manager *m, struct work *w, int64_t now_ns,
			      struct list *waiters, struct list *gone)
{
	struct lease *l = change_lease_locked(m, w, now_ns);

	if (l != NULL)
		list_push_back(gone, &l->link);
	leave_locked(m, w, now_ns);
	key_book_leave_locked(m->keys, w);
	work_move(w, WORK_DONE);
	list_splice_back(waiters, &w->waiters);
	w->waiter_count = 0;
}

void lock_manager_finish(struct lock_manager *m, struct list *done, int64_t now_ns,
			 struct list *waiters)
{
	struct list gone;

	list_init(&gone);
	guard_lock(&m->guard);
	LIST_EACH (it, done)
		finish_one_locked(m, CONTAINER_OF(it, struct work, work_link), now_ns, waiters,
				  &gone);
	metric_set(METRIC_LEASES, m->leases.count);
	guard_unlock(&m->guard);
	lock_manager_let_leases_go(&gone);
}

void lock_manager_let_leases_go(struct list *leases)
{
	struct list *link;

	while ((link = list_pop_front(leases)) != NULL)
		lease_release(CONTAINER_OF(link, struct lease, link));
}

/* One by one: whoever waits for the guard need not wait for all of them. */
void lock_manager_end_leases(struct lock_manager *m, int64_t now_ms, struct list *ended)
{
	int64_t now_ns = clock_monotonic_ns();
	struct lease *l;

	while ((l = lease_book_due(&m->leases, now_ms)) != NULL) {
		guard_lock(&m->guard);
		open_gate_locked(m, l, now_ns);
		metric_set(METRIC_LEASES, m->leases.count);
		guard_unlock(&m->guard);
		list_push_back(ended, &l->link);
	}
}

void lock_manager_add_lease(struct lock_manager *m, struct lease *l, int64_t now_ns)
{
	guard_lock(&m->guard);
	close_gate_locked(m, l, now_ns);
	metric_set(METRIC_LEASES, m->leases.count);
	guard_unlock(&m->guard);
}

void lock_manager_drop_lease(struct lock_manager *m, struct lease *l, int64_t now_ns)
{
	guard_lock(&m->guard);
	open_gate_locked(m, l, now_ns);
	metric_set(METRIC_LEASES, m->leases.count);
	guard_unlock(&m->guard);
	lease_release(l);
}

void lock_manager_renew_lease(struct lock_manager *m, struct lease *l, int64_t expires_at_ms)
{
	guard_lock(&m->guard);
	lease_book_renew(&m->leases, l, expires_at_ms);
	guard_unlock(&m->guard);
}

/* A lease that was not known stands in its way: it waits there as if that had been so before. */
static void send_back_locked(struct lock_manager *m, struct work *w, int64_t now_ns,
			     struct list *late)
{
	struct list granted;

	list_init(&granted);
	if (w->claim.state != CLAIM_GRANTED ||
	    !lock_table_step_back(&m->table, &w->claim, &granted))
		return;
	if (w->decide_by_ns <= now_ns || w->is_overdue || w->avoids_leases) {
		work_refuse(w, OUTCOME_ROW_LEASED);
		w->lease = see_lease_locked(m, &w->claim, &w->answer.lease);
		take_out_locked(m, w, WORK_DONE, now_ns);
		list_push_back(late, &w->work_link);
	} else {
		list_remove(&w->work_link);
		m->ready_count--;
		work_move(w, WORK_WAITING);
		list_push_back(&m->waiting, &w->work_link);
		m->waiting_count++;
		remember_blocker_locked(w);
	}
	grant_locked(m, &granted, now_ns);
}

/*
 * The next so many of the ready writes, from `at` on. Only the writer takes any out of the ready
 * queue, so that its own place in it stays where it is while the guard is let go.
 */
static struct list *send_some_back_locked(struct lock_manager *m, struct list *at,
					  struct list *late)
{
	int64_t now_ns = clock_monotonic_ns(); /* after every deadline that was met before */

	for (int i = 0; i < READY_SLICE && at != &m->ready; i++) {
		struct work *w = CONTAINER_OF(at, struct work, work_link);

		at = at->next;
		send_back_locked(m, w, now_ns, late);
	}
	lock_table_settle(&m->table);
	return at;
}

void lock_manager_send_back(struct lock_manager *m, struct refused *refused)
{
	struct list *at = &m->ready, *link;
	struct list late;

	list_init(&late);
	do {
		guard_lock(&m->guard);
		at = send_some_back_locked(m, at == &m->ready ? m->ready.next : at, &late);
		guard_unlock(&m->guard);
	} while (at != &m->ready);

	while ((link = list_pop_front(&late)) != NULL) {
		struct work *w = CONTAINER_OF(link, struct work, work_link);

		name_lease(w->lease, &w->arena, &w->answer);
		w->lease = NULL;
		list_push_back(&refused->writes, link);
		list_splice_back(&refused->waiters, &w->waiters);
		w->waiter_count = 0;
	}
}

static void refuse_locked(struct lock_manager *m, struct work *w, enum outcome o, int64_t now_ns,
			  struct refused *refused)
{
	work_refuse(w, o);
	take_out_locked(m, w, WORK_DONE, now_ns);
	list_push_back(&refused->writes, &w->work_link);
	list_splice_back(&refused->waiters, &w->waiters);
	w->waiter_count = 0;
}

void lock_manager_refuse_all(struct lock_manager *m, enum outcome o, struct refused *refused)
{
	int64_t now_ns = clock_monotonic_ns();

	guard_lock(&m->guard);
	while (!list_is_empty(&m->waiting))
		refuse_locked(m, CONTAINER_OF(m->waiting.next, struct work, work_link), o, now_ns,
			      refused);
	while (!list_is_empty(&m->ready))
		refuse_locked(m, CONTAINER_OF(m->ready.next, struct work, work_link), o, now_ns,
			      refused);
	guard_unlock(&m->guard);
}

/* As send_some_back_locked() does. */
static struct list *refuse_some_late_locked(struct lock_manager *m, struct list *at, int64_t now_ns,
					    struct refused *refused)
{
	for (int i = 0; i < READY_SLICE && at != &m->ready; i++) {
		struct work *w = CONTAINER_OF(at, struct work, work_link);

		at = at->next;
		if (w->decide_by_ns <= now_ns)
			refuse_locked(m, w, OUTCOME_STORE_BUSY, now_ns, refused);
	}
	return at;
}

void lock_manager_refuse_late(struct lock_manager *m, int64_t now_ns, struct refused *refused)
{
	struct list *at = &m->ready;

	do {
		guard_lock(&m->guard);
		at = refuse_some_late_locked(m, at == &m->ready ? m->ready.next : at, now_ns,
					     refused);
		guard_unlock(&m->guard);
	} while (at != &m->ready);
}

void lock_manager_close(struct lock_manager *m, enum outcome why)
{
	guard_lock(&m->guard);
	if (m->closed_with == OUTCOME_DONE) {
		m->closed_with = why;
		m->must_look = true;
		if (m->is_writer_asleep)
			signal_flag_raise(&m->wake);
	}
	guard_unlock(&m->guard);
}

void lock_manager_drain(struct lock_manager *m, int64_t until_ns)
{
	guard_lock(&m->guard);
	m->is_draining = true;
	m->drain_until_ns = until_ns;
	signal_flag_raise(&m->wake);
	guard_unlock(&m->guard);
}

bool lock_manager_is_idle(struct lock_manager *m)
{
	guard_lock(&m->guard);
	bool is_idle = list_is_empty(&m->ready) && !m->is_draining && !m->must_stop;
	guard_unlock(&m->guard);
	return is_idle;
}

bool lock_manager_drain_is_over(struct lock_manager *m, int64_t now_ns)
{
	guard_lock(&m->guard);
	bool is_over = m->must_stop || (m->is_draining && m->drain_until_ns <= now_ns);
	guard_unlock(&m->guard);
	return is_over;
}

const struct lease *lock_manager_lease_of(struct lock_manager *m, const uint64_t rows[],
					  int row_count)
{
	guard_lock(&m->guard);
	struct gate *g = lock_table_gate_of(&m->table, rows, row_count, NULL, 0);
	guard_unlock(&m->guard);
	return g == NULL ? NULL : lease_of_gate(g);
}

void lock_manager_set_store_busy(struct lock_manager *m, bool is_busy)
{
	guard_lock(&m->guard);
	m->is_store_busy = is_busy;
	guard_unlock(&m->guard);
}
