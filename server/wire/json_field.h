/*
 * json_field - what a member of a body may be, and what was read of it. For the two readers of
 * bodies (json_read.h), which ask here what fits, so that they cannot think differently of it.
 *
 * Threads: none inside.
 */
#pragma once
#include "core/stock.h"

enum field_type {
	FIELD_INTEGER, /* least .. most */
	FIELD_BOOL,
	FIELD_CODE,   /* a sku or location, and no token */
	FIELD_REASON, /* 1 to REASON_BYTES_MAX of A-Z a-z 0-9 and _; whoever takes it folds it */
	FIELD_TEXT,   /* 0 (or 1, when required) to `most` characters, no NUL, no token */
	FIELD_OBJECT, /* kept as compact JSON of at most `most` bytes, no NUL or token in it */
	FIELD_ROWS,   /* 1 to COMMAND_ROWS_MAX of {"sku","location"} */
	FIELD_LINES,  /* 1 to COMMAND_ROWS_MAX of {"sku","location","quantity"} */
	FIELD_IGNORED,
};

struct field {
	const char *name;
	enum field_type type;
	bool is_required;
	bool may_be_null;
	bool is_of_lines; /* single calls do not know it */
	int64_t least;
	int64_t most;
};

struct field_value {
	bool is_present;
	bool is_null;
	bool is_true;
	int row_count;
	int64_t number;
	const char *text; /* in the arena */
	struct row_ref *rows;
	int64_t *quantities; /* of lines, parallel to rows */
};

/* May a FIELD_CODE, FIELD_REASON or FIELD_TEXT say this? Of UTF-8. */
bool field_takes_text(const struct field *f, const char *s, size_t byte_count);

/* May a FIELD_INTEGER? */
static inline bool field_takes_number(const struct field *f, int64_t n)
{
	return n >= f->least && n <= f->most;
}

/* Is a FIELD_TEXT of so many characters, whatever they are? Of UTF-8. */
bool field_has_length(const struct field *f, const char *s, size_t byte_count);

/*
 * Which field has this name, of `byte_count` bytes; -1: there is none like it, or it is not for
 * this message.
 */
int field_by_name(const struct field fields[], int field_count, const char *name, size_t byte_count,
		  bool is_line);

/* Is the name one of the words, separated by blanks? "*": any is. */
bool field_is_among(const char *words, const char *name, size_t byte_count);
