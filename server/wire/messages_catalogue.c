#include "wire/messages_catalogue.h"
#include "base/check.h"
#include "base/text.h"
#include "wire/message_fields.h"
#include <string.h>

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
	[ITEM_BACKORDER] = { .name = "backorder_limit", .type = FIELD_INTEGER, QUANTITY_RANGE },
	[ITEM_REORDER] = { .name = "reorder_point", .type = FIELD_INTEGER, .may_be_null = true, QUANTITY_RANGE },
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
