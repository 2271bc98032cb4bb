#include "base/text.h"
#include "lab/race.h"
#include "lab/row_locks.h"
#include "unit.h"
#include "wire/json_write.h"
#include <stdlib.h>

/* ---------------------------------------------------------------- picking */

static const struct pick_row {
	const char *what;
	const char *scenarios;
	const char *strategies;
	int count; /* 0: refused */
	const char *complaint;
} pick_rows[] = {
	{ "all there is", NULL, NULL, 25, "" },
	{ "one scenario", "hot-row", NULL, 6, "" },
	{ "two of them", "hot-row,transfer-abba", NULL, 9, "" },
	{ "a strategy wherever it is", NULL, "row-group", 3, "" },
	{ "of two front ends", "two-front-ends", "own-locks,front-ends", 2, "" },
	{ "both", "hot-row,last-unit", "none,row", 4, "" },
	{ "no such scenario", "hot", NULL, 0, "there is no scenario 'hot'" },
	{ "an empty word", "hot-row,", NULL, 0, "there is no scenario ''" },
	{ "no such strategy", NULL, "row,luck", 0, "there is no strategy 'luck'" },
	{ "no such pair", "double-submit", "row", 0,
	  "none of these scenarios has such a strategy" },
};

static void plans_are_picked_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(pick_rows); i++) {
		const struct pick_row *row = &pick_rows[i];
		char complaint[LAB_COMPLAINT_BYTES] = "";
		struct lab_plan plan = { .pick_count = 0 };
		bool is_picked = lab_plan_pick(&plan, row->scenarios, row->strategies, complaint);

		ROW_EXPECT(row->what, is_picked == (row->count > 0));
		ROW_EXPECT(row->what, plan.pick_count == row->count);
		ROW_EXPECT(row->what, strcmp(complaint, row->complaint) == 0);
	}
}

static void every_strategy_can_do_what_its_scenario_asks(void **state)
{
	(void)state;
	for (int i = 0; i < lab_scenario_count; i++) {
		const struct lab_scenario *s = &lab_scenarios[i];

		assert_non_null(s->course->next);
		assert_non_null(s->course->settle);
		assert_false(s->strategies[0].is_right);
		assert_true(s->strategies[s->strategy_count - 1].is_right);
		for (int j = 0; j < s->strategy_count; j++)
			assert_non_null(s->strategies[j].way->update);
	}
}

/* ---------------------------------------------------------------- choices */

static void choices_of(int64_t seed, int index, int64_t choices[16])
{
	struct race *race = calloc(1, sizeof(*race));
	struct lab_terms terms = { .seed = seed };

	assert_non_null(race);
	race->terms = &terms;
	racer_init(&race->racers[index], race, index);
	for (int i = 0; i < 16; i++)
		choices[i] = racer_choose(&race->racers[index], 1000);
	free(race);
}

static void a_seed_fixes_what_each_client_chooses(void **state)
{
	int64_t one[16], again[16], other_client[16], other_seed[16];

	(void)state;
	choices_of(7, 3, one);
	choices_of(7, 3, again);
	choices_of(7, 4, other_client);
	choices_of(8, 3, other_seed);
	assert_memory_equal(one, again, sizeof(one));
	assert_memory_not_equal(one, other_client, sizeof(one));
	assert_memory_not_equal(one, other_seed, sizeof(one));
	for (int i = 0; i < 16; i++)
		assert_in_range(one[i], 0, 999);
}

/* ---------------------------------------------------------------- how long things took */

static void a_cell_holds_its_values(void **state)
{
	int64_t values[] = { 0, 1, 63, 64, 65, 127, 128, 1000, 123456789, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(values); i++) {
		int cell = histogram_cell(values[i]);

		assert_true(cell < HISTOGRAM_CELLS);
		assert_true(histogram_cell_end(cell) >= values[i]);
		assert_true(cell == 0 || histogram_cell_end(cell - 1) < values[i]);
	}
	assert_int_equal(histogram_cell(-5), 0);
}

static void quantiles_are_right_to_3_percent(void **state)
{
	struct histogram *h = calloc(2, sizeof(*h));

	(void)state;
	assert_non_null(h);
	assert_int_equal(histogram_quantile(h, 0.99), 0);
	for (int64_t i = 1; i <= 10000; i++)
		histogram_add(&h[i % 2], i * 1000);
	histogram_merge(&h[0], &h[1]);
	assert_int_equal(h[0].count, 10000);
	assert_in_range(histogram_quantile(&h[0], 0.50), 5000000, 5000000 * 1.033);
	assert_in_range(histogram_quantile(&h[0], 0.99), 9900000, 9900000 * 1.033);
	free(h);
}

/* ---------------------------------------------------------------- deadlocks */

/* Two racers that each hold a row, and then want the other one's. */
struct embrace {
	struct race *race;
	pthread_barrier_t both_hold;
	atomic_int got_count;
};

