#include "base/hash.h"
#include "unit.h"

/* Fingerprints are stored: another library version must not change them. */
static void stored_hashes_stay_what_they_are(void **state)
{
	(void)state;
	assert_true(hash_bytes("", 0, 0) == UINT64_C(0x2D06800538D394C2));
	assert_true(hash_bytes("abc", 3, 0) == UINT64_C(0x78AF5F94892F3950));
}

static void seeds_and_bytes_count(void **state)
{
	(void)state;
	assert_true(hash_bytes("abc", 3, 1) != hash_bytes("abc", 3, 0));
	assert_true(hash_bytes("abc", 2, 0) != hash_bytes("abc", 3, 0));
	assert_true(hash_bytes("abd", 3, 0) != hash_bytes("abc", 3, 0));
	assert_true(hash_bytes("abcd", 3, 0) == hash_bytes("abc", 3, 0));
}

/* Fingerprints that were stored were made one number at a time. */
static void numbers_are_hashed_one_after_the_other(void **state)
{
	static const int64_t numbers[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 4711 };
	uint64_t hash = 7;

	(void)state;
	assert_true(hash_numbers(numbers, 0, 7) == 7);
	for (size_t i = 0; i < LENGTH_OF(numbers); i++) {
		hash = hash_bytes(&numbers[i], sizeof(numbers[i]), hash);
		assert_true(hash_numbers(numbers, i + 1, 7) == hash);
	}
}

static void where_the_first_text_ends_counts(void **state)
{
	(void)state;
	assert_true(hash_pair("ab", "c", 0) != hash_pair("a", "bc", 0));
	assert_true(hash_pair("a", "b", 0) != hash_pair("b", "a", 0));
	assert_true(hash_pair("a", "b", 0) != hash_pair("a", "b", 1));
	assert_true(hash_pair("a", "b", 7) == hash_pair("a", "b", 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stored_hashes_stay_what_they_are),
		cmocka_unit_test(seeds_and_bytes_count),
		cmocka_unit_test(numbers_are_hashed_one_after_the_other),
		cmocka_unit_test(where_the_first_text_ends_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
