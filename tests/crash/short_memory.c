/*
 * short_memory - a program whose n-th allocation fails, and no other.
 *
 *     LD_PRELOAD=short_memory.so SHORT_MEMORY_AT=7 rowlockd token list ...
 *
 * Its allocations are counted from 1, and those of its libraries; but none of the C library's own,
 * whose look-up of a user's name does not survive such a failure. SHORT_MEMORY_FD names a
 * descriptor that is written to when the failure has come, so that whoever asked for it knows when
 * there are no more.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What glibc's own are called beneath. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

static atomic_long left = -1; /* below 0: nothing is counted */
static int fd = -1;

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("SHORT_MEMORY_AT"), *told = getenv("SHORT_MEMORY_FD");

	fd = told != NULL ? atoi(told) : -1;
	left = at != NULL ? atol(at) : -1;
}

static int is_of_libc(const void *caller)
{
	Dl_info where;

	return dladdr(caller, &where) == 0 || strstr(where.dli_fname, "libc.so") != NULL;
}

static int must_fail(const void *caller)
{
	if (left < 0 || is_of_libc(caller) || atomic_fetch_sub(&left, 1) != 1)
		return 0;
	left = -1;
	if (fd >= 0 && write(fd, "!", 1) != 1)
		abort();
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t bytes)
{
	return must_fail(__builtin_return_address(0)) ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return must_fail(__builtin_return_address(0)) ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
	return must_fail(__builtin_return_address(0)) ? NULL : __libc_realloc(old, bytes);
}
