#include "wire/request_text.h"
#include "unit.h"

#define A64 "0123456789012345678901234567890123456789012345678901234567890123"

/* ---------------------------------------------------------------- paths */

/* clang-format off */
static const struct path_row {
	const char  *what;
	const char  *raw;
	enum outcome outcome;
	const char  *segments; /* joined by blanks */
} paths[] = {
	{ "the root",                     "/",                     OUTCOME_DONE, "" },
	{ "one segment",                  "/livez",                OUTCOME_DONE, "livez" },
	{ "the longest call",             "/v1/stock/A-1/WH1/set", OUTCOME_DONE, "v1 stock A-1 WH1 set" },
	{ "one segment too many",         "/v1/stock/A-1/WH1/set/now", OUTCOME_NOT_FOUND, NULL },
	{ "an escape, in either case",    "/%76%31/A%2d1%2D",      OUTCOME_DONE, "v1 A-1-" },
	{ "decoded once",                 "/A%2525",               OUTCOME_DONE, "A%25" },
	{ "a plus stays a plus",          "/a+b",                  OUTCOME_DONE, "a+b" },
	{ "bytes above 0x7f",             "/%c3%a4\xc3\xa4",       OUTCOME_DONE, "\xc3\xa4\xc3\xa4" },
	{ "a NUL",                        "/A%00",                 OUTCOME_INVALID_PATH, NULL },
	{ "a NUL and more",               "/A%00junk/B",           OUTCOME_INVALID_PATH, NULL },
	{ "a slash inside",               "/A%2FB",                OUTCOME_INVALID_PATH, NULL },
	{ "a slash inside, small",        "/A%2fB",                OUTCOME_INVALID_PATH, NULL },
	{ "a percent at the end",         "/A%",                   OUTCOME_INVALID_PATH, NULL },
	{ "half an escape",               "/A%4",                  OUTCOME_INVALID_PATH, NULL },
	{ "half an escape, then more",    "/A%4/B",                OUTCOME_INVALID_PATH, NULL },
	{ "an escape that is none",       "/A%zz",                 OUTCOME_INVALID_PATH, NULL },
	{ "an escape with a sign",        "/A%+1",                 OUTCOME_INVALID_PATH, NULL },
	{ "an escape of another age",     "/A%u0041",              OUTCOME_INVALID_PATH, NULL },
	{ "an empty segment",             "/v1//stock",            OUTCOME_NOT_FOUND, NULL },
	{ "an empty segment first",       "//v1",                  OUTCOME_NOT_FOUND, NULL },
	{ "a slash at the end",           "/v1/",                  OUTCOME_NOT_FOUND, NULL },
	{ "two slashes",                  "//",                    OUTCOME_NOT_FOUND, NULL },
	{ "here",                         "/v1/./stock",           OUTCOME_NOT_FOUND, NULL },
	{ "up",                           "/v1/stock/../items",    OUTCOME_NOT_FOUND, NULL },
	{ "up, in disguise",              "/v1/%2e%2E/items",      OUTCOME_NOT_FOUND, NULL },
	{ "three dots are a name",        "/v1/...",               OUTCOME_DONE, "v1 ..." },
	{ "the star of OPTIONS",          "*",                     OUTCOME_NOT_FOUND, NULL },
	{ "nothing",                      "",                      OUTCOME_NOT_FOUND, NULL },
};
/* clang-format on */

static void paths_are_split_and_decoded_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(paths); i++) {
		const struct path_row *r = &paths[i];
		char joined[256] = "";
		struct arena a;
		struct path p;

		arena_init(&a);
		ROW_EXPECT(r->what, path_read(&p, &a, r->raw) == r->outcome);
		for (int k = 0; r->segments != NULL && k < p.count; k++) {
			strcat(joined, k > 0 ? " " : "");
			strcat(joined, p.segments[k]);
		}
		ROW_EXPECT(r->what, r->segments == NULL || strcmp(joined, r->segments) == 0);
		arena_fini(&a);
	}
}

/* ---------------------------------------------------------------- queries */

