#include "faulty_store.h"
#include "base/check.h"
#include "base/fault.h"
#include <string.h>

static struct faulty_store *faulty_of(struct store *s)
{
	return CONTAINER_OF(s, struct faulty_store, store);
}

/* ---------------------------------------------------------------- counting */

/* Is it the one? */
static bool is_next(struct faulty_store *f, const char *call)
{
	bool is_it;

	pthread_mutex_lock(&f->mutex);
	is_it = f->calls_left > 0 && (f->only == NULL || strcmp(f->only, call) == 0) &&
		--f->calls_left == 0;
	if (is_it) {
		f->has_failed = true;
		f->failed_call = call;
	}
	pthread_mutex_unlock(&f->mutex);
	return is_it;
}

static bool must_be_done_first(const struct faulty_store *f, const char *call)
{
	if (f->when != FAULTY_BEHIND || f->code == -EBADMSG || strcmp(call, "begin") == 0)
		return false;
	return strcmp(call, "commit") != 0 || f->code == -EREMOTEIO;
}

static int fail(struct faulty_store *f)
{
	if (f->when == FAULTY_ROLLED_BACK && f->code != -EBADMSG)
		(void)f->real->ops->rollback(f->real);
	return FAULT(f->code);
}

/* ---------------------------------------------------------------- the calls */

