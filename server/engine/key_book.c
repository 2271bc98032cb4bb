#include "engine/key_book.h"
#include "base/clock.h"
#include "base/fault.h"
#include "ops/metrics.h"
#include <string.h>
#include <sys/mman.h>

/* ---------------------------------------------------------------- life */

/* NULL: memory is short. Fresh pages are zero. */
static struct key_slot *slots_map(size_t slot_count)
{
	void *slots = mmap(NULL, sizeof(struct key_slot) * slot_count, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return slots == MAP_FAILED ? NULL : slots;
}

static void slots_unmap(const struct key_map *m)
{
	munmap(m->slots, sizeof(struct key_slot) * m->slot_count);
}

int key_book_init(struct key_book *b, struct guard *guard)
{
	struct key_slot *slots = slots_map(KEY_SLOTS_AT_FIRST);

	if (slots == NULL)
		return FAULT(-ENOMEM);
	b->guard = guard;
	map_init(&b->in_flight, b->buckets, LENGTH_OF(b->buckets));
	list_init(&b->unknown);
	key_map_init(&b->used, slots, KEY_SLOTS_AT_FIRST);
	b->floor = b->newest = 0;
	b->epoch_first = b->epoch_count = 0;
	b->sweep_at = 0;
	b->id_last = b->old_floor = b->deleted_floor = 0;
	b->has_old = false;
	return 0;
}

static void leave(struct key_book *b, struct work *w)
{
	if (w->is_in_flight && !w->is_unknown) {
		map_remove(&b->in_flight, &w->key_node);
		w->is_in_flight = false;
	}
}

static void let_unknown_go(struct key_book *b)
{
	struct list *link;

	while ((link = list_pop_front(&b->unknown)) != NULL) {
		struct work *w = CONTAINER_OF(link, struct work, unknown_link);

		CHECK(w->is_unknown);
		w->is_unknown = false;
		leave(b, w);
		work_release(w);
	}
}

void key_book_fini(struct key_book *b)
{
	let_unknown_go(b);
	CHECK(b->in_flight.count == 0);
	slots_unmap(&b->used);
}

/* ---------------------------------------------------------------- loops */

static struct work *in_flight_locked(const struct key_book *b, const struct work *w)
{
	struct map_node *n = map_find(&b->in_flight, w->key_hash);

	CHECK(guard_is_mine(b->guard));
	for (; n != NULL; n = map_find_next(n)) {
		struct work *other = CONTAINER_OF(n, struct work, key_node);

		if (other->command.actor->token_id == w->command.actor->token_id &&
		    strcmp(other->command.key, w->command.key) == 0)
			return other;
	}
	return NULL;
}

/* Is there a record left to compare? Another request may have used the key meanwhile. */
static bool has_record_locked(const struct key_book *b, uint64_t key_hash,
			      struct key_search *search)
{
	CHECK(guard_is_mine(b->guard));

	int64_t newest = key_map_find(&b->used, key_hash, 0);

	if (newest != search->newest)
		search->newest = search->id = newest;
	else
		search->id = key_map_find(&b->used, key_hash, search->id);
	CHECK(search->id <= b->newest);
	return search->id > b->floor;
}

/* `first` has the same key, and is in flight or unknown. */
static enum key_state compare(const struct work *first, const struct work *w)
{
	CHECK(first->is_in_flight);
	if (first->command.fingerprint != w->command.fingerprint)
		return KEY_REUSED;
	return first->is_unknown ? KEY_UNKNOWN : KEY_IN_FLIGHT;
}

enum key_state key_book_ask_locked(struct key_book *b, const struct work *w,
				   struct key_search *search, struct work **ret_first)
{
	CHECK(guard_is_mine(b->guard));

	struct work *first = in_flight_locked(b, w);

