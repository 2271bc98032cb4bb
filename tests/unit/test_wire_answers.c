#include "unit.h"
#include "wire/answers.h"
#include "wire/json_stored.h"
#include "wire/problems.h"
#include <jansson.h>

#define AT      INT64_C(1795460270123)
#define AT_TEXT "\"2026-11-23T18:57:50.123Z\""
#define PROBLEM(code, title, status)                                                \
	"{\"type\":\"/problems/" code "\",\"code\":\"" code "\",\"title\":\"" title \
	"\",\"status\":" status

static struct row_ref rows[] = { { .sku = { "A-1" }, .location = { "WH1" } },
				 { .sku = { "A-1" }, .location = { "WH2" } } };

static struct command command(enum command_kind kind)
{
	return (struct command){ .kind = kind,
				 .rows = rows,
				 .row_count = kind == COMMAND_TRANSFER ? 2 : 1,
				 .request_id = "r-1",
				 .lease_id = "",
				 .purpose = "" };
}

static void expect(const struct command *c, const struct answer *a, const char *body)
{
	struct text t;

	text_init(&t);
	answer_write_body(&t, c, a);
	assert_string_equal(t.data != NULL ? t.data : "", body);
	text_fini(&t);
}

/* ---------------------------------------------------------------- what was done */

static struct answer changed(void)
{
	return (struct answer){
		.outcome = OUTCOME_DONE,
		.status = 201,
		.movement_count = 1,
		.movements = { { .seq = 9,
				 .kind = MOVEMENT_ADJUST,
				 .on_hand_delta = -3,
				 .on_hand = 7,
				 .reserved = 2,
				 .version = 4,
				 .at_ms = AT,
				 .reason = "sale",
				 .reference = "o \"1\"",
				 .request_id = "r-1",
				 .actor = "scanner-3",
				 .note = "wet box" } },
		.stock_count = 1,
		.stocks = { { .id = 1,
			      .on_hand = 7,
			      .reserved = 2,
			      .version = 4,
			      .seq = 9,
			      .updated_at_ms = AT } },
	};
}

#define MOVEMENT                                                                                  \
	"\"movement\":{\"seq\":9,\"kind\":\"adjust\",\"sku\":\"A-1\",\"location\":\"WH1\","       \
	"\"on_hand_delta\":-3,\"reserved_delta\":0,\"on_hand\":7,\"reserved\":2,\"available\":5," \
	"\"version\":4,\"reason\":\"sale\",\"reference\":\"o \\\"1\\\"\",\"reservation\":null,"   \
	"\"request_id\":\"r-1\",\"actor\":\"scanner-3\",\"note\":\"wet box\",\"at\":" AT_TEXT
#define STOCK                                                                                 \
	"{\"sku\":\"A-1\",\"location\":\"WH1\",\"on_hand\":7,\"reserved\":2,\"available\":5," \
	"\"version\":4,\"seq\":9,\"updated_at\":" AT_TEXT "}"

static void an_adjust_shows_its_movement_and_its_row(void **state)
{
	struct command c = command(COMMAND_ADJUST);
	struct answer a = changed();

	(void)state;
	expect(&c, &a, "{" MOVEMENT "},\"stock\":" STOCK "}\n");
	a.movements[0].is_oversubscribed = a.movements[0].is_low_stock = true;
	expect(&c, &a,
	       "{" MOVEMENT ",\"oversubscribed\":true,\"low_stock\":true},\"stock\":" STOCK "}\n");
}

