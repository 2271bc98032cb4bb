/*
 * messages_catalogue - items and locations as they are put and patched. For the ways of all
 * messages see message.h. The path, or the line of a batch, has the sku or the location.
 */
#include "wire/messages_catalogue.h"
#include "base/text.h"
#include "wire/message_fields.h"
#include "wire/message_readers.h"
#include <string.h>

enum item_field {
	ITEM_NAME,
	ITEM_UNIT,
	ITEM_BACKORDER,
	ITEM_REORDER,
	ITEM_ATTRIBUTES,
	ITEM_ARCHIVED,
	ITEM_VERSION,
	ITEM_PUT_FIELDS,
	ITEM_CREATE = ITEM_PUT_FIELDS, /* only a patch knows it */
	ITEM_FIELDS
};

/*
 * What a single call has in its headers is a member of a line: If-None-Match: * is an
 * expected_version of 0, and If-Match: "3" one of 3. `create` is a line's own: a feed does not know
 * which items are there, and a PUT makes them anyway.
 */
#define CREATE_FIELD                                                      \
	{                                                                 \
		.name = "create", .type = FIELD_BOOL, .is_of_lines = true \
	}

/* clang-format off */
static const struct field item_fields[ITEM_FIELDS] = {
	[ITEM_NAME] = { .name = "name", .type = FIELD_TEXT, .is_required = true, .most = NAME_CHARACTERS_MAX },
	[ITEM_UNIT] = { .name = "unit", .type = FIELD_TEXT, .most = UNIT_CHARACTERS_MAX },
	[ITEM_BACKORDER] = { .name = "backorder_limit", .type = FIELD_INTEGER, QUANTITY_RANGE },
	[ITEM_REORDER] = { .name = "reorder_point", .type = FIELD_INTEGER, .may_be_null = true, QUANTITY_RANGE },
	[ITEM_ATTRIBUTES] = { .name = "attributes", .type = FIELD_OBJECT, .may_be_null = true, .most = ATTRIBUTES_BYTES_MAX },
	[ITEM_ARCHIVED] = { .name = "archived", .type = FIELD_BOOL },
	[ITEM_VERSION] = VERSION_FIELD_OF(true),
	[ITEM_CREATE] = CREATE_FIELD,
};

static const unsigned item_members[ITEM_FIELDS] = {
	[ITEM_NAME] = MEMBER_NAME,
	[ITEM_UNIT] = MEMBER_UNIT,
	[ITEM_BACKORDER] = MEMBER_BACKORDER_LIMIT,
	[ITEM_REORDER] = MEMBER_REORDER_POINT,
	[ITEM_ATTRIBUTES] = MEMBER_ATTRIBUTES,
	[ITEM_ARCHIVED] = MEMBER_ARCHIVED,
};

enum location_field {
	LOCATION_NAME,
	LOCATION_ARCHIVED,
	LOCATION_VERSION,
	LOCATION_PUT_FIELDS,
	LOCATION_CREATE = LOCATION_PUT_FIELDS,
	LOCATION_FIELDS
};

