#include "engine/feed.h"
#include "base/clock.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- stretches */

static struct feed_stretch *stretch_create(void)
{
	struct feed_stretch *b = malloc(sizeof(*b));

	if (b == NULL)
		return NULL;
	b->movements = NULL;
	b->count = b->capacity = 0;
	arena_init(&b->texts);
	atomic_init(&b->holder_count, 1);
	return b;
}

static bool stretch_reserve(struct feed_stretch *b)
{
	size_t capacity = b->capacity > 0 ? 2 * b->capacity : 16;
	struct movement_view *more;

	CHECK(b->count <= b->capacity);
	if (b->count < b->capacity)
		return true;
	more = realloc(b->movements, sizeof(more[0]) * capacity);
	if (more == NULL)
		return false;
	b->movements = more;
	b->capacity = capacity;
	return true;
}

/* False: memory is short. */
static bool copy_text(struct feed_stretch *b, const char **text)
{
	CHECK(b->capacity > 0);
	if (*text == NULL)
		return true;
	*text = arena_copy(&b->texts, *text, strlen(*text));
	return *text != NULL;
}

static bool stretch_add(struct feed_stretch *b, const struct code *sku, const struct code *location,
			const struct movement *m)
{
	struct movement_view *v;

	if (!stretch_reserve(b))
		return false;
	v = &b->movements[b->count];
	*v = (struct movement_view){ .sku = *sku, .location = *location, .movement = *m };
	if (!copy_text(b, &v->movement.reason) || !copy_text(b, &v->movement.reference) ||
	    !copy_text(b, &v->movement.reservation) || !copy_text(b, &v->movement.request_id) ||
	    !copy_text(b, &v->movement.actor) || !copy_text(b, &v->movement.note))
		return false;
	b->count++;
	return true;
}

static int64_t stretch_first(const struct feed_stretch *b)
{
	CHECK(b->count > 0);
	return b->movements[0].movement.seq;
}

int64_t feed_stretch_last(const struct feed_stretch *b)
{
	CHECK(b->count > 0);
	return b->movements[b->count - 1].movement.seq;
}

void feed_stretch_release(struct feed_stretch *b)
{
	if (b == NULL || atomic_fetch_sub_explicit(&b->holder_count, 1, memory_order_acq_rel) > 1)
		return;
	arena_fini(&b->texts);
	free(b->movements);
	free(b);
}

/* ---------------------------------------------------------------- the ring */

static struct feed_stretch *stretch_at_locked(const struct feed *f, size_t index)
{
	CHECK(guard_is_mine(&f->guard));
	return f->stretches[(f->first + index) % FEED_STRETCHES_MAX];
}

static void drop_oldest_locked(struct feed *f)
{
	CHECK(guard_is_mine(&f->guard));

	struct feed_stretch *b = f->stretches[f->first];

	CHECK(f->count > 0);
	CHECK(b != NULL);
	f->first = (f->first + 1) % FEED_STRETCHES_MAX;
	f->count--;
	f->movement_count -= b->count;
	feed_stretch_release(b);
}

static void drop_all_locked(struct feed *f)
{
	CHECK(guard_is_mine(&f->guard));
	while (f->count > 0)
		drop_oldest_locked(f);
	CHECK(f->movement_count == 0);
}

static void append_locked(struct feed *f, struct feed_stretch *b)
{
	CHECK(guard_is_mine(&f->guard));
	while (f->count == FEED_STRETCHES_MAX ||
	       (f->count > 0 && f->movement_count + b->count > FEED_MOVEMENTS_MAX))
		drop_oldest_locked(f);
	f->stretches[(f->first + f->count) % FEED_STRETCHES_MAX] = b;
	f->count++;
	f->movement_count += b->count;
}

static bool is_wanted_locked(const struct feed *f, int64_t now_ns)
{
	CHECK(guard_is_mine(&f->guard));
	return f->taker_count > 0 || now_ns < f->wanted_until_ns;
}

void feed_init(struct feed *f)
{
	*f = (struct feed){ 0 };
	guard_init(&f->guard, RANK_FEED);
	list_init(&f->listeners);
}

void feed_fini(struct feed *f)
{
	CHECK(list_is_empty(&f->listeners));
	feed_discard(f);
	guard_lock(&f->guard);
	drop_all_locked(f);
	guard_unlock(&f->guard);
	guard_fini(&f->guard);
}

