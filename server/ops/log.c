#include "ops/log.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/crash.h"
#include "ops/log_line.h"
#include "ops/log_ring.h"
#include "ops/metrics.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long the end of the process waits for whoever reads stderr. */
static const int64_t patience_ms = 200;

static const char *const level_names[] = { "debug", "info", "warn", "error", "crit" };

static atomic_int least_level = LOG_INFO;
static atomic_int chosen_form = LOG_FORMATS; /* LOG_FORMATS: by what stderr is */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_terminal, is_journal; /* written once */

/* Innermost of all locks: nothing is called under it but poll() and write(), which do not wait. */
static pthread_mutex_t stderr_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t lost_count; /* guarded by stderr_mutex */

/* systemd.exec(5): JOURNAL_STREAM is the device and inode of what goes to the journal. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[2 * 20 + 2];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	return strcmp(stream, ours) == 0;
}

static void log_begin(void)
{
	is_terminal = isatty(STDERR_FILENO) == 1;
	is_journal = stderr_is_journal();
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

void log_set_format(const char *word)
{
	static const char *const words[] = {
		[LOG_TEXT] = "text", [LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json"
	};
	int form = LOG_TEXT;

	_Static_assert(LENGTH_OF(words) == LOG_FORMATS, "a word for each");
	while (form < LOG_FORMATS && strcmp(words[form], word) != 0)
		form++;
	CHECK(form < LOG_FORMATS || strcmp(word, "auto") == 0);
	atomic_store_explicit(&chosen_form, form, memory_order_relaxed);
}

static enum log_format form_now(void)
{
	int form = atomic_load_explicit(&chosen_form, memory_order_relaxed);

	return form < LOG_FORMATS ? (enum log_format)form : is_terminal ? LOG_TEXT : LOG_LOGFMT;
}

/* ---------------------------------------------------------------- at once */

/* False: nobody takes it now. The caller holds stderr_mutex. */
static bool stderr_write(const char *line, size_t byte_count)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0)
		return false;
	return write(STDERR_FILENO, line, byte_count) == (ssize_t)byte_count;
}

__attribute__((format(printf, 4, 0))) static size_t line_make(char line[LOG_LINE_BYTES],
							      enum log_level level,
							      const char *event, const char *format,
							      va_list arguments)
{
	struct log_head head = {
		.now_ms = clock_utc_ms(), .level = level, .event = event, .has_priority = is_journal
	};

	return log_line_make(line, form_now(), &head, format, arguments);
}

__attribute__((format(printf, 4, 5))) static size_t
line_of(char *line, enum log_level level, const char *event, const char *format, ...)
{
	va_list arguments;
	size_t bytes;

	va_start(arguments, format);
	bytes = line_make(line, level, event, format, arguments);
	va_end(arguments);
	return bytes;
}

static size_t lost_line(char *line, uint64_t count)
{
	return line_of(line, LOG_WARN, "log_lines_lost", "count=%llu", (unsigned long long)count);
}

static void line_write(const char *line, size_t byte_count)
{
	char lost[LOG_LINE_BYTES];

	CHECK(pthread_mutex_lock(&stderr_mutex) == 0);
	if (lost_count > 0 && stderr_write(lost, lost_line(lost, lost_count)))
		lost_count = 0;
	if (!stderr_write(line, byte_count)) {
		lost_count++;
		metric_add(METRIC_LOG_LINES_LOST, 1);
	}
	CHECK(pthread_mutex_unlock(&stderr_mutex) == 0);
}

/* ---------------------------------------------------------------- all of it */

void log_write(enum log_level level, const char *event, const char *format, ...)
{
	char line[LOG_LINE_BYTES];
	int saved_errno = errno;
	va_list arguments;
	size_t bytes;

	if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
		return;
	CHECK(pthread_once(&once, log_begin) == 0);
	crash_note_event(event);
	va_start(arguments, format);
	bytes = line_make(line, level, event, format, arguments);
	va_end(arguments);
	if (!log_ring_put(line, bytes))
		line_write(line, bytes);
	errno = saved_errno;
}

bool log_open(void)
{
	CHECK(pthread_once(&once, log_begin) == 0);
	check_speak(is_journal ? "<2>" : "", log_ring_last_words);
	return log_ring_open(lost_line);
}

void log_flush(void)
{
	log_ring_flush(patience_ms);
}

void log_close(void)
{
	log_ring_close(patience_ms);
}
