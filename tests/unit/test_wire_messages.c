#include "base/text.h"
#include "unit.h"
#include "wire/fingerprint.h"
#include "wire/messages_catalogue.h"
#include "wire/messages_lab.h"
#include "wire/message_readers.h"
#include <jansson.h>
#include <stdlib.h>

#define R8   "rrrrrrrr"
#define R32  R8 R8 R8 R8
#define R128 R32 R32 R32 R32
#define DEEP "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" /* 30 */
#define ROW1 "{\"sku\":\"A-1\",\"location\":\"WH1\"}"

/* A body of a table, which may hold NULs. */
#define BODY(text) text, sizeof(text) - 1

enum call {
	ADJUST,
	SET,
	TRANSFER,
	ITEM,
	LOCATION,
	ITEM_PATCH,
	LOCATION_PATCH,
	LEASE,
	RENEWAL,
	LAB,
	NOTHING,
};

enum {
	FINE = OUTCOME_DONE,
	SYNTAX = OUTCOME_MALFORMED_JSON,
	INVALID = OUTCOME_INVALID_FIELD,
	UNKNOWN = OUTCOME_UNKNOWN_FIELD,
	MISSING = OUTCOME_MISSING_FIELD,
	NO_SENSE = OUTCOME_MEANINGLESS,
};

/* A set must say what it overwrites, or that this is of no interest. */
static struct message if_match_any(const char *body, size_t bytes)
{
	struct message m = message_of(body, bytes);

	m.takes_any = true;
	return m;
}

static bool read_call(enum call call, const char *body, size_t bytes, struct arena *a,
		      struct command *c, struct message_error *e)
{
	switch (call) {
	case ADJUST:
		return message_read_adjust(message_of(body, bytes), a, c, e);
	case SET:
		c->kind = COMMAND_SET;
		return message_read_set(if_match_any(body, bytes), a, c, e);
	case TRANSFER:
		c->kind = COMMAND_TRANSFER;
		return message_read_transfer(message_of(body, bytes), a, c, e);
	case ITEM:
		return message_read_item(message_of(body, bytes), a, c, e);
	case LOCATION:
		return message_read_location(message_of(body, bytes), a, c, e);
	case ITEM_PATCH:
		return message_read_item_patch(message_of(body, bytes), a, c, e);
	case LOCATION_PATCH:
		return message_read_location_patch(message_of(body, bytes), a, c, e);
	case LEASE:
		return message_read_lease(message_of(body, bytes), a, c, e);
	case RENEWAL:
		return message_read_renewal(message_of(body, bytes), a, c, e);
	case LAB:
		return message_read_lab(message_of(body, bytes), a, &(struct lab_message){ 0 }, e);
	case NOTHING:
		break;
	}
	return message_read_nothing(message_of(body, bytes), e);
}

