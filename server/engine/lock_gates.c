#include "engine/lock_moves.h"
#include "base/clock.h"
#include "ops/metrics.h"

static void close_gate_locked(struct lock_manager *m, struct lease *l, int64_t now_ns)
{
	struct list granted;

	CHECK(guard_is_mine(&m->guard));
	CHECK(!l->is_in_book);
	list_init(&granted);
	lease_book_add(&m->leases, l);
	lock_table_close(&m->table, &l->gate, &granted);
	lock_grant_locked(m, &granted, now_ns);
}

static void open_gate_locked(struct lock_manager *m, struct lease *l, int64_t now_ns)
{
	struct list granted;

	CHECK(guard_is_mine(&m->guard));
	CHECK(l->is_in_book);
	list_init(&granted);
	lease_book_remove(&m->leases, l);
	lock_table_open(&m->table, &l->gate, &granted);
	lock_grant_locked(m, &granted, now_ns);
}

/* The lease change of a write that is durable now; a lease that is to be let go, or NULL. */
struct lease *lock_change_lease_locked(struct lock_manager *m, struct work *w, int64_t now_ns)
{
	struct lease *l = w->lease;

	CHECK(guard_is_mine(&m->guard));
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
		CHECK(m->leases.count >= 0);
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
	CHECK(l->is_in_book);
	guard_lock(&m->guard);
	lease_book_renew(&m->leases, l, expires_at_ms);
	guard_unlock(&m->guard);
}

const struct lease *lock_manager_lease_of(struct lock_manager *m, const uint64_t rows[],
					  int row_count)
{
	CHECK(row_count > 0);
	guard_lock(&m->guard);
	struct gate *g = lock_table_gate_of(&m->table, rows, row_count, NULL, 0);
	guard_unlock(&m->guard);
	return g == NULL ? NULL : lease_of_gate(g);
}
