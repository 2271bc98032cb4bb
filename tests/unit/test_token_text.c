#include "core/token_text.h"
#include "unit.h"

#define TEN    "abcdefghij"
#define PUBLIC "rl_" TEN "_"
#define FORTY  "AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_"
#define STARS  "****************************************"

/* clang-format off */
static const struct row {
	const char *text, *covered; /* NULL: there is none in it */
} rows[] = {
	{ "",                                      NULL },
	{ "nothing",                               NULL },
	{ PUBLIC FORTY "xyz",                      PUBLIC STARS "***" },
	{ "a " PUBLIC FORTY "xyz b",               "a " PUBLIC STARS "*** b" },
	{ "r" "rl" PUBLIC FORTY "xyz",             "r" "rl" PUBLIC STARS "***" },
	{ PUBLIC FORTY "xyz0",                     PUBLIC STARS "****" },
	{ PUBLIC FORTY "xy",                       NULL }, /* two characters are left to guess */
	{ PUBLIC FORTY "xy!",                      NULL },
	{ PUBLIC FORTY "!xy",                      NULL },
	{ "rl_ABCDEFGHIJ_" FORTY "xyz",            NULL },
	{ "rl_abcdefghi0_" FORTY "xyz",            NULL },
	{ "rl_" TEN "-" FORTY "xyz",               NULL },
	{ "Rl_" TEN "_" FORTY "xyz",               NULL },
	{ PUBLIC FORTY "xyz " PUBLIC FORTY "123",  PUBLIC STARS "*** " PUBLIC STARS "***" },
	{ "rl_2024_bolts_of_steel_which_is_a_very_long_code_and_has_many", NULL },
};
/* clang-format on */

static void tokens_are_found_and_covered(void **state)
{
	char text[160];

	(void)state;
	for (const struct row *r = rows; r < rows + LENGTH_OF(rows); r++) {
		size_t bytes = strlen(r->text);

		ROW_EXPECT(r->text, token_text_is_in(r->text, bytes) == (r->covered != NULL));
		snprintf(text, sizeof(text), "%s", r->text);
		token_text_cover(text, bytes);
		ROW_EXPECT(r->text, strcmp(text, r->covered != NULL ? r->covered : r->text) == 0);
	}
}

/* What token_read() takes is found, and nothing beyond the bytes that are said is read. */
static void it_stays_within_its_bytes(void **state)
{
	static const char token[] = PUBLIC FORTY "xyA";
	const char *public, *secret;

	(void)state;
	assert_true(token_read(token, TOKEN_BYTES, &public, &secret));
	assert_ptr_equal(token_text_find(token, TOKEN_BYTES), secret);
	for (size_t bytes = 0; bytes < TOKEN_BYTES; bytes++) {
		char *exact = test_malloc(bytes + 1);

		memcpy(exact, token, bytes);
		assert_null(token_text_find(exact, bytes));
		test_free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_found_and_covered),
		cmocka_unit_test(it_stays_within_its_bytes),
	};

	return cmocka_run_group_tests_name("token_text", tests, NULL, NULL);
}
