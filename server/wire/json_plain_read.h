/*
 * json_plain_read - the fields of a plain document, by the same table as any other's.
 *
 *     if (json_plain_read(&plain, fields, values, field_count, &walk))
 *             ...values[] is what json_read() would have put there...
 *
 * Only all of it: every member is known and as its field wants it, and no field that is needed is
 * missing. Otherwise it returns false, says nothing of why, and has left nothing but garbage in
 * `ret_values` and a few bytes in the arena; json_read.h then reads the document anew, and it is
 * that reader that finds out whether something is to be refused, and with what words.
 *
 * Cost: a look at the table for each member, a copy of each text. Threads: none inside.
 */
#pragma once
#include "base/arena.h"
#include "wire/json_field.h"
#include "wire/json_plain.h"

/* elsewhere, is_line: of the message (message.h). Without fields the arena may be NULL. */
bool json_plain_read(const struct json_plain *p, const struct field fields[],
		     struct field_value ret_values[], int field_count, const char *elsewhere,
		     bool is_line, struct arena *a);
