#include "engine/lock_moves.h"

void lock_manager_init(struct lock_manager *m, struct store_time *time, struct key_book *keys)
{
	CHECK(keys->guard == &m->guard);
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
	CHECK(m->waiting_count == 0);
	CHECK(m->ready_count == 0);

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

void lock_manager_stop(struct lock_manager *m)
{
	guard_lock(&m->guard);
	m->must_stop = true;
	lock_wake_writer_locked(m);
	guard_unlock(&m->guard);
}

void lock_manager_close(struct lock_manager *m, enum outcome why)
{
	CHECK(why != OUTCOME_DONE);
	guard_lock(&m->guard);
	if (m->closed_with == OUTCOME_DONE) {
		m->closed_with = why;
		m->must_look = true;
		lock_wake_writer_locked(m);
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

bool lock_manager_drain_is_over(struct lock_manager *m, int64_t now_ns)
{
	guard_lock(&m->guard);
	bool is_over = m->must_stop || (m->is_draining && m->drain_until_ns <= now_ns);
	guard_unlock(&m->guard);
	return is_over;
}

void lock_manager_set_store_keeps(struct lock_manager *m, enum outcome with)
{
	guard_lock(&m->guard);
	m->store_keeps_with = with;
	guard_unlock(&m->guard);
}
