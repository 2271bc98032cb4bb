#include "base/utf8.h"
#include "unit.h"
#include "wire/json_place.h"
#include "wire/json_write.h"

/* ---------------------------------------------------------------- writing */

static void pieces_have_their_commas(void **state)
{
	struct text t;
	struct json j;

	(void)state;
	text_init(&t);
	j = json_begin(&t);
	json_open(&j, '{');
	JSON_NAME(&j, "a"), json_int(&j, -5);
	JSON_NAME(&j, "b"), json_open(&j, '[');
	json_bool(&j, true);
	json_bool(&j, false);
	json_none(&j);
	json_open(&j, '{');
	json_close(&j, '}');
	json_open(&j, '[');
	json_close(&j, ']');
	json_close(&j, ']');
	JSON_NAME(&j, "c"), json_text(&j, NULL);
	JSON_NAME(&j, "d"), json_raw(&j, "{\"x\":1}");
	JSON_NAME(&j, "e"), json_time(&j, 0);
	JSON_NAME(&j, "f"), json_time(&j, INT64_C(1795460270123));
	json_close(&j, '}');
	assert_string_equal(t.data,
			    "{\"a\":-5,\"b\":[true,false,null,{},[]],\"c\":null,"
			    "\"d\":{\"x\":1},\"e\":null,\"f\":\"2026-11-23T18:57:50.123Z\"}");
	text_fini(&t);
}

/* clang-format off */
static const struct text_row {
	const char *text;
	const char *json;
} texts[] = {
	{ "", "\"\"" },
	{ "plain", "\"plain\"" },
	{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
	{ "\"", "\"\\\"\"" },
	{ "a\nb\tc\r", "\"a\\nb\\tc\\u000d\"" },
	{ "\x01\x1f \x7f", "\"\\u0001\\u001f \x7f\"" },
	{ "Ä€\xf0\x9d\x84\x9e\"", "\"Ä€\xf0\x9d\x84\x9e\\\"\"" },
	{ "M\xfcller\n", "\"M\xef\xbf\xbdller\\n\"" },
	{ "\xff", "\"\xef\xbf\xbd\"" },
	{ "a\xed\xa0\x80", "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "</script>", "\"</script>\"" },
	{ "\u00e4 \u2615 \U0001F600", "\"\u00e4 \u2615 \U0001F600\"" },
};
/* clang-format on */

static void texts_are_quoted_and_escaped(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(texts); i++) {
		struct text t;
		struct json j;

		text_init(&t);
		j = json_begin(&t);
		json_text(&j, texts[i].text);
		ROW_EXPECT(texts[i].json, strcmp(t.data, texts[i].json) == 0);
		text_fini(&t);
	}
}

enum { BYTE_ROOM = 8 };

/* What stands in a JSON text for this one byte. */
static const char *json_of_byte(unsigned char c, char room[BYTE_ROOM])
{
	if (c == '"' || c == '\\')
		snprintf(room, BYTE_ROOM, "\\%c", c);
	else if (c == '\n' || c == '\t')
		snprintf(room, BYTE_ROOM, "\\%c", c == '\n' ? 'n' : 't');
	else if (c < 0x20)
		snprintf(room, BYTE_ROOM, "\\u%04x", c);
	else if (c < 0x80)
		snprintf(room, BYTE_ROOM, "%c", c);
	else
		snprintf(room, BYTE_ROOM, "%s", UTF8_REPLACEMENT);
	return room;
}

/* Texts are looked at in words: each byte at each place of up to three of them. */
static void every_byte_is_seen_wherever_it_stands(void **state)
{
	static const char plain[] = "~ !#[]^_\x7f"
				    "abcdefghijklmnopq";
	enum { PLACES = 26 };

	(void)state;
	for (int c = 1; c < 256; c++)
		for (int at = 0; at < PLACES; at++)
			for (int behind = 0; at + behind < PLACES; behind++) {
				char text[2 * PLACES + BYTE_ROOM], json[2 * PLACES + 2 * BYTE_ROOM];
				char room[BYTE_ROOM];
				struct text t;
				struct json j;

				snprintf(text, sizeof(text), "%.*s%c%.*s", at, plain, c, behind,
					 plain + at);
				snprintf(json, sizeof(json), "\"%.*s%s%.*s\"", at, plain,
					 json_of_byte((unsigned char)c, room), behind, plain + at);
				text_init(&t);
				j = json_begin(&t);
				json_text(&j, text);
				assert_string_equal(t.data, json);
				text_fini(&t);
			}
}

