/*
 * movements - the requests of one loop that wait for movements.
 *
 *     subscriber_begin(&s, x, &filter, after);  // from now on the loop is told of news
 *     ...look at feed and ledger; nothing there behind s->after...
 *     subscriber_park(&s, resume, late, until_ns);   // resume runs when something fits
 *     subscriber_end(&s);                       // before the answer
 *
 * A stream has `serve` instead of being resumed: it is called in turn, while the request stays
 * parked, and calls subscriber_wait() when it has sent all there is, or subscriber_due().
 *
 * However many there are, a movement costs a loop the same: waiting ones stand in a table under
 * what they asked for, and each movement is looked up there by its row, its item, its location.
 * What nobody asked for wakes nobody.
 *
 * Threads: the loop's. Ownership: the request's arena.
 */
#pragma once
#include "base/map.h"
#include "engine/feed.h"
#include "exchange/duty.h"
#include "exchange/exchange.h"

enum { SUBSCRIBER_BUCKETS = 1024, SUBSCRIBER_FILTERS = 4 };

/* What it wants to see; NULL and 0: all. */
struct subscriber_filter {
	const char *sku;
	const char *location;
	const char *actor;
	const char *reason; /* of those that have none of their own the word of their kind */
	unsigned kinds;     /* a set, of 1 << MOVEMENT_* */
};

struct subscriber {
	struct exchange *x;
	struct subscriber_filter filter;
	int64_t after; /* it has had all up to here, and while it waits all that was shown */
	void (*serve)(struct subscriber *s); /* of a stream; else NULL */
	exchange_continue *late;             /* of the others: see subscriber_park() */

	struct subscribers *all;
	struct map_node node; /* in subscribers.map while it waits */
	struct list link;     /* in subscribers.waiting, or in .due */
	bool is_waiting;
	int64_t due_ns; /* when to serve it next */
};

struct subscribers {
	struct duty duty;
	struct feed *feed;
	struct feed_listener listener; /* known to the feed while there is any subscriber */
	int count;                     /* begun and not ended */
	struct list waiting;
	struct list due;  /* streams that have something to send */
	int64_t serve_ns; /* when to serve the next of them; INT64_MAX: none */
	struct map map;   /* the waiting ones, by the hash of what they want */
	struct map_node *buckets[SUBSCRIBER_BUCKETS];
	int filter_counts[SUBSCRIBER_FILTERS]; /* waiting ones by the names they filter by */
	uint64_t seed;
	int64_t seen_seq; /* the waiting ones were shown all movements up to here */
};

struct host;

void subscribers_init(struct subscribers *all, struct host *h);

/* Does the movement fit? */
bool subscriber_wants(const struct subscriber *s, const struct movement_view *v);

/* What it wants of the ledger. */
struct movement_query subscriber_query(const struct subscriber *s, int limit);

/* filter and serve are set. */
void subscriber_begin(struct subscriber *s, struct exchange *x, int64_t after);
void subscriber_end(struct subscriber *s);

/*
 * There is nothing behind s->after yet: parks the request. resume: something may be there; late:
 * the deadline has passed first, or the server stops.
 */
void subscriber_park(struct subscriber *s, exchange_continue *resume, exchange_continue *late,
		     int64_t until_ns);

/* The same for a stream, which is parked already. */
void subscriber_wait(struct subscriber *s);

/* A stream is to be served at this time, or a little later. The stream may wait. */
void subscriber_due(struct subscriber *s, int64_t at_ns);

/* The subscriber waits no longer, for whatever reason; s->after is where it stands. */
void subscriber_leave(struct subscriber *s);

/* Is it waiting or due, and so in the middle of nothing? */
static inline bool subscriber_is_idle(const struct subscriber *s)
{
	return list_is_linked(&s->link);
}
