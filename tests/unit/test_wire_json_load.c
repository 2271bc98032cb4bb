#include "unit.h"
#include "wire/json_load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_MAX = 140, NOBODY = -1 };

static int fails_in = NOBODY; /* allocations until the one that fails */
static bool fails_on;         /* and every one behind it */

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes)
{
	if (fails_in == NOBODY)
		return __real_malloc(bytes);
	if (fails_in > 0) {
		fails_in--;
		return __real_malloc(bytes);
	}
	fails_in = fails_on ? 0 : NOBODY;
	return NULL;
}

/* clang-format off */
static const struct piece_row {
	const char *what;
	const char *begin;
	const char *piece; /* again and again */
	const char *end;
} pieces[] = {
	{ "digits", "{\"a\":1.", "0", "1}" },
	{ "digits before a blank", "{\"a\":1.", "0", "1 }" },
	{ "digits of an exponent", "[1e-0", "0", "1,true]" },
	{ "letters", "{\"a\":\"", "x", "\"}" },
	{ "a quote", "{\"a\":\"", "\\\"", "\"}" },
	{ "a backslash", "{\"a\":\"", "\\\\", "\"}" },
	{ "an escaped character", "{\"a\":\"", "\\u00e4", "\"}" },
	{ "a pair of surrogates", "{\"a\":\"", "\\ud83d\\ude00", "\"}" },
	{ "two bytes of UTF-8", "{\"a\":\"", "\xc3\xa4", "\"}" },
};
/* clang-format on */

/*
 * Its last byte, and the one behind it, come where a buffer that doubles is full, for some of the
 * counts.
 */
static size_t document(const struct piece_row *row, int count, char *text)
{
	size_t bytes = (size_t)sprintf(text, "%s", row->begin);

	for (int i = 0; i < count; i++)
		bytes += (size_t)sprintf(text + bytes, "%s", row->piece);
	return bytes + (size_t)sprintf(text + bytes, "%s", row->end);
}

/* Returns whether it was read at last: n steps of it do not fail any more. */
static bool read_without_step(const char *text, size_t bytes, int n, bool and_on)
{
	bool lacks_memory;

	fails_in = n;
	fails_on = and_on;

	json_t *root = json_load(text, bytes, JSON_REJECT_DUPLICATES, NULL, &lacks_memory);
	bool has_failed = fails_in == NOBODY || fails_in == 0;

	fails_in = NOBODY;
	assert_int_equal(root == NULL, lacks_memory);
	if (root != NULL)
		json_decref(root);
	return root != NULL && !has_failed;
}

/* jansson takes back the byte behind a number, and asserts that it stored that one last. */
static void every_allocation_may_fail_for_every_length(void **state)
{
	char text[LENGTH_MAX * 16];

	(void)state;
	for (size_t p = 0; p < LENGTH_OF(pieces); p++)
		for (int count = 0; count < LENGTH_MAX; count++)
			for (int and_on = 0; and_on < 2; and_on++) {
				size_t bytes = document(&pieces[p], count, text);
				int n = 0;

				while (!read_without_step(text, bytes, n, and_on))
					n++;
				assert_true(n > 3);
			}
}

static void what_is_no_json_is_that_and_not_short_memory(void **state)
{
	static const char *const wrong[] = { "", "{", "{\"a\":}", "nul", "\"\\x\"", "{} {}" };
	bool lacks_memory = true;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(wrong); i++) {
		assert_null(json_load(wrong[i], strlen(wrong[i]), 0, NULL, &lacks_memory));
		assert_false(lacks_memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail_for_every_length),
		cmocka_unit_test(what_is_no_json_is_that_and_not_short_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
