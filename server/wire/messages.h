/*
 * messages - what a command's call says of it: one entry a kind, for single calls and for the lines
 * of a batch alike.
 *
 *     c->kind = COMMAND_ADJUST;
 *     if (!message_read_names(m, names, arena, c, &e) || !message_read(m, arena, c, &e))
 *             ...e.outcome, e.pointer, e.detail...
 *
 * A new command gets a reader in the file of its noun, which says what members its body has. Its
 * row of schema/commands.def names that, and says what its path names, and which headers it
 * understands.
 */
#pragma once
#include "wire/message.h"

enum { MESSAGE_NAMES_MAX = 2 };

/*
 * What the path of the call names, in its order, or the line has in members of its own: sku and
 * location, sku, location, or id, by the kind; NULL from the first one that it does not name (those
 * that make an id of their own need none). Skus and locations must be codes and ids must be valid:
 * the dispatcher and batch_line_read() have looked at them. An id that a client may choose is
 * refused where it looks like one of the server's.
 */
bool message_read_names(struct message m, const char *const names[MESSAGE_NAMES_MAX],
			struct arena *a, struct command *c, struct message_error *e);

/* The members of the body. */
bool message_read(struct message m, struct arena *a, struct command *c, struct message_error *e);
