#include "unit.h"
#include "wire/json_plain_read.h"
#include <string.h>

#define L1 "{\"sku\":\"A\",\"location\":\"W\",\"quantity\":1}"
#define A8 "aaaaaaaa"

/* clang-format off */
static const struct row {
	const char *what;
	const char *text;
	bool is_plain;
} rows[] = {
	{ "nothing in it", "{}", true },
	{ "blanks of every kind", " \t\r\n{ \"a\" : 1 , \"b\" : \"\" } \n", true },
	{ "each kind of value", "{\"a\":1,\"b\":\"x\",\"c\":true,\"d\":false,\"e\":null}", true },
	{ "UTF-8", "{\"a\":\"\xc3\xa4\xe2\x98\x95\xf0\x9f\x98\x80\"}", true },
	{ "18 digits", "{\"a\":999999999999999999,\"b\":-999999999999999999}", true },
	{ "19 digits", "{\"a\":1000000000000000000}", false },
	{ "minus nothing", "{\"a\":-0}", false },
	{ "a fraction", "{\"a\":1.0}", false },
	{ "an exponent", "{\"a\":1e2}", false },
	{ "a leading zero", "{\"a\":01}", false },
	{ "a plus", "{\"a\":+1}", false },
	{ "an escape", "{\"a\":\"\\n\"}", false },
	{ "an escape behind eight", "{\"a\":\"" A8 "\\n\"}", false },
	{ "a control character", "{\"a\":\"\x1f\"}", false },
	{ "one among eight", "{\"a\":\"aaa\naaaa\"}", false },
	{ "no UTF-8", "{\"a\":\"\xff\"}", false },
	{ "half a surrogate pair", "{\"a\":\"\xed\xa0\x80\"}", false },
	{ "a capital in a name", "{\"A\":1}", false },
	{ "an escape in a name", "{\"\\u0061\":1}", false },
	{ "no name", "{\"\":1}", false },
	{ "a name of 32", "{\"" A8 A8 A8 A8 "\":1}", true },
	{ "a name of 33", "{\"" A8 A8 A8 A8 "a\":1}", false },
	{ "a name twice", "{\"a\":1,\"b\":2,\"a\":1}", false },
	{ "a longer name that begins with it", "{\"a\":1,\"ab\":2}", true },
	{ "an object in it", "{\"a\":{}}", false },
	{ "an array of nothing", "{\"a\":[]}", false },
	{ "an array of numbers", "{\"a\":[1]}", false },
	{ "lines", "{\"a\":[" L1 "," L1 "],\"b\":1}", true },
	{ "a line of nothing", "{\"a\":[{}]}", true },
	{ "a line with four members", "{\"a\":[{\"a\":1,\"b\":2,\"c\":3,\"d\":4}]}", false },
	{ "a name twice in a line", "{\"a\":[{\"a\":1,\"a\":2}]}", false },
	{ "the same name in two lines", "{\"a\":[{\"a\":1},{\"a\":2}]}", true },
	{ "two arrays", "{\"a\":[" L1 "],\"b\":[" L1 "]}", false },
	{ "an array in a line", "{\"a\":[{\"a\":[" L1 "]}]}", false },
	{ "a comma too many", "{\"a\":1,}", false },
	{ "a comma too few", "{\"a\":1 \"b\":2}", false },
	{ "a comma for a colon", "{\"a\",1}", false },
	{ "a name without a value", "{\"a\"}", false },
	{ "a name and a colon", "{\"a\":}", false },
	{ "the wrong bracket", "{\"a\":1]", false },
	{ "no bracket", "{\"a\":1", false },
	{ "something behind it", "{\"a\":1}x", false },
	{ "another one behind it", "{\"a\":1}{}", false },
	{ "a comment", "{\"a\":1/**/}", false },
	{ "a byte order mark", "\xef\xbb\xbf{\"a\":1}", false },
	{ "another blank", "{\"a\":\f1}", false },
	{ "an array", "[1]", false },
	{ "a text", "\"a\"", false },
	{ "nothing", "", false },
	{ "blanks", "  ", false },
	{ "another word", "{\"a\":nil}", false },
	{ "half a word", "{\"a\":nul}", false },
	{ "a longer word", "{\"a\":nulls}", false },
	{ "16 members",
	  "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1}", true },
	{ "17 members",
	  "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1}", false },
};
/* clang-format on */

