/* test_audit_inbox - rows that wait for a group: none twice, and none lost in silence. */
#include "engine/audit_inbox.h"
#include "unit.h"

static void put(struct audit_inbox *i, int n)
{
	char subject[16];

	snprintf(subject, sizeof(subject), "%d", n);
	audit_inbox_put(i, &(struct audit_entry){ .at_ms = n + 1,
						  .actor = "anna",
						  .action = "backup",
						  .subject = subject });
}

static void expect(const struct effects *e, int first, int count)
{
	char subject[16];

	assert_int_equal(e->audits.count, count);
	for (int n = 0; n < count; n++) {
		snprintf(subject, sizeof(subject), "%d", first + n);
		assert_string_equal(e->audits.all[n].subject, subject);
		assert_string_equal(e->audits.all[n].actor, "anna");
		assert_int_equal(e->audits.all[n].at_ms, first + n + 1);
		assert_null(e->audits.all[n].detail);
		assert_null(e->audits.all[n].request_id);
	}
}

static void what_is_not_kept_is_taken_again(void **state)
{
	struct audit_inbox i;
	struct effects e = { 0 };

	(void)state;
	audit_inbox_init(&i);
	assert_int_equal(audit_inbox_take(&i, &e), 0);
	expect(&e, 0, 0);
	for (int n = 0; n < 3; n++)
		put(&i, n);
	for (int again = 0; again < 2; again++) {
		effects_clear(&e);
		assert_int_equal(audit_inbox_take(&i, &e), 0);
		expect(&e, 0, 3);
	}
	put(&i, 3); /* behind the group */
	audit_inbox_forget(&i);
	assert_true(audit_inbox_has_some(&i));
	effects_clear(&e);
	assert_int_equal(audit_inbox_take(&i, &e), 0);
	expect(&e, 3, 1);
	audit_inbox_forget(&i);
	assert_false(audit_inbox_has_some(&i));
	audit_inbox_forget(&i); /* of a group that took none */
	effects_fini(&e);
	audit_inbox_fini(&i);
}

static void what_has_no_room_is_said_to_be_lost(void **state)
{
	enum { LOST = 5 };
	struct audit_inbox i;
	struct effects e = { 0 };

	(void)state;
	audit_inbox_init(&i);
	for (int n = 0; n < AUDIT_INBOX_MAX + LOST; n++)
		put(&i, n);
	assert_int_equal(audit_inbox_take(&i, &e), 0);
	expect(&e, 0, AUDIT_INBOX_MAX);
	audit_inbox_forget(&i);
	put(&i, 7);
	effects_clear(&e);
	assert_int_equal(audit_inbox_take(&i, &e), 0);
	expect(&e, 7, 1);
	effects_fini(&e);
	audit_inbox_fini(&i); /* with one that nobody has forgotten */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_kept_is_taken_again),
		cmocka_unit_test(what_has_no_room_is_said_to_be_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
