#include "wire/messages_batch.h"
#include "base/check.h"
#include "wire/message_fields.h"
#include "wire/messages_catalogue.h"
#include "wire/messages_reservation.h"
#include "wire/messages_stock.h"
#include "wire/request_text.h"
#include <string.h>

/* What a line has beside the fields of the single call's body. */
enum { OP, ID, SKU, LOCATION, RESERVATION, NAMES };

static const struct field names[NAMES] = {
	[OP] = { .name = "op", .type = FIELD_TEXT, .is_required = true, .most = 16 },
	[ID] = { .name = "id",
		 .type = FIELD_TEXT,
		 .may_be_null = true,
		 .most = BATCH_ID_CHARACTERS_MAX },
	[SKU] = { .name = "sku", .type = FIELD_CODE },
	[LOCATION] = { .name = "location", .type = FIELD_CODE },
	[RESERVATION] = { .name = "reservation", .type = FIELD_TEXT, .most = ID_BYTES_MAX },
};

/* How a line of this kind is read: `elsewhere` are the names that its body has not. */
struct op {
	const char *name;
	enum command_kind kind;
	const char *elsewhere;
	bool needs_sku;
	bool needs_location;
	bool needs_reservation;
	bool (*read)(struct message m, struct arena *a, struct command *c, struct message_error *e);
};

static bool read_set(struct message m, struct arena *a, struct command *c, struct message_error *e)
{
	bool has_compare;

	if (!message_read_set(m, a, c, &has_compare, e))
		return false;
	return has_compare || message_refuse(e, OUTCOME_PRECONDITION_NEEDED, "/expected", "%s",
					     outcome_row(OUTCOME_PRECONDITION_NEEDED)->title);
}

/* ---------------------------------------------------------------- catalogue lines */

/*
 * What a single call has in its headers: If-None-Match: * is an expected_version of 0 here, and
 * If-Match: "3" one of 3. `create` is a line's own: a feed does not know which items are there.
 */
enum { EXPECTED_VERSION, CREATE, CATALOGUE };

static const struct field catalogue[CATALOGUE] = {
	[EXPECTED_VERSION] = { .name = "expected_version",
			       .type = FIELD_INTEGER,
			       .least = 0,
			       .most = INT64_MAX },
	[CREATE] = { .name = "create", .type = FIELD_BOOL },
};

static bool read_catalogue(struct message m, int field_count, struct arena *a, struct command *c,
			   struct message_error *e)
{
	struct field_value v[CATALOGUE] = { 0 };

	m.elsewhere = "*";
	if (!json_read(&m, catalogue, v, field_count, a, e))
		return false;
	c->condition.has_version = v[EXPECTED_VERSION].is_present;
	c->condition.version = v[EXPECTED_VERSION].number;
	c->creates = v[CREATE].is_true;
	return true;
}

static bool read_item(struct message m, struct arena *a, struct command *c, struct message_error *e)
{
	return read_catalogue(m, CREATE, a, c, e) && message_read_item(m, a, c, e);
}

static bool read_location(struct message m, struct arena *a, struct command *c,
			  struct message_error *e)
{
	return read_catalogue(m, CREATE, a, c, e) && message_read_location(m, a, c, e);
}

/* What it may have to make needs a name. */
static bool has_name(const struct command *c, struct message_error *e)
{
	return !c->creates || (c->patched & MEMBER_NAME) != 0 ||
	       message_refuse(e, OUTCOME_MISSING_FIELD, "/name",
			      "With \"create\" the field is needed.");
}

static bool read_item_patch(struct message m, struct arena *a, struct command *c,
			    struct message_error *e)
{
	return read_catalogue(m, CATALOGUE, a, c, e) && message_read_item_patch(m, a, c, e) &&
	       has_name(c, e);
}

static bool read_location_patch(struct message m, struct arena *a, struct command *c,
				struct message_error *e)
{
	return read_catalogue(m, CATALOGUE, a, c, e) && message_read_location_patch(m, a, c, e) &&
	       has_name(c, e);
}

/* ---------------------------------------------------------------- all of them */

static bool read_release(struct message m, struct arena *a, struct command *c,
			 struct message_error *e)
{
	(void)a, (void)c;
	return message_read_nothing(m, e);
}

