/*
 * writer - the one thread that changes the store: what wakes it, and what it does each turn.
 *
 *     sleep ──> leases that end ──> a group, if something is ready or due ──> chores ──┐
 *       ▲                          (engine/group.h)                 (engine/chores.h)  │
 *       └──────────────────────────────────────────────────────────────────────────────┘
 *
 * It sleeps on the lock manager's flag, until a work is ready, a lease ends, a reservation is
 * overdue, another program may have written, or a chore is due. A group is what has become ready
 * while the one before it was flushed, and on a slow disk who comes back from there, too.
 *
 * Once the store cannot be written any more (lane.aftermath) the thread goes on, and refuses.
 */
#pragma once
#include "engine/chores.h"
#include <pthread.h>

struct writer {
	bool is_uncounted; /* set before writer_open(), as is what lane.h says of the lane */
	struct lane lane;
	struct group group;
	struct chores chores;
	pthread_t thread;
};

/* Opens the lane, then starts the thread. seed: of row keys. 0 or a fault. */
int writer_open(struct writer *w, uint64_t seed);

/* Stops the thread. Nothing may be pending. */
void writer_close(struct writer *w);