/* clang-format off */
static const struct row {
	const char *what;
	enum call   call;
	const char *body;
	size_t      byte_count;
	int         outcome;
	const char *pointer;
} rows[] = {
	/* Documents. */
	{ "one object",                  ADJUST, BODY("{\"delta\":1}"),                  FINE, "" },
	{ "blanks anywhere",             ADJUST, BODY(" \t\r\n{ \"delta\" : 1 } \n"),    FINE, "" },
	{ "an escaped name",             ADJUST, BODY("{\"d\\u0065lta\":1}"),            FINE, "" },
	{ "nothing is {}",               NOTHING, BODY(""),                              FINE, "" },
	{ "blanks are nothing readable", NOTHING, BODY("  "),                            SYNTAX, "" },
	{ "an array",                    ADJUST, BODY("[]"),                             SYNTAX, "" },
	{ "a string",                    ADJUST, BODY("\"delta\""),                      SYNTAX, "" },
	{ "a number",                    ADJUST, BODY("1"),                              SYNTAX, "" },
	{ "null",                        ADJUST, BODY("null"),                           SYNTAX, "" },
	{ "an open object",              ADJUST, BODY("{\"delta\":1"),                   SYNTAX, "" },
	{ "a bracket too many",          ADJUST, BODY("{\"delta\":1}}"),                 SYNTAX, "" },
	{ "a second object",             ADJUST, BODY("{\"delta\":1} {\"delta\":1}"),    SYNTAX, "" },
	{ "a comma too many",            ADJUST, BODY("{\"delta\":1,}"),                 SYNTAX, "" },
	{ "a name without quotes",       ADJUST, BODY("{delta:1}"),                      SYNTAX, "" },
	{ "other quotes",                ADJUST, BODY("{'delta':1}"),                    SYNTAX, "" },
	{ "a comment",                   ADJUST, BODY("{\"delta\":1/*one*/}"),           SYNTAX, "" },
	{ "a NUL behind it",             ADJUST, BODY("{\"delta\":1}\0"),                SYNTAX, "" },
	{ "a NUL before it",             ADJUST, BODY("\0{\"delta\":1}"),                SYNTAX, "" },
	{ "a byte order mark",           ADJUST, BODY("\xef\xbb\xbf{\"delta\":1}"),      SYNTAX, "" },
	{ "UTF-16",                      ADJUST, BODY("\xff\xfe{\0"),                    SYNTAX, "" },
	{ "no UTF-8",                    ADJUST, BODY("{\"delta\":1,\"reference\":\"\xff\"}"), SYNTAX, "" },
	{ "overlong UTF-8",              ADJUST, BODY("{\"delta\":1,\"reference\":\"\xc0\xaf\"}"), SYNTAX, "" },
	{ "a surrogate in UTF-8",        ADJUST, BODY("{\"delta\":1,\"reference\":\"\xed\xa0\x80\"}"), SYNTAX, "" },
	{ "half a surrogate pair",       ADJUST, BODY("{\"delta\":1,\"reference\":\"\\ud800\"}"), SYNTAX, "" },
	{ "a control character",         ADJUST, BODY("{\"delta\":1,\"reference\":\"\x01\"}"), SYNTAX, "" },
	{ "an escape that is none",      ADJUST, BODY("{\"delta\":1,\"reference\":\"\\q\"}"), SYNTAX, "" },
	{ "a leading zero",              ADJUST, BODY("{\"delta\":01}"),                 SYNTAX, "" },
	{ "a plus",                      ADJUST, BODY("{\"delta\":+1}"),                 SYNTAX, "" },
	{ "not a number",                ADJUST, BODY("{\"delta\":NaN}"),                SYNTAX, "" },
	{ "32 deep",                     ITEM,
	  BODY("{\"name\":1,\"attributes\":{\"a\":" DEEP "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}"), INVALID, "/name" },
	{ "33 deep",                     ITEM,
	  BODY("{\"name\":1,\"attributes\":{\"a\":" DEEP "[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}"), SYNTAX, "" },
	{ "deep without an end",         ADJUST, BODY(DEEP DEEP DEEP),                   SYNTAX, "" },
	{ "brackets in a text are none", ADJUST, BODY("{\"delta\":1,\"reference\":\"" DEEP DEEP "\\\"" DEEP "\"}"), FINE, "" },

	/* Names of fields. */
	{ "an unknown field",            ADJUST, BODY("{\"delta\":1,\"dleta\":2}"),      UNKNOWN, "/dleta" },
	{ "case counts",                 ADJUST, BODY("{\"delta\":1,\"Delta\":2}"),      UNKNOWN, "/Delta" },
	{ "an empty name",               ADJUST, BODY("{\"delta\":1,\"\":2}"),           UNKNOWN, "/" },
	{ "a name to be escaped",        ADJUST, BODY("{\"delta\":1,\"a/b~c\":2}"),      UNKNOWN, "/a~1b~0c" },
	{ "a name in UTF-8",             ADJUST, BODY("{\"delta\":1,\"\\u00e4\":2}"),    UNKNOWN, "/\u00e4" },
	{ "a name with a NUL",           ADJUST, BODY("{\"delta\":1,\"a\\u0000\":2}"),   SYNTAX, "" },
	{ "a field twice",               ADJUST, BODY("{\"delta\":1,\"delta\":1}"),      INVALID, "/delta" },
	{ "a field twice, in disguise",  ADJUST, BODY("{\"delta\":1,\"delt\\u0061\":1}"), INVALID, "/delta" },
	{ "twice, further inside",       LEASE,  BODY("{\"rows\":[" ROW1 ",{\"sku\":\"a\",\"sku\":\"b\"}]}"), INVALID, "/rows/1/sku" },
	{ "twice, in attributes",        ITEM,
	  BODY("{\"name\":\"x\",\"attributes\":{\"a\":{},\"b~\":{\"c\":1,\"c\":2}}}"), INVALID, "/attributes/b~0/c" },
	{ "a field for another call",    ADJUST, BODY("{\"delta\":1,\"quantity\":2}"),   UNKNOWN, "/quantity" },
	{ "a field where none is",       NOTHING, BODY("{\"delta\":1}"),                 UNKNOWN, "/delta" },

	/* Numbers. */
	{ "no delta",                    ADJUST, BODY("{}"),                             MISSING, "/delta" },
	{ "an empty body",               ADJUST, BODY(""),                               MISSING, "/delta" },
	{ "null",                        ADJUST, BODY("{\"delta\":null}"),               INVALID, "/delta" },
	{ "a text",                      ADJUST, BODY("{\"delta\":\"1\"}"),              INVALID, "/delta" },
	{ "true",                        ADJUST, BODY("{\"delta\":true}"),               INVALID, "/delta" },
	{ "a list",                      ADJUST, BODY("{\"delta\":[1]}"),                INVALID, "/delta" },
	{ "a fraction of nothing",       ADJUST, BODY("{\"delta\":1.0}"),                INVALID, "/delta" },
	{ "a fraction",                  ADJUST, BODY("{\"delta\":1.5}"),                INVALID, "/delta" },
	{ "an exponent",                 ADJUST, BODY("{\"delta\":1e3}"),                INVALID, "/delta" },
	{ "minus nothing, with a fraction", ADJUST, BODY("{\"delta\":-0.0}"),            INVALID, "/delta" },
	{ "the largest",                 ADJUST, BODY("{\"delta\":1000000000000}"),      FINE, "" },
	{ "one larger",                  ADJUST, BODY("{\"delta\":1000000000001}"),      INVALID, "/delta" },
	{ "the smallest",                ADJUST, BODY("{\"delta\":-1000000000000}"),     FINE, "" },
	{ "one smaller",                 ADJUST, BODY("{\"delta\":-1000000000001}"),     INVALID, "/delta" },
	{ "more than 64 bits",           ADJUST, BODY("{\"delta\":9223372036854775808}"), INVALID, "/delta" },
	{ "less than 64 bits",           ADJUST, BODY("{\"delta\":-9223372036854775809,\"reason\":\"a\"}"), INVALID, "/delta" },
	{ "more than a double",          ADJUST, BODY("{\"reason\":\"a:{\",\"delta\":1e999}"), INVALID, "/delta" },
	{ "more than 64 bits in a list", ITEM,
	  BODY("{\"attributes\":{\"a\":[0,{\"b\":[]},99999999999999999999]}}"), INVALID, "/attributes/a/2" },
	{ "nothing",                     ADJUST, BODY("{\"delta\":0}"),                  NO_SENSE, "/delta" },
	{ "minus nothing",               ADJUST, BODY("{\"delta\":-0}"),                 NO_SENSE, "/delta" },

	/* adjust */
	{ "up to, of a delivery",        ADJUST, BODY("{\"delta\":1,\"up_to\":true}"),   NO_SENSE, "/up_to" },
	{ "not up to, of a delivery",    ADJUST, BODY("{\"delta\":1,\"up_to\":false}"),  FINE, "" },
	{ "up to a number",              ADJUST, BODY("{\"delta\":-1,\"up_to\":1}"),     INVALID, "/up_to" },
	{ "up to null",                  ADJUST, BODY("{\"delta\":-1,\"up_to\":null}"),  INVALID, "/up_to" },
	{ "expected text",               ADJUST, BODY("{\"delta\":1,\"expected\":\"1\"}"), INVALID, "/expected" },
	{ "expected null",               ADJUST, BODY("{\"delta\":1,\"expected\":null}"), FINE, "" },
	{ "expected beyond any level",   ADJUST, BODY("{\"delta\":1,\"expected\":1000000000000001}"), INVALID, "/expected" },
	{ "a version below zero",        ADJUST, BODY("{\"delta\":1,\"expected_version\":-1}"), INVALID, "/expected_version" },
	{ "a version of null",           ADJUST, BODY("{\"delta\":1,\"expected_version\":null}"), INVALID, "/expected_version" },
	{ "a note of 200",               ADJUST, BODY("{\"delta\":1,\"note\":\"" R128 R32 R32 R8 "\"}"), FINE, "" },
	{ "a note of 201",               ADJUST, BODY("{\"delta\":1,\"note\":\"r" R128 R32 R32 R8 "\"}"), INVALID, "/note" },
	{ "a note with a NUL",           ADJUST, BODY("{\"delta\":1,\"note\":\"a\\u0000\"}"), INVALID, "/note" },
	{ "a note that is a number",     TRANSFER, BODY("{\"sku\":\"A\",\"from\":\"W\",\"to\":\"V\",\"quantity\":1,\"note\":1}"), INVALID, "/note" },
	{ "no reason",                   ADJUST, BODY("{\"delta\":1,\"reason\":\"\"}"),  INVALID, "/reason" },
	{ "a reason in capitals",        ADJUST, BODY("{\"delta\":1,\"reason\":\"Sale_2\"}"), FINE, "" },
	{ "a reason before the digits",  ADJUST, BODY("{\"delta\":1,\"reason\":\"/\"}"), INVALID, "/reason" },
	{ "a reason behind the digits",  ADJUST, BODY("{\"delta\":1,\"reason\":\":\"}"), INVALID, "/reason" },
	{ "a reason before capitals",    ADJUST, BODY("{\"delta\":1,\"reason\":\"@\"}"), INVALID, "/reason" },
	{ "a reason behind capitals",    ADJUST, BODY("{\"delta\":1,\"reason\":\"[\"}"), INVALID, "/reason" },
	{ "a reason before the letters", ADJUST, BODY("{\"delta\":1,\"reason\":\"`\"}"), INVALID, "/reason" },
	{ "a reason behind the letters", ADJUST, BODY("{\"delta\":1,\"reason\":\"{\"}"), INVALID, "/reason" },
	{ "a reason of 32",              ADJUST, BODY("{\"delta\":1,\"reason\":\"" R32 "\"}"), FINE, "" },
	{ "a reason of 33",              ADJUST, BODY("{\"delta\":1,\"reason\":\"r" R32 "\"}"), INVALID, "/reason" },
	{ "a reason that is a number",   ADJUST, BODY("{\"delta\":1,\"reason\":7}"),     INVALID, "/reason" },
	{ "a reference of 128",          ADJUST, BODY("{\"delta\":1,\"reference\":\"" R128 "\"}"), FINE, "" },
	{ "a reference of 129",          ADJUST, BODY("{\"delta\":1,\"reference\":\"r" R128 "\"}"), INVALID, "/reference" },
	{ "a reference with a NUL",      ADJUST, BODY("{\"delta\":1,\"reference\":\"a\\u0000\"}"), INVALID, "/reference" },
	{ "a reference of null",         ADJUST, BODY("{\"delta\":1,\"reference\":null}"), FINE, "" },

	/* set */
	{ "nothing left",                SET, BODY("{\"on_hand\":0}"),                   FINE, "" },
	{ "less than nothing left",      SET, BODY("{\"on_hand\":-1}"),                  NO_SENSE, "/on_hand" },
	{ "no on_hand",                  SET, BODY("{\"expected\":null}"),               MISSING, "/on_hand" },
	{ "a delta",                     SET, BODY("{\"on_hand\":1,\"delta\":1}"),       UNKNOWN, "/delta" },

	/* transfer */
	{ "a transfer",                  TRANSFER, BODY("{\"sku\":\"A\",\"from\":\"B\",\"to\":\"C\",\"quantity\":1}"), FINE, "" },
	{ "to where it is",              TRANSFER, BODY("{\"sku\":\"A\",\"from\":\"B\",\"to\":\"B\",\"quantity\":1}"), NO_SENSE, "/to" },
	{ "of nothing",                  TRANSFER,
	  BODY("{\"sku\":\"A\",\"from\":\"B\",\"to\":\"C\",\"quantity\":0}"), NO_SENSE, "/quantity" },
	{ "of less than nothing",        TRANSFER,
	  BODY("{\"sku\":\"A\",\"from\":\"B\",\"to\":\"C\",\"quantity\":-1}"), NO_SENSE, "/quantity" },
	{ "of no item",                  TRANSFER, BODY("{\"from\":\"B\",\"to\":\"C\",\"quantity\":1}"), MISSING, "/sku" },
	{ "from nowhere",                TRANSFER, BODY("{\"sku\":\"A\",\"to\":\"C\",\"quantity\":1}"), MISSING, "/from" },
	{ "to nowhere",                  TRANSFER, BODY("{\"sku\":\"A\",\"from\":\"B\",\"quantity\":1}"), MISSING, "/to" },
	{ "of no quantity",              TRANSFER, BODY("{\"sku\":\"A\",\"from\":\"B\",\"to\":\"C\"}"), MISSING, "/quantity" },
	{ "a sku with a blank",          TRANSFER,
	  BODY("{\"sku\":\"A 1\",\"from\":\"B\",\"to\":\"C\",\"quantity\":1}"), INVALID, "/sku" },
	{ "a sku with a NUL",            TRANSFER,
	  BODY("{\"sku\":\"A\\u0000\",\"from\":\"B\",\"to\":\"C\",\"quantity\":1}"), INVALID, "/sku" },
	{ "an empty location",           TRANSFER, BODY("{\"sku\":\"A\",\"from\":\"\",\"to\":\"C\",\"quantity\":1}"), INVALID, "/from" },
	{ "a number for a location",     TRANSFER, BODY("{\"sku\":\"A\",\"from\":\"B\",\"to\":1,\"quantity\":1}"), INVALID, "/to" },

	/* item and location */
	{ "a name",                      ITEM, BODY("{\"name\":\"x\"}"),                 FINE, "" },
	{ "no name",                     ITEM, BODY("{}"),                               MISSING, "/name" },
	{ "an empty name",               ITEM, BODY("{\"name\":\"\"}"),                  INVALID, "/name" },
	{ "attributes with a NUL",       ITEM, BODY("{\"name\":\"x\",\"attributes\":{\"a\":[\"b\\u0000\"]}}"), INVALID, "/attributes" },
	{ "a NUL behind a backslash",    ITEM, BODY("{\"name\":\"x\",\"attributes\":{\"a\":\"\\\\\\u0000\"}}"), INVALID, "/attributes" },
	{ "a backslash, not a NUL",      ITEM, BODY("{\"name\":\"x\",\"attributes\":{\"a\":\"\\\\u0000\"}}"), FINE, "" },
	{ "attributes of two lines",     ITEM, BODY("{\"name\":\"x\",\"attributes\":{\"a\":\"b\\n\"}}"), FINE, "" },
	{ "a name of 200",               ITEM, BODY("{\"name\":\"" R128 R32 R32 R8 "\"}"), FINE, "" },
	{ "a name of 201",               ITEM, BODY("{\"name\":\"n" R128 R32 R32 R8 "\"}"), INVALID, "/name" },
	{ "an empty unit",               ITEM, BODY("{\"name\":\"x\",\"unit\":\"\"}"),   INVALID, "/unit" },
	{ "a unit of 33",                ITEM, BODY("{\"name\":\"x\",\"unit\":\"u" R32 "\"}"), INVALID, "/unit" },
	{ "a backorder limit below 0",   ITEM, BODY("{\"name\":\"x\",\"backorder_limit\":-1}"), NO_SENSE, "/backorder_limit" },
	{ "a backorder limit of null",   ITEM, BODY("{\"name\":\"x\",\"backorder_limit\":null}"), INVALID, "/backorder_limit" },
	{ "a reorder point below 0",     ITEM, BODY("{\"name\":\"x\",\"reorder_point\":-1}"), NO_SENSE, "/reorder_point" },
	{ "a reorder point of null",     ITEM, BODY("{\"name\":\"x\",\"reorder_point\":null}"), FINE, "" },
	{ "attributes in a list",        ITEM, BODY("{\"name\":\"x\",\"attributes\":[]}"), INVALID, "/attributes" },
	{ "attributes of null",          ITEM, BODY("{\"name\":\"x\",\"attributes\":null}"), FINE, "" },
	{ "archived by a number",        ITEM, BODY("{\"name\":\"x\",\"archived\":1}"),  INVALID, "/archived" },
	{ "the sku again",               ITEM, BODY("{\"name\":\"x\",\"sku\":\"X\"}"),   UNKNOWN, "/sku" },
	{ "a location",                  LOCATION, BODY("{\"name\":\"x\",\"archived\":true}"), FINE, "" },
	{ "a location without a name",   LOCATION, BODY("{\"archived\":true}"),          MISSING, "/name" },
	{ "a location with a unit",      LOCATION, BODY("{\"name\":\"x\",\"unit\":\"x\"}"), UNKNOWN, "/unit" },
	{ "a location with a null name", LOCATION, BODY("{\"name\":null}"),              INVALID, "/name" },
	{ "a patch of a name of null",   ITEM_PATCH, BODY("{\"name\":null}"),            INVALID, "/name" },
	{ "a patch of an empty name",    ITEM_PATCH, BODY("{\"name\":\"\"}"),            INVALID, "/name" },
	{ "a patch of an empty unit",    ITEM_PATCH, BODY("{\"unit\":\"\"}"),            INVALID, "/unit" },
	{ "a patch of a limit below 0",  ITEM_PATCH, BODY("{\"backorder_limit\":-1}"),   NO_SENSE, "/backorder_limit" },
	{ "a patch of a point below 0",  ITEM_PATCH, BODY("{\"reorder_point\":-1}"),     NO_SENSE, "/reorder_point" },
	{ "a patch of attributes in a list", ITEM_PATCH, BODY("{\"attributes\":[]}"),    INVALID, "/attributes" },
	{ "a patch of the sku",          ITEM_PATCH, BODY("{\"sku\":\"X\"}"),            UNKNOWN, "/sku" },
	{ "a patch that is a list",      ITEM_PATCH, BODY("[]"),                         SYNTAX, "" },
	{ "a location's name of null",   LOCATION_PATCH, BODY("{\"name\":null}"),        INVALID, "/name" },
	{ "a location's empty name",     LOCATION_PATCH, BODY("{\"name\":\"\"}"),        INVALID, "/name" },
	{ "a location's unit",           LOCATION_PATCH, BODY("{\"unit\":\"kg\"}"),      UNKNOWN, "/unit" },

	/* leases */
	{ "a lease",                     LEASE, BODY("{\"rows\":[" ROW1 "],\"ttl_s\":60}"), FINE, "" },
	{ "no rows",                     LEASE, BODY("{\"ttl_s\":60}"),                  MISSING, "/rows" },
	{ "empty rows",                  LEASE, BODY("{\"rows\":[],\"ttl_s\":60}"),      NO_SENSE, "/rows" },
	{ "rows that are an object",     LEASE, BODY("{\"rows\":{},\"ttl_s\":60}"),      INVALID, "/rows" },
	{ "a row that is a number",      LEASE, BODY("{\"rows\":[" ROW1 ",7],\"ttl_s\":60}"), INVALID, "/rows/1" },
	{ "a row without a location",    LEASE, BODY("{\"rows\":[{\"sku\":\"A\"}],\"ttl_s\":60}"), MISSING, "/rows/0/location" },
	{ "a row without a sku",         LEASE, BODY("{\"rows\":[{\"location\":\"A\"}],\"ttl_s\":60}"), MISSING, "/rows/0/sku" },
	{ "a row with a slash",          LEASE,
	  BODY("{\"rows\":[{\"sku\":\"A/1\",\"location\":\"A\"}],\"ttl_s\":60}"), INVALID, "/rows/0/sku" },
	{ "a row with more",             LEASE,
	  BODY("{\"rows\":[{\"sku\":\"A\",\"location\":\"A\",\"x/\":1}],\"ttl_s\":60}"), UNKNOWN, "/rows/0/x~1" },
	{ "no time",                     LEASE, BODY("{\"rows\":[" ROW1 "]}"),           MISSING, "/ttl_s" },
	{ "no time at all",              LEASE, BODY("{\"rows\":[" ROW1 "],\"ttl_s\":0}"), NO_SENSE, "/ttl_s" },
	{ "a day",                       LEASE, BODY("{\"rows\":[" ROW1 "],\"ttl_s\":86400}"), FINE, "" },
	{ "more than a day",             LEASE, BODY("{\"rows\":[" ROW1 "],\"ttl_s\":86401}"), NO_SENSE, "/ttl_s" },
	{ "a time in words",             LEASE, BODY("{\"rows\":[" ROW1 "],\"ttl_s\":\"60\"}"), INVALID, "/ttl_s" },
	{ "a purpose of 128",            LEASE, BODY("{\"rows\":[" ROW1 "],\"ttl_s\":60,\"purpose\":\"" R128 "\"}"), FINE, "" },
	{ "a purpose of 129",            LEASE,
	  BODY("{\"rows\":[" ROW1 "],\"ttl_s\":60,\"purpose\":\"x" R128 "\"}"), INVALID, "/purpose" },
	{ "a renewal",                   RENEWAL, BODY("{\"ttl_s\":60}"),                FINE, "" },
	{ "a renewal as it was taken",   RENEWAL, BODY("{\"rows\":[" ROW1 "],\"ttl_s\":60,\"purpose\":\"x\"}"), FINE, "" },
	{ "a renewal without a time",    RENEWAL, BODY("{}"),                            MISSING, "/ttl_s" },
	{ "a renewal for more than a day", RENEWAL, BODY("{\"ttl_s\":86401}"),           NO_SENSE, "/ttl_s" },
	{ "a run of all races",          LAB, BODY(""),                                  FINE, "" },
	{ "a run of some",               LAB, BODY("{\"scenario\":\"a,b\",\"strategy\":null,\"clients\":2,\"seconds\":60,\"think_us\":0,\"seed\":0}"), FINE, "" },
	{ "a list that is a list",       LAB, BODY("{\"strategy\":[\"row\"]}"),          INVALID, "/strategy" },
	{ "a list that is too long",     LAB, BODY("{\"scenario\":\"" R128 R128 "r\"}"), INVALID, "/scenario" },
	{ "one client races with nobody", LAB, BODY("{\"clients\":1}"),                  NO_SENSE, "/clients" },
	{ "more clients than threads",   LAB, BODY("{\"clients\":65}"),                  NO_SENSE, "/clients" },
	{ "a race for more than a minute", LAB, BODY("{\"seconds\":61}"),                NO_SENSE, "/seconds" },
	{ "no race",                     LAB, BODY("{\"seconds\":0}"),                   NO_SENSE, "/seconds" },
	{ "more than a second to think", LAB, BODY("{\"think_us\":1000001}"),            NO_SENSE, "/think_us" },
	{ "a seed below 0",              LAB, BODY("{\"seed\":-1}"),                     NO_SENSE, "/seed" },
	{ "a renewal with more",         RENEWAL, BODY("{\"ttl_s\":1,\"id\":\"x\"}"),    UNKNOWN, "/id" },
};
/* clang-format on */

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		const struct row *r = &rows[i];
		struct message_error e = { 0 };
		struct command c = { 0 };
		struct arena a;

		arena_init(&a);
		ROW_EXPECT(r->what, read_call(r->call, r->body, r->byte_count, &a, &c, &e) ==
					    (r->outcome == FINE));
		ROW_EXPECT(r->what, e.outcome == (enum outcome)r->outcome);
		ROW_EXPECT(r->what, strcmp(e.pointer, r->pointer) == 0);
		ROW_EXPECT(r->what, (r->outcome == FINE) == (e.detail[0] == '\0'));
		arena_fini(&a);
	}
}