static void a_transfer_shows_both(void **state)
{
	struct command c = command(COMMAND_TRANSFER);
	struct answer a = {
		.outcome = OUTCOME_DONE, .status = 201, .movement_count = 2, .stock_count = 2
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		a.movements[i] = (struct movement){
			.seq = i + 1, .kind = MOVEMENT_TRANSFER, .version = 1, .reason = "transfer"
		};
		a.stocks[i] = (struct stock){ .version = 1, .seq = i + 1 };
	}
	expect(&c, &a,
	       "{\"movements\":[{\"seq\":1,\"kind\":\"transfer\",\"sku\":\"A-1\",\"location\":"
	       "\"WH1\","
	       "\"on_hand_delta\":0,\"reserved_delta\":0,\"on_hand\":0,\"reserved\":0,"
	       "\"available\":0,\"version\":1,\"reason\":\"transfer\",\"reference\":null,"
	       "\"reservation\":null,\"request_id\":null,\"at\":null},"
	       "{\"seq\":2,\"kind\":\"transfer\",\"sku\":\"A-1\",\"location\":\"WH2\","
	       "\"on_hand_delta\":0,\"reserved_delta\":0,\"on_hand\":0,\"reserved\":0,"
	       "\"available\":0,\"version\":1,\"reason\":\"transfer\",\"reference\":null,"
	       "\"reservation\":null,\"request_id\":null,\"at\":null}],"
	       "\"stock\":[{\"sku\":\"A-1\",\"location\":\"WH1\",\"on_hand\":0,\"reserved\":0,"
	       "\"available\":0,\"version\":1,\"seq\":1,\"updated_at\":null},"
	       "{\"sku\":\"A-1\",\"location\":\"WH2\",\"on_hand\":0,\"reserved\":0,"
	       "\"available\":0,\"version\":1,\"seq\":2,\"updated_at\":null}]}\n");
}

static void a_locked_read_shows_the_row(void **state)
{
	struct command c = command(COMMAND_READ);
	struct answer a = changed();

	(void)state;
	expect(&c, &a, STOCK "\n");
}

static const struct item item = { .id = 1,
				  .sku = { "A-1" },
				  .name = "Größe \"L\"",
				  .unit = "piece",
				  .version = 2,
				  .created_at_ms = AT,
				  .updated_at_ms = AT };
#define ITEM                                                                                 \
	"{\"sku\":\"A-1\",\"name\":\"Größe \\\"L\\\"\",\"unit\":\"piece\","                \
	"\"backorder_limit\":0,\"reorder_point\":null,\"attributes\":{},\"archived\":false," \
	"\"version\":2,\"created_at\":" AT_TEXT ",\"updated_at\":" AT_TEXT "}"

static void an_item_shows_its_fields(void **state)
{
	struct command c = command(COMMAND_ITEM_PUT);
	struct answer a = { .outcome = OUTCOME_DONE, .status = 200, .item = item };

	(void)state;
	expect(&c, &a, ITEM "\n");
	a.item.backorder_limit = 5;
	a.item.has_reorder_point = true;
	a.item.reorder_point = 0;
	a.item.attributes = "{\"a\":1.50}";
	a.item.is_archived = true;
	expect(&c, &a,
	       "{\"sku\":\"A-1\",\"name\":\"Größe \\\"L\\\"\",\"unit\":\"piece\","
	       "\"backorder_limit\":5,\"reorder_point\":0,\"attributes\":{\"a\":1.50},"
	       "\"archived\":true,\"version\":2,\"created_at\":" AT_TEXT ",\"updated_at\":" AT_TEXT
	       "}\n");
}

static void a_location_shows_its_fields(void **state)
{
	struct command c = command(COMMAND_LOCATION_PUT);
	struct answer a = { .outcome = OUTCOME_DONE,
			    .location = { .id = 1,
					  .code = { "WH1" },
					  .name = "x",
					  .version = 1,
					  .created_at_ms = AT,
					  .updated_at_ms = AT } };

	(void)state;
	expect(&c, &a,
	       "{\"location\":\"WH1\",\"name\":\"x\",\"archived\":false,\"version\":1,"
	       "\"created_at\":" AT_TEXT ",\"updated_at\":" AT_TEXT "}\n");
}

static void a_lease_shows_its_rows(void **state)
{
	static const enum command_kind kinds[] = { COMMAND_LEASE_TAKE, COMMAND_LEASE_RENEW };
	struct answer a = { .outcome = OUTCOME_DONE,
			    .lease = { .id = "l_7",
				       .fence = 7,
				       .purpose = "count",
				       .expires_at_ms = AT,
				       .expires_in_ms = 60000,
				       .row_count = 2,
				       .rows = rows } };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
		struct command c = command(kinds[i]);

		expect(&c, &a,
		       "{\"id\":\"l_7\",\"fence\":7,\"purpose\":\"count\",\"rows\":["
		       "{\"sku\":\"A-1\",\"location\":\"WH1\"},"
		       "{\"sku\":\"A-1\",\"location\":\"WH2\"}],"
		       "\"expires_at\":" AT_TEXT ",\"expires_in_ms\":60000}\n");
	}
}

