#include "lab/row_locks.h"
#include "base/clock.h"
#include "base/fault.h"
#include <stdlib.h>

enum { NOBODY = -1, NOTHING = -1 };

struct row_lock {
	pthread_mutex_t mutex;
	atomic_int owner; /* index of a racer, or NOBODY */
};

struct row_locks {
	pthread_mutex_t judge; /* one looks for a circle at a time, so that it has one victim */
	atomic_int waits_for[LAB_CLIENTS_MAX]; /* row of each racer, or NOTHING */
	int row_count;
	struct row_lock rows[];
};

int row_locks_create(int row_count, struct row_locks **ret)
{
	struct row_locks *l = calloc(1, sizeof(*l) + sizeof(l->rows[0]) * (size_t)row_count);

	if (l == NULL)
		return FAULT(-ENOMEM);
	l->row_count = row_count;
	CHECK(pthread_mutex_init(&l->judge, NULL) == 0);
	for (int i = 0; i < LAB_CLIENTS_MAX; i++)
		atomic_init(&l->waits_for[i], NOTHING);
	for (int i = 0; i < row_count; i++) {
		CHECK(pthread_mutex_init(&l->rows[i].mutex, NULL) == 0);
		atomic_init(&l->rows[i].owner, NOBODY);
	}
	*ret = l;
	return 0;
}

void row_locks_destroy(struct row_locks *l)
{
	if (l == NULL)
		return;
	for (int i = 0; i < l->row_count; i++)
		CHECK(pthread_mutex_destroy(&l->rows[i].mutex) == 0);
	CHECK(pthread_mutex_destroy(&l->judge) == 0);
	free(l);
}

/* Does the chain of owners that waits for this row lead back to me? */
static bool leads_back(struct row_locks *l, int me, int row)
{
	for (int steps = 0; steps < LAB_CLIENTS_MAX; steps++) {
		int owner = atomic_load(&l->rows[row].owner);

		if (owner == me || owner == NOBODY)
			return owner == me;
		row = atomic_load(&l->waits_for[owner]);
		if (row == NOTHING)
			return false;
	}
	return false; /* a circle, but I am not in it: one of those who are will find it */
}

static bool is_victim(struct row_locks *l, int me, int row)
{
	bool is_deadlock;

	CHECK(pthread_mutex_lock(&l->judge) == 0);
	is_deadlock = leads_back(l, me, row);
	if (is_deadlock)
		atomic_store(&l->waits_for[me], NOTHING);
	CHECK(pthread_mutex_unlock(&l->judge) == 0);
	return is_deadlock;
}

static bool take_within(pthread_mutex_t *m, int64_t ms)
{
	int64_t until_ms = clock_utc_ms() + ms;
	struct timespec until = { .tv_sec = until_ms / MS_PER_S,
				  .tv_nsec = until_ms % MS_PER_S * NS_PER_MS };

	return pthread_mutex_timedlock(m, &until) == 0;
}

bool row_lock_take(struct racer *r, int row)
{
	struct row_locks *l = r->race->locks;
	bool is_mine;

	CHECK(row < l->row_count);
	atomic_store(&l->waits_for[r->index], row);
	race_queue_enter(r->race);
	do {
		is_mine = take_within(&l->rows[row].mutex, DEADLOCK_MS);
	} while (!is_mine && !is_victim(l, r->index, row));
	race_queue_leave(r->race);
	if (is_mine) {
		atomic_store(&l->rows[row].owner, r->index);
		atomic_store(&l->waits_for[r->index], NOTHING);
	}
	return is_mine;
}

void row_lock_give(struct racer *r, int row)
{
	struct row_lock *lock = &r->race->locks->rows[row];

	CHECK(atomic_load(&lock->owner) == r->index);
	atomic_store(&lock->owner, NOBODY);
	CHECK(pthread_mutex_unlock(&lock->mutex) == 0);
}
