#include "engine/group.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "base/pulse.h"
#include "engine/aftermath.h"
#include "engine/delivery.h"
#include "engine/group_effects.h"
#include "engine/outsiders.h"
#include "engine/rivals.h"
#include "engine/store_turn.h"
#include "engine/stored_leases.h"
#include "engine/wanted.h"
#include "ops/metrics.h"

/* ---------------------------------------------------------------- life */

void group_init(struct group *g, struct lane *l)
{
	CHECK(l->store != NULL);
	CHECK(l->locks != NULL);
	*g = (struct group){ .lane = l };
	list_init(&g->members);
	group_size_begin(&g->size);
	decider_init(&g->decider, l->locks, l->writer->ops->leases_are_told);
	g->has_rivals = !l->writer->ops->numbers_at_begin;
	g->joins = l->writer->ops->joins_groups;
	g->slice = GROUP_COMMANDS_MAX;
}

void group_fini(struct group *g)
{
	CHECK(list_is_empty(&g->members));
	decider_fini(&g->decider);
	want_fini(&g->want);
}

/* ---------------------------------------------------------------- begin */

static void date(struct group *g)
{
	g->decider.dated_ms = clock_note_date(&g->lane->clock, g->decider.now_ms);
	CHECK(g->decider.dated_ms >= g->decider.now_ms);
}

static int delete_ended_leases(struct group *g)
{
	struct decider *d = &g->decider;
	int r = stored_leases_delete_ended(g->lane, &d->effects);

	d->has_writes = d->has_writes || !list_is_empty(&g->lane->ended_leases);
	return r;
}

static void renew(struct group *g)
{
	struct lane *l = g->lane;
	struct decider *d = &g->decider;

	decider_begin(d, l->seq_committed, l->seq_committed);
	d->group = ++l->group_number;
	d->now_ms = store_time_now(l->locks->time);
	d->now_ns = clock_monotonic_ns();
	CHECK(g->is_taken_back == l->was_taken_back);
	g->is_taken_back = false;
	g->crossed_by = 0;
	g->follows_taken_back = l->was_taken_back;
	l->was_taken_back = false;
	date(g);
}

/* What has changed in the store since the group before, by others' hands or by the time. */
static int catch_up(struct group *g, const struct group_begun *begun)
{
	struct lane *l = g->lane;
	struct decider *d = &g->decider;
	bool has_followers = feed_begin(&l->feed, d->now_ns);
	int r;

	CHECK(d->seq == l->seq_committed);
	CHECK(!d->has_writes);
	if (begun->is_changed_by_others) {
		r = outsiders_take_in(l, begun, d->now_ms, has_followers, &d->effects);
		if (r < 0)
			return r;
		date(g);
	} else if (begun->newest_seq != l->seq_committed) {
		return FAULT(-EUCLEAN); /* nobody wrote, and the ledger is another one */
	}
	d->seq_committed = l->seq_committed;
	d->seq_begun = d->seq = begun->seq;
	r = audit_inbox_take(&l->audits, &d->effects);
	d->has_writes = d->has_writes || l->audits.taken > 0;
	return r < 0 ? r : delete_ended_leases(g);
}

/* Before anything is decided: some of what is overdue by the group's time. */
static int book_overdue(struct group *g)
{
	struct store_writer *w = g->lane->writer;
	struct decider *d = &g->decider;
	struct promised promised;
	int r = w->ops->sweep(w, d->now_ms, &d->found);

	if (r < 0)
		return r;
	w->ops->promised(w, d->now_ms, &promised);
	d->promised_count = promised.count;
	d->promised_lines = promised.line_count;
	d->effects.rows = d->found.rows;
	CHECK(d->effects.movements.count == 0);
	return decide_overdue(d);
}

static int begin(struct group *g, const struct group_begun *begun)
{
	int r;

	renew(g);
	r = catch_up(g, begun);
	return r < 0 ? r : book_overdue(g);
}

/* ---------------------------------------------------------------- decide */

/* A row is passed on when its change is durable. */
static bool keeps_rows_until_commit(const struct work *w)
{
	return w->rests_on_group;
}

