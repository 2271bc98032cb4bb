#include "engine/lock_moves.h"
#include "ops/metrics.h"
#include <string.h>

void lock_wake_writer_locked(struct lock_manager *m)
{
	CHECK(guard_is_mine(&m->guard));
	if (m->is_writer_asleep)
		signal_flag_raise(&m->wake);
}

void lock_make_ready_locked(struct lock_manager *m, struct work *w, int64_t now_ns)
{
	CHECK(guard_is_mine(&m->guard));
	CHECK(w->claim.state == CLAIM_GRANTED || w->is_recalled);
	if (w->state == WORK_WAITING) {
		list_remove(&w->work_link);
		m->waiting_count--;
		CHECK(m->waiting_count >= 0);
	}
	work_move(w, WORK_READY);
	w->cost.granted_ns = now_ns;
	list_push_back(&m->ready, &w->work_link);
	m->ready_count++;
	if (m->awaited_count == 0)
		lock_wake_writer_locked(m);
}

void lock_grant_locked(struct lock_manager *m, struct list *granted, int64_t now_ns)
{
	CHECK(guard_is_mine(&m->guard));

	struct list *link;

	while ((link = list_pop_front(granted)) != NULL)
		lock_make_ready_locked(m,
				       CONTAINER_OF(CONTAINER_OF(link, struct claim, granted_link),
						    struct work, claim),
				       now_ns);
}

void lock_leave_locked(struct lock_manager *m, struct work *w, int64_t now_ns)
{
	struct list granted;

	CHECK(guard_is_mine(&m->guard));
	if (w->claim.state == CLAIM_OUT)
		return;
	list_init(&granted);
	lock_table_leave(&m->table, &w->claim, &granted);
	CHECK(w->claim.state == CLAIM_OUT);
	lock_grant_locked(m, &granted, now_ns);
}

void lock_take_out_locked(struct lock_manager *m, struct work *w, enum work_state next,
			  int64_t now_ns)
{
	CHECK(guard_is_mine(&m->guard));
	CHECK(w->state == WORK_WAITING || w->state == WORK_READY);
	if (w->state == WORK_WAITING)
		m->waiting_count--;
	else if (w->state == WORK_READY)
		m->ready_count--;
	CHECK(m->waiting_count >= 0);
	CHECK(m->ready_count >= 0);
	metric_set(METRIC_WAITING, m->waiting_count); /* the writer may be asleep, and not see it */
	list_remove(&w->work_link);
	work_move(w, next);
	lock_leave_locked(m, w, now_ns);
	key_book_leave_locked(m->keys, w);
}

struct lease *lock_see_lease_locked(struct lock_manager *m, const struct claim *c,
				    struct lease_view *ret)
{
	CHECK(guard_is_mine(&m->guard));

	struct lease *l = lease_of_gate(c->gate);

	CHECK(c->state == CLAIM_AT_GATE);
	CHECK(l->is_in_book);
	*ret = lease_view_of(l, store_time_now(m->time));
	ret->rows = NULL;
	ret->row_count = 0;
	lease_hold(l);
	return l;
}

void lock_name_lease(struct lease *held, struct arena *texts, struct answer *a)
{
	if (held == NULL)
		return;
	a->lease.id = arena_copy(texts, held->id, strlen(held->id));
	a->lease.purpose = arena_copy(texts, held->purpose, strlen(held->purpose));
	if (a->lease.id == NULL || a->lease.purpose == NULL)
		a->lease = (struct lease_view){ .id = "", .purpose = "" };
	lease_release(held);
}

struct lease *lock_explain_wait_locked(struct lock_manager *m, const struct work *w,
				       struct answer *ret)
{
	struct lease *held = NULL;

	CHECK(guard_is_mine(&m->guard));
	CHECK(w->claim.state != CLAIM_GRANTED);
	*ret = (struct answer){ .outcome = OUTCOME_ROW_BUSY };
	if (m->store_keeps_with != OUTCOME_DONE) {
		ret->outcome = m->store_keeps_with;
	} else if (w->claim.state == CLAIM_AT_GATE) {
		ret->outcome = OUTCOME_ROW_LEASED;
		held = lock_see_lease_locked(m, &w->claim, &ret->lease);
	}
	ret->status = outcome_row(ret->outcome)->http_status;
	return held;
}

void lock_remember_blocker_locked(struct work *w)
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

	CHECK(who != NULL);

	size_t bytes = strnlen(who, sizeof(w->blocked_by) - 1);

	memcpy(w->blocked_by, who, bytes);
	w->blocked_by[bytes] = '\0';
}
