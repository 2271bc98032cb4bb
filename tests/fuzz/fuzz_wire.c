/* Requests with a few bytes changed: nothing is read beyond its end, and answers stay JSON. */
#include "fuzz.h"
#include "wire/json_merge.h"
#include "wire/messages_batch.h"
#include "wire/messages_catalogue.h"
#include "wire/messages_lab.h"
#include "wire/message_readers.h"
#include "wire/moment.h"
#include "wire/problems.h"
#include "wire/request_text.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 512 };

static const char *const bodies[] = {
	"{\"delta\":-3,\"reason\":\"sale\",\"reference\":\"o-1\",\"up_to\":true,\"expected\":null}",
	"{\"on_hand\":40,\"expected_version\":12,\"expected\":37}",
	"{\"sku\":\"A-1\",\"from\":\"WH1\",\"to\":\"WH2\",\"quantity\":5}",
	"{\"name\":\"M\\u00fcg ☕\",\"attributes\":{\"a\":[1,0.5,{\"b~/\":null}],\"c\":\"}\"}}",
	("{\"rows\":[{\"sku\":\"A-1\",\"location\":\"WH1\"},{\"sku\":\"B\",\"location\":\"W\"}],"
	 "\"ttl_s\":60}"),
	"{\"scenario\":\"hot-row\",\"clients\":64,\"think_us\":0,\"seed\":9223372036854775807}",
	"{\"a\":{\"a\":1,\"a\":99999999999999999999}}",
};

static const char *const lines[] = {
	"{\"op\":\"adjust\",\"sku\":\"A-1\",\"location\":\"WH1\",\"delta\":-3,\"id\":\"x\"}",
	"{\"op\":\"set\",\"sku\":\"A\",\"location\":\"W\",\"on_hand\":4,\"expected\":null}",
	("{\"op\":\"reserve\",\"reservation\":\"c-1\",\"ttl_s\":9,\"lines\":[{\"sku\":\"A-1\","
	 "\"location\":\"WH1\",\"quantity\":2}]}"),
	"{\"op\":\"item\",\"sku\":\"A\",\"name\":\"n\",\"attributes\":{\"a\":{\"b\":\"}\"}}}",
	"{\"reservation\":\"r_1\",\"op\":\"commit\"}",
};

static const char *const objects[] = {
	"{}",
	"{\"a\":null,\"b\":{\"c\":[1,{\"d\":null}],\"e\":0.5},\"\\u0062b\":\"},\\\"\"}",
	"{\"a\":{\"b\":{\"c\":1,\"d\":null},\"b\\u0062\":{}},\"b\":null}",
	" { \"b\" : { \"e\" : null , \"c\" : { } } , \"bb\" : \"\" } ",
};

static const char *const texts[] = {
	"/v1/stock/A-1/WH1/adjust",
	"/v1/items/%4D%55G-1",
	"limit=5&after=m7&q=a+b%2B%E2%98%95",
	"\"12\", W/\"13\"",
	"*",
	"\"k-1\"",
	"l_77;fence=31, l_78 ; fence=32",
	"respond-async, wait=5; a=\"b\\\"c\"",
	"2026-11-23T18:57:50.123+01:00",
};

/* ---------------------------------------------------------------- mutations */

static size_t splice(char *text, size_t bytes, size_t at, size_t cut, const char *in,
		     size_t in_bytes)
{
	if (bytes - cut + in_bytes >= BYTES_MAX)
		return bytes;
	memmove(text + at + in_bytes, text + at + cut, bytes - at - cut);
	memcpy(text + at, in, in_bytes);
	return bytes - cut + in_bytes;
}

static size_t mutate(struct fuzz *f, char *text, size_t bytes)
{
	static const char marks[] = "{}[]\",:\\%/&=+;*-.0123456789eEuW \t\n\r\x7f\x80\xc3\xed\xff";
	size_t at = fuzz_below(f, bytes + 1);
	size_t left = bytes - at;
	size_t span = left == 0 ? 0 : fuzz_below(f, left < 8 ? left + 1 : 9);
	char copy[8];
	char c = marks[fuzz_below(f, sizeof(marks))];

	switch (fuzz_below(f, 4)) {
	case 0:
		return splice(text, bytes, at, span, "", 0);
	case 1:
		return splice(text, bytes, at, 0, &c, 1);
	case 2:
		memcpy(copy, text + at, span > 8 ? 8 : span);
		return splice(text, bytes, fuzz_below(f, bytes + 1), 0, copy, span > 8 ? 8 : span);
	default:
		return left == 0 ? bytes : splice(text, bytes, at, 1, &c, 1);
	}
}