/*
 * A row is passed on at once. But a lease takes effect when it is durable: until then nobody may
 * pass.
 */
static bool keeps_rows_as_lease(const struct work *w)
{
	return w->rests_on_group && w->changes_lease;
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
	CHECK(line->answer.outcome != OUTCOME_DONE);
	CHECK(index < part->line_count);
	metric_add(METRIC_REFUSALS, 1);
	if (!part->is_atomic)
		return;
	part->answer.outcome = line->answer.outcome;
	part->answer.row_index = index;
	take_back(g);
}

static int decide_one(struct group *g, struct work *w)
{
	return g->has_rivals && rivals_have_answered(g, w) ? 0 : decide(&g->decider, w);
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
		int r = decide_one(g, line);

		if (r < 0)
			return r;
		rests_on_group = rests_on_group || line->rests_on_group;
		if (line->answer.outcome != OUTCOME_DONE)
			note_refused_line(g, part, line, index);
		if (g->is_taken_back)
			break;
		index++;
	}
	CHECK(g->is_taken_back || index == part->line_count);
	part->rests_on_group = rests_on_group;
	part->answer.seq = rests_on_group ? d->seq : d->seq_committed;
	return 0;
}

/*
 * Locks and reads what they want, and books what is overdue in their rows. Waits for what rivals
 * hold, if any, for at most wait_ms. 0 or a fault.
 */
static int find(struct group *g, const struct list *works, int64_t wait_ms)
{
	struct store_writer *w = g->lane->writer;
	struct wanted_of_store of = { .leases_are_told = w->ops->leases_are_told,
				      .keys_are_told = w->ops->keys_are_told };
	struct decider *d = &g->decider;
	int r;

	want_clear(&g->want);
	g->want.now_ms = d->now_ms;
	g->want.group = d->group;
	LIST_EACH (it, works)
		wanted_by(&g->want, work_of_link(it), &of);
	if (g->want.is_short)
		return FAULT(-ENOMEM);
	if (g->has_rivals)
		want_sort(&g->want); /* they lock in the same order */
	r = w->ops->lock(w, &g->want, wait_ms, &d->found);
	/* Others may have come since it began, and refusals rest on what they did. */
	if (d->found.newest_seq > d->seq_committed)
		d->seq_committed = d->found.newest_seq;
	return r < 0 ? r : decide_overdue(d);
}

static bool row_is_settled(struct group *g, const struct row_ref *ref)
{
	const struct found_row *row = row_set_row(g->decider.found.rows, ref);

	return row == NULL || row->overdue_group != g->decider.group;
}

static bool command_is_settled(struct group *g, const struct command *c)
{
	bool is_settled = true;

	for (int i = 0; is_settled && i < c->row_count; i++)
		is_settled = row_is_settled(g, &c->rows[i]);
	for (int i = 0; is_settled && i < c->more_row_count; i++)
		is_settled = row_is_settled(g, &c->more_rows[i]);
	return is_settled;
}

/* Is all that is overdue in its rows booked? Of a part, in those of all of its lines. */
static bool is_settled(struct group *g, const struct work *w)
{
	CHECK(w->state == WORK_DECIDED);
	if (w->is_recalled)
		return true;
	LIST_EACH (it, &w->lines)
		if (!command_is_settled(g, &work_of_link(it)->command))
			return false;
	return w->line_count > 0 || command_is_settled(g, &w->command);
}

/*
 * Works whose rows have more overdue than one group books are not decided now: each keeps its rows,
 * and comes again with the next group, so that the others need not wait for it.
 */
static bool put_overdue_back(struct group *g, struct list *taken)
{
	struct list overdue;
	bool has_any;

	CHECK(!list_is_empty(taken));
	list_init(&overdue);
	LIST_EACH_SAFE (it, taken) {
		if (!is_settled(g, work_of_link(it))) {
			list_remove(it);
			list_push_back(&overdue, it);
		}
	}
	has_any = !list_is_empty(&overdue);
	if (has_any)
		lock_manager_put_back(g->lane->locks, &overdue);
	return has_any;
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
		g->work_count += w->rests_on_group;
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
			r = w->line_count > 0 ? decide_part(g, w) : decide_one(g, w);
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
	CHECK(!g->is_taken_back);
	return g->decider.has_writes || clock_note_is_wrong(&g->lane->clock);
}

