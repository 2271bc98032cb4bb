#include "engine/service.h"
#include "base/clock.h"
#include "engine/access_book.h"
#include "base/fault.h"
#include "engine/claims.h"
#include "engine/operation_book.h"
#include "engine/read_fault.h"
#include "engine/service_inside.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---------------------------------------------------------------- life */

static int open_readers(struct service *s, int thread_count)
{
	int r;

	CHECK(thread_count >= 1);
	s->readers.reads_max = LONG_READS_MAX;
	s->readers.limit_ms = LONG_READ_MS_MAX;
	atomic_init(&s->readers.slow_ns, 0);
	s->readers.admission = s->spoolers.admission = &s->writer.lane.log.admission;
	s->spoolers.reads_max = SPOOLED_READS_MAX;
	s->spoolers.limit_ms = SPOOLED_READ_S_MAX * MS_PER_S;
	r = reader_pool_open(&s->readers, s->store, thread_count);
	if (r < 0)
		return r;
	r = reader_pool_open(&s->spoolers, s->store, 1);
	if (r < 0) {
		reader_pool_close(&s->readers);
		return r;
	}
	if (!s->store->ops->reads_inline)
		r = point_reads_open(&s->points, s->store, s->readers.is_uncounted);
	if (r < 0) {
		reader_pool_close(&s->spoolers);
		reader_pool_close(&s->readers);
	}
	return r;
}

static int start_engine(struct service *s, const struct service_options *o)
{
	int r = key_book_init(&s->keys, &s->locks.guard);

	CHECK(s->store != NULL);
	CHECK(o->reader_count >= 1);
	if (r < 0)
		return r;
	CHECK(s->keys.guard == &s->locks.guard);
	lock_manager_init(&s->locks, &s->time, &s->keys);
	s->intake = (struct intake){ .locks = &s->locks,
				     .keys = &s->keys,
				     .published = &s->published,
				     .row_seed = s->row_seed };
	s->writer.lane =
		(struct lane){ .store = s->store,
			       .locks = &s->locks,
			       .keys = &s->keys,
			       .published = &s->published,
			       .releases_rows_early = o->releases_rows_early,
			       .slow_ns = o->slow_ns,
			       .aftermath = { .fail = o->fail, .fail_context = o->fail_context } };
	audit_age_init(&s->writer.lane.audit_age, o->keep_audit_ms);
	CHECK(o->slow_ns >= 0);
	atomic_store(&s->readers.slow_ns, o->slow_ns);
	atomic_store(&s->points.slow_ns, o->slow_ns);
	s->writer.is_uncounted = s->readers.is_uncounted = o->is_uncounted;
	s->spoolers.is_uncounted = o->is_uncounted;
	r = writer_open(&s->writer, s->row_seed);
	if (r < 0) {
		lock_manager_fini(&s->locks);
		key_book_fini(&s->keys);
		return r;
	}
	r = open_readers(s, o->reader_count);
	if (r < 0) {
		writer_close(&s->writer);
		lock_manager_fini(&s->locks);
		key_book_fini(&s->keys);
	}
	return r;
}

