/*
 * seq - a request that waits until the store has come to a seq.
 *
 *     seq_wait_begin(w, x, seq);
 *     ...is it there? No: it is in line from now on, or ended...
 *     seq_wait_park(w, resume, expire, until_ns);
 *     seq_wait_end(w);                                  // before the answer
 *
 * Those who wait stand in their loop's line, the lowest seq first, and the feed's bell
 * (engine/feed.h) makes the loop look at the head of the line, once a group. Between begin and end
 * the bell rings for this loop, so that who begins, looks, and parks misses nothing.
 *
 * Who waits holds nothing but its connection: no lock, no snapshot, and the writer collects no
 * movements for it.
 *
 * Threads: the loop's. Ownership: the request's arena.
 */
#pragma once
#include "engine/feed.h"
#include "exchange/duty.h"
#include "exchange/exchange.h"

struct seq_line;

struct seq_wait {
	struct exchange *x;
	int64_t seq;
	exchange_continue *late;
	struct seq_line *all;
	struct list link; /* in seq_line.waits, while its exchange is parked */
};

/* The waits of a loop. */
struct seq_line {
	struct duty duty;
	struct service *service;
	struct feed_listener listener; /* known to the feed while there is any of them */
	int count;
	struct list waits; /* the lowest seq first */
};

struct host;

void seq_line_init(struct seq_line *all, struct host *h);

void seq_wait_begin(struct seq_wait *w, struct exchange *x, int64_t seq);

/* resume: the seq was published; late: the deadline has passed first, or the server stops. */
void seq_wait_park(struct seq_wait *w, exchange_continue *resume, exchange_continue *late,
		   int64_t until_ns);

/* The request waits no longer, for whatever reason. */
void seq_wait_end(struct seq_wait *w);
