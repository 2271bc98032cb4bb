#include "wire/messages.h"
#include "base/check.h"
#include "base/text.h"
#include "wire/json_read.h"
#include <string.h>

#define QUANTITY .least = -QUANTITY_MAX, .most = QUANTITY_MAX
#define REASON_FIELD                                   \
	{                                              \
		.name = "reason", .type = FIELD_REASON \
	}
#define REFERENCE_FIELD                                                       \
	{                                                                     \
		.name = "reference", .type = FIELD_TEXT, .may_be_null = true, \
		.most = REFERENCE_CHARACTERS_MAX                              \
	}

static void set_reason(struct command *c, const struct field_value *reason,
		       const struct field_value *reference, enum movement_kind kind)
{
	c->reason = reason->text != NULL ? reason->text : movement_kind_text(kind);
	c->reference = reference->text;
}

/* "expected" and "expected_version", as far as the body has them. */
static bool set_condition(struct command *c, const struct field_value *expected,
			  const struct field_value *version, struct message_error *e)
{
	if (expected->is_present && !expected->is_null) {
		c->condition.has_on_hand = true;
		c->condition.on_hand = expected->number;
	}
	if (version->is_present) {
		if (c->condition.has_version && c->condition.version != version->number)
			return message_refuse(e, OUTCOME_MEANINGLESS, "/expected_version",
					      "If-Match names another version.");
		c->condition.has_version = true;
		c->condition.version = version->number;
	}
	return true;
}

