#include "engine/chores.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "engine/aftermath.h"

enum {
	CHORES_MS = 1000,
	OLD_KEYS_ALONE = 5000, /* deleted in a group of their own, when there is nothing to do */
};

void chores_init(struct chores *c, struct group *g)
{
	CHECK(g->lane != NULL);
	*c = (struct chores){ .group = g, .done_ns = clock_monotonic_ns() };
}

static bool goes_on(const struct chores *c)
{
	return c->group->lane->aftermath.stopped_with == OUTCOME_DONE;
}

/* A fault that no group has met. */
static void fail(struct chores *c, int fault)
{
	CHECK(list_is_empty(&c->group->members));
	group_size_begin(&c->group->size);
	aftermath_fail(c->group, fault);
}

/* ---------------------------------------------------------------- the log */

/* What a look at the log came to. */
static void judge_log(struct lane *l, int r)
{
	CHECK(r <= 0);
	atomic_store(&l->published->wal_bytes, l->log.bytes);
	if (r < 0)
		aftermath_log(LOG_WARN, "checkpoint_failed", r, 0);
	if (r == -EUCLEAN)
		aftermath_leave_damaged(l);
}

void chores_keep_log_short(struct chores *c)
{
	struct lane *l = c->group->lane;

	CHECK(goes_on(c));
	crash_note_doing("copying_the_log");
	judge_log(l, log_keeper_look(&l->log, clock_monotonic_ns(),
				     !lock_manager_has_ready(l->locks)));
}

bool chores_have_log(const struct chores *c)
{
	return log_keeper_next_ns(&c->group->lane->log, 0) != INT64_MAX;
}

/* ---------------------------------------------------------------- old keys */

/* Keeping house can wait: nobody is to wait for it. */
static bool is_idle_still(void *context)
{
	struct lane *l = context;

	CHECK(l->locks != NULL);
	return lock_manager_is_idle(l->locks);
}

/* Others wrote: that is taken in first, by a group. */
static void take_others_in(struct chores *c)
{
	struct lane *l = c->group->lane;
	bool is_changed = true;
	int r;

	(void)l->writer->ops->abandon(l->writer, true);
	group_run(c->group); /* it is told the same */
	r = l->writer->ops->has_news(l->writer, &is_changed);
	l->keys->has_old = r == 0 && !is_changed;
}

static int write_forgotten(struct lane *l)
{
	struct effects effects = { 0 };
	bool is_durable;
	int r;

	CHECK(l->keys->has_old);
	key_book_delete_old(l->keys, OLD_KEYS_ALONE, &effects);
	r = l->writer->ops->write(l->writer, &effects);
	if (r == 0)
		r = l->writer->ops->commit(l->writer, &is_durable);
	if (r == 0)
		key_book_old_are_deleted(l->keys, &effects);
	return r;
}

/* In a small group of its own. */
static void delete_old_keys(struct chores *c)
{
	struct lane *l = c->group->lane;
	struct patience patience = { .may_go_on = is_idle_still, .context = l };
	struct group_begun begun;
	int r;

	if (l->writer->ops->begin(l->writer, &patience, &begun) < 0) {
		l->keys->has_old = false; /* another program holds it: later */
		return;
	}
	if (begun.is_changed_by_others) {
		take_others_in(c);
		return;
	}
	r = write_forgotten(l);
	if (r < 0) {
		l->keys->has_old = false;
		fail(c, r);
	}
}

/* ---------------------------------------------------------------- all of them */

void chores_do(struct chores *c, bool is_idle)
{
	struct lane *l = c->group->lane;
	int64_t now_ns = clock_monotonic_ns();
	bool is_due = now_ns - c->done_ns >= CHORES_MS * NS_PER_MS;
	int r = 0;

	CHECK(goes_on(c));
	CHECK(list_is_empty(&c->group->members));
	if (is_due) {
		c->done_ns = now_ns;
		key_book_forget(l->keys, l->now_ms);
		r = l->writer->ops->check(l->writer);
	}
	if (r < 0) {
		fail(c, r);
	} else if (l->keys->has_old && is_idle) {
		delete_old_keys(c);
		if (goes_on(c))
			chores_keep_log_short(c); /* four million would make a log of their own */
	} else if (is_due && is_idle) {
		judge_log(l, log_keeper_rest(&l->log, now_ns));
	}
}

int64_t chores_due_ns(const struct chores *c)
{
	const struct lane *l = c->group->lane;
	int64_t all_ns = c->done_ns + CHORES_MS * NS_PER_MS;
	int64_t log_ns;

	CHECK(c->done_ns > 0);
	if (!goes_on(c))
		return all_ns;
	if (l->keys->has_old)
		return 0;
	log_ns = log_keeper_next_ns(&l->log, clock_monotonic_ns());
	return log_ns < all_ns ? log_ns : all_ns;
}

void chores_stop(struct chores *c)
{
	struct lane *l = c->group->lane;

	CHECK(!goes_on(c));
	log_keeper_stop(&l->log);
	CHECK(!l->log.is_closed);
	c->done_ns = clock_monotonic_ns();
	l->keys->has_old = false;
}
