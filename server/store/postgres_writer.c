/* postgres_writer - the life of a group over PostgreSQL, and what its lane knows of others. */
#include "store/postgres_group.h"
#include "store/postgres_witness.h"
#include "base/clock.h"
#include "base/hash.h"
#include "store/records.h"
#include <stdlib.h>
#include <string.h>

enum {
	PROMISED_EVERY_MS = 1000,    /* others make reservations, too */
	PROMISED_MANY = 1000,        /* from so many on they are counted */
	PROMISED_COUNTED_MS = 10000, /* so often only */
};

/* ---------------------------------------------------------------- the lane */

static int make_lane(struct postgres_writer *w)
{
	CLEANUP(postgres_clear) PGresult *made = NULL;
	int64_t front_end = w->store->front_end_id > 0 ? w->store->front_end_id : POSTGRES_NULL_INT;
	struct postgres_value v[] = { value_int_or_null(front_end) };
	int r;

	CHECK(w->lane == 0);
	do
		r = postgres_run(w->link, LANE_MAKE, LENGTH_OF(v), v, &made);
	while (r == -EAGAIN); /* another one was given this id */
	if (r == 0)
		w->lane = postgres_int(made, 0, 0);
	return r;
}

/*
 * The lane's row is ours from now on: what was open in an earlier session is over. ret_last_group:
 * the newest group that was kept.
 */
static int renew_lane(struct postgres_writer *w, int64_t *ret_last_group)
{
	CLEANUP(postgres_clear) PGresult *renewed = NULL;
	struct postgres_value v[] = { value_int(w->lane) };
	int r = postgres_run(w->link, LANE_RENEW, LENGTH_OF(v), v, &renewed);

	CHECK(w->lane > 0);
	if (r < 0)
		return r;
	if (PQntuples(renewed) != 1)
		return FAULT(-ESTALE);
	w->generation = postgres_int(renewed, 0, 0);
	w->session = postgres_session(w->link);
	*ret_last_group = postgres_int(renewed, 0, 1);
	return 0;
}

/*
 * Connected, with a lane. A COMMIT that nobody could settle in time, so that its group was given
 * up, is over when the lane is renewed; what it has kept is news then, as what others did.
 */
static int attach(struct postgres_writer *w, int64_t deadline_ns)
{
	int64_t last_group = 0;
	int r = postgres_reconnect(w->link, deadline_ns);

	CHECK(!w->is_in_group);
	if (r < 0 || w->session == postgres_session(w->link))
		return r;
	r = renew_lane(w, &last_group);
	if (r == -ESTALE) { /* it was taken for a dead one's */
		w->lane = 0;
		r = make_lane(w);
		r = r < 0 ? r : renew_lane(w, &last_group);
	}
	if (r == 0) {
		w->group = last_group;
		w->is_promised_stale = w->is_promised_stale || w->is_unknown;
		w->is_unknown = false;
	}
	return r;
}

/* ---------------------------------------------------------------- what others do */

static bool has_others(const struct postgres_writer *w)
{
	return !w->has_taken || w->seen.seq != w->taken.seq ||
	       w->seen.lease_change != w->taken.lease_change;
}

static int read_head(struct postgres_writer *w)
{
	CLEANUP(postgres_clear) PGresult *head = NULL;
	int r = postgres_run(w->link, READ_HEAD, 0, NULL, &head);

	CHECK(!w->is_in_group);
	if (r < 0)
		return postgres_group_fault(r);
	if (PQntuples(head) != 1)
		return FAULT(-EUCLEAN);
	postgres_note_head(w, head);
	return 0;
}

/* ---------------------------------------------------------------- beginning */

static void begin_group(struct postgres_writer *w)
{
	CHECK(!w->is_in_group);
	row_set_clear(&w->rows);
	w->is_in_group = true;
	w->is_open = w->has_rows = w->is_numbered = w->has_written = w->has_promised = false;
	w->is_kept = false;
	w->locked_count = 0;
	w->overdue_lines = w->leased_count = 0;
	w->begun = w->seen;
	arena_fini(&w->memory);
	arena_init(&w->memory);
}

/* Nothing is sent where the connection is there: BEGIN goes with the first lock. */
static int begin(struct store_writer *writer, const struct patience *patience,
		 struct group_begun *ret)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	int64_t deadline_ns = clock_monotonic_ns() + w->store->busy_ms * NS_PER_MS;
	int r = attach(w, deadline_ns);

	CHECK(!w->is_in_group);
	(void)patience; /* nobody holds the whole store */
	if (r < 0)
		return postgres_group_fault(r);
	begin_group(w);
	*ret = (struct group_begun){ .is_changed_by_others = has_others(w),
				     .newest_seq = w->seen.seq,
				     .seq = SEQ_RELATIVE };
	return 0;
}