bool message_read_adjust(struct message m, struct arena *a, struct command *c,
			 struct message_error *e)
{
	enum { DELTA, UP_TO, EXPECTED, VERSION, REASON, REFERENCE, COUNT };
	static const struct field fields[COUNT] = {
		[DELTA] = { .name = "delta", .type = FIELD_INTEGER, .is_required = true, QUANTITY },
		[UP_TO] = { .name = "up_to", .type = FIELD_BOOL },
		[EXPECTED] = { .name = "expected",
			       .type = FIELD_INTEGER,
			       .may_be_null = true,
			       .least = -LEVEL_MAX,
			       .most = LEVEL_MAX },
		[VERSION] = { .name = "expected_version",
			      .type = FIELD_INTEGER,
			      .least = 0,
			      .most = INT64_MAX },
		[REASON] = REASON_FIELD,
		[REFERENCE] = REFERENCE_FIELD,
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->quantity = v[DELTA].number;
	c->is_up_to = v[UP_TO].is_true;
	set_reason(c, &v[REASON], &v[REFERENCE], MOVEMENT_ADJUST);
	if (c->quantity == 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/delta",
				      "A delta of 0 changes nothing.");
	if (c->is_up_to && c->quantity > 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/up_to",
				      "Only a negative delta can be taken up to what is there.");
	return set_condition(c, &v[EXPECTED], &v[VERSION], e);
}

bool message_read_set(struct message m, struct arena *a, struct command *c, bool *ret_has_compare,
		      struct message_error *e)
{
	enum { ON_HAND, EXPECTED, VERSION, REASON, REFERENCE, COUNT };
	static const struct field fields[COUNT] = {
		[ON_HAND] = { .name = "on_hand",
			      .type = FIELD_INTEGER,
			      .is_required = true,
			      QUANTITY },
		[EXPECTED] = { .name = "expected",
			       .type = FIELD_INTEGER,
			       .may_be_null = true,
			       .least = -LEVEL_MAX,
			       .most = LEVEL_MAX },
		[VERSION] = { .name = "expected_version",
			      .type = FIELD_INTEGER,
			      .least = 0,
			      .most = INT64_MAX },
		[REASON] = REASON_FIELD,
		[REFERENCE] = REFERENCE_FIELD,
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->quantity = v[ON_HAND].number;
	set_reason(c, &v[REASON], &v[REFERENCE], MOVEMENT_SET);
	if (c->quantity < 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/on_hand",
				      "What lies on the shelf is 0 or more.");
	*ret_has_compare = v[EXPECTED].is_present || v[VERSION].is_present;
	return set_condition(c, &v[EXPECTED], &v[VERSION], e);
}

bool message_read_count(struct message m, struct arena *a, struct command *c,
			struct message_error *e)
{
	enum { COUNTED, AS_OF, REASON, REFERENCE, COUNT };
	static const struct field fields[COUNT] = {
		[COUNTED] = { .name = "counted",
			      .type = FIELD_INTEGER,
			      .is_required = true,
			      QUANTITY },
		[AS_OF] = { .name = "as_of_seq",
			    .type = FIELD_INTEGER,
			    .is_required = true,
			    .least = 0,
			    .most = INT64_MAX },
		[REASON] = REASON_FIELD,
		[REFERENCE] = REFERENCE_FIELD,
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->quantity = v[COUNTED].number;
	c->past.as_of_seq = v[AS_OF].number;
	set_reason(c, &v[REASON], &v[REFERENCE], MOVEMENT_COUNT_OF_STOCK);
	if (c->quantity < 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/counted",
				      "What lies on the shelf is 0 or more.");
	return true;
}

static void set_code(struct code *c, const char *text)
{
	bool is_code = code_set(c, text, strlen(text));

	CHECK(is_code); /* json_read() has looked at it */
}

bool message_read_transfer(struct message m, struct arena *a, struct command *c,
			   struct message_error *e)
{
	enum { SKU, FROM, TO, QUANTITY_FIELD, REASON, REFERENCE, COUNT };
	static const struct field fields[COUNT] = {
		[SKU] = { .name = "sku", .type = FIELD_CODE, .is_required = true },
		[FROM] = { .name = "from", .type = FIELD_CODE, .is_required = true },
		[TO] = { .name = "to", .type = FIELD_CODE, .is_required = true },
		[QUANTITY_FIELD] = { .name = "quantity",
				     .type = FIELD_INTEGER,
				     .is_required = true,
				     QUANTITY },
		[REASON] = REASON_FIELD,
		[REFERENCE] = REFERENCE_FIELD,
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	if (v[QUANTITY_FIELD].number < 1)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/quantity", "1 or more.");
	if (strcmp(v[FROM].text, v[TO].text) == 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/to",
				      "From and to are the same location.");
	c->rows = arena_alloc(a, sizeof(c->rows[0]) * 2);
	if (c->rows == NULL)
		return message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
	c->row_count = 2;
	for (int i = 0; i < 2; i++) {
		set_code(&c->rows[i].sku, v[SKU].text);
		set_code(&c->rows[i].location, v[i == 0 ? FROM : TO].text);
	}
	c->quantity = v[QUANTITY_FIELD].number;
	set_reason(c, &v[REASON], &v[REFERENCE], MOVEMENT_TRANSFER);
	return true;
}

enum item_field {
	ITEM_NAME,
	ITEM_UNIT,
	ITEM_BACKORDER,
	ITEM_REORDER,
	ITEM_ATTRIBUTES,
	ITEM_ARCHIVED,
	ITEM_FIELDS
};

/* clang-format off */
static const struct field item_fields[ITEM_FIELDS] = {
	[ITEM_NAME] = { .name = "name", .type = FIELD_TEXT, .is_required = true, .most = NAME_CHARACTERS_MAX },
	[ITEM_UNIT] = { .name = "unit", .type = FIELD_TEXT, .most = UNIT_CHARACTERS_MAX },
	[ITEM_BACKORDER] = { .name = "backorder_limit", .type = FIELD_INTEGER, QUANTITY },
	[ITEM_REORDER] = { .name = "reorder_point", .type = FIELD_INTEGER, .may_be_null = true, QUANTITY },
	[ITEM_ATTRIBUTES] = { .name = "attributes", .type = FIELD_OBJECT, .may_be_null = true, .most = ATTRIBUTES_BYTES_MAX },
	[ITEM_ARCHIVED] = { .name = "archived", .type = FIELD_BOOL },
};

static const unsigned item_members[ITEM_FIELDS] = {
	[ITEM_NAME] = MEMBER_NAME,
	[ITEM_UNIT] = MEMBER_UNIT,
	[ITEM_BACKORDER] = MEMBER_BACKORDER_LIMIT,
	[ITEM_REORDER] = MEMBER_REORDER_POINT,
	[ITEM_ATTRIBUTES] = MEMBER_ATTRIBUTES,
	[ITEM_ARCHIVED] = MEMBER_ARCHIVED,
};

enum location_field { LOCATION_NAME, LOCATION_ARCHIVED, LOCATION_FIELDS };

static const struct field location_fields[LOCATION_FIELDS] = {
	[LOCATION_NAME] = { .name = "name", .type = FIELD_TEXT, .is_required = true, .most = NAME_CHARACTERS_MAX },
	[LOCATION_ARCHIVED] = { .name = "archived", .type = FIELD_BOOL },
};

static const unsigned location_members[LOCATION_FIELDS] = {
	[LOCATION_NAME] = MEMBER_NAME,
	[LOCATION_ARCHIVED] = MEMBER_ARCHIVED,
};
/* clang-format on */

/* What is left out, or null, has its default. */
static bool set_item(struct item *i, const struct field_value v[], struct message_error *e)
{
	const char *unit = v[ITEM_UNIT].text;

	if (v[ITEM_BACKORDER].number < 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/backorder_limit", "0 or more.");
	if (v[ITEM_REORDER].number < 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/reorder_point",
				      "0 or more, or null.");
	if (unit != NULL && unit[0] == '\0')
		return message_refuse(e, OUTCOME_INVALID_FIELD, "/unit", "1 to %d characters.",
				      UNIT_CHARACTERS_MAX);
	i->name = v[ITEM_NAME].text;
	i->unit = unit != NULL ? unit : "piece";
	i->attributes = v[ITEM_ATTRIBUTES].text;
	i->backorder_limit = v[ITEM_BACKORDER].number;
	i->has_reorder_point = v[ITEM_REORDER].is_present && !v[ITEM_REORDER].is_null;
	i->reorder_point = v[ITEM_REORDER].number;
	i->is_archived = v[ITEM_ARCHIVED].is_true;
	return true;
}

static void set_location(struct location *l, const struct field_value v[])
{
	l->name = v[LOCATION_NAME].text;
	l->is_archived = v[LOCATION_ARCHIVED].is_true;
}

bool message_read_item(struct message m, struct arena *a, struct command *c,
		       struct message_error *e)
{
	struct field_value v[ITEM_FIELDS];

	return json_read(&m, item_fields, v, ITEM_FIELDS, a, e) && set_item(&c->item, v, e);
}

enum outcome message_judge_attributes(const char *attributes, struct arena *a)
{
	struct message_error e = { .outcome = OUTCOME_OUT_OF_MEMORY };
	struct field_value v[ITEM_FIELDS];
	struct text body;
	bool is_fine;

	text_init(&body);
	text_add(&body, "{\"name\":\"x\",\"attributes\":");
	text_add(&body, attributes);
	text_add_char(&body, '}');

	struct message m = message_of(body.data, body.byte_count);

	is_fine = !body.failed && json_read(&m, item_fields, v, ITEM_FIELDS, a, &e);
	text_fini(&body);
	return is_fine ? OUTCOME_DONE : e.outcome;
}

bool message_read_location(struct message m, struct arena *a, struct command *c,
			   struct message_error *e)
{
	struct field_value v[LOCATION_FIELDS];

	if (!json_read(&m, location_fields, v, LOCATION_FIELDS, a, e))
		return false;
	set_location(&c->location, v);
	return true;
}

/*
 * The same fields as in a PUT, of which a patch may leave out any. null gives a field its default
 * back; a name has none.
 */
static bool read_patch(const struct message *m, const struct field put_fields[],
		       const unsigned members[], struct field_value ret_values[], int field_count,
		       struct arena *a, struct command *c, struct message_error *e)
{
	struct field fields[ITEM_FIELDS];

	CHECK(field_count <= ITEM_FIELDS);
	for (int i = 0; i < field_count; i++) {
		fields[i] = put_fields[i];
		fields[i].is_required = false;
		fields[i].may_be_null = !put_fields[i].is_required;
	}
	if (!json_read(m, fields, ret_values, field_count, a, e))
		return false;
	c->patched = 0;
	for (int i = 0; i < field_count; i++) {
		const struct field_value *v = &ret_values[i];

		if (put_fields[i].is_required && v->is_present && v->text[0] == '\0')
			return message_refuse(e, OUTCOME_INVALID_FIELD, "/name",
					      "1 to %d characters.", NAME_CHARACTERS_MAX);
		if (v->is_present)
			c->patched |= members[i];
	}
	return true;
}

bool message_read_item_patch(struct message m, struct arena *a, struct command *c,
			     struct message_error *e)
{
	struct field_value v[ITEM_FIELDS];

	return read_patch(&m, item_fields, item_members, v, ITEM_FIELDS, a, c, e) &&
	       set_item(&c->item, v, e);
}

bool message_read_location_patch(struct message m, struct arena *a, struct command *c,
				 struct message_error *e)
{
	struct field_value v[LOCATION_FIELDS];

	if (!read_patch(&m, location_fields, location_members, v, LOCATION_FIELDS, a, c, e))
		return false;
	set_location(&c->location, v);
	return true;
}

static bool set_ttl(struct command *c, const struct field_value *ttl_s, struct message_error *e)
{
	if (ttl_s->number < 1 || ttl_s->number > LEASE_TTL_S_MAX)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/ttl_s", "1 to %d seconds.",
				      LEASE_TTL_S_MAX);
	c->ttl_ms = ttl_s->number * 1000;
	return true;
}

bool message_read_lease(struct message m, struct arena *a, struct command *c,
			struct message_error *e)
{
	enum { ROWS, TTL, PURPOSE, COUNT };
	static const struct field fields[COUNT] = {
		[ROWS] = { .name = "rows", .type = FIELD_ROWS, .is_required = true },
		[TTL] = { .name = "ttl_s", .type = FIELD_INTEGER, .is_required = true, QUANTITY },
		[PURPOSE] = { .name = "purpose",
			      .type = FIELD_TEXT,
			      .most = PURPOSE_CHARACTERS_MAX },
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->rows = v[ROWS].rows;
	c->row_count = v[ROWS].row_count;
	c->purpose = v[PURPOSE].text != NULL ? v[PURPOSE].text : "";
	return set_ttl(c, &v[TTL], e);
}

bool message_read_renewal(struct message m, struct arena *a, struct command *c,
			  struct message_error *e)
{
	enum { ROWS, TTL, PURPOSE, COUNT };
	static const struct field fields[COUNT] = {
		[ROWS] = { .name = "rows", .type = FIELD_IGNORED },
		[TTL] = { .name = "ttl_s", .type = FIELD_INTEGER, .is_required = true, QUANTITY },
		[PURPOSE] = { .name = "purpose", .type = FIELD_IGNORED },
	};
	struct field_value v[COUNT];

