/*
 * both_readers - a body or a line of a batch, read by both readers (wire/json_read.h), and what
 * they differ in.
 *
 *     struct both both;
 *     both_read(&both, SHAPE_ADJUST, text, byte_count);
 *     if (both_difference(&both) != NULL) ...they disagree...
 *     both_forget(&both);
 *
 * A program that uses this is linked with --wrap of json_plain_parse, so that the strict reader can
 * be had alone, and of json_load, which tells who has read. Each reads a copy of exactly the text's
 * size, so that a sanitizer sees a byte too many.
 */
#pragma once
#include "base/text.h"
#include "wire/message.h"

/* What is read. The line of a batch says itself which command it is. */
enum shape {
	SHAPE_ADJUST,
	SHAPE_SET,
	SHAPE_RESERVE,
	SHAPE_LINE,
	SHAPE_TRANSFER,
	SHAPE_COUNT,
	SHAPE_COMMIT,
	SHAPE_EXTEND,
	SHAPE_RELEASE,
	SHAPE_LEASE,
	SHAPE_ITEM,
	SHAPE_NOTHING,
	SHAPES,
};

struct reading {
	struct arena arena;
	bool is_read;
	bool is_plain; /* nothing of it went through the strict reader */
	struct command command;
	const char *id; /* of a line */
	struct message_error error;
	struct text told; /* all of that, as a text */
};

struct both {
	struct reading plain;  /* as the server reads it */
	struct reading strict; /* as if there were only one reader */
};

void both_read(struct both *both, enum shape shape, const char *text, size_t byte_count);
void both_forget(struct both *both);

/* NULL: none. Else "A / B", what each of them says; valid until the next call. */
const char *both_difference(const struct both *both);

const char *shape_text(enum shape shape);