/* ---------------------------------------------------------------- news */

static int read_lease(const PGresult *from, int n, struct arena *a, struct lease_row *ret)
{
	int r = postgres_text(from, n, 2, a, &ret->lease_id);

	CHECK(n < PQntuples(from));
	ret->fence = postgres_int(from, n, 3);
	postgres_code(from, n, 4, &ret->sku);
	postgres_code(from, n, 5, &ret->location);
	if (r == 0)
		r = postgres_text(from, n, 6, a, &ret->purpose);
	ret->taken_at_ms = postgres_int(from, n, 7);
	ret->expires_at_ms = postgres_int(from, n, 8);
	ret->token_id = postgres_int(from, n, 9);
	return r == 0 ? postgres_text(from, n, 10, a, &ret->actor) : r;
}

static int read_leases(struct postgres_writer *w, const PGresult *from, struct arena *a,
		       struct news *ret)
{
	int count = PQntuples(from);

	CHECK(w->is_in_group);
	if (count < 1)
		return FAULT(-EUCLEAN);
	postgres_note_head(w, from);
	w->lease_change_read = postgres_int(from, 0, 0);
	ret->leases = arena_alloc(a, sizeof(ret->leases[0]) * (size_t)count);
	if (ret->leases == NULL)
		return FAULT(-ENOMEM);
	for (int i = 0; i < count; i++) {
		struct lease_row *row = &ret->leases[ret->lease_count];
		int r;

		if (postgres_is_null(from, i, 2))
			continue; /* there is none at all */
		r = read_lease(from, i, a, row);
		if (r < 0)
			return r;
		ret->lease_count += lease_row_is_sound(row);
	}
	ret->has_leases = true;
	return 0;
}

static int news(struct store_writer *writer, struct arena *a, struct news *ret)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	CLEANUP(postgres_clear) PGresult *newest = NULL;
	CLEANUP(postgres_clear) PGresult *leases = NULL;
	bool has_leases = !w->has_leases || w->seen.lease_change != w->taken.lease_change;
	struct postgres_value v[] = { value_int(KEY_ID_MAX) };
	int r;

	CHECK(w->is_in_group);
	*ret = (struct news){ 0 };
	w->lease_change_read = w->taken.lease_change;
	postgres_begin_trip(w->link);
	postgres_add(w->link, READ_NEWS, LENGTH_OF(v), v);
	if (has_leases)
		postgres_add(w->link, READ_LEASES, 0, NULL);
	r = postgres_send(w->link, 0);
	r = r < 0 ? r : postgres_take(w->link, &newest);
	if (r == 0 && has_leases)
		r = postgres_take(w->link, &leases);
	r = postgres_end_trip(w->link, r);
	if (r < 0)
		return postgres_group_fault(r);
	ret->newest_key = postgres_int(newest, 0, 0);
	ret->ledger_ms = postgres_int(newest, 0, 1);
	return has_leases ? read_leases(w, leases, a, ret) : 0;
}

/* Movements as of begin(), as it said; leases as of news(), which may know of more. */
static void news_taken(struct store_writer *writer)
{
	struct postgres_writer *w = postgres_writer_of(writer);

	CHECK(w->is_in_group);
	w->taken.seq = w->begun.seq;
	w->taken.lease_change = w->lease_change_read;
	w->has_taken = w->has_leases = true;
}

static int has_news(struct store_writer *writer, bool *ret)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	int r;

	CHECK(!w->is_in_group);
	*ret = has_others(w);
	if (*ret)
		return 0;
	r = attach(w, clock_monotonic_ns());
	r = r < 0 ? postgres_group_fault(r) : read_head(w);
	*ret = has_others(w);
	return r;
}

/* ---------------------------------------------------------------- handed out */

/* A resolved one is not overdue any more, and is forgotten when its minute is over. */
static void keep_handed(struct postgres_writer *w)
{
	for (size_t i = 0; i < w->handed_count; i++)
		w->handed[i].is_of_group = false;
}

/* ---------------------------------------------------------------- ending */

static void end_group(struct postgres_writer *w)
{
	CHECK(w->is_in_group);
	w->is_in_group = w->is_open = false;
}

static void durable_up_to(struct postgres_store *s, int64_t seq)
{
	int64_t known = atomic_load(&s->durable_seq);

	CHECK(seq >= 0);
	while (known < seq && !atomic_compare_exchange_weak(&s->durable_seq, &known, seq))
		;
}

