#include "core/stock.h"
#include "unit.h"

/* clang-format off */
static const struct code_row {
	const char *what;
	const char *text;
	bool        is_valid;
} codes[] = {
	{ "one letter",             "a",        true  },
	{ "one digit",              "7",        true  },
	{ "everything allowed",     "A.b_c:d-9", true },
	{ "nothing",                "",         false },
	{ "a dot first",            ".a",       false },
	{ "a dash first",           "-a",       false },
	{ "an underscore first",    "_a",       false },
	{ "a blank",                "a b",      false },
	{ "a slash",                "a/b",      false },
	{ "a newline at the end",   "a\n",      false },
	{ "an accent",              "caf\xc3\xa9", false },
	{ "before the letters",     "a@",       false },
	{ "behind the letters",     "a[",       false },
	{ "before the small ones",  "a`",       false },
	{ "behind the small ones",  "a{",       false },
	{ "64 characters",
	  "0123456789012345678901234567890123456789012345678901234567890123", true },
	{ "65 characters",
	  "01234567890123456789012345678901234567890123456789012345678901234", false },
};
/* clang-format on */

static void codes_are_valid_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(codes); i++) {
		const struct code_row *r = &codes[i];
		struct code c = { "old" };

		ROW_EXPECT(r->what, code_is_valid(r->text, strlen(r->text)) == r->is_valid);
		ROW_EXPECT(r->what, code_set(&c, r->text, strlen(r->text)) == r->is_valid);
		ROW_EXPECT(r->what, strcmp(c.text, r->is_valid ? r->text : "old") == 0);
	}
}

static void a_code_may_be_part_of_a_text(void **state)
{
	struct code c;

	(void)state;
	assert_true(code_set(&c, "A-1/WH1", 3));
	assert_string_equal(c.text, "A-1");
	assert_false(code_is_valid("a\0b", 3));
}

/* clang-format off */
static const struct sound_row {
	const char  *what;
	struct stock stock;
	bool         is_sound;
} sounds[] = {
	{ "never stocked",              { 0 },                                                       true  },
	{ "typed in empty by hand",     { .id = 3 },                                                 true  },
	{ "typed in with a bad id",     { .id = -3 },                                                false },
	{ "never stocked, with units",  { .on_hand = 1 },                                            false },
	{ "never stocked, reserved",    { .reserved = 1 },                                           false },
	{ "never stocked, with a seq",  { .seq = 1 },                                                false },
	{ "just changed, no id yet",    { .on_hand = 1, .version = 1, .seq = 9 },                    true  },
	{ "stored",                     { .id = 3, .on_hand = 1, .version = 1, .seq = 9 },           true  },
	{ "stored, empty",              { .id = 3, .version = 2, .seq = 9 },                         true  },
	{ "on backorder",               { .id = 3, .on_hand = -4, .version = 1, .seq = 9 },          true  },
	{ "oversubscribed",             { .id = 3, .on_hand = 1, .reserved = 2, .version = 1, .seq = 9 }, true },
	{ "reserved below zero",        { .id = 3, .reserved = -1, .version = 1, .seq = 9 },         false },
	{ "at the highest level",       { .id = 3, .on_hand = LEVEL_MAX, .version = 1, .seq = 9 },   true  },
	{ "past it",                    { .id = 3, .on_hand = LEVEL_MAX + 1, .version = 1, .seq = 9 }, false },
	{ "at the lowest level",        { .id = 3, .on_hand = -LEVEL_MAX, .version = 1, .seq = 9 },  true  },
	{ "below it",                   { .id = 3, .on_hand = -LEVEL_MAX - 1, .version = 1, .seq = 9 }, false },
	{ "too much reserved",          { .id = 3, .reserved = LEVEL_MAX + 1, .version = 1, .seq = 9 }, false },
	{ "stored without a version",   { .id = 3, .on_hand = 1, .seq = 9 },                         false },
	{ "a version below zero",       { .id = 3, .on_hand = 1, .version = -1, .seq = 9 },          false },
	{ "stored without a movement",  { .id = 3, .on_hand = 1, .version = 1 },                     false },
	{ "an id below zero",           { .id = -3, .on_hand = 1, .version = 1, .seq = 9 },          false },
};
/* clang-format on */

static void rows_at_rest_are_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(sounds); i++)
		ROW_EXPECT(sounds[i].what, stock_is_sound(&sounds[i].stock) == sounds[i].is_sound);
}

static void available_is_what_is_not_reserved(void **state)
{
	(void)state;
	assert_int_equal(stock_available(&(struct stock){ .on_hand = 7, .reserved = 2 }), 5);
	assert_int_equal(stock_available(&(struct stock){ .on_hand = 2, .reserved = 7 }), -5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_valid_or_not),
		cmocka_unit_test(a_code_may_be_part_of_a_text),
		cmocka_unit_test(rows_at_rest_are_sound),
		cmocka_unit_test(available_is_what_is_not_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
