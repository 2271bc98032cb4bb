#include "core/movement.h"
#include "unit.h"

/* The words of the ledger and of the API; the store keeps them as numbers in this order. */
static const char *const kinds[] = { "adjust",  "set",    "count",  "transfer",  "reserve",
				     "release", "expire", "commit", "supersede", "edit" };

static void kinds_have_their_words(void **state)
{
	(void)state;
	assert_int_equal(LENGTH_OF(kinds), MOVEMENT_KINDS);
	for (enum movement_kind k = 0; k < MOVEMENT_KINDS; k++) {
		assert_string_equal(movement_kind_text(k), kinds[k]);
		assert_int_equal(movement_kind_by_text(kinds[k]), k);
	}
}

static void other_words_are_no_kinds(void **state)
{
	static const char *const others[] = { "", "Adjust", "adjus", "adjusts", "read" };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(others); i++)
		assert_int_equal(movement_kind_by_text(others[i]), MOVEMENT_KINDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_have_their_words),
		cmocka_unit_test(other_words_are_no_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
