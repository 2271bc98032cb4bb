/*
 * postgres_house - this process as one of the front ends of a store: its row of front_end, which
 * says that it lives.
 *
 *     r = postgres_house_enter(&opening, &front_end);   // nobody who lives has its name
 *     r = postgres_house_begin(store);                  // a thread says so every second
 *     ...
 *     postgres_house_end(store);                        // the row is gone, with its lanes
 *
 * A front end is alive as long as its row was seen to in the last FRONT_END_DEAD_MS, and the
 * session that did so is there: one that was killed has no session any more, one that is stopped
 * sees to nothing. The row of one that is not alive is taken over by the next process of its name;
 * if that one comes back it finds that out, and stops. The living one with the smallest id keeps
 * house for all.
 *
 * Threads: one of its own; enter, begin and end on the thread that opens the store.
 */
#pragma once
#include "store/postgres_open.h"

enum { FRONT_END_SEEN_MS = 1000, FRONT_END_DEAD_MS = 3000 };

/* 0 or a fault, and the opening's result says why: STORE_IN_USE where the name's owner lives. */
int postgres_house_enter(struct postgres_opening *o, const struct store_front_end *f);
int postgres_house_begin(struct postgres_store *s);
/* Harmless where nothing has begun. */
void postgres_house_end(struct postgres_store *s);