/* clang-format off */
static const struct query_row {
	const char  *what;
	const char  *raw;
	enum outcome outcome;
	const char  *pairs; /* <name>=<value> in <>, in order */
} queries[] = {
	{ "no query",                 NULL,                   OUTCOME_DONE, "" },
	{ "an empty one",             "",                     OUTCOME_DONE, "" },
	{ "one parameter",            "limit=5",              OUTCOME_DONE, "<limit=5>" },
	{ "two",                      "limit=5&after=m7",     OUTCOME_DONE, "<limit=5><after=m7>" },
	{ "a name alone",             "pretty",               OUTCOME_DONE, "<pretty=>" },
	{ "no value",                 "limit=",               OUTCOME_DONE, "<limit=>" },
	{ "an equals sign inside",    "q=a=b",                OUTCOME_DONE, "<q=a=b>" },
	{ "nothing between",          "a=1&&b=2&",            OUTCOME_DONE, "<a=1><b=2>" },
	{ "escapes on both sides",    "%6Cimit=%31",          OUTCOME_DONE, "<limit=1>" },
	{ "an escaped ampersand",     "q=a%26b%3D",           OUTCOME_DONE, "<q=a&b=>" },
	{ "a plus is a blank",        "q=a+b%2B",             OUTCOME_DONE, "<q=a b+>" },
	{ "a slash may be there",     "reference=a/b%2Fc",    OUTCOME_DONE, "<reference=a/b/c>" },
	{ "decoded once",             "q=%2525",              OUTCOME_DONE, "<q=%25>" },
	{ "twice: the caller's word", "a=1&a=2",              OUTCOME_DONE, "<a=1><a=2>" },
	{ "UTF-8",                    "q=%E2%98%95\xc3\xa4%F0%9F%98%80", OUTCOME_DONE, "<q=\u2615\u00e4\U0001F600>" },
	{ "the last of two bytes",    "q=%DF%BF",             OUTCOME_DONE, "<q=\xdf\xbf>" },
	{ "the ends of three bytes",  "q=%E0%A0%80%ED%9F%BF%EE%80%80", OUTCOME_DONE, "<q=\u0800\xed\x9f\xbf\xee\x80\x80>" },
	{ "the ends of four bytes",   "q=%F0%90%80%80%F4%8F%BF%BF", OUTCOME_DONE, "<q=\U00010000\U0010FFFF>" },
	{ "a NUL",                    "limit=%00",            OUTCOME_INVALID_PARAMETER, NULL },
	{ "a NUL in a name",          "li%00mit=1",           OUTCOME_INVALID_PARAMETER, NULL },
	{ "an escape that is none",   "limit=1%zz",           OUTCOME_INVALID_PARAMETER, NULL },
	{ "half an escape, then more", "a=%4&b=1",            OUTCOME_INVALID_PARAMETER, NULL },
	{ "a byte that begins none",  "q=%FF",                OUTCOME_INVALID_PARAMETER, NULL },
	{ "the same in a name",       "%FF=1",                OUTCOME_INVALID_PARAMETER, NULL },
	{ "a byte that goes on alone", "q=%80",               OUTCOME_INVALID_PARAMETER, NULL },
	{ "an end too early",         "q=%C3",                OUTCOME_INVALID_PARAMETER, NULL },
	{ "an end too early of four", "q=%F0%9F%98",          OUTCOME_INVALID_PARAMETER, NULL },
	{ "overlong by two",          "q=%C1%BF",             OUTCOME_INVALID_PARAMETER, NULL },
	{ "overlong by three",        "q=%E0%9F%BF",          OUTCOME_INVALID_PARAMETER, NULL },
	{ "overlong by four",         "q=%F0%8F%BF%BF",       OUTCOME_INVALID_PARAMETER, NULL },
	{ "a surrogate",              "q=%ED%A0%80",          OUTCOME_INVALID_PARAMETER, NULL },
	{ "beyond the last one",      "q=%F4%90%80%80",       OUTCOME_INVALID_PARAMETER, NULL },
	{ "five bytes",               "q=%F8%88%80%80%80",    OUTCOME_INVALID_PARAMETER, NULL },
};
/* clang-format on */

