/*
 * feed - the newest movements, in the writer's memory, for everybody who follows the ledger.
 *
 *     writer:  feed_begin(), feed_add() for each movement, COMMIT, feed_publish(), feed_ring()
 *     loop:    feed_listen(), then as long as feed_take() == FEED_TAKEN: feed_stretch_release()
 *
 * A group's movements are one stretch, which never changes once it is published and is freed by
 * whoever lets go of it last: nobody copies movements, and nobody holds the guard while reading.
 * The ring has the newest FEED_MOVEMENTS_MAX; whoever is further behind reads the ledger, and so
 * never holds anything up. While nobody listens for movements nothing is collected, and the ring is
 * empty; who listens only to learn that there is something new is rung nevertheless.
 *
 * Cost: the writer takes the guard three times a group, and copies each movement once. A listener
 * is woken at most once a group, whatever the number of its subscribers.
 *
 * Threads: feed_begin, _add, _publish, _discard and _ring are the writer's; the rest is for any.
 */
#pragma once
#include "engine/mailbox.h"
#include "store/store.h"
#include <stdatomic.h>

enum {
	FEED_STRETCHES_MAX = 4096,
	FEED_LINGER_S = 10, /* the ring is kept so long for those who poll and come again */
};

/* Movements with consecutive seqs, oldest first; count >= 1. */
struct feed_stretch {
	struct movement_view *movements;
	size_t count;
	size_t capacity;
	struct arena texts;
	atomic_int holder_count;
};

/* A loop that wants to know when there is something new. */
struct feed_listener {
	struct mailbox *home;  /* rung once a group */
	bool is_for_movements; /* it takes stretches; else it only wants to be rung */
	struct list link;      /* in feed.listeners; guarded */
};

struct feed {
	struct guard guard;
	/* A ring, guarded as all up to now_ns. */
	struct feed_stretch *stretches[FEED_STRETCHES_MAX];
	size_t first;
	size_t count;
	size_t movement_count; /* in all of them */
	int64_t head_seq;      /* the newest that was published */
	struct list listeners;
	int taker_count;         /* listeners that are for movements */
	int64_t wanted_until_ns; /* when none of them is there any more */

	/* The writer's own. */
	struct feed_stretch *open; /* of the group under way; NULL: nothing was collected */
	bool is_collecting;
	bool has_news; /* since the last feed_ring() */
};

enum feed_take {
	FEED_TAKEN,
	FEED_AT_HEAD, /* there is nothing behind `after` yet */
	FEED_BEHIND,  /* what follows `after` is not in the ring (any more): it is in the ledger */
};

void feed_init(struct feed *f);
void feed_fini(struct feed *f);

/* ---------------------------------------------------------------- the writer */

/* A group begins, or the ledger is about to be read for the feed. Would somebody be rung? */
bool feed_begin(struct feed *f, int64_t now_ns);

/*
 * Copies one movement of the open group, with its texts, in the order of their seqs. One that is
 * left out, and memory that is short, make a gap in the feed, which the ledger fills.
 */
void feed_add(struct feed *f, const struct code *sku, const struct code *location,
	      const struct movement *m);

/* What was added is durable; `seq` is the newest in the ledger. Others fill gaps from there. */
void feed_publish(struct feed *f, int64_t seq);

/* What was added came to nothing. */
void feed_discard(struct feed *f);

/* Wakes the listeners, if something was published since. */
void feed_ring(struct feed *f);

/* ---------------------------------------------------------------- everybody */

void feed_listen(struct feed *f, struct feed_listener *l);
void feed_unlisten(struct feed *f, struct feed_listener *l);

/* The stretch that has movement after + 1, held for the caller; it may begin before that. */
enum feed_take feed_take(struct feed *f, int64_t after, struct feed_stretch **ret);

/* Its newest seq. */
int64_t feed_stretch_last(const struct feed_stretch *b);

void feed_stretch_release(struct feed_stretch *b);
