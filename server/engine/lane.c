#include "engine/lane.h"
#include "base/clock.h"
#include "engine/stored_leases.h"
#include "ops/metrics.h"

/* ---------------------------------------------------------------- reservations */

/* The lines of one come together. */
struct reservation_loader {
	struct reservation_book *book;
	int64_t id;
};

static int see_reservation(void *context, const struct promised_row *row)
{
	struct reservation_loader *l = context;
	/* A time before all times is somebody's hand: found when it is booked. */
	int64_t at_ms = row->expires_at_ms < 0 ? 0 : row->expires_at_ms;
	int r = row->reservation_id == l->id
			? 0
			: reservation_book_put(l->book, row->reservation_id, at_ms, NULL, 0);

	l->id = row->reservation_id;
	if (r == 0 && row->item_id != 0)
		r = reservation_book_add_row(l->book, row->reservation_id,
					     reservation_book_row(row->item_id, row->location_id));
	return r;
}

/* ---------------------------------------------------------------- life */

static int load_state(struct lane *l)
{
	struct store_begun begun;
	const struct store_ops *ops = l->store->ops;
	struct reservation_loader loader = { .book = &l->reservations };
	int r = clock_note_load(&l->clock);
	int64_t newest_ms = l->clock.noted.newest_ms;

	if (r < 0)
		return r;
	l->clock.noted.newest_ms = 0; /* worked out, and not noted yet */
	r = ops->begin(l->store, NULL, NULL, &begun);
	if (r < 0)
		return r;
	l->seq_committed = begun.seq;
	l->now_ms = store_time_now(l->locks->time);
	r = stored_leases_reload(l, l->now_ms);
	if (r == 0)
		ops->note_taken_in(l->store);
	if (r == 0)
		r = key_book_load(l->keys, l->store, newest_ms);
	if (r == 0)
		r = ops->each_active_reservation(l->store, see_reservation, &loader);
	metric_set(METRIC_RESERVATIONS, l->reservations.active_count);
	(void)ops->rollback(l->store);
	feed_publish(&l->feed, begun.seq);
	atomic_store(&l->published->seq, begun.seq);
	metric_set(METRIC_SEQ, begun.seq);
	return r;
}

static void release(struct lane *l)
{
	if (l->outsiders.reader != NULL)
		l->outsiders.reader->ops->close(l->outsiders.reader);
	l->outsiders.reader = NULL;
	feed_fini(&l->feed);
	log_keeper_fini(&l->log);
	row_cache_fini(&l->cache);
	reservation_book_fini(&l->reservations);
}

int lane_open(struct lane *l, uint64_t seed)
{
	int r = row_cache_init(&l->cache, l->store, seed);

	CHECK(l->published != NULL);
	CHECK(l->keys != NULL);
	if (r < 0)
		return r;
	list_init(&l->ended_leases);
	l->outsiders.looked_ns = clock_monotonic_ns();
	l->clock = (struct clock_note){ .store = l->store, .time = l->locks->time };
	feed_init(&l->feed);
	log_keeper_init(&l->log, l->store);
	r = load_state(l);
	if (r == 0)
		r = l->store->ops->open_reader(l->store, &l->outsiders.reader);
	if (r < 0)
		release(l);
	return r;
}

void lane_close(struct lane *l)
{
	lock_manager_let_leases_go(&l->ended_leases);
	release(l);
}

bool lane_has_overdue(const struct lane *l)
{
	return (l->reservations.overdue_count > 0 ||
		reservation_book_next_ms(&l->reservations) <= l->now_ms) &&
	       clock_monotonic_ns() >= l->aftermath.retry_not_before_ns;
}