/*
 * Nobody is ready, and the group is not flushed yet: those who were answered just now may come
 * back. Did anybody come?
 */
static bool linger(struct group *g)
{
	struct lane *l = g->lane;
	int64_t closes_ns = g->size.first_member_ns + GROUP_OPEN_US_MAX * INT64_C(1000);
	int64_t now_ns = clock_monotonic_ns();
	int expected = l->answered_count;
	int64_t before = 0, came = 0;

	if (g->has_lingered || g->work_count == 0 || !linger_may_begin(&l->linger, expected))
		return false;
	g->has_lingered = true;
	for (int slices = 1; came < expected && now_ns < closes_ns; slices++) {
		int64_t until_ns = now_ns + linger_slice_ns(&l->linger);

		before = came;
		came = lock_manager_await(l->locks, expected,
					  until_ns < closes_ns ? until_ns : closes_ns);
		if (!linger_goes_on(slices, (int)(came - before), g->work_count + (int)came))
			break;
		now_ns = clock_monotonic_ns();
	}
	linger_end(&l->linger, (int)came, expected);
	return came > 0;
}

/* The next ones to be decided. False: the group closes. */
static bool take(struct group *g, bool may_be_atomic, struct list *taken)
{
	struct lock_manager *m = g->lane->locks;
	bool is_first = may_be_atomic && g->size.decided_count == 0;
	int room = group_size_room(&g->size, clock_monotonic_ns());

	CHECK(list_is_empty(taken));
	room = room < g->slice ? room : g->slice;
	if (room <= 0)
		return false;
	return lock_manager_take(m, room, is_first, taken) > 0 ||
	       (linger(g) && lock_manager_take(m, room, is_first, taken) > 0);
}

/*
 * The same of those that were taken. Who cannot be decided now is put back, and the group closes,
 * or they would be taken again at once.
 */
static int find_taken(struct group *g, struct list *taken, bool *ret_is_closed)
{
	bool may_wait = g->has_rivals && g->size.decided_count == 0;
	int r;

	CHECK(!list_is_empty(taken));
	CHECK(g->slice > 0);
	*ret_is_closed = !g->joins || work_of_link(taken->next)->is_atomic;
	r = find(g, taken, may_wait ? RIVALS_WAIT_MS : 0);
	if (rivals_may_have_crossed(g, r)) {
		rivals_put_all_back(g, taken);
		g->crossed_by = r;
		*ret_is_closed = true;
		g->slice = 1; /* whoever wants it keeps nobody else */
		return 0;
	}
	g->slice = g->slice < GROUP_COMMANDS_MAX ? 2 * g->slice : g->slice;
	if (r == 0 && g->has_rivals && rivals_put_back(g, taken))
		*ret_is_closed = true;
	if (r == 0 && g->decider.found.has_more_overdue && put_overdue_back(g, taken))
		*ret_is_closed = true;
	return r;
}

