/*
 * watchdog - feeds the service manager's watchdog for as long as every thread turns.
 *
 *     struct watchdog w;
 *     watchdog_init(&w, notify_watchdog_ns(), &(struct watched){ .wake = ..., .state = ... });
 *     while (poll(fds, count, watchdog_wait_ms(&w, clock_monotonic_ns())) == 0)
 *             watchdog_turn(&w, clock_monotonic_ns());
 *
 * It is fed while every thread has answered since it was asked last (base/pulse.h), four times as
 * often as the manager looks: idle, a store that another program holds and a full disk are alive, a
 * thread that hangs is not. Who is late at two looks, one after the other, is a line of the log
 * (thread_late) and is counted: whoever turns now and then by himself may just not have come by.
 *
 * The manager is also told in what state the service is, when that has changed.
 *
 * Threads: one. Nothing is allocated.
 */
#pragma once
#include "base/pulse.h"
#include <stdint.h>

/* What is watched. */
struct watched {
	void (*wake)(void *context);         /* those who sleep, so that they answer */
	const char *(*state)(void *context); /* one line for `systemctl status`; a constant */
	void *context;
};

struct watchdog {
	struct watched watched;
	int64_t every_ns; /* 0: there is none */
	int64_t next_ns;
	char late[PULSE_NAME_BYTES]; /* who was late at the last look; "": nobody */
	int late_looks;              /* at how many */
	const char *state;           /* what the manager was told last */
};

/* `period_ns`: how often the manager looks; 0: it does not, and watchdog_turn() has no turn. */
void watchdog_init(struct watchdog *w, int64_t period_ns, const struct watched *watched);

/* Until the next turn, as poll() takes it, an hour at most; -1: there is none. */
int watchdog_wait_ms(const struct watchdog *w, int64_t now_ns);

/* Looks, feeds and asks anew, if it is time; the first time it is. */
void watchdog_turn(struct watchdog *w, int64_t now_ns);
