#include "engine/lock_moves.h"
#include "base/clock.h"

/* A lease that was not known stands in its way: it waits there as if that had been so before. */
static void send_back_locked(struct lock_manager *m, struct work *w, int64_t now_ns,
			     struct list *late)
{
	struct list granted;

	CHECK(guard_is_mine(&m->guard));
	CHECK(w->state == WORK_READY);
	list_init(&granted);
	if (w->claim.state != CLAIM_GRANTED ||
	    !lock_table_step_back(&m->table, &w->claim, &granted))
		return;
	if (w->decide_by_ns <= now_ns || w->is_overdue || w->avoids_leases) {
		work_refuse(w, OUTCOME_ROW_LEASED);
		w->lease = lock_see_lease_locked(m, &w->claim, &w->answer.lease);
		lock_take_out_locked(m, w, WORK_DONE, now_ns);
		list_push_back(late, &w->work_link);
	} else {
		list_remove(&w->work_link);
		m->ready_count--;
		work_move(w, WORK_WAITING);
		list_push_back(&m->waiting, &w->work_link);
		m->waiting_count++;
		lock_remember_blocker_locked(w);
	}
	lock_grant_locked(m, &granted, now_ns);
}

/*
 * The next so many of the ready writes, from `at` on. Only the writer takes any out of the ready
 * queue, so that its own place in it stays where it is while the guard is let go.
 */
static struct list *send_some_back_locked(struct lock_manager *m, struct list *at,
					  struct list *late)
{
	CHECK(guard_is_mine(&m->guard));

	int64_t now_ns = clock_monotonic_ns(); /* after every deadline that was met before */

	CHECK(guard_is_mine(&m->guard));
	for (int i = 0; i < READY_SLICE && at != &m->ready; i++) {
		struct work *w = CONTAINER_OF(at, struct work, work_link);

		at = at->next;
		send_back_locked(m, w, now_ns, late);
	}
	lock_table_put_in_order(&m->table);
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

		lock_name_lease(w->lease, &w->arena, &w->answer);
		w->lease = NULL;
		list_push_back(&refused->writes, link);
		list_splice_back(&refused->waiters, &w->waiters);
		w->waiter_count = 0;
	}
}

static void refuse_locked(struct lock_manager *m, struct work *w, enum outcome o, int64_t now_ns,
			  struct refused *refused)
{
	CHECK(guard_is_mine(&m->guard));
	CHECK(o != OUTCOME_DONE);
	work_refuse(w, o);
	lock_take_out_locked(m, w, WORK_DONE, now_ns);
	list_push_back(&refused->writes, &w->work_link);
	list_splice_back(&refused->waiters, &w->waiters);
	w->waiter_count = 0;
}

void lock_manager_refuse_all(struct lock_manager *m, enum outcome o, struct refused *refused)
{
	int64_t now_ns = clock_monotonic_ns();

	CHECK(o != OUTCOME_DONE);
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
	enum outcome o =
		m->store_keeps_with != OUTCOME_DONE ? m->store_keeps_with : OUTCOME_STORE_BUSY;

	CHECK(guard_is_mine(&m->guard));
	for (int i = 0; i < READY_SLICE && at != &m->ready; i++) {
		struct work *w = CONTAINER_OF(at, struct work, work_link);

		at = at->next;
		if (w->decide_by_ns <= now_ns)
			refuse_locked(m, w, o, now_ns, refused);
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
