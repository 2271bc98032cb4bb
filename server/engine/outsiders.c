#include "engine/outsiders.h"
#include "base/clock.h"
#include "engine/stored_leases.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include <inttypes.h>

/* What they wrote up to `seq` goes into the feed; more than a page is left to the ledger. */
static void feed_others(struct lane *l, int64_t seq)
{
	struct movement_query q = { .kind = MOVEMENT_KINDS,
				    .since_ms = INT64_MIN,
				    .until_ms = INT64_MAX,
				    .after_seq = l->seq_committed,
				    .limit = PAGE_ROWS_MAX };
	struct reader *reader = l->outsiders.reader;
	struct page page = { 0 };
	struct arena texts;
	int64_t newest;

	CHECK(reader != NULL);
	arena_init(&texts);
	if (reader->ops->begin(reader, &newest) == 0 &&
	    reader->ops->list_movements(reader, &q, &texts, &page) == 0)
		for (size_t i = 0; i < page.count; i++)
			feed_add(&l->feed, &page.movements[i].sku, &page.movements[i].location,
				 &page.movements[i].movement);
	reader->ops->end(reader);
	feed_publish(&l->feed, seq);
	feed_ring(&l->feed);
	arena_fini(&texts);
}

static int pass_typed_keys(struct lane *l)
{
	int64_t newest;
	int r = l->store->ops->newest_key(l->store, &newest);

	if (r == 0)
		key_book_pass_id(l->keys, newest);
	return r;
}

int outsiders_take_in(struct lane *l, const struct store_begun *begun, int64_t now_ms,
		      bool has_followers)
{
	int r;

	CHECK(begun->is_changed_by_others);
	log_write(LOG_INFO, "external_write", "seq=%" PRId64 " was=%" PRId64, begun->seq,
		  l->seq_committed);
	metric_add(METRIC_EXTERNAL_WRITES, 1);
	row_cache_drop(&l->cache);
	r = stored_leases_delete_ended(l); /* first: what has ended here must not be read again */
	if (r < 0)
		return r;
	atomic_store(&l->published->seq, begun->seq);
	atomic_fetch_add(&l->published->generation, 1);
	if (has_followers)
		feed_others(l, begun->seq);
	l->seq_committed = begun->seq;
	r = clock_note_take_ledger_in(&l->clock, now_ms, begun->seq);
	if (r == 0)
		r = pass_typed_keys(l);
	if (r == 0)
		r = stored_leases_reload(l, now_ms);
	if (r == 0)
		l->store->ops->note_taken_in(l->store);
	return r;
}

bool outsiders_have_news(struct lane *l)
{
	int64_t now_ns = clock_monotonic_ns();
	bool is_new = false;

	if (now_ns - l->outsiders.looked_ns < OUTSIDERS_LOOK_MS * NS_PER_MS)
		return false;
	l->outsiders.looked_ns = now_ns;
	if (!feed_begin(&l->feed, now_ns) && l->locks->leases.count == 0)
		return false;
	return l->store->ops->look_for_others(l->store, &is_new) == 0 && is_new;
}
