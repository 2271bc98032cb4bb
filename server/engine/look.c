/* look - what service.h lets people see of queues and leases: copies, made under the guard. */
#include "base/clock.h"
#include "base/fault.h"
#include "engine/engine.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- leases */

/* Leases as they stood under the guard, held until their texts are copied. */
struct held_leases {
	struct lease **leases;
	struct lease_view *views;
	size_t count;
};

static int held_leases_init(struct held_leases *h, size_t limit, struct arena *a)
{
	CHECK(limit >= 1);
	h->count = 0;
	h->leases = arena_alloc(a, sizeof(h->leases[0]) * limit);
	h->views = arena_alloc(a, sizeof(h->views[0]) * limit);
	return h->leases == NULL || h->views == NULL ? FAULT(-ENOMEM) : 0;
}

/* One whose time is up has ended, though the writer has not come to it yet. */
static void hold_locked(struct held_leases *h, struct lease *l, int64_t now_ms)
{
	if (lease_has_ended(l, now_ms))
		return;
	lease_hold(l);
	h->leases[h->count] = l;
	h->views[h->count++] = lease_view_of(l, now_ms);
}

static bool copy_lease(struct arena *a, const struct lease *l, struct lease_view *v)
{
	v->id = arena_copy(a, l->id, strlen(l->id));
	v->purpose = arena_copy(a, l->purpose, strlen(l->purpose));
	v->rows =
		(struct row_ref *)arena_copy(a, l->rows, sizeof(l->rows[0]) * (size_t)l->row_count);
	return v->id != NULL && v->purpose != NULL && v->rows != NULL;
}

/* Not under the guard: it needs memory. Lets go of all of them, whatever happens. */
static int copy_held(struct held_leases *h, struct arena *a)
{
	bool is_copied = true;

	for (size_t i = 0; i < h->count; i++) {
		is_copied = is_copied && copy_lease(a, h->leases[i], &h->views[i]);
		lease_release(h->leases[i]);
	}
	return is_copied ? 0 : FAULT(-ENOMEM);
}

/* The fence to go on behind, or 0. */
static int64_t hold_page_locked(const struct lease_book *b, int64_t after_fence, int limit,
				int64_t now_ms, struct held_leases *h)
{
	struct lease *l = lease_book_after(b, after_fence);

	for (int i = 0; i < limit && l != NULL; i++) {
		hold_locked(h, l, now_ms);
		after_fence = l->gate.fence;
		l = lease_book_after(b, after_fence);
	}
	return l == NULL ? 0 : after_fence;
}

int service_leases(struct service *s, int64_t after_fence, int limit, struct arena *a,
		   struct lease_view **ret_leases, size_t *ret_count, int64_t *ret_next)
{
	struct held_leases held;
	int r = held_leases_init(&held, (size_t)limit, a);

	if (r < 0)
		return r;
	guard_lock(&s->locks.guard);
	*ret_next = hold_page_locked(&s->locks.leases, after_fence, limit, store_time_now(&s->time),
				     &held);
	guard_unlock(&s->locks.guard);
	*ret_leases = held.views;
	*ret_count = held.count;
	return copy_held(&held, a);
}

int service_lease(struct service *s, const char *id, struct arena *a, struct lease_view *ret)
{
	struct held_leases held;
	int r = held_leases_init(&held, 1, a);
	struct lease *l;

	if (r < 0)
		return r;
	guard_lock(&s->locks.guard);
	l = lease_book_by_id(&s->locks.leases, id);
	if (l != NULL)
		hold_locked(&held, l, store_time_now(&s->time));
	guard_unlock(&s->locks.guard);
	r = copy_held(&held, a);
	*ret = held.count > 0 ? held.views[0] : (struct lease_view){ .id = NULL };
	return r;
}

/* ---------------------------------------------------------------- queues */

/* What is gathered while the guard is held. */
struct look {
	struct lock_manager *locks;
	struct arena *arena;
	struct lock_view *rows;
	size_t count;
	int64_t now_ns; /* monotonic */
	int64_t now_ms; /* store time */
	bool has_failed;
};

static const struct write *write_of_claim(const struct claim *c)
{
	return CONTAINER_OF(c, const struct write, claim);
}

static int64_t age_ms(const struct look *look, const struct write *w)
{
	return (look->now_ns - w->cost.claimed_ns) / NS_PER_MS;
}

static const char *copied(struct look *look, const char *s)
{
	const char *copy = arena_copy(look->arena, s, strlen(s));

	look->has_failed = look->has_failed || copy == NULL;
	return copy;
}

static const struct write *write_of_slot(const struct list *link)
{
	return write_of_claim(CONTAINER_OF(link, const struct claim_slot, queue_link)->claim);
}

static const struct row_ref *row_of_command(const struct command *c, uint64_t key)
{
	for (int i = 0; i < c->row_count; i++)
		if (c->rows[i].key == key)
			return &c->rows[i];
	for (int i = 0; i < c->more_row_count; i++)
		if (c->more_rows[i].key == key)
			return &c->more_rows[i];
	return NULL;
}

