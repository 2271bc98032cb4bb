/*
 * log - lines for the operator on stderr: logfmt for machines, plain text on a terminal.
 *
 *     log_write(LOG_WARN, "slow_write", "row=%s/%s ms=%.1f", sku, location, ms);
 *
 *     ts=2026-11-23T18:57:50.123Z level=warn event=slow_write row=A-1/WH1 ms=2011.0      (a pipe)
 *     18:57:50.123 warn  slow_write row=A-1/WH1 ms=2011.0                                (a
 * terminal)
 *
 * The event is one word; the format makes `name=value` pairs; texts from outside go through
 * log_quote(). A full disk or a closed pipe behind stderr loses lines, and never blocks or stops
 * us.
 *
 * Threads: any; one write(2) per line.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_CRIT };

void log_write(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "debug" to "crit". False: it is no level. */
bool log_level_read(const char *word, enum log_level *ret);

/* Lines below this level are dropped; LOG_INFO at start. */
void log_set_level(enum log_level level);

/* Quotes and escapes a value from outside into `buffer` (cut when too long) and returns it. */
const char *log_quote(char *buffer, size_t bytes, const char *value);
