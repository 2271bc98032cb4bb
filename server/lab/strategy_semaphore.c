/*
 * semaphore - one POSIX semaphore for the whole shop. Right.
 *
 * The simplest thing that works: only one client at a time looks, thinks and writes. A semaphore is
 * right for any number of rows, and everybody waits for everybody, also for those who want other
 * rows; each update pays for its own flush, and the next one waits for that, too.
 */
#include "lab/till.h"
#include <errno.h>

static void enter(struct race *race)
{
	race_queue_enter(race);
	while (sem_wait(&race->door) != 0)
		CHECK(errno == EINTR);
	race_queue_leave(race);
}

static enum verdict look_and_write(struct racer *r, const struct wished_change *c)
{
	int64_t level = till_level(r->till, c->row);

	if (level + c->delta < 0)
		return VERDICT_REFUSED;
	racer_think(r);

	till_begin(r->till);
	till_put(r->till, c->row, level + c->delta);
	till_book(r->till, c->row, c->delta);
	till_commit(r->till);
	return till_verdict(r->till);
}

static enum verdict semaphore_update(struct racer *r, const struct wish *w)
{
	enum verdict v;

	enter(r->race);
	v = look_and_write(r, &w->changes[0]);
	CHECK(sem_post(&r->race->door) == 0);
	return v;
}

const struct way way_semaphore = { .update = semaphore_update };
