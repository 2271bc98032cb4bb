/* test_audit_age - which group looks for old rows of the audit, and for how many. */
#include "engine/audit_age.h"
#include "unit.h"

enum { KEEP_MS = 1000 };

/* What a group at now_ms asks for, that has so many rows of its own; `gone` of them were there. */
static int asks(struct audit_age *a, int64_t now_ms, size_t own_count, int gone)
{
	struct effects e = { .audits = { .count = own_count } };
	int count;

	audit_age_ask(a, now_ms, &e);
	count = e.audit_old_count;
	if (count > 0)
		assert_int_equal(e.audit_old_ms, now_ms - KEEP_MS);
	e.audit_gone_count = gone < count ? gone : count;
	audit_age_told(a, now_ms, &e);
	return count;
}

static void as_long_as_all_were_old_the_next_one_looks(void **state)
{
	struct audit_age a;

	(void)state;
	audit_age_init(&a, KEEP_MS);
	assert_int_equal(asks(&a, 5000, 0, 1 << 20), AUDIT_OLD_PER_GROUP);
	assert_int_equal(asks(&a, 5000, 512, 1 << 20), 1024);
	assert_int_equal(asks(&a, 5001, 0, AUDIT_OLD_PER_GROUP - 1), AUDIT_OLD_PER_GROUP);
	assert_int_equal(asks(&a, 5002, 512, 1 << 20), 0);
	assert_int_equal(asks(&a, 5000 + AUDIT_LOOK_MS, 0, 0), 0);
	assert_int_equal(asks(&a, 5001 + AUDIT_LOOK_MS, 0, 0), AUDIT_OLD_PER_GROUP);
	assert_int_equal(asks(&a, 5002 + AUDIT_LOOK_MS, 0, 0), 0);
}

static void for_ever_is_for_ever(void **state)
{
	struct audit_age a;

	(void)state;
	audit_age_init(&a, 0);
	assert_int_equal(asks(&a, INT64_C(4000000000000), 512, 0), 0);
	audit_age_keep(&a, KEEP_MS);
	assert_int_equal(asks(&a, 5000, 0, 1 << 20), AUDIT_OLD_PER_GROUP);
	audit_age_keep(&a, 0);
	assert_int_equal(asks(&a, 5000, 0, 1 << 20), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_long_as_all_were_old_the_next_one_looks),
		cmocka_unit_test(for_ever_is_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
