/*
 * store_turn - the store's own lock, which another program may hold.
 *
 * While one does, the writer waits for it: for as long as --store-busy-ms says, then it says
 * -EBUSY, and the ready works stay ready for the next try. Meanwhile those whose own time is up are
 * refused, a drain that is over refuses all, and long reads need not stand back for the log.
 *
 * A store that several processes write to is nobody's as a whole. It may be out of reach: then it
 * says -ENOTCONN, and the ready works stay ready in the same way.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/lane.h"

/*
 * Opens a group of the store's. 0; -EBUSY: another program has the store; -ENOTCONN: it cannot be
 * reached; or another fault.
 */
int store_turn_take(struct lane *l, struct group_begun *ret);

/* What is not decided when the drain is over is refused, wherever it waits. False: it goes on. */
bool store_turn_end_drain(struct lane *l);
