#include "engine/session.h"
#include "unit.h"
#include <string.h>

#define NOW INT64_C(1795900000500)

static const unsigned char key[SECRET_KEY_BYTES] = { 1, 2, 3 };
static const char name[] = "rowlock-8080";

static struct session session_until(int64_t until_ms)
{
	struct session s = { .until_ms = until_ms };

	memcpy(s.public_part, "k3v7q2mwza", TOKEN_PUBLIC_BYTES);
	return s;
}

static void written(int64_t until_ms, char ret[SESSION_BYTES + 1])
{
	struct session s = session_until(until_ms);

	assert_true(secret_prepare());
	session_write(key, name, &s, ret);
	assert_int_equal(strlen(ret), SESSION_BYTES);
}

static enum session_verdict verdict_of(const char *value, size_t bytes, int64_t now_ms)
{
	struct session s;

	return session_read(key, name, value, bytes, now_ms, &s);
}

static void what_was_written_is_read(void **state)
{
	char value[SESSION_BYTES + 1];
	struct session s;

	(void)state;
	written(NOW + 60000, value);
	assert_memory_equal(value, "1.k3v7q2mwza.001795900060.", SESSION_SIGNED_BYTES);
	assert_int_equal(session_read(key, name, value, SESSION_BYTES, NOW, &s), SESSION_GOOD);
	assert_memory_equal(s.public_part, "k3v7q2mwza", TOKEN_PUBLIC_BYTES);
	assert_int_equal(s.until_ms, INT64_C(1795900060000));
	for (size_t i = 0; i < SESSION_BYTES; i++)
		assert_null(strchr(" \",;\\", value[i])); /* a cookie has none of them */
}

/* Of another implementation: base64url of hashlib.blake2b(..., digest_size=32, key=...). */
static void it_is_signed_as_the_standard_signs(void **state)
{
	char value[SESSION_BYTES + 1];

	(void)state;
	written(INT64_C(1795900060000), value);
	assert_string_equal(value + SESSION_SIGNED_BYTES,
			    "XV0qSQXJblnJewi5asrZWkwsRcV4lX0us8K8AzNokUY");
}

static void names_say_where(void **state)
{
	static const struct {
		int port;
		const char *name;
	} rows[] = {
		{ 0, "__Host-rowlock" },
		{ 80, "rowlock-80" },
		{ 65535, "rowlock-65535" },
	};
	char text[SESSION_NAME_BYTES_MAX + 1];

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		session_name(rows[i].port, text);
		assert_string_equal(text, rows[i].name);
	}
}

/* Each character becomes each other one that a header can have. */
static void a_character_that_differs_spoils_it(void **state)
{
	char value[SESSION_BYTES + 1];

	(void)state;
	written(NOW + 60000, value);
	for (size_t i = 0; i < SESSION_BYTES; i++) {
		char was = value[i];

		for (int c = 1; c < 256; c++) {
			value[i] = (char)c;
			if (value[i] == was)
				continue;
			enum session_verdict v = verdict_of(value, SESSION_BYTES, NOW);

			if (v != SESSION_MALFORMED && v != SESSION_FORGED)
				fail_msg("character %zu, %d: %d", i, c, v);
			if (i >= SESSION_SIGNED_BYTES)
				assert_int_equal(v, SESSION_FORGED);
		}
		value[i] = was;
	}
	assert_int_equal(verdict_of(value, SESSION_BYTES, NOW), SESSION_GOOD);
}

static void a_piece_of_it_is_none(void **state)
{
	char value[2 * SESSION_BYTES + 1];

	(void)state;
	written(NOW + 60000, value);
	memcpy(value + SESSION_BYTES, value, SESSION_BYTES);
	for (size_t bytes = 0; bytes <= 2 * SESSION_BYTES; bytes++)
		assert_int_equal(verdict_of(value, bytes, NOW),
				 bytes == SESSION_BYTES ? SESSION_GOOD : SESSION_MALFORMED);
}

