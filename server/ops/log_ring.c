#include "ops/log_ring.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/crash.h"
#include "ops/log_line.h"
#include "ops/metrics.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* A pipe takes so many bytes in one piece: PIPE_BUF. */
enum { WRITE_BYTES_MAX = 4096 };

_Static_assert((int)WRITE_BYTES_MAX >= (int)LOG_LINE_BYTES, "a line goes out whole");

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t news;    /* there are lines, or it is to end */
	pthread_cond_t written; /* all of them are out; by the monotonic clock, while it is open */
	pthread_t thread;
	log_ring_lost_line *lost_line;
	atomic_bool is_open;
	bool must_end; /* guarded by mutex, as is the next one */
	uint64_t lost_count;
	/* Bytes put and taken since it was opened; changed under mutex, looked at by a crash. */
	atomic_uint_fast64_t put, taken;
	char bytes[LOG_RING_BYTES];
} ring = { .mutex = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER };

static size_t bytes_waiting(void)
{
	return (size_t)(atomic_load(&ring.put) - atomic_load(&ring.taken));
}

/* ---------------------------------------------------------------- bytes in and out */

static void put_locked(const char *line, size_t bytes)
{
	uint64_t at = atomic_load(&ring.put);

	CHECK(bytes_waiting() + bytes <= LOG_RING_BYTES);
	for (size_t i = 0; i < bytes; i++)
		ring.bytes[(at + i) % LOG_RING_BYTES] = line[i];
	atomic_store(&ring.put, at + bytes);
}

/* As many whole lines as one write takes; returns their bytes. */
static size_t lines_peek(char out[WRITE_BYTES_MAX])
{
	uint64_t at = atomic_load(&ring.taken);
	size_t most = bytes_waiting(), whole = 0;

	if (most > WRITE_BYTES_MAX)
		most = WRITE_BYTES_MAX;
	for (size_t i = 0; i < most; i++) {
		out[i] = ring.bytes[(at + i) % LOG_RING_BYTES];
		if (out[i] == '\n')
			whole = i + 1;
	}
	return whole;
}

static uint64_t lines_count(const char *text, size_t bytes)
{
	uint64_t count = 0;

	for (size_t i = 0; i < bytes; i++)
		count += text[i] == '\n';
	return count;
}

/* This is the thread that waits. False: stderr does not take it. */
static bool stderr_write(const char *text, size_t bytes)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	while (bytes > 0) {
		ssize_t count = write(STDERR_FILENO, text, bytes);

		if (count < 0 && errno == EAGAIN)
			(void)poll(&p, 1, -1);
		else if (count < 0 && errno != EINTR)
			return false;
		text += count > 0 ? count : 0;
		bytes -= count > 0 ? (size_t)count : 0;
	}
	return true;
}

/* ---------------------------------------------------------------- the thread */

/* What is lost is said where there is room for it. */
static void note_lost_locked(void)
{
	char line[LOG_LINE_BYTES];

	if (ring.lost_count == 0 || bytes_waiting() + LOG_LINE_BYTES > LOG_RING_BYTES)
		return;
	put_locked(line, ring.lost_line(line, ring.lost_count));
	ring.lost_count = 0;
}

static void lose_locked(uint64_t line_count)
{
	ring.lost_count += line_count;
	metric_add(METRIC_LOG_LINES_LOST, (int64_t)line_count);
}

/* Writes what is there, unlocked; of what was not taken the lines are counted. */
static void write_some_locked(void)
{
	char text[WRITE_BYTES_MAX];
	size_t bytes = lines_peek(text);
	bool is_written;

	CHECK(pthread_mutex_unlock(&ring.mutex) == 0);
	is_written = stderr_write(text, bytes);
	CHECK(pthread_mutex_lock(&ring.mutex) == 0);
	atomic_fetch_add(&ring.taken, bytes);
	if (!is_written)
		lose_locked(lines_count(text, bytes));
	else
		note_lost_locked();
	if (bytes_waiting() == 0)
		CHECK(pthread_cond_broadcast(&ring.written) == 0);
}

