/*
 * json - the server's JSON, read field by field. The client's home of jansson.
 *
 * A field that is absent, or of another type than expected, reads as empty: the client shows what a
 * newer or older server says instead of failing over it.
 */
#pragma once
#include "base/text.h"
#include <jansson.h>

#define JSON_CLEANUP __attribute__((cleanup(json_decrefp)))

/* The member's text, or "" when it is no string. */
const char *json_member_text(const json_t *object, const char *name);

/* The member's whole number, or 0. */
int64_t json_member_int(const json_t *object, const char *name);

/* Appends the value as people read it: strings bare, null as nothing, the rest as JSON. */
void json_show(struct text *t, const json_t *value);

/* object[name] = value, which is taken over. */
void json_put(json_t *object, const char *name, json_t *value);

/* The value as one compact line, malloc'ed. */
char *json_line(const json_t *value);
