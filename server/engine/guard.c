#include "engine/guard.h"
#include "base/check.h"
#include "base/clock.h"
#include <errno.h>

static _Thread_local struct guard *innermost;

void guard_init(struct guard *g, enum guard_rank rank)
{
	CHECK(pthread_mutex_init(&g->mutex, NULL) == 0);
	g->rank = rank;
	g->outer = NULL;
}

void guard_fini(struct guard *g)
{
	CHECK(!guard_is_mine(g));
	CHECK(pthread_mutex_destroy(&g->mutex) == 0);
}

void guard_lock(struct guard *g)
{
	CHECK(IMPLIES(innermost != NULL, innermost->rank < g->rank));
	CHECK(pthread_mutex_lock(&g->mutex) == 0);
	g->outer = innermost;
	innermost = g;
}

void guard_unlock(struct guard *g)
{
	CHECK(innermost == g);
	innermost = g->outer;
	CHECK(pthread_mutex_unlock(&g->mutex) == 0);
}

bool guard_is_mine(const struct guard *g)
{
	for (const struct guard *it = innermost; it != NULL; it = it->outer)
		if (it == g)
			return true;
	return false;
}

void signal_flag_init(struct signal_flag *s)
{
	pthread_condattr_t attributes;

	CHECK(pthread_condattr_init(&attributes) == 0);
	CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&s->condition, &attributes) == 0);
	CHECK(pthread_condattr_destroy(&attributes) == 0);
}

void signal_flag_fini(struct signal_flag *s)
{
	CHECK(pthread_cond_destroy(&s->condition) == 0);
}

void signal_flag_raise(struct signal_flag *s)
{
	CHECK(pthread_cond_signal(&s->condition) == 0);
}

void guard_wait(struct guard *g, struct signal_flag *s, int64_t until_ns)
{
	CHECK(innermost == g);
	CHECK(g->outer == NULL);

	innermost = NULL;
	if (until_ns == INT64_MAX) {
		CHECK(pthread_cond_wait(&s->condition, &g->mutex) == 0);
	} else {
		struct timespec until = { .tv_sec = until_ns / NS_PER_S,
					  .tv_nsec = until_ns % NS_PER_S };
		int r = pthread_cond_timedwait(&s->condition, &g->mutex, &until);

		CHECK(r == 0 || r == ETIMEDOUT);
	}
	g->outer = NULL; /* others may have held it behind guards of their own meanwhile */
	innermost = g;
}
