#include "base/hash.h"
#include "engine/claims.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

enum { SEED = 7 };

/* A line that changes so many rows of the first `row_kinds`, one or two, by a number of its own. */
static struct work *line_create(unsigned number, unsigned row_kinds, int row_count)
{
	struct work *line = work_create();
	struct command *c = &line->command;

	assert_non_null(line);
	c->kind = row_count == 1 ? COMMAND_ADJUST : COMMAND_TRANSFER;
	c->rows = arena_alloc(&line->arena, sizeof(c->rows[0]) * (size_t)row_count);
	c->row_count = row_count;
	for (int i = 0; i < row_count; i++) {
		char sku[16];
		int bytes = snprintf(sku, sizeof(sku), "S-%u", number * 2654435761u % row_kinds);

		assert_true(code_set(&c->rows[i].sku, sku, (size_t)bytes));
		assert_true(code_set(&c->rows[i].location, i == 0 ? "A" : "B", 1));
	}
	return line;
}

static bool claims_row(const struct claim *c, uint64_t key)
{
	for (int i = 0; i < c->row_count; i++)
		if (c->slots[i].row == key)
			return true;
	return false;
}

static void expect_claimed(const struct work *part)
{
	LIST_EACH (it, &part->lines) {
		const struct command *c = &work_of_link(it)->command;

		for (int i = 0; i < c->row_count; i++) {
			assert_int_equal(c->rows[i].key, hash_pair(c->rows[i].sku.text,
								   c->rows[i].location.text, SEED));
			assert_true(claims_row(&part->claim, c->rows[i].key));
		}
	}
	for (int i = 0; i < part->claim.row_count; i++)
		for (int other = 0; other < i; other++)
			assert_true(part->claim.slots[other].row != part->claim.slots[i].row);
}

static bool claim_part(struct work *part)
{
	struct claim_set set;

	claim_set_init(&set);
	LIST_EACH (it, &part->lines)
		claim_set_add_line(&set, SEED, work_of_link(it));
	return claims_of_part(part, &set);
}

/* Each row once, whether a line was asked before or not. */
static void try_part(unsigned line_count, unsigned row_kinds, unsigned asked_of)
{
	struct work *part = work_create();

	assert_non_null(part);
	for (unsigned i = 0; i < line_count; i++) {
		struct work *line = line_create(i, row_kinds, i % 3 == 0 ? 2 : 1);

		if (asked_of > 0 && i % asked_of == 0)
			assert_int_equal(claims_of_line(SEED, line), line->command.row_count);
		list_push_back(&part->lines, &line->work_link);
		part->line_count++;
	}
	assert_true(claim_part(part));
	assert_true(part->claim.row_count <= (int)(2 * row_kinds));
	expect_claimed(part);
	LIST_EACH_SAFE (it, &part->lines) {
		list_remove(it);
		work_release(work_of_link(it));
	}
	work_release(part);
}

static void a_part_claims_each_row_of_its_lines_once(void **state)
{
	static const unsigned row_kinds[] = { 1, 2, 3, 40, 1000 };

	(void)state;
	for (size_t k = 0; k < LENGTH_OF(row_kinds); k++)
		for (unsigned asked_of = 0; asked_of <= 2; asked_of++) {
			try_part(1, row_kinds[k], asked_of);
			try_part(2, row_kinds[k], asked_of);
			try_part(BATCH_PART_LINES_MAX, row_kinds[k], asked_of);
		}
}

/* Rows that are found later are claimed, too: what is not about rows alone is not remembered. */
static void what_may_grow_is_asked_again(void **state)
{
	struct work *part = work_create(), *line = work_create();
	struct command *c = &line->command;

	(void)state;
	c->kind = COMMAND_RESERVATION_COMMIT;
	c->reservation_id = "r";
	assert_int_equal(claims_of_line(SEED, line), 1);
	c->more_rows = arena_alloc(&line->arena, sizeof(c->more_rows[0]));
	c->more_row_count = 1;
	assert_true(code_set(&c->more_rows[0].sku, "A", 1));
	assert_true(code_set(&c->more_rows[0].location, "W", 1));
	list_push_back(&part->lines, &line->work_link);
	part->line_count = 1;
	assert_true(claim_part(part));
	assert_int_equal(part->claim.row_count, 2);
	assert_true(claims_row(&part->claim, hash_pair("A", "W", SEED)));
	list_remove(&line->work_link);
	work_release(line);
	work_release(part);
}