/* ---------------------------------------------------------------- what is right */

struct reading {
	struct arena arena;
	struct command command;
	struct message_error error;
};

static int setup(void **state)
{
	static struct reading r;

	r = (struct reading){ 0 };
	arena_init(&r.arena);
	*state = &r;
	return 0;
}

static int teardown(void **state)
{
	struct reading *r = *state;

	arena_fini(&r->arena);
	return 0;
}

static struct command *read_fine(struct reading *r, enum call call, const char *body)
{
	assert_true(read_call(call, body, strlen(body), &r->arena, &r->command, &r->error));
	return &r->command;
}

static void an_adjust_has_its_fields(void **state)
{
	const struct command *c =
		read_fine(*state, ADJUST,
			  "{\"delta\":-3,\"up_to\":true,\"reason\":\"sale\",\"reference\":\"o-1\","
			  "\"expected\":10,\"expected_version\":4}");

	assert_int_equal(c->quantity, -3);
	assert_true(c->is_up_to);
	assert_string_equal(c->reason, "sale");
	assert_string_equal(c->reference, "o-1");
	assert_true(c->condition.has_on_hand);
	assert_int_equal(c->condition.on_hand, 10);
	assert_true(c->condition.has_version);
	assert_int_equal(c->condition.version, 4);
	assert_false(c->condition.must_exist);
}

