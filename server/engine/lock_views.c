#include "engine/lock_views.h"
#include "base/clock.h"
#include "base/fault.h"
#include "engine/lock_manager.h"
#include <stdio.h>
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
	CHECK(l->is_in_book);
	CHECK(l->holder_count > 0);
	if (lease_has_ended(l, now_ms))
		return;
	lease_hold(l);
	h->leases[h->count] = l;
	h->views[h->count++] = lease_view_of(l, now_ms);
}

static bool copy_lease(struct arena *a, const struct lease *l, struct lease_view *v)
{
	CHECK(l->row_count >= 1);
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

	CHECK(h->leases != NULL);
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

	CHECK(limit >= 1);
	CHECK(h->count == 0);
	for (int i = 0; i < limit && l != NULL; i++) {
		hold_locked(h, l, now_ms);
		after_fence = l->gate.fence;
		l = lease_book_after(b, after_fence);
	}
	return l == NULL ? 0 : after_fence;
}

int lock_views_leases(struct lock_manager *m, int64_t after_fence, int limit, struct arena *a,
		      struct lease_view **ret_leases, size_t *ret_count, int64_t *ret_next)
{
	struct held_leases held;
	int r = held_leases_init(&held, (size_t)limit, a);

	CHECK(limit >= 1);
	if (r < 0)
		return r;
	guard_lock(&m->guard);
	*ret_next =
		hold_page_locked(&m->leases, after_fence, limit, store_time_now(m->time), &held);
	guard_unlock(&m->guard);
	*ret_leases = held.views;
	*ret_count = held.count;
	return copy_held(&held, a);
}

int lock_views_lease(struct lock_manager *m, const char *id, struct arena *a,
		     struct lease_view *ret)
{
	struct held_leases held;
	int r = held_leases_init(&held, 1, a);
	struct lease *l;

	CHECK(id != NULL);
	if (r < 0)
		return r;
	guard_lock(&m->guard);
	l = lease_book_by_id(&m->leases, id);
	if (l != NULL)
		hold_locked(&held, l, store_time_now(m->time));
	guard_unlock(&m->guard);
	r = copy_held(&held, a);
	*ret = held.count > 0 ? held.views[0] : (struct lease_view){ .id = NULL };
	return r;
}

/* ---------------------------------------------------------------- queues */

enum {
	VIEWED_ROWS = 64,   /* rows that are gone through while the guard is held */
	LOOK_BUCKETS = 512, /* and buckets of the table, while there are few rows in it */
};

static const struct work *work_of_claim(const struct claim *c)
{
	return CONTAINER_OF(c, const struct work, claim);
}

static const struct row_ref *row_of_command(const struct command *c, uint64_t key)
{
	CHECK(c->row_count >= 0);
	CHECK(c->more_row_count >= 0);
	for (int i = 0; i < c->row_count; i++)
		if (c->rows[i].key == key)
			return &c->rows[i];
	for (int i = 0; i < c->more_row_count; i++)
		if (c->more_rows[i].key == key)
			return &c->more_rows[i];
	return NULL;
}

/* The one of its rows, or of its lines' rows, that has this key. */
static const struct row_ref *row_of_write(const struct work *w, uint64_t key)
{
	const struct row_ref *row = row_of_command(&w->command, key);

	for (struct list *it = w->lines.next; row == NULL && it != &w->lines; it = it->next)
		row = row_of_command(&CONTAINER_OF(it, struct work, work_link)->command, key);
	return row;
}

/* The names behind a row's key, from whoever leases it or queues for it; NULL: not a stock row. */
static const struct row_ref *row_names(const struct row_entry *e)
{
	const struct lease *l = e->gate != NULL ? lease_of_gate(e->gate) : NULL;
	const struct claim *c = row_entry_owner(e);

	CHECK(e->gate != NULL || e->slot_count > 0);
	for (int i = 0; l != NULL && i < l->row_count; i++)
		if (l->rows[i].key == e->node.key)
			return &l->rows[i];
	if (c == NULL)
		c = row_entry_first_waiter(e);
	return c == NULL ? NULL : row_of_write(work_of_claim(c), e->node.key);
}

