#include "engine/lane.h"
#include "base/clock.h"
#include "engine/stored_leases.h"
#include "ops/metrics.h"

/* ---------------------------------------------------------------- life */

/* All of it is news. */
static int load_news(struct lane *l)
{
	struct arena texts;
	struct news news;
	int r;

	arena_init(&texts);
	r = l->writer->ops->news(l->writer, &texts, &news);
	if (r == 0)
		r = stored_leases_take_in(l, &news, l->now_ms);
	if (r == 0) {
		key_book_pass_id(l->keys, news.newest_key);
		l->writer->ops->news_taken(l->writer);
	}
	arena_fini(&texts);
	return r;
}

static int load_state(struct lane *l)
{
	struct group_begun begun;
	struct promised promised;
	int r = clock_note_load(&l->clock);
	int64_t newest_ms = l->clock.noted.newest_ms;

	CHECK(l->seq_committed == 0);
	CHECK(l->keys != NULL);
	if (r < 0)
		return r;
	l->clock.noted.newest_ms = 0; /* worked out, and not noted yet */
	r = l->writer->ops->begin(l->writer, NULL, &begun);
	if (r < 0)
		return r;
	l->seq_committed = begun.newest_seq;
	l->now_ms = store_time_now(l->locks->time);
	r = load_news(l);
	if (r == 0)
		r = key_book_load(l->keys, l->writer, newest_ms);
	l->writer->ops->promised(l->writer, l->now_ms, &promised);
	metric_set(METRIC_RESERVATIONS, promised.count);
	(void)l->writer->ops->abandon(l->writer, true);
	feed_publish(&l->feed, begun.newest_seq);
	atomic_store(&l->published->seq, begun.newest_seq);
	metric_set(METRIC_SEQ, begun.newest_seq);
	return r;
}

static void release(struct lane *l)
{
	audit_inbox_fini(&l->audits);
	if (l->outsiders.reader != NULL)
		l->outsiders.reader->ops->close(l->outsiders.reader);
	l->outsiders.reader = NULL;
	feed_fini(&l->feed);
	log_keeper_fini(&l->log);
	l->writer->ops->close(l->writer);
	l->writer = NULL;
}

int lane_open(struct lane *l, uint64_t seed)
{
	int r = l->store->ops->open_writer(l->store, seed, &l->writer);

	CHECK(l->published != NULL);
	CHECK(l->keys != NULL);
	if (r < 0)
		return r;
	l->seed = seed;
	l->locks->has_rivals = !l->writer->ops->leases_are_told;
	list_init(&l->ended_leases);
	audit_inbox_init(&l->audits);
	l->outsiders.looked_ns = clock_monotonic_ns();
	l->clock = (struct clock_note){ .store = l->store, .time = l->locks->time };
	feed_init(&l->feed);
	log_keeper_init(&l->log, l->writer);
	r = load_state(l);
	if (r == 0)
		r = l->store->ops->open_reader(l->store, &l->outsiders.reader);
	if (r < 0)
		release(l);
	return r;
}

void lane_close(struct lane *l)
{
	CHECK(l->writer != NULL);
	CHECK(l->outsiders.reader != NULL);
	lock_manager_let_leases_go(&l->ended_leases);
	release(l);
}

int64_t lane_overdue_ms(struct lane *l)
{
	struct promised promised;

	l->writer->ops->promised(l->writer, l->now_ms, &promised);
	l->overdue_count = promised.overdue_count;
	return promised.overdue_count > 0 ? l->now_ms : promised.next_ms;
}

int64_t lane_take_new_overdue(struct lane *l)
{
	int64_t before = l->overdue_count;

	(void)lane_overdue_ms(l);
	return l->overdue_count - before;
}

bool lane_has_overdue(struct lane *l)
{
	return lane_overdue_ms(l) <= l->now_ms &&
	       clock_monotonic_ns() >= l->aftermath.retry_not_before_ns;
}