static void what_an_adjust_leaves_out_has_its_default(void **state)
{
	const struct command *c = read_fine(*state, ADJUST, "{\"delta\":3,\"expected\":null}");

	assert_false(c->is_up_to);
	assert_string_equal(c->reason, "adjust");
	assert_null(c->reference);
	assert_false(c->condition.has_on_hand);
	assert_false(c->condition.has_version);
}

static void a_version_named_twice_is_the_same_one(void **state)
{
	struct reading *r = *state;
	static const char body[] = "{\"delta\":1,\"expected_version\":4}";

	r->command.condition = (struct condition){ .has_version = true, .version = 4 };
	assert_true(read_call(ADJUST, body, strlen(body), &r->arena, &r->command, &r->error));
	r->command.condition.version = 5;
	assert_false(read_call(ADJUST, body, strlen(body), &r->arena, &r->command, &r->error));
	assert_int_equal(r->error.outcome, OUTCOME_MEANINGLESS);
	assert_string_equal(r->error.pointer, "/expected_version");
}

static void a_set_says_what_it_overwrites(void **state)
{
	static const struct {
		const char *body;
		bool has_compare;
	} sets[] = {
		{ "{\"on_hand\":1}", false },
		{ "{\"on_hand\":1,\"expected\":null}", true },
		{ "{\"on_hand\":1,\"expected\":3}", true },
		{ "{\"on_hand\":1,\"expected_version\":3}", true },
		{ "{\"on_hand\":1,\"reason\":\"a\",\"reference\":null}", false },
	};
	struct reading *r = *state;

	for (size_t i = 0; i < LENGTH_OF(sets); i++) {
		struct message m = message_of(sets[i].body, strlen(sets[i].body));

		r->command.condition = (struct condition){ 0 };
		r->error.outcome = OUTCOME_DONE;
		ROW_EXPECT(sets[i].body, message_read_set(m, &r->arena, &r->command, &r->error) ==
						 sets[i].has_compare);
		ROW_EXPECT(sets[i].body,
			   sets[i].has_compare || r->error.outcome == OUTCOME_PRECONDITION_NEEDED);
		r->command.condition = (struct condition){ .has_version = true, .version = 3 };
		ROW_EXPECT(sets[i].body, message_read_set(m, &r->arena, &r->command, &r->error));
	}
	assert_int_equal(r->command.quantity, 1);
	assert_string_equal(r->command.reason, "a");
}