/*
 * One row as it stood under the guard. Lies ready before the guard is taken: nothing is allocated
 * meanwhile.
 */
struct sight {
	int64_t now_ns; /* monotonic */
	int64_t now_ms; /* store time */
	bool is_there;
	struct lock_view view;
	char holder_id[ID_BYTES_MAX + 1];
	struct lease *lease; /* held, if it is leased */
	struct lock_waiter_view waiters[LOCK_WAITERS_SHOWN];
	char waiter_ids[LOCK_WAITERS_SHOWN][ID_BYTES_MAX + 1];
};

static void see_waiters(struct sight *s, const struct row_entry *e)
{
	struct lock_view *v = &s->view;
	const struct claim_slot *slot = NULL;

	CHECK(v->waiter_views == 0);
	v->waiter_count = (size_t)row_entry_waiter_count(e);
	while (v->waiter_views < LOCK_WAITERS_SHOWN &&
	       (slot = row_entry_waiter_after(e, slot)) != NULL) {
		const struct work *w = work_of_claim(slot->claim);
		int64_t age_ms = (s->now_ns - w->cost.claimed_ns) / NS_PER_MS;
		int64_t left_ms = (w->decide_by_ns - s->now_ns) / NS_PER_MS;

		snprintf(s->waiter_ids[v->waiter_views], sizeof(s->waiter_ids[0]), "%s",
			 w->command.request_id);
		s->waiters[v->waiter_views++] =
			(struct lock_waiter_view){ .age_ms = age_ms > 0 ? age_ms : 0,
						   .deadline_ms = left_ms > 0 ? left_ms : 0 };
		if (v->longest_wait_ms < age_ms)
			v->longest_wait_ms = age_ms;
	}
}

static void see_holder(struct sight *s, const struct row_entry *e)
{
	const struct claim *owner = row_entry_owner(e);
	int64_t age_ms = 0;

	CHECK(s->lease == NULL);
	CHECK(s->view.holder_id == NULL);
	if (e->gate != NULL) {
		s->lease = lease_of_gate(e->gate);
		lease_hold(s->lease);
		s->view.is_leased = true;
		s->view.fence = s->lease->gate.fence;
		s->view.expires_in_ms = lease_view_of(s->lease, s->now_ms).expires_in_ms;
		if (s->lease->taken_at_ms > 0) /* whatever somebody has typed */
			age_ms = s->now_ms - s->lease->taken_at_ms;
	} else if (owner != NULL) {
		snprintf(s->holder_id, sizeof(s->holder_id), "%s",
			 work_of_claim(owner)->command.request_id);
		s->view.holder_id = s->holder_id;
		age_ms = (s->now_ns - work_of_claim(owner)->cost.granted_ns) / NS_PER_MS;
	}
	s->view.holder_age_ms = age_ms > 0 ? age_ms : 0;
}

static void see_row_locked(struct lock_manager *m, uint64_t row, struct sight *s)
{
	const struct row_entry *e = lock_table_row(&m->table, row);
	const struct row_ref *names = e != NULL ? row_names(e) : NULL;

	CHECK(guard_is_mine(&m->guard));
	s->is_there = names != NULL;
	s->lease = NULL;
	if (names == NULL)
		return;
	s->now_ns = clock_monotonic_ns();
	s->view = (struct lock_view){ .sku = names->sku, .location = names->location };
	see_holder(s, e);
	see_waiters(s, e);
}

