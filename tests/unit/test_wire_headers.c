#include "unit.h"
#include "wire/fingerprint.h"
#include "wire/server_timing.h"

/* ---------------------------------------------------------------- Server-Timing */

/* clang-format off */
static const struct timing_row {
	struct server_timing timing;
	const char          *text;
} timings[] = {
	{ { 0 }, "queue;dur=0.000, lock;dur=0.000;desc=\"0 ahead\", apply;dur=0.000, "
		 "commit;dur=0.000;desc=\"group of 0\"" },
	{ { .queue_ns = 21999, .lock_ns = 12400000, .apply_ns = 4001, .commit_ns = 310000, .ahead_count = 6, .group_count = 37 },
	  "queue;dur=0.021, lock;dur=12.400;desc=\"6 ahead\", apply;dur=0.004, commit;dur=0.310;desc=\"group of 37\"" },
	{ { .queue_ns = -1, .lock_ns = 999, .apply_ns = 1000, .commit_ns = 1000000 },
	  "queue;dur=0.000, lock;dur=0.000;desc=\"0 ahead\", apply;dur=0.001, commit;dur=1.000;desc=\"group of 0\"" },
};
/* clang-format on */

static void timings_are_milliseconds(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(timings); i++) {
		char text[SERVER_TIMING_BYTES];

		assert_int_equal(server_timing_format(text, &timings[i].timing),
				 strlen(timings[i].text));
		assert_string_equal(text, timings[i].text);
	}
}

static void the_longest_timing_fits(void **state)
{
	struct server_timing t = {
		INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT32_MIN, INT32_MIN
	};
	char text[SERVER_TIMING_BYTES];

	(void)state;
	assert_true(server_timing_format(text, &t) < sizeof(text));
}

/* ---------------------------------------------------------------- fingerprints */

static struct row_ref rows[] = { { .sku = { "A-1" }, .location = { "WH1" } },
				 { .sku = { "A-1" }, .location = { "WH2" } },
				 { .sku = { "A-1W" }, .location = { "H1" } } };

/* clang-format off */
static const struct command commands[] = {
	{ .kind = COMMAND_ADJUST },
	{ .kind = COMMAND_SET },
	{ .kind = COMMAND_ADJUST, .rows = rows, .row_count = 1 },
	{ .kind = COMMAND_ADJUST, .rows = rows, .row_count = 2 },
	{ .kind = COMMAND_ADJUST, .rows = rows + 1, .row_count = 1 },
	{ .kind = COMMAND_ADJUST, .rows = rows + 2, .row_count = 1 },
	{ .kind = COMMAND_ADJUST, .quantity = 1 },
	{ .kind = COMMAND_ADJUST, .quantity = -1 },
	{ .kind = COMMAND_ADJUST, .is_up_to = true },
	{ .kind = COMMAND_ADJUST, .is_create_only = true },
	{ .kind = COMMAND_ADJUST, .reason = "a" },
	{ .kind = COMMAND_ADJUST, .reason = "" },
	{ .kind = COMMAND_ADJUST, .reference = "a" },
	{ .kind = COMMAND_ADJUST, .condition = { .must_exist = true } },
	{ .kind = COMMAND_ADJUST, .condition = { .has_version = true } },
	{ .kind = COMMAND_ADJUST, .condition = { .has_version = true, .version = 1 } },
	{ .kind = COMMAND_ADJUST, .condition = { .has_on_hand = true } },
	{ .kind = COMMAND_ADJUST, .condition = { .has_on_hand = true, .on_hand = 1 } },
	{ .kind = COMMAND_ADJUST, .item = { .sku = { "A-1" } } },
	{ .kind = COMMAND_ADJUST, .item = { .name = "a" } },
	{ .kind = COMMAND_ADJUST, .item = { .unit = "a" } },
	{ .kind = COMMAND_ADJUST, .item = { .attributes = "a" } },
	{ .kind = COMMAND_ADJUST, .item = { .backorder_limit = 1 } },
	{ .kind = COMMAND_ADJUST, .item = { .has_reorder_point = true } },
	{ .kind = COMMAND_ADJUST, .item = { .has_reorder_point = true, .reorder_point = 1 } },
	{ .kind = COMMAND_ADJUST, .item = { .is_archived = true } },
	{ .kind = COMMAND_ADJUST, .location = { .code = { "A-1" } } },
	{ .kind = COMMAND_ADJUST, .location = { .name = "a" } },
	{ .kind = COMMAND_ADJUST, .location = { .is_archived = true } },
	{ .kind = COMMAND_ADJUST, .lease_id = "a" },
	{ .kind = COMMAND_ADJUST, .purpose = "a" },
	{ .kind = COMMAND_ADJUST, .ttl_ms = 1 },
	{ .kind = COMMAND_ADJUST, .fence_count = 1, .fences = { 1 }, .fence_ids = { "a" } },
	{ .kind = COMMAND_ADJUST, .fence_count = 1, .fences = { 2 }, .fence_ids = { "a" } },
	{ .kind = COMMAND_ADJUST, .fence_count = 1, .fences = { 1 }, .fence_ids = { "b" } },
	{ .kind = COMMAND_COUNT },
	{ .kind = COMMAND_COUNT, .past = { .as_of_seq = 1 } },
};
/* clang-format on */

static void everything_that_makes_another_request_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(commands); i++)
		for (size_t k = 0; k < LENGTH_OF(commands); k++)
			assert_int_equal(request_fingerprint("POST", "/x", &commands[i]) ==
						 request_fingerprint("POST", "/x", &commands[k]),
					 i == k);
	assert_int_not_equal(request_fingerprint("POST", "/x", &commands[0]),
			     request_fingerprint("PUT", "/x", &commands[0]));
	assert_int_not_equal(request_fingerprint("POST", "/x", &commands[0]),
			     request_fingerprint("POST", "/y", &commands[0]));
}

static void who_asks_and_under_which_key_does_not_count(void **state)
{
	struct command c = commands[2];
	struct row_ref same = rows[0];

	(void)state;
	c.request_id = "another";
	c.key = "k";
	c.fingerprint = 7;
	c.rows = &same;
	c.rows->key = 99; /* seeded anew at each start */
	assert_int_equal(request_fingerprint("POST", "/x", &c),
			 request_fingerprint("POST", "/x", &commands[2]));
}

/* It is stored: a later version must not take the same request for another. */
static void a_fingerprint_is_for_good(void **state)
{
	(void)state;
	assert_int_equal(
		request_fingerprint("POST", "/v1/stock/{sku}/{location}/adjust", &commands[2]),
		UINT64_C(0x0ab01ebf87422f26));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timings_are_milliseconds),
		cmocka_unit_test(the_longest_timing_fits),
		cmocka_unit_test(everything_that_makes_another_request_counts),
		cmocka_unit_test(who_asks_and_under_which_key_does_not_count),
		cmocka_unit_test(a_fingerprint_is_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