static const struct field location_fields[LOCATION_FIELDS] = {
	[LOCATION_NAME] = { .name = "name", .type = FIELD_TEXT, .is_required = true, .most = NAME_CHARACTERS_MAX },
	[LOCATION_ARCHIVED] = { .name = "archived", .type = FIELD_BOOL },
	[LOCATION_VERSION] = VERSION_FIELD_OF(true),
	[LOCATION_CREATE] = CREATE_FIELD,
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

/* Where the call is a line; of a single call, If-Match has said it. */
static void set_version(struct command *c, const struct field_value *version)
{
	if (!version->is_present)
		return;
	c->condition.has_version = true;
	c->condition.version = version->number;
}

/* {"name", "unit", "backorder_limit", "reorder_point", "attributes", "archived"}. */
bool message_read_item(struct message m, struct arena *a, struct command *c,
		       struct message_error *e)
{
	struct field_value v[ITEM_PUT_FIELDS];

	if (!json_read(&m, item_fields, v, ITEM_PUT_FIELDS, a, e))
		return false;
	set_version(c, &v[ITEM_VERSION]);
	return set_item(&c->item, v, e);
}

enum outcome message_judge_attributes(const char *attributes, struct arena *a)
{
	struct message_error e = { .outcome = OUTCOME_OUT_OF_MEMORY };
	struct field_value v[ITEM_PUT_FIELDS];
	struct text body;
	bool is_fine;

	text_init(&body);
	text_add(&body, "{\"name\":\"x\",\"attributes\":");
	text_add(&body, attributes);
	text_add_char(&body, '}');

	struct message m = message_of(body.data, body.byte_count);

	is_fine = !body.failed && json_read(&m, item_fields, v, ITEM_PUT_FIELDS, a, &e);
	text_fini(&body);
	return is_fine ? OUTCOME_DONE : e.outcome;
}

/* {"name", "archived"}. */
bool message_read_location(struct message m, struct arena *a, struct command *c,
			   struct message_error *e)
{
	struct field_value v[LOCATION_PUT_FIELDS];

	if (!json_read(&m, location_fields, v, LOCATION_PUT_FIELDS, a, e))
		return false;
	set_version(c, &v[LOCATION_VERSION]);
	set_location(&c->location, v);
	return true;
}

/* null gives a field its default back; a name has none, nor has what only lines know. */
static void allow_leaving_out(struct field fields[], int field_count)
{
	for (int i = 0; i < field_count; i++) {
		fields[i].may_be_null = !fields[i].is_required && !fields[i].is_of_lines;
		fields[i].is_required = false;
	}
}

static bool name_is_there(const struct field_value *name, struct message_error *e)
{
	return !name->is_present || name->text[0] != '\0' ||
	       message_refuse(e, OUTCOME_INVALID_FIELD, "/name", "1 to %d characters.",
			      NAME_CHARACTERS_MAX);
}

/* A line may have the thing made that it patches: that needs a name. */
static bool set_create(struct command *c, const struct field_value *create, struct message_error *e)
{
	c->creates = create->is_true;
	return !c->creates || (c->patched & MEMBER_NAME) != 0 ||
	       message_refuse(e, OUTCOME_MISSING_FIELD, "/name",
			      "With \"create\" the field is needed.");
}

static unsigned members_there(const struct field_value v[], const unsigned members[],
			      int field_count)
{
	unsigned there = 0;

	for (int i = 0; i < field_count; i++)
		there |= v[i].is_present ? members[i] : 0;
	return there;
}

/*
 * The same fields, each of which may be left out: `patched` has those that are there. null is their
 * default, but a name cannot be null.
 */
bool message_read_item_patch(struct message m, struct arena *a, struct command *c,
			     struct message_error *e)
{
	struct field fields[ITEM_FIELDS];
	struct field_value v[ITEM_FIELDS];

	memcpy(fields, item_fields, sizeof(fields));
	allow_leaving_out(fields, ITEM_FIELDS);
	if (!json_read(&m, fields, v, ITEM_FIELDS, a, e) || !name_is_there(&v[ITEM_NAME], e))
		return false;
	c->patched = members_there(v, item_members, ITEM_FIELDS);
	set_version(c, &v[ITEM_VERSION]);
	return set_item(&c->item, v, e) && set_create(c, &v[ITEM_CREATE], e);
}

bool message_read_location_patch(struct message m, struct arena *a, struct command *c,
				 struct message_error *e)
{
	struct field fields[LOCATION_FIELDS];
	struct field_value v[LOCATION_FIELDS];

	memcpy(fields, location_fields, sizeof(fields));
	allow_leaving_out(fields, LOCATION_FIELDS);
	if (!json_read(&m, fields, v, LOCATION_FIELDS, a, e) ||
	    !name_is_there(&v[LOCATION_NAME], e))
		return false;
	c->patched = members_there(v, location_members, LOCATION_FIELDS);
	set_version(c, &v[LOCATION_VERSION]);
	set_location(&c->location, v);
	return set_create(c, &v[LOCATION_CREATE], e);
}
