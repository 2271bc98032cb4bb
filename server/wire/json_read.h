/*
 * json_read - a JSON object read by a table of its fields. For the sources messages_NOUN.c.
 *
 *     static const struct field fields[] = {
 *             { "delta", FIELD_INTEGER, .is_required = true, .least = -Q, .most = Q },
 *             ...
 *     };
 *     struct field_value v[LENGTH_OF(fields)];
 *     if (!json_read(&message, fields, v, LENGTH_OF(fields), arena, e)) return false;
 *
 * Two readers share the work. A document that is plain (json_plain.h) and right in all of its
 * fields is read from jsmn's tokens, without an allocation. Every other one is read by jansson from
 * its first byte, as if nobody had looked at it: it alone refuses, and knows with what words. So
 * the two cannot answer differently: the first one takes only what has one meaning, which
 * tests/fuzz/fuzz_json_readers.c and tests/unit/test_json_readers.c hold it to.
 */
#pragma once
#include "wire/json_field.h"
#include "wire/json_plain.h"
#include "wire/message.h"

bool json_read(const struct message *m, const struct field fields[],
	       struct field_value ret_values[], int field_count, struct arena *a,
	       struct message_error *e);

/*
 * The same in two steps, for a message that several tables read: parses it into m->plain, for which
 * the caller brings the room, or into m->root, which json_forget() gives back. `fields` only says
 * which numbers are quantities.
 */
bool json_parse(struct message *m, struct json_plain *room, const struct field fields[],
		int field_count, struct message_error *e);
void json_forget(struct message *m);

/* Fills `e` and returns false. pointer may be "". */
bool message_refuse(struct message_error *e, enum outcome o, const char *pointer,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
