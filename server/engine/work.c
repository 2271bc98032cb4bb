#include "engine/work.h"
#include "engine/access_book.h"
#include <stdlib.h>

/* clang-format off */
#define TO(s) (1u << WORK_##s)
static const unsigned may_move_to[WORK_STATES] = {
	[WORK_NEW]       = TO(WAITING) | TO(READY) | TO(DONE),
	[WORK_WAITING]   = TO(READY) | TO(WITHDRAWN) | TO(DONE),
	[WORK_READY]     = TO(DECIDED) | TO(WAITING) | TO(WITHDRAWN) | TO(DONE),
	[WORK_DECIDED]   = TO(DONE) | TO(READY),
	[WORK_DONE]      = 0,
	[WORK_WITHDRAWN] = 0,
};
#undef TO
/* clang-format on */

void work_move(struct work *w, enum work_state next)
{
	CHECK(may_move_to[w->state] & (1u << next));
	w->state = next;
}

const struct actor *actor_keep(struct arena *a, const struct actor *actor)
{
	void *place;

	if (actor_is_constant(actor))
		return actor;
	place = arena_alloc(a, actor_bytes(actor));
	return place != NULL ? actor_copy(actor, place) : NULL;
}

bool work_set_actor(struct work *w, const struct actor *actor, struct access_grip *grip)
{
	CHECK(w->state == WORK_NEW);
	CHECK(w->grip == NULL);
	if (grip != NULL)
		access_grip_hold(grip);
	w->grip = grip;
	w->command.actor = grip != NULL ? actor : actor_keep(&w->arena, actor);
	return w->command.actor != NULL;
}

void work_refuse(struct work *w, enum outcome o)
{
	CHECK(w->state != WORK_DONE);
	w->answer = (struct answer){ .outcome = o, .status = outcome_row(o)->http_status };
}

/* ---------------------------------------------------------------- memory */

/*
 * Writes that this thread let go, for its next ones: they are larger than what malloc keeps for a
 * thread, and would cost it a twentieth of a loop's time. The lines of a part of a batch are let go
 * together, and so many are read again; and as many connections as a loop may well have can wait
 * for theirs at once. Not under a sanitizer, which could not tell a write that was let go from one
 * in use.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { KEEPS_WRITES = false, WRITES_KEPT_MAX = 4096 };
#else
enum { KEEPS_WRITES = true, WRITES_KEPT_MAX = 4096 };
#endif

#if defined(__x86_64__) /* what gcc makes of __builtin_prefetch() there only reads */
#define PREFETCH_TO_WRITE(at) __asm__ volatile("prefetchw %0" : : "m"(*(at)))
#else
#define PREFETCH_TO_WRITE(at) __builtin_prefetch((at), 1)
#endif

struct kept_writes {
	struct work *writes[WRITES_KEPT_MAX];
	int count;
};

static _Thread_local struct kept_writes kept;
static pthread_key_t at_thread_end;
static pthread_once_t at_thread_end_once = PTHREAD_ONCE_INIT;

static void free_kept(void *kept_of_thread)
{
	struct kept_writes *k = kept_of_thread;

	while (k->count > 0)
		free(k->writes[--k->count]);
}

static void make_thread_end_key(void)
{
	CHECK(pthread_key_create(&at_thread_end, free_kept) == 0);
}

/*
 * The one that will be taken next: it was the writer's, so it lies in that core's cache, and the
 * loop would wait for each line of it that it clears. It comes while this one is filled.
 */
static void expect(struct work *w)
{
	enum { LINE_BYTES = 64, TEXTS_BYTES = 256 };
	char *end = w->arena.first + TEXTS_BYTES;

	for (char *at = (char *)w; at < end; at += LINE_BYTES)
		PREFETCH_TO_WRITE(at);
}

static struct work *take_memory(void)
{
	struct work *w;

	if (kept.count == 0)
		return malloc(sizeof(struct work));
	w = kept.writes[--kept.count];
	if (kept.count > 0)
		expect(kept.writes[kept.count - 1]);
	return w;
}

static void give_memory_back(struct work *w)
{
	bool is_kept = KEEPS_WRITES && kept.count < WRITES_KEPT_MAX;

	if (is_kept && kept.count == 0) {
		CHECK(pthread_once(&at_thread_end_once, make_thread_end_key) == 0);
		is_kept = pthread_setspecific(at_thread_end, &kept) == 0;
	}
	if (is_kept)
		kept.writes[kept.count++] = w;
	else
		free(w);
}

/* ---------------------------------------------------------------- life */

struct work *work_create(void)
{
	struct work *w = take_memory();

	if (w == NULL)
		return NULL;
	/*
	 * The arena's first block stays as malloc left it: clearing it would cost more than the
	 * rest.
	 */
	w->command = (struct command){ 0 };
	w->state = WORK_NEW;
	w->claim = (struct claim){ .state = CLAIM_OUT };
	list_init(&w->work_link);
	w->key_node = (struct map_node){ 0 };
	w->is_in_flight = false;
	w->is_unknown = false;
	w->is_recalled = w->is_overdue = false;
	w->search = (struct key_search){ 0 };
	w->operation = NULL;
	list_init(&w->waiters);
	w->waiter_count = 0;
	w->answer = (struct answer){ 0 };
	w->cost = (struct work_cost){ 0 };
	w->decide_by_ns = 0;
	w->key_hash = 0;
	w->rests_on_group = false;
	w->blocked_by[0] = '\0';
	w->is_decided = w->meets_damage = w->changes_lease = false;
	w->lease = NULL;
	w->ahead_count = 0;
	w->key_id = 0;
	atomic_init(&w->holder_count, 1);
	list_init(&w->lines);
	w->line_count = 0;
	w->claimed_count = 0;
	w->is_atomic = false;
	w->avoids_leases = false;
	w->grip = NULL;
	arena_init(&w->arena);
	return w;
}

struct work *work_release(struct work *w)
{
	if (w == NULL)
		return NULL;

	int before = atomic_fetch_sub_explicit(&w->holder_count, 1, memory_order_acq_rel);

	CHECK(before > 0);
	if (before > 1)
		return NULL;
	CHECK(list_is_empty(&w->waiters));
	CHECK(!list_is_linked(&w->work_link));
	CHECK(w->claim.state == CLAIM_OUT);
	CHECK(w->lease == NULL);
	CHECK(list_is_empty(&w->lines));
	if (w->grip != NULL)
		access_grip_release(w->grip);
	arena_fini(&w->arena);
	give_memory_back(w);
	return NULL;
}
