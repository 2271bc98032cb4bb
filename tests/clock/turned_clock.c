/*
 * turned_clock - a machine whose clocks a test turns, for a program that is none the wiser.
 *
 *     LD_PRELOAD=turned_clock.so TURNED_CLOCK=FILE rowlockd ...
 *
 * FILE holds two numbers of 64 bits, in nanoseconds: what is added to the wall clock, and what is
 * added to the boot clock. The monotonic clock is left alone: it does not count while a machine
 * sleeps, and timeouts go by it. Whoever maps the file turns the clocks of all who were started so,
 * at once; without TURNED_CLOCK nothing is changed.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { WALL, BOOT, CLOCKS };

static int64_t right[CLOCKS];
static const volatile int64_t *turned;

__attribute__((constructor)) static void map_file(void)
{
	const char *path = getenv("TURNED_CLOCK");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *file = MAP_FAILED;

	if (fd >= 0) {
		file = mmap(NULL, sizeof(right), PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	turned = file == MAP_FAILED ? right : file;
}

static void turn(struct timespec *t, int64_t by_ns)
{
	int64_t ns = t->tv_nsec + by_ns % 1000000000;

	t->tv_sec += by_ns / 1000000000 + (ns < 0 ? -1 : ns / 1000000000);
	t->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	long r = syscall(SYS_clock_gettime, clock, t);

	if (r == 0 && turned != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		turn(t, turned[WALL]);
	if (r == 0 && turned != NULL && clock == CLOCK_BOOTTIME)
		turn(t, turned[BOOT]);
	return (int)r;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret != NULL)
		*ret = now.tv_sec;
	return now.tv_sec;
}
