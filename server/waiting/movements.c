#include "waiting/movements.h"
#include "base/hash.h"
#include "ops/metrics.h"
#include "waiting/waits.h"
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

/* Actor and reason. */
static bool words_fit(const struct subscriber_filter *f, const struct movement *m)
{
	const char *reason = m->reason != NULL ? m->reason : movement_kind_text(m->kind);

	return (f->actor == NULL || (m->actor != NULL && strcmp(f->actor, m->actor) == 0)) &&
	       (f->reason == NULL || strcmp(f->reason, reason) == 0);
}

bool subscriber_wants(const struct subscriber *s, const struct movement_view *v)
{
	const struct subscriber_filter *f = &s->filter;

	return v->movement.seq > s->after && (f->sku == NULL || strcmp(f->sku, v->sku.text) == 0) &&
	       (f->location == NULL || strcmp(f->location, v->location.text) == 0) &&
	       movement_kinds_have(f->kinds, v->movement.kind) && words_fit(f, &v->movement);
}

struct movement_query subscriber_query(const struct subscriber *s, int limit)
{
	return (struct movement_query){ .sku = s->filter.sku,
					.location = s->filter.location,
					.actor = s->filter.actor,
					.reason = s->filter.reason,
					.kinds = s->filter.kinds,
					.since_ms = INT64_MIN,
					.until_ms = INT64_MAX,
					.after_seq = s->after,
					.limit = limit };
}

/* ---------------------------------------------------------------- one of them */

void subscriber_begin(struct subscriber *s, struct exchange *x, int64_t after)
{
	struct subscribers *all = &waits_of(x)->subscribers;

	s->x = x;
	s->after = after;
	s->all = all;
	list_init(&s->link);
	if (all->count++ == 0)
		feed_listen(all->feed, &all->listener);
	metric_add(METRIC_SUBSCRIBERS, 1);
}

void subscriber_end(struct subscriber *s)
{
	struct subscribers *all = s->all;

	if (s->is_waiting)
		subscriber_leave(s);
	list_remove(&s->link);
	if (--all->count == 0)
		feed_unlisten(all->feed, &all->listener);
	metric_add(METRIC_SUBSCRIBERS, -1);
}

void subscriber_wait(struct subscriber *s)
{
	struct subscribers *all = s->all;
	const struct subscriber_filter *f = &s->filter;

	CHECK(!list_is_linked(&s->link));
	s->is_waiting = true;
	if (list_is_empty(&all->waiting))
		all->seen_seq = s->after;
	list_push_back(&all->waiting, &s->link);
	map_insert(&all->map, &s->node, filter_key(all, f->sku, f->location));
	all->filter_counts[filter_index(f)]++;
}

void subscriber_leave(struct subscriber *s)
{
	struct subscribers *all = s->all;

	CHECK(s->is_waiting);
	s->is_waiting = false;
	if (s->after < all->seen_seq)
		s->after = all->seen_seq;
	list_remove(&s->link);
	map_remove(&all->map, &s->node);
	all->filter_counts[filter_index(&s->filter)]--;
}

void subscriber_due(struct subscriber *s, int64_t at_ns)
{
	struct subscribers *all = s->all;

	if (s->is_waiting)
		subscriber_leave(s);
	else if (list_is_linked(&s->link))
		list_remove(&s->link);
	s->due_ns = at_ns;
	list_push_back(&all->due, &s->link);
	if (at_ns < all->serve_ns)
		all->serve_ns = at_ns;
}

/* ---------------------------------------------------------------- a parked request */

static void expire(struct exchange *x)
{
	struct subscriber *s = x->waiting.own;

	if (s->is_waiting)
		subscriber_leave(s);
	s->late(x);
}

static bool leave(struct exchange *x)
{
	subscriber_end(x->waiting.own);
	return true;
}

static void hurry(struct exchange *x)
{
	subscriber_leave(x->waiting.own);
	exchange_expire(x);
}

static const struct waiting_kind kind = { .expire = expire, .leave = leave, .hurry = hurry };

void subscriber_park(struct subscriber *s, exchange_continue *resume, exchange_continue *late,
		     int64_t until_ns)
{
	s->late = late;
	s->x->waiting.own = s;
	exchange_park(s->x, &kind, resume, until_ns);
	subscriber_wait(s);
}

/* Where its deadline was faster its handler is about to be told so. */
static void wake(struct subscriber *s)
{
	if (s->serve != NULL) {
		subscriber_due(s, s->due_ns);
	} else if (exchange_is_parked(s->x)) {
		subscriber_leave(s);
		exchange_return(s->x);
	}
}

/* ---------------------------------------------------------------- all of them */

/* Resumes those who wait under these names and want it. */
static void offer_under(struct subscribers *all, const struct movement_view *v, const char *sku,
			const char *location)
{
	struct map_node *n = map_find(&all->map, filter_key(all, sku, location));

	while (n != NULL) {
		struct subscriber *s = CONTAINER_OF(n, struct subscriber, node);

		n = map_find_next(n);
		if (subscriber_wants(s, v))
			wake(s);
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

/* Subscribers must find out for themselves: what they have missed is in the ledger only. */
static void wake_all(struct subscribers *all)
{
	LIST_EACH_SAFE (it, &all->waiting)
		wake(subscriber_of(it));
}

static void look(struct duty *duty)
{
	struct subscribers *all = CONTAINER_OF(duty, struct subscribers, duty);
	enum feed_take found = FEED_TAKEN;

	while (found == FEED_TAKEN && !list_is_empty(&all->waiting)) {
		struct feed_stretch *b;

		found = feed_take(all->feed, all->seen_seq, &b);
		if (found != FEED_TAKEN)
			break;
		for (size_t i = 0; i < b->count; i++)
			if (b->movements[i].movement.seq > all->seen_seq)
				offer(all, &b->movements[i]);
		feed_stretch_release(b);
	}
	if (found == FEED_BEHIND)
		wake_all(all);
}

static int64_t due(const struct duty *d)
{
	return CONTAINER_OF(d, const struct subscribers, duty)->serve_ns;
}

/* Streams only. Streams whose time has not come stay in the list. */
static void serve(struct duty *duty, int64_t now_ns)
{
	struct subscribers *all = CONTAINER_OF(duty, struct subscribers, duty);
	struct list found;
	struct list *link;

	if (now_ns < all->serve_ns)
		return;
	all->serve_ns = INT64_MAX;
	list_init(&found);
	list_splice_back(&found, &all->due);
	while ((link = list_pop_front(&found)) != NULL) {
		struct subscriber *s = subscriber_of(link);

		if (s->due_ns <= now_ns)
			s->serve(s);
		else
			subscriber_due(s, s->due_ns);
	}
}

static const struct duty_kind duty_kind = { .due = due, .serve = serve, .look = look };

void subscribers_init(struct subscribers *all, struct host *h)
{
	*all = (struct subscribers){ .feed = service_feed(h->service),
				     .seed = service_row_seed(h->service),
				     .listener = { .home = &h->mailbox,
						   .is_for_movements = true } };
	list_init(&all->waiting);
	list_init(&all->due);
	all->serve_ns = INT64_MAX;
	map_init(&all->map, all->buckets, SUBSCRIBER_BUCKETS);
	host_take_on(h, &all->duty, &duty_kind);
}
