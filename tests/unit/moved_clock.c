#include "moved_clock.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_int_fast64_t passed_ms;     /* all clocks are ahead of the machine's by this */
static atomic_int_fast64_t wall_ahead_ms; /* and the wall clock by this, too */

void time_passes(int64_t ms)
{
	atomic_fetch_add(&passed_ms, ms);
}

void time_set_wall(int64_t ahead_ms)
{
	atomic_store(&wall_ahead_ms, ahead_ms);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int64_t ms = atomic_load(&passed_ms) +
		     (clock == CLOCK_REALTIME ? atomic_load(&wall_ahead_ms) : 0);
	int r = (int)syscall(SYS_clock_gettime, clock, ret);

	ret->tv_sec += ms / 1000;
	ret->tv_nsec += ms % 1000 * 1000000;
	if (ret->tv_nsec >= 1000000000) {
		ret->tv_sec++;
		ret->tv_nsec -= 1000000000;
	}
	return r;
}

/* Who sleeps until a moment of these clocks sleeps as long as it is to go. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
			   const struct timespec *restrict until)
{
	int64_t until_ns = until->tv_sec * INT64_C(1000000000) + until->tv_nsec -
			   atomic_load(&passed_ms) * 1000000;
	struct timespec by_the_machine = { 0 }; /* time passed while it was about to sleep */

	if (until_ns > 0) {
		by_the_machine.tv_sec = until_ns / 1000000000;
		by_the_machine.tv_nsec = until_ns % 1000000000;
	}
	return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &by_the_machine);
}
