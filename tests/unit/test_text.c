#include "base/text.h"
#include "unit.h"
#include <inttypes.h>
#include <stdlib.h>

static void pieces_are_added(void **state)
{
	struct text t;

	(void)state;
	text_init(&t);
	text_add(&t, "version ");
	text_add_int(&t, 12);
	text_add_char(&t, ';');
	text_add_bytes(&t, "abc", 2);
	text_add_format(&t, " %d%s", 5, "%");
	assert_false(t.failed);
	assert_string_equal(t.data, "version 12;ab 5%");
	assert_int_equal(t.byte_count, strlen(t.data));
	text_fini(&t);
	assert_null(t.data);
}

static void it_grows(void **state)
{
	struct text t;

	(void)state;
	text_init(&t);
	for (int i = 0; i < 10000; i++)
		text_add_format(&t, "%04d", i);
	assert_int_equal(t.byte_count, 40000);
	assert_int_equal(t.data[t.byte_count], '\0');
	assert_memory_equal(t.data + 4 * 9876, "9876", 4);
	text_fini(&t);
}

static void taking_it_starts_anew(void **state)
{
	struct text t;
	char *taken;

	(void)state;
	text_init(&t);
	taken = text_take(&t);
	assert_string_equal(taken, "");
	free(taken);
	text_add(&t, "one");
	taken = text_take(&t);
	assert_string_equal(taken, "one");
	free(taken);
	text_add(&t, "two");
	assert_string_equal(t.data, "two");
	text_fini(&t);
}

static void reserving_saves_moves(void **state)
{
	struct text t;
	const char *data;

	(void)state;
	text_init(&t);
	text_reserve(&t, 5000);
	data = t.data;
	for (int i = 0; i < 5000; i++)
		text_add_char(&t, 'x');
	assert_ptr_equal(t.data, data);
	text_fini(&t);
}

static bool is_memory_short;

void *__real_realloc(void *memory, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

void *__wrap_realloc(void *memory, size_t bytes)
{
	return is_memory_short ? NULL : __real_realloc(memory, bytes);
}

/* It is remembered, and nothing is added any more, although there is memory again. */
static void short_memory_is_remembered(void **state)
{
	struct text t;

	(void)state;
	text_init(&t);
	text_add(&t, "before");
	is_memory_short = true;
	text_add(&t, " and"); /* fits what it has */
	assert_false(t.failed);
	text_reserve(&t, 1000);
	is_memory_short = false;
	assert_true(t.failed);
	text_add(&t, "after");
	text_add_format(&t, "%d", 1);
	assert_string_equal(t.data, "before and");
	assert_null(text_take(&t));
	assert_false(t.failed);
}

static void numbers_are_written_in_full(void **state)
{
	static const int64_t numbers[] = { 0,  1,   -1,        9,         10,
					   99, 100, INT64_MAX, INT64_MIN, -1000000000000 };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(numbers); i++) {
		char expected[24], buffer[20];
		int bytes = snprintf(expected, sizeof(expected), "%" PRId64, numbers[i]);

		assert_int_equal(text_format_int(buffer, numbers[i]), bytes);
		assert_memory_equal(buffer, expected, (size_t)bytes);
	}
}

/* Where the number of digits changes, and around it; and what has every digit at every place. */
static void numbers_of_every_length_are_written(void **state)
{
	(void)state;
	for (int64_t ten = 1, digit = 1; ten <= INT64_MAX / 10; ten *= 10, digit = digit % 9 + 1)
		for (int64_t n = ten * digit - 2; n <= ten * digit + 2; n++) {
			char expected[24], buffer[20];
			int bytes = snprintf(expected, sizeof(expected), "%" PRId64, n);

			assert_int_equal(text_format_int(buffer, n), bytes);
			assert_memory_equal(buffer, expected, (size_t)bytes);
			assert_int_equal(
				text_format_int(buffer, ten * 10 - n),
				snprintf(expected, sizeof(expected), "%" PRId64, ten * 10 - n));
			assert_memory_equal(buffer, expected, strlen(expected));
		}
}

/* clang-format off */
static const struct read_row {
	const char *text;
	bool is_one;
	uint32_t number;
} reads[] = {
	{ "0",                    true,  0 },
	{ "7",                    true,  7 },
	{ "0100",                 true,  100 },
	{ "4294967294",           true,  UINT32_MAX - 1 },
	{ "4294967295",           true,  UINT32_MAX },
	{ "4294967296",           false, 0 },
	{ "18446744073709551616", false, 0 },
	{ "99999999999999999999999999", false, 0 },
	{ "",                     false, 0 },
	{ " 5",                   false, 0 },
	{ "5 ",                   false, 0 },
	{ "+5",                   false, 0 },
	{ "-1",                   false, 0 },
	{ "5a",                   false, 0 },
	{ "0x5",                  false, 0 },
	{ "\t5",                  false, 0 },
	{ "\xd9\xa5",             false, 0 },
};
/* clang-format on */

static void numbers_are_digits_alone(void **state)
{
	(void)state;
	for (const struct read_row *r = reads; r < reads + LENGTH_OF(reads); r++) {
		uint32_t number = 77;

		ROW_EXPECT(r->text, text_read_uint32(r->text, &number) == r->is_one);
		ROW_EXPECT(r->text, number == (r->is_one ? r->number : 77));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_added),
		cmocka_unit_test(it_grows),
		cmocka_unit_test(taking_it_starts_anew),
		cmocka_unit_test(reserving_saves_moves),
		cmocka_unit_test(short_memory_is_remembered),
		cmocka_unit_test(numbers_are_written_in_full),
		cmocka_unit_test(numbers_of_every_length_are_written),
		cmocka_unit_test(numbers_are_digits_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