static void queries_are_split_and_decoded_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(queries); i++) {
		const struct query_row *r = &queries[i];
		char pairs[256] = "";
		struct arena a;
		struct query q;

		arena_init(&a);
		ROW_EXPECT(r->what, query_read(&q, &a, r->raw) == r->outcome);
		for (int k = 0; r->pairs != NULL && k < q.count; k++)
			sprintf(pairs + strlen(pairs), "<%s=%s>", q.parameters[k].name,
				q.parameters[k].value);
		ROW_EXPECT(r->what, r->pairs == NULL || strcmp(pairs, r->pairs) == 0);
		arena_fini(&a);
	}
}

static void a_query_has_so_many_parameters(void **state)
{
	char raw[2 * PARAMETERS_MAX + 2];
	struct arena a;
	struct query q;

	(void)state;
	arena_init(&a);
	for (int i = 0; i < PARAMETERS_MAX; i++)
		memcpy(raw + 2 * i, "a&", 2);
	raw[2 * PARAMETERS_MAX - 1] = '\0';
	assert_int_equal(query_read(&q, &a, raw), OUTCOME_DONE);
	assert_int_equal(q.count, PARAMETERS_MAX);
	memcpy(raw + 2 * PARAMETERS_MAX - 1, "&a", 3);
	assert_int_equal(query_read(&q, &a, raw), OUTCOME_URI_TOO_LONG);
	arena_fini(&a);
}

static void the_first_parameter_of_a_name_is_its_value(void **state)
{
	struct arena a;
	struct query q;

	(void)state;
	arena_init(&a);
	assert_int_equal(query_read(&q, &a, "ab=0&a=1&a=2"), OUTCOME_DONE);
	assert_string_equal(query_value(&q, "a"), "1");
	assert_null(query_value(&q, "b"));
	arena_fini(&a);
}

/* clang-format off */
static const struct integer_row {
	const char *text;
	bool        is_integer;
	int64_t     n;
} integers[] = {
	{ "0", true, 0 }, { "7", true, 7 }, { "-7", true, -7 }, { "007", true, 7 },
	{ "9223372036854775807", true, INT64_MAX }, { "-9223372036854775808", true, INT64_MIN },
	{ "9223372036854775808", false, 0 }, { "-9223372036854775809", false, 0 },
	{ "99999999999999999999", false, 0 }, { "", false, 0 }, { "-", false, 0 }, { "+5", false, 0 },
	{ " 5", false, 0 }, { "5 ", false, 0 }, { "1e2", false, 0 }, { "1.0", false, 0 }, { "0x10", false, 0 },
	{ "--5", false, 0 }, { "\xd9\xa3", false, 0 },
};
/* clang-format on */

static void integers_are_digits_that_fit(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(integers); i++) {
		int64_t n = 42;

		ROW_EXPECT(integers[i].text,
			   integer_read(integers[i].text, &n) == integers[i].is_integer);
		ROW_EXPECT(integers[i].text, n == (integers[i].is_integer ? integers[i].n : 42));
	}
}

/* ---------------------------------------------------------------- conditions */

/* clang-format off */
static const struct if_match_row {
	const char      *what;
	const char      *value;
	enum read_header result;
	bool             is_any;
	int64_t          version; /* -1: no row has it */
} if_matches[] = {
	{ "none",                       NULL,             HEADER_ABSENT, false, 0 },
	{ "a version",                  "\"12\"",         HEADER_READ,   false, 12 },
	{ "version 0",                  "\"0\"",          HEADER_READ,   false, 0 },
	{ "blanks around it",           " \t\"12\" ",     HEADER_READ,   false, 12 },
	{ "anything",                   "*",              HEADER_READ,   true,  0 },
	{ "a list: only the newest can be current", "\"12\", \"15\",\"13\"", HEADER_READ, false, 15 },
	{ "a list with an end too many", "\"12\",",       HEADER_READ,   false, 12 },
	{ "weak: never",                "W/\"12\"",       HEADER_READ,   false, -1 },
	{ "weak beside strong",         "W/\"15\", \"12\"", HEADER_READ, false, 12 },
	{ "a tag that is not ours",     "\"abc\"",        HEADER_READ,   false, -1 },
	{ "an empty tag",               "\"\"",           HEADER_READ,   false, -1 },
	{ "a tag with a zero before it", "\"012\"",       HEADER_READ,   false, -1 },
	{ "a tag below zero",           "\"-1\"",         HEADER_READ,   false, -1 },
	{ "minus zero",                 "\"-0\"",         HEADER_READ,   false, -1 },
	{ "a tag that is too large",    "\"9223372036854775808\"", HEADER_READ, false, -1 },
	{ "not quoted",                 "12",             HEADER_WRONG,  false, 0 },
	{ "a quote that does not end",  "\"12",           HEADER_WRONG,  false, 0 },
	{ "no comma",                   "\"12\" \"13\"",  HEADER_WRONG,  false, 0 },
	{ "nothing",                    "",               HEADER_WRONG,  false, 0 },
	{ "weak, in a small letter",    "w/\"12\"",       HEADER_WRONG,  false, 0 },
	{ "a star in a list",           "\"12\", *",      HEADER_WRONG,  false, 0 },
};
/* clang-format on */

