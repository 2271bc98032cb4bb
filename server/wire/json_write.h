/*
 * json_write - compact JSON, written piece by piece into a text.
 *
 *     struct json j = json_begin(&text);
 *     json_open(&j, '{');
 *     JSON_NAME(&j, "on_hand"), json_int(&j, 97);
 *     json_close(&j, '}');                            // {"on_hand":97}
 *
 * Commas are put where they belong. Texts are quoted and escaped; a byte of them that is not UTF-8
 * is written as U+FFFD, so that an answer is JSON whatever somebody typed into the store. Threads:
 * one at a time. Cost: a few ns a piece, no allocation but the text's own.
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

/*
 * Room for so many bytes at the end of the text, or NULL; json_used() says how many were written.
 */
static inline char *json_room(struct json *j, size_t bytes)
{
	struct text *t = j->text;

	if (t->capacity - t->byte_count <= bytes)
		text_reserve(t, bytes);
	return t->failed ? NULL : t->data + t->byte_count;
}

static inline void json_used(struct json *j, size_t bytes)
{
	j->text->byte_count += bytes;
	j->text->data[j->text->byte_count] = '\0';
}

void json_open(struct json *j, char bracket);
void json_close(struct json *j, char bracket);

/*
 * The name of the next value; a literal that needs no escapes. The comma is part of the literal, so
 * that one copy of a size known to the compiler does it all: answers have some thirty names.
 */
#define JSON_NAME(j, literal) json_name_bytes((j), ",\"" literal "\":", sizeof(literal) + 3)

static inline void json_name_bytes(struct json *j, const char *with_comma, size_t byte_count)
{
	char *at = json_room(j, byte_count);

	if (at != NULL) {
		memcpy(at, with_comma, byte_count);
		if (!j->has_sibling)
			memmove(at, at + 1, byte_count - 1);
		json_used(j, byte_count - !j->has_sibling);
	}
	j->has_sibling = false;
}

void json_int(struct json *j, int64_t n);
void json_bool(struct json *j, bool is_true);
void json_none(struct json *j);                  /* null; not json_null(), which is jansson's */
void json_text(struct json *j, const char *s);   /* NULL: null */
void json_raw(struct json *j, const char *json); /* JSON already */
void json_time(struct json *j, int64_t utc_ms);  /* RFC 3339; 0: null */

/* Indents JSON by two blanks, whatever its spacing was; ends with a newline. */
void json_pretty(struct text *out, const char *compact, size_t byte_count);
