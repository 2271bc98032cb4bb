#include "core/key_map.h"
#include "unit.h"

enum { SLOTS = 8 };

/*
 * Every step goes on where the one before left off; hashes share their home slot when equal mod 8.
 */
/* clang-format off */
static const struct step {
	const char *what;
	char        verb;    /* + add, - remove, ? find */
	uint64_t    hash;
	int64_t     id;      /* of find: below */
	int64_t     found;
} steps[] = {
	{ "an empty map knows nothing",              '?',  7, 0, 0 },
	{ "a key is added",                          '+',  7, 1, 0 },
	{ "and found",                               '?',  7, 0, 1 },
	{ "one with the same home is another key",   '?', 15, 0, 0 },
	{ "it is added, and wraps around",           '+', 15, 2, 0 },
	{ "found",                                   '?', 15, 0, 2 },
	{ "the first one still is",                  '?',  7, 0, 1 },
	{ "a second record with the same hash",      '+',  7, 3, 0 },
	{ "the newest comes first",                  '?',  7, 0, 3 },
	{ "then the one before it",                  '?',  7, 3, 1 },
	{ "then none",                               '?',  7, 1, 0 },
	{ "below counts, not only what was found",   '?',  7, 2, 1 },
	{ "a hash of 0 is a hash",                   '+',  0, 4, 0 },
	{ "found behind those that wrapped",         '?',  0, 0, 4 },
	{ "not there: the hash of another record",   '-', 15, 4, 0 },
	{ "nor an id that it never had",             '-',  7, 9, 0 },
	{ "nothing was removed",                     '?',  0, 0, 4 },
	{ "the first of the run goes",               '-',  7, 1, 0 },
	{ "15 is found across the gap",              '?', 15, 0, 2 },
	{ "and the newer 7",                         '?',  7, 0, 3 },
	{ "and 0",                                   '?',  0, 0, 4 },
	{ "the oldest 7 is gone",                    '?',  7, 3, 0 },
	{ "15 goes",                                 '-', 15, 2, 0 },
	{ "7 goes",                                  '-',  7, 3, 0 },
	{ "0 is found where it belongs",             '?',  0, 0, 4 },
	{ "one in its home slot",                    '+',  1, 5, 0 },
	{ "one behind it",                           '+',  0, 6, 0 },
	{ "the gap is not filled from behind a home", '-', 0, 4, 0 },
	{ "1 stays where it is",                     '?',  1, 0, 5 },
	{ "0 has moved home",                        '?',  0, 0, 6 },
};
/* clang-format on */

static void steps_go_as_written(void **state)
{
	struct key_slot slots[SLOTS] = { 0 };
	struct key_map m;

	(void)state;
	key_map_init(&m, slots, SLOTS);
	for (size_t i = 0; i < LENGTH_OF(steps); i++) {
		const struct step *s = &steps[i];

		if (s->verb == '+')
			key_map_add(&m, s->hash, s->id);
		else if (s->verb == '-')
			key_map_remove(&m, s->hash, s->id);
		else
			ROW_EXPECT(s->what, key_map_find(&m, s->hash, s->id) == s->found);
	}
	assert_int_equal(m.used_count, 2);
}

static void half_of_the_slots_is_full(void **state)
{
	struct key_slot slots[SLOTS] = { 0 };
	struct key_map m;

	(void)state;
	key_map_init(&m, slots, SLOTS);
	for (int64_t id = 1; id <= SLOTS / 2; id++) {
		assert_false(key_map_is_full(&m));
		key_map_add(&m, 5, id);
	}
	assert_true(key_map_is_full(&m));
	key_map_remove(&m, 5, 1);
	assert_false(key_map_is_full(&m));
}

/* Two of the records with low ids stand in one run that wraps around the end of the slots. */
static void sweeping_forgets_old_records(void **state)
{
	struct key_slot slots[SLOTS] = { 0 };
	struct key_map m;
	size_t at = 0;

	(void)state;
	key_map_init(&m, slots, SLOTS);
	key_map_add(&m, 7, 1);
	key_map_add(&m, 15, 2);
	key_map_add(&m, 4, 3);
	key_map_add(&m, 7, 5);
	key_map_sweep(&m, &at, 4, 2);
	assert_int_equal(at, 4);
	assert_int_equal(m.used_count, 3);
	assert_int_equal(key_map_find(&m, 15, 0), 0);
	key_map_sweep(&m, &at, 4, 2);
	assert_int_equal(at, 0);
	assert_int_equal(m.used_count, 2);
	assert_int_equal(key_map_find(&m, 7, 0), 5);
	assert_int_equal(key_map_find(&m, 7, 5), 0);
	assert_int_equal(key_map_find(&m, 4, 0), 3);
	key_map_sweep(&m, &at, 2 * SLOTS, 5);
	assert_int_equal(m.used_count, 0);
}

static void a_larger_one_has_the_same_records(void **state)
{
	struct key_slot few[SLOTS] = { 0 }, many[4 * SLOTS] = { 0 };
	struct key_map small, large;

	(void)state;
	key_map_init(&small, few, SLOTS);
	key_map_add(&small, 7, 1);
	key_map_add(&small, 15, 2);
	key_map_add(&small, 7, 3);
	key_map_init(&large, many, 4 * SLOTS);
	key_map_copy(&large, &small);
	assert_int_equal(key_map_find(&large, 7, 0), 3);
	assert_int_equal(key_map_find(&large, 7, 3), 1);
	assert_int_equal(key_map_find(&large, 15, 0), 2);
	assert_int_equal(large.used_count, 3);
	key_map_add(&large, 23, 4);
	assert_int_equal(key_map_find(&large, 23, 0), 4);
}

/* A slot has 32 bits of the id; the newest says which of them it must be. */
static void ids_of_many_years(void **state)
{
	static const int64_t cycle = UINT32_MAX;
	struct key_slot slots[SLOTS] = { 0 };
	struct key_map m;

	(void)state;
	key_map_init(&m, slots, SLOTS);
	key_map_add(&m, 1, 5 * cycle - 1);
	key_map_add(&m, 1, 5 * cycle);
	key_map_add(&m, 1, 5 * cycle + 1);
	assert_int_equal(key_map_find(&m, 1, 0), 5 * cycle + 1);
	assert_int_equal(key_map_find(&m, 1, 5 * cycle + 1), 5 * cycle);
	assert_int_equal(key_map_find(&m, 1, 5 * cycle), 5 * cycle - 1);
	key_map_add(&m, 2, 6 * cycle - 2);
	assert_int_equal(key_map_find(&m, 1, 0), 5 * cycle + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_go_as_written),
		cmocka_unit_test(half_of_the_slots_is_full),
		cmocka_unit_test(a_larger_one_has_the_same_records),
		cmocka_unit_test(ids_of_many_years),
		cmocka_unit_test(sweeping_forgets_old_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
