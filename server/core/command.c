#include "core/command.h"
#include <string.h>

enum { RECORDED = 1 << 0, ASYNC = 1 << 1, ATOMIC = 1 << 2, OWN_ID = 1 << 3 };

#define MAKES(kind) (1u << MOVEMENT_##kind)
#define NO_MOVEMENT 0

_Static_assert(MOVEMENT_KINDS <= 32, "a set of movements fits an unsigned");

const struct command_traits command_table[COMMAND_KINDS] = {
#define COMMAND(number, name, word_, op_, path_, touches_, respects_, movements_, condition_, \
		statuses_, answers_, flags, reader, decider, role_)                           \
	[COMMAND_##name] = { .word = word_,                                                   \
			     .op = op_,                                                       \
			     .path = path_,                                                   \
			     .touches = touches_,                                             \
			     .respects = respects_,                                           \
			     .movements = movements_,                                         \
			     .condition = condition_,                                         \
			     .statuses = statuses_,                                           \
			     .answers = answers_,                                             \
			     .is_recorded = ((flags)&RECORDED) != 0,                          \
			     .may_be_async = ((flags)&ASYNC) != 0,                            \
			     .may_be_atomic = ((flags)&ATOMIC) != 0,                          \
			     .makes_id = ((flags)&OWN_ID) != 0,                               \
			     .role = ROLE_##role_ },
#include "schema/commands.def"
#undef COMMAND
};

/* A number that is left out would leave a row without a word. */
#define COMMAND(...) +1
_Static_assert(0
#include "schema/commands.def"
		       == COMMAND_KINDS,
	       "commands are numbered one after the other");
#undef COMMAND

static unsigned success_of(int status)
{
	switch (status) {
	case 200:
		return SUCCESS_200;
	case 201:
		return SUCCESS_201;
	case 204:
		return SUCCESS_204;
	}
	return 0;
}

bool command_may_answer(enum command_kind kind, int status)
{
	CHECK(status >= 200);
	return (command_traits(kind)->statuses & success_of(status)) != 0;
}

int command_status(enum command_kind kind)
{
	unsigned statuses = command_traits(kind)->statuses;

	CHECK(statuses == SUCCESS_200 || statuses == SUCCESS_201 || statuses == SUCCESS_204);
	return statuses == SUCCESS_200 ? 200 : statuses == SUCCESS_201 ? 201 : 204;
}

enum movement_kind command_movement(enum command_kind kind)
{
	unsigned movements = command_traits(kind)->movements;

	CHECK(movements != 0);
	CHECK((movements & (movements - 1)) == 0);
	return (enum movement_kind)__builtin_ctz(movements);
}

enum command_kind command_by_op(const char *op)
{
	enum command_kind kind = 0;

	if (op[0] == '\0')
		return COMMAND_KINDS; /* the mark of those that no line makes */
	while (kind < COMMAND_KINDS && strcmp(command_table[kind].op, op) != 0)
		kind++;
	return kind;
}

/* ------------------------------------------------------------------ one of them */

static bool rows_are_sound(const struct row_ref *rows, int count)
{
	for (int i = 0; i < count; i++)
		if (rows[i].sku.text[0] == '\0' || rows[i].location.text[0] == '\0')
			return false;
	return true;
}

/* What its path names, or its line. */
static bool names_are_sound(const struct command *c, const struct command_traits *t)
{
	switch (t->path) {
	case NAMES_NOTHING:
		return true;
	case NAMES_ROW:
		return c->row_count == 1;
	case NAMES_ITEM:
		return c->item.sku.text[0] != '\0';
	case NAMES_LOCATION:
		return c->location.code.text[0] != '\0';
	case NAMES_LEASE:
		return t->makes_id || c->lease_id[0] != '\0';
	case NAMES_RESERVATION:
		return t->makes_id || c->reservation_id != NULL;
	}
	return false;
}

bool command_is_sound(const struct command *c)
{
	const struct command_traits *t;

	if (c->kind >= COMMAND_KINDS)
		return false;
	t = command_traits(c->kind);
	if (c->row_count < 0 || c->row_count > COMMAND_ROWS_MAX || c->fence_count < 0 ||
	    c->fence_count > CLAIM_FENCES_MAX || c->quantity > QUANTITY_MAX ||
	    c->quantity < -QUANTITY_MAX || c->request_id == NULL || c->lease_id == NULL ||
	    c->purpose == NULL)
		return false;
	return IMPLIES((t->touches & TOUCHES_ROWS) != 0, c->row_count > 0) &&
	       IMPLIES(t->answers == ANSWERS_MOVEMENT || t->answers == ANSWERS_MOVEMENTS,
		       c->reason != NULL) &&
	       IMPLIES(c->key != NULL, t->is_recorded) && names_are_sound(c, t) &&
	       rows_are_sound(c->rows, c->row_count);
}
