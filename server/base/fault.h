/*
 * fault - what the machine did to us: disk, memory, network, a corrupt file.
 *
 * 0 (or a count) is fine; a fault is a negative errno and is never matched on, only passed up:
 *
 *     return FAULT(-EIO);            // first seen here: remembered, with this line
 *     if (r < 0)
 *             return r;              // on the way up: nothing to add
 *
 * Whoever finally logs it asks fault_latest() where it began. Refusals, the bad news meant for
 * clients, are `enum outcome` (core/outcome.h) and never share a value with faults.
 *
 * Threads: the latest fault is remembered per thread.
 */
#pragma once
#include <errno.h>

#define FAULT(r) fault_raise((r), 0, __FILE__, __LINE__)

/* The same, with a code of the library that reported it (an SQLite extended result code). */
#define FAULT_DETAIL(r, detail) fault_raise((r), (detail), __FILE__, __LINE__)

struct fault {
	int error;        /* negative errno; 0: there was none */
	int detail;       /* the library's own code; 0: none */
	int system_error; /* errno as it stood when the fault was raised */
	const char *file;
	int line;
};

/* Remembers the fault for this thread and returns r. r < 0. */
int fault_raise(int r, int detail, const char *file, int line);

/* Makes a fault that another thread met on this one's behalf the latest of this thread. */
void fault_adopt(const struct fault *f);

/* The latest fault raised on this thread; its fields are 0 when there was none. */
const struct fault *fault_latest(void);