	CHECK(!w->is_in_flight);
	if (first != NULL) {
		*ret_first = first;
		return compare(first, w);
	}
	return has_record_locked(b, w->key_hash, search) ? KEY_LOOK_UP : KEY_FREE;
}

void key_book_refuse(struct work *w, enum key_state state)
{
	CHECK(state == KEY_REUSED || state == KEY_UNKNOWN);
	work_refuse(w, state == KEY_REUSED ? OUTCOME_KEY_REUSED : OUTCOME_OUTCOME_UNKNOWN);
	w->answer.is_unknown = state == KEY_UNKNOWN;
}

void key_book_enter_locked(struct key_book *b, struct work *w)
{
	CHECK(guard_is_mine(b->guard));
	CHECK(w->command.key != NULL);
	CHECK(!w->is_in_flight);
	map_insert(&b->in_flight, &w->key_node, w->key_hash);
	w->is_in_flight = true;
}

void key_book_leave_locked(struct key_book *b, struct work *w)
{
	CHECK(guard_is_mine(b->guard));
	leave(b, w);
}

int64_t key_book_count_locked(const struct key_book *b)
{
	CHECK(guard_is_mine(b->guard));
	return (int64_t)b->used.used_count;
}

bool key_book_look_up(struct key_book *b, uint64_t key_hash, struct key_search *search)
{
	guard_lock(b->guard);
	bool is_found = has_record_locked(b, key_hash, search);

	if (search->expected_hash != 0)
		key_map_expect(&b->used, search->expected_hash);
	guard_unlock(b->guard);
	return is_found;
}

enum key_state key_book_ask_unknown(struct key_book *b, const struct work *w)
{
	enum key_state state = KEY_FREE;
	struct work *first = NULL;