	c->purpose = "";
	return json_read(&m, fields, v, COUNT, a, e) && set_ttl(c, &v[TTL], e);
}

/* Lines of the same row become one: what is asked of a row is their sum. */
static bool set_lines(struct command *c, const struct field_value *lines, struct message_error *e)
{
	c->rows = lines->rows;
	c->quantities = lines->quantities;
	c->row_count = 0;
	for (int i = 0; i < lines->row_count; i++) {
		int same = 0;

		while (same < c->row_count &&
		       (strcmp(c->rows[same].sku.text, c->rows[i].sku.text) != 0 ||
			strcmp(c->rows[same].location.text, c->rows[i].location.text) != 0))
			same++;
		if (same == c->row_count) {
			c->rows[same] = c->rows[i];
			c->quantities[same] = c->quantities[i];
			c->row_count++;
			continue;
		}
		c->quantities[same] += c->quantities[i];
		if (c->quantities[same] > QUANTITY_MAX)
			return message_refuse(e, OUTCOME_MEANINGLESS, "/lines",
					      "The lines of %s at %s are more than 10^12 units.",
					      c->rows[same].sku.text, c->rows[same].location.text);
	}
	return true;
}

bool message_read_reservation(struct message m, struct arena *a, struct command *c,
			      struct message_error *e)
{
	enum { LINES, TTL, OWNER, REFERENCE, SUPERSEDES, COUNT };
	static const struct field fields[COUNT] = {
		[LINES] = { .name = "lines", .type = FIELD_LINES, .is_required = true },
		[TTL] = { .name = "ttl_s", .type = FIELD_INTEGER, .is_required = true, QUANTITY },
		[OWNER] = { .name = "owner",
			    .type = FIELD_TEXT,
			    .may_be_null = true,
			    .most = OWNER_CHARACTERS_MAX },
		[REFERENCE] = REFERENCE_FIELD,
		[SUPERSEDES] = { .name = "supersedes",
				 .type = FIELD_TEXT,
				 .may_be_null = true,
				 .most = ID_BYTES_MAX },
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->owner = v[OWNER].text;
	c->reference = v[REFERENCE].text;
	c->supersedes = v[SUPERSEDES].text;
	return set_ttl(c, &v[TTL], e) && set_lines(c, &v[LINES], e);
}

bool message_read_reservation_commit(struct message m, struct arena *a, struct command *c,
				     struct message_error *e)
{
	enum { LINES, COUNT };
	static const struct field fields[COUNT] = {
		[LINES] = { .name = "lines", .type = FIELD_LINES },
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	return !v[LINES].is_present || set_lines(c, &v[LINES], e);
}

bool message_read_reservation_extend(struct message m, struct arena *a, struct command *c,
				     struct message_error *e)
{
	enum { TTL, COUNT };
	static const struct field fields[COUNT] = {
		[TTL] = { .name = "ttl_s", .type = FIELD_INTEGER, .is_required = true, QUANTITY },
	};
	struct field_value v[COUNT];

