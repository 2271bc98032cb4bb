#include "unit.h"
#include "base/text.h"
#include "wire/batch_results.h"
#include "wire/messages_batch.h"
#include <string.h>

#define AT_1 "\"sku\":\"A-1\",\"location\":\"WH1\""
#define LINE "\"lines\":[{" AT_1 ",\"quantity\":2}]"

/* clang-format off */
static const struct row {
	const char *what;
	const char *line;
	enum outcome outcome;
	const char *pointer; /* of a refusal */
	enum command_kind kind;
} rows[] = {
	{ "adjust",                    "{\"op\":\"adjust\"," AT_1 ",\"delta\":-3}",                    OUTCOME_DONE, "", COMMAND_ADJUST },
	{ "the op may come last",      "{\"delta\":-3," AT_1 ",\"op\":\"adjust\"}",                    OUTCOME_DONE, "", COMMAND_ADJUST },
	{ "set",                       "{\"op\":\"set\"," AT_1 ",\"on_hand\":3,\"expected\":null}",    OUTCOME_DONE, "", COMMAND_SET },
	{ "count",                     "{\"op\":\"count\"," AT_1 ",\"counted\":3,\"as_of_seq\":9}",    OUTCOME_DONE, "", COMMAND_COUNT },
	{ "transfer",                  "{\"op\":\"transfer\",\"sku\":\"A\",\"from\":\"W\",\"to\":\"V\",\"quantity\":1}", OUTCOME_DONE, "", COMMAND_TRANSFER },
	{ "reserve",                   "{\"op\":\"reserve\",\"ttl_s\":9," LINE "}",                    OUTCOME_DONE, "", COMMAND_RESERVE },
	{ "with an id of its own",     "{\"op\":\"reserve\",\"reservation\":\"c-1\",\"ttl_s\":9," LINE "}", OUTCOME_DONE, "", COMMAND_RESERVE },
	{ "commit",                    "{\"op\":\"commit\",\"reservation\":\"r_1\"}",                  OUTCOME_DONE, "", COMMAND_RESERVATION_COMMIT },
	{ "release",                   "{\"op\":\"release\",\"reservation\":\"r_1\"}",                 OUTCOME_DONE, "", COMMAND_RESERVATION_RELEASE },
	{ "extend",                    "{\"op\":\"extend\",\"reservation\":\"r_1\",\"ttl_s\":9}",      OUTCOME_DONE, "", COMMAND_RESERVATION_EXTEND },
	{ "item",                      "{\"op\":\"item\",\"sku\":\"A-1\",\"name\":\"x\"}",             OUTCOME_DONE, "", COMMAND_ITEM_PUT },
	{ "location",                  "{\"op\":\"location\",\"location\":\"W\",\"name\":\"x\"}",      OUTCOME_DONE, "", COMMAND_LOCATION_PUT },
	{ "patch_item",                "{\"op\":\"patch_item\",\"sku\":\"A-1\",\"unit\":\"x\"}",       OUTCOME_DONE, "", COMMAND_ITEM_PATCH },
	{ "patch_location",            "{\"op\":\"patch_location\",\"location\":\"W\",\"name\":\"x\",\"create\":true}", OUTCOME_DONE, "", COMMAND_LOCATION_PATCH },
	{ "only over that version",    "{\"op\":\"item\",\"sku\":\"A\",\"name\":\"x\",\"expected_version\":0}", OUTCOME_DONE, "", COMMAND_ITEM_PUT },
	{ "a version below zero",      "{\"op\":\"item\",\"sku\":\"A\",\"name\":\"x\",\"expected_version\":-1}", OUTCOME_INVALID_FIELD, "/expected_version", 0 },
	{ "a PUT makes anyway",        "{\"op\":\"item\",\"sku\":\"A\",\"name\":\"x\",\"create\":true}", OUTCOME_UNKNOWN_FIELD, "/create", 0 },
	{ "made without a name",       "{\"op\":\"patch_item\",\"sku\":\"A\",\"create\":true}",  OUTCOME_MISSING_FIELD, "/name", 0 },
	{ "a name of null",            "{\"op\":\"patch_item\",\"sku\":\"A\",\"name\":null}",    OUTCOME_INVALID_FIELD, "/name", 0 },
	{ "an id is text",             "{\"op\":\"adjust\"," AT_1 ",\"delta\":1,\"id\":7}",            OUTCOME_INVALID_FIELD, "/id", 0 },
	{ "or null",                   "{\"op\":\"adjust\"," AT_1 ",\"delta\":1,\"id\":null}",         OUTCOME_DONE, "", COMMAND_ADJUST },
	{ "no op",                     "{" AT_1 ",\"delta\":1}",                                       OUTCOME_MISSING_FIELD, "/op", 0 },
	{ "another op",                "{\"op\":\"steal\"," AT_1 ",\"delta\":1}",                      OUTCOME_INVALID_FIELD, "/op", 0 },
	{ "no sku",                    "{\"op\":\"adjust\",\"location\":\"W\",\"delta\":1}",           OUTCOME_MISSING_FIELD, "/sku", 0 },
	{ "no location",               "{\"op\":\"adjust\",\"sku\":\"W\",\"delta\":1}",                OUTCOME_MISSING_FIELD, "/location", 0 },
	{ "no reservation",            "{\"op\":\"commit\"}",                                          OUTCOME_MISSING_FIELD, "/reservation", 0 },
	{ "a name of the server's",    "{\"op\":\"reserve\",\"reservation\":\"r_1\",\"ttl_s\":9," LINE "}", OUTCOME_MEANINGLESS, "/reservation", 0 },
	{ "no name at all",            "{\"op\":\"release\",\"reservation\":\"\"}",                    OUTCOME_INVALID_FIELD, "/reservation", 0 },
	{ "a field of another op",     "{\"op\":\"adjust\"," AT_1 ",\"delta\":1,\"to\":\"W\"}",        OUTCOME_UNKNOWN_FIELD, "/to", 0 },
	{ "a name that it has not",    "{\"op\":\"adjust\"," AT_1 ",\"delta\":1,\"reservation\":\"r\"}", OUTCOME_UNKNOWN_FIELD, "/reservation", 0 },
	{ "of an item, too",           "{\"op\":\"item\"," AT_1 ",\"name\":\"x\"}",                    OUTCOME_UNKNOWN_FIELD, "/location", 0 },
	{ "a field of its own, wrong", "{\"op\":\"adjust\"," AT_1 ",\"delta\":1.5}",                   OUTCOME_INVALID_FIELD, "/delta", 0 },
	{ "a set without a compare",   "{\"op\":\"set\"," AT_1 ",\"on_hand\":3}",                      OUTCOME_PRECONDITION_NEEDED, "/expected", 0 },
	{ "doubled",                   "{\"op\":\"adjust\",\"op\":\"set\"}",                           OUTCOME_INVALID_FIELD, "/op", 0 },
	{ "no object",                 "[1]",                                                          OUTCOME_MALFORMED_JSON, "", 0 },
	{ "nothing",                   "",                                                             OUTCOME_MALFORMED_JSON, "", 0 },
	{ "two of them",               "{} {}",                                                        OUTCOME_MALFORMED_JSON, "", 0 },
};
/* clang-format on */