static void *ring_main(void *unused)
{
	static struct crash_stack stack;

	(void)unused;
	crash_thread_begin(&stack, "log", -1);
	CHECK(pthread_mutex_lock(&ring.mutex) == 0);
	while (!ring.must_end || bytes_waiting() > 0) {
		if (bytes_waiting() == 0)
			CHECK(pthread_cond_wait(&ring.news, &ring.mutex) == 0);
		else
			write_some_locked();
	}
	CHECK(pthread_mutex_unlock(&ring.mutex) == 0);
	return NULL;
}

/* ---------------------------------------------------------------- all of it */

/* A wall clock that is set back does not hold up the end of the process. Never undone. */
static void written_init(void)
{
	pthread_condattr_t monotonic;

	CHECK(pthread_condattr_init(&monotonic) == 0);
	CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&ring.written, &monotonic) == 0);
	CHECK(pthread_condattr_destroy(&monotonic) == 0);
}

bool log_ring_open(log_ring_lost_line *lost_line)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	sigset_t all, kept;
	int r;

	CHECK(!atomic_load(&ring.is_open));
	CHECK(pthread_once(&once, written_init) == 0);
	ring.lost_line = lost_line;
	ring.must_end = false;
	sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, &kept) == 0);
	r = pthread_create(&ring.thread, NULL, ring_main, NULL);
	CHECK(pthread_sigmask(SIG_SETMASK, &kept, NULL) == 0);
	atomic_store(&ring.is_open, r == 0);
	return r == 0;
}

bool log_ring_put(const char *line, size_t bytes)
{
	CHECK(bytes > 0);
	CHECK(bytes <= LOG_LINE_BYTES);
	CHECK(line[bytes - 1] == '\n'); /* lines_peek() would never come to its end */
	if (!atomic_load_explicit(&ring.is_open, memory_order_relaxed))
		return false;
	CHECK(pthread_mutex_lock(&ring.mutex) == 0);
	note_lost_locked();
	if (ring.lost_count > 0 || bytes_waiting() + bytes > LOG_RING_BYTES)
		lose_locked(1);
	else
		put_locked(line, bytes);
	CHECK(pthread_cond_signal(&ring.news) == 0);
	CHECK(pthread_mutex_unlock(&ring.mutex) == 0);
	return true;
}

void log_ring_flush(int64_t patience_ms)
{
	struct timespec until;
	int r = 0;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_nsec += (patience_ms % MS_PER_S) * NS_PER_MS;
	until.tv_sec += patience_ms / MS_PER_S + until.tv_nsec / (MS_PER_S * NS_PER_MS);
	until.tv_nsec %= MS_PER_S * NS_PER_MS;
	CHECK(pthread_mutex_lock(&ring.mutex) == 0);
	while (r == 0 && bytes_waiting() > 0)
		r = pthread_cond_timedwait(&ring.written, &ring.mutex, &until);
	CHECK(pthread_mutex_unlock(&ring.mutex) == 0);
}

void log_ring_close(int64_t patience_ms)
{
	bool is_empty;

	if (!atomic_exchange(&ring.is_open, false))
		return;
	log_ring_flush(patience_ms);
	CHECK(pthread_mutex_lock(&ring.mutex) == 0);
	ring.must_end = true;
	is_empty = bytes_waiting() == 0;
	CHECK(pthread_cond_signal(&ring.news) == 0);
	CHECK(pthread_mutex_unlock(&ring.mutex) == 0);
	if (is_empty)
		CHECK(pthread_join(ring.thread, NULL) == 0);
	else
		CHECK(pthread_detach(ring.thread) == 0);
}

void log_ring_last_words(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	char text[WRITE_BYTES_MAX];
	size_t bytes;

	while ((bytes = lines_peek(text)) > 0) {
		if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0)
			return;
		if (write(STDERR_FILENO, text, bytes) <= 0)
			return;
		atomic_fetch_add(&ring.taken, bytes);
	}
}