/* A seed with some changes, in memory of exactly its size; with a NUL behind it where asked for. */
static char *make(struct fuzz *f, const char *const seeds[], size_t seed_count, bool has_end,
		  size_t *ret_bytes)
{
	char text[BYTES_MAX];
	const char *seed = seeds[fuzz_below(f, seed_count)];
	size_t bytes = strlen(seed);

	memcpy(text, seed, bytes);
	for (uint64_t changes = fuzz_below(f, 5); changes > 0; changes--)
		bytes = mutate(f, text, bytes);

	char *made = malloc(bytes + 1);

	CHECK(made != NULL);
	memcpy(made, text, bytes);
	if (has_end)
		made[bytes] = '\0';
	else
		made = realloc(made, bytes > 0 ? bytes : 1);
	CHECK(made != NULL);
	*ret_bytes = bytes;
	return made;
}

/* ---------------------------------------------------------------- oracles */

static bool is_refusal_of_a_body(enum outcome o)
{
	return o == OUTCOME_MALFORMED_JSON || o == OUTCOME_INVALID_FIELD ||
	       o == OUTCOME_UNKNOWN_FIELD || o == OUTCOME_MISSING_FIELD || o == OUTCOME_MEANINGLESS;
}

static void expect_problem(struct fuzz *f, const struct message_error *e)
{
	struct text t;
	json_t *problem;

	EXPECT(f, is_refusal_of_a_body(e->outcome));
	EXPECT(f, e->pointer[0] == '\0' || e->pointer[0] == '/');
	text_init(&t);
	EXPECT(f, message_error_is_sound(e));
	problem_write_body(&t,
			   &(struct problem){ .outcome = e->outcome,
					      .pointer = e->pointer[0] != '\0' ? e->pointer : NULL,
					      .detail = e->detail });
	problem = json_loadb(t.data, t.byte_count, JSON_REJECT_DUPLICATES, NULL);
	EXPECT(f, problem != NULL);
	json_decref(problem);
	text_fini(&t);
}

static void expect_item(struct fuzz *f, const struct item *item, json_t *body)
{
	json_t *wanted = json_object_get(body, "attributes");
	json_t *kept = NULL;

	EXPECT(f, item->name[0] != '\0');
	EXPECT(f, item->backorder_limit >= 0);
	EXPECT(f, (item->attributes != NULL) == json_is_object(wanted));
	if (item->attributes == NULL)
		return;
	kept = json_loads(item->attributes, JSON_ALLOW_NUL, NULL);
	EXPECT(f, json_equal(kept, wanted));
	json_decref(kept);
}

static void expect_pretty(struct fuzz *f, const char *body, size_t bytes, json_t *root)
{
	struct text once, twice;
	json_t *again;

	text_init(&once);
	text_init(&twice);
	json_pretty(&once, body, bytes);
	again = json_loadb(once.data, once.byte_count, JSON_ALLOW_NUL, NULL);
	EXPECT(f, json_equal(again, root));
	json_pretty(&twice, once.data, once.byte_count);
	EXPECT(f, strcmp(once.data, twice.data) == 0);
	json_decref(again);
	text_fini(&once);
	text_fini(&twice);
}

static bool read_body(uint64_t call, const char *body, size_t bytes, struct arena *a,
		      struct command *c, struct message_error *e)
{
	switch (call) {
	case 0:
		return message_read_adjust(message_of(body, bytes), a, c, e);
	case 1:
		return message_read_set(message_of(body, bytes), a, c, e);
	case 2:
		return message_read_transfer(message_of(body, bytes), a, c, e);
	case 3:
		return message_read_item(message_of(body, bytes), a, c, e);
	case 4:
		return message_read_lease(message_of(body, bytes), a, c, e);
	case 5:
		return message_read_lab(message_of(body, bytes), a, &(struct lab_message){ 0 }, e);
	default:
		return message_read_nothing(message_of(body, bytes), e);
	}
}

