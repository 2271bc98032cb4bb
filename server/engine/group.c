#include "engine/group.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "engine/aftermath.h"
#include "engine/decide_reservation.h"
#include "engine/delivery.h"
#include "engine/group_effects.h"
#include "engine/outsiders.h"
#include "engine/store_turn.h"
#include "engine/stored_leases.h"
#include "ops/metrics.h"
#include <stdlib.h>

/* ---------------------------------------------------------------- life */

void group_init(struct group *g, struct lane *l)
{
	*g = (struct group){ .lane = l };
	list_init(&g->members);
	group_size_begin(&g->size);
	g->decider = (struct decider){
		.store = l->store,
		.cache = &l->cache,
		.locks = l->locks,
		.reservations = &l->reservations,
	};
	arena_init(&g->decider.texts);
}

void group_fini(struct group *g)
{
	CHECK(list_is_empty(&g->members));
	arena_fini(&g->decider.texts);
	free(g->decider.bookings.all);
}

/* ---------------------------------------------------------------- begin */

static void date(struct group *g)
{
	g->decider.dated_ms = clock_note_date(&g->lane->clock, g->decider.now_ms);
}

static int delete_ended_leases(struct group *g)
{
	int r = stored_leases_delete_ended(g->lane);

	if (r > 0)
		g->decider.has_writes = true;
	return r < 0 ? r : 0;
}

static void renew(struct group *g)
{
	struct lane *l = g->lane;
	struct decider *d = &g->decider;

	d->group = ++l->group_number;
	d->now_ms = store_time_now(l->locks->time);
	d->now_ns = clock_monotonic_ns();
	d->seq = d->seq_committed = l->seq_committed;
	d->has_writes = false;
	d->leases_taken = 0;
	g->to_note.newest_ms = 0;
	g->key_count = 0;
	g->is_taken_back = false;
	g->follows_taken_back = l->was_taken_back;
	l->was_taken_back = false;
	date(g);
}

/* What has changed in the store since the group before, by others' hands or by the time. */
static int catch_up(struct group *g, const struct store_begun *begun)
{
	struct lane *l = g->lane;
	struct decider *d = &g->decider;
	bool has_followers = feed_begin(&l->feed, d->now_ns);

	if (begun->is_changed_by_others) {
		int r = outsiders_take_in(l, begun, d->now_ms, has_followers);

		if (r < 0)
			return r;
		date(g);
	} else if (begun->seq != l->seq_committed) {
		return FAULT(-EUCLEAN); /* nobody wrote, and the ledger is another one */
	}
	row_cache_make_room(&l->cache);
	l->cache.seq_max = d->seq = d->seq_committed = l->seq_committed;
	return delete_ended_leases(g);
}

/* Before anything is decided: some of what is overdue by the group's time. */
static int book_overdue(struct group *g)
{
	struct decider *d = &g->decider;

	reservation_book_begin_group(&g->lane->reservations);
	d->bookings.count = 0;
	d->ran_out_count = d->expired_count = 0;
	arena_fini(&d->texts);
	arena_init(&d->texts);
	return expire_reservations(d);
}

/* ---------------------------------------------------------------- decide */

/* A row is passed on when its change is durable. */
static bool keeps_rows_until_commit(const struct work *w)
{
	return w->rests_on_group;
}

/* A row is passed on at once. But a lease takes effect when it is durable: until then nobody may
 * pass. */
static bool keeps_rows_as_lease(const struct work *w)
{
	return w->rests_on_group && w->lease != NULL;
}

/*
 * A line of an atomic part was refused: nothing of the group was. The part is alone in its group,
 * so that this is all there is to take back; what had run out is booked again by the next group.
 */
static void take_back(struct group *g)
{
	CHECK(!g->is_taken_back);
	aftermath_undo(g);
	g->is_taken_back = g->lane->was_taken_back = true;
}

static void note_refused_line(struct group *g, struct work *part, const struct work *line,
			      int index)
{
	metric_add(METRIC_REFUSALS, 1);
	if (!part->is_atomic)
		return;
	part->answer.outcome = line->answer.outcome;
	part->answer.row_index = index;
	take_back(g);
}