/* clang-format off */
static const struct op ops[] = {
	{ "adjust",   COMMAND_ADJUST,              "op id sku location", true, true, false, message_read_adjust },
	{ "set",      COMMAND_SET,                 "op id sku location", true, true, false, read_set },
	{ "count",    COMMAND_COUNT,               "op id sku location", true, true, false, message_read_count },
	{ "transfer", COMMAND_TRANSFER,            "op id", false, false, false, message_read_transfer },
	{ "reserve",  COMMAND_RESERVE,             "op id reservation", false, false, false, message_read_reservation },
	{ "commit",   COMMAND_RESERVATION_COMMIT,  "op id reservation", false, false, true, message_read_reservation_commit },
	{ "release",  COMMAND_RESERVATION_RELEASE, "op id reservation", false, false, true, read_release },
	{ "extend",   COMMAND_RESERVATION_EXTEND,  "op id reservation", false, false, true, message_read_reservation_extend },
	{ "item",     COMMAND_ITEM_PUT,            "op id sku expected_version", true, false, false, read_item },
	{ "location", COMMAND_LOCATION_PUT,        "op id location expected_version", false, true, false, read_location },
	{ "patch_item",     COMMAND_ITEM_PATCH,     "op id sku expected_version create", true, false, false, read_item_patch },
	{ "patch_location", COMMAND_LOCATION_PATCH, "op id location expected_version create", false, true, false, read_location_patch },
};
/* clang-format on */

static const struct op *op_by_name(const char *name)
{
	for (size_t i = 0; i < LENGTH_OF(ops); i++)
		if (strcmp(ops[i].name, name) == 0)
			return &ops[i];
	return NULL;
}

const char *batch_op_text(enum command_kind kind)
{
	for (size_t i = 0; i < LENGTH_OF(ops); i++)
		if (ops[i].kind == kind)
			return ops[i].name;
	check_failed(__FILE__, __LINE__, "a line makes only commands that have an op");
}

static bool require(bool is_needed, const struct field_value *v, const char *pointer,
		    struct message_error *e)
{
	return !is_needed || v->is_present ||
	       message_refuse(e, OUTCOME_MISSING_FIELD, pointer, "The field is needed.");
}

static bool has_names(const struct op *op, const struct field_value v[], struct message_error *e)
{
	return require(op->needs_sku, &v[SKU], "/sku", e) &&
	       require(op->needs_location, &v[LOCATION], "/location", e) &&
	       require(op->needs_reservation, &v[RESERVATION], "/reservation", e);
}

static bool set_row(struct command *c, const struct field_value v[], struct arena *a,
		    struct message_error *e)
{
	c->rows = arena_alloc(a, sizeof(c->rows[0]));
	if (c->rows == NULL)
		return message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
	c->row_count = 1;
	field_set_code(&c->rows[0].sku, &v[SKU]);
	field_set_code(&c->rows[0].location, &v[LOCATION]);
	return true;
}

static bool set_reservation(struct command *c, const char *name, struct message_error *e)
{
	if (name == NULL)
		return true; /* the server makes one */
	if (!id_is_valid(name))
		return message_refuse(e, OUTCOME_INVALID_FIELD, "/reservation",
				      "An id is 1 to %d of A-Z a-z 0-9 . _ : -.", ID_BYTES_MAX);
	if (c->kind == COMMAND_RESERVE && strncmp(name, "r_", 2) == 0)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/reservation",
				      "Ids that begin with r_ are made by the server: choose "
				      "another, or leave it out.");
	c->reservation_id = name;
	return true;
}

/* What the path would have said. */
static bool set_names(struct command *c, const struct op *op, const struct field_value v[],
		      struct arena *a, struct message_error *e)
{
	if (op->needs_sku && op->needs_location)
		return set_row(c, v, a, e);
	if (op->needs_sku)
		field_set_code(&c->item.sku, &v[SKU]);
	if (op->needs_location)
		field_set_code(&c->location.code, &v[LOCATION]);
	return !command_is_of_reservation(op->kind) || set_reservation(c, v[RESERVATION].text, e);
}

static bool read_parsed(struct message m, struct arena *a, struct command *c, const char **ret_id,
			struct message_error *e)
{
	struct field_value v[NAMES];
	const struct op *op;

	m.elsewhere = "*";
	if (!json_read(&m, names, v, NAMES, a, e))
		return false;
	*ret_id = v[ID].text;
	op = op_by_name(v[OP].text);
	if (op == NULL)
		return message_refuse(e, OUTCOME_INVALID_FIELD, "/op",
				      "One of adjust, set, count, transfer, reserve, commit, "
				      "release, extend, item, location, patch_item, "
				      "patch_location.");
	*c = (struct command){ .kind = op->kind, .lease_id = "", .purpose = "" };
	m.elsewhere = op->elsewhere;
	return has_names(op, v, e) && set_names(c, op, v, a, e) && op->read(m, a, c, e);
}

bool batch_line_read(const char *line, size_t byte_count, struct arena *a, struct command *c,
		     const char **ret_id, struct message_error *e)
{
	struct message m = message_of(line, byte_count);
	bool is_fine;

	*ret_id = NULL;
	if (!json_parse(&m, names, NAMES, e))
		return false;
	is_fine = read_parsed(m, a, c, ret_id, e);
	json_forget(&m);
	return is_fine;
}
