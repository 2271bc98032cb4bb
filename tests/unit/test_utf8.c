#include "base/utf8.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>

#define R UTF8_REPLACEMENT

/* clang-format off */
static const struct row {
	const char *what;
	const char *bytes;
	size_t      count;
	const char *mended;  /* NULL: it is sound */
} rows[] = {
#define ROW(what, bytes, mended) { what, bytes, sizeof(bytes) - 1, mended }
	ROW("nothing",                         "",                      NULL),
	ROW("ASCII of less than eight bytes",  "bolt",                  NULL),
	ROW("ASCII of more than eight bytes",  "hex bolt, zinc\n\x7f",  NULL),
	ROW("two, three and four bytes",       "Ä€\xf0\x9d\x84\x9e.",   NULL),
	ROW("the last of each length",         "\x7f\xdf\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf", NULL),
	ROW("the first of each length",        "\x01\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80", NULL),
	ROW("around the surrogates",           "\xed\x9f\xbf\xee\x80\x80", NULL),
	ROW("a replacement is a character",    R,                       NULL),
	ROW("Latin-1",                         "M\xfcller",             "M" R "ller"),
	ROW("Latin-1 behind eight bytes",      "12345678\xfc",          "12345678" R),
	ROW("Latin-1 in the eighth byte",      "1234567\xfc",           "1234567" R),
	ROW("Latin-1 that looks like a start", "\xc4rger",              R "rger"),
	ROW("half of a surrogate pair",        "a\xed\xa0\x80z",        "a" R R R "z"),
	ROW("continues nothing",               "a\x80\xbfz",            "a" R R "z"),
	ROW("two bytes too long",              "\xc0\x80\xc1\xbf",      R R R R),
	ROW("three bytes too long",            "\xe0\x9f\xbf",          R R R),
	ROW("four bytes too long",             "\xf0\x8f\xbf\xbf",      R R R R),
	ROW("beyond the last",                 "\xf4\x90\x80\x80",      R R R R),
	ROW("bytes that never occur",          "\xf5\xfe\xff",          R R R),
	ROW("cut short, two",                  "a\xc3",                 "a" R),
	ROW("cut short, three",                "a\xe2\x82",             "a" R R),
	ROW("cut short, four",                 "a\xf0\x9d\x84",         "a" R R R),
	ROW("cut short by ASCII",              "\xe2\x82.",             R R "."),
	ROW("a NUL in the first eight bytes",  "ab\0cd",                "ab" R "cd"),
	ROW("a NUL behind eight bytes",        "12345678\0",            "12345678" R),
	ROW("a NUL in the eighth byte",        "1234567\0""9",          "1234567" R "9"),
	ROW("a NUL inside of a character",     "\xe2\0\x82",            R R R),
#undef ROW
};
/* clang-format on */

/* A copy of exactly this size, so that reading past it is found. */
static char *exact(const char *bytes, size_t count)
{
	char *copy = malloc(count > 0 ? count : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, count);
	return copy;
}

static void each_text_is_judged_and_mended(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		const struct row *row = &rows[i];
		const char *wanted = row->mended != NULL ? row->mended : row->bytes;
		char *text = exact(row->bytes, row->count);
		char out[256];

		if (utf8_is_sound(text, row->count) != (row->mended == NULL))
			fail_msg("%s: judged wrong", row->what);
		assert_int_equal(utf8_mend(out, text, row->count), strlen(wanted));
		if (strcmp(out, wanted) != 0)
			fail_msg("%s: mended to %s", row->what, out);
		assert_true(utf8_is_sound(out, strlen(out)));
		assert_int_equal(utf8_mend(out, wanted, strlen(wanted)), strlen(wanted));
		free(text);
	}
}

/* Every code point, written as the standard says, is one character; and no other four bytes are. */
static void every_code_point_is_a_character(void **state)
{
	size_t count = 0;

	(void)state;
	for (unsigned long c = 1; c < 0x110000; c++) {
		char s[4];
		size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

		for (size_t i = 1; i < n; i++)
			s[i] = (char)(0x80 | ((c >> (6 * (n - 1 - i))) & 0x3f));
		s[0] = (char)(n == 1 ? c : (0xf0UL << (4 - n)) | (c >> (6 * (n - 1))));
		if (c >= 0xd800 && c < 0xe000)
			assert_int_equal(utf8_character_bytes(s, n), 0);
		else
			assert_int_equal(utf8_character_bytes(s, n), n);
		assert_int_equal(n > 1 ? utf8_character_bytes(s, n - 1) : 0, 0);
		count++;
	}
	assert_int_equal(count, 0x10ffff);
}

static void a_prefix_ends_between_characters(void **state)
{
	(void)state;
	assert_int_equal(utf8_prefix_bytes("Ä€x", 0), 0);
	assert_int_equal(utf8_prefix_bytes("Ä€x", 1), 2);
	assert_int_equal(utf8_prefix_bytes("Ä€x", 2), 5);
	assert_int_equal(utf8_prefix_bytes("Ä€x", 3), 6);
	assert_int_equal(utf8_prefix_bytes("Ä€x", 9), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_text_is_judged_and_mended),
		cmocka_unit_test(every_code_point_is_a_character),
		cmocka_unit_test(a_prefix_ends_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
