#include "wire/batch_lines.h"
#include "base/check.h"
#include "wire/answers.h"
#include "wire/json_read.h"
#include "wire/request_text.h"
#include <string.h>

/* ---------------------------------------------------------------- reading */

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

static void set_code(struct code *c, const char *text)
{
	bool is_code = code_set(c, text, strlen(text));

	CHECK(is_code); /* json_read() has looked at it */
}

static bool set_row(struct command *c, const struct field_value v[], struct arena *a,
		    struct message_error *e)
{
	c->rows = arena_alloc(a, sizeof(c->rows[0]));
	if (c->rows == NULL)
		return message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
	c->row_count = 1;
	set_code(&c->rows[0].sku, v[SKU].text);
	set_code(&c->rows[0].location, v[LOCATION].text);
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
		set_code(&c->item.sku, v[SKU].text);
	if (op->needs_location)
		set_code(&c->location.code, v[LOCATION].text);
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

/* ---------------------------------------------------------------- writing */

/* Of what a line before has made. */
enum { VERSION_MADE = 1 };

static struct json line_begin(struct text *out, const char *op)
{
	struct json j = json_begin(out);

	json_open(&j, '{');
	JSON_NAME(&j, "op"), json_text(&j, op);
	return j;
}

static void line_end(struct json *j)
{
	json_close(j, '}');
	text_add_char(j->text, '\n');
}

/* 0 of what must not be there yet: an export makes things, and overwrites none. */
static void expected_version_write(struct json *j, int64_t version)
{
	JSON_NAME(j, "expected_version"), json_int(j, version);
}

void batch_item_line_write(struct text *out, const struct item *i)
{
	struct json j = line_begin(out, "item");

	JSON_NAME(&j, "sku"), json_text(&j, i->sku.text);
	JSON_NAME(&j, "name"), json_text(&j, i->name);
	JSON_NAME(&j, "unit"), json_text(&j, i->unit != NULL ? i->unit : "piece");
	if (i->backorder_limit != 0)
		JSON_NAME(&j, "backorder_limit"), json_int(&j, i->backorder_limit);
	if (i->has_reorder_point)
		JSON_NAME(&j, "reorder_point"), json_int(&j, i->reorder_point);
	if (i->attributes != NULL)
		JSON_NAME(&j, "attributes"), json_raw(&j, i->attributes);
	expected_version_write(&j, 0);
	line_end(&j);
}

void batch_location_line_write(struct text *out, const struct location *l)
{
	struct json j = line_begin(out, "location");

	JSON_NAME(&j, "location"), json_text(&j, l->code.text);
	JSON_NAME(&j, "name"), json_text(&j, l->name);
	expected_version_write(&j, 0);
	line_end(&j);
}

void batch_item_last_line_write(struct text *out, const struct item *i)
{
	struct json j = line_begin(out, "patch_item");

	JSON_NAME(&j, "sku"), json_text(&j, i->sku.text);
	JSON_NAME(&j, "backorder_limit"), json_int(&j, i->backorder_limit);
	JSON_NAME(&j, "archived"), json_bool(&j, i->is_archived);
	expected_version_write(&j, VERSION_MADE);
	line_end(&j);
}

void batch_location_last_line_write(struct text *out, const struct location *l)
{
	struct json j = line_begin(out, "patch_location");

	JSON_NAME(&j, "location"), json_text(&j, l->code.text);
	JSON_NAME(&j, "archived"), json_bool(&j, l->is_archived);
	expected_version_write(&j, VERSION_MADE);
	line_end(&j);
}

void batch_level_line_write(struct text *out, const struct code *sku, const struct code *location,
			    int64_t on_hand)
{
	struct json j = line_begin(out, on_hand < 0 ? "adjust" : "set");

	JSON_NAME(&j, "sku"), json_text(&j, sku->text);
	JSON_NAME(&j, "location"), json_text(&j, location->text);
	if (on_hand < 0)
		JSON_NAME(&j, "delta"), json_int(&j, on_hand);
	else
		JSON_NAME(&j, "on_hand"), json_int(&j, on_hand);
	expected_version_write(&j, 0);
	JSON_NAME(&j, "reason"), json_text(&j, "import");
	line_end(&j);
}

void batch_reservation_line_write(struct text *out, const struct reservation *r, int64_t ttl_s)
{
	struct json j = line_begin(out, "reserve");

	if (strncmp(r->name, "r_", 2) != 0)
		JSON_NAME(&j, "reservation"), json_text(&j, r->name);
	if (r->owner != NULL)
		JSON_NAME(&j, "owner"), json_text(&j, r->owner);
	if (r->reference != NULL)
		JSON_NAME(&j, "reference"), json_text(&j, r->reference);
	JSON_NAME(&j, "ttl_s"), json_int(&j, ttl_s);
	JSON_NAME(&j, "lines"), json_open(&j, '[');
	for (int i = 0; i < r->line_count; i++) {
		json_open(&j, '{');
		JSON_NAME(&j, "sku"), json_text(&j, r->lines[i].sku.text);
		JSON_NAME(&j, "location"), json_text(&j, r->lines[i].location.text);
		JSON_NAME(&j, "quantity"), json_int(&j, r->lines[i].quantity);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	line_end(&j);
}

/* ---------------------------------------------------------------- results */

static struct json result_begin(struct text *out, int64_t line, const char *id, int status)
{
	struct json j = json_begin(out);

	json_open(&j, '{');
	JSON_NAME(&j, "line"), json_int(&j, line);
	if (id != NULL)
		JSON_NAME(&j, "id"), json_text(&j, id);
	JSON_NAME(&j, "status"), json_int(&j, status);
	return j;
}

static void result_end(struct json *j)
{
	json_close(j, '}');
	text_add_char(j->text, '\n');
}

static void level_write(struct json *j, const struct stock *s)
{
	JSON_NAME(j, "seq"), json_int(j, s->seq);
	JSON_NAME(j, "version"), json_int(j, s->version);
	JSON_NAME(j, "on_hand"), json_int(j, s->on_hand);
	JSON_NAME(j, "reserved"), json_int(j, s->reserved);
	JSON_NAME(j, "available"), json_int(j, stock_available(s));
}

static void transfer_write(struct json *j, const struct command *c, const struct answer *a)
{
	JSON_NAME(j, "stock"), json_open(j, '[');
	for (int i = 0; i < a->stock_count; i++)
		stock_write(j, &c->rows[i].sku, &c->rows[i].location, &a->stocks[i]);
	json_close(j, ']');
}

/* As short as it can be: a batch has many. */
static void done_write(struct json *j, const struct command *c, const struct answer *a)
{
	switch (c->kind) {
	case COMMAND_ADJUST:
	case COMMAND_SET:
	case COMMAND_COUNT:
		level_write(j, &a->stocks[0]);
		break;
	case COMMAND_TRANSFER:
		transfer_write(j, c, a);
		break;
	case COMMAND_ITEM_PUT:
	case COMMAND_ITEM_PATCH:
		JSON_NAME(j, "version"), json_int(j, a->item.version);
		break;
	case COMMAND_LOCATION_PUT:
	case COMMAND_LOCATION_PATCH:
		JSON_NAME(j, "version"), json_int(j, a->location.version);
		break;
	default:
		CHECK(command_is_of_reservation(c->kind));
		JSON_NAME(j, "reservation"), json_text(j, a->reservation.name);
		JSON_NAME(j, "state"), json_text(j, reservation_state_text(a->reservation.state));
		break;
	}
}

static void numbers_write(struct json *j, const struct command *c, const struct answer *a)
{
	answer_detail_write(j, c, a);
	if (a->outcome == OUTCOME_INSUFFICIENT_STOCK || a->outcome == OUTCOME_INSUFFICIENT_ON_HAND)
		answer_shortages_write(j, c, a);
	if (a->outcome == OUTCOME_PRECONDITION_FAILED || a->outcome == OUTCOME_STALE_QUANTITY ||
	    a->outcome == OUTCOME_COUNT_OUTDATED)
		answer_current_write(j, c, a);
}

/* The same of a replay, as it was said the first time. */
static void again_write(struct json *j, const struct answer *a)
{
	json_text(j, a->detail != NULL ? a->detail : outcome_row(a->outcome)->title);
	if (a->members != NULL)
		json_raw(j, a->members);
}

static void refused_write(struct json *j, const struct command *c, const struct answer *a)
{
	JSON_NAME(j, "code"), json_text(j, outcome_row(a->outcome)->code);
	JSON_NAME(j, "detail");
	if (a->body != NULL) /* a replay */
		again_write(j, a);
	else
		numbers_write(j, c, a);
	if (a->reservation.name != NULL) {
		JSON_NAME(j, "reservation"), json_text(j, a->reservation.name);
		JSON_NAME(j, "state"), json_text(j, reservation_state_text(a->reservation.state));
	}
	if (a->is_unknown)
		JSON_NAME(j, "outcome"), json_text(j, "unknown");
}

void batch_result_write(struct text *out, int64_t line, const char *id, const struct command *c,
			const struct answer *a)
{
	struct json j = result_begin(out, line, id, a->status);

	if (a->outcome == OUTCOME_DONE)
		done_write(&j, c, a);
	else
		refused_write(&j, c, a);
	if (a->is_replayed)
		JSON_NAME(&j, "replayed"), json_bool(&j, true);
	result_end(&j);
}

void batch_refusal_write(struct text *out, int64_t line, const char *id,
			 const struct message_error *e)
{
	struct json j = result_begin(out, line, id, outcome_row(e->outcome)->http_status);

	JSON_NAME(&j, "code"), json_text(&j, outcome_row(e->outcome)->code);
	JSON_NAME(&j, "detail"), json_text(&j, e->detail);
	if (e->pointer[0] != '\0')
		JSON_NAME(&j, "pointer"), json_text(&j, e->pointer);
	result_end(&j);
}
