/*
 * races - the laboratory itself: wrong ways do their harm, right ways never do, and nothing is
 * left.
 *
 *     races ROUNDS        each scenario so many times, each time with another seed
 */
#include "lab/lab.h"
#include "unit.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A race is as long as it need be: where the machine is busy, and nothing could happen within
 * RACE_MS, it is run again for twice as long.
 */
enum { RACE_MS = 150, RACE_MS_MAX = RACE_MS << 6 };

/* What is on the shelf of two front ends: lab/courses.c. */
enum { SHELF_UNITS = 50000 };

static int round_count;
static char folder[64];

/* What the races of one plan came to. */
struct outcome_list {
	int count;
	struct lab_result results[LAB_PICKS_MAX];
};

static void keep(void *context, int pick_index, const struct lab_result *result)
{
	struct outcome_list *o = context;

	(void)pick_index;
	o->results[o->count++] = *result;
}

static bool is_folder_empty(void)
{
	DIR *d = opendir(folder);
	int count = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count == 2; /* itself, and the one above */
}

static void run(const char *scenarios, const char *strategies, int seed, int race_ms,
		struct outcome_list *ret)
{
	struct lab_plan plan = { .terms = lab_terms_default, .race_ms = race_ms, .folder = folder };
	struct lab_watch watch = { .finished = keep, .context = ret };
	char complaint[LAB_COMPLAINT_BYTES];

	plan.terms.seed = seed;
	plan.terms.clients = 8;
	ret->count = 0;
	assert_true(lab_plan_pick(&plan, scenarios, strategies, complaint));
	assert_int_equal(lab_run(&plan, &watch), 0);
	assert_int_equal(ret->count, plan.pick_count);
	assert_true(is_folder_empty());
}

static bool must_harm_be_done(const struct lab_result *r)
{
	return !r->pick.strategy->is_right && r->pick.strategy->reads == NULL;
}

/* Has each of the races shown what it is there to show? */
static bool has_happened(const struct outcome_list *o)
{
	for (int i = 0; i < o->count; i++) {
		const struct lab_result *r = &o->results[i];

		if (r->committed + r->deadlocks == 0 ||
		    (must_harm_be_done(r) && lab_result_harm(r) == 0))
			return false;
	}
	return true;
}

static void expect_harm(const struct lab_result *r, int seed)
{
	bool must_harm = must_harm_be_done(r);
	int64_t harm = lab_result_harm(r);

	if (harm != 0 && !must_harm)
		fail_msg("%s by %s did harm with seed %d: %lld", r->pick.scenario->name,
			 r->pick.strategy->name, seed, (long long)harm);
	if (harm == 0 && must_harm)
		fail_msg("%s by %s did no harm with seed %d", r->pick.scenario->name,
			 r->pick.strategy->name, seed);
}

static void hold_result(const struct lab_result *r, int seed)
{
	expect_harm(r, seed);
	assert_int_equal(r->attempts, r->committed + r->refused + r->deadlocks);
	assert_true(r->committed + r->deadlocks > 0);
	assert_true(r->p50_ms <= r->p99_ms);
	assert_true(r->p99_ms > 0);
}

static void hold_scenario(const char *name)
{
	static struct outcome_list o;

	for (int seed = 1; seed <= round_count; seed++) {
		int race_ms = RACE_MS;

		run(name, NULL, seed, race_ms, &o);
		while (!has_happened(&o) && (race_ms *= 2) <= RACE_MS_MAX)
			run(name, NULL, seed, race_ms, &o);
		for (int i = 0; i < o.count; i++)
			hold_result(&o.results[i], seed);
	}
}

static void the_last_unit_is_sold_once_by_right_ways_only(void **state)
{
	(void)state;
	hold_scenario("last-unit");
}

static void a_hot_row_loses_updates_without_a_lock_only(void **state)
{
	(void)state;
	hold_scenario("hot-row");
}

static void opposite_lock_orders_deadlock(void **state)
{
	(void)state;
	hold_scenario("transfer-abba");
}

