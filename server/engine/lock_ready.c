#include "engine/lock_moves.h"
#include "base/clock.h"
#include "ops/metrics.h"

static int64_t next_event_locked(const struct lock_manager *m, int64_t until_ns)
{
	int64_t next = until_ns;

	CHECK(guard_is_mine(&m->guard));
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
	CHECK(!m->is_writer_asleep);
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

void lock_manager_mark(struct lock_manager *m)
{
	guard_lock(&m->guard);
	m->arrived_count = 0;
	guard_unlock(&m->guard);
}

int64_t lock_manager_await(struct lock_manager *m, int64_t count, int64_t until_ns)
{
	int64_t arrived;

	CHECK(count > 0);
	guard_lock(&m->guard);
	CHECK(!m->is_writer_asleep);
	while (m->arrived_count < count && !m->must_stop && !m->must_look && !m->is_draining &&
	       clock_monotonic_ns() < until_ns) {
		m->awaited_count = count;
		m->is_writer_asleep = true;
		guard_wait(&m->guard, &m->wake, until_ns);
		m->is_writer_asleep = false;
		m->awaited_count = 0;
	}
	arrived = m->arrived_count;
	guard_unlock(&m->guard);
	return arrived;
}

bool lock_manager_has_ready(struct lock_manager *m)
{
	guard_lock(&m->guard);
	bool has_ready = !list_is_empty(&m->ready);
	guard_unlock(&m->guard);
	return has_ready;
}

bool lock_manager_is_idle(struct lock_manager *m)
{
	guard_lock(&m->guard);
	bool is_idle = list_is_empty(&m->ready) && !m->is_draining && !m->must_stop;
	guard_unlock(&m->guard);
	return is_idle;
}

/* The next one that fits: an atomic part goes alone. NULL: none does. */
static struct work *next_ready_locked(struct lock_manager *m, bool is_alone)
{
	struct work *w;

	CHECK(guard_is_mine(&m->guard));
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

	CHECK(limit > 0);
	CHECK(list_is_empty(taken));
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
	metric_set(METRIC_WRITES_READY, m->ready_count);
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

void lock_manager_take_late(struct lock_manager *m, struct list *decided, bool takes_all,
			    struct list *late)
{
	int64_t now_ns;

	CHECK(list_is_empty(late));
	guard_lock(&m->guard);
	now_ns = clock_monotonic_ns();
	LIST_EACH_SAFE (it, decided) {
		const struct work *w = CONTAINER_OF(it, struct work, work_link);

		if (!takes_all && w->decide_by_ns > now_ns && !w->is_overdue)
			continue;
		list_remove(it);
		list_push_back(late, it);
	}
	guard_unlock(&m->guard);
}

void lock_manager_put_back_in_time(struct lock_manager *m, struct list *taken, struct list *late)
{
	struct list in_time;
	int64_t now_ns;

	list_init(&in_time);
	guard_lock(&m->guard);
	now_ns = clock_monotonic_ns();
	LIST_EACH_SAFE (it, taken) {
		const struct work *w = CONTAINER_OF(it, struct work, work_link);

		list_remove(it);
		list_push_back(w->decide_by_ns <= now_ns || w->is_overdue ? late : &in_time, it);
	}
	guard_unlock(&m->guard);
	lock_manager_put_back(m, &in_time);
}

void lock_manager_pass_on(struct lock_manager *m, struct list *taken, int64_t now_ns,
			  bool (*keeps_rows)(const struct work *w))
{
	guard_lock(&m->guard);
	LIST_EACH (it, taken) {
		struct work *w = CONTAINER_OF(it, struct work, work_link);

		CHECK(w->state == WORK_DECIDED);
		if (!keeps_rows(w))
			lock_leave_locked(m, w, now_ns);
	}
	guard_unlock(&m->guard);
}

static void finish_one_locked(struct lock_manager *m, struct work *w, int64_t now_ns,
			      struct list *waiters, struct list *gone)
{
	CHECK(guard_is_mine(&m->guard));

	struct lease *l = lock_change_lease_locked(m, w, now_ns);

	CHECK(w->state == WORK_DECIDED);
	CHECK(w->lease == NULL);
	if (l != NULL)
		list_push_back(gone, &l->link);
	lock_leave_locked(m, w, now_ns);
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