static void a_reason_is_kept_in_small_letters(void **state)
{
	static const struct {
		const char *body, *reason;
		bool is_folded;
	} reasons[] = {
		{ "{\"delta\":1,\"reason\":\"RMA_07\"}", "rma_07", true },
		{ "{\"delta\":1,\"reason\":\"z9A\"}", "z9a", true },
		{ "{\"delta\":1,\"reason\":\"rma_07\"}", "rma_07", false },
		{ "{\"delta\":1}", "adjust", false },
		{ "{\"delta\":1,\"reason\":\"\\u0052MA\"}", "rma", true }, /* the other reader */
	};

	for (size_t i = 0; i < LENGTH_OF(reasons); i++) {
		const struct command *c = read_fine(*state, ADJUST, reasons[i].body);

		assert_string_equal(c->reason, reasons[i].reason);
		assert_int_equal(c->is_reason_folded, reasons[i].is_folded);
		((struct reading *)*state)->command.is_reason_folded = false;
	}
}

/* What stands in it makes another request, and having none makes the one of earlier releases. */
static void a_note_is_part_of_the_request(void **state)
{
	static const char *const bodies[] = {
		"{\"delta\":1}",
		"{\"delta\":1,\"note\":\"a\"}",
		"{\"delta\":1,\"note\":\"b\"}",
		"{\"delta\":1,\"note\":\"\"}",
		"{\"delta\":1,\"reference\":\"a\"}",
	};
	uint64_t seen[LENGTH_OF(bodies)];

	for (size_t i = 0; i < LENGTH_OF(bodies); i++) {
		const struct command *c = read_fine(*state, ADJUST, bodies[i]);

		seen[i] = request_fingerprint("POST", "/", c);
		for (size_t k = 0; k < i; k++)
			assert_true(seen[k] != seen[i]);
	}
	assert_true(seen[0] ==
		    request_fingerprint("POST", "/",
					read_fine(*state, ADJUST, "{\"delta\":1,\"note\":null}")));
}

