/*
 * log_line - one line of the log: logfmt, JSON, or plain text for a terminal.
 *
 *     struct log_head head = { .now_ms = ms, .level = LOG_WARN, .event = "slow_write" };
 *     bytes = log_line_make(line, LOG_LOGFMT, &head, "row=%s/%s ms=%.1f hint=\"%s\"", arguments);
 *
 *     ts=2026-11-23T18:57:50.123Z level=warn event=slow_write row=A-1/WH1 ms=2011.0 hint="..."
 *     {"ts":"2026-11-23T18:57:50.123Z","level":"warn","event":"slow_write","row":"A-1/WH1",...}
 *     18:57:50.123 warn  slow_write row=A-1/WH1 ms=2011.0 hint="..."
 *
 * The format is name=value pairs with one blank between them; a value that has blanks itself stands
 * in quotes there. What the conversions put into a value is raw: it is quoted and escaped here, as
 * JSON does it in both, so that no text from outside can end its value, begin a line or talk to a
 * terminal. A %s of NULL leaves its pair out. A value that is one number alone is a number in JSON.
 * What is no UTF-8 is replaced, and secrets are stars (ops/disguise.h). A line is always whole:
 * values are cut to fit, and pairs without room are left out.
 *
 * Known conversions: d i u x f s c, with l, ll or z, flags, a width, a precision, and %.*s.
 *
 * Threads: any; nothing is kept.
 */
#pragma once
#include "ops/log.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* With its newline. A pipe takes so many bytes in one piece (PIPE_BUF is 4096). */
enum { LOG_LINE_BYTES = 2048 };

struct log_head {
	int64_t now_ms; /* UTC */
	enum log_level level;
	const char *event;
	bool has_priority; /* begins with <N>, as journald reads it: sd-daemon(3) */
};

/* Returns the bytes of the line, its newline included; no NUL. */
size_t log_line_make(char line[LOG_LINE_BYTES], enum log_format form, const struct log_head *head,
		     const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));
