#include "unit.h"
#include "wire/moment.h"

/* clang-format off */
static const struct format_row {
	int64_t     utc_ms;
	const char *text;
} formats[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ 1, "1970-01-01T00:00:00.001Z" },
	{ INT64_C(86399999), "1970-01-01T23:59:59.999Z" },
	{ INT64_C(86400000), "1970-01-02T00:00:00.000Z" },
	{ INT64_C(951782399999), "2000-02-28T23:59:59.999Z" },
	{ INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
	{ INT64_C(951868800000), "2000-03-01T00:00:00.000Z" },
	{ INT64_C(1795460270123), "2026-11-23T18:57:50.123Z" },
	{ INT64_C(4107542399999), "2100-02-28T23:59:59.999Z" },
	{ INT64_C(4107542400000), "2100-03-01T00:00:00.000Z" },
	{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
};

static const struct parse_row {
	const char *text;
	bool        is_time;
	int64_t     utc_ms;
} parses[] = {
	{ "2026-11-23T18:57:50.123Z",      true,  INT64_C(1795460270123) },
	{ "2026-11-23T18:57:50Z",          true,  INT64_C(1795460270000) },
	{ "2026-11-23T18:57:50.1Z",        true,  INT64_C(1795460270100) },
	{ "2026-11-23T18:57:50.1239999Z",  true,  INT64_C(1795460270123) },
	{ "2026-11-23t18:57:50z",          true,  INT64_C(1795460270000) },
	{ "2026-11-23 18:57:50Z",          true,  INT64_C(1795460270000) },
	{ "2026-11-23T19:57:50+01:00",     true,  INT64_C(1795460270000) },
	{ "2026-11-23T13:27:50-05:30",     true,  INT64_C(1795460270000) },
	{ "2026-11-24T00:57:50+06:00",     true,  INT64_C(1795460270000) },
	{ "2026-11-23T18:57:50-00:00",     true,  INT64_C(1795460270000) },
	{ "1969-12-31T23:59:59.999Z",      true,  -1 },
	{ "2024-02-29T00:00:00Z",          true,  INT64_C(1709164800000) },
	{ "2016-12-31T23:59:60Z",          true,  INT64_C(1483228800000) }, /* a leap second is the next one */
	{ "2023-02-29T00:00:00Z",          false, 0 },
	{ "2100-02-29T00:00:00Z",          false, 0 },
	{ "2026-13-01T00:00:00Z",          false, 0 },
	{ "2026-00-01T00:00:00Z",          false, 0 },
	{ "2026-04-31T00:00:00Z",          false, 0 },
	{ "2026-04-00T00:00:00Z",          false, 0 },
	{ "0000-01-01T00:00:00Z",          false, 0 },
	{ "2026-11-23T24:00:00Z",          false, 0 },
	{ "2026-11-23T00:60:00Z",          false, 0 },
	{ "2026-11-23T00:00:61Z",          false, 0 },
	{ "2026-11-23T00:00:00+24:00",     false, 0 },
	{ "2026-11-23T00:00:00+00:60",     false, 0 },
	{ "2026-11-23T00:00:00",           false, 0 },
	{ "2026-11-23T00:00:00.Z",         false, 0 },
	{ "2026-11-23T00:00Z",             false, 0 },
	{ "2026-11-23",                    false, 0 },
	{ "2026-1-23T00:00:00Z",           false, 0 },
	{ "2026-11-23T00:00:00Zx",         false, 0 },
	{ " 2026-11-23T00:00:00Z",         false, 0 },
	{ "2026-11-23T00:00:00+0100",      false, 0 },
	{ "+2026-11-23T00:00:00Z",         false, 0 },
	{ "yesterday",                     false, 0 },
	{ "",                              false, 0 },
};
/* clang-format on */

static void moments_are_shown_in_utc(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(formats); i++) {
		char text[MOMENT_BYTES];
		int64_t back = -1;

		moment_format(text, formats[i].utc_ms);
		ROW_EXPECT(formats[i].text, strcmp(text, formats[i].text) == 0);
		ROW_EXPECT(formats[i].text, moment_parse(text, &back));
		ROW_EXPECT(formats[i].text, back == formats[i].utc_ms);
	}
}

static void moments_are_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(parses); i++) {
		int64_t utc_ms = 42;

		ROW_EXPECT(parses[i].text,
			   moment_parse(parses[i].text, &utc_ms) == parses[i].is_time);
		ROW_EXPECT(parses[i].text, utc_ms == (parses[i].is_time ? parses[i].utc_ms : 42));
	}
}

static void every_day_comes_back(void **state)
{
	(void)state;
	for (int64_t day = 0; day < 366 * 800; day++) {
		char text[MOMENT_BYTES];
		int64_t back;

		moment_format(text, day * 86400000 + day % 86400000);
		assert_true(moment_parse(text, &back));
		assert_int_equal(back, day * 86400000 + day % 86400000);
	}
}

/* The last one is kept: whichever was written before, the next one is not made of it. */
static void moments_are_written_in_any_order(void **state)
{
	char text[MOMENT_BYTES];

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(formats); i++)
		for (size_t k = 0; k < LENGTH_OF(formats); k++) {
			moment_format(text, formats[i].utc_ms);
			moment_format(text, formats[k].utc_ms);
			assert_string_equal(text, formats[k].text);
			moment_format(text, formats[k].utc_ms / 1000 * 1000 + 45);
			assert_memory_equal(text, formats[k].text, 19);
			assert_string_equal(text + 19, ".045Z");
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_are_shown_in_utc),
		cmocka_unit_test(moments_are_read_strictly),
		cmocka_unit_test(every_day_comes_back),
		cmocka_unit_test(moments_are_written_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