static int decide_ready(struct group *g)
{
	CHECK(g->size.decided_count == 0);
	/*
	 * What a group begins with (who ran out, leases that ended) is not taken back twice:
	 * refused atomic parts, one behind the other, would keep it from ever being written.
	 */
	bool may_be_atomic = !g->follows_taken_back || !owes_flush(g);
	struct list taken;
	bool is_closed = false;

	list_init(&taken);
	crash_note_doing("deciding");
	while (!is_closed && take(g, may_be_atomic, &taken)) {
		int r = find_taken(g, &taken, &is_closed);

		r = decide_taken(g, &taken, r);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---------------------------------------------------------------- end */

/*
 * A store that is a network away can say so once it is there again. 0: it was kept. -ENOTCONN: it
 * was not, with the link over which it was sent.
 */
static int settle(struct group *g)
{
	struct store_writer *w = g->lane->writer;
	int64_t until_ns = clock_monotonic_ns() + SETTLE_MS_MAX * NS_PER_MS;
	bool is_kept = false;
	int r;

	CHECK(g->decider.has_writes || clock_note_is_wrong(&g->lane->clock));
	do {
		pulse_beat();
		r = w->ops->settle(w, &is_kept);
	} while (r == -EREMOTEIO && g->has_rivals && clock_monotonic_ns() < until_ns);
	if (r < 0 || is_kept)
		return r;
	return g->has_rivals ? FAULT(-ENOTCONN) : FAULT(-EIO);
}

/* Only a group that is durable may be answered. */
static int commit(struct group *g)
{
	struct store_writer *w = g->lane->writer;
	bool is_durable = true;
	int64_t seq;
	int r = w->ops->commit(w, &is_durable);

	if (r == -EREMOTEIO)
		r = settle(g);
	return r == 0 && !is_durable ? w->ops->flush(w, &seq) : r;
}

static int flush(struct group *g)
{
	struct store_writer *w = g->lane->writer;
	int64_t begun_ns = clock_monotonic_ns();
	int64_t written_ns, now_ns;
	int r = group_effects_write(g);

	written_ns = clock_monotonic_ns();
	if (r == 0)
		r = commit(g);
	if (r < 0)
		return r;
	now_ns = clock_monotonic_ns();
	metric_observe(METRIC_COMMIT_TIME, now_ns - begun_ns);
	metric_observe(METRIC_FLUSH_TIME, now_ns - written_ns);
	linger_note_flush(&g->lane->linger, now_ns - written_ns);

	/* Had the file been moved away meanwhile, nobody could say where the group is now. */
	r = w->ops->check(w);
	return r < 0 ? FAULT(-EREMOTEIO) : 0;
}

static void remember_keys(struct group *g, const struct list *works)
{
	CHECK(g->lane->keys != NULL);
	LIST_EACH (it, works) {
		struct work *w = work_of_link(it);

		if (w->line_count > 0)
			remember_keys(g, &w->lines);
		/*
		 * Where rivals have thrown the newest away, its number is given again: such a one
		 * is found in the store.
		 */
		if (w->key_id != 0 &&
		    (!g->has_rivals || w->key_id > key_book_newest(g->lane->keys)))
			key_book_add(g->lane->keys, w->key_hash, w->key_id, g->decider.now_ms);
	}
}

/* Nobody may see any of it before this; nobody may be answered before it. */
static void publish(struct group *g)
{
	struct lane *l = g->lane;
	struct decider *d = &g->decider;
	struct promised promised;
	bool has_movements = d->seq > d->seq_committed;
	int64_t seq_before = d->seq_committed;

	CHECK(d->seq >= d->seq_committed);
	CHECK(l->seq_committed <= d->seq_committed); /* others may have come before its numbers */
	CHECK(!g->is_taken_back);
	metric_add(METRIC_MOVEMENTS, d->seq - d->seq_committed);
	metric_add(METRIC_GROUPS, 1);
	metric_observe(METRIC_GROUP_SIZE, g->size.member_count);
	metric_set(METRIC_SEQ, d->seq);
	l->writer->ops->promised(l->writer, d->now_ms, &promised);
	metric_set(METRIC_RESERVATIONS, promised.count);
	metric_add(METRIC_RESERVATIONS_EXPIRED, d->expired_count);
	clock_note_keep(&l->clock, &d->effects, has_movements ? d->dated_ms : 0);
	atomic_store(&l->published->seq, d->seq);
	atomic_fetch_add(&l->published->generation, 1);
	l->seq_committed = d->seq_committed = d->seq;
	l->outsiders.is_feed_behind = seq_before != l->feed.head_seq;
	if (!l->outsiders.is_feed_behind)
		feed_publish(&l->feed, d->seq);
	remember_keys(g, &g->members);
	lock_manager_let_leases_go(&l->ended_leases);
	audit_inbox_forget(&l->audits);
	aftermath_succeed(l);
	lock_manager_mark(l->locks);
	l->answered_count = g->work_count;
}

/* There is nothing to flush. 0 or a fault. */
static int roll_back(struct group *g)
{
	struct store_writer *w = g->lane->writer;

	CHECK(w != NULL);
	CHECK(!g->decider.has_writes);
	metric_add(METRIC_GROUPS_EMPTY, 1);
	group_effects_are_none(g);
	return w->ops->abandon(w, !g->is_taken_back);
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
	if (g->lane->outsiders.is_feed_behind)
		outsiders_fill_feed(g->lane);
	return r;
}

/* ---------------------------------------------------------------- all of it */

/*
 * The members of a group that was abandoned, from its begin: in the same order, behind each other.
 */
static int decide_again(struct group *g)
{
	int r = find(g, &g->members, RIVALS_WAIT_MS);

	if (r == 0 && g->decider.found.held_count > 0)
		r = FAULT(-EBUSY); /* their rows were passed on: none of them can be put back */
	LIST_EACH (it, &g->members) {
		struct work *w = work_of_link(it);

		if (r == 0)
			r = w->line_count > 0 ? decide_part(g, w) : decide_one(g, w);
	}
	return r;
}

static bool has_culprit(const struct effects *e)
{
	return e->culprit != NULL || e->culprit_overdue != 0;
}

/* The command is refused from now on, or the reservation stays as it is. 0 or a fault. */
static int leave_culprit_out(struct group *g)
{
	struct work *culprit = g->decider.effects.culprit;

	if (culprit == NULL)
		return decider_leave_overdue(&g->decider, g->decider.effects.culprit_overdue);
	CHECK(!culprit->meets_damage);
	CHECK(culprit->is_decided);
	culprit->meets_damage = true;
	return 0;
}

/*
 * The store would not take what one of them does: as if that had not come. Where there is no such
 * one a rival was in the way. 0 or a fault.
 */
static int run_again(struct group *g, int tries)
{
	struct lane *l = g->lane;
	struct group_begun begun;
	int r = has_culprit(&g->decider.effects) ? leave_culprit_out(g) : 0;

	aftermath_undo(g);
	pulse_beat();
	if (r == 0)
		r = l->writer->ops->abandon(l->writer, false);
	if (r == 0 && g->has_rivals && tries >= RIVALS_TRIES_AT_ONCE && rivals_refuse_late(g))
		return 0; /* nobody waits for it any more */
	if (r == 0)
		r = store_turn_take(l, &begun);
	if (r == 0)
		r = begin(g, &begun);
	if (r == 0)
		r = decide_again(g);
	return r < 0 ? r : end(g);
}

static bool may_run_again(const struct group *g, int fault, int tries)
{
	if (rivals_may_have_crossed(g, fault))
		return tries < (fault == -ENOTCONN ? LINK_TRIES_MAX : RIVALS_TRIES_MAX);
	return fault == -EBADMSG && has_culprit(&g->decider.effects);
}

static int run_to_end(struct group *g)
{
	int r = g->crossed_by != 0 ? g->crossed_by : end(g);

	for (int tries = 0; may_run_again(g, r, tries); tries++)
		r = run_again(g, tries);
	return r;
}

void group_run(struct group *g)
{
	struct group_begun begun;
	bool is_shared = true;
	int r;

	CHECK(list_is_empty(&g->members));
	group_size_begin(&g->size);
	g->work_count = 0;
	g->has_lingered = false;
	g->decider.left.count = 0;
	r = store_turn_take(g->lane, &begun);
	if (r == -EBUSY || r == -ENOTCONN)
		return; /* the ready ones stay ready until their own time is up */
	if (r == 0)
		r = begin(g, &begun);
	else
		renew(g);
	if (r == 0)
		r = decide_ready(g);
	if (r == 0) {
		is_shared = false;
		r = run_to_end(g);
	}
	CHECK(r < 0 || list_is_empty(&g->members));
	if (r == 0)
		return;
	crash_note_request(NULL);
	/* Nobody was decided: it was not about one of those who wait, so all share its fate. */
	is_shared = is_shared && g->size.decided_count == 0;

	enum outcome o = aftermath_fail(g, r);

	if (is_shared)
		delivery_refuse_undecided(g->lane, o);
}