static void a_transfer_names_from_and_to(void **state)
{
	const struct command *c =
		read_fine(*state, TRANSFER,
			  "{\"quantity\":4,\"to\":\"WH2\",\"from\":\"WH1\",\"sku\":\"A-1\"}");

	assert_int_equal(c->row_count, 2);
	assert_string_equal(c->rows[0].sku.text, "A-1");
	assert_string_equal(c->rows[0].location.text, "WH1");
	assert_string_equal(c->rows[1].sku.text, "A-1");
	assert_string_equal(c->rows[1].location.text, "WH2");
	assert_int_equal(c->quantity, 4);
	assert_string_equal(c->reason, "transfer");
}

static void an_item_has_its_fields(void **state)
{
	const struct item *i =
		&read_fine(*state, ITEM,
			   "{\"unit\":\"box\",\"attributes\" : { \"a\" : [ 0.1 , 1e2, \"x "
			   "y\\u0041\" ] } ,"
			   "\"name\":\"Gr\\u00f6\\u00dfe \\\"L\\\"\",\"backorder_limit\":5,"
			   "\"reorder_point\":0,\"archived\":true}")
			 ->item;

	assert_string_equal(i->name, "Größe \"L\"");
	assert_string_equal(i->unit, "box");
	assert_string_equal(i->attributes, "{\"a\":[0.1,1e2,\"x y\\u0041\"]}");
	assert_int_equal(i->backorder_limit, 5);
	assert_true(i->has_reorder_point);
	assert_int_equal(i->reorder_point, 0);
	assert_true(i->is_archived);
}

