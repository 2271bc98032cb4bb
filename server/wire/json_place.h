/*
 * json_place - which member or element of a document stands at which byte. For json_read.c: jansson
 * says at which byte it stopped, clients are told the field by JSON Pointer (RFC 6901).
 *
 * Nothing is parsed twice: these only count brackets, commas and quotes. Cost: one pass over the
 * text.
 */
#pragma once
#include "base/arena.h"
#include <stdbool.h>

/*
 * Are brackets nested deeper than JSON_DEPTH_MAX? Of any text: this is asked before it is parsed.
 */
bool json_is_too_deep(const char *doc, size_t byte_count);

/*
 * The pointer to the value whose reading had come to `position`, or to the member whose name ends
 * there;
 * "" for the document itself. The document must be well-formed up to there.
 */
void json_pointer_at(const char *doc, size_t position, char *out, size_t out_bytes);

/*
 * Appends "/name" to a pointer, with '~' and '/' escaped; cut between characters when it is too
 * long.
 */
void json_pointer_add(char *pointer, size_t pointer_bytes, const char *name);

/*
 * The value of the member with this index (in the order of the text) of a well-formed object,
 * without the blanks between its tokens; numbers and escapes stay as they were typed. NULL: memory
 * is short.
 */
char *json_member_text(const char *doc, size_t byte_count, size_t index, struct arena *a);
