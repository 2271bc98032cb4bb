#include "store/known_rows.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct known_rows known;

static void a_row_is_known_by_both_names(void **state)
{
	const struct known_row *k;

	(void)state;
	memset(&known, 0, sizeof(known));
	assert_null(known_rows_find(&known, "A", "WH1"));
	known_rows_keep(&known, "A", "WH1", 7, 3);
	k = known_rows_find(&known, "A", "WH1");
	assert_non_null(k);
	assert_int_equal(k->id, 7);
	assert_int_equal(k->seen, 3);
	assert_null(known_rows_find(&known, "A", "WH"));
	assert_null(known_rows_find(&known, "AW", "H1"));
	assert_null(known_rows_find(&known, "", "AWH1"));
}

static void the_newest_is_what_counts(void **state)
{
	(void)state;
	memset(&known, 0, sizeof(known));
	known_rows_keep(&known, "A", "WH1", 7, 3);
	known_rows_keep(&known, "A", "WH1", 8, 4);
	assert_int_equal(known_rows_find(&known, "A", "WH1")->id, 8);
	assert_int_equal(known_rows_find(&known, "A", "WH1")->seen, 4);
}

/* More than there is room for: some are not known, and none is mistaken for another. */
static void no_row_is_taken_for_another(void **state)
{
	enum { ROWS = 3 * KNOWN_ROWS };
	int known_count = 0;
	char sku[32];

	(void)state;
	memset(&known, 0, sizeof(known));
	for (int i = 1; i <= ROWS; i++) {
		snprintf(sku, sizeof(sku), "S-%d", i);
		known_rows_keep(&known, sku, "WH1", i, 1);
		assert_int_equal(known_rows_find(&known, sku, "WH1")->id, i);
	}
	for (int i = 1; i <= ROWS; i++) {
		const struct known_row *k;

		snprintf(sku, sizeof(sku), "S-%d", i);
		k = known_rows_find(&known, sku, "WH1");
		assert_true(k == NULL || k->id == i);
		known_count += k != NULL;
	}
	assert_true(known_count > KNOWN_ROWS / 2);
	assert_true(known_count <= KNOWN_ROWS);
}

static void long_names_are_not_kept(void **state)
{
	char names[KNOWN_ROW_NAMES_BYTES + 2];

	(void)state;
	memset(&known, 0, sizeof(known));
	memset(names, 'x', sizeof(names));
	names[KNOWN_ROW_NAMES_BYTES] = '\0';
	known_rows_keep(&known, names, "1", 7, 3);
	assert_null(known_rows_find(&known, names, "1"));
	names[KNOWN_ROW_NAMES_BYTES - 1] = '\0';
	known_rows_keep(&known, names, "1", 7, 3);
	assert_int_equal(known_rows_find(&known, names, "1")->id, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_known_by_both_names),
		cmocka_unit_test(the_newest_is_what_counts),
		cmocka_unit_test(no_row_is_taken_for_another),
		cmocka_unit_test(long_names_are_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