static void try_body(struct fuzz *f)
{
	uint64_t call = fuzz_below(f, LENGTH_OF(bodies));
	struct message_error e = { 0 };
	struct command c = { 0 };
	struct arena a;
	size_t bytes;
	char *body = make(f, bodies + call, 1, false, &bytes);
	json_t *root = json_loadb(body, bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	arena_init(&a);
	if (!read_body(call, body, bytes, &a, &c, &e)) {
		expect_problem(f, &e);
	} else if (bytes > 0) {
		EXPECT(f, root != NULL);
		EXPECT(f, c.quantity <= QUANTITY_MAX);
		EXPECT(f, c.quantity >= -QUANTITY_MAX);
		if (call == 3)
			expect_item(f, &c.item, root);
	}
	if (root != NULL)
		expect_pretty(f, body, bytes, root);
	json_decref(root);
	arena_fini(&a);
	free(body);
}

static void try_line(struct fuzz *f)
{
	struct message_error e = { 0 };
	struct command c = { 0 };
	const char *id;
	struct arena a;
	size_t bytes;
	char *line = make(f, lines, LENGTH_OF(lines), false, &bytes);

	arena_init(&a);
	if (!batch_line_read(line, bytes, &a, &c, &id, &e))
		expect_problem(f, &e);
	else
		EXPECT(f, command_traits(c.kind)->op[0] != '\0');
	arena_fini(&a);
	free(line);
}

/* RFC 7396, as it stands there. */
static json_t *merged_naively(json_t *object, json_t *patch)
{
	json_t *merged = json_is_object(object) ? json_copy(object) : json_object();
	const char *name;
	json_t *value;

	json_object_foreach (patch, name, value) {
		if (json_is_null(value))
			json_object_del(merged, name);
		else if (json_is_object(value))
			json_object_set_new(merged, name,
					    merged_naively(json_object_get(object, name), value));
		else
			json_object_set(merged, name, value);
	}
	return merged;
}

/* An object that cannot be read is merged into, too: somebody's hand may have left it. */
static void try_merge(struct fuzz *f)
{
	size_t bytes;
	char *object = make(f, objects, LENGTH_OF(objects), true, &bytes);
	char *patch = make(f, objects, LENGTH_OF(objects), true, &bytes);
	json_t *was = json_loads(object, JSON_REJECT_DUPLICATES, NULL);
	json_t *with = json_loads(patch, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(with)) {
		struct arena a;

		arena_init(&a);

		char *merged = json_merge(object, patch, &a);

		EXPECT(f, merged != NULL);
		EXPECT(f, strlen(merged) <= strlen(object) + strlen(patch) + 2);
		if (was != NULL) {
			json_t *is = json_loads(merged, JSON_REJECT_DUPLICATES, NULL);
			json_t *wanted = merged_naively(was, with);

			EXPECT(f, json_equal(is, wanted));
			json_decref(is);
			json_decref(wanted);
		}
		arena_fini(&a);
	}
	json_decref(was);
	json_decref(with);
	free(object);
	free(patch);
}

static void expect_utf8(struct fuzz *f, const char *s)
{
	json_t *text = json_string(s);

	EXPECT(f, text != NULL);
	json_decref(text);
}

static void try_target(struct fuzz *f, const char *text, struct arena *a)
{
	struct path p;
	struct query q;
	enum outcome o = path_read(&p, a, text);

	EXPECT(f, o == OUTCOME_DONE || o == OUTCOME_NOT_FOUND || o == OUTCOME_INVALID_PATH);
	for (int i = 0; o == OUTCOME_DONE && i < p.count; i++) {
		EXPECT(f, p.segments[i][0] != '\0');
		EXPECT(f, strchr(p.segments[i], '/') == NULL);
	}
	o = query_read(&q, a, text);
	EXPECT(f, o == OUTCOME_DONE || o == OUTCOME_INVALID_PARAMETER || o == OUTCOME_URI_TOO_LONG);
	for (int i = 0; o == OUTCOME_DONE && i < q.count; i++) {
		expect_utf8(f, q.parameters[i].name);
		expect_utf8(f, q.parameters[i].value);
	}
}

static void try_headers(struct fuzz *f, const char *text, struct arena *a)
{
	struct command c = { 0 };
	const char *key = NULL, *detail;
	bool is_any;
	int64_t n = 0;

	if (if_match_read(text, &c.condition, &is_any, &detail) == HEADER_READ)
		EXPECT(f, is_any || c.condition.version >= -1);
	EXPECT(f, strchr(text, '*') != NULL || !if_none_match_holds(text, -2));
	if (key_read(text, a, &key) == HEADER_READ)
		EXPECT(f, strlen(key) >= 1 && strlen(key) <= KEY_BYTES_MAX);
	if (lease_header_read(text, a, &c) == HEADER_READ)
		EXPECT(f, c.fence_count >= 1 && c.fence_count <= CLAIM_FENCES_MAX);
	if (prefer_wait_read(text, &n))
		EXPECT(f, n >= 0 && n <= WAIT_S_MAX);
	if (moment_parse(text, &n) && n >= 0) {
		char shown[MOMENT_BYTES];
		int64_t again;

		moment_format(shown, n);
		EXPECT(f, moment_parse(shown, &again));
		EXPECT(f, again == n);
	}
}

static void try_text(struct fuzz *f)
{
	struct arena a;
	size_t bytes;
	char *text = make(f, texts, LENGTH_OF(texts), true, &bytes);

	arena_init(&a);
	try_target(f, text, &a);
	try_headers(f, text, &a);
	arena_fini(&a);
	free(text);
}

static void run(struct fuzz *f)
{
	while (fuzz_step(f)) {
		switch (fuzz_below(f, 4)) {
		case 0:
			try_body(f);
			break;
		case 1:
			try_merge(f);
			break;
		case 2:
			try_line(f);
			break;
		default:
			try_text(f);
			break;
		}
	}
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, 100, 4000, run);
}