static void what_was_taken_away_shows_nothing(void **state)
{
	static const enum command_kind kinds[] = { COMMAND_ITEM_DELETE, COMMAND_LOCATION_DELETE,
						   COMMAND_LEASE_RELEASE };
	struct answer a = { .outcome = OUTCOME_DONE, .status = 204 };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
		struct command c = command(kinds[i]);

		expect(&c, &a, "");
	}
}

/* ---------------------------------------------------------------- refusals */

static void a_shortage_is_told_in_lines_and_flat(void **state)
{
	struct command c = command(COMMAND_TRANSFER);
	struct answer a = { .outcome = OUTCOME_INSUFFICIENT_STOCK,
			    .row_index = 1,
			    .shortage = { .requested = 8, .available = 7, .shortfall = 1 } };

	(void)state;
	expect(&c, &a,
	       PROBLEM("insufficient-stock", "Fewer units are available than were asked for",
		       "409") ",\"detail\":\"A-1 at WH2: 8 asked for, 7 available.\","
			      "\"hint\":\"available = on_hand - reserved. `lines` says what was "
			      "asked for, what "
			      "there is and what is missing.\","
			      "\"lines\":[{\"sku\":\"A-1\",\"location\":\"WH2\",\"requested\":8,"
			      "\"available\":7,"
			      "\"shortfall\":1}],"
			      "\"sku\":\"A-1\",\"location\":\"WH2\",\"requested\":8,\"available\":"
			      "7,"
			      "\"shortfall\":1,\"outcome\":\"not_applied\",\"request_id\":\"r-1\"}"
			      "\n");
}

