#include "wire/messages.h"
#include "base/check.h"
#include "wire/message_fields.h"
#include "wire/message_readers.h"
#include <string.h>

/* ---------------------------------------------------------------- names */

static bool set_row(struct command *c, const char *const names[MESSAGE_NAMES_MAX], struct arena *a,
		    struct message_error *e)
{
	c->rows = arena_alloc(a, sizeof(c->rows[0]));
	if (c->rows == NULL)
		return message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
	c->row_count = 1;
	field_set_code(&c->rows[0].sku, names[0]);
	field_set_code(&c->rows[0].location, names[1]);
	return true;
}

/* Ids that the server makes have a letter of their own: no client may choose one of them. */
static const struct made_id {
	char letter;
	const char *member; /* of a line */
} made_leases = { 'l', "/lease" }, made_reservations = { 'r', "/reservation" };

static bool refuse_made(struct message m, const struct made_id *made, struct message_error *e)
{
	return message_refuse(e, OUTCOME_MEANINGLESS, m.is_line ? made->member : "{id}",
			      "Ids that begin with %c_ are made by the server: choose another%s.",
			      made->letter, m.is_line ? ", or leave it out" : "");
}

/* Without a name the server makes one. */
static bool set_id(struct message m, const struct command *c, const struct made_id *made,
		   const char *name, struct arena *a, const char **ret_id, struct message_error *e)
{
	if (name == NULL)
		return true;
	if (command_traits(c->kind)->makes_id && name[0] == made->letter && name[1] == '_')
		return refuse_made(m, made, e);

	const char *copy = arena_copy(a, name, strlen(name));

	if (copy == NULL)
		return message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
	*ret_id = copy;
	return true;
}

bool message_read_names(struct message m, const char *const names[MESSAGE_NAMES_MAX],
			struct arena *a, struct command *c, struct message_error *e)
{
	switch (command_traits(c->kind)->path) {
	case NAMES_NOTHING:
		return true;
	case NAMES_ROW:
		return set_row(c, names, a, e);
	case NAMES_ITEM:
		field_set_code(&c->item.sku, names[0]);
		return true;
	case NAMES_LOCATION:
		field_set_code(&c->location.code, names[0]);
		return true;
	case NAMES_LEASE:
		return set_id(m, c, &made_leases, names[0], a, &c->lease_id, e);
	case NAMES_RESERVATION:
		return set_id(m, c, &made_reservations, names[0], a, &c->reservation_id, e);
	}
	check_failed(__FILE__, __LINE__, "a command names something, or nothing");
}

/* ---------------------------------------------------------------- bodies */

bool message_read_none(struct message m, struct arena *a, struct command *c,
		       struct message_error *e)
{
	(void)a, (void)c;
	return message_read_nothing(m, e);
}

/* Of a GET: nobody looks at its body. */
bool message_read_any(struct message m, struct arena *a, struct command *c, struct message_error *e)
{
	(void)m, (void)a, (void)c, (void)e;
	return true;
}

bool message_read(struct message m, struct arena *a, struct command *c, struct message_error *e)
{
	switch (c->kind) {
#define COMMAND(number, name, word, op, path, touches, respects, movements, condition, statuses, \
		answers, flags, reader, decider, role)                                           \
	case COMMAND_##name:                                                                     \
		return reader(m, a, c, e);
#include "schema/commands.def"
#undef COMMAND
	case COMMAND_KINDS:
		break;
	}
	check_failed(__FILE__, __LINE__, "the command has a kind");
}
