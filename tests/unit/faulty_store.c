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
		(void)f->real_writer->ops->abandon(f->real_writer, false);
	return FAULT(f->code);
}

/* ---------------------------------------------------------------- calls of one piece */

#define CALL(type, name, parameters, arguments)                                        \
	static type name parameters                                                    \
	{                                                                              \
		struct faulty_store *f = CONTAINER_OF(w, struct faulty_store, writer); \
		bool is_it = is_next(f, #name);                                        \
		type result = 0;                                                       \
		w = f->real_writer;                                                    \
		if (!is_it || must_be_done_first(f, #name))                            \
			result = w->ops->name arguments;                               \
		return is_it ? fail(f) : result;                                       \
	}

/* What cannot fail, and what is called before there is an engine, goes straight on. */
#define SAFE_CALL(type, name, parameters, arguments)                           \
	static type name parameters                                            \
	{                                                                      \
		w = CONTAINER_OF(w, struct faulty_store, writer)->real_writer; \
		return w->ops->name arguments;                                 \
	}

/* clang-format off */
CALL(int, news, (struct store_writer *w, struct arena *a, struct news *ret), (w, a, ret))
CALL(int, has_news, (struct store_writer *w, bool *ret), (w, ret))
CALL(int, number, (struct store_writer *w, struct effects *e), (w, e))
CALL(int, commit, (struct store_writer *w, bool *ret), (w, ret))
CALL(int, check, (struct store_writer *w), (w))
SAFE_CALL(void, news_taken, (struct store_writer *w), (w))
SAFE_CALL(void, promised, (struct store_writer *w, int64_t now_ms, struct promised *ret), (w, now_ms, ret))
SAFE_CALL(int, abandon, (struct store_writer *w, bool had_nothing), (w, had_nothing))
SAFE_CALL(int, settle, (struct store_writer *w, bool *ret), (w, ret))
SAFE_CALL(int, flush, (struct store_writer *w, int64_t *ret), (w, ret))
SAFE_CALL(int64_t, tend, (struct store_writer *w, enum tending how, int64_t wait_ms), (w, how, wait_ms))
SAFE_CALL(int64_t, log_bytes, (struct store_writer *w), (w))
/* clang-format on */

static struct faulty_store *faulty_of_writer(struct store_writer *w)
{
	return CONTAINER_OF(w, struct faulty_store, writer);
}

static int begin(struct store_writer *w, const struct patience *patience, struct group_begun *ret)
{
	struct faulty_store *f = faulty_of_writer(w);

	pthread_mutex_lock(&f->mutex);
	while (f->is_held)
		pthread_cond_wait(&f->changed, &f->mutex);
	pthread_mutex_unlock(&f->mutex);
	return is_next(f, "begin") ? FAULT(f->code)
				   : f->real_writer->ops->begin(f->real_writer, patience, ret);
}

static int each_key(struct store_writer *w, int64_t since_ms, size_t count,
		    int (*see)(void *, int64_t, uint64_t, int64_t), void *context)
{
	w = faulty_of_writer(w)->real_writer;
	return w->ops->each_key(w, since_ms, count, see, context);
}

/* It tells how many the store has looked at in one go. */
static int sweep(struct store_writer *w, int64_t now_ms, struct found *found)
{
	struct faulty_store *f = faulty_of_writer(w);
	struct promised before, after;
	bool is_it = is_next(f, "sweep");
	int r = 0;

	w = f->real_writer;
	if (is_it && !must_be_done_first(f, "sweep"))
		return f->code == -EBADMSG ? w->ops->sweep(w, now_ms, found) : fail(f);
	w->ops->promised(w, now_ms, &before);
	r = w->ops->sweep(w, now_ms, found);
	w->ops->promised(w, now_ms, &after);
	if (before.overdue_count - after.overdue_count > f->swept_max)
		f->swept_max = before.overdue_count - after.overdue_count;
	return is_it ? fail(f) : r;
}

/* ---------------------------------------------------------------- wants and effects */

/* The index of the one that fails, counted over all of them; -1: none. */
static int failing(struct faulty_store *f, const char *call, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_next(f, call))
			return (int)i;
	return -1;
}

/* Its record makes no sense: the store leaves it out. What the group has changed is in memory. */
static void damage(struct found *found, const struct want *want, size_t index)
{
	struct row_set *rows = found->rows;
	struct found_reservation *reservation;
	struct found_row *row;

	if (index < want->rows.count) {
		row = row_set_row(rows, want->rows.all[index]);
		if (row != NULL && !list_is_linked(&row->dirty_link))
			map_remove(&rows->rows, &row->node);
		return;
	}
	index -= want->rows.count;
	if (index < want->reservations.count) {
		reservation = found_reservation_of(found, want->reservations.all[index].name);
		reservation->is_damaged =
			reservation->is_damaged ||
			(reservation->is_there && reservation->reservation.id > 0);
		return;
	}
	index -= want->reservations.count;
	if (index < want->items.count) {
		struct found_item *item = row_set_item(rows, want->items.all[index].name);

		if (item != NULL && item->changed_group != want->group)
			item->full = NULL;
		return;
	}
	index -= want->items.count;
	if (index < want->locations.count) {
		struct found_location *location =
			row_set_location(rows, want->locations.all[index].name);

		if (location != NULL && location->changed_group != want->group)
			location->full = NULL;
		return;
	}
	index -= want->locations.count;
	row = row_set_row(rows, want->statements.all[index].row);
	if (row != NULL)
		row->damaged_group = want->group;
}

static int lock(struct store_writer *w, const struct want *want, int64_t wait_ms,
		struct found *found)
{
	struct faulty_store *f = faulty_of_writer(w);
	size_t count = want->rows.count + want->reservations.count + want->items.count +
		       want->locations.count + want->statements.count;
	int index = failing(f, "lock", count);
	int r = 0;

	w = f->real_writer;
	if (index < 0 || f->code == -EBADMSG || must_be_done_first(f, "lock"))
		r = w->ops->lock(w, want, wait_ms, found);
	if (index >= 0 && r == 0 && f->code == -EBADMSG)
		damage(found, want, (size_t)index);
	return index < 0 || r < 0 || f->code == -EBADMSG ? r : fail(f);
}

/* Those before the index alone: of `count`, of which *index are left for the next ones. */
static size_t part_of(size_t count, size_t *index)
{
	size_t part = count < *index ? count : *index;

	*index -= part;
	return part;
}

/* What of it comes before the one that fails. */
static struct effects effects_before(const struct effects *e, size_t index)
{
	struct effects part = *e;

	part.items.count = part_of(e->items.count, &index);
	part.locations.count = part_of(e->locations.count, &index);
	part.leases.count = part_of(e->leases.count, &index);
	part.reservations.count = part_of(e->reservations.count, &index);
	part.movements.count = part_of(e->movements.count, &index);
	part.keys.count = part_of(e->keys.count, &index);
	part.forget_count = index > 0 ? e->forget_count : 0;
	part.must_note_time = false;
	return part;
}

/* Whose it is; NULL: nobody's alone. */
static void *owner_of(const struct effects *e, size_t index)
{
	if (index < e->items.count)
		return e->items.all[index].owner;
	index -= e->items.count;
	if (index < e->locations.count)
		return e->locations.all[index].owner;
	index -= e->locations.count;
	if (index < e->leases.count)
		return e->leases.all[index].owner;
	index -= e->leases.count;
	return index < e->reservations.count ? e->reservations.all[index].owner : NULL;
}

static int write_effects(struct store_writer *w, struct effects *effects)
{
	struct faulty_store *f = faulty_of_writer(w);
	size_t count = effects->items.count + effects->locations.count + effects->leases.count +
		       effects->reservations.count + effects->movements.count +
		       effects->keys.count + (effects->forget_count > 0) + effects->must_note_time;
	int index = failing(f, "write", count);
	struct effects part;

	w = f->real_writer;
	if (index < 0)
		return w->ops->write(w, effects);
	if (f->when == FAULTY_BEHIND && effects->is_numbered) {
		part = effects_before(effects, (size_t)index);
		(void)w->ops->write(w, &part);
	}
	effects->culprit = f->code == -EBADMSG ? owner_of(effects, (size_t)index) : NULL;
	return fail(f);
}

static void close_writer(struct store_writer *w)
{
	struct faulty_store *f = faulty_of_writer(w);

	f->real_writer->ops->close(f->real_writer);
	f->real_writer = NULL;
}

static const struct writer_ops faulty_writer_ops = {
	.name = "faulty",
	.joins_groups = true,
	.numbers_at_begin = true,
	.leases_are_told = true,
	.keys_are_told = true,
	.begin = begin,
	.news = news,
	.news_taken = news_taken,
	.has_news = has_news,
	.lock = lock,
	.sweep = sweep,
	.promised = promised,
	.number = number,
	.write = write_effects,
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

/* ---------------------------------------------------------------- the store */

static int open_writer(struct store *s, uint64_t seed, struct store_writer **ret)
{
	struct faulty_store *f = faulty_of(s);

	*ret = &f->writer;
	return f->real->ops->open_writer(f->real, seed, &f->real_writer);
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
	.reads_inline = true,
	.load_time = load_time,
	.epoch = epoch,
	.leave_damaged = leave_damaged,
	.open_reader = open_reader,
	.open_writer = open_writer,
	.close = close_store,
};

/* ---------------------------------------------------------------- the test's side */

void faulty_store_init(struct faulty_store *f, struct store *real)
{
	*f = (struct faulty_store){ .store.ops = &faulty_ops,
				    .writer.ops = &faulty_writer_ops,
				    .real = real };
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
