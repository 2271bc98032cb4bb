#include "core/part_size.h"
#include "unit.h"

static const int64_t now_ns = 7000000000, alone_ns = BATCH_ALONE_MS * INT64_C(1000000);

static const struct part_size none;

/* A batch that is decided without anybody else: each part looks, joins the queues, comes back. */
static void decide_part(struct part_size *p, int64_t at_ns, uint64_t *arrival_count)
{
	part_size_look(p, at_ns, *arrival_count);
	(*arrival_count)++;
	part_size_note_arrival(p);
	part_size_grow(p);
}

static void it_grows_while_nobody_else_writes(void **state)
{
	struct part_size p;
	uint64_t arrivals = 40;
	int lines = BATCH_PART_LINES_MAX;

	(void)state;
	part_size_begin(&p, &none, now_ns, arrivals);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(p.lines_max, lines);
		decide_part(&p, now_ns + i, &arrivals);
		lines = 2 * lines < BATCH_PART_LINES_ALONE_MAX ? 2 * lines
							       : BATCH_PART_LINES_ALONE_MAX;
	}
	assert_int_equal(p.lines_max, BATCH_PART_LINES_ALONE_MAX);
}

static void whoever_comes_makes_it_small_at_once(void **state)
{
	struct part_size p;
	uint64_t arrivals = 40;

	(void)state;
	part_size_begin(&p, &none, now_ns, arrivals);
	for (int i = 0; i < 10; i++)
		decide_part(&p, now_ns, &arrivals);
	part_size_look(&p, now_ns, ++arrivals);
	assert_int_equal(p.lines_max, BATCH_PART_LINES_MAX);
}

static void it_stays_small_until_nobody_has_come_for_a_while(void **state)
{
	struct part_size p;
	uint64_t arrivals = 40;

	(void)state;
	part_size_begin(&p, &none, now_ns, arrivals);
	arrivals++;
	for (int i = 0; i <= 10; i++) {
		decide_part(&p, now_ns + i * alone_ns / 10, &arrivals);
		part_size_look(&p, now_ns + i * alone_ns / 10, arrivals);
		assert_int_equal(p.lines_max, BATCH_PART_LINES_MAX);
	}
	decide_part(&p, now_ns + alone_ns + 1, &arrivals);
	part_size_look(&p, now_ns + alone_ns + 1, arrivals);
	assert_int_equal(p.lines_max, 2 * BATCH_PART_LINES_MAX);
}

static void who_came_before_the_batch_does_not_count(void **state)
{
	struct part_size p;

	(void)state;
	part_size_begin(&p, &none, now_ns, 40);
	part_size_look(&p, now_ns, 40);
	assert_int_equal(part_size_bound(&p, now_ns), BATCH_PART_LINES_ALONE_MAX);
	part_size_look(&p, now_ns, 41);
	assert_int_equal(part_size_bound(&p, now_ns), BATCH_PART_LINES_MAX);
}

static void who_came_beside_or_behind_the_batch_before_counts(void **state)
{
	struct part_size before, p;

	(void)state;
	part_size_begin(&before, &none, now_ns, 0);
	part_size_begin(&p, &before, now_ns, 0);
	assert_int_equal(part_size_bound(&p, now_ns), BATCH_PART_LINES_ALONE_MAX);
	part_size_begin(&p, &before, now_ns, 1);
	assert_int_equal(part_size_bound(&p, now_ns), BATCH_PART_LINES_MAX);
	part_size_look(&before, now_ns, 1);
	part_size_begin(&p, &before, now_ns + alone_ns, 1);
	assert_int_equal(part_size_bound(&p, now_ns + alone_ns), BATCH_PART_LINES_MAX);
	assert_int_equal(part_size_bound(&p, now_ns + alone_ns + 1), BATCH_PART_LINES_ALONE_MAX);
}

static void a_lease_in_the_way_is_found_by_halving(void **state)
{
	struct part_size p;
	int lines = BATCH_PART_LINES_MAX, tries = 0;

	(void)state;
	part_size_begin(&p, &none, now_ns, 0);
	while (lines > 1) {
		part_size_shrink(&p, lines, true);
		assert_int_equal(p.lines_max, lines / 2);
		lines = p.lines_max;
		tries++;
	}
	assert_int_equal(1 << tries, BATCH_PART_LINES_MAX);
	part_size_grow(&p);
	assert_int_equal(p.lines_max, 2);
}

static void after_a_wait_in_vain_lines_go_one_by_one(void **state)
{
	struct part_size p;

	(void)state;
	part_size_begin(&p, &none, now_ns, 0);
	part_size_shrink(&p, BATCH_PART_LINES_MAX, false);
	assert_int_equal(p.lines_max, 1);
	part_size_look(&p, now_ns, 0);
	assert_int_equal(p.lines_max, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_while_nobody_else_writes),
		cmocka_unit_test(whoever_comes_makes_it_small_at_once),
		cmocka_unit_test(it_stays_small_until_nobody_has_come_for_a_while),
		cmocka_unit_test(who_came_before_the_batch_does_not_count),
		cmocka_unit_test(who_came_beside_or_behind_the_batch_before_counts),
		cmocka_unit_test(a_lease_in_the_way_is_found_by_halving),
		cmocka_unit_test(after_a_wait_in_vain_lines_go_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