/* Line by line, each sees the effects of those before it. 0 or a fault. */
static int decide_part(struct group *g, struct work *part)
{
	struct decider *d = &g->decider;
	bool rests_on_group = false;
	int index = 0;

	CHECK(part->line_count > 0);
	part->answer = (struct answer){ .outcome = OUTCOME_DONE, .status = 200 };
	LIST_EACH (it, &part->lines) {
		struct work *line = work_of_link(it);
		int r = decide(d, line);

		if (r < 0)
			return r;
		rests_on_group = rests_on_group || line->rests_on_group;
		if (line->answer.outcome != OUTCOME_DONE)
			note_refused_line(g, part, line, index);
		if (g->is_taken_back)
			break;
		index++;
	}
	part->rests_on_group = rests_on_group;
	part->answer.seq = rests_on_group ? d->seq : d->seq_committed;
	return 0;
}

/* Is all that is overdue in its rows booked? Of a part, in those of all of its lines. */
static int book_overdue_of(struct group *g, const struct work *w, bool *ret_is_booked)
{
	int r = 0;

	*ret_is_booked = true;
	if (g->lane->reservations.overdue_count == 0 || w->is_recalled)
		return 0;
	if (w->line_count == 0)
		return book_overdue_of_command(&g->decider, &w->command, ret_is_booked);
	LIST_EACH (it, &w->lines) {
		r = book_overdue_of_command(&g->decider, &work_of_link(it)->command, ret_is_booked);
		if (r < 0 || !*ret_is_booked)
			break;
	}
	return r;
}

/*
 * Works whose rows have more overdue than one group books are not decided now: each keeps its rows,
 * and comes again with the next group, so that the others need not wait for it. 0 or a fault.
 */
static int put_overdue_back(struct group *g, struct list *taken, bool *ret_has_any)
{
	struct list overdue;
	int r = 0;

	list_init(&overdue);
	LIST_EACH_SAFE (it, taken) {
		bool is_booked = true;

		if (r == 0)
			r = book_overdue_of(g, work_of_link(it), &is_booked);
		if (r == 0 && !is_booked) {
			list_remove(it);
			list_push_back(&overdue, it);
		}
	}
	*ret_has_any = !list_is_empty(&overdue);
	if (*ret_has_any)
		lock_manager_put_back(g->lane->locks, &overdue);
	return r;
}

/* Each is a member of the group now, or answered at once. */
static void sort_decided(struct group *g, struct list *decided, int64_t decided_ns)
{
	struct list at_once;
	struct list *link;

	list_init(&at_once);
	while ((link = list_pop_front(decided)) != NULL) {
		struct work *w = work_of_link(link);

		w->cost.decided_ns = decided_ns;
		group_size_add(&g->size, decided_ns, w->rests_on_group, work_command_count(w));
		list_push_back(w->rests_on_group ? &g->members : &at_once, link);
		metric_add(METRIC_COMMANDS, work_command_count(w));
		if (w->line_count == 0 && w->answer.outcome != OUTCOME_DONE)
			metric_add(METRIC_REFUSALS, 1);
	}
	delivery_finish(g->lane, &at_once, g->size.member_count);
}

static int decide_taken(struct group *g, struct list *taken, int r)
{
	struct lane *l = g->lane;
	struct decider *d = &g->decider;
	int64_t decided_ns;

	d->now_ns = clock_monotonic_ns();
	LIST_EACH (it, taken) {
		struct work *w = work_of_link(it);

		w->cost.picked_ns = d->now_ns;
		if (r == 0)
			r = w->line_count > 0 ? decide_part(g, w) : decide(d, w);
		/* What was not decided, or only in part, belongs to the group that failed. */
		w->rests_on_group = w->rests_on_group || r < 0;
	}
	decided_ns = clock_monotonic_ns();
	lock_manager_pass_on(l->locks, taken, decided_ns,
			     l->releases_rows_early ? keeps_rows_as_lease
						    : keeps_rows_until_commit);
	sort_decided(g, taken, decided_ns);
	return r;
}

/* Is there anything of this group to write? Never of one that was taken back. */
static bool owes_flush(struct group *g)
{
	return g->decider.has_writes || clock_note_is_wrong(&g->lane->clock);
}

