/*
 * lab - the race laboratory: one race run by different ways of locking, and what each way cost.
 *
 *     struct lab_plan plan = { .terms = lab_terms_default };
 *     if (!lab_plan_pick(&plan, "last-unit,hot-row", NULL, complaint))
 *             ...tell the complaint...
 *     r = lab_run(&plan, &watch);         // watch.finished() gets a result after each race
 *
 * A scenario is what the clients want; a strategy is one way to carry it out, right or wrong. Each
 * race has real threads, a database of its own in a temporary folder, and commits that are durable
 * (WAL, synchronous=FULL) whatever the strategy, but for the one whose store is in memory
 * (front_ends.h). The folder is gone when lab_run() returns, and
 * the next run or server removes one whose process was killed (ops/leftover.h).
 *
 * Nothing is staged: what goes wrong in the wrong ways is what the clients were told against what
 * the database holds afterwards.
 *
 * Threads: lab_run() makes its own, and is called by one at a time. watch.must_stop may be set from
 * anywhere, a signal handler too.
 */
#pragma once
#include "core/limits.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { LAB_PICKS_MAX = 32, LAB_COMPLAINT_BYTES = 160 };

struct course; /* what the clients of a scenario do; race.h */
struct way;    /* how a strategy does it; race.h */

struct lab_strategy {
	const char *name;
	bool is_right;
	const char *reads; /* "locked" or "snapshot" where the race is about reads, else NULL */
	const char *text;  /* a sentence: how it is done */
	const struct way *way;
};

struct lab_scenario {
	const char *name;
	const char *title;
	const char *text;    /* who does what */
	const char *counted; /* what is counted as harm, or compared */
	int strategy_count;
	const struct lab_strategy *strategies; /* wrong ones first */
	const struct course *course;
};

/* Every scenario there is. */
extern const struct lab_scenario lab_scenarios[];
extern const int lab_scenario_count;

/* "0.2.0+1a2b3c4": version and commit that this was built from. */
extern const char lab_build[];

struct lab_terms {
	int64_t clients;  /* 2 to LAB_CLIENTS_MAX */
	int64_t seconds;  /* of each race, 1 to LAB_SECONDS_MAX */
	int64_t think_us; /* between a client's look and its write, 0 to LAB_THINK_US_MAX */
	int64_t seed;     /* fixes what the clients choose and how long they think */
};

extern const struct lab_terms lab_terms_default;

/* One race: a scenario by a strategy. */
struct lab_pick {
	const struct lab_scenario *scenario;
	const struct lab_strategy *strategy;
};

struct lab_plan {
	struct lab_terms terms;
	int64_t race_ms;    /* instead of terms.seconds, for tests; 0: not */
	const char *folder; /* temporary folders are made here; NULL: $TMPDIR, or else /var/tmp */
	int pick_count;
	struct lab_pick picks[LAB_PICKS_MAX];
};

/*
 * Fills the picks: every strategy of every scenario, or those in the lists, "a,b"; NULL: all.
 * False: a name is not known, or nothing is left; the complaint says so in a sentence.
 */
bool lab_plan_pick(struct lab_plan *plan, const char *scenarios, const char *strategies,
		   char complaint[LAB_COMPLAINT_BYTES]);

struct lab_result {
	struct lab_pick pick;
	int64_t clients;
	double seconds;   /* that it lasted */
	int64_t attempts; /* updates that were tried: committed, refused, or given up */
	int64_t committed;
	int64_t refused;
	int64_t lost_updates; /* acknowledged, and not in the database; or overwritten by a count */
	int64_t oversold;     /* units sold beyond what there was */
	int64_t double_effects; /* effects of an order beyond its first */
	int64_t deadlocks;      /* found by their timeout, and resolved by giving one update up */
	int64_t retries;
	int64_t longest_queue; /* clients that waited at one time */
	int64_t reads;
	double updates_per_s;
	double reads_per_s;
	double p50_ms; /* of an update as its client saw it, think time and all; */
	double p99_ms; /* of a read where the race is about reads */
};

/* Something that a right way must never show. */
static inline int64_t lab_result_harm(const struct lab_result *r)
{
	return r->lost_updates + r->oversold + r->double_effects + r->deadlocks;
}

struct lab_watch {
	atomic_bool must_stop;
	/* Several times a second, and when a race begins: which one, and how much of it is over. */
	void (*progress)(void *context, int pick_index, double fraction);
	/* Not for a race that was stopped. */
	void (*finished)(void *context, int pick_index, const struct lab_result *result);
	void *context;
};

/*
 * Runs every pick, one after the other. 0, -ECANCELED when it was stopped, or a fault. What the
 * calling thread does from then on is not counted in the metrics.
 */
int lab_run(const struct lab_plan *plan, struct lab_watch *watch);

/* Removes the folders of runs that were killed; lab_run() does that, too. */
void lab_clean_up(const char *folder);

/* What the results mean, in plain words: a sentence a line. */
struct text;
void lab_read_results(struct text *out, const struct lab_result results[], int count);

/* {"scenario","strategy","reads","clients","attempts",...}: the result as an object. */
struct json;
void lab_result_write(struct json *j, const struct lab_result *r);

/* {"build","seed","runs":[...]} */
void lab_results_write(struct json *j, const struct lab_terms *terms,
		       const struct lab_result results[], int count);