/* The one of its rows, or of its lines' rows, that has this key. */
static const struct row_ref *row_of_write(const struct write *w, uint64_t key)
{
	const struct row_ref *row = row_of_command(&w->command, key);

	for (struct list *it = w->lines.next; row == NULL && it != &w->lines; it = it->next)
		row = row_of_command(&CONTAINER_OF(it, struct write, work_link)->command, key);
	return row;
}

/* The names behind a row's key, from whoever queues for it or leases it; NULL: not a stock row. */
static const struct row_ref *row_names(const struct row_entry *e)
{
	const struct lease *l = e->gate != NULL ? lease_of_gate(e->gate) : NULL;

	if (l == NULL)
		return list_is_empty(&e->slots)
			       ? NULL
			       : row_of_write(write_of_slot(e->slots.next), e->node.key);
	for (int i = 0; i < l->row_count; i++)
		if (l->rows[i].key == e->node.key)
			return &l->rows[i];
	return NULL;
}

static void add_waiter(struct look *look, struct lock_view *v, const struct write *w)
{
	int64_t age = age_ms(look, w);

	v->waiter_count++;
	if (v->longest_wait_ms < age)
		v->longest_wait_ms = age;
	if (v->waiter_views == LOCK_WAITERS_SHOWN)
		return;

	int64_t left_ms = (w->decide_by_ns - look->now_ns) / NS_PER_MS;

	v->waiters[v->waiter_views++] =
		(struct lock_waiter_view){ .request_id = copied(look, w->command.request_id),
					   .age_ms = age,
					   .deadline_ms = left_ms > 0 ? left_ms : 0 };
}

static void see_lease(struct look *look, struct lock_view *v, const struct row_entry *e)
{
	struct lease *l = lease_of_gate(e->gate);

	v->is_leased = true;
	v->holder_id = copied(look, l->id);
	v->purpose = copied(look, l->purpose);
	v->fence = l->gate.fence;
	v->expires_in_ms = lease_view_of(l, look->now_ms).expires_in_ms;
	v->holder_age_ms = l->taken_at_ms > 0 && look->now_ms > l->taken_at_ms
				   ? look->now_ms - l->taken_at_ms
				   : 0;
	LIST_EACH (it, &l->gate.claims) {
		const struct write *w =
			write_of_claim(CONTAINER_OF(it, const struct claim, gate_link));

		if (row_of_write(w, e->node.key) != NULL)
			add_waiter(look, v, w);
	}
}

/* The first in the queue holds the row if it holds all of its rows; the others wait. */
static void see_queue(struct look *look, struct lock_view *v, const struct row_entry *e)
{
	LIST_EACH (it, &e->slots) {
		const struct write *w = write_of_slot(it);

		if (it == e->slots.next && w->claim.state == CLAIM_GRANTED && !v->is_leased) {
			v->holder_id = copied(look, w->command.request_id);
			v->holder_age_ms = (look->now_ns - w->cost.granted_ns) / NS_PER_MS;
		} else {
			add_waiter(look, v, w);
		}
	}
}

static void see_row(void *context, const struct row_entry *e)
{
	struct look *look = context;
	const struct row_ref *names = row_names(e);

	if (names == NULL || look->count == LOCK_ROWS_SHOWN || look->has_failed)
		return;

	struct lock_view *v = &look->rows[look->count];
	int waiters = e->slot_count + (e->gate != NULL ? e->gate->claim_count : 0);
	size_t shown = (size_t)(waiters < LOCK_WAITERS_SHOWN ? waiters : LOCK_WAITERS_SHOWN);

	*v = (struct lock_view){ .sku = names->sku, .location = names->location };
	v->waiters = arena_alloc(look->arena, sizeof(v->waiters[0]) * shown);
	if (v->waiters == NULL) {
		look->has_failed = true;
		return;
	}
	if (e->gate != NULL)
		see_lease(look, v, e);
	see_queue(look, v, e);
	look->count++;
}

static int by_wait(const void *a, const void *b)
{
	const struct lock_view *x = a, *y = b;

	if (x->longest_wait_ms != y->longest_wait_ms)
		return x->longest_wait_ms > y->longest_wait_ms ? -1 : 1;

	int by_sku = strcmp(x->sku.text, y->sku.text);

	return by_sku != 0 ? by_sku : strcmp(x->location.text, y->location.text);
}

int service_locks(struct service *s, struct arena *a, struct lock_view **ret_rows,
		  size_t *ret_count)
{
	struct look look = { .locks = &s->locks, .arena = a };

	look.rows = arena_alloc(a, sizeof(look.rows[0]) * LOCK_ROWS_SHOWN);
	if (look.rows == NULL)
		return FAULT(-ENOMEM);

	guard_lock(&s->locks.guard);
	look.now_ns = clock_monotonic_ns();
	look.now_ms = store_time_now(&s->time);
	lock_table_each(&s->locks.table, see_row, &look);
	guard_unlock(&s->locks.guard);

	if (look.has_failed)
		return FAULT(-ENOMEM);
	qsort(look.rows, look.count, sizeof(look.rows[0]), by_wait);
	*ret_rows = look.rows;
	*ret_count = look.count;
	return 0;
}