int service_open(const struct service_options *options, struct service **ret)
{
	struct service *s = calloc(1, sizeof(*s));

	CHECK(options->store != NULL);
	if (s == NULL)
		return FAULT(-ENOMEM);
	s->store = options->store;
	if (getrandom(&s->row_seed, sizeof(s->row_seed), 0) != sizeof(s->row_seed)) {
		free(s);
		return FAULT(-EIO);
	}

	struct stored_time stored;
	int r = s->store->ops->epoch(s->store, s->epoch);

	if (r == 0)
		r = s->store->ops->load_time(s->store, &stored);
	if (r < 0) {
		free(s);
		return r;
	}
	r = access_book_open(s->store, !options->is_uncounted, &s->access);
	if (r < 0) {
		free(s);
		return r;
	}
	store_time_init(&s->time, NULL, stored.newest_ms);
	r = start_engine(s, options);
	if (r < 0) {
		access_book_close(s->access);
		store_time_fini(&s->time);
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void service_close(struct service *s)
{
	if (s == NULL)
		return;
	point_reads_close(&s->points);
	reader_pool_close(&s->spoolers);
	reader_pool_close(&s->readers);
	access_book_close(s->access);
	writer_close(&s->writer);
	CHECK(s->locks.must_stop);
	lock_manager_fini(&s->locks);
	key_book_fini(&s->keys);
	store_time_fini(&s->time);
	s->store->ops->close(s->store);
	free(s);
}

void service_drain(struct service *s, int64_t until_ns)
{
	CHECK(until_ns >= 0);
	lock_manager_drain(&s->locks, until_ns);
	reader_pool_end_by(&s->readers, until_ns);
	reader_pool_end_by(&s->spoolers, until_ns);
	point_reads_end_by(&s->points, until_ns);
}

void service_nudge(struct service *s)
{
	reader_pool_nudge(&s->readers);
	reader_pool_nudge(&s->spoolers);
	point_reads_nudge(&s->points);
}

/* ---------------------------------------------------------------- writes */

enum submit service_submit(struct service *s, struct work *w, struct waiter *waiter,
			   struct snapshot *snapshot, int64_t wait_ms)
{
	CHECK(s->intake.locks == &s->locks);
	return intake_submit(&s->intake, w, waiter, snapshot, wait_ms);
}

void service_look_up(struct service *s, struct work *w, struct reader *reader, int64_t seq)
{
	CHECK(w->command.key != NULL);
	intake_look_up(&s->intake, w, reader, seq);
}

void service_look_up_fail(struct service *s, struct work *w, int fault)
{
	CHECK(fault < 0);
	intake_look_up_fail(&s->intake, w, fault);
}

enum submit service_submit_again(struct service *s, struct waiter *waiter,
				 struct snapshot *snapshot, int64_t wait_ms)
{
	CHECK(waiter->work != NULL);
	return intake_submit_again(&s->intake, waiter, snapshot, wait_ms);
}

enum submit service_submit_part(struct service *s, struct work *part,
				const struct claim_set *claims, struct waiter *waiter,
				int64_t wait_ms)
{
	CHECK(part->line_count > 0);
	return intake_submit_part(&s->intake, part, claims, waiter, wait_ms);
}

enum replayed service_replay(struct service *s, struct work *w, struct snapshot *snapshot,
			     const char *next_key)
{
	CHECK(w->command.key != NULL);
	return intake_replay(&s->intake, w, snapshot, next_key);
}

bool service_replay_from(struct service *s, struct work *w, struct reader *reader, int64_t seq)
{
	CHECK(w->command.key != NULL);
	return intake_replay_from(&s->intake, w, reader, seq);
}

int service_claim_count(struct service *s, struct work *line)
{
	return claims_of_line(s->row_seed, line);
}

void service_claim(const struct service *s, struct claim_set *claims, struct work *line)
{
	CHECK(line->line_count == 0);
	claim_set_add_line(claims, s->row_seed, line);
}

uint64_t service_arrival_count(struct service *s)
{
	struct lock_manager *m = &s->locks;
	uint64_t count;

	guard_lock(&m->guard);
	count = m->table.arrival_last;
	guard_unlock(&m->guard);
	return count;
}

bool service_withdraw(struct service *s, struct waiter *waiter, struct arena *texts,
		      struct answer *ret_answer)
{
	CHECK(waiter->work != NULL);
	return intake_withdraw(&s->intake, waiter, texts, ret_answer);
}

enum recall service_recall(struct service *s, struct waiter *waiter)
{
	CHECK(waiter->work != NULL);
	return intake_recall(&s->intake, waiter);
}

void service_place(struct service *s, const struct waiter *waiter, struct work_place *ret)
{
	CHECK(waiter->work != NULL);
	intake_place(&s->intake, waiter, ret);
}

void service_set_slow(struct service *s, int64_t slow_ns)
{
	CHECK(slow_ns >= 0);
	atomic_store(&s->writer.lane.slow_ns, slow_ns);
	atomic_store(&s->readers.slow_ns, slow_ns);
	atomic_store(&s->points.slow_ns, slow_ns);
}

void service_open_operations(struct service *s, struct operation_book *b, int64_t wait_ms)
{
	operation_book_init(b, &s->intake, wait_ms);
}

/* ---------------------------------------------------------------- reads */

int service_open_snapshot(struct service *s, struct snapshot *n)
{
	return snapshot_init(n, s->store, &s->published);
}

bool service_read(struct service *s, struct long_read *read)
{
	CHECK(read->run != NULL);
	CHECK(!read->is_whole);
	return reader_pool_submit(&s->readers, read);
}

void service_read_point(struct service *s, struct long_read *read)
{
	CHECK(!read->is_whole);
	point_reads_submit(&s->points, read);
}

void service_note_audit(struct service *s, const struct audit_entry *entry)
{
	CHECK(entry->at_ms > 0);
	audit_inbox_put(&s->writer.lane.audits, entry);
}

void service_keep_audit(struct service *s, int64_t keep_ms)
{
	audit_age_keep(&s->writer.lane.audit_age, keep_ms);
}

bool service_verify_begin(struct service *s)
{
	return !atomic_exchange(&s->is_verifying, true);
}

void service_verify_end(struct service *s)
{
	CHECK(atomic_exchange(&s->is_verifying, false));
}

bool service_read_all(struct service *s, struct long_read *read)
{
	CHECK(read->run != NULL);
	read->is_whole = true;
	return reader_pool_submit(&s->spoolers, read);
}

struct feed *service_feed(struct service *s)
{
	return &s->writer.lane.feed;
}

/* ---------------------------------------------------------------- looking in */

int service_locks(struct service *s, struct arena *a, struct lock_view **ret_rows,
		  size_t *ret_count)
{
	return lock_views_rows(&s->locks, a, ret_rows, ret_count);
}

int service_leases(struct service *s, int64_t after_fence, int limit, struct arena *a,
		   struct lease_view **ret_leases, size_t *ret_count, int64_t *ret_next)
{
	return lock_views_leases(&s->locks, after_fence, limit, a, ret_leases, ret_count, ret_next);
}

int service_lease(struct service *s, const char *id, struct arena *a, struct lease_view *ret)
{
	return lock_views_lease(&s->locks, id, a, ret);
}

void service_health(struct service *s, struct service_health *ret)
{
	struct lock_manager *m = &s->locks;

	guard_lock(&m->guard);
	CHECK(m->waiting_count >= 0);
	CHECK(m->leases.count >= 0);
	*ret = (struct service_health){ .is_draining = m->is_draining,
					.waiting_count = m->waiting_count,
					.lease_count = m->leases.count,
					.key_count = key_book_count_locked(m->keys) };
	guard_unlock(&m->guard);

	ret->is_disk_full = atomic_load(&s->published.is_disk_full);
	ret->is_store_busy = atomic_load(&s->published.is_store_busy);
	ret->is_unreachable = atomic_load(&s->published.is_unreachable);
	ret->is_damaged = atomic_load(&s->published.is_damaged);
	ret->is_writable =
		!atomic_load(&s->published.is_failing) && !ret->is_disk_full && !ret->is_damaged;
	ret->seq = service_seq(s);
	ret->wal_bytes = atomic_load(&s->published.wal_bytes);
	ret->now_ms = store_time_now(&s->time);
	ret->clock_ahead_ms = store_time_ahead_ms(&s->time);
}

void service_note_fault(struct service *s, int fault, const char *request_id)
{
	read_fault_note(&s->published, &s->locks, fault, request_id);
}

struct access_book *service_access(struct service *s)
{
	CHECK(s->access != NULL);
	return s->access;
}

int64_t service_seq(const struct service *s)
{
	return atomic_load(&s->published.seq);
}

const char *service_epoch(const struct service *s)
{
	return s->epoch;
}

int64_t service_now_ms(struct service *s)
{
	return store_time_now(&s->time);
}

uint64_t service_row_seed(const struct service *s)
{
	return s->row_seed;
}
