#include "ops/disguise.h"
#include "unit.h"

/* clang-format off */
static const struct row {
	const char *text, *hidden;
} rows[] = {
	{ "",                                "" },
	{ "nothing",                         "nothing" },
	{ "rl_abcdefghij_0123456789",        "rl_abcdefghij_***" },
	{ "a rl_abcdefghij_x-y_z0 b",        "a rl_abcdefghij_*** b" },
	{ "rl_a_bcd rl_c_def",               "rl_a_*** rl_c_***" },
	{ "'rl_abc_0123'",                   "'rl_abc_***'" },
	{ "/v1/stock/rl_abc_0123/WH1",       "/v1/stock/rl_abc_***/WH1" },
	{ "rl_abcdefghij_",                  "rl_abcdefghij_" },
	{ "rl_abcdefghij",                   "rl_abcdefghij" },
	{ "rl__0123",                        "rl__0123" },
	{ "url_list",                        "url_list" },
	{ "http://anna:word@host/a",         "http://***@host/a" },
	{ "http://host/a@b",                 "http://host/a@b" },
	{ "http://a b@c",                    "http://a b@c" },
	{ "://",                             "://" },
	{ "http://a:b@c http://d:e@f",       "http://***@c http://***@f" },
};
/* clang-format on */

static void secrets_are_hidden_and_nothing_else(void **state)
{
	char text[64];

	(void)state;
	for (const struct row *r = rows; r < rows + LENGTH_OF(rows); r++) {
		snprintf(text, sizeof(text), "%s", r->text);
		disguise(text);
		ROW_EXPECT(r->text, strcmp(text, r->hidden) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_hidden_and_nothing_else),
	};

	return cmocka_run_group_tests_name("disguise", tests, NULL, NULL);
}
