/*
 * message_readers - what reads the body of a command: the column `reader` of schema/commands.def.
 *
 * The readers stand by noun in messages_*.c, and there each says which members its body has and
 * what it fills; openapi.json describes the same members to clients. Path and headers are read by
 * others (messages.h). Texts, rows and quantities are of the arena. False: `e` says what is wrong.
 */
#pragma once
#include "wire/message.h"

/* clang-format off */
#define COMMAND(number, name, word, op, path, touches, respects, movements, condition, statuses, \
		answers, flags, reader, decider, role)                                                 \
	bool reader(struct message m, struct arena *a, struct command *c, struct message_error *e);
#include "schema/commands.def"
#undef COMMAND
/* clang-format on */