/* What one has written oneself is no news, unless somebody else wrote before that. */
static void keep(struct postgres_writer *w)
{
	CHECK(!w->is_unknown);
	if (w->is_numbered) {
		struct postgres_head before = { .seq = w->stored.seq,
						.lease_change = w->stored.lease_change };

		if (w->taken.seq == before.seq)
			w->taken.seq = w->numbers.seq;
		if (w->taken.lease_change == before.lease_change)
			w->taken.lease_change = w->numbers.lease_change;
		if (w->seen.seq < w->numbers.seq)
			w->seen.seq = w->numbers.seq;
		if (w->seen.lease_change < w->numbers.lease_change)
			w->seen.lease_change = w->numbers.lease_change;
		durable_up_to(w->store, w->numbers.seq);
		postgres_witness_note(w->store, w->numbers.seq, w->numbers.at_ms);
	}
	w->is_promised_stale = w->is_promised_stale || w->has_promised;
	keep_handed(w);
	end_group(w);
}

static int send_commit(struct postgres_writer *w)
{
	int r;

	CHECK(!w->is_kept);
	postgres_begin_trip(w->link);
	postgres_add_commit(w);
	r = postgres_send(w->link, 0);
	r = r < 0 ? r : postgres_take_commit(w);
	r = postgres_end_trip(w->link, r);
	w->is_unknown = r == -ENOTCONN && postgres_was_sent(w->link);
	return r;
}

static int commit(struct store_writer *writer, bool *ret_is_durable)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	int r = 0;

	CHECK(w->is_in_group);
	CHECK(list_is_empty(&w->rows.dirty));
	if (w->has_written && !w->is_kept && !w->is_unknown) {
		r = send_commit(w);
	} else if (w->is_open && !w->has_written) {
		r = postgres_rollback(w->link); /* there is nothing to keep */
		r = r == -ENOTCONN ? 0 : r;
	}
	if (w->is_unknown)
		return FAULT(-EREMOTEIO);
	if (r < 0)
		return postgres_group_fault(r);
	keep(w);
	*ret_is_durable = true;
	return 0;
}

static int abandon(struct store_writer *writer, bool had_nothing)
{
	struct postgres_writer *w = postgres_writer_of(writer);

	if (!w->is_in_group)
		return 0;
	if (w->is_open)
		(void)postgres_rollback(w->link); /* a connection that is gone has ended it, too */
	if (had_nothing)
		keep_handed(w);
	else
		postgres_forget_handed(w);
	if (!had_nothing)
		row_set_clear(&w->rows);
	end_group(w);
	return 0;
}

/* Until somebody can say, or nobody could for too long. */
static int settle(struct store_writer *writer, bool *ret_is_kept)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	int64_t deadline_ns = clock_monotonic_ns() + POSTGRES_RECONNECT_MS * NS_PER_MS;
	int64_t last_group = 0;
	int r;

	CHECK(w->is_unknown);
	do {
		r = postgres_reconnect(w->link, deadline_ns);
		if (r == 0)
			r = renew_lane(w, &last_group);
	} while (r < 0 && r != -ESTALE && clock_monotonic_ns() < deadline_ns);
	if (r < 0)
		return FAULT(-EREMOTEIO);
	w->is_unknown = false;
	*ret_is_kept = last_group == w->group;
	if (*ret_is_kept)
		keep(w);
	else
		(void)abandon(writer, false);
	return 0;
}

static int flush(struct store_writer *writer, int64_t *ret_seq)
{
	*ret_seq = atomic_load(&postgres_writer_of(writer)->store->durable_seq);
	return 0;
}

/* ---------------------------------------------------------------- what is promised */

static int read_promised(struct postgres_writer *w, int64_t now_ms, bool counts_all)
{
	CLEANUP(postgres_clear) PGresult *all = NULL;
	CLEANUP(postgres_clear) PGresult *due = NULL;
	struct postgres_value v[] = { value_int(now_ms), postgres_handed_ids(w, now_ms) };
	int r;

	postgres_begin_trip(w->link);
	postgres_add(w->link, READ_OVERDUE, LENGTH_OF(v), v);
	if (counts_all)
		postgres_add(w->link, READ_PROMISED, 0, NULL);
	r = postgres_send(w->link, 0);
	r = r < 0 ? r : postgres_take(w->link, &due);
	if (r == 0 && counts_all)
		r = postgres_take(w->link, &all);
	r = postgres_end_trip(w->link, r);
	if (r < 0)
		return r;
	w->promised.overdue_count = postgres_int(due, 0, 0);
	w->promised.next_ms = postgres_int_or(due, 0, 1, INT64_MAX);
	if (counts_all) {
		w->promised.count = postgres_int(all, 0, 0);
		w->promised.line_count = postgres_int(all, 0, 1);
	}
	return 0;
}