static void what_is_plain_is_known(void **state)
{
	static struct json_plain p;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++)
		ROW_EXPECT(rows[i].what, json_plain_parse(rows[i].text, strlen(rows[i].text), &p) ==
						 rows[i].is_plain);
}

static void a_nul_is_not_an_end(void **state)
{
	static struct json_plain p;

	(void)state;
	assert_false(json_plain_parse("{}\0", 3, &p));
	assert_false(json_plain_parse("{\"a\":1\0}", 8, &p));
	assert_false(json_plain_parse("{\"a\":\"\0\"}", 9, &p));
	assert_false(json_plain_parse("\0{}", 3, &p));
}

static void members_say_what_the_text_says(void **state)
{
	static const char text[] = "{\"a\":-12,\"b\":\"x y\",\"c\":[{\"n\":7}],\"d\":null}";
	static struct json_plain p;

	(void)state;
	assert_true(json_plain_parse(text, sizeof(text) - 1, &p));
	assert_int_equal(p.member_count, 4);
	assert_int_equal(p.line_count, 1);
	assert_int_equal(p.members[0].type, PLAIN_NUMBER);
	assert_int_equal(p.members[0].number, -12);
	assert_int_equal(p.members[1].type, PLAIN_TEXT);
	assert_int_equal(p.members[1].text_bytes, 3);
	assert_memory_equal(p.members[1].text, "x y", 3);
	assert_int_equal(p.members[2].type, PLAIN_LINES);
	assert_int_equal(p.lines[0].member_count, 1);
	assert_int_equal(p.lines[0].members[0].number, 7);
	assert_int_equal(p.members[3].type, PLAIN_NULL);
	assert_memory_equal(p.members[3].name, "d", 1);
}

/* As many lines as a reservation may have, and one more. */
static void lines_are_bounded(void **state)
{
	static char text[PLAIN_LINES_MAX * sizeof(L1) + 100];
	static struct json_plain p;

	(void)state;
	for (int count = PLAIN_LINES_MAX; count <= PLAIN_LINES_MAX + 1; count++) {
		size_t bytes = (size_t)sprintf(text, "{\"lines\":[");

		for (int i = 0; i < count; i++)
			bytes += (size_t)sprintf(text + bytes, "%s" L1, i > 0 ? "," : "");
		bytes += (size_t)sprintf(text + bytes, "],\"ttl_s\":9}");
		assert_int_equal(json_plain_parse(text, bytes, &p), count <= PLAIN_LINES_MAX);
		assert_int_equal(p.line_count, PLAIN_LINES_MAX);
	}
}

/* ---------------------------------------------------------------- fields */

/* clang-format off */
static const struct field fields[] = {
	{ .name = "n", .type = FIELD_INTEGER, .is_required = true, .least = -5, .most = 5 },
	{ .name = "t", .type = FIELD_TEXT, .may_be_null = true, .most = 3 },
	{ .name = "b", .type = FIELD_BOOL },
	{ .name = "c", .type = FIELD_CODE },
	{ .name = "r", .type = FIELD_REASON },
	{ .name = "l", .type = FIELD_LINES },
	{ .name = "w", .type = FIELD_ROWS },
	{ .name = "o", .type = FIELD_OBJECT, .may_be_null = true, .most = 99 },
	{ .name = "v", .type = FIELD_INTEGER, .is_of_lines = true, .most = 9 },
};