/* clang-format off */
static const struct refusal_row {
	const char       *what;
	enum command_kind kind;
	struct answer     answer;
	const char       *words; /* that the body must have */
} refusals[] = {
	{ "a stale version shows the row", COMMAND_ADJUST,
	  { .outcome = OUTCOME_PRECONDITION_FAILED, .stock_count = 1, .stocks = { { .on_hand = 7, .reserved = 2,
	    .version = 4, .seq = 9, .updated_at_ms = AT } } }, "\"current\":" STOCK ",\"outcome\":\"not_applied\"" },
	{ "a stale quantity shows the row", COMMAND_SET,
	  { .outcome = OUTCOME_STALE_QUANTITY, .stock_count = 1, .stocks = { { .on_hand = 7, .reserved = 2,
	    .version = 4, .seq = 9, .updated_at_ms = AT } } }, "\"current\":" STOCK },
	{ "a stale quantity tells both", COMMAND_SET,
	  { .outcome = OUTCOME_STALE_QUANTITY, .stock_count = 1, .stocks = { { .on_hand = 7 } } },
	  "\"detail\":\"A-1 at WH1 has 7 on hand, not 5.\"" },
	{ "an outdated count says since when", COMMAND_COUNT,
	  { .outcome = OUTCOME_COUNT_OUTDATED, .stock_count = 1, .stocks = { { .on_hand = 7, .reserved = 2,
	    .version = 4, .seq = 9, .updated_at_ms = AT } } }, "after seq 0.\",\"hint\":" },
	{ "and the row", COMMAND_COUNT,
	  { .outcome = OUTCOME_COUNT_OUTDATED, .stock_count = 1, .stocks = { { .on_hand = 7, .reserved = 2,
	    .version = 4, .seq = 9, .updated_at_ms = AT } } }, "\"current\":" STOCK },
	{ "a stale item is shown", COMMAND_ITEM_PUT,
	  { .outcome = OUTCOME_PRECONDITION_FAILED, .item = { .id = 1, .sku = { "A-1" }, .name = "Größe \"L\"",
	    .unit = "piece", .version = 2, .created_at_ms = AT, .updated_at_ms = AT } }, "\"current\":" ITEM },
	{ "a stale location is shown", COMMAND_LOCATION_DELETE,
	  { .outcome = OUTCOME_PRECONDITION_FAILED, .location = { .id = 1, .code = { "WH1" }, .version = 2 } },
	  "\"current\":{\"location\":\"WH1\"," },
	{ "an item that is not there is not", COMMAND_ITEM_PUT, { .outcome = OUTCOME_PRECONDITION_FAILED },
	  "`current` is the row as it is now.\",\"outcome\":" },
	{ "a lease in the way is told", COMMAND_ADJUST,
	  { .outcome = OUTCOME_ROW_LEASED, .lease = { .id = "l_7", .purpose = "count \"7\"", .expires_in_ms = 900 } },
	  "\"lease\":{\"id\":\"l_7\",\"purpose\":\"count \\\"7\\\"\",\"expires_in_ms\":900}" },
	{ "what may be owed is told, and taken off", COMMAND_ADJUST,
	  { .outcome = OUTCOME_INSUFFICIENT_STOCK, .shortage = { .requested = 9, .available = 2, .shortfall = 4 } },
	  "\"detail\":\"A-1 at WH1: 9 asked for, 2 available, which may fall to -3.\"" },
	{ "it may be tried again", COMMAND_ADJUST,
	  { .outcome = OUTCOME_ROW_LEASED, .lease = { .id = "l_7", .purpose = "" } }, "\"retry_after_ms\":1000}\n" },
	{ "an unknown item has its PUT", COMMAND_ADJUST, { .outcome = OUTCOME_UNKNOWN_ITEM },
	  "\"detail\":\"There is no item A-1.\",\"hint\":\"Create it first: PUT /v1/items/A-1 with {\\\"name\\\":" },
	{ "an unknown location has its PUT", COMMAND_ADJUST, { .outcome = OUTCOME_UNKNOWN_LOCATION },
	  "\"detail\":\"There is no location WH1.\",\"hint\":\"Create it first: PUT /v1/locations/WH1 with {" },
	{ "so has the second of two", COMMAND_TRANSFER, { .outcome = OUTCOME_UNKNOWN_LOCATION, .row_index = 1 },
	  "\"detail\":\"There is no location WH2.\",\"hint\":\"Create it first: PUT /v1/locations/WH2 with {" },
	{ "a stale item tells its version", COMMAND_ITEM_PUT,
	  { .outcome = OUTCOME_PRECONDITION_FAILED, .item = { .id = 1, .version = 2 } },
	  "\"detail\":\"Item A-1 is at version 2.\"" },
	{ "so does one that was to be patched", COMMAND_ITEM_PATCH,
	  { .outcome = OUTCOME_PRECONDITION_FAILED, .item = { .id = 1, .version = 2 } },
	  "\"detail\":\"Item A-1 is at version 2.\"" },
	{ "an item that is not there has none", COMMAND_ITEM_PUT, { .outcome = OUTCOME_PRECONDITION_FAILED },
	  "\"detail\":\"Item A-1 does not exist.\"" },
	{ "why an item stays is said", COMMAND_ADJUST, { .outcome = OUTCOME_ITEM_IN_USE },
	  "\"detail\":\"A-1 has stock or movements, or is leased.\"" },
	{ "a lease without a purpose", COMMAND_ADJUST,
	  { .outcome = OUTCOME_ROW_LEASED, .lease = { .id = "l_7", .purpose = "", .expires_in_ms = 900 } },
	  "\"detail\":\"Lease l_7 holds a row for 900 ms more.\"" },
	{ "what is not known is said", COMMAND_ADJUST, { .outcome = OUTCOME_OUTCOME_UNKNOWN, .is_unknown = true },
	  "\"outcome\":\"unknown\"" },
	{ "a stored body is sent as it is", COMMAND_ADJUST,
	  { .outcome = OUTCOME_INSUFFICIENT_STOCK, .body = "{\"stored\":1}\n" }, "{\"stored\":1}\n" },
};
/* clang-format on */

static void refusals_explain_themselves(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(refusals); i++) {
		const struct refusal_row *r = &refusals[i];
		struct command c = command(r->kind);
		struct text t;

		if (command_is_of_item(r->kind) || r->kind == COMMAND_LOCATION_DELETE)
			c.row_count = 0;
		c.item.sku = rows[0].sku;
		c.condition.on_hand = 5;
		text_init(&t);
		answer_write_body(&t, &c, &r->answer);
		ROW_EXPECT(r->what, strstr(t.data, r->words) != NULL);
		text_fini(&t);
	}
}

