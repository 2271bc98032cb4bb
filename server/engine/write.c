#include "engine/write.h"
#include <stdlib.h>

/* clang-format off */
#define TO(s) (1u << WRITE_##s)
static const unsigned may_move_to[WRITE_STATES] = {
	[WRITE_NEW]       = TO(WAITING) | TO(READY) | TO(DONE),
	[WRITE_WAITING]   = TO(READY) | TO(WITHDRAWN) | TO(DONE),
	[WRITE_READY]     = TO(DECIDED) | TO(WITHDRAWN) | TO(DONE),
	[WRITE_DECIDED]   = TO(DONE),
	[WRITE_DONE]      = 0,
	[WRITE_WITHDRAWN] = 0,
};
#undef TO
/* clang-format on */

void write_move(struct write *w, enum write_state next)
{
	CHECK(may_move_to[w->state] & (1u << next));
	w->state = next;
}

struct write *write_create(void)
{
	struct write *w = malloc(sizeof(*w));

	if (w == NULL)
		return NULL;
	/* The arena's first block stays as malloc left it: clearing it would cost more than the
	 * rest. */
	w->command = (struct command){ 0 };
	w->state = WRITE_NEW;
	w->claim = (struct claim){ .state = CLAIM_OUT };
	list_init(&w->work_link);
	w->key_node = (struct map_node){ 0 };
	w->is_in_flight = false;
	list_init(&w->waiters);
	w->waiter_count = 0;
	w->answer = (struct answer){ 0 };
	w->cost = (struct write_cost){ 0 };
	w->decide_by_ns = 0;
	w->key_hash = 0;
	w->is_late = false;
	w->blocked_by[0] = '\0';
	w->cached_rows[0] = NULL;
	w->cached_rows[1] = NULL;
	w->lease = NULL;
	w->key_id = 0;
	atomic_init(&w->holder_count, 1);
	arena_init(&w->arena);
	return w;
}

struct write *write_release(struct write *w)
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
	arena_fini(&w->arena);
	free(w);
	return NULL;
}
