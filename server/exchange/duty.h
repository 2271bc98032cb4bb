/*
 * duty - what a loop does by the clock, or when its mailbox rings: for those who stand in one of
 * its lines, and for work that no exchange waits for.
 *
 *     static const struct duty_kind kind = { .look = look };
 *
 *     host_take_on(h, &line->duty, &kind);              // until the loop has ended
 *
 * What a kind has no function for needs nothing done.
 *
 * Threads: the loop's.
 */
#pragma once
#include "base/list.h"
#include <stdbool.h>
#include <stdint.h>

struct duty;

struct duty_kind {
	/* When to serve it next though nothing happens; INT64_MAX: not before something does. */
	int64_t (*due)(const struct duty *d);
	/* Once a turn, and when the server stops: whose time has come? */
	void (*serve)(struct duty *d, int64_t now_ns);
	/* The mailbox rang. */
	void (*look)(struct duty *d);
	/* Is something under way that must come home before the loop may end? */
	bool (*is_busy)(const struct duty *d);
};

struct duty {
	const struct duty_kind *kind;
	struct list link; /* in host.duties */
};
