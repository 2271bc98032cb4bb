/*
 * race - one race: clients of a scenario who all want something, and one way to carry it out.
 *
 *     course (scenario)                         way (strategy)
 *     next():  "sell one of row 3"  ──────────> update(): look, think, write
 *     after(): what it came to      <────────── DONE, REFUSED, DEADLOCK
 *     settle(): what the clients were told, against what the database holds
 *
 * A way works either at tills (plain SQLite, till.h) or at desks (the service's engine, desk.h);
 * desks may be those of two engines over one store (front_ends.h).
 * Here is what tills, desks, ways and courses know of the race; race_run.h lets it be run.
 *
 * Threads: each racer is one. What is in the race itself is set before they start, or atomic.
 */
#pragma once
#include "base/arena.h"
#include "lab/histogram.h"
#include "lab/lab.h"
#include <pthread.h>
#include <semaphore.h>

struct desk;
struct memory;
struct race;
struct row_locks;
struct service;
struct till;

/* In scenarios of several front ends, client i is at front end i % LAB_FRONT_ENDS. */
enum { LAB_FRONT_ENDS = 2 };

enum verdict {
	VERDICT_DONE,
	VERDICT_REFUSED,  /* too few units; or this order was booked before */
	VERDICT_DEADLOCK, /* given up so that others can go on; nothing was done */
	VERDICT_STOPPED,  /* the race ended first; nothing was done */
	VERDICT_FAILED,   /* a fault, which race_fail() was told */
};

enum race_part { PART_UPDATE, PART_COUNT, PART_READ };

/* What a client wants: a sale changes one row, a transfer two. */
struct wish {
	enum race_part part;
	int change_count;
	struct wished_change {
		int row;
		int64_t delta;
	} changes[2];
	int64_t order; /* the number of the order, where orders have one */
};

struct tally {
	int64_t attempts, committed, refused, deadlocks, retries, reads;
	int64_t overwritten; /* sales that a count made undone */
	struct histogram updates;
	struct histogram read_times;
};

struct racer {
	struct race *race;
	int index;
	uint64_t random; /* state of its own generator */
	pthread_t thread;
	struct till *till; /* one of the two */
	struct desk *desk;
	int64_t drift; /* of who counts: units that the books have and the shelf has not */
	struct tally tally;
};

/* How a strategy carries a wish out. */
struct way {
	bool is_at_desk;
	bool has_row_locks;
	bool has_front_ends; /* at desks: two engines over one store (front_ends.h) */
	enum verdict (*update)(struct racer *r, const struct wish *w);
	enum verdict (*count)(struct racer *r, const struct wish *w); /* NULL: nobody does */
	enum verdict (*read)(struct racer *r, const struct wish *w);
};

/* What the clients of a scenario do. */
struct course {
	int row_count;
	int64_t units; /* in each row at the start */
	/* What this client wants next; false: there is nothing left to do. */
	bool (*next)(struct racer *r, struct wish *ret);
	void (*after)(struct racer *r, const struct wish *w, enum verdict v); /* may be NULL */
	/* Nobody races any more: fills in the harm. 0 or a fault. */
	int (*settle)(struct race *race, struct lab_result *result);
};

struct race {
	struct lab_pick pick;
	const struct lab_terms *terms;
	const struct course *course;
	const struct way *way;
	const char *path; /* of the database */
	atomic_bool is_over;
	atomic_int fault; /* the first; 0: none */
	atomic_int queue_length;
	atomic_int longest_queue;

	/* What the clients were told: units that came into each row, less those that went out. */
	atomic_int_fast64_t *told;
	atomic_int_fast64_t on_sale[LAB_CLIENTS_MAX]; /* the course's own */

	pthread_mutex_t till_turn;                /* of all tills: till.h */
	sem_t door;                               /* of strategy_semaphore.c */
	struct row_locks *locks;                  /* of ways that have row locks */
	struct service *services[LAB_FRONT_ENDS]; /* of ways at desks: the first, or both */
	struct memory *memory;                    /* the store of ways that have front ends */
	struct racer racers[LAB_CLIENTS_MAX];
	pthread_mutex_t start; /* held until all of them are there */
};

/* The race ends here: something failed that has nothing to do with locking. */
enum verdict race_fail(struct race *race, int fault);

static inline bool race_is_over(const struct race *race)
{
	return atomic_load(&race->is_over);
}

/* Around every wait for others, so that the longest queue is known. */
void race_queue_enter(struct race *race);
void race_queue_leave(struct race *race);

/* Raises the longest queue to `length`, where a way knows better. */
void race_queue_saw(struct race *race, int length);

/* The racer can choose and think from here on; its till or desk comes later. */
void racer_init(struct racer *r, struct race *race, int index);

/*
 * Sleeps for left_us, or for a part of it so short that the end of a race is not missed. Returns
 * what is left.
 */
int64_t race_doze(int64_t left_us);

/* 0 to below - 1, by the racer's own generator. */
int64_t racer_choose(struct racer *r, int64_t below);

/* Sleeps for about the think time, half of it to one and a half, or until the race is over. */
void racer_think(struct racer *r);

/* The same for work that takes so many times as long. */
void racer_think_long(struct racer *r, int times);

/* The ways, a file each: strategy_none.c and so on. */
extern const struct way way_none, way_semaphore, way_row, way_row_naive, way_optimistic,
	way_atomic_sql, way_row_group, way_no_key, way_key, way_set, way_as_of_seq, way_lease,
	way_locked, way_snapshot, way_own_locks, way_front_ends;
