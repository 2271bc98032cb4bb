#include "core/movement.h"
#include "unit.h"

/* Words of the ledger and of the API: what was once written there keeps its meaning. */
static const char *const kinds[] = { "adjust",  "set",    "count",  "transfer",  "reserve",
				     "release", "expire", "commit", "supersede", "edit" };

static void kinds_have_their_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
		enum movement_kind kind = movement_kind_by_text(kinds[i]);

		assert_int_not_equal(kind, MOVEMENT_KINDS);
		assert_string_equal(movement_kind_text(kind), kinds[i]);
	}
	for (enum movement_kind k = 0; k < MOVEMENT_KINDS; k++)
		assert_int_equal(movement_kind_by_text(movement_kind_text(k)), k);
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
