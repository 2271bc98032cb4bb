/*
 * failing - the n-th step that may fail does: an allocation of any thread, or a system call that is
 * named below.
 *
 *     failing_drive();                          // this thread's own allocations never count
 *     failing_arm(7, FAILING_ONCE);
 *     ...
 *     if (!failing_disarm()) ...there were fewer than seven steps: all of them have had their
 * turn...
 *
 * An ordinary build stands in for malloc(3) of the whole process, libraries included. Under a
 * sanitizer, which does so itself, only what is linked with --wrap takes its steps here: our own
 * code, and none of SQLite, microhttpd or jansson.
 *
 * Threads: any; arming and disarming is the driver's.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum failing {
	FAILING_ONCE, /* that step only */
	FAILING_ON,   /* and every one behind it */
	FAILING_HERE, /* that step only; counts the driver's own, and nobody else's */
};

void failing_drive(void);
void failing_arm(long n, enum failing how);

/* Allocations of more bytes than this fail, whoever's they are; 0: none does for that. */
void failing_refuse_over(size_t bytes_max);

/* Did a step fail? */
bool failing_disarm(void);
