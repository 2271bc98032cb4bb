#include "engine/delivery.h"
#include "base/clock.h"
#include "ops/log.h"
#include "ops/metrics.h"

static struct waiter *waiter_of(struct list *link)
{
	return CONTAINER_OF(link, struct waiter, waiter_link);
}

/* Sends every waiter's parcel home, one burst and one wake-up for each loop. */
static void deliver(struct list *waiters)
{
	struct list boxes;
	struct list *link;

	list_init(&boxes);
	while ((link = list_pop_front(waiters)) != NULL) {
		struct parcel *p = &waiter_of(link)->parcel;

		CHECK(p->home != NULL);
		list_init(&p->link);
		list_push_back(&p->home->outgoing, &p->link);
		if (!list_is_linked(&p->home->outgoing_link))
			list_push_back(&boxes, &p->home->outgoing_link);
	}
	while ((link = list_pop_front(&boxes)) != NULL) {
		struct mailbox *m = CONTAINER_OF(link, struct mailbox, outgoing_link);

		mailbox_post(m, &m->outgoing);
	}
}

/* The engine is done with them. */
static void let_go(struct list *works)
{
	struct list *link;

	while ((link = list_pop_front(works)) != NULL)
		work_release(work_of_link(link));
}

static void log_if_slow(int64_t slow_ns, const struct work *w)
{
	const struct work_cost *k = &w->cost;
	bool has_row = w->command.row_count > 0;

	if (slow_ns == 0 || k->done_ns - k->claimed_ns < slow_ns)
		return;
	log_write(LOG_WARN, "slow_write",
		  "request=%s row=%s/%s behind=%s ahead=%d queue_ms=%.3f lock_ms=%.3f "
		  "apply_ms=%.3f commit_ms=%.3f group=%d status=%d",
		  w->command.request_id, has_row ? w->command.rows[0].sku.text : NULL,
		  has_row ? w->command.rows[0].location.text : NULL,
		  w->blocked_by[0] != '\0' ? w->blocked_by : NULL, k->ahead_count,
		  (double)(k->picked_ns - k->granted_ns) / NS_PER_MS,
		  (double)(k->granted_ns - k->claimed_ns) / NS_PER_MS,
		  (double)(k->decided_ns - k->picked_ns) / NS_PER_MS,
		  (double)(k->done_ns - k->decided_ns) / NS_PER_MS, k->group_count,
		  w->answer.status);
}

void delivery_finish(struct lane *l, struct list *works, int group_count)
{
	int64_t now_ns = clock_monotonic_ns();
	int64_t slow_ns = atomic_load_explicit(&l->slow_ns, memory_order_relaxed);
	struct list waiters;

	CHECK(group_count >= 0);
	list_init(&waiters);
	LIST_EACH (it, works) {
		struct work *w = work_of_link(it);

		CHECK(w->state == WORK_DECIDED);
		w->cost.done_ns = now_ns;
		w->cost.group_count = group_count;
		metric_observe(METRIC_LOCK_WAIT, w->cost.granted_ns - w->cost.claimed_ns);
		metric_observe(METRIC_QUEUE_DEPTH, w->cost.ahead_count);
		log_if_slow(slow_ns, w);
	}
	lock_manager_finish(l->locks, works, now_ns, &waiters);
	feed_ring(&l->feed); /* right before the answers: one wake-up does for both */
	deliver(&waiters);
	let_go(works);
}

void delivery_refuse(struct refused *r)
{
	CHECK(r->writes.next != NULL);
	deliver(&r->waiters);
	let_go(&r->writes);
}

void delivery_refuse_undecided(struct lane *l, enum outcome o)
{
	struct refused refused;

	CHECK(o != OUTCOME_DONE);
	refused_init(&refused);
	lock_manager_refuse_all(l->locks, o, &refused);
	delivery_refuse(&refused);
}