/* ---------------------------------------------------------------- the writer */

bool feed_begin(struct feed *f, int64_t now_ns)
{
	CHECK(f->open == NULL);
	guard_lock(&f->guard);
	f->is_collecting = is_wanted_locked(f, now_ns);
	if (!f->is_collecting)
		drop_all_locked(f);
	bool is_heard = f->is_collecting || !list_is_empty(&f->listeners);
	guard_unlock(&f->guard);
	return is_heard;
}

static bool follows_in_stretch(const struct feed_stretch *b, int64_t seq)
{
	return b->count == 0 || seq == feed_stretch_last(b) + 1;
}

void feed_add(struct feed *f, const struct code *sku, const struct code *location,
	      const struct movement *m)
{
	if (!f->is_collecting)
		return;
	if (f->open == NULL)
		f->open = stretch_create();
	if (f->open != NULL && follows_in_stretch(f->open, m->seq) &&
	    stretch_add(f->open, sku, location, m))
		return;
	feed_discard(f);
	f->is_collecting = false; /* the rest of the group would begin behind a gap */
}

/* Does it follow what is in the ring, without a gap, up to seq? */
static bool follows_locked(const struct feed *f, const struct feed_stretch *b, int64_t seq)
{
	CHECK(guard_is_mine(&f->guard));
	return b != NULL && stretch_first(b) == f->head_seq + 1 && feed_stretch_last(b) == seq;
}

void feed_publish(struct feed *f, int64_t seq)
{
	guard_lock(&f->guard);
	f->has_news = f->has_news || seq != f->head_seq;
	if (follows_locked(f, f->open, seq)) {
		append_locked(f, f->open);
		f->open = NULL;
	} else if (seq != f->head_seq) {
		drop_all_locked(f);
	}
	f->head_seq = seq;
	guard_unlock(&f->guard);
	feed_discard(f);
}

void feed_discard(struct feed *f)
{
	feed_stretch_release(f->open);
	f->open = NULL;
}

void feed_ring(struct feed *f)
{
	if (!f->has_news)
		return;
	f->has_news = false;
	guard_lock(&f->guard);
	LIST_EACH (it, &f->listeners)
		mailbox_ring(CONTAINER_OF(it, struct feed_listener, link)->home);
	guard_unlock(&f->guard);
}

/* ---------------------------------------------------------------- everybody */

void feed_listen(struct feed *f, struct feed_listener *l)
{
	CHECK(l->home != NULL);
	guard_lock(&f->guard);
	list_init(&l->link);
	list_push_back(&f->listeners, &l->link);
	f->taker_count += l->is_for_movements;
	guard_unlock(&f->guard);
}

void feed_unlisten(struct feed *f, struct feed_listener *l)
{
	guard_lock(&f->guard);
	CHECK(list_is_linked(&l->link));
	list_remove(&l->link);
	f->taker_count -= l->is_for_movements;
	if (l->is_for_movements)
		f->wanted_until_ns = clock_monotonic_ns() + FEED_LINGER_S * NS_PER_S;
	guard_unlock(&f->guard);
}

/* The oldest stretch that ends behind `after`; there is one. */
static struct feed_stretch *stretch_behind_locked(const struct feed *f, int64_t after)
{
	CHECK(guard_is_mine(&f->guard));

	size_t low = 0, high = f->count - 1;

	CHECK(f->count > 0);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (feed_stretch_last(stretch_at_locked(f, middle)) > after)
			high = middle;
		else
			low = middle + 1;
	}
	return stretch_at_locked(f, low);
}

static enum feed_take take_locked(const struct feed *f, int64_t after, struct feed_stretch **ret)
{
	CHECK(guard_is_mine(&f->guard));
	if (after >= f->head_seq)
		return FEED_AT_HEAD;
	if (f->count == 0 || after + 1 < stretch_first(stretch_at_locked(f, 0)))
		return FEED_BEHIND;
	*ret = stretch_behind_locked(f, after);
	CHECK(feed_stretch_last(*ret) > after);
	atomic_fetch_add_explicit(&(*ret)->holder_count, 1, memory_order_relaxed);
	return FEED_TAKEN;
}

enum feed_take feed_take(struct feed *f, int64_t after, struct feed_stretch **ret)
{
	guard_lock(&f->guard);
	enum feed_take result = take_locked(f, after, ret);
	guard_unlock(&f->guard);
	return result;
}
