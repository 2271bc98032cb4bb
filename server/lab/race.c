#include "lab/race.h"
#include "base/fault.h"
#include <time.h>

/* So often a sleeper looks whether the race is over. */
enum { TICK_US = 50000 };

enum verdict race_fail(struct race *race, int fault)
{
	int none = 0;

	CHECK(fault < 0);
	atomic_compare_exchange_strong(&race->fault, &none, fault);
	atomic_store(&race->is_over, true);
	return VERDICT_FAILED;
}

void race_queue_saw(struct race *race, int length)
{
	int longest = atomic_load(&race->longest_queue);

	while (length > longest &&
	       !atomic_compare_exchange_weak(&race->longest_queue, &longest, length))
		;
}

void race_queue_enter(struct race *race)
{
	/* Who is served is in no queue any more, so one that finds nobody waits for nobody. */
	race_queue_saw(race, atomic_fetch_add(&race->queue_length, 1));
}

void race_queue_leave(struct race *race)
{
	atomic_fetch_sub(&race->queue_length, 1);
}

/* SplitMix64 (Steele, Lea, Flood 2014): any seed will do, and each racer has its own. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

void racer_init(struct racer *r, struct race *race, int index)
{
	*r = (struct racer){ .race = race, .index = index };
	r->random = (uint64_t)race->terms->seed * UINT64_C(0x2545F4914F6CDD1D) + (uint64_t)index;
}

int64_t racer_choose(struct racer *r, int64_t below)
{
	CHECK(below > 0);
	return (int64_t)(draw(&r->random) % (uint64_t)below);
}

int64_t race_doze(int64_t left_us)
{
	int64_t us = left_us < TICK_US ? left_us : TICK_US;
	struct timespec t = { .tv_sec = 0, .tv_nsec = us * 1000 };

	if (us > 0)
		nanosleep(&t, NULL); /* a signal may cut it short: one think time among many */
	return left_us - us;
}

void racer_think(struct racer *r)
{
	racer_think_long(r, 1);
}

void racer_think_long(struct racer *r, int times)
{
	int64_t us = r->race->terms->think_us * times;
	int64_t left_us = us / 2 + racer_choose(r, us + 1);

	while (left_us > 0 && !race_is_over(r->race))
		left_us = race_doze(left_us);
}
