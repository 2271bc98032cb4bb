#include "unit.h"
#include "base/text.h"
#include "core/limits.h"
#include "wire/json_merge.h"

/* clang-format off */
static const struct row {
	const char *what;
	const char *object;
	const char *patch;
	const char *merged;
} rows[] = {
	/* RFC 7396, appendix A, as far as both are objects. */
	{ "a value is replaced",           "{\"a\":\"b\"}",               "{\"a\":\"c\"}",              "{\"a\":\"c\"}" },
	{ "a member is added",             "{\"a\":\"b\"}",               "{\"b\":\"c\"}",              "{\"a\":\"b\",\"b\":\"c\"}" },
	{ "the only one is taken away",    "{\"a\":\"b\"}",               "{\"a\":null}",               "{}" },
	{ "one of two is taken away",      "{\"a\":\"b\",\"b\":\"c\"}",   "{\"a\":null}",               "{\"b\":\"c\"}" },
	{ "a list is replaced",            "{\"a\":[\"b\"]}",             "{\"a\":\"c\"}",              "{\"a\":\"c\"}" },
	{ "by a list",                     "{\"a\":\"c\"}",               "{\"a\":[\"b\"]}",            "{\"a\":[\"b\"]}" },
	{ "objects are merged",            "{\"a\":{\"b\":\"c\"}}",       "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
	{ "lists are not",                 "{\"a\":[{\"b\":\"c\"}]}",     "{\"a\":[1]}",                "{\"a\":[1]}" },
	{ "a null that was there stays",   "{\"e\":null}",                "{\"a\":1}",                  "{\"e\":null,\"a\":1}" },
	{ "what is new has no nulls",      "{}",                          "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },

	{ "nothing with nothing",          "{}",                          "{}",                         "{}" },
	{ "nothing is changed",            "{\"a\":1}",                   "{}",                         "{\"a\":1}" },
	{ "none counts as {}",             NULL,                          "{\"a\":{\"b\":1,\"c\":null}}", "{\"a\":{\"b\":1}}" },
	{ "nothing to take away",          "{\"a\":1}",                   "{\"b\":null}",               "{\"a\":1}" },
	{ "the first is taken away",       "{\"a\":1,\"b\":2,\"c\":3}",   "{\"a\":null}",               "{\"b\":2,\"c\":3}" },
	{ "the last is taken away",        "{\"a\":1,\"b\":2,\"c\":3}",   "{\"c\":null}",               "{\"a\":1,\"b\":2}" },
	{ "the order stays",               "{\"b\":1,\"a\":2}",           "{\"a\":3,\"c\":4,\"b\":5}",  "{\"b\":5,\"a\":3,\"c\":4}" },
	{ "an object takes a value's place", "{\"a\":1}",                 "{\"a\":{\"b\":null,\"c\":2}}", "{\"a\":{\"c\":2}}" },
	{ "an object inside is emptied",   "{\"a\":{\"b\":1}}",           "{\"a\":{\"b\":null}}",       "{\"a\":{}}" },
	{ "nulls in a list are values",    "{}",                          "{\"a\":[null,{\"b\":null}]}", "{\"a\":[null,{\"b\":null}]}" },
	{ "a text is no null",             "{\"a\":1}",                   "{\"a\":\"null\"}",           "{\"a\":\"null\"}" },
	{ "numbers stay as typed",         "{\"a\":0.10,\"b\":1e999}",    "{\"c\":-0.0}",               "{\"a\":0.10,\"b\":1e999,\"c\":-0.0}" },
	{ "brackets in texts are none",    "{\"a\":\"},{\",\"b\":\"\\\"}\"}", "{\"a\":\"]\\\\\"}",      "{\"a\":\"]\\\\\",\"b\":\"\\\"}\"}" },
	{ "an escaped name is the name",   "{\"\\u0061\":1}",             "{\"a\":2}",                  "{\"\\u0061\":2}" },
	{ "the other way, too",            "{\"a\\\"b\":1}",              "{\"\\u0061\\u0022b\":null}", "{}" },
	{ "an empty name",                 "{\"\":1}",                    "{\"\":{\"\":2}}",            "{\"\":{\"\":2}}" },
	{ "the beginning of a name is another", "{\"ab\":1}",             "{\"a\":2}",                  "{\"ab\":1,\"a\":2}" },

	/* By somebody's hand. */
	{ "blanks between tokens",         " { \"a\" : 1 ,\n\"b\" : { } } ", "{\"b\":{\"c\":1}}",       "{\"a\":1,\"b\":{\"c\":1}}" },
	{ "blanks and nothing else",       "{ }",                         "{\"a\":1}",                  "{\"a\":1}" },
	{ "an escape that is none",        "{\"\\q\":1}",                 "{\"q\":2}",                  "{\"\\q\":1,\"q\":2}" },
	{ "a member twice",                "{\"a\":1,\"a\":2}",           "{\"a\":null}",               "{}" },
	{ "no object",                     "[1,2]",                       "{\"a\":1}",                  "{\"a\":1}" },
	{ "an empty text",                 "",                            "{\"a\":1}",                  "{\"a\":1}" },
	{ "no names",                      "{x}",                         "{\"a\":1}",                  "{\"a\":1}" },
	{ "no colon",                      "{\"x\"}",                     "{\"a\":1}",                  "{\"a\":1}" },
	{ "no value",                      "{\"x\":}",                    "{\"a\":1}",                  "{\"a\":1}" },
	{ "no end",                        "{\"x\":1",                    "{\"a\":1}",                  "{\"a\":1}" },
	{ "no end of a text",              "{\"x\":\"1}",                 "{\"a\":1}",                  "{\"a\":1}" },
	{ "no end of a name",              "{\"x",                        "{\"a\":1}",                  "{\"a\":1}" },
	{ "an escape at the end",          "{\"x\\",                      "{\"a\":1}",                  "{\"a\":1}" },
	{ "no end of an object inside",    "{\"x\":{}",                   "{\"a\":1}",                  "{\"a\":1}" },
	{ "a comma too many",              "{\"x\":1,}",                  "{\"a\":1}",                  "{\"a\":1}" },
	{ "another bracket",               "{\"x\":1]",                   "{\"a\":1}",                  "{\"a\":1}" },
};
/* clang-format on */

static void patches_are_applied(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct arena a;
		const char *merged;

		arena_init(&a);
		merged = json_merge(rows[i].object, rows[i].patch, &a);
		ROW_EXPECT(rows[i].what, merged != NULL);
		ROW_EXPECT(rows[i].what, strcmp(merged, rows[i].merged) == 0);
		arena_fini(&a);
	}
}

/* As many members as 8 KiB can have, each of both in the other's reverse order. */
static void many_members_find_each_other(void **state)
{
	enum { MEMBERS = 1000 };
	struct text object, patch;
	struct arena a;
	const char *merged;

	(void)state;
	arena_init(&a);
	text_init(&object);
	text_init(&patch);
	for (int i = 0; i < MEMBERS; i++) {
		text_add_format(&object, "%c\"%d\":1", i == 0 ? '{' : ',', i);
		text_add_format(&patch, "%c\"%d\":%s", i == 0 ? '{' : ',', MEMBERS - 1 - i,
				i % 2 == 0 ? "null" : "2");
	}
	text_add(&object, "}");
	text_add(&patch, "}");
	merged = json_merge(object.data, patch.data, &a);
	assert_memory_equal(merged, "{\"0\":2,\"2\":2,", 13);
	assert_null(strstr(merged, "\"1\""));
	assert_null(strstr(merged, ":1"));
	assert_string_equal(merged + strlen(merged) - 8, "\"998\":2}");
	text_fini(&object);
	text_fini(&patch);
	arena_fini(&a);
}

/* ---------------------------------------------------------------- memory */

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);

static int allocations_left = -1; /* below 0: any number */

void *__wrap_malloc(size_t bytes)
{
	if (allocations_left == 0)
		return NULL;
	allocations_left -= allocations_left > 0;
	return __real_malloc(bytes);
}

/* jansson's own are not wrapped. */
static void short_memory_is_told(void **state)
{
	char object[ATTRIBUTES_BYTES_MAX];
	int bytes = sprintf(object, "{\"\\u0061\":1");
	int failures = -1;
	bool is_merged;

	(void)state;
	while (bytes < (int)sizeof(object) - 32)
		bytes += sprintf(object + bytes, ",\"%d\":1", bytes);
	strcpy(object + bytes, "}");
	do {
		struct arena a;

		arena_init(&a);
		allocations_left = ++failures;
		is_merged = json_merge(object, "{\"a\":{\"b\":1}}", &a) != NULL;
		allocations_left = -1;
		arena_fini(&a);
	} while (!is_merged);
	assert_true(failures >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patches_are_applied),
		cmocka_unit_test(many_members_find_each_other),
		cmocka_unit_test(short_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