/* Behind the guard. Lets go of the lease, whatever happens. False: memory is short. */
static bool copy_sight(struct sight *s, struct arena *a, struct lock_view *ret)
{
	struct lock_view *v = &s->view;
	const char *holder = s->lease != NULL ? s->lease->id : v->holder_id;

	CHECK(s->is_there);
	CHECK(v->waiter_views <= LOCK_WAITERS_SHOWN);
	v->waiters = arena_alloc(a, sizeof(v->waiters[0]) * v->waiter_views);
	if (s->lease != NULL)
		v->purpose = arena_copy(a, s->lease->purpose, strlen(s->lease->purpose));
	if (holder != NULL)
		v->holder_id = arena_copy(a, holder, strlen(holder));

	bool is_copied = v->waiters != NULL && (s->lease == NULL || v->purpose != NULL) &&
			 (holder == NULL || v->holder_id != NULL);

	for (size_t i = 0; is_copied && i < v->waiter_views; i++) {
		v->waiters[i] = s->waiters[i];
		v->waiters[i].request_id =
			arena_copy(a, s->waiter_ids[i], strlen(s->waiter_ids[i]));
		is_copied = v->waiters[i].request_id != NULL;
	}
	lease_release(s->lease);
	*ret = *v;
	return is_copied;
}

/*
 * A row that may be shown: its key, and the number of the claim that has waited for it the longest.
 */
struct candidate {
	uint64_t row;
	uint64_t since;
};

/* What is gathered on the way. */
struct lock_views {
	struct lock_manager *locks;
	struct arena *arena;
	struct candidate *candidates; /* malloc'ed: those that somebody waits for */
	size_t candidate_count;
	size_t room;
	uint64_t *held; /* rows that nobody waits for, at most LOCK_ROWS_SHOWN */
	size_t held_count;
	struct lock_view *rows;
	size_t row_count;
};

/* For one more piece of the walk, before the guard is taken. */
static int make_room(struct lock_views *views)
{
	size_t room = views->room * 2 + VIEWED_ROWS;
	struct candidate *larger;

	CHECK(views->candidate_count <= views->room);
	if (views->candidate_count + VIEWED_ROWS <= views->room)
		return 0;
	larger = realloc(views->candidates, room * sizeof(larger[0]));
	if (larger == NULL)
		return FAULT(-ENOMEM);
	views->candidates = larger;
	views->room = room;
	return 0;
}

static void note_waited_for(void *context, const struct row_entry *e)
{
	struct lock_views *views = context;

	CHECK(views->candidate_count < views->room);
	views->candidates[views->candidate_count++] =
		(struct candidate){ .row = e->node.key,
				    .since = row_entry_first_waiter(e)->arrival };
}

/* More than can be shown are not needed. */
static void note_held(void *context, const struct row_entry *e)
{
	struct lock_views *views = context;

	CHECK(views->held_count <= LOCK_ROWS_SHOWN);
	if (views->held_count < LOCK_ROWS_SHOWN && row_entry_first_waiter(e) == NULL)
		views->held[views->held_count++] = e->node.key;
}

/* Every row that somebody waits for, piece by piece. */
static int find_waited_for(struct lock_views *views)
{
	struct lock_manager *m = views->locks;
	struct lock_walk walk;
	bool goes_on = true;
	int r = 0;

	CHECK(views->candidate_count == 0);
	guard_lock(&m->guard);
	lock_walk_begin(&m->table, &walk);
	guard_unlock(&m->guard);
	while (goes_on && (r = make_room(views)) == 0) {
		guard_lock(&m->guard);
		goes_on = lock_walk_on(&m->table, &walk, VIEWED_ROWS, note_waited_for, views);
		guard_unlock(&m->guard);
	}
	guard_lock(&m->guard);
	lock_walk_end(&walk);
	guard_unlock(&m->guard);
	return r;
}

