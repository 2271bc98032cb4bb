/*
 * messages_stock - what changes the level of stock rows: adjust, set, count and transfer. For the
 * ways of all messages see message.h. The path, or the line of a batch, names the row of the first
 * three.
 */
#include "wire/message_readers.h"
#include "wire/message_fields.h"
#include <string.h>

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

/*
 * {"delta", "reason", "reference", "note", "up_to", "expected", "expected_version"}. Fills
 * quantity, is_up_to, condition, reason, reference and note.
 */
bool message_read_adjust(struct message m, struct arena *a, struct command *c,
			 struct message_error *e)
{
	enum { DELTA, UP_TO, EXPECTED, VERSION, REASON, REFERENCE, NOTE, COUNT };
	static const struct field fields[COUNT] = {
		[DELTA] = { .name = "delta",
			    .type = FIELD_INTEGER,
			    .is_required = true,
			    QUANTITY_RANGE },
		[UP_TO] = { .name = "up_to", .type = FIELD_BOOL },
		[EXPECTED] = EXPECTED_FIELD,
		[VERSION] = VERSION_FIELD_OF(false),
		[REASON] = REASON_FIELD,
		[REFERENCE] = REFERENCE_FIELD,
		[NOTE] = NOTE_FIELD,
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->quantity = v[DELTA].number;
	c->is_up_to = v[UP_TO].is_true;
	field_set_reason(c, &v[REASON], &v[REFERENCE], &v[NOTE]);
	if (c->quantity == 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/delta",
				      "A delta of 0 changes nothing.");
	if (c->is_up_to && c->quantity > 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/up_to",
				      "Only a negative delta can be taken up to what is there.");
	return set_condition(c, &v[EXPECTED], &v[VERSION], e);
}

static bool is_on_shelf(const struct command *c, const char *pointer, struct message_error *e)
{
	return c->quantity >= 0 || message_refuse(e, OUTCOME_MEANINGLESS, pointer,
						  "What lies on the shelf is 0 or more.");
}

/* What a set overwrites is named, in the body or by If-Match, or explicitly of no interest. */
static bool has_compare(const struct message *m, const struct command *c,
			const struct field_value *expected, struct message_error *e)
{
	return expected->is_present || c->condition.has_version || m->takes_any ||
	       message_refuse(e, OUTCOME_PRECONDITION_NEEDED, m->is_line ? "/expected" : "", "%s",
			      outcome_row(OUTCOME_PRECONDITION_NEEDED)->title);
}

/*
 * {"on_hand", "reason", "reference", "note", "expected", "expected_version"}.
 * PRECONDITION_NEEDED where neither the body nor If-Match says what is expected, or opts out of it
 * ("expected":null, or *).
 */
bool message_read_set(struct message m, struct arena *a, struct command *c, struct message_error *e)
{
	enum { ON_HAND, EXPECTED, VERSION, REASON, REFERENCE, NOTE, COUNT };
	static const struct field fields[COUNT] = {
		[ON_HAND] = { .name = "on_hand",
			      .type = FIELD_INTEGER,
			      .is_required = true,
			      QUANTITY_RANGE },
		[EXPECTED] = EXPECTED_FIELD,
		[VERSION] = VERSION_FIELD_OF(false),
		[REASON] = REASON_FIELD,
		[REFERENCE] = REFERENCE_FIELD,
		[NOTE] = NOTE_FIELD,
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->quantity = v[ON_HAND].number;
	field_set_reason(c, &v[REASON], &v[REFERENCE], &v[NOTE]);
	return is_on_shelf(c, "/on_hand", e) && set_condition(c, &v[EXPECTED], &v[VERSION], e) &&
	       has_compare(&m, c, &v[EXPECTED], e);
}

/* {"counted", "as_of_seq", "reason", "reference", "note"}. Fills quantity and past.as_of_seq. */
bool message_read_count(struct message m, struct arena *a, struct command *c,
			struct message_error *e)
{
	enum { COUNTED, AS_OF, REASON, REFERENCE, NOTE, COUNT };
	static const struct field fields[COUNT] = {
		[COUNTED] = { .name = "counted",
			      .type = FIELD_INTEGER,
			      .is_required = true,
			      QUANTITY_RANGE },
		[AS_OF] = { .name = "as_of_seq",
			    .type = FIELD_INTEGER,
			    .is_required = true,
			    .least = 0,
			    .most = INT64_MAX },
		[REASON] = REASON_FIELD,
		[REFERENCE] = REFERENCE_FIELD,
		[NOTE] = NOTE_FIELD,
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->quantity = v[COUNTED].number;
	c->past.as_of_seq = v[AS_OF].number;
	field_set_reason(c, &v[REASON], &v[REFERENCE], &v[NOTE]);
	return is_on_shelf(c, "/counted", e);
}

/* {"sku", "from", "to", "quantity", "reason", "reference", "note"}. Allocates the two rows. */
bool message_read_transfer(struct message m, struct arena *a, struct command *c,
			   struct message_error *e)
{
	enum { SKU, FROM, TO, UNITS, REASON, REFERENCE, NOTE, COUNT };
	static const struct field fields[COUNT] = {
		[SKU] = { .name = "sku", .type = FIELD_CODE, .is_required = true },
		[FROM] = { .name = "from", .type = FIELD_CODE, .is_required = true },
		[TO] = { .name = "to", .type = FIELD_CODE, .is_required = true },
		[UNITS] = { .name = "quantity",
			    .type = FIELD_INTEGER,
			    .is_required = true,
			    QUANTITY_RANGE },
		[REASON] = REASON_FIELD,
		[REFERENCE] = REFERENCE_FIELD,
		[NOTE] = NOTE_FIELD,
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	if (v[UNITS].number < 1)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/quantity", "1 or more.");
	if (strcmp(v[FROM].text, v[TO].text) == 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/to",
				      "From and to are the same location.");
	c->rows = arena_alloc(a, sizeof(c->rows[0]) * 2);
	if (c->rows == NULL)
		return message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
	c->row_count = 2;
	for (int i = 0; i < 2; i++) {
		field_set_code(&c->rows[i].sku, v[SKU].text);
		field_set_code(&c->rows[i].location, v[i == 0 ? FROM : TO].text);
	}
	c->quantity = v[UNITS].number;
	field_set_reason(c, &v[REASON], &v[REFERENCE], &v[NOTE]);
	return true;
}
