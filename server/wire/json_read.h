/*
 * json_read - a JSON object read by a table of its fields. For the sources messages_NOUN.c.
 *
 *     static const struct field fields[] = {
 *             { "delta", FIELD_INTEGER, .is_required = true, .least = -Q, .most = Q },
 *             ...
 *     };
 *     struct field_value v[LENGTH_OF(fields)];
 *     if (!json_read(&message, fields, v, LENGTH_OF(fields), arena, e)) return false;
 */
#pragma once
#include "wire/message.h"

enum field_type {
	FIELD_INTEGER, /* least .. most */
	FIELD_BOOL,
	FIELD_CODE,   /* a sku or location */
	FIELD_REASON, /* 1 to REASON_BYTES_MAX of a-z and _ */
	FIELD_TEXT,   /* 0 (or 1, when required) to `most` bytes, no NUL */
	FIELD_OBJECT, /* kept as compact JSON of at most `most` bytes, no NUL in it */
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
	int64_t number;
	bool is_true;
	const char *text; /* in the arena */
	struct row_ref *rows;
	int row_count;
	int64_t *quantities; /* of lines, parallel to rows */
};

bool json_read(const struct message *m, const struct field fields[],
	       struct field_value ret_values[], int field_count, struct arena *a,
	       struct message_error *e);

/*
 * The same in two steps, for a message that several tables read: parses it into m->root, which
 * json_forget() gives back. `fields` only says which numbers are quantities.
 */
bool json_parse(struct message *m, const struct field fields[], int field_count,
		struct message_error *e);
void json_forget(struct message *m);

/* Fills `e` and returns false. pointer may be "". */
bool message_refuse(struct message_error *e, enum outcome o, const char *pointer,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