#define CALL(name, parameters, arguments)                   \
	static int name parameters                          \
	{                                                   \
		struct faulty_store *f = faulty_of(s);      \
		bool is_it = is_next(f, #name);             \
		int result = 0;                             \
		s = f->real;                                \
		if (!is_it || must_be_done_first(f, #name)) \
			result = s->ops->name arguments;    \
		return is_it ? fail(f) : result;            \
	}

/* clang-format off */
CALL(look_for_others, (struct store *s, bool *ret), (s, ret))
CALL(load_item, (struct store *s, const char *sku, struct arena *a, struct item *ret), (s, sku, a, ret))
CALL(load_location, (struct store *s, const char *code, struct arena *a, struct location *ret), (s, code, a, ret))
CALL(load_stock, (struct store *s, int64_t item, int64_t location, struct stock *ret), (s, item, location, ret))
CALL(stated_since, (struct store *s, int64_t from, int64_t down_to, int64_t *ret), (s, from, down_to, ret))
CALL(item_has_stock, (struct store *s, int64_t id, int64_t now_ms, bool *ret), (s, id, now_ms, ret))
CALL(location_has_stock, (struct store *s, int64_t id, int64_t now_ms, bool *ret), (s, id, now_ms, ret))
CALL(note_time, (struct store *s, int64_t newest_ms, int64_t ahead_ms), (s, newest_ms, ahead_ms))
CALL(put_item, (struct store *s, struct item *item), (s, item))
CALL(delete_item, (struct store *s, int64_t id), (s, id))
CALL(put_location, (struct store *s, struct location *location), (s, location))
CALL(delete_location, (struct store *s, int64_t id), (s, id))
CALL(put_stock, (struct store *s, int64_t item, int64_t location, struct stock *row), (s, item, location, row))
CALL(add_movement, (struct store *s, const struct movement *m), (s, m))
CALL(next_fence, (struct store *s, int64_t *ret), (s, ret))
CALL(add_lease_row, (struct store *s, const struct lease_row *row, int64_t item, int64_t location), (s, row, item, location))
CALL(renew_lease, (struct store *s, int64_t fence, int64_t at_ms), (s, fence, at_ms))
CALL(delete_lease, (struct store *s, int64_t fence), (s, fence))
CALL(lease_edits, (struct store *s, int64_t *ret), (s, ret))
CALL(load_leases, (struct store *s, struct arena *a, struct lease_row **ret_rows, size_t *ret_count), (s, a, ret_rows, ret_count))
CALL(load_reservation, (struct store *s, const char *name, struct arena *a, struct reservation *ret), (s, name, a, ret))
CALL(load_reservation_by_id, (struct store *s, int64_t id, struct arena *a, struct reservation *ret), (s, id, a, ret))
CALL(add_reservation, (struct store *s, struct reservation *r, struct arena *a), (s, r, a))
CALL(resolve_reservation, (struct store *s, const struct reservation *r), (s, r))
CALL(extend_reservation, (struct store *s, const struct reservation *r), (s, r))
CALL(add_key, (struct store *s, const struct key_record *record), (s, record))
CALL(newest_key, (struct store *s, int64_t *ret), (s, ret))
CALL(delete_keys, (struct store *s, int64_t id_last, int count), (s, id_last, count))
CALL(commit, (struct store *s), (s))
CALL(check_file, (struct store *s), (s))
/* clang-format on */

static int begin(struct store *s, bool (*may_go_on)(void *), void *context, struct store_begun *ret)
{
	struct faulty_store *f = faulty_of(s);

	pthread_mutex_lock(&f->mutex);
	while (f->is_held)
		pthread_cond_wait(&f->changed, &f->mutex);
	pthread_mutex_unlock(&f->mutex);
	return is_next(f, "begin") ? FAULT(f->code)
				   : f->real->ops->begin(f->real, may_go_on, context, ret);
}

/* What cannot fail, and what is called before there is an engine, goes straight on. */
static int rollback(struct store *s)
{
	s = faulty_of(s)->real;
	return s->ops->rollback(s);
}

static void note_taken_in(struct store *s)
{
	s = faulty_of(s)->real;
	s->ops->note_taken_in(s);
}

static int each_active_reservation(struct store *s, int (*see)(void *, const struct promised_row *),
				   void *c)
{
	s = faulty_of(s)->real;
	return s->ops->each_active_reservation(s, see, c);
}

static int each_key(struct store *s, int64_t since_ms, size_t count,
		    int (*see)(void *, int64_t, uint64_t, int64_t), void *context)
{
	s = faulty_of(s)->real;
	return s->ops->each_key(s, since_ms, count, see, context);
}

static int64_t checkpoint(struct store *s)
{
	s = faulty_of(s)->real;
	return s->ops->checkpoint(s);
}

static int restart_log(struct store *s, int64_t wait_ms, bool must_truncate)
{
	s = faulty_of(s)->real;
	return s->ops->restart_log(s, wait_ms, must_truncate);
}

static int64_t wal_bytes(struct store *s)
{
	s = faulty_of(s)->real;
	return s->ops->wal_bytes(s);
}

static int load_time(struct store *s, struct stored_time *ret)
{
	s = faulty_of(s)->real;
	return s->ops->load_time(s, ret);
}

static int epoch(struct store *s, char ret[EPOCH_BYTES_MAX + 1])
{
	s = faulty_of(s)->real;
	return s->ops->epoch(s, ret);
}

static void leave_damaged(struct store *s, char ret_where[DAMAGE_BYTES])
{
	s = faulty_of(s)->real;
	s->ops->leave_damaged(s, ret_where);
}

static int open_reader(struct store *s, struct reader **ret)
{
	s = faulty_of(s)->real;
	return s->ops->open_reader(s, ret);
}

static void close_store(struct store *s)
{
	struct faulty_store *f = faulty_of(s);

	f->real->ops->close(f->real);
}

static const struct store_ops faulty_ops = {
	.name = "faulty",
	.begin = begin,
	.note_taken_in = note_taken_in,
	.look_for_others = look_for_others,
	.load_item = load_item,
	.load_location = load_location,
	.load_stock = load_stock,
	.stated_since = stated_since,
	.item_has_stock = item_has_stock,
	.location_has_stock = location_has_stock,
	.put_item = put_item,
	.delete_item = delete_item,
	.put_location = put_location,
	.delete_location = delete_location,
	.put_stock = put_stock,
	.add_movement = add_movement,
	.next_fence = next_fence,
	.add_lease_row = add_lease_row,
	.renew_lease = renew_lease,
	.delete_lease = delete_lease,
	.lease_edits = lease_edits,
	.load_leases = load_leases,
	.load_reservation = load_reservation,
	.load_reservation_by_id = load_reservation_by_id,
	.add_reservation = add_reservation,
	.resolve_reservation = resolve_reservation,
	.extend_reservation = extend_reservation,
	.each_active_reservation = each_active_reservation,
	.add_key = add_key,
	.newest_key = newest_key,
	.delete_keys = delete_keys,
	.each_key = each_key,
	.commit = commit,
	.rollback = rollback,
	.checkpoint = checkpoint,
	.restart_log = restart_log,
	.wal_bytes = wal_bytes,
	.check_file = check_file,
	.load_time = load_time,
	.note_time = note_time,
	.epoch = epoch,
	.leave_damaged = leave_damaged,
	.open_reader = open_reader,
	.close = close_store,
};

/* ---------------------------------------------------------------- the test's side */

void faulty_store_init(struct faulty_store *f, struct store *real)
{
	*f = (struct faulty_store){ .store.ops = &faulty_ops, .real = real };
	CHECK(pthread_mutex_init(&f->mutex, NULL) == 0);
	CHECK(pthread_cond_init(&f->changed, NULL) == 0);
}

void faulty_store_hold(struct faulty_store *f)
{
	pthread_mutex_lock(&f->mutex);
	f->is_held = true;
	pthread_mutex_unlock(&f->mutex);
}

void faulty_store_let_go(struct faulty_store *f)
{
	pthread_mutex_lock(&f->mutex);
	f->is_held = false;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->mutex);
}

static void arm(struct faulty_store *f, const char *only, int number, int code,
		enum faulty_when when)
{
	pthread_mutex_lock(&f->mutex);
	f->only = only;
	f->calls_left = number;
	f->code = code;
	f->when = when;
	f->has_failed = false;
	f->failed_call = "";
	pthread_mutex_unlock(&f->mutex);
}

void faulty_store_arm(struct faulty_store *f, int number, int code, enum faulty_when when)
{
	arm(f, NULL, number, code, when);
}

void faulty_store_arm_call(struct faulty_store *f, const char *call, int code,
			   enum faulty_when when)
{
	arm(f, call, 1, code, when);
}

bool faulty_store_disarm(struct faulty_store *f)
{
	bool has_failed;

	pthread_mutex_lock(&f->mutex);
	f->calls_left = 0;
	has_failed = f->has_failed;
	pthread_mutex_unlock(&f->mutex);
	return has_failed;
}