static void every_refusal_has_a_body(void **state)
{
	(void)state;
	for (enum outcome o = OUTCOME_DONE + 1; o < OUTCOME_COUNT; o++) {
		struct command c = command(COMMAND_ADJUST);
		struct answer a = { .outcome = o, .lease = { .id = "l", .purpose = "" } };
		struct text t;

		text_init(&t);
		answer_write_body(&t, &c, &a);
		ROW_EXPECT(outcome_row(o)->code,
			   strncmp(t.data, "{\"type\":\"/problems/", 19) == 0);
		ROW_EXPECT(outcome_row(o)->code, strstr(t.data, outcome_row(o)->code) != NULL);
		ROW_EXPECT(outcome_row(o)->code, strcmp(t.data + t.byte_count - 2, "}\n") == 0);
		ROW_EXPECT(outcome_row(o)->code, (strstr(t.data, "\"retry_after_ms\":") != NULL) ==
							 (outcome_row(o)->retry_after_s > 0));
		text_fini(&t);
	}
}

static void expect_problem(const struct problem *p, const char *body)
{
	struct text t;

	text_init(&t);
	problem_write_body(&t, p);
	assert_string_equal(t.data, body);
	text_fini(&t);
}

static void a_problem_names_its_field(void **state)
{
	(void)state;
	expect_problem(
		&(struct problem){ .outcome = OUTCOME_URI_TOO_LONG, .request_id = "r-1" },
		PROBLEM("uri-too-long", "The path and query are longer than 2048 bytes",
			"414") ",\"detail\":\"The path and query are longer than 2048 bytes\","
			       "\"hint\":\"No call of this service needs that.\","
			       "\"outcome\":\"not_applied\",\"request_id\":\"r-1\"}\n");
	expect_problem(&(struct problem){ .outcome = OUTCOME_UNKNOWN_FIELD,
					  .detail = "Who?",
					  .pointer = "/a~1b",
					  .members = "\"x\":1,\"y\":[]",
					  .request_id = "r-1" },
		       PROBLEM("unknown-field", "The body has a field that this call does not know",
			       "400") ",\"detail\":\"Who?\",\"hint\":\"`errors` names it by JSON "
				      "Pointer. A "
				      "misspelt field is refused rather than ignored.\","
				      "\"errors\":[{\"pointer\":\"/"
				      "a~1b\",\"detail\":\"Who?\"}],\"x\":1,\"y\":[],"
				      "\"outcome\":\"not_applied\",\"request_id\":\"r-1\"}\n");
}

/* As JSON that somebody else reads, it says what the row of its outcome says. */
static void every_problem_says_what_its_row_says(void **state)
{
	(void)state;
	for (enum outcome o = OUTCOME_DONE + 1; o < OUTCOME_COUNT; o++) {
		const struct outcome_row *row = outcome_row(o);
		struct text t;
		json_t *said;
		const char *type, *code, *title, *detail, *hint;
		int status;

		text_init(&t);
		problem_write_body(&t, &(struct problem){ .outcome = o, .request_id = "r-1" });
		said = json_loadb(t.data, t.byte_count, 0, NULL);
		ROW_EXPECT(row->code, json_unpack(said, "{s:s, s:s, s:s, s:i, s:s, s:s}", "type",
						  &type, "code", &code, "title", &title, "status",
						  &status, "detail", &detail, "hint", &hint) == 0);
		ROW_EXPECT(row->code, strncmp(type, "/problems/", 10) == 0 &&
					      strcmp(type + 10, row->code) == 0);
		ROW_EXPECT(row->code, strcmp(code, row->code) == 0);
		ROW_EXPECT(row->code, strcmp(title, row->title) == 0);
		ROW_EXPECT(row->code, status == row->http_status);
		ROW_EXPECT(row->code, strcmp(detail, row->title) == 0);
		ROW_EXPECT(row->code, strcmp(hint, row->hint) == 0);
		json_decref(said);
		text_fini(&t);
	}
}

/* ---------------------------------------------------------------- replays */

static void only_changes_of_stock_are_rebuilt(void **state)
{
	(void)state;
	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++) {
		struct command c = command(kind);
		const struct command_traits *t = command_traits(kind);
		struct answer a = { .outcome = OUTCOME_DONE };
		enum answer_source done = answer_source(&c, &a);

		ROW_EXPECT(t->word,
			   (done == ANSWER_OF_LEDGER) ==
				   (t->movements != 0 && !(t->touches & TOUCHES_RESERVATION)));
		ROW_EXPECT(t->word, (done == ANSWER_OF_NOTHING) == (t->statuses == SUCCESS_204));
		a.outcome = OUTCOME_INSUFFICIENT_STOCK;
		ROW_EXPECT(t->word, answer_source(&c, &a) == ANSWER_OF_BODY);
	}
}

