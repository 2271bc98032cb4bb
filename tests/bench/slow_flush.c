/*
 * slow_flush - a disk that is as slow as a real one: a flush takes at least so long.
 *
 *     LD_PRELOAD=slow_flush.so SLOW_FLUSH_MS=2 PROGRAM ...
 *
 * The disks of virtual machines often promise durability within 0.1 ms; a disk of one's own takes
 * 0.5 to 10 ms. What that changes is not only a factor: who shares a flush with whom decides then.
 * So fsync() and fdatasync() of whichever program do what they always do, and return once
 * SLOW_FLUSH_MS milliseconds (a decimal number, 0 to 1000; 2 where it is not set) have passed since
 * they were called. One that takes longer by itself is not delayed, and one that fails fails at
 * once: nobody waits for an error.
 *
 * What is not delayed: sync_file_range(), msync() and files opened with O_SYNC or O_DSYNC, with
 * which none of the measured programs makes anything durable (PostgreSQL would with another
 * wal_sync_method than its default here, fdatasync).
 *
 * Threads: any. Programs that are linked statically do not see it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MS_DEFAULT    2.0
#define MS_MAX        1000.0
#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS     1e6

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int64_t least_ns;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A mistake in the setting must not look like a fast disk. */
static double least_ms(void)
{
	const char *text = getenv("SLOW_FLUSH_MS");
	char *end;
	double ms;

	if (text == NULL)
		return MS_DEFAULT;
	ms = strtod(text, &end);
	if (end != text && *end == '\0' && ms >= 0 && ms <= MS_MAX)
		return ms;
	fprintf(stderr, "slow_flush: SLOW_FLUSH_MS is a number of 0 to %.0f, not \"%s\"\n", MS_MAX,
		text);
	abort();
}

static void prepare(void)
{
	real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	if (real_fsync == NULL || real_fdatasync == NULL)
		abort();
	least_ns = (int64_t)(least_ms() * NS_PER_MS);
}

static void sleep_until(struct timespec begun, int64_t ns)
{
	int64_t until = begun.tv_nsec + ns;
	struct timespec due = { .tv_sec = begun.tv_sec + until / NS_PER_SECOND,
				.tv_nsec = until % NS_PER_SECOND };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		;
}

static int flush_slowly(int (*const *real)(int), int fd)
{
	struct timespec begun;
	int result, error;

	pthread_once(&once, prepare);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	result = (*real)(fd);
	error = errno;
	if (result == 0)
		sleep_until(begun, least_ns);
	errno = error;
	return result;
}

int fsync(int fd)
{
	return flush_slowly(&real_fsync, fd);
}

int fdatasync(int fd)
{
	return flush_slowly(&real_fdatasync, fd);
}