/* Others, until there are enough. */
static void find_held(struct lock_views *views)
{
	struct lock_manager *m = views->locks;
	int count;

	CHECK(views->held != NULL);
	for (int from = 0; from < LOCK_TABLE_BUCKETS && views->held_count < LOCK_ROWS_SHOWN;
	     from += count) {
		guard_lock(&m->guard);
		count = (int)((size_t)LOOK_BUCKETS * LOCK_TABLE_BUCKETS /
			      (LOCK_TABLE_BUCKETS + m->table.rows.count)) +
			1;
		if (count > LOCK_TABLE_BUCKETS - from)
			count = LOCK_TABLE_BUCKETS - from;
		lock_table_each(&m->table, from, count, note_held, views);
		guard_unlock(&m->guard);
	}
}

static int by_since(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->since > y->since) - (x->since < y->since);
}

static int by_row(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->row > y->row) - (x->row < y->row);
}

/* At a moment of its own. The row may be gone by now. */
static int show_row(struct lock_views *views, struct sight *s, uint64_t row)
{
	CHECK(views->row_count < LOCK_ROWS_SHOWN);
	s->now_ms = store_time_now(views->locks->time);
	guard_lock(&views->locks->guard);
	see_row_locked(views->locks, row, s);
	guard_unlock(&views->locks->guard);
	if (!s->is_there)
		return 0;
	return copy_sight(s, views->arena, &views->rows[views->row_count++]) ? 0 : FAULT(-ENOMEM);
}

/* The longest wait first. */
static int show_waited_for(struct lock_views *views, struct sight *s)
{
	int r = find_waited_for(views);

	CHECK(views->row_count == 0);
	if (views->candidate_count > 0)
		qsort(views->candidates, views->candidate_count, sizeof(views->candidates[0]),
		      by_since);
	for (size_t i = 0;
	     r == 0 && i < views->candidate_count && views->row_count < LOCK_ROWS_SHOWN; i++)
		r = show_row(views, s, views->candidates[i].row);
	return r;
}

/* Held rows fill what room is left. One that somebody waited for just now is there already. */
static int show_held(struct lock_views *views, struct sight *s)
{
	int r = 0;

	CHECK(views->row_count <= LOCK_ROWS_SHOWN);
	find_held(views);
	if (views->candidate_count > 0)
		qsort(views->candidates, views->candidate_count, sizeof(views->candidates[0]),
		      by_row);
	for (size_t i = 0; r == 0 && i < views->held_count && views->row_count < LOCK_ROWS_SHOWN;
	     i++) {
		struct candidate c = { .row = views->held[i] };

		if (views->candidate_count == 0 ||
		    bsearch(&c, views->candidates, views->candidate_count, sizeof(c), by_row) ==
			    NULL)
			r = show_row(views, s, c.row);
	}
	return r;
}

static int by_wait(const void *a, const void *b)
{
	const struct lock_view *x = a, *y = b;

	if (x->longest_wait_ms != y->longest_wait_ms)
		return x->longest_wait_ms > y->longest_wait_ms ? -1 : 1;

	int by_sku = strcmp(x->sku.text, y->sku.text);

	return by_sku != 0 ? by_sku : strcmp(x->location.text, y->location.text);
}

int lock_views_rows(struct lock_manager *m, struct arena *a, struct lock_view **ret_rows,
		    size_t *ret_count)
{
	struct lock_views views = { .locks = m, .arena = a };
	struct sight *sight = arena_alloc(a, sizeof(*sight));
	int r;

	views.rows = arena_alloc(a, sizeof(views.rows[0]) * LOCK_ROWS_SHOWN);
	views.held = arena_alloc(a, sizeof(views.held[0]) * LOCK_ROWS_SHOWN);
	if (views.rows == NULL || views.held == NULL || sight == NULL)
		return FAULT(-ENOMEM);
	r = show_waited_for(&views, sight);
	if (r == 0)
		r = show_held(&views, sight);
	free(views.candidates);
	if (r < 0)
		return r;
	qsort(views.rows, views.row_count, sizeof(views.rows[0]), by_wait);
	*ret_rows = views.rows;
	*ret_count = views.row_count;
	return 0;
}