	return json_read(&m, fields, v, COUNT, a, e) && set_ttl(c, &v[TTL], e);
}

/* Takes the number over, where there is one; false: it is out of its range. */
static bool set_lab_number(const struct field_value *v, const char *name, int64_t least,
			   int64_t most, int64_t *number, struct message_error *e)
{
	char pointer[32] = "/";

	if (!v->is_present)
		return true;
	*number = v->number;
	strcat(pointer, name);
	return (v->number >= least && v->number <= most) ||
	       message_refuse(e, OUTCOME_MEANINGLESS, pointer, "%s is %lld to %lld.", name,
			      (long long)least, (long long)most);
}

bool message_read_lab(struct message m, struct arena *a, struct lab_message *l,
		      struct message_error *e)
{
	enum { SCENARIO, STRATEGY, CLIENTS, SECONDS, THINK, SEED, COUNT };
	static const struct field fields[COUNT] = {
		[SCENARIO] = { .name = "scenario",
			       .type = FIELD_TEXT,
			       .may_be_null = true,
			       .most = LAB_LIST_BYTES_MAX },
		[STRATEGY] = { .name = "strategy",
			       .type = FIELD_TEXT,
			       .may_be_null = true,
			       .most = LAB_LIST_BYTES_MAX },
		[CLIENTS] = { .name = "clients", .type = FIELD_INTEGER, QUANTITY },
		[SECONDS] = { .name = "seconds", .type = FIELD_INTEGER, QUANTITY },
		[THINK] = { .name = "think_us", .type = FIELD_INTEGER, QUANTITY },
		[SEED] = { .name = "seed",
			   .type = FIELD_INTEGER,
			   .least = INT64_MIN,
			   .most = INT64_MAX },
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	l->scenario = v[SCENARIO].text;
	l->strategy = v[STRATEGY].text;
	return set_lab_number(&v[CLIENTS], "clients", 2, LAB_CLIENTS_MAX, &l->clients, e) &&
	       set_lab_number(&v[SECONDS], "seconds", 1, LAB_SECONDS_MAX, &l->seconds, e) &&
	       set_lab_number(&v[THINK], "think_us", 0, LAB_THINK_US_MAX, &l->think_us, e) &&
	       set_lab_number(&v[SEED], "seed", 0, INT64_MAX, &l->seed, e);
}

bool message_read_nothing(struct message m, struct message_error *e)
{
	return json_read(&m, NULL, NULL, 0, NULL, e);
}
