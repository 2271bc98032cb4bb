/* test_reservation_book - who runs out next, beside a naive list. */
#include "engine/reservation_book.h"
#include "unit.h"
#include <stdlib.h>

enum { STEPS = 20000, IDS = 500 };

/* What a group has taken comes back when the group fails, and is gone when it does not. */
static void what_is_taken_comes_back_when_the_group_fails(void **state)
{
	struct reservation_book b = { 0 };
	int64_t id;

	(void)state;
	assert_true(reservation_book_next_ms(&b) == INT64_MAX);
	for (int i = 1; i <= 3; i++)
		assert_int_equal(reservation_book_add(&b, i, 10 * i), 0);
	b.active_count = 3;

	reservation_book_begin_group(&b);
	assert_int_equal(reservation_book_take_due(&b, 9, &id), 0);
	assert_int_equal(id, 0); /* nobody is due */
	assert_int_equal(reservation_book_take_due(&b, 20, &id), 0);
	assert_int_equal(id, 1);
	assert_int_equal(reservation_book_take_due(&b, 20, &id), 0);
	assert_int_equal(id, 2);
	assert_int_equal(reservation_book_take_due(&b, 20, &id), 0);
	assert_int_equal(id, 0);
	b.active_count = 1;
	reservation_book_undo_group(&b);
	assert_int_equal(b.active_count, 3);
	assert_int_equal(reservation_book_next_ms(&b), 10);

	reservation_book_begin_group(&b);
	assert_int_equal(reservation_book_take_due(&b, 10, &id), 0);
	assert_int_equal(id, 1);
	b.active_count = 2;
	reservation_book_keep_group(&b);
	reservation_book_undo_group(&b); /* a fault between two groups: what was kept stays kept */
	assert_int_equal(reservation_book_next_ms(&b), 20);
	assert_int_equal(b.active_count, 2);
	reservation_book_fini(&b);
}

/* Whatever a group has taken and added before it fails, and however full the book is then. */
static void undoing_finds_room_for_everything(void **state)
{
	(void)state;
	for (int held = 1; held < 140; held++) {
		for (int taken = 0; taken <= held; taken += 1 + taken / 4) {
			struct reservation_book b = { 0 };
			int64_t id;

			for (int i = 1; i <= held; i++)
				assert_int_equal(reservation_book_add(&b, i, i), 0);
			reservation_book_begin_group(&b);
			for (int i = 0; i < taken; i++)
				assert_int_equal(reservation_book_take_due(&b, held, &id), 0);
			for (int i = 1; i <= 70; i++)
				assert_int_equal(reservation_book_add(&b, held + i, 1000 + i), 0);
			reservation_book_undo_group(&b);
			reservation_book_begin_group(&b);
			for (int i = 1; i <= held; i++) {
				assert_int_equal(reservation_book_take_due(&b, held, &id), 0);
				assert_int_equal(id, i);
			}
			reservation_book_fini(&b);
		}
	}
}

/* The earliest of those that are in. */
static int64_t earliest(const int64_t at_ms[])
{
	int64_t first = INT64_MAX;

	for (int i = 1; i < IDS; i++)
		if (at_ms[i] != 0 && at_ms[i] < first)
			first = at_ms[i];
	return first;
}

static void the_earliest_comes_first(void **state)
{
	struct reservation_book b = { 0 };
	int64_t at_ms[IDS] = { 0 };
	int64_t id;

	(void)state;
	srandom(7);
	for (int step = 0; step < STEPS; step++) {
		int i = 1 + (int)(random() % (IDS - 1));

		reservation_book_begin_group(&b);
		if (at_ms[i] == 0) {
			at_ms[i] = 1 + random() % 1000;
			assert_int_equal(reservation_book_add(&b, i, at_ms[i]), 0);
		}
		assert_true(reservation_book_next_ms(&b) == earliest(at_ms));
		if (random() % 2 == 0) {
			reservation_book_undo_group(&b); /* nothing was taken */
			continue;
		}
		assert_int_equal(reservation_book_take_due(&b, earliest(at_ms), &id), 0);
		assert_true(at_ms[id] == earliest(at_ms));
		at_ms[id] = 0;
		reservation_book_keep_group(&b);
	}
	reservation_book_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_comes_back_when_the_group_fails),
		cmocka_unit_test(undoing_finds_room_for_everything),
		cmocka_unit_test(the_earliest_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
