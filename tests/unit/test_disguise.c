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
	{ "postgresql://u:word@h/d",         "postgresql://***@h/d" },
	{ "postgres://u:w/o@r:d@h/d?x=y",    "postgres://***@h/d?x=y" },
	{ "postgresql://u:w?o@h/d",          "postgresql://***@h/d" },
	{ "postgresql://h/d?user=a@b",       "postgresql://h/d?user=a@b" },
	{ "postgresql://h/d",                "postgresql://h/d" },
	{ "postgresql://***@h: an @ is %40", "postgresql://***@h: an @ is %40" },
	{ "postgresql:///d?password=word&a", "postgresql:///d?password=***&a" },
	{ "?sslpassword=word&a=b",           "?sslpassword=***&a=b" },
	{ "?PASSWORD=ab",                    "?PASSWORD=**" },
	{ "?password=",                      "?password=" },
	{ "?p%61ssword=word",                "?p%61ssword=***" },
	{ "?client_secret=word'",            "?client_secret=***'" },
	{ "?sku=a%20b&x=y",                  "?sku=a%20b&x=y" },
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

/* clang-format off */
static const struct row addresses[] = {
	{ "rowlock.db",                      "rowlock.db" },
	{ "a folder/rowlock.db",             "a folder/rowlock.db" },
	{ "postgresql://u:w o'r\"d@h/d",     "postgresql://***@h/d" },
	{ "postgresql://u:word@h/d?password=word", "postgresql://***@h/d?password=***" },
	{ "postgresql://@h/d",               "postgresql://@h/d" },
};
/* clang-format on */

static void an_address_is_hidden_as_a_whole(void **state)
{
	char text[64];

	(void)state;
	for (const struct row *r = addresses; r < addresses + LENGTH_OF(addresses); r++) {
		snprintf(text, sizeof(text), "%s", r->text);
		disguise_address(text);
		ROW_EXPECT(r->text, strcmp(text, r->hidden) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_hidden_and_nothing_else),
		cmocka_unit_test(an_address_is_hidden_as_a_whole),
	};

	return cmocka_run_group_tests_name("disguise", tests, NULL, NULL);
}
