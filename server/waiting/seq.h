/*
 * seq_wait - ?min_seq=N: a read that waits until the store has come to a seq.
 *
 *     seq_wait_run(x);       // instead of x->route->handler(x), which runs now, later, or not
 *
 * Most reads name no seq, or one that was reached long ago: these cost a look at the query, or at
 * the snapshot. The others are parked and stand in their loop's line, the lowest seq first, and the
 * feed's bell (engine/feed.h) makes the loop look at the head of the line, once a group. A read
 * that is called is answered from a snapshot that was begun after it, and so has what it wants.
 *
 * Who waits holds nothing but its connection: no lock, no snapshot, and the writer collects no
 * movements for it.
 *
 * Threads: the loop's.
 */
#pragma once
#include "engine/feed.h"

struct exchange;
struct service;

/* One read that waits. In its exchange's arena. */
struct seq_wait {
	struct exchange *x;
	int64_t seq;
	int64_t until_ns;
	struct seq_waits *all;
	struct list link; /* in seq_waits.line, while its exchange is parked */
};

/* Those of a loop. */
struct seq_waits {
	struct service *service;
	struct feed_listener listener; /* known to the feed while there is any of them */
	int count;
	struct list line; /* the lowest seq first */
};

void seq_waits_init(struct seq_waits *all, struct service *s, struct mailbox *home);

/* The bell rang: resumes those whose seq was published. */
void seq_waits_look(struct seq_waits *all);

/* Resumes everybody, as if the deadline had passed. */
void seq_waits_expire(struct seq_waits *all);

/*
 * Runs the handler of a read as soon as its snapshot is at ?min_seq or past it. 503 behind when the
 * wait ends first (?wait or Prefer: wait, else as long as writes wait), draining when the server
 * stops.
 */
void seq_wait_run(struct exchange *x);

/* It waits no longer: its client has left. */
void seq_wait_end(struct seq_wait *w);
