/*
 * message - the body of a request, or a line of a batch, before it is a command. Strict: what is
 * unknown, doubled, missing, of another type or out of range is refused, and the refusal names the
 * field by JSON Pointer (RFC 6901).
 *
 *     struct message_error e;
 *     if (!message_read_adjust(message_of(body, bytes), arena, &command, &e))
 *             ...e.outcome (400 or 422), e.pointer, e.detail...
 *
 * Each noun has a header of its own, messages_NOUN.h, with the messages about it. All of them read
 * texts into the arena, take an empty body as {}, and leave the command half filled where they
 * return false. Threads: none inside.
 */
#pragma once
#include "base/arena.h"
#include "core/command.h"
#include "core/outcome.h"

struct json_plain;

struct message {
	const char *text;
	size_t byte_count;
	/* What json_parse() has made of it, one of the two; NULL: it was not asked. */
	const struct json_plain *plain;
	struct json_t *root;
	/*
	 * Names of members that somebody else reads, separated by blanks; "*": all that the table
	 * has not.
	 */
	const char *elsewhere;
	bool is_line;   /* of a batch: what a single call says in its headers are members, too */
	bool takes_any; /* If-Match: * : whatever is there may be overwritten */
};

static inline struct message message_of(const char *text, size_t byte_count)
{
	return (struct message){ .text = text, .byte_count = byte_count, .elsewhere = "" };
}

struct message_error {
	enum outcome outcome;
	char pointer[128]; /* "" when no field is to blame */
	char detail[256];
};

/* Does it say what a client is refused with, and why? Of ours: we CHECK it. */
bool message_error_is_sound(const struct message_error *e);

/* {} or nothing: for calls that take no body. */
bool message_read_nothing(struct message m, struct message_error *e);
