#include "ops/log.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/crash.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line fits what a writable pipe has room for (PIPE_BUF): writing it cannot block. */
enum { LINE_BYTES_MAX = 2048 };

static const char *const level_names[] = { "debug", "info", "warn", "error", "crit" };

static atomic_int least_level = LOG_INFO;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_terminal; /* written once */

/* Innermost of all locks: nothing is called under it but poll() and write(), which do not wait. */
static pthread_mutex_t stderr_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t lost_count; /* guarded by stderr_mutex */

static void log_begin(void)
{
	is_terminal = isatty(STDERR_FILENO) == 1;
	/* A reader of stderr that went away must not take the service with it. */
	signal(SIGPIPE, SIG_IGN);
}

bool log_level_read(const char *word, enum log_level *ret)
{
	for (size_t i = 0; i < LENGTH_OF(level_names); i++)
		if (strcmp(level_names[i], word) == 0) {
			*ret = (enum log_level)i;
			return true;
		}
	return false;
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&least_level, (int)level, memory_order_relaxed);
}

/* The time, the level and the event: what every line begins with. */
static size_t line_begin(char line[LINE_BYTES_MAX], enum log_level level, const char *event)
{
	int64_t now_ms = clock_utc_ms();
	time_t now_s = (time_t)(now_ms / MS_PER_S);
	int ms = (int)(now_ms % MS_PER_S);
	char stamp[32];
	struct tm tm;
	int bytes;

	if (is_terminal) {
		localtime_r(&now_s, &tm);
		strftime(stamp, sizeof(stamp), "%H:%M:%S", &tm);
		bytes = snprintf(line, LINE_BYTES_MAX, "%s.%03d %-5s %s", stamp, ms,
				 level_names[level], event);
	} else {
		gmtime_r(&now_s, &tm);
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
		bytes = snprintf(line, LINE_BYTES_MAX, "ts=%s.%03dZ level=%s event=%s", stamp, ms,
				 level_names[level], event);
	}
	CHECK(bytes > 0);
	CHECK(bytes < LINE_BYTES_MAX / 2);
	return (size_t)bytes;
}

/* No text from outside may begin a line of its own or talk to the terminal. */
static void line_make_harmless(char *line, size_t byte_count)
{
	for (size_t i = 0; i < byte_count; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
}

/* False: nobody takes it now. The caller holds stderr_mutex. */
static bool stderr_write(const char *line, size_t byte_count)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0)
		return false;
	return write(STDERR_FILENO, line, byte_count) == (ssize_t)byte_count;
}

static void line_write(const char *line, size_t byte_count)
{
	int saved_errno = errno;

	CHECK(pthread_mutex_lock(&stderr_mutex) == 0);
	if (lost_count > 0) {
		char text[128];
		int bytes = snprintf(text, sizeof(text),
				     is_terminal ? "(%llu lines lost)\n"
						 : "level=warn event=log_lines_lost count=%llu\n",
				     (unsigned long long)lost_count);

		if (stderr_write(text, (size_t)bytes))
			lost_count = 0;
	}
	if (!stderr_write(line, byte_count))
		lost_count++;
	CHECK(pthread_mutex_unlock(&stderr_mutex) == 0);
	errno = saved_errno;
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
	char line[LINE_BYTES_MAX];
	va_list arguments;
	size_t bytes;
	int added;

	if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
		return;
	CHECK(pthread_once(&once, log_begin) == 0);
	crash_note_event(event);

	bytes = line_begin(line, level, event);
	line[bytes++] = ' ';
	va_start(arguments, format);
	added = vsnprintf(line + bytes, sizeof(line) - bytes, format, arguments);
	va_end(arguments);
	CHECK(added >= 0);
	if (added == 0)
		bytes--;
	bytes += (size_t)added;
	if (bytes > sizeof(line) - 1)
		bytes = sizeof(line) - 1;
	line_make_harmless(line, bytes);
	line[bytes++] = '\n';
	line_write(line, bytes);
}

static bool is_plain(const char *value)
{
	if (value[0] == '\0')
		return false;
	for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '=' || *c == '\\')
			return false;
	return true;
}

/* The bytes that c takes inside quotes; written to `out` (of at least 4) without a NUL. */
static size_t escape(char out[4], unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	if (c >= ' ' && c != 0x7f && c != '"' && c != '\\') {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '\\';
	if (c == '"' || c == '\\') {
		out[1] = (char)c;
		return 2;
	}
	out[1] = 'x';
	out[2] = digits[c >> 4];
	out[3] = digits[c & 15];
	return 4;
}

const char *log_quote(char *buffer, size_t bytes, const char *value)
{
	size_t at = 0;

	CHECK(bytes >= 8);
	if (is_plain(value) && strlen(value) < bytes) {
		memcpy(buffer, value, strlen(value) + 1);
		return buffer;
	}
	buffer[at++] = '"';
	for (; *value != '\0'; value++) {
		char escaped[4];
		size_t count = escape(escaped, (unsigned char)*value);

		if (at + count + sizeof("\"") > bytes)
			break;
		memcpy(buffer + at, escaped, count);
		at += count;
	}
	buffer[at++] = '"';
	buffer[at] = '\0';
	return buffer;
}