static int decide_ready(struct group *g)
{
	/* What a group begins with (who ran out, leases that ended) is not taken back twice:
	 * refused atomic parts, one behind the other, would keep it from ever being written. */
	bool may_be_atomic = !g->follows_taken_back || !owes_flush(g);
	struct list taken;
	bool is_closed = false;
	int room;

	list_init(&taken);
	crash_note_doing("deciding");
	while (!is_closed && (room = group_size_room(&g->size, clock_monotonic_ns())) > 0 &&
	       lock_manager_take(g->lane->locks, room, may_be_atomic && g->size.decided_count == 0,
				 &taken) > 0) {
		bool has_overdue = false;
		int r = 0;

		is_closed = work_of_link(taken.next)->is_atomic;
		if (g->lane->reservations.overdue_count > 0)
			r = put_overdue_back(g, &taken, &has_overdue);
		r = decide_taken(g, &taken, r);
		if (r < 0)
			return r;
		is_closed = is_closed || has_overdue; /* or it would be taken again at once */
	}
	return 0;
}

/* ---------------------------------------------------------------- end */

static int flush(struct group *g)
{
	struct store *store = g->lane->store;
	int64_t begun_ns = clock_monotonic_ns();
	int r = group_effects_write(g);

	if (r < 0)
		return r;
	r = store->ops->commit(store);
	if (r < 0)
		return r;
	metric_observe(METRIC_COMMIT_TIME, clock_monotonic_ns() - begun_ns);

	/* Had the file been moved away meanwhile, nobody could say where the group is now. */
	r = store->ops->check_file(store);
	return r < 0 ? FAULT(-EREMOTEIO) : 0;
}

static void remember_keys(struct group *g, const struct list *works)
{
	LIST_EACH (it, works) {
		struct work *w = work_of_link(it);

		if (w->line_count > 0)
			remember_keys(g, &w->lines);
		if (w->key_id != 0)
			key_book_add(g->lane->keys, w->key_hash, w->key_id, g->decider.now_ms);
	}
}

/* Nobody may see any of it before this; nobody may be answered before it. */
static void publish(struct group *g)
{
	struct lane *l = g->lane;
	struct decider *d = &g->decider;
	bool has_movements = d->seq > d->seq_committed;

	CHECK(!g->is_taken_back);
	metric_add(METRIC_MOVEMENTS, d->seq - d->seq_committed);
	metric_add(METRIC_GROUPS, 1);
	metric_observe(METRIC_GROUP_SIZE, g->size.member_count);
	metric_set(METRIC_SEQ, d->seq);
	metric_set(METRIC_RESERVATIONS, l->reservations.active_count);
	metric_add(METRIC_RESERVATIONS_EXPIRED, d->expired_count);
	clock_note_keep(&l->clock, &g->to_note, has_movements ? d->dated_ms : 0);
	atomic_store(&l->published->seq, d->seq);
	atomic_fetch_add(&l->published->generation, 1);
	l->seq_committed = d->seq_committed = d->seq;
	reservation_book_keep_group(&l->reservations);
	feed_publish(&l->feed, d->seq);
	remember_keys(g, &g->members);
	lock_manager_let_leases_go(&l->ended_leases);
	aftermath_succeed(l);
}

/* There is nothing to flush. 0 or a fault. */
static int roll_back(struct group *g)
{
	struct store *store = g->lane->store;
	int r;

	metric_add(METRIC_GROUPS_EMPTY, 1);
	r = store->ops->rollback(store);
	if (r == 0)
		reservation_book_keep_group(&g->lane->reservations);
	return r;
}

static int end(struct group *g)
{
	int r;

	crash_note_request(NULL);
	crash_note_doing("writing");
	if (g->is_taken_back || !owes_flush(g)) {
		r = roll_back(g);
	} else {
		r = flush(g);
		if (r == 0)
			publish(g);
	}
	if (r == 0)
		delivery_finish(g->lane, &g->members, g->size.member_count);
	return r;
}

void group_run(struct group *g)
{
	struct store_begun begun;
	bool is_shared = true;
	int r;

	CHECK(list_is_empty(&g->members));
	group_size_begin(&g->size);
	r = store_turn_take(g->lane, &begun);
	if (r == -EBUSY)
		return; /* the ready ones stay ready until their own time is up */
	if (r == 0) {
		renew(g);
		r = catch_up(g, &begun);
	}
	if (r == 0)
		r = book_overdue(g);
	if (r == 0)
		r = decide_ready(g);
	if (r == 0) {
		is_shared = false;
		r = end(g);
	}
	if (r == 0)
		return;
	crash_note_request(NULL);
	/* Nobody was decided: it was not about one of those who wait, so all share its fate. */
	is_shared = is_shared && g->size.decided_count == 0;

	enum outcome o = aftermath_fail(g, r);

	if (is_shared)
		delivery_refuse_undecided(g->lane, o);
}