static void an_order_sent_twice_counts_twice_without_a_key(void **state)
{
	(void)state;
	hold_scenario("double-submit");
}

static void a_count_overwrites_sales_unless_it_says_as_of_when(void **state)
{
	(void)state;
	hold_scenario("count-while-selling");
}

static void reads_are_read(void **state)
{
	static struct outcome_list o;

	(void)state;
	hold_scenario("read-under-write");
	run("read-under-write", NULL, 1, 8 * RACE_MS, &o);
	for (int i = 0; i < o.count; i++)
		assert_true(o.results[i].reads > 0);
}

static void front_ends_with_locks_of_their_own_lose_updates(void **state)
{
	(void)state;
	hold_scenario("two-front-ends");
}

/* Without think time the shelf is empty long before the race would end. */
static void two_front_ends_sell_each_unit_of_a_shelf_once(void **state)
{
	struct lab_plan plan = { .terms = lab_terms_default, .race_ms = 60000, .folder = folder };
	static struct outcome_list o;
	struct lab_watch watch = { .finished = keep, .context = &o };
	char complaint[LAB_COMPLAINT_BYTES];

	(void)state;
	plan.terms.think_us = 0;
	assert_true(lab_plan_pick(&plan, "two-front-ends", "front-ends", complaint));
	assert_int_equal(lab_run(&plan, &watch), 0);
	assert_int_equal(o.count, 1);
	assert_int_equal(o.results[0].committed, SHELF_UNITS);
	assert_int_equal(lab_result_harm(&o.results[0]), 0);
	assert_true(is_folder_empty());
}

/* ---------------------------------------------------------------- stopping */

/* Stops the race that it watches as soon as it has begun. */
static void stop_at_once(void *context, int pick_index, double fraction)
{
	struct lab_watch *watch = context;

	(void)pick_index;
	(void)fraction;
	atomic_store(&watch->must_stop, true);
}

static void a_race_that_is_stopped_leaves_nothing(void **state)
{
	struct lab_plan plan = { .terms = lab_terms_default, .race_ms = 60000, .folder = folder };
	struct lab_watch watch = { .progress = stop_at_once };
	char complaint[LAB_COMPLAINT_BYTES];

	(void)state;
	watch.context = &watch;
	for (int i = 0; i < lab_scenario_count; i++) {
		atomic_store(&watch.must_stop, false);
		assert_true(lab_plan_pick(&plan, lab_scenarios[i].name, NULL, complaint));
		assert_int_equal(lab_run(&plan, &watch), -ECANCELED);
		assert_true(is_folder_empty());
	}
}

static void a_folder_that_is_not_there_is_a_fault(void **state)
{
	struct lab_plan plan = { .terms = lab_terms_default, .race_ms = 1, .folder = "/nowhere" };
	struct lab_watch watch = { 0 };
	char complaint[LAB_COMPLAINT_BYTES];

	(void)state;
	assert_true(lab_plan_pick(&plan, NULL, NULL, complaint));
	assert_int_equal(lab_run(&plan, &watch), -ENOENT);
}

/* ---------------------------------------------------------------- all of them */

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/rowlock-races-XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_unit_is_sold_once_by_right_ways_only),
		cmocka_unit_test(a_hot_row_loses_updates_without_a_lock_only),
		cmocka_unit_test(opposite_lock_orders_deadlock),
		cmocka_unit_test(an_order_sent_twice_counts_twice_without_a_key),
		cmocka_unit_test(a_count_overwrites_sales_unless_it_says_as_of_when),
		cmocka_unit_test(reads_are_read),
		cmocka_unit_test(front_ends_with_locks_of_their_own_lose_updates),
		cmocka_unit_test(two_front_ends_sell_each_unit_of_a_shelf_once),
		cmocka_unit_test(a_race_that_is_stopped_leaves_nothing),
		cmocka_unit_test(a_folder_that_is_not_there_is_a_fault),
	};

	round_count = argc == 2 ? atoi(argv[1]) : 0;
	if (round_count < 1) {
		fprintf(stderr, "usage: races ROUNDS\n");
		return 64;
	}
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
