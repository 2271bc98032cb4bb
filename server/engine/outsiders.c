#include "engine/outsiders.h"
#include "base/clock.h"
#include "engine/stored_leases.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include <inttypes.h>

/* One page of what follows `after`. Returns the last seq that it had, or `after` at the end. */
static int64_t feed_page(struct lane *l, int64_t after, int64_t seq)
{
	struct movement_query q = { .since_ms = INT64_MIN,
				    .until_ms = INT64_MAX,
				    .after_seq = after,
				    .limit = PAGE_ROWS_MAX };
	struct reader *reader = l->outsiders.reader;
	struct page page = { 0 };
	struct arena texts;

	CHECK(after <= seq);
	arena_init(&texts);
	if (reader->ops->list_movements(reader, &q, &texts, &page) == 0)
		for (size_t i = 0; i < page.count && after < seq; i++) {
			feed_add(&l->feed, &page.movements[i].sku, &page.movements[i].location,
				 &page.movements[i].movement);
			after = page.movements[i].movement.seq;
		}
	arena_fini(&texts);
	return after;
}

/*
 * What they wrote up to `seq` goes into the feed, and no more: the snapshot may be of a later time.
 * What is more than the feed keeps is left to the ledger.
 */
static void feed_others(struct lane *l, int64_t seq)
{
	struct reader *reader = l->outsiders.reader;
	int64_t after = l->feed.head_seq, before = -1;
	int64_t newest;

	CHECK(reader != NULL);
	if (reader->ops->begin(reader, &newest) == 0 && seq - after <= FEED_MOVEMENTS_MAX)
		while (after < seq && after != before) {
			before = after;
			after = feed_page(l, before, seq);
		}
	reader->ops->end(reader);
	feed_publish(&l->feed, seq);
	feed_ring(&l->feed);
}

void outsiders_fill_feed(struct lane *l)
{
	CHECK(l->outsiders.is_feed_behind);
	l->outsiders.is_feed_behind = false;
	feed_discard(&l->feed);
	if (feed_begin(&l->feed, clock_monotonic_ns()))
		feed_others(l, l->seq_committed);
	else
		feed_publish(&l->feed, l->seq_committed);
}

/* What has ended here must not be read again from the store. */
static int delete_ended_leases(struct lane *l, struct effects *effects)
{
	int r = stored_leases_delete_ended(l, effects);

	if (r == 0 && effects->leases.count > 0)
		r = l->writer->ops->write(l->writer, effects);
	effects_clear(effects);
	return r;
}

static int hear(struct lane *l, int64_t now_ms)
{
	struct arena texts;
	struct news news;
	int r;

	arena_init(&texts);
	r = l->writer->ops->news(l->writer, &texts, &news);
	if (r == 0) {
		clock_note_take_ledger_in(&l->clock, news.ledger_ms, now_ms, l->seq_committed);
		key_book_pass_id(l->keys, news.newest_key);
		r = stored_leases_take_in(l, &news, now_ms);
	}
	if (r == 0)
		l->writer->ops->news_taken(l->writer);
	arena_fini(&texts);
	return r;
}

int outsiders_take_in(struct lane *l, const struct group_begun *begun, int64_t now_ms,
		      bool has_followers, struct effects *effects)
{
	int r;

	CHECK(begun->is_changed_by_others);
	if (lane_is_alone(l)) {
		log_write(LOG_INFO, "external_write", "seq=%" PRId64 " was=%" PRId64,
			  begun->newest_seq, l->seq_committed);
		metric_add(METRIC_EXTERNAL_WRITES, 1);
	}
	r = delete_ended_leases(l, effects);
	if (r < 0)
		return r;
	atomic_store(&l->published->seq, begun->newest_seq);
	atomic_fetch_add(&l->published->generation, 1);
	if (has_followers)
		feed_others(l, begun->newest_seq);
	else
		feed_publish(&l->feed, begun->newest_seq);
	l->seq_committed = begun->newest_seq;
	return hear(l, now_ms);
}

int outsiders_look_ms(const struct lane *l)
{
	CHECK(l->writer != NULL);
	return lane_is_alone(l) ? OUTSIDERS_LOOK_MS : RIVALS_LOOK_MS;
}

bool outsiders_have_news(struct lane *l)
{
	int64_t now_ns = clock_monotonic_ns();
	bool is_new = false;

	CHECK(l->locks->leases.count >= 0);
	if (now_ns - l->outsiders.looked_ns < outsiders_look_ms(l) * NS_PER_MS)
		return false;
	l->outsiders.looked_ns = now_ns;
	if (!feed_begin(&l->feed, now_ns) && l->locks->leases.count == 0 && lane_is_alone(l))
		return false; /* there is nobody to be told */
	return l->writer->ops->has_news(l->writer, &is_new) == 0 && is_new;
}
