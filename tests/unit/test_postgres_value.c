#include "store/postgres_connection.h"
#include "unit.h"
#include <errno.h>

/* ---------------------------------------------------------------- what is given */

static void bytes_are(const char *what, const struct postgres_value *v, const char *wanted,
		      size_t wanted_bytes)
{
	const char *data = v->data != NULL ? v->data : (const char *)v->few;

	ROW_EXPECT(what, v->length == (int)wanted_bytes);
	ROW_EXPECT(what, memcmp(data, wanted, wanted_bytes) == 0);
}

#define BYTES(text) (text), sizeof(text) - 1

static void numbers_are_big_endian(void **state)
{
	struct postgres_value v = value_int(1);

	(void)state;
	bytes_are("one", &v, BYTES("\0\0\0\0\0\0\0\1"));
	v = value_int(-2);
	bytes_are("minus two", &v, BYTES("\377\377\377\377\377\377\377\376"));
	v = value_int(INT64_C(0x0102030405060708));
	bytes_are("eight bytes", &v, BYTES("\1\2\3\4\5\6\7\10"));
	assert_int_equal(v.type, POSTGRES_INT8);
	v = value_int_or_null(POSTGRES_NULL_INT);
	assert_int_equal(v.length, POSTGRES_VALUE_NULL);
	assert_int_equal(v.type, POSTGRES_INT8);
	v = value_bool(true);
	bytes_are("true", &v, BYTES("\1"));
	v = value_text(NULL);
	assert_int_equal(v.length, POSTGRES_VALUE_NULL);
	assert_int_equal(v.type, POSTGRES_TEXT);
	v = value_text("");
	assert_int_equal(v.length, 0);
	v = value_null();
	assert_int_equal(v.length, POSTGRES_VALUE_NULL);
	assert_int_equal(v.type, POSTGRES_ANY);
}

/* By array_recv() of PostgreSQL: dimensions, has it NULLs, type of an element, length, bound. */
static void arrays_are_as_the_server_reads_them(void **state)
{
	const int64_t ints[] = { 1, POSTGRES_NULL_INT, -1 };
	const char *texts[] = { "ab", "", NULL };
	const bool bools[] = { true, false };
	struct postgres_value v;
	struct arena a;

	(void)state;
	arena_init(&a);
	v = value_int_array(&a, ints, 3);
	bytes_are("ints", &v,
		  BYTES("\0\0\0\1\0\0\0\1\0\0\0\24\0\0\0\3\0\0\0\1"
			"\0\0\0\10\0\0\0\0\0\0\0\1"
			"\377\377\377\377"
			"\0\0\0\10\377\377\377\377\377\377\377\377"));
	v = value_int_array(&a, ints, 1);
	bytes_are("no NULL", &v,
		  BYTES("\0\0\0\1\0\0\0\0\0\0\0\24\0\0\0\1\0\0\0\1"
			"\0\0\0\10\0\0\0\0\0\0\0\1"));
	v = value_int_array(&a, NULL, 0);
	bytes_are("none", &v, BYTES("\0\0\0\0\0\0\0\0\0\0\0\24"));
	v = value_text_array(&a, texts, 3);
	bytes_are("texts", &v,
		  BYTES("\0\0\0\1\0\0\0\1\0\0\0\31\0\0\0\3\0\0\0\1"
			"\0\0\0\2ab"
			"\0\0\0\0"
			"\377\377\377\377"));
	v = value_bool_array(&a, bools, 2);
	bytes_are("bools", &v,
		  BYTES("\0\0\0\1\0\0\0\0\0\0\0\20\0\0\0\2\0\0\0\1"
			"\0\0\0\1\1"
			"\0\0\0\1\0"));
	arena_fini(&a);
}

/* ---------------------------------------------------------------- what is answered */

/* A result of one row, as a server would give it in binary form. */
static PGresult *result_of(const char *bytes, int length, Oid type)
{
	PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc column = { .name = (char *)(intptr_t) "x", .typid = type, .format = 1 };

	assert_int_equal(PQsetResultAttrs(r, 1, &column), 1);
	assert_int_equal(PQsetvalue(r, 0, 0, (char *)(intptr_t)bytes, length), 1);
	return r;
}

/* clang-format off */
static const struct {
	const char *what, *bytes;
	int length;
	unsigned type;
	int64_t is, if_null;
} answers[] = {
	{ "int8",           "\0\0\0\0\0\0\1\0",                 8, POSTGRES_INT8, 256,  7 },
	{ "int8 below 0",   "\377\377\377\377\377\377\377\377", 8, POSTGRES_INT8, -1,   7 },
	{ "int8 least",     "\200\0\0\0\0\0\0\0",               8, POSTGRES_INT8, INT64_MIN, 7 },
	{ "int4",           "\0\0\0\2",                         4, POSTGRES_INT4, 2,    7 },
	{ "int4 below 0",   "\377\377\377\376",                 4, POSTGRES_INT4, -2,   7 },
	{ "int2 below 0",   "\377\376",                         2, POSTGRES_INT2, -2,   7 },
	{ "true",           "\1",                               1, POSTGRES_BOOL, 1,    7 },
	{ "false",          "\0",                               1, POSTGRES_BOOL, 0,    7 },
	{ "NULL",           NULL,                              -1, POSTGRES_INT8, 7,    7 },
	{ "no number",      "12",                               2, POSTGRES_TEXT, 0,    7 },
};
/* clang-format on */

