/*
 * batch_places - who is under way: at most BATCHES_MAX, and no two with the same key.
 *
 * When all places are taken, an upload that brings next to nothing gives its own up for the one
 * that comes: sixteen clients that send a byte now and then would keep all others out otherwise.
 * Nobody is slow for his own sake: as long as there is room, an upload may take days.
 */
#include "base/clock.h"
#include "http/batch/batch.h"
#include "ops/metrics.h"
#include <string.h>

/* Batches that have given their place up, and are not gone yet, have room beside the others. */
enum { SLOTS = 2 * BATCHES_MAX };

static struct {
	struct guard guard;
	struct batch *batches[SLOTS];
	int taken_count;
	struct part_size part_size; /* of the batch that looked last */
} places;

void batches_init(void)
{
	guard_init(&places.guard, RANK_BATCHES);
}

/* ---------------------------------------------------------------- who is slow */

void batch_place_note(struct batch *b, size_t byte_count)
{
	struct batch_place *p = &b->place;
	bool is_busy = batch_is_busy(b) || b->is_ended;
	int64_t now_ns;

	p->byte_count += byte_count;
	if (is_busy == p->is_busy && p->byte_count < BATCH_SLOW_BYTES)
		return;
	now_ns = clock_monotonic_ns();
	if (p->byte_count >= BATCH_SLOW_BYTES)
		p->moved_ns = now_ns;
	else if (p->is_busy)
		p->moved_ns += now_ns - p->busy_ns; /* that was our time */
	if (p->byte_count >= BATCH_SLOW_BYTES)
		p->byte_count = 0;
	p->is_busy = is_busy;
	p->busy_ns = now_ns;
	atomic_store(&p->slow_ns, is_busy ? INT64_MAX : p->moved_ns + BATCH_SLOW_MS * NS_PER_MS);
}

/* The one that has been slow for the longest time; NULL: none is. */
static struct batch *slowest_locked(int64_t now_ns)
{
	struct batch *slowest = NULL;

	CHECK(guard_is_mine(&places.guard));
	for (size_t i = 0; i < SLOTS; i++) {
		struct batch *b = places.batches[i];

		if (b != NULL && b->place.is_held && atomic_load(&b->place.slow_ns) <= now_ns &&
		    (slowest == NULL ||
		     atomic_load(&b->place.slow_ns) < atomic_load(&slowest->place.slow_ns)))
			slowest = b;
	}
	return slowest;
}

/* ---------------------------------------------------------------- who else writes */

void batch_places_remember(const struct part_size *p)
{
	guard_lock(&places.guard);
	places.part_size = *p;
	guard_unlock(&places.guard);
}

void batch_places_recall(struct part_size *ret)
{
	guard_lock(&places.guard);
	*ret = places.part_size;
	guard_unlock(&places.guard);
}

/* ---------------------------------------------------------------- places */

static bool has_key_locked(const char *key, const struct actor *actor)
{
	for (size_t i = 0; key != NULL && i < SLOTS; i++)
		if (places.batches[i] != NULL && places.batches[i]->options.key != NULL &&
		    places.batches[i]->actor->token_id == actor->token_id &&
		    strcmp(places.batches[i]->options.key, key) == 0)
			return true;
	return false;
}

static struct batch **free_slot_locked(void)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (places.batches[i] == NULL)
			return &places.batches[i];
	return NULL;
}

/* *ret_slow: who gave its place up for that, and must be told. */
static enum outcome take_locked(struct batch *b, int64_t now_ns, struct batch **ret_slow)
{
	struct batch **slot = free_slot_locked();

	if (has_key_locked(b->options.key, b->actor))
		return OUTCOME_REQUEST_IN_FLIGHT;
	if (slot == NULL)
		return OUTCOME_TOO_MANY_BATCHES;
	if (places.taken_count == BATCHES_MAX) {
		*ret_slow = slowest_locked(now_ns);
		if (*ret_slow == NULL)
			return OUTCOME_TOO_MANY_BATCHES;
		(*ret_slow)->place.is_held = false;
		(*ret_slow)->place.is_wanted = true;
		places.taken_count--;
	}
	places.taken_count++;
	b->place.is_held = true;
	*slot = b;
	return OUTCOME_DONE;
}

static void arrive(struct parcel *p)
{
	struct batch *b = CONTAINER_OF(p, struct batch, place.parcel);

	guard_lock(&places.guard);
	b->place.is_wanted = false;
	guard_unlock(&places.guard);
	b->place.is_lost = true;
	detached_end(&b->place.work);
	if (b->x == NULL || !b->is_ended)
		b->settle(b); /* of one whose upload has ended meanwhile, its answer comes anyway */
}

enum outcome batch_place_take(struct batch *b)
{
	int64_t now_ns = clock_monotonic_ns();
	struct batch *slow = NULL;
	enum outcome o;

	b->place.parcel = (struct parcel){ .home = b->mailbox, .arrive = arrive };
	list_init(&b->place.parcel.link);
	b->place.moved_ns = now_ns;
	atomic_store(&b->place.slow_ns, now_ns + BATCH_SLOW_MS * NS_PER_MS);
	guard_lock(&places.guard);
	o = take_locked(b, now_ns, &slow);
	guard_unlock(&places.guard);

	/*
	 * The slow batch is there as long as its parcel has not come: see batch_place_give_back().
	 */
	if (slow != NULL) {
		struct list one;

		list_init(&one);
		list_push_back(&one, &slow->place.parcel.link);
		mailbox_post(slow->mailbox, &one);
		metric_add(METRIC_BATCHES_GIVEN_UP, 1);
	}
	return o;
}

bool batch_place_give_back(struct batch *b)
{
	guard_lock(&places.guard);
	bool is_wanted = b->place.is_wanted;
	for (size_t i = 0; i < SLOTS && !is_wanted; i++)
		if (places.batches[i] == b)
			places.batches[i] = NULL;
	if (b->place.is_held)
		places.taken_count--;
	b->place.is_held = false;
	guard_unlock(&places.guard);

	if (is_wanted && !detached_is_under_way(&b->place.work))
		detached_begin(b->detached, &b->place.work, NULL, INT64_MAX);
	return !is_wanted;
}