static void if_match_names_a_version_or_any(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(if_matches); i++) {
		const struct if_match_row *r = &if_matches[i];
		struct condition c = { 0 };
		const char *detail = NULL;
		bool is_any;

		ROW_EXPECT(r->what, if_match_read(r->value, &c, &is_any, &detail) == r->result);
		ROW_EXPECT(r->what, is_any == r->is_any);
		ROW_EXPECT(r->what, (r->result == HEADER_WRONG) <= (detail != NULL));
		ROW_EXPECT(r->what, c.has_version == (r->result == HEADER_READ && !r->is_any));
		ROW_EXPECT(r->what, c.version == r->version);
	}
}

/* clang-format off */
static const struct if_none_match_row {
	const char      *value;
	enum read_header of_write;
	bool             holds_for_12;
} if_none_matches[] = {
	{ NULL,                 HEADER_ABSENT, false },
	{ "*",                  HEADER_READ,   true  },
	{ " *",                 HEADER_READ,   true  },
	{ "\"12\"",             HEADER_WRONG,  true  },
	{ "W/\"12\"",           HEADER_WRONG,  true  },
	{ "\"1\", W/\"12\"",    HEADER_WRONG,  true  },
	{ "\"1\"",              HEADER_WRONG,  false },
	{ "12",                 HEADER_WRONG,  false },
	{ "nonsense, \"12\"",   HEADER_WRONG,  false },
	{ "",                   HEADER_WRONG,  false },
};
/* clang-format on */

static void if_none_match_is_a_star_for_writes_and_tags_for_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(if_none_matches); i++) {
		const struct if_none_match_row *r = &if_none_matches[i];
		const char *what = r->value != NULL ? r->value : "none";
		bool is_any;

		ROW_EXPECT(what, if_none_match_read(r->value, &is_any) == r->of_write);
		ROW_EXPECT(what, is_any == (r->of_write == HEADER_READ));
		ROW_EXPECT(what, if_none_match_holds(r->value, 12) == r->holds_for_12);
	}
}

/* ---------------------------------------------------------------- keys and leases */

/* clang-format off */
static const struct key_row {
	const char *what;
	const char *value;
	const char *key; /* NULL: wrong */
} keys[] = {
	{ "bare",                    "k-1",              "k-1" },
	{ "quoted: the same",        "\"k-1\"",          "k-1" },
	{ "everything allowed",      "aZ9._:~/-",        "aZ9._:~/-" },
	{ "128",                     A64 A64,            A64 A64 },
	{ "129",                     A64 A64 "x",        NULL },
	{ "nothing",                 "",                 NULL },
	{ "nothing, quoted",         "\"\"",             NULL },
	{ "a quote that does not end", "\"k",            NULL },
	{ "a quote alone",           "\"",               NULL },
	{ "a quote inside",          "a\"b",             NULL },
	{ "two words",               "a b",              NULL },
	{ "two keys",                "a,b",              NULL },
	{ "an accent",               "k\xc3\xa4se",      NULL },
};
/* clang-format on */

static void keys_are_quoted_or_bare(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(keys); i++) {
		const char *key = NULL;
		struct arena a;

		arena_init(&a);
		ROW_EXPECT(keys[i].what,
			   key_read(keys[i].value, &a, &key) ==
				   (keys[i].key != NULL ? HEADER_READ : HEADER_WRONG));
		ROW_EXPECT(keys[i].what, keys[i].key == NULL || strcmp(key, keys[i].key) == 0);
		arena_fini(&a);
	}
	assert_int_equal(key_read(NULL, NULL, NULL), HEADER_ABSENT);
}