static void promised(struct store_writer *writer, int64_t now_ms, struct promised *ret)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	int64_t now_ns = clock_monotonic_ns(), age_ns = now_ns - w->promised_ns;
	bool is_old = w->is_promised_stale || w->promised.next_ms <= now_ms ||
		      age_ns > PROMISED_EVERY_MS * NS_PER_MS;
	bool counts_all =
		w->promised.count < PROMISED_MANY || age_ns > PROMISED_COUNTED_MS * NS_PER_MS;

	/* A statement would fail in a group that has failed: the last answer will do. */
	if (is_old && postgres_is_connected(w->link) && read_promised(w, now_ms, counts_all) == 0) {
		w->is_promised_stale = false;
		w->promised_ns = now_ns;
	}
	*ret = w->promised;
}

/* ---------------------------------------------------------------- between groups */

static int check(struct store_writer *writer)
{
	struct postgres_writer *w = postgres_writer_of(writer);

	CHECK(w->store != NULL);
	return atomic_load(&w->store->is_ousted) ? FAULT(-ESTALE) : 0;
}

static int64_t tend(struct store_writer *w, enum tending how, int64_t wait_ms)
{
	CHECK(how <= TEND_CUT);
	CHECK(wait_ms >= 0);
	(void)w, (void)how, (void)wait_ms; /* the server does that itself */
	return 0;
}

static int64_t log_bytes(struct store_writer *w)
{
	(void)w;
	return 0;
}

static int each_key(struct store_writer *writer, int64_t since_ms, size_t count,
		    int (*see)(void *context, int64_t id, uint64_t key_hash, int64_t at_ms),
		    void *context)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	CLEANUP(postgres_clear) PGresult *keys = NULL;
	struct postgres_value v[] = { value_int(since_ms),
				      value_int(count > INT32_MAX ? INT32_MAX : (int64_t)count),
				      value_int(KEY_ID_MAX) };
	int r = postgres_run(w->link, READ_EACH_KEY, LENGTH_OF(v), v, &keys);

	CHECK(see != NULL);
	if (r < 0)
		return postgres_group_fault(r);
	for (int i = 0; r == 0 && i < PQntuples(keys); i++) {
		const char *key = postgres_peek_text(keys, i, 1);

		if (key != NULL)
			r = see(context, postgres_int(keys, i, 0),
				key_hash_of(key, strlen(key), postgres_int(keys, i, 3)),
				postgres_int(keys, i, 2));
	}
	return r;
}

/* ---------------------------------------------------------------- opening and closing */

static void close_writer(struct store_writer *writer)
{
	struct postgres_writer *w;

	if (writer == NULL)
		return;
	w = postgres_writer_of(writer);
	(void)abandon(writer, false);
	postgres_disconnect(w->link);
	row_set_fini(&w->rows);
	arena_fini(&w->memory);
	free(w->locked);
	free(w);
}

static const struct writer_ops writer_ops = {
	.name = "postgresql",
	.joins_groups = true,
	.begin = begin,
	.news = news,
	.news_taken = news_taken,
	.has_news = has_news,
	.lock = postgres_lock,
	.sweep = postgres_sweep,
	.promised = promised,
	.number = postgres_number,
	.write = postgres_write,
	.commit = commit,
	.abandon = abandon,
	.settle = settle,
	.flush = flush,
	.check = check,
	.tend = tend,
	.log_bytes = log_bytes,
	.each_key = each_key,
	.close = close_writer,
};

static int open_lane(struct postgres_writer *w)
{
	int64_t last_group;
	int r = postgres_connect(w->store, POSTGRES_WRITES, postgres_writer_texts,
				 POSTGRES_WRITER_STATEMENTS, &w->link);

	r = r < 0 ? r : make_lane(w);
	r = r < 0 ? r : renew_lane(w, &last_group);
	r = r < 0 ? postgres_group_fault(r) : read_head(w);
	CHECK(w->lane > 0 || r < 0);
	w->has_taken = w->seen.seq == 0 && w->seen.lease_change == 0; /* what is there is news */
	return r;
}

int postgres_open_writer(struct store *s, uint64_t seed, struct store_writer **ret)
{
	struct postgres_writer *w = calloc(1, sizeof(*w));
	int r;

	CHECK(ret != NULL);
	if (w == NULL)
		return FAULT(-ENOMEM);
	w->writer.ops = &writer_ops;
	w->store = postgres_of(s);
	w->is_promised_stale = true;
	arena_init(&w->memory);
	r = row_set_init_small(&w->rows, seed, POSTGRES_SET_BUCKETS);
	if (r == 0)
		r = open_lane(w);
	if (r < 0)
		close_writer(&w->writer);
	else
		*ret = &w->writer;
	return r;
}