static void hold_and_want(struct embrace *e, int index)
{
	struct racer *r = &e->race->racers[index];
	bool holds = row_lock_take(r, index);

	pthread_barrier_wait(&e->both_hold);
	if (row_lock_take(r, 1 - index)) {
		atomic_fetch_add(&e->got_count, 1);
		row_lock_give(r, 1 - index);
	}
	if (holds)
		row_lock_give(r, index);
}

static void *other_one(void *context)
{
	hold_and_want(context, 1);
	return NULL;
}

static void a_deadlock_has_one_victim(void **state)
{
	struct lab_terms terms = { .clients = 2 };
	struct embrace e = { .race = calloc(1, sizeof(*e.race)) };
	pthread_t thread;

	(void)state;
	assert_non_null(e.race);
	e.race->terms = &terms;
	racer_init(&e.race->racers[0], e.race, 0);
	racer_init(&e.race->racers[1], e.race, 1);
	assert_int_equal(row_locks_create(2, &e.race->locks), 0);
	assert_int_equal(pthread_barrier_init(&e.both_hold, NULL, 2), 0);

	assert_int_equal(pthread_create(&thread, NULL, other_one, &e), 0);
	hold_and_want(&e, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(e.got_count, 1);
	assert_int_equal(atomic_load(&e.race->longest_queue), 1);

	assert_int_equal(pthread_barrier_destroy(&e.both_hold), 0);
	row_locks_destroy(e.race->locks);
	free(e.race);
}

/* ---------------------------------------------------------------- telling */

/* A result of hot-row by the strategy with this name, and a rate. */
static struct lab_result result_of(const char *strategy, double updates_per_s)
{
	struct lab_plan plan = { .pick_count = 0 };
	char complaint[LAB_COMPLAINT_BYTES];

	assert_true(lab_plan_pick(&plan, "hot-row", strategy, complaint));
	return (struct lab_result){ .pick = plan.picks[0],
				    .clients = 8,
				    .committed = 100,
				    .updates_per_s = updates_per_s };
}

static void results_are_read_in_plain_words(void **state)
{
	struct lab_result results[] = { result_of("none", 300), result_of("row", 200),
					result_of("row-group", 1500) };
	struct text t;

	(void)state;
	results[0].lost_updates = 70;
	results[0].oversold = 1;
	text_init(&t);
	lab_read_results(&t, results, LENGTH_OF(results));
	assert_string_equal(t.data,
			    "none: 1 unit was sold that was not there, 70 acknowledged updates are "
			    "lost, in 100 committed updates.\n"
			    "row, row-group: no harm was done.\n"
			    "row-group made 7.5 times as many updates a second as row.\n");
	text_fini(&t);
}

static void a_right_way_that_does_harm_is_called_a_bug(void **state)
{
	struct lab_result result = result_of("row", 200);
	struct text t;

	(void)state;
	result.deadlocks = 2;
	text_init(&t);
	lab_read_results(&t, &result, 1);
	assert_string_equal(t.data, "row: 2 deadlocks, in 100 committed updates. This must not "
				    "be: it is a bug.\n");
	text_fini(&t);
}

static void results_are_written_as_json(void **state)
{
	struct lab_terms terms = { .seed = 9 };
	struct lab_result result = result_of("none", 300.06);
	struct text t, expected;
	struct json j = json_begin(&t);

	(void)state;
	result.p99_ms = 1.5;
	text_init(&t);
	text_init(&expected);
	lab_results_write(&j, &terms, &result, 1);
	text_add_format(&expected,
			"{\"build\":\"%s\",\"seed\":9,\"runs\":[{\"scenario\":\"hot-row\","
			"\"strategy\":\"none\",\"reads\":null,\"clients\":8,\"attempts\":0,"
			"\"committed\":100,\"refused\":0,\"lost_updates\":0,\"oversold\":0,"
			"\"double_effects\":0,\"deadlocks\":0,\"updates_per_s\":300.1,"
			"\"reads_per_s\":0.0,\"p50_ms\":0.000,\"p99_ms\":1.500,\"retries\":0}]}",
			lab_build);
	assert_string_equal(t.data, expected.data);
	text_fini(&t);
	text_fini(&expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_are_picked_by_name),
		cmocka_unit_test(every_strategy_can_do_what_its_scenario_asks),
		cmocka_unit_test(a_seed_fixes_what_each_client_chooses),
		cmocka_unit_test(a_cell_holds_its_values),
		cmocka_unit_test(quantiles_are_right_to_3_percent),
		cmocka_unit_test(a_deadlock_has_one_victim),
		cmocka_unit_test(results_are_read_in_plain_words),
		cmocka_unit_test(a_right_way_that_does_harm_is_called_a_bug),
		cmocka_unit_test(results_are_written_as_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
