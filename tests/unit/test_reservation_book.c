/* test_reservation_book - who runs out next, and in which rows, beside a naive list. */
#include "store/reservation_book.h"
#include "unit.h"
#include <stdlib.h>

enum { STEPS = 60000, IDS = 300, ROWS = 12, LINES_MAX = 4, HOURS_MS = 1000 };

static bool no_memory;

void *__real_realloc(void *p, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);

void *__wrap_realloc(void *p, size_t bytes)
{
	return no_memory ? NULL : __real_realloc(p, bytes);
}

/* ---------------------------------------------------------------- the naive list */

struct entry {
	bool is_there;
	int64_t at_ms;
	int row_count;
	uint32_t rows[LINES_MAX];
};

struct naive {
	struct entry entries[IDS]; /* id is the index and one */
	int64_t now_ms;
};

static struct reservation_book book;
static struct naive naive, before_group;

static bool is_due(const struct naive *n, int i)
{
	return n->entries[i].is_there && n->entries[i].at_ms <= n->now_ms;
}

/* The book says of times, of rows and of numbers what the list says. */
static void expect_the_same(void)
{
	int64_t next_ms = INT64_MAX, active = 0;
	size_t overdue = 0, lines = 0;

	for (int i = 0; i < IDS; i++) {
		const struct entry *e = &naive.entries[i];

		assert_true(reservation_book_is_overdue(&book, i + 1) == is_due(&naive, i));
		active += e->is_there;
		overdue += is_due(&naive, i);
		lines += e->is_there ? (size_t)e->row_count : 0;
		if (e->is_there && !is_due(&naive, i) && e->at_ms < next_ms)
			next_ms = e->at_ms;
	}
	assert_int_equal(book.active_count, active);
	assert_int_equal(book.overdue_count, overdue);
	assert_true(reservation_book_next_ms(&book) == next_ms);
	if (!book.is_in_group) {
		assert_int_equal(book.living_lines, lines);
		assert_int_equal(book.heap_count + book.overdue_count, active);
	}
	for (uint32_t row = 1; row <= ROWS; row++) {
		int64_t id = reservation_book_overdue_in(&book, row);
		bool has = false, is_one = id == 0;

		for (int i = 0; i < IDS; i++)
			for (int k = 0; is_due(&naive, i) && k < naive.entries[i].row_count; k++) {
				bool is_in = naive.entries[i].rows[k] == row;

				has = has || is_in;
				is_one = is_one || (is_in && id == i + 1);
			}
		assert_true(has == (id != 0));
		assert_true(is_one);
	}
}

/* ---------------------------------------------------------------- steps */

static void put_one(void)
{
	int i = (int)(random() % IDS);
	struct entry *e = &naive.entries[i];
	int64_t at_ms = naive.now_ms + 1 + random() % HOURS_MS;
	struct entry fresh = { .is_there = true, .row_count = (int)(random() % (LINES_MAX + 1)) };

	for (int k = 0; k < fresh.row_count; k++)
		fresh.rows[k] = 1 + (uint32_t)(random() % ROWS);
	no_memory = random() % 8 == 0;
	if (reservation_book_put(&book, i + 1, at_ms, fresh.rows, fresh.row_count) == 0) {
		if (!e->is_there)
			*e = fresh;
		e->at_ms = at_ms;
	}
	no_memory = false;
}

static void remove_one(void)
{
	int i = (int)(random() % IDS);

	no_memory = random() % 8 == 0;
	if (reservation_book_remove(&book, i + 1) == 0)
		naive.entries[i].is_there = false;
	no_memory = false;
}

static void time_passes(void)
{
	naive.now_ms += random() % 30;
	before_group.now_ms = naive.now_ms;
	reservation_book_collect(&book, naive.now_ms);
}

/* Oldest first, as a slice is booked. */
static void book_the_first(void)
{
	int64_t id = reservation_book_overdue(&book);

	if (id == 0)
		return;
	assert_true(is_due(&naive, (int)id - 1));
	if (reservation_book_remove(&book, id) == 0)
		naive.entries[id - 1].is_there = false;
}

static void end_group(void)
{
	if (random() % 2 == 0) {
		reservation_book_keep_group(&book);
		return;
	}
	no_memory = true; /* undoing needs none */
	reservation_book_undo_group(&book);
	no_memory = false;
	naive = before_group;
	reservation_book_collect(&book, naive.now_ms);
}

static void it_says_what_a_list_says(void **state)
{
	(void)state;
	srandom(4711);
	for (int step = 0; step < STEPS; step++) {
		switch (random() % 8) {
		case 0:
			time_passes();
			break;
		case 1:
			if (book.is_in_group) {
				end_group();
			} else {
				before_group = naive;
				reservation_book_begin_group(&book);
			}
			break;
		case 2:
			remove_one();
			break;
		case 3:
			book_the_first();
			break;
		default:
			put_one();
			break;
		}
		expect_the_same();
	}
	if (book.is_in_group)
		end_group();
	reservation_book_fini(&book);
}

/* ---------------------------------------------------------------- memory */

/* A cart that is extended all day has one entry, in one group or in many, kept or undone. */
static void an_extended_cart_has_one_entry(void **state)
{
	static const uint32_t row = 7;

	(void)state;
	assert_int_equal(reservation_book_put(&book, 1, 100, &row, 1), 0);
	for (int64_t n = 0; n < 100000; n++) {
		reservation_book_begin_group(&book);
		assert_int_equal(reservation_book_put(&book, 1, 200 + n, NULL, 0), 0);
		if (n % 3 == 0)
			reservation_book_undo_group(&book);
		else
			reservation_book_keep_group(&book);
	}
	assert_int_equal(book.heap_count, 1);
	assert_int_equal(book.promise_count, 1);
	assert_int_equal(book.line_count, 1);
	assert_true(book.promise_capacity <= 64);
	assert_true(book.change_capacity <= 64);
	assert_int_equal(reservation_book_next_ms(&book), 200 + 99998);
	reservation_book_fini(&book);
}

/* As many come as go: nothing grows. */
static void memory_is_bounded_by_the_living(void **state)
{
	static const uint32_t rows[] = { 1, 2, 3 };

	(void)state;
	for (int64_t id = 1; id <= 100000; id++) {
		assert_int_equal(reservation_book_put(&book, id, id, rows, 3), 0);
		if (id > 50)
			assert_int_equal(reservation_book_remove(&book, id - 50), 0);
	}
	assert_int_equal(book.active_count, 50);
	assert_true(book.promise_count <= 51);
	assert_true(book.line_count <= 153);
	assert_true(book.line_capacity <= 256);
	reservation_book_fini(&book);
}

static void a_group_that_did_not_begin_is_not_undone(void **state)
{
	(void)state;
	assert_int_equal(reservation_book_put(&book, 1, 10, NULL, 0), 0);
	reservation_book_undo_group(&book);
	assert_int_equal(book.active_count, 1);
	reservation_book_begin_group(&book);
	assert_int_equal(reservation_book_remove(&book, 1), 0);
	reservation_book_keep_group(&book);
	reservation_book_undo_group(&book); /* a fault between two groups: what was kept stays */
	assert_int_equal(book.active_count, 0);
	assert_int_equal(reservation_book_remove(&book, 1), 0); /* nobody knows it: no matter */
	reservation_book_fini(&book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_what_a_list_says),
		cmocka_unit_test(an_extended_cart_has_one_entry),
		cmocka_unit_test(memory_is_bounded_by_the_living),
		cmocka_unit_test(a_group_that_did_not_begin_is_not_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
