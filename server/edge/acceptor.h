/*
 * acceptor - the first loop takes connections, as many as there may be, and deals them to all.
 *
 * Where there is no room, or no descriptor left, it leaves the listeners alone: whoever closes a
 * connection nudges it, and for descriptors it tries again by the clock.
 *
 * Threads: the first loop's.
 */
#pragma once
#include "edge/loop.h"

/* This listener is readable. */
void acceptor_take(struct loop *l, struct listener *from);

/* Takes connections again once there is room, and when a pause for files is over. */
void acceptor_continue(struct loop *l);

/* When to try again though nothing happens; INT64_MAX: no need to. */
int64_t acceptor_due_ns(const struct loop *l);