static void numbers_come_out_as_they_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(answers); i++) {
		PGresult *r = result_of(answers[i].bytes, answers[i].length, answers[i].type);

		ROW_EXPECT(answers[i].what,
			   postgres_int_or(r, 0, 0, answers[i].if_null) == answers[i].is);
		ROW_EXPECT(answers[i].what,
			   postgres_is_null(r, 0, 0) == (answers[i].bytes == NULL));
		PQclear(r);
	}
}

static void texts_come_out_as_they_are(void **state)
{
	char long_one[CODE_BYTES_MAX + 2];
	struct code code;
	const char *text;
	struct arena a;
	PGresult *r = result_of("A-1", 3, POSTGRES_TEXT);

	(void)state;
	arena_init(&a);
	assert_int_equal(postgres_text(r, 0, 0, &a, &text), 0);
	assert_string_equal(text, "A-1");
	postgres_code(r, 0, 0, &code);
	assert_string_equal(code.text, "A-1");
	postgres_clear(&r);
	assert_null(r);
	r = result_of(NULL, -1, POSTGRES_TEXT);
	assert_int_equal(postgres_text(r, 0, 0, &a, &text), 0);
	assert_null(text);
	postgres_code(r, 0, 0, &code);
	assert_string_equal(code.text, "");
	postgres_clear(&r);
	memset(long_one, 'a', sizeof(long_one));
	r = result_of(long_one, CODE_BYTES_MAX, POSTGRES_TEXT);
	postgres_code(r, 0, 0, &code);
	assert_int_equal(strlen(code.text), CODE_BYTES_MAX);
	postgres_clear(&r);
	r = result_of(long_one, CODE_BYTES_MAX + 1, POSTGRES_TEXT);
	postgres_code(r, 0, 0, &code);
	assert_string_equal(code.text, "");
	postgres_clear(&r);
	arena_fini(&a);
}

/* ---------------------------------------------------------------- what fails */

/* clang-format off */
static const struct {
	const char *state;
	int fault;
} states[] = {
	{ NULL, -ENOTCONN },     { "", -ENOTCONN },       { "08006", -ENOTCONN },
	{ "57P01", -ENOTCONN },  { "57P02", -ENOTCONN },  { "57P03", -ENOTCONN },
	{ "25P03", -ENOTCONN },  { "53300", -ENOTCONN },  { "26000", -ENOTCONN },
	{ "0A000", -ENOTCONN },
	{ "40001", -EAGAIN },    { "40P01", -EAGAIN },    { "23505", -EAGAIN },
	{ "55P03", -EBUSY },     { "57014", -EBUSY },
	{ "25006", -EROFS },
	{ "53100", -ENOSPC },    { "53200", -ENOMEM },
	{ "23514", -EBADMSG },   { "23503", -EBADMSG },   { "22003", -EBADMSG },
	{ "P0001", -EBADMSG },
	{ "42P01", -EUCLEAN },   { "42703", -EUCLEAN },   { "XX001", -EUCLEAN },
	{ "XX002", -EUCLEAN },   { "3F000", -EUCLEAN },
	{ "42501", -EACCES },    { "28P01", -EACCES },    { "28000", -EACCES },
	{ "58030", -EIO },       { "XX000", -EIO },       { "99999", -EIO },
};

static const struct {
	const char *state;
	int detail;
} details[] = {
	{ NULL, 0 }, { "", 0 }, { "2350", 0 }, { "235055", 0 }, { "2350a", 0 }, { "2350-", 0 },
	{ "00000", 0 }, { "00001", 1 }, { "0000Z", 35 }, { "00010", 36 }, { "ZZZZZ", 60466175 },
};
/* clang-format on */

static void each_state_means_a_fault(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(states); i++)
		ROW_EXPECT(states[i].state != NULL ? states[i].state : "NULL",
			   postgres_fault_of(states[i].state) == states[i].fault);
	for (size_t i = 0; i < LENGTH_OF(details); i++)
		ROW_EXPECT(details[i].state != NULL ? details[i].state : "NULL",
			   postgres_detail_of(details[i].state) == details[i].detail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(arrays_are_as_the_server_reads_them),
		cmocka_unit_test(numbers_come_out_as_they_are),
		cmocka_unit_test(texts_come_out_as_they_are),
		cmocka_unit_test(each_state_means_a_fault),
	};

	return cmocka_run_group_tests_name("postgres_value", tests, NULL, NULL);
}