static void what_an_item_leaves_out_has_its_default(void **state)
{
	const struct item *i =
		&read_fine(*state, ITEM, "{\"name\":\"x\",\"reorder_point\":null}")->item;

	assert_string_equal(i->unit, "piece");
	assert_null(i->attributes);
	assert_int_equal(i->backorder_limit, 0);
	assert_false(i->has_reorder_point);
	assert_false(i->is_archived);
}

/* clang-format off */
static const struct patch_row {
	const char *body;
	enum call   call;
	unsigned    patched;
} patches[] = {
	{ "",                                    ITEM_PATCH, 0 },
	{ "{}",                                  ITEM_PATCH, 0 },
	{ "{\"name\":\"x\"}",                    ITEM_PATCH, MEMBER_NAME },
	{ "{\"unit\":null}",                     ITEM_PATCH, MEMBER_UNIT },
	{ "{\"unit\":\"kg\",\"archived\":null}", ITEM_PATCH, MEMBER_UNIT | MEMBER_ARCHIVED },
	{ "{\"backorder_limit\":0}",             ITEM_PATCH, MEMBER_BACKORDER_LIMIT },
	{ "{\"reorder_point\":null}",            ITEM_PATCH, MEMBER_REORDER_POINT },
	{ "{\"attributes\":null}",               ITEM_PATCH, MEMBER_ATTRIBUTES },
	{ "{\"attributes\":{}}",                 ITEM_PATCH, MEMBER_ATTRIBUTES },
	{ "{\"archived\":false}",                ITEM_PATCH, MEMBER_ARCHIVED },
	{ "{}",                                  LOCATION_PATCH, 0 },
	{ "{\"archived\":true,\"name\":\"x\"}",  LOCATION_PATCH, MEMBER_NAME | MEMBER_ARCHIVED },
};
/* clang-format on */

static void a_patch_says_what_it_names(void **state)
{
	struct reading *r = *state;

	for (size_t i = 0; i < LENGTH_OF(patches); i++) {
		const struct patch_row *p = &patches[i];

		ROW_EXPECT(p->body, read_call(p->call, p->body, strlen(p->body), &r->arena,
					      &r->command, &r->error));
		ROW_EXPECT(p->body, r->command.patched == p->patched);
	}
}

static void a_patch_has_its_fields(void **state)
{
	const struct item *i = &read_fine(*state, ITEM_PATCH,
					  "{\"name\":\"y\",\"unit\":null,\"backorder_limit\":5,"
					  "\"reorder_point\":0,\"archived\":true,"
					  "\"attributes\":{ \"a\" : null }}")
					->item;

	assert_string_equal(i->name, "y");
	assert_string_equal(i->unit, "piece");
	assert_string_equal(i->attributes, "{\"a\":null}");
	assert_int_equal(i->backorder_limit, 5);
	assert_true(i->has_reorder_point);
	assert_true(i->is_archived);
	assert_string_equal(read_fine(*state, LOCATION_PATCH, "{\"name\":\"z\"}")->location.name,
			    "z");
}

static void attributes_are_limited_without_their_blanks(void **state)
{
	struct reading *r = *state;
	char body[2 * ATTRIBUTES_BYTES_MAX];
	size_t fill = ATTRIBUTES_BYTES_MAX - strlen("{\"a\":\"\"}");
	int head = sprintf(body, "{\"name\":\"x\",\"attributes\":{ \n \"a\" : \"");

	memset(body + head, 'v', fill);
	strcpy(body + head + fill, "\" } }");
	assert_true(read_call(ITEM, body, strlen(body), &r->arena, &r->command, &r->error));
	assert_int_equal(strlen(r->command.item.attributes), ATTRIBUTES_BYTES_MAX);
	strcpy(body + head + fill, "v\" } }");
	assert_false(read_call(ITEM, body, strlen(body), &r->arena, &r->command, &r->error));
	assert_string_equal(r->error.pointer, "/attributes");
}