/* clang-format off */
static const struct pretty_row {
	const char *json;
	const char *pretty;
} pretties[] = {
	{ "{}\n", "{}\n" },
	{ "[]", "[]\n" },
	{ "{\"a\":1}\n", "{\n  \"a\": 1\n}\n" },
	{ "{\"a\":[],\"b\":{}}\n", "{\n  \"a\": [],\n  \"b\": {}\n}\n" },
	{ "{\"a\":[1,{\"b\":null}]}\n", "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ]\n}\n" },
	{ "{\"a\":\"{[,:]}\\\" \\\\\"}\n", "{\n  \"a\": \"{[,:]}\\\" \\\\\"\n}\n" },
	{ "{ \"a\" :\n\t[ 1 , 2 ] }\r\n", "{\n  \"a\": [\n    1,\n    2\n  ]\n}\n" },
};
/* clang-format on */

static void json_is_indented(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(pretties); i++) {
		struct text t;

		text_init(&t);
		json_pretty(&t, pretties[i].json, strlen(pretties[i].json));
		ROW_EXPECT(pretties[i].json, strcmp(t.data, pretties[i].pretty) == 0);
		text_fini(&t);
	}
}

/* ---------------------------------------------------------------- places */

/* clang-format off */
static const struct place_row {
	const char *before; /* the document up to the place */
	const char *pointer;
} places[] = {
	{ "", "" },
	{ " {", "" },
	{ "{\"a\"", "/a" },
	{ "{\"a\":", "/a" },
	{ "{\"a\":1", "/a" },
	{ "{\"a\":1,", "" },
	{ "{\"a\":1,\"b\":\"x,y\"", "/b" },
	{ "{\"a\":{\"b\":{", "/a/b" },
	{ "{\"a\":{\"b\":{}", "/a/b" },
	{ "{\"a\":{\"b\":{}}", "/a" },
	{ "{\"a\":{\"b\":{}},\"c\":[[],[1,2", "/c/1/1" },
	{ "[", "/0" },
	{ "[1,{\"a\":2},3", "/2" },
	{ "{\"a\\u002fb~\":1", "/a~1b~0" },
	{ "{\"a\\\"b\":1", "/a\"b" },
	{ "{\"\":1", "/" },
	{ "{\"a\":\"\\\\\",\"b\":[\"]\",", "/b/1" },
};
/* clang-format on */

static void places_have_pointers(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(places); i++) {
		char pointer[64];

		json_pointer_at(places[i].before, strlen(places[i].before), pointer,
				sizeof(pointer));
		ROW_EXPECT(places[i].before, strcmp(pointer, places[i].pointer) == 0);
	}
}

static void pointers_are_cut_to_their_space(void **state)
{
	char pointer[8] = "";

	(void)state;
	json_pointer_add(pointer, sizeof(pointer), "abc");
	assert_string_equal(pointer, "/abc");
	json_pointer_add(pointer, sizeof(pointer), "~~");
	assert_string_equal(pointer, "/abc/~0");
	json_pointer_add(pointer, sizeof(pointer), "d");
	assert_string_equal(pointer, "/abc/~0");

	pointer[0] = '\0';
	json_pointer_add(pointer, sizeof(pointer), "abcd\u2615");
	assert_string_equal(pointer, "/abcd");
}

static void members_are_found_by_their_place(void **state)
{
	static const char doc[] = " { \"a\" : 1.50 , \"b:\" : { \"c\" : [ 1 , \" x \\\" \" ] } ,\n"
				  "\"d\" : \"e,}\" , \"f\":[],\"g\":-0 }";
	static const char *const values[] = { "1.50", "{\"c\":[1,\" x \\\" \"]}", "\"e,}\"", "[]",
					      "-0" };
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < LENGTH_OF(values); i++)
		assert_string_equal(json_member_text(doc, strlen(doc), i, &a), values[i]);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_have_their_commas),
		cmocka_unit_test(texts_are_quoted_and_escaped),
		cmocka_unit_test(every_byte_is_seen_wherever_it_stands),
		cmocka_unit_test(json_is_indented),
		cmocka_unit_test(places_have_pointers),
		cmocka_unit_test(pointers_are_cut_to_their_space),
		cmocka_unit_test(members_are_found_by_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