static void lines_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct message_error e = { .outcome = OUTCOME_DONE };
		struct command c = { 0 };
		const char *id;
		struct arena a;

		arena_init(&a);
		if (batch_line_read(rows[i].line, strlen(rows[i].line), &a, &c, &id, &e)) {
			ROW_EXPECT(rows[i].what, rows[i].outcome == OUTCOME_DONE);
			ROW_EXPECT(rows[i].what, c.kind == rows[i].kind);
		} else {
			ROW_EXPECT(rows[i].what, e.outcome == rows[i].outcome);
			ROW_EXPECT(rows[i].what, strcmp(e.pointer, rows[i].pointer) == 0);
		}
		arena_fini(&a);
	}
}

static void what_the_path_would_say_is_in_the_command(void **state)
{
	static const char line[] = "{\"op\":\"item\",\"id\":\"n 1\",\"sku\":\"A-1\",\"name\":\"x\","
				   "\"attributes\":{\"a\":[1, 2]}}";
	struct message_error e;
	struct command c = { 0 };
	const char *id;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_true(batch_line_read(line, sizeof(line) - 1, &a, &c, &id, &e));
	assert_string_equal(id, "n 1");
	assert_string_equal(c.item.sku.text, "A-1");
	assert_string_equal(c.item.attributes, "{\"a\":[1,2]}");
	arena_fini(&a);
}