static void a_lease_names_its_rows(void **state)
{
	const struct command *c = read_fine(*state, LEASE,
					    "{\"rows\":[" ROW1
					    ",{\"location\":\"WH2\",\"sku\":\"B-1\"}],\"ttl_s\":60,"
					    "\"purpose\":\"count\"}");

	assert_int_equal(c->row_count, 2);
	assert_string_equal(c->rows[1].sku.text, "B-1");
	assert_string_equal(c->rows[1].location.text, "WH2");
	assert_int_equal(c->ttl_ms, 60000);
	assert_string_equal(c->purpose, "count");
}

static void a_lease_has_so_many_rows(void **state)
{
	struct reading *r = *state;
	struct text t;

	text_init(&t);
	text_add(&t, "{\"ttl_s\":1,\"rows\":[" ROW1);
	for (int i = 1; i < COMMAND_ROWS_MAX; i++)
		text_add(&t, "," ROW1);
	text_add(&t, "]}");
	assert_true(read_call(LEASE, t.data, t.byte_count, &r->arena, &r->command, &r->error));
	assert_int_equal(r->command.row_count, COMMAND_ROWS_MAX);
	assert_string_equal(r->command.purpose, "");
	t.byte_count -= 2;
	text_add(&t, "," ROW1 "]}");
	assert_false(read_call(LEASE, t.data, t.byte_count, &r->arena, &r->command, &r->error));
	assert_int_equal(r->error.outcome, OUTCOME_MEANINGLESS);
	text_fini(&t);
}

/* clang-format off */
static const struct overflow_row {
	enum call   call;
	const char *body;
	const char *detail; /* a part of it */
} overflows[] = {
	{ ADJUST, "{\"delta\":9223372036854775808}",                "±10^12" },
	{ ITEM,   "{\"backorder_limit\":9223372036854775808}",      "±10^12" },
	{ ITEM,   "{\"attributes\":{\"ean\":9223372036854775808}}", "in quotes" },
	{ ITEM,   "{\"attributes\":{\"a\":[1,-1e999]}}",            "in quotes" },
};
/* clang-format on */

static void numbers_that_do_not_fit_are_told_what_would(void **state)
{
	struct reading *r = *state;

	for (size_t i = 0; i < LENGTH_OF(overflows); i++) {
		const char *body = overflows[i].body;

		ROW_EXPECT(body, !read_call(overflows[i].call, body, strlen(body), &r->arena,
					    &r->command, &r->error));
		ROW_EXPECT(body, r->error.outcome == OUTCOME_INVALID_FIELD);
		ROW_EXPECT(body, strstr(r->error.detail, overflows[i].detail) != NULL);
	}
}

static void details_say_where_reading_stopped(void **state)
{
	struct reading *r = *state;
	static const char body[] = "{\n  \"delta\": 01}";

	assert_false(read_call(ADJUST, body, strlen(body), &r->arena, &r->command, &r->error));
	assert_non_null(strstr(r->error.detail, "Line 2, column 1"));
}

static void long_names_are_cut_between_characters(void **state)
{
	struct reading *r = *state;
	char body[512];

	for (int lead = 0; lead < 2; lead++) {
		int bytes = sprintf(body, "{\"%s", lead == 0 ? "" : "x");

		for (int i = 0; i < 100; i++)
			bytes += sprintf(body + bytes, "\u00e4");
		strcpy(body + bytes, "\":1}");
		assert_false(
			read_call(ADJUST, body, strlen(body), &r->arena, &r->command, &r->error));
		assert_int_equal(r->error.outcome, OUTCOME_UNKNOWN_FIELD);

		json_t *pointer = json_string(r->error.pointer); /* NULL: it is no UTF-8 */

		assert_non_null(pointer);
		json_decref(pointer);
	}
}

/* ---------------------------------------------------------------- memory */

static int allocations_left = -1; /* -1: as many as anybody wants */

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes)
{
	if (allocations_left > 0)
		allocations_left--;
	else if (allocations_left == 0)
		return NULL;
	return __real_malloc(bytes);
}

/*
 * jansson takes a text that it could not allocate for a token that is none; here it is not. The
 * escape makes the body one that jansson reads.
 */
static void short_memory_is_survived_at_every_allocation(void **state)
{
	static const char body[] =
		"{\"rows\":[" ROW1 "],\"ttl_s\":60,\"purpose\":\"a longer \\u006fne\"}";
	struct reading *r = *state;
	bool is_read = false;
	int failures = 0;

	for (; !is_read; failures++) {
		allocations_left = failures;
		is_read = read_call(LEASE, body, strlen(body), &r->arena, &r->command, &r->error);
		allocations_left = -1;
		assert_true(is_read || r->error.outcome == OUTCOME_OUT_OF_MEMORY);
	}
	assert_true(failures > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test_setup_teardown(an_adjust_has_its_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(what_an_adjust_leaves_out_has_its_default, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_version_named_twice_is_the_same_one, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_set_says_what_it_overwrites, setup, teardown),
		cmocka_unit_test_setup_teardown(a_transfer_names_from_and_to, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reason_is_kept_in_small_letters, setup, teardown),
		cmocka_unit_test_setup_teardown(a_note_is_part_of_the_request, setup, teardown),
		cmocka_unit_test_setup_teardown(an_item_has_its_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(what_an_item_leaves_out_has_its_default, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_patch_says_what_it_names, setup, teardown),
		cmocka_unit_test_setup_teardown(a_patch_has_its_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(attributes_are_limited_without_their_blanks, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_lease_names_its_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lease_has_so_many_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_that_do_not_fit_are_told_what_would, setup,
						teardown),
		cmocka_unit_test_setup_teardown(details_say_where_reading_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(long_names_are_cut_between_characters, setup,
						teardown),
		cmocka_unit_test_setup_teardown(short_memory_is_survived_at_every_allocation, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
