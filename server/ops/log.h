/*
 * log - lines for the operator on stderr: logfmt or JSON for machines, plain text on a terminal.
 *
 *     log_write(LOG_WARN, "slow_write", "row=%s/%s ms=%.1f", sku, location, ms);
 *
 *     ts=2026-11-23T18:57:50.123Z level=warn event=slow_write row=A-1/WH1 ms=2011.0      (a pipe)
 *     18:57:50.123 warn  slow_write row=A-1/WH1 ms=2011.0                            (a terminal)
 *
 * The event is one word, and the format makes `name=value` pairs as ops/log_line.h says: texts from
 * outside are handed over as they are. Where stderr is the journal (JOURNAL_STREAM) each line says
 * its priority.
 *
 * Nobody waits for stderr. Between log_open() and log_close() a thread of its own writes
 * (ops/log_ring.h); else each line is written at once, as long as stderr takes it. Lines that it
 * does not take are lost, counted (rowlock_log_lines_lost_total), and later lines say how many.
 *
 * Threads: any; open and close by the main one.
 */
#pragma once
#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_CRIT };
enum log_format { LOG_TEXT, LOG_LOGFMT, LOG_JSON, LOG_FORMATS };

void log_write(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "debug" to "crit". False: it is no level. */
bool log_level_read(const char *word, enum log_level *ret);

/* Lines below this level are dropped; LOG_INFO at start. */
void log_set_level(enum log_level level);

/* "text", "logfmt" or "json"; "auto": text on a terminal, else logfmt. Any thread. */
void log_set_format(const char *word);

/* From now on a thread writes. False: none can be had; then all stays as it was. */
bool log_open(void);

/* Waits a moment for stderr to take what there is, also where the process ends at once. */
void log_flush(void);

/* As log_flush(); no thread writes any more. */
void log_close(void);