static void each_op_has_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		char op[40];

		if (rows[i].outcome != OUTCOME_DONE)
			continue;
		snprintf(op, sizeof(op), "\"op\":\"%s\"", command_traits(rows[i].kind)->op);
		ROW_EXPECT(rows[i].what, strstr(rows[i].line, op) != NULL);
	}
}

/*
 * Every op finds its reader: a line that says nothing but its op is refused for what it lacks, and
 * not for the op. A whole line of each is sent to the server by tests/http/openapi.py.
 */
static void every_op_is_read(void **state)
{
	(void)state;
	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++) {
		const char *op = command_traits(kind)->op;
		struct message_error e = { .outcome = OUTCOME_DONE };
		struct command c = { .kind = COMMAND_KINDS };
		char line[64];
		const char *id;
		struct arena a;

		if (op[0] == '\0')
			continue;
		arena_init(&a);
		snprintf(line, sizeof(line), "{\"op\":\"%s\"}", op);
		ROW_EXPECT(op, !batch_line_read(line, strlen(line), &a, &c, &id, &e));
		ROW_EXPECT(op, strcmp(e.pointer, "/op") != 0);
		ROW_EXPECT(op, e.outcome == OUTCOME_MISSING_FIELD ||
				       e.outcome == OUTCOME_PRECONDITION_NEEDED);
		arena_fini(&a);
	}
}

static void expect(struct text *out, const char *wanted)
{
	assert_false(out->failed);
	assert_string_equal(out->data, wanted);
	text_fini(out);
}

static void results_are_short(void **state)
{
	struct row_ref row = { .sku = { "A-1" }, .location = { "WH1" } };
	struct command c = { .kind = COMMAND_ADJUST, .row_count = 1, .rows = &row };
	struct answer a = { .outcome = OUTCOME_DONE, .status = 201, .stock_count = 1 };
	struct text out;

	(void)state;
	text_init(&out);
	a.stocks[0] = (struct stock){ .on_hand = 97, .reserved = 25, .version = 12, .seq = 18 };
	batch_result_write(&out, 4, "o \"1\"", &c, &a);
	expect(&out, "{\"line\":4,\"id\":\"o \\\"1\\\"\",\"status\":201,\"seq\":18,\"version\":12,"
		     "\"on_hand\":97,\"reserved\":25,\"available\":72}\n");

	a.is_replayed = true;
	batch_result_write(&out, 4, NULL, &c, &a);
	expect(&out, "{\"line\":4,\"status\":201,\"seq\":18,\"version\":12,\"on_hand\":97,"
		     "\"reserved\":25,\"available\":72,\"replayed\":true}\n");

	a = (struct answer){ .outcome = OUTCOME_INSUFFICIENT_STOCK,
			     .status = 409,
			     .shortage = { .requested = 5, .available = 2, .shortfall = 3 } };
	batch_result_write(&out, 5, NULL, &c, &a);
	expect(&out, "{\"line\":5,\"status\":409,\"code\":\"insufficient-stock\",\"detail\":"
		     "\"A-1 at WH1: 5 asked for, 2 available.\",\"lines\":[{\"sku\":\"A-1\","
		     "\"location\":\"WH1\",\"requested\":5,\"available\":2,\"shortfall\":3}],"
		     "\"sku\":\"A-1\",\"location\":\"WH1\",\"requested\":5,\"available\":2,"
		     "\"shortfall\":3}\n");
}

static void refusals_name_the_field(void **state)
{
	struct message_error e = { .outcome = OUTCOME_INVALID_FIELD,
				   .pointer = "/delta",
				   .detail = "So." };
	struct text out;

	(void)state;
	text_init(&out);
	batch_refusal_write(&out, 9, NULL, &e);
	expect(&out, "{\"line\":9,\"status\":400,\"code\":\"invalid-field\",\"detail\":\"So.\","
		     "\"pointer\":\"/delta\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read),
		cmocka_unit_test(what_the_path_would_say_is_in_the_command),
		cmocka_unit_test(each_op_has_its_name),
		cmocka_unit_test(every_op_is_read),
		cmocka_unit_test(results_are_short),
		cmocka_unit_test(refusals_name_the_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