static const struct read_row {
	const char *what;
	const char *text;
	bool is_read;
} reads[] = {
	{ "all that is needed", "{\"n\":5}", true },
	{ "what is needed is missing", "{\"b\":true}", false },
	{ "more than the most", "{\"n\":6}", false },
	{ "less than the least", "{\"n\":-6}", false },
	{ "a text for a number", "{\"n\":\"5\"}", false },
	{ "null for a number", "{\"n\":null}", false },
	{ "three characters", "{\"n\":1,\"t\":\"\xc3\xa4\xc3\xa4\xc3\xa4\"}", true },
	{ "four characters", "{\"n\":1,\"t\":\"aaaa\"}", false },
	{ "null where it may be", "{\"n\":1,\"t\":null}", true },
	{ "null where it may not", "{\"n\":1,\"c\":null}", false },
	{ "a number for a text", "{\"n\":1,\"t\":1}", false },
	{ "a number for a boolean", "{\"n\":1,\"b\":1}", false },
	{ "a code", "{\"n\":1,\"c\":\"A-1\"}", true },
	{ "no code", "{\"n\":1,\"c\":\"-A\"}", false },
	{ "a reason", "{\"n\":1,\"r\":\"sale\"}", true },
	{ "a reason in capitals, with digits", "{\"n\":1,\"r\":\"RMA_07\"}", true },
	{ "no reason", "{\"n\":1,\"r\":\"for-sale\"}", false },
	{ "a reason of other letters", "{\"n\":1,\"r\":\"\xc3\xb6l\"}", false },
	{ "an empty reason", "{\"n\":1,\"r\":\"\"}", false },
	{ "a field of nobody", "{\"n\":1,\"x\":1}", false },
	{ "a field of somebody else", "{\"n\":1,\"e\":{}}", false },
	{ "another field of somebody else", "{\"n\":1,\"else\":1,\"op\":1}", true },
	{ "half a name", "{\"n\":1,\"els\":1}", false },
	{ "lines", "{\"n\":1,\"l\":[" L1 "]}", true },
	{ "a line without a quantity", "{\"n\":1,\"l\":[{\"sku\":\"A\",\"location\":\"W\"}]}", false },
	{ "a line of nothing", "{\"n\":1,\"l\":[{\"sku\":\"A\",\"location\":\"W\",\"quantity\":0}]}", false },
	{ "a line of another field", "{\"n\":1,\"l\":[{\"sku\":\"A\",\"location\":\"W\",\"q\":1}]}", false },
	{ "a row with a quantity", "{\"n\":1,\"w\":[" L1 "]}", false },
	{ "a row", "{\"n\":1,\"w\":[{\"location\":\"W\",\"sku\":\"A\"}]}", true },
	{ "a row of another code", "{\"n\":1,\"w\":[{\"location\":\"W\",\"sku\":\" \"}]}", false },
	{ "text for lines", "{\"n\":1,\"l\":\"x\"}", false },
	{ "null for an object", "{\"n\":1,\"o\":null}", true },
	{ "anything else for an object", "{\"n\":1,\"o\":1}", false },
	{ "what only lines know", "{\"n\":1,\"v\":1}", false },
};
/* clang-format on */

static void only_what_is_right_is_read(void **state)
{
	static struct json_plain p;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(reads); i++) {
		struct field_value v[LENGTH_OF(fields)];
		bool is_read;
		struct arena a;

		arena_init(&a);
		is_read = json_plain_parse(reads[i].text, strlen(reads[i].text), &p) &&
			  json_plain_read(&p, fields, v, LENGTH_OF(fields), "op else", false, &a);
		ROW_EXPECT(reads[i].what, is_read == reads[i].is_read);
		arena_fini(&a);
	}
}

static void a_line_knows_what_only_lines_know(void **state)
{
	static const char text[] = "{\"n\":1,\"v\":3}";
	struct field_value v[LENGTH_OF(fields)];
	static struct json_plain p;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_true(json_plain_parse(text, sizeof(text) - 1, &p));
	assert_true(json_plain_read(&p, fields, v, LENGTH_OF(fields), "", true, &a));
	assert_int_equal(v[LENGTH_OF(fields) - 1].number, 3);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_plain_is_known),
		cmocka_unit_test(a_nul_is_not_an_end),
		cmocka_unit_test(members_say_what_the_text_says),
		cmocka_unit_test(lines_are_bounded),
		cmocka_unit_test(only_what_is_right_is_read),
		cmocka_unit_test(a_line_knows_what_only_lines_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
