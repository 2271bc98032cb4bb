#include "http/subscribers.h"
#include "base/hash.h"
#include "http/loop_daemon.h"
#include "ops/metrics.h"
#include <string.h>

static struct subscriber *subscriber_of(struct list *link)
{
	return CONTAINER_OF(link, struct subscriber, link);
}

/* ---------------------------------------------------------------- filters */

/* Which names it filters by, as an index of filter_counts. */
static int filter_index(const struct subscriber_filter *f)
{
	return (f->sku != NULL ? 1 : 0) + (f->location != NULL ? 2 : 0);
}

static uint64_t filter_key(const struct subscribers *all, const char *sku, const char *location)
{
	return hash_pair(sku != NULL ? sku : "", location != NULL ? location : "", all->seed);
}

bool subscriber_wants(const struct subscriber *s, const struct movement_view *v)
{
	const struct subscriber_filter *f = &s->filter;

	return v->movement.seq > s->after &&
	       (f->sku == NULL || strcmp(f->sku, v->sku.text) == 0) &&
	       (f->location == NULL || strcmp(f->location, v->location.text) == 0) &&
	       (f->kind == MOVEMENT_KINDS || f->kind == v->movement.kind);
}

/* ---------------------------------------------------------------- one of them */

void subscriber_begin(struct subscriber *s, struct subscribers *all)
{
	s->all = all;
	list_init(&s->link);
	if (all->count++ == 0)
		feed_listen(all->feed, &all->listener);
	metric_add(METRIC_SUBSCRIBERS, 1);
}

void subscriber_end(struct subscriber *s)
{
	struct subscribers *all = s->all;

	if (subscriber_is_waiting(s))
		subscriber_leave(s);
	if (--all->count == 0)
		feed_unlisten(all->feed, &all->listener);
	metric_add(METRIC_SUBSCRIBERS, -1);
}

bool subscriber_is_waiting(const struct subscriber *s)
{
	return list_is_linked(&s->link);
}

void subscriber_wait(struct subscriber *s)
{
	struct subscribers *all = s->all;
	const struct subscriber_filter *f = &s->filter;

	CHECK(!subscriber_is_waiting(s));
	if (list_is_empty(&all->waiting))
		all->seen_seq = s->after;
	list_push_back(&all->waiting, &s->link);
	map_insert(&all->map, &s->node, filter_key(all, f->sku, f->location));
	all->filter_counts[filter_index(f)]++;
}

void subscriber_leave(struct subscriber *s)
{
	struct subscribers *all = s->all;

	CHECK(subscriber_is_waiting(s));
	if (s->after < all->seen_seq)
		s->after = all->seen_seq;
	list_remove(&s->link);
	map_remove(&all->map, &s->node);
	all->filter_counts[filter_index(&s->filter)]--;
}

static void resume(struct subscriber *s, enum request_state state)
{
	struct request *r = request_of(s->x);

	if (r->state != REQUEST_PARKED)
		return; /* its deadline was faster, and its handler is about to be told so */
	subscriber_leave(s);
	request_move(r, state);
	loop_daemon_resume(r);
}

/* ---------------------------------------------------------------- all of them */

void subscribers_init(struct subscribers *all, struct service *s, struct mailbox *home)
{
	*all = (struct subscribers){ .feed = service_feed(s),
				     .seed = service_row_seed(s),
				     .listener = { .home = home } };
	list_init(&all->waiting);
	map_init(&all->map, all->buckets, SUBSCRIBER_BUCKETS);
}

/* Resumes those who wait under these names and want it. */
static void offer_under(struct subscribers *all, const struct movement_view *v, const char *sku,
			const char *location)
{
	struct map_node *n = map_find(&all->map, filter_key(all, sku, location));

	while (n != NULL) {
		struct subscriber *s = CONTAINER_OF(n, struct subscriber, node);

		n = map_find_next(n);
		if (subscriber_wants(s, v))
			resume(s, REQUEST_RETURNED);
	}
}

static void offer(struct subscribers *all, const struct movement_view *v)
{
	for (int i = 0; i < SUBSCRIBER_FILTERS; i++)
		if (all->filter_counts[i] > 0)
			offer_under(all, v, i & 1 ? v->sku.text : NULL,
				    i & 2 ? v->location.text : NULL);
	all->seen_seq = v->movement.seq;
}

/* They must find out for themselves: what they have missed is in the ledger only. */
static void resume_all(struct subscribers *all, enum request_state state)
{
	LIST_EACH_SAFE (it, &all->waiting)
		resume(subscriber_of(it), state);
}

void subscribers_look(struct subscribers *all)
{
	enum feed_take found = FEED_TAKEN;

	while (found == FEED_TAKEN && !list_is_empty(&all->waiting)) {
		struct feed_batch *b;

		found = feed_take(all->feed, all->seen_seq, &b);
		if (found != FEED_TAKEN)
			break;
		for (size_t i = 0; i < b->count; i++)
			if (b->movements[i].movement.seq > all->seen_seq)
				offer(all, &b->movements[i]);
		feed_batch_release(b);
	}
	if (found == FEED_BEHIND)
		resume_all(all, REQUEST_RETURNED);
}

void subscribers_expire(struct subscribers *all)
{
	resume_all(all, REQUEST_EXPIRED);
}
