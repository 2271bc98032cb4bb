#include "engine/rivals.h"
#include "base/clock.h"
#include "base/fault.h"
#include "engine/delivery.h"
#include "engine/read_fault.h"
#include "engine/replay.h"
#include <string.h>

bool rivals_may_have_crossed(const struct group *g, int fault)
{
	CHECK(fault <= 0);
	return g->has_rivals && (fault == -EBUSY || fault == -ENOTCONN);
}

/* ---------------------------------------------------------------- keys */

/* What is too old is forgotten, whether the store has it yet or not. */
static bool is_remembered(const struct group *g, const struct key_record *k)
{
	CHECK(k->id >= 0);
	return k->id != 0 &&
	       g->decider.now_ms - k->at_ms <= (int64_t)KEY_AGE_H_MAX * 3600 * MS_PER_S;
}

bool rivals_have_answered(struct group *g, struct work *w)
{
	enum replay replay = REPLAY_ANSWERED;
	const struct found_key *k;
	int r;

	CHECK(g->has_rivals);
	CHECK(w->line_count == 0);
	if (w->command.key == NULL || w->is_recalled)
		return false;
	k = found_key_of(&g->decider.found,
			 &(struct wanted_key){ w->command.key, w->command.actor->token_id });
	w->key_found = k != NULL ? k->record.id : 0;
	if (k == NULL || !is_remembered(g, &k->record))
		return false;
	if (w->is_decided)
		decide_forget(w);
	w->is_decided = true;
	r = replay_now(g->lane->outsiders.reader, w, k->record.id, &replay);
	if (r < 0)
		read_fault_note(g->lane->published, g->lane->locks, r, w->command.request_id);
	return replay == REPLAY_ANSWERED;
}

/* ---------------------------------------------------------------- rows */

static bool is_held(const struct found *f, const struct row_ref *ref)
{
	for (size_t i = 0; i < f->held_count; i++)
		if (f->held[i]->key == ref->key &&
		    strcmp(f->held[i]->sku.text, ref->sku.text) == 0 &&
		    strcmp(f->held[i]->location.text, ref->location.text) == 0)
			return true;
	return false;
}

static bool command_is_held(const struct found *f, const struct command *c)
{
	bool is_one_held = false;

	CHECK(f->held_count > 0);
	for (int i = 0; !is_one_held && i < c->row_count; i++)
		is_one_held = is_held(f, &c->rows[i]);
	for (int i = 0; !is_one_held && i < c->more_row_count; i++)
		is_one_held = is_held(f, &c->more_rows[i]);
	return is_one_held;
}

static bool work_is_held(const struct found *f, const struct work *w)
{
	CHECK(w->state == WORK_DECIDED);
	if (w->is_recalled)
		return false;
	LIST_EACH (it, &w->lines)
		if (command_is_held(f, &work_of_link(it)->command))
			return true;
	return w->line_count == 0 && command_is_held(f, &w->command);
}

/* ---------------------------------------------------------------- putting back */

/* Their time is up: they have waited for a row, though in another process. */
static void refuse_late(struct group *g, struct list *late)
{
	int64_t now_ns = clock_monotonic_ns();

	CHECK(list_is_empty(late) || g->has_rivals);
	LIST_EACH (it, late) {
		struct work *w = work_of_link(it);

		work_refuse(w, OUTCOME_ROW_BUSY);
		w->cost.picked_ns = w->cost.decided_ns = now_ns;
	}
	if (!list_is_empty(late))
		delivery_finish(g->lane, late, 1);
}

bool rivals_refuse_late(struct group *g)
{
	struct lane *l = g->lane;
	bool is_over = lock_manager_drain_is_over(l->locks, clock_monotonic_ns());
	enum outcome o = is_over ? OUTCOME_DRAINING : OUTCOME_STORE_BUSY;
	struct list late;

	CHECK(g->has_rivals);
	list_init(&late);
	lock_manager_take_late(l->locks, &g->members, is_over, &late);
	LIST_EACH (it, &late) {
		struct work *w = work_of_link(it);

		w->answer = (struct answer){ .outcome = o,
					     .status = outcome_row(o)->http_status,
					     .seq = l->seq_committed };
	}
	if (!list_is_empty(&late))
		delivery_finish(l, &late, 1);
	return list_is_empty(&g->members);
}

void rivals_put_all_back(struct group *g, struct list *taken)
{
	struct list late;

	list_init(&late);
	lock_manager_put_back_in_time(g->lane->locks, taken, &late);
	refuse_late(g, &late);
	CHECK(list_is_empty(taken));
}

/* Does it name a lease that the store has, and the book has not? */
static bool command_is_ahead(const struct group *g, const struct command *c)
{
	const struct found *f = &g->decider.found;
	const struct lease_book *b = &g->lane->locks->leases;
	const struct found_lease *l;

	for (int i = 0; i < c->fence_count; i++)
		if (lease_book_by_fence(b, c->fences[i]) == NULL &&
		    (l = found_lease_of(f, c->fence_ids[i], c->fences[i])) != NULL && !l->is_over)
			return true;
	if (c->fence_count > 0 || (command_traits(c->kind)->touches & TOUCHES_LEASE) == 0)
		return false;
	l = found_lease_of(f, c->lease_id, 0);
	return l != NULL && !l->is_over && lease_book_by_fence(b, l->fence) == NULL;
}

static bool work_is_ahead(const struct group *g, const struct work *w)
{
	CHECK(w->state == WORK_DECIDED);
	if (w->is_recalled || g->decider.found.lease_count == 0 ||
	    w->ahead_count >= RIVALS_AHEAD_MAX)
		return false;
	LIST_EACH (it, &w->lines)
		if (command_is_ahead(g, &work_of_link(it)->command))
			return true;
	return w->line_count == 0 && command_is_ahead(g, &w->command);
}

/*
 * A work whose rows are held comes again until its own time is up. One that only waits for news of
 * a lease has them with the next group, and waits at that lease then, or is told of it.
 */
bool rivals_put_back(struct group *g, struct list *taken)
{
	const struct found *f = &g->decider.found;
	struct list held, ahead;
	bool has_any;

	list_init(&held);
	list_init(&ahead);
	LIST_EACH_SAFE (it, taken) {
		struct work *w = work_of_link(it);
		bool is_one_held = f->held_count > 0 && work_is_held(f, w);
		bool is_ahead = is_one_held ? f->leases_are_news : work_is_ahead(g, w);

		if (!is_one_held && !is_ahead)
			continue;
		w->ahead_count += is_ahead;
		list_remove(it);
		list_push_back(is_ahead ? &ahead : &held, it);
	}
	has_any = !list_is_empty(&held) || !list_is_empty(&ahead);
	if (!list_is_empty(&held))
		rivals_put_all_back(g, &held);
	if (!list_is_empty(&ahead))
		lock_manager_put_back(g->lane->locks, &ahead);
	return has_any;
}