/* ---------------------------------------------------------------- the set */

static struct lock_table table;

/* What a part of these keys claims owns its rows at once: none of them is in its own way. */
static void assert_is_granted(const struct claim_set *s)
{
	struct work *part = work_create(), *line = work_create();
	struct list granted;

	assert_non_null(part);
	assert_non_null(line);
	list_push_back(&part->lines, &line->work_link);
	part->line_count = 1;
	lock_table_init(&table);
	list_init(&granted);
	assert_true(claims_of_part(part, s));
	assert_int_equal(part->claim.row_count, s->count);
	assert_int_equal(lock_table_enter(&table, &part->claim), CLAIM_GRANTED);
	lock_table_leave(&table, &part->claim, &granted);
	lock_table_fini(&table);
	list_remove(&line->work_link);
	work_release(line);
	work_release(part);
}

static void each_key_is_there_once(void **state)
{
	/* The same place for all of the last four, at the end of the places and behind it. */
	static const uint64_t keys[] = { 7,
					 9,
					 7,
					 CLAIM_SET_PLACES - 1,
					 2 * CLAIM_SET_PLACES - 1,
					 CLAIM_SET_PLACES - 1,
					 3 * CLAIM_SET_PLACES - 1 };
	static const uint64_t distinct[] = { 7, 9, CLAIM_SET_PLACES - 1, 2 * CLAIM_SET_PLACES - 1,
					     3 * CLAIM_SET_PLACES - 1 };
	struct claim_set s;

	(void)state;
	claim_set_init(&s);
	claim_set_add(&s, keys, LENGTH_OF(keys));
	assert_int_equal(s.count, LENGTH_OF(distinct));
	assert_memory_equal(s.keys, distinct, sizeof(distinct));
	assert_is_granted(&s);
	claim_set_init(&s);
	assert_int_equal(s.count, 0);
	claim_set_add(&s, distinct, 1);
	assert_int_equal(s.count, 1);
}

static void many_lines_of_few_rows_leave_room(void **state)
{
	struct claim_set s;

	(void)state;
	srand(14);
	claim_set_init(&s);
	for (int i = 0; i < 100000; i++) {
		uint64_t key = (uint64_t)(rand() % 1000) * UINT64_C(0x9e3779b97f4a7c15);

		claim_set_add(&s, &key, 1);
	}
	assert_int_equal(s.count, 1000);
	assert_true(claim_set_has_room(&s));
	assert_is_granted(&s);
}

static void the_last_line_may_claim_as_many_as_any(void **state)
{
	uint64_t keys[CLAIM_ROWS_MAX], key = 0;
	struct claim_set s;

	(void)state;
	claim_set_init(&s);
	while (claim_set_has_room(&s)) {
		key += UINT64_C(0x9e3779b97f4a7c15);
		claim_set_add(&s, &key, 1);
	}
	assert_int_equal(s.count, BATCH_PART_ROWS_MAX);
	for (int i = 0; i < CLAIM_ROWS_MAX; i++)
		keys[i] = key += UINT64_C(0x9e3779b97f4a7c15);
	claim_set_add(&s, keys, CLAIM_ROWS_MAX);
	assert_int_equal(s.count, CLAIM_PART_ROWS_MAX);
	assert_is_granted(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_claims_each_row_of_its_lines_once),
		cmocka_unit_test(what_may_grow_is_asked_again),
		cmocka_unit_test(each_key_is_there_once),
		cmocka_unit_test(many_lines_of_few_rows_leave_room),
		cmocka_unit_test(the_last_line_may_claim_as_many_as_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