/* What was stored for this answer is read back for its headers. */
static struct answer stored(enum command_kind kind, const struct answer *first, struct arena *arena)
{
	struct command c = command(kind);
	struct answer a = { .outcome = first->outcome };
	struct text t;

	text_init(&t);
	answer_write_body(&t, &c, first);
	a.body = t.data;
	answer_read_stored(&c, &a, arena);
	text_fini(&t);
	a.body = NULL;
	return a;
}

static void headers_of_replays_come_from_what_was_stored(void **state)
{
	struct answer put = { .outcome = OUTCOME_DONE, .item = item };
	struct answer lease = { .outcome = OUTCOME_DONE,
				.lease = { .id = "l_7", .fence = 7, .purpose = "\"id\":\"x\"" } };
	struct answer location = { .outcome = OUTCOME_DONE, .location = { .id = 1, .version = 3 } };
	struct answer refusal = { .outcome = OUTCOME_ITEM_IN_USE };
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(stored(COMMAND_ITEM_PUT, &put, &a).item.version, 2);
	assert_int_equal(stored(COMMAND_ITEM_PATCH, &put, &a).item.version, 2);
	assert_int_equal(stored(COMMAND_LOCATION_PUT, &location, &a).location.version, 3);
	assert_int_equal(stored(COMMAND_LOCATION_PATCH, &location, &a).location.version, 3);
	assert_string_equal(stored(COMMAND_LEASE_TAKE, &lease, &a).lease.id, "l_7");
	assert_null(stored(COMMAND_LEASE_TAKE, &refusal, &a).lease.id);
	arena_fini(&a);
}

/* A command that answers with something new, and whose headers a replay would lack, fails here. */
static void a_replay_has_the_headers_of_the_first_answer(void **state)
{
	struct row_ref at = { .sku = { "A-1" }, .location = { "WH1" } };
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++) {
		const char *word = command_traits(kind)->word;
		struct command c = command(kind);
		struct answer first = {
			.outcome = OUTCOME_DONE,
			.status = command_may_answer(kind, 201) ? 201 : 200,
			.item = item,
			.location = { .id = 1, .version = 3, .name = "x" },
			.lease = { .id = "l_7", .fence = 7, .purpose = "" },
			.reservation = { .id = 7, .name = "r_7", .state = RESERVATION_COMMITTED }
		};
		struct answer_location then, now;
		struct answer again;

		c.row_count = 1;
		c.rows = &at;
		if (answer_source(&c, &first) != ANSWER_OF_BODY)
			continue;
		again = stored(kind, &first, &arena);
		again.status = first.status;
		then = answer_location(&c, &first);
		now = answer_location(&c, &again);
		ROW_EXPECT(word, kind == COMMAND_READ ||
					 answer_version(&c, &again) == answer_version(&c, &first));
		ROW_EXPECT(word, (then.folder == NULL) == (now.folder == NULL));
		ROW_EXPECT(word, then.folder == NULL || strcmp(then.name, now.name) == 0);
		ROW_EXPECT(word, (then.folder != NULL) == (first.status == 201));
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_adjust_shows_its_movement_and_its_row),
		cmocka_unit_test(a_transfer_shows_both),
		cmocka_unit_test(a_locked_read_shows_the_row),
		cmocka_unit_test(an_item_shows_its_fields),
		cmocka_unit_test(a_location_shows_its_fields),
		cmocka_unit_test(a_lease_shows_its_rows),
		cmocka_unit_test(what_was_taken_away_shows_nothing),
		cmocka_unit_test(a_shortage_is_told_in_lines_and_flat),
		cmocka_unit_test(refusals_explain_themselves),
		cmocka_unit_test(every_refusal_has_a_body),
		cmocka_unit_test(a_problem_names_its_field),
		cmocka_unit_test(every_problem_says_what_its_row_says),
		cmocka_unit_test(only_changes_of_stock_are_rebuilt),
		cmocka_unit_test(headers_of_replays_come_from_what_was_stored),
		cmocka_unit_test(a_replay_has_the_headers_of_the_first_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