/* clang-format off */
static const struct lease_row {
	const char *what;
	const char *value;
	const char *leases; /* id=fence, separated by blanks; NULL: wrong */
} leases[] = {
	{ "one",                      "l_77;fence=31",                   "l_77=31" },
	{ "two",                      "l_77;fence=31, l_78;fence=32",    "l_77=31 l_78=32" },
	{ "blanks wherever they may be", " l_77 ;  fence=31 , b;fence=2 ", "l_77=31 b=2" },
	{ "eight", "a;fence=1,b;fence=2,c;fence=3,d;fence=4,e;fence=5,f;fence=6,g;fence=7,h;fence=8",
	  "a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8" },
	{ "nine",  "a;fence=1,b;fence=2,c;fence=3,d;fence=4,e;fence=5,f;fence=6,g;fence=7,h;fence=8,i;fence=9", NULL },
	{ "the largest fence",        "a;fence=9223372036854775807",     "a=9223372036854775807" },
	{ "one larger",               "a;fence=9223372036854775808",     NULL },
	{ "twenty digits",            "a;fence=99999999999999999999",    NULL },
	{ "an id of 64",              A64 ";fence=1",                    A64 "=1" },
	{ "an id of 65",              A64 "x;fence=1",                   NULL },
	{ "no fence",                 "l_77",                            NULL },
	{ "an empty fence",           "l_77;fence=",                     NULL },
	{ "a fence that is no number", "l_77;fence=x",                   NULL },
	{ "a fence below zero",       "l_77;fence=-1",                   NULL },
	{ "a fence and more",         "l_77;fence=1;more=2",             NULL },
	{ "no id",                    ";fence=1",                        NULL },
	{ "an id with a slash",       "a/b;fence=1",                     NULL },
	{ "an end too many",          "l_77;fence=1,",                   NULL },
	{ "no comma",                 "a;fence=1 b;fence=2",             NULL },
	{ "nothing",                  "",                                NULL },
};
/* clang-format on */

static void lease_headers_name_leases_with_their_fences(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(leases); i++) {
		const struct lease_row *r = &leases[i];
		struct command c = { 0 };
		char found[512] = "";
		struct arena a;

		arena_init(&a);
		ROW_EXPECT(r->what, lease_header_read(r->value, &a, &c) ==
					    (r->leases != NULL ? HEADER_READ : HEADER_WRONG));
		for (int k = 0; r->leases != NULL && k < c.fence_count; k++)
			sprintf(found + strlen(found), "%s%s=%lld", k > 0 ? " " : "",
				c.fence_ids[k], (long long)c.fences[k]);
		ROW_EXPECT(r->what, r->leases == NULL || strcmp(found, r->leases) == 0);
		arena_fini(&a);
	}
	assert_int_equal(lease_header_read(NULL, NULL, NULL), HEADER_ABSENT);
}

static bool is_memory_short;

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	return is_memory_short ? NULL : __real_malloc(bytes);
}

static void short_memory_is_not_taken_for_a_wrong_header(void **state)
{
	struct command c = { 0 };
	const char *key = NULL;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_non_null(arena_alloc(&a, ARENA_FIRST_BYTES));
	is_memory_short = true;
	assert_int_equal(key_read("k-1", &a, &key), HEADER_NO_MEMORY);
	assert_int_equal(lease_header_read("l_77;fence=31", &a, &c), HEADER_NO_MEMORY);
	assert_int_equal(key_read("a b", &a, &key), HEADER_WRONG);
	assert_int_equal(lease_header_read("l_77", &a, &c), HEADER_WRONG);
	is_memory_short = false;
	arena_fini(&a);
}

/* ---------------------------------------------------------------- preferences */

