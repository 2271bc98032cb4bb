/*
 * usage - what the process takes of its machine, and what is left there: memory, processor time,
 * open files, room for the store. Into the metrics process_..., rowlock_store_..._bytes and
 * rowlock_spool_free_bytes.
 *
 *     usage_begin(path);          // once, early
 *     usage_measure();            // each time before somebody looks
 *
 * Threads: usage_begin() before any other; then any, at the same time.
 * Errors: none. What cannot be measured (no /proc, a folder that is gone) keeps the value it had,
 * which is 0 at first.
 * Cost: seven system calls, about 30 us; where the kernel is older than 6.2, which does not say how
 * many files are open, half a microsecond more for each that could be without more memory.
 */
#pragma once
#include <stdint.h>

/* store_path: the database, which may not be there yet. The text must live on. */
void usage_begin(const char *store_path);

void usage_measure(void);

/* Since usage_begin(), in whole seconds. */
int64_t usage_uptime_s(void);
