/*
 * log_ring - lines on their way to stderr, and the thread that writes them.
 *
 *     log_ring_open(lost_line);         // false: no thread can be had
 *     log_ring_put(line, bytes);        // any thread: copies, and never waits for stderr
 *     log_ring_close(patience_ms);
 *
 * Whoever logs copies a line under a guard that nobody holds during a system call; a thread of its
 * own writes. So a reader of stderr that has stopped, a slow disk or a terminal on ^S costs lines
 * and nothing else: what finds the ring full is counted, and where there is room again a line says
 * how many there were. What stderr does not take (a full disk, nobody reads) is counted, too.
 *
 * Threads: any; open and close by one.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Some thousand lines. */
enum { LOG_RING_BYTES = 1 << 18 };

/* Makes the line that says so; returns its bytes, of which there is room for LOG_LINE_BYTES. */
typedef size_t log_ring_lost_line(char *line, uint64_t count);

/* Not while it is open. The thread blocks all signals but a crash's. */
bool log_ring_open(log_ring_lost_line *lost_line);

/* False: it is not open. A whole line with its newline at the end, at most LOG_LINE_BYTES. */
bool log_ring_put(const char *line, size_t bytes);

/* Waits until all is written, or for so long. */
void log_ring_flush(int64_t patience_ms);

/*
 * Flushes and ends the thread; where that still waits for stderr then, it is left behind, and the
 * process may end without it; then the ring is not opened again.
 */
void log_ring_close(int64_t patience_ms);

/*
 * What is not written yet, as far as stderr takes it now: for a process that dies. Takes no lock,
 * may be called in a signal handler; a line that is being written may come twice.
 */
void log_ring_last_words(void);
