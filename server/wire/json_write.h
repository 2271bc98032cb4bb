/*
 * json_write - compact JSON, written piece by piece into a text.
 *
 *     struct json j = json_begin(&text);
 *     json_open(&j, '{');
 *     JSON_NAME(&j, "on_hand"), json_int(&j, 97);
 *     json_close(&j, '}');                            // {"on_hand":97}
 *
 * Commas are put where they belong. Texts must be UTF-8; they are quoted and escaped. Threads: one
 * at a time. Cost: a few ns a piece, no allocation but the text's own.
 */
#pragma once
#include "base/text.h"
#include <string.h>

struct json {
	struct text *text;
	bool has_sibling; /* the next element needs a comma before it */
};

static inline struct json json_begin(struct text *t)
{
	return (struct json){ .text = t };
}

void json_open(struct json *j, char bracket);
void json_close(struct json *j, char bracket);

/* The name of the next value; a literal that needs no escapes. */
#define JSON_NAME(j, literal) json_name_bytes((j), "\"" literal "\":", sizeof(literal) + 2)
void json_name_bytes(struct json *j, const char *quoted, size_t byte_count);

void json_int(struct json *j, int64_t n);
void json_bool(struct json *j, bool is_true);
void json_null(struct json *j);
void json_text(struct json *j, const char *s);   /* NULL: null */
void json_raw(struct json *j, const char *json); /* JSON already */
void json_time(struct json *j, int64_t utc_ms);  /* RFC 3339; 0: null */

/* Indents JSON by two blanks, whatever its spacing was; ends with a newline. */
void json_pretty(struct text *out, const char *compact, size_t byte_count);
