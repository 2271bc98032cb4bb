/*
 * json_plain - documents that say what they say in the plainest way, read without an allocation.
 *
 *     struct json_plain p;
 *     if (json_plain_parse(text, byte_count, &p))
 *             ...p.members...
 *     else
 *             ...some other reader must look at it: nothing is known of the document...
 *
 * Plain is an object
 *
 *   - whose names are 1 to PLAIN_NAME_BYTES_MAX of a-z and _, each of them once;
 *   - whose values are texts in UTF-8 without any escape, whole numbers of at most 18 digits
 *     without fraction or exponent (and not -0), true, false and null;
 *   - or arrays of objects of such members, PLAIN_LINES_MAX of at most PLAIN_LINE_MEMBERS_MAX; one
 *     array in all, and no other brackets;
 *   - with blanks (RFC 8259: space, tab, line feed, carriage return) between these and around it,
 *     and not a byte else.
 *
 * All that is well-formed JSON, so every strict reader takes it, and there is one way only to
 * understand it. That is why two readers can share the work and never disagree: this one takes
 * nothing that is not certain and refuses nothing. What is rare, wrong or doubtful is not plain,
 * and the strict reader, which alone knows what to say about that, reads it from its first byte.
 *
 * The tokens are jsmn's, which is no judge: it takes what is no JSON at all. So the answer does not
 * rest on it. Every byte of the document is looked at here, and must be what has to stand there;
 * jsmn only says how far a text or a number goes.
 *
 * Cost: two passes over the text, 0.1 µs for a line of 62 bytes, and 4 KiB of the stack. That is
 * why baskets of more than PLAIN_LINES_MAX lines are left to the other reader: frames of several
 * pages are probed page by page, which cost a line of a batch more than its parsing. Threads: none
 * inside. Ownership: members point into the text.
 */
#pragma once
#include "core/limits.h"
#include <stdbool.h>
#include <stddef.h>

enum {
	PLAIN_NAME_BYTES_MAX = 32,
	PLAIN_MEMBERS_MAX = 16,
	PLAIN_LINES_MAX = 8,
	PLAIN_LINE_MEMBERS_MAX = 3,
};

enum plain_type {
	PLAIN_TEXT,
	PLAIN_NUMBER,
	PLAIN_TRUE,
	PLAIN_FALSE,
	PLAIN_NULL,
	PLAIN_LINES, /* json_plain.lines */
};

struct plain_member {
	const char *name; /* no NUL behind it */
	size_t name_bytes;
	enum plain_type type;
	const char *text; /* the same */
	size_t text_bytes;
	int64_t number;
};

struct plain_line {
	int member_count;
	struct plain_member members[PLAIN_LINE_MEMBERS_MAX];
};

struct json_plain {
	int member_count; /* in the order of the text */
	int line_count;
	struct plain_member members[PLAIN_MEMBERS_MAX];
	struct plain_line lines[PLAIN_LINES_MAX];
};

/* False: it is not plain; *ret is half filled then. */
bool json_plain_parse(const char *text, size_t byte_count, struct json_plain *ret);