	guard_lock(b->guard);
	if (!list_is_empty(&b->unknown))
		first = in_flight_locked(b, w);
	if (first != NULL && first->is_unknown)
		state = compare(first, w);
	guard_unlock(b->guard);
	return state;
}

/* ---------------------------------------------------------------- the writer: using */

struct key_loader {
	struct key_book *book;
	bool has_seen_one;
};

static int see_key(void *context, int64_t id, uint64_t key_hash, int64_t at_ms)
{
	struct key_loader *l = context;
	int r = key_book_make_room(l->book, 1);

	CHECK(id > 0);
	if (r < 0)
		return r;
	if (!l->has_seen_one)
		l->book->old_floor = id - 1; /* those before are too old, or too many */
	l->has_seen_one = true;
	key_book_add(l->book, key_hash, id, at_ms);
	return 0;
}

int key_book_load(struct key_book *b, struct store_writer *w, int64_t newest_ms)
{
	struct key_loader loader = { .book = b };
	int r = w->ops->each_key(w, newest_ms - KEY_AGE_H_MAX * 3600 * MS_PER_S, KEYS_MAX, see_key,
				 &loader);

	if (r == 0 && !loader.has_seen_one)
		b->old_floor = b->id_last;
	return r;
}

int64_t key_book_give_id(struct key_book *b)
{
	CHECK(b->id_last >= b->newest);
	return ++b->id_last;
}

void key_book_pass_id(struct key_book *b, int64_t newest)
{
	if (newest > b->id_last)
		b->id_last = newest;
	CHECK(b->id_last >= b->newest);
}

/*
 * Only the writer changes the map, so it copies it without the guard: loops look things up in the
 * old one meanwhile.
 */
static int grow(struct key_book *b, size_t slot_count)
{
	struct key_slot *slots = slots_map(slot_count);
	struct key_map larger, smaller = b->used;

	CHECK(slot_count > smaller.slot_count);
	if (slots == NULL)
		return FAULT(-ENOMEM);
	key_map_init(&larger, slots, slot_count);
	key_map_copy(&larger, &smaller);
	guard_lock(b->guard);
	b->used = larger;
	guard_unlock(b->guard);
	slots_unmap(&smaller);
	return 0;
}

int key_book_make_room(struct key_book *b, int count)
{
	size_t needed = b->used.used_count + (size_t)count;
	size_t slot_count = b->used.slot_count;

	CHECK(count >= 0);
	while (needed > slot_count / 2)
		slot_count *= 2;
	return slot_count == b->used.slot_count ? 0 : grow(b, slot_count);
}

static void drop_oldest_epoch_locked(struct key_book *b)
{
	CHECK(guard_is_mine(b->guard));
	CHECK(b->epoch_count > 0);
	b->epoch_first = (b->epoch_first + 1) % KEY_EPOCHS;
	b->epoch_count--;
}

/* The minute of the newest key: the one there is, or a new one. */
static void note_epoch_locked(struct key_book *b, int64_t id, int64_t at_ms)
{
	CHECK(guard_is_mine(b->guard));

	int newest = (b->epoch_first + b->epoch_count - 1 + KEY_EPOCHS) % KEY_EPOCHS;

	if (b->epoch_count > 0 && at_ms < b->epochs[newest].at_ms + 60 * MS_PER_S) {
		b->epochs[newest].id_last = id;
		return;
	}
	if (b->epoch_count == KEY_EPOCHS)
		drop_oldest_epoch_locked(b);
	b->epochs[(b->epoch_first + b->epoch_count) % KEY_EPOCHS] =
		(struct key_epoch){ .at_ms = at_ms, .id_last = id };
	b->epoch_count++;
}

void key_book_add(struct key_book *b, uint64_t key_hash, int64_t id, int64_t at_ms)
{
	guard_lock(b->guard);
	CHECK(id > b->newest);
	/*
	 * What is forgotten leaves the map as fast as new keys come: two slots a key at half full.
	 */
	if (b->floor > 0)
		key_map_sweep(&b->used, &b->sweep_at, KEY_SWEEP_SLOTS, b->floor);
	key_map_add(&b->used, key_hash, id);
	b->newest = id;
	note_epoch_locked(b, id, at_ms);
	metric_set(METRIC_KEYS, (int64_t)b->used.used_count);
	guard_unlock(b->guard);
}

static void keep_unknown_locked(struct key_book *b, struct work *w)
{
	CHECK(guard_is_mine(b->guard));
	CHECK(!w->is_unknown);
	if (w->command.key == NULL)
		return;
	if (!w->is_in_flight) /* a line of a batch */
		key_book_enter_locked(b, w);
	w->is_unknown = true;
	list_init(&w->unknown_link);
	list_push_back(&b->unknown, &w->unknown_link);
	work_hold(w);
}

void key_book_keep_unknown(struct key_book *b, struct list *works)
{
	guard_lock(b->guard);
	LIST_EACH (it, works) {
		struct work *w = work_of_link(it);

		keep_unknown_locked(b, w);
		LIST_EACH (line, &w->lines)
			keep_unknown_locked(b, work_of_link(line));
	}
	guard_unlock(b->guard);
}

/* ---------------------------------------------------------------- the writer: forgetting */

static int64_t forget_locked(struct key_book *b, int64_t now_ms)
{
	int64_t oldest_ms = now_ms - KEY_AGE_H_MAX * 3600 * MS_PER_S;
	const struct key_epoch *oldest = &b->epochs[b->epoch_first];

	CHECK(b->floor <= b->newest || b->newest == 0);
	CHECK(guard_is_mine(b->guard));
	/* One minute's keys at most, whatever has happened to the clock. */
	if (b->epoch_count > 0 && oldest->at_ms + 60 * MS_PER_S <= oldest_ms) {
		if (b->floor < oldest->id_last)
			b->floor = oldest->id_last;
		drop_oldest_epoch_locked(b);
	}
	if (b->floor < b->newest - KEYS_MAX)
		b->floor = b->newest - KEYS_MAX;
	if (b->floor > 0)
		key_map_sweep(&b->used, &b->sweep_at, 2 * KEY_SWEEP_SLOTS, b->floor);
	metric_set(METRIC_KEYS, (int64_t)b->used.used_count);
	return b->floor;
}

void key_book_forget(struct key_book *b, int64_t now_ms)
{
	guard_lock(b->guard);
	int64_t floor = forget_locked(b, now_ms);
	guard_unlock(b->guard);
	if (floor > b->old_floor)
		b->old_floor = floor;
	b->has_old = b->old_floor > b->deleted_floor;
}

void key_book_delete_old(const struct key_book *b, int count, struct effects *effects)
{
	CHECK(b->deleted_floor <= b->old_floor);
	effects->forget_to = b->old_floor;
	effects->forget_count = count;
}

void key_book_old_are_deleted(struct key_book *b, const struct effects *effects)
{
	CHECK(effects->forgotten_count <= effects->forget_count);
	if (effects->forgotten_count == effects->forget_count)
		return;
	b->deleted_floor = effects->forget_to;
	b->has_old = false;
}