static void another_key_or_name_has_not_signed_it(void **state)
{
	static const char *const others[] = { "__Host-rowlock", "rowlock-8081", "rowlock-808",
					      "rowlock-80801" };
	char value[SESSION_BYTES + 1];
	struct session s;

	(void)state;
	written(NOW + 60000, value);
	for (size_t bit = 0; bit < 8 * sizeof(key); bit++) {
		unsigned char other[sizeof(key)];

		memcpy(other, key, sizeof(key));
		other[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_int_equal(session_read(other, name, value, SESSION_BYTES, NOW, &s),
				 SESSION_FORGED);
	}
	for (size_t i = 0; i < LENGTH_OF(others); i++)
		assert_int_equal(session_read(key, others[i], value, SESSION_BYTES, NOW, &s),
				 SESSION_FORGED);
}

/* clang-format off */
static const struct time_row {
	const char *what;
	int64_t until_ms; /* after NOW rounded down to the second */
	int64_t now_ms;   /* likewise */
	enum session_verdict verdict;
} times[] = {
	{ "just given", SESSION_MS_MAX, 0, SESSION_GOOD },
	{ "a millisecond before its end", 5000, 4999, SESSION_GOOD },
	{ "at its end", 5000, 5000, SESSION_EXPIRED },
	{ "a second behind its end", 5000, 6000, SESSION_EXPIRED },
	{ "long ago", 5000, INT64_C(10) * 365 * 86400 * 1000, SESSION_EXPIRED },
	{ "the clock went back a minute", SESSION_MS_MAX, -60000, SESSION_GOOD },
	{ "the clock went back further", SESSION_MS_MAX, -61000, SESSION_EXPIRED },
	{ "given by a clock a year ahead", INT64_C(366) * 86400 * 1000, 0, SESSION_EXPIRED },
};
/* clang-format on */

static void it_ends_with_its_time(void **state)
{
	const int64_t base_ms = NOW / 1000 * 1000;
	char value[SESSION_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(times); i++) {
		const struct time_row *r = &times[i];

		written(base_ms + r->until_ms, value);
		ROW_EXPECT(r->what,
			   verdict_of(value, SESSION_BYTES, base_ms + r->now_ms) == r->verdict);
	}
	written(0, value);
	assert_int_equal(verdict_of(value, SESSION_BYTES, NOW), SESSION_EXPIRED);
	written(INT64_C(999999999999000), value);
	assert_int_equal(verdict_of(value, SESSION_BYTES, NOW), SESSION_EXPIRED);
}

/* clang-format off */
static const struct find_row {
	const char *what;
	const char *cookies;
	int count;
	const char *value; /* of the first */
} finds[] = {
	{ "alone", "a=1", 1, "1" },
	{ "among others", "b=2; a=1; c=3", 1, "1" },
	{ "without blanks", "b=2;a=1;c=3", 1, "1" },
	{ "with more blanks", "  b=2 ;\t a=1 \t; c=3  ", 1, "1" },
	{ "last", "b=2; a=1", 1, "1" },
	{ "with an end", "a=1;", 1, "1" },
	{ "twice", "a=1; a=2", 2, "1" },
	{ "twice the same", "a=1; b=2; a=1", 2, "1" },
	{ "empty", "a=", 1, "" },
	{ "empty and full", "a=; a=1", 2, "" },
	{ "with an equals sign", "a=b=c", 1, "b=c" },
	{ "no value at all", "a", 0, NULL },
	{ "another case", "A=1", 0, NULL },
	{ "a longer name", "aa=1; a-=2", 0, NULL },
	{ "a shorter name", "=1", 0, NULL },
	{ "in a value", "b=a=1", 0, NULL },
	{ "nothing", "", 0, NULL },
	{ "separators only", ";;; ;", 0, NULL },
	{ "a comma separates nothing", "b=2, a=1", 0, NULL },
};
/* clang-format on */

static void a_cookie_is_found_by_its_whole_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(finds); i++) {
		const struct find_row *r = &finds[i];
		const char *value = NULL;
		size_t bytes = 0;

		ROW_EXPECT(r->what, session_find(r->cookies, "a", &value, &bytes) == r->count);
		if (r->count > 0)
			ROW_EXPECT(r->what, bytes == strlen(r->value) &&
						    memcmp(value, r->value, bytes) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(it_is_signed_as_the_standard_signs),
		cmocka_unit_test(names_say_where),
		cmocka_unit_test(a_character_that_differs_spoils_it),
		cmocka_unit_test(a_piece_of_it_is_none),
		cmocka_unit_test(another_key_or_name_has_not_signed_it),
		cmocka_unit_test(it_ends_with_its_time),
		cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
