#include "wire/messages_batch.h"
#include "base/check.h"
#include "wire/json_read.h"
#include "wire/messages.h"
#include "wire/request_text.h"
#include <stdio.h>
#include <string.h>

enum { OP_BYTES_MAX = 16 };

#define COMMAND(number, name, word, op, ...) \
	_Static_assert(sizeof(op) <= OP_BYTES_MAX + 1, "an op fits its field");
#include "schema/commands.def"
#undef COMMAND

/* What a line has beside the fields of the single call's body. */
enum { OP, ID, SKU, LOCATION, RESERVATION, LINE_FIELDS };

static const struct field line_fields[LINE_FIELDS] = {
	[OP] = { .name = "op", .type = FIELD_TEXT, .is_required = true, .most = OP_BYTES_MAX },
	[ID] = { .name = "id",
		 .type = FIELD_TEXT,
		 .may_be_null = true,
		 .most = BATCH_ID_CHARACTERS_MAX },
	[SKU] = { .name = "sku", .type = FIELD_CODE },
	[LOCATION] = { .name = "location", .type = FIELD_CODE },
	[RESERVATION] = { .name = "reservation", .type = FIELD_TEXT, .most = ID_BYTES_MAX },
};

/* The fields that name what the path of the single call names, in its order. */
struct line_names {
	const char *elsewhere; /* all that its body has not */
	int count;
	int fields[MESSAGE_NAMES_MAX];
};

static const struct line_names *names_of(enum command_path path)
{
	static const struct line_names nothing = { "op id", 0, { 0 } },
				       row = { "op id sku location", 2, { SKU, LOCATION } },
				       item = { "op id sku", 1, { SKU } },
				       location = { "op id location", 1, { LOCATION } },
				       reservation = { "op id reservation", 1, { RESERVATION } };

	switch (path) {
	case NAMES_NOTHING:
		return &nothing;
	case NAMES_ROW:
		return &row;
	case NAMES_ITEM:
		return &item;
	case NAMES_LOCATION:
		return &location;
	case NAMES_RESERVATION:
		return &reservation;
	case NAMES_LEASE:
		break; /* no line is about one */
	}
	check_failed(__FILE__, __LINE__, "what a line's command names has a field");
}

static bool refuse_op(struct message_error *e)
{
	char ops[sizeof(e->detail)] = "";
	int bytes = 0;

	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++)
		if (command_traits(kind)->op[0] != '\0' && bytes < (int)sizeof(ops))
			bytes += snprintf(ops + bytes, sizeof(ops) - (size_t)bytes, "%s%s",
					  bytes > 0 ? ", " : "", command_traits(kind)->op);
	return message_refuse(e, OUTCOME_INVALID_FIELD, "/op", "One of %s.", ops);
}

static bool refuse_name(int field, enum outcome o, struct message_error *e)
{
	char pointer[24];

	snprintf(pointer, sizeof(pointer), "/%s", line_fields[field].name);
	if (o == OUTCOME_MISSING_FIELD)
		return message_refuse(e, o, pointer, "The field is needed.");
	return message_refuse(e, o, pointer, "An id is 1 to %d of A-Z a-z 0-9 . _ : -.",
			      ID_BYTES_MAX);
}

/* The dispatcher's part, for a line: is everything named, and as it may be named? */
static bool take_names(const struct line_names *n, enum command_kind kind,
		       const struct field_value v[], const char *ret_names[MESSAGE_NAMES_MAX],
		       struct message_error *e)
{
	bool may_lack = command_traits(kind)->makes_id;

	for (int i = 0; i < n->count; i++) {
		int field = n->fields[i];

		ret_names[i] = v[field].text;
		if (!v[field].is_present && !may_lack)
			return refuse_name(field, OUTCOME_MISSING_FIELD, e);
		if (v[field].is_present && field == RESERVATION && !id_is_valid(v[field].text))
			return refuse_name(field, OUTCOME_INVALID_FIELD, e);
	}
	return true;
}

static bool read_parsed(struct message m, struct arena *a, struct command *c, const char **ret_id,
			struct message_error *e)
{
	const char *names[MESSAGE_NAMES_MAX] = { 0 };
	struct field_value v[LINE_FIELDS];
	const struct line_names *n;
	enum command_kind kind;

	m.elsewhere = "*";
	if (!json_read(&m, line_fields, v, LINE_FIELDS, a, e))
		return false;
	*ret_id = v[ID].text;
	kind = command_by_op(v[OP].text);
	if (kind == COMMAND_KINDS)
		return refuse_op(e);
	c->kind = kind;
	c->lease_id = c->purpose = "";
	n = names_of(command_traits(kind)->path);
	m.elsewhere = n->elsewhere;
	return take_names(n, kind, v, names, e) && message_read_names(m, names, a, c, e) &&
	       message_read(m, a, c, e);
}

bool batch_line_read(const char *line, size_t byte_count, struct arena *a, struct command *c,
		     const char **ret_id, struct message_error *e)
{
	struct message m = message_of(line, byte_count);
	struct json_plain plain;
	bool is_fine;

	*ret_id = NULL;
	m.is_line = true;
	if (!json_parse(&m, &plain, line_fields, LINE_FIELDS, e))
		return false;
	is_fine = read_parsed(m, a, c, ret_id, e);
	json_forget(&m);
	return is_fine;
}