/* clang-format off */
static const struct prefer_row {
	const char *what;
	const char *value;
	int64_t     wait_s; /* -1: it says nothing about waiting */
} prefers[] = {
	{ "none",                       NULL,                             -1 },
	{ "five seconds",               "wait=5",                          5 },
	{ "none at all",                "wait=0",                          0 },
	{ "quoted",                     "wait=\"5\"",                      5 },
	{ "blanks",                     " wait \t= 5 ",                    5 },
	{ "any case",                   "WAIT=5",                          5 },
	{ "among others",               "respond-async, wait=5, x",        5 },
	{ "behind parameters",          "a; b=c; d=\"e,wait=9\", wait=5",  5 },
	{ "with a parameter",           "wait=5; foo=6",                   5 },
	{ "inside of quotes is nothing", "x=\"a, wait=9\"",               -1 },
	{ "an escaped quote",           "x=\"a\\\", wait=9\", wait=5",     5 },
	{ "the first of two counts",    "wait=0, wait=50",                 0 },
	{ "also when it cannot be read", "wait=x, wait=5",                -1 },
	{ "also without a value",       "wait, wait=5",                   -1 },
	{ "more than anybody waits",    "wait=86400",             WAIT_S_MAX },
	{ "more than a number",         "wait=99999999999999999999999", WAIT_S_MAX },
	{ "below zero",                 "wait=-1",                        -1 },
	{ "a fraction",                 "wait=1.5",                       -1 },
	{ "no value",                   "wait=",                          -1 },
	{ "an empty value",             "wait=\"\"",                      -1 },
	{ "another name",               "waiting=5",                      -1 },
	{ "a parameter of that name",   "x; wait=5",                      -1 },
	{ "nothing but marks",          ",,;",                            -1 },
	{ "a quote that does not end",  "x=\"a, wait=5",                  -1 },
	{ "a text for a name",          "\"x\", wait=5",                  -1 },
	{ "nothing",                    "",                               -1 },
};
/* clang-format on */

/* clang-format off */
static const struct async_row {
	const char *what;
	const char *value;
	bool        is_async;
} asyncs[] = {
	{ "none",                        NULL,                          false },
	{ "alone",                       "respond-async",               true  },
	{ "any case, and blanks",        " Respond-Async ",             true  },
	{ "behind a wait",               "wait=1, respond-async",       true  },
	{ "before a wait",               "respond-async,wait=1",        true  },
	{ "before what cannot be read",  "respond-async, \"",           true  },
	{ "behind what cannot be read",  "\"x\", respond-async",        false },
	{ "inside of quotes is nothing", "x=\"respond-async\"",         false },
	{ "a parameter of that name",    "wait=1; respond-async",       false },
	{ "another name",                "respond-asynchronously",      false },
	{ "a part of it",                "respond",                     false },
	{ "only a wait",                 "wait=1",                      false },
};
/* clang-format on */

static void respond_async_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(asyncs); i++)
		ROW_EXPECT(asyncs[i].what,
			   prefer_async_read(asyncs[i].value) == asyncs[i].is_async);
}

static void preferences_about_waiting_are_read_and_others_ignored(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(prefers); i++) {
		int64_t s = -1;

		ROW_EXPECT(prefers[i].what,
			   prefer_wait_read(prefers[i].value, &s) == (prefers[i].wait_s >= 0));
		ROW_EXPECT(prefers[i].what, s == prefers[i].wait_s);
	}
}

static void ids_are_words(void **state)
{
	(void)state;
	assert_true(id_is_valid("l_77"));
	assert_true(id_is_valid("_.:-aZ9"));
	assert_true(id_is_valid(A64));
	assert_false(id_is_valid(A64 "x"));
	assert_false(id_is_valid(""));
	assert_false(id_is_valid("a b"));
	assert_false(id_is_valid("a~b"));
	assert_false(id_is_valid("a/b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_split_and_decoded_once),
		cmocka_unit_test(queries_are_split_and_decoded_once),
		cmocka_unit_test(a_query_has_so_many_parameters),
		cmocka_unit_test(the_first_parameter_of_a_name_is_its_value),
		cmocka_unit_test(integers_are_digits_that_fit),
		cmocka_unit_test(if_match_names_a_version_or_any),
		cmocka_unit_test(if_none_match_is_a_star_for_writes_and_tags_for_reads),
		cmocka_unit_test(keys_are_quoted_or_bare),
		cmocka_unit_test(lease_headers_name_leases_with_their_fences),
		cmocka_unit_test(short_memory_is_not_taken_for_a_wrong_header),
		cmocka_unit_test(preferences_about_waiting_are_read_and_others_ignored),
		cmocka_unit_test(respond_async_is_read),
		cmocka_unit_test(ids_are_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
