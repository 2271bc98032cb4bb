#include "failing.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>

/* What stands in for malloc, and what it stands in for. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OURS(name)   __wrap_##name
#define THEIRS(name) __real_##name
#else
#define OURS(name)   name
#define THEIRS(name) __libc_##name
#endif

/* No declarations of a header: these names are the linker's, and libc's own. */
void *THEIRS(malloc)(size_t bytes);
void *THEIRS(calloc)(size_t count, size_t bytes);
void *THEIRS(realloc)(void *old, size_t bytes);
void *OURS(malloc)(size_t bytes);
void *OURS(calloc)(size_t count, size_t bytes);
void *OURS(realloc)(void *old, size_t bytes);

static _Thread_local bool is_driver __attribute__((tls_model("initial-exec")));
static atomic_long steps_left; /* until the one that fails; 0 and less: not armed, or over */
static atomic_int how_armed;
static atomic_bool is_armed, has_failed;
static atomic_size_t bytes_max;

void failing_drive(void)
{
	is_driver = true;
}

void failing_refuse_over(size_t bytes)
{
	atomic_store(&bytes_max, bytes);
}

void failing_arm(long n, enum failing how)
{
	atomic_store(&has_failed, false);
	atomic_store(&how_armed, how);
	atomic_store(&steps_left, n);
	atomic_store(&is_armed, true);
}

bool failing_disarm(void)
{
	atomic_store(&is_armed, false);
	return atomic_load(&has_failed);
}

static bool step_fails(void)
{
	int how;
	long left;

	if (!atomic_load(&is_armed))
		return false;
	how = atomic_load(&how_armed);
	if (is_driver != (how == FAILING_HERE))
		return false;
	left = atomic_fetch_sub(&steps_left, 1);
	if (left > 1 || (left < 1 && how != FAILING_ON))
		return false;
	atomic_store(&has_failed, true);
	return true;
}

/* ---------------------------------------------------------------- allocations */

static bool is_refused(size_t bytes)
{
	size_t most = atomic_load(&bytes_max);

	return (most != 0 && bytes > most) || step_fails();
}

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

void *OURS(malloc)(size_t bytes)
{
	return is_refused(bytes) ? no_memory() : THEIRS(malloc)(bytes);
}

void *OURS(calloc)(size_t count, size_t bytes)
{
	return is_refused(count * bytes) ? no_memory() : THEIRS(calloc)(count, bytes);
}

void *OURS(realloc)(void *old, size_t bytes)
{
	return is_refused(bytes) ? no_memory() : THEIRS(realloc)(old, bytes);
}

/* ---------------------------------------------------------------- system calls (--wrap) */

#define WRAPPED(type, name, parameters, arguments, failed, code) \
	type __real_##name parameters;                           \
	type __wrap_##name parameters;                           \
	type __wrap_##name parameters                            \
	{                                                        \
		if (!step_fails())                               \
			return __real_##name arguments;          \
		errno = (code);                                  \
		return failed;                                   \
	}

WRAPPED(int, eventfd, (unsigned value, int flags), (value, flags), -1, EMFILE)
WRAPPED(int, epoll_create1, (int flags), (flags), -1, EMFILE)
WRAPPED(int, pipe2, (int fds[2], int flags), (fds, flags), -1, EMFILE)
WRAPPED(int, epoll_ctl, (int epoll, int op, int fd, struct epoll_event *event),
	(epoll, op, fd, event), -1, ENOMEM)
WRAPPED(int, listen, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)
WRAPPED(int, pthread_create,
	(pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context),
	(thread, attributes, run, context), EAGAIN, EAGAIN)
