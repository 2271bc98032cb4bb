/*
 * messages_reservation - reservations as they are made, committed and extended. For the ways of
 * all messages see message.h. The path, or the line of a batch, has the id.
 */
#include "wire/message_readers.h"
#include "wire/message_fields.h"
#include <string.h>

/* Lines of the same row become one: what is asked of a row is their sum. */
static bool set_lines(struct command *c, const struct field_value *lines, struct message_error *e)
{
	c->rows = lines->rows;
	c->quantities = lines->quantities;
	c->row_count = 0;
	for (int i = 0; i < lines->row_count; i++) {
		int same = 0;

		while (same < c->row_count &&
		       (strcmp(c->rows[same].sku.text, c->rows[i].sku.text) != 0 ||
			strcmp(c->rows[same].location.text, c->rows[i].location.text) != 0))
			same++;
		if (same == c->row_count) {
			c->rows[same] = c->rows[i];
			c->quantities[same] = c->quantities[i];
			c->row_count++;
			continue;
		}
		c->quantities[same] += c->quantities[i];
		if (c->quantities[same] > QUANTITY_MAX)
			return message_refuse(e, OUTCOME_MEANINGLESS, "/lines",
					      "The lines of %s at %s are more than 10^12 units.",
					      c->rows[same].sku.text, c->rows[same].location.text);
	}
	return true;
}

/*
 * {"lines":[{"sku","location","quantity"}], "ttl_s", "owner", "reference", "note", "supersedes"}.
 * Allocates rows and quantities; lines of the same row are one, with their sum.
 */
bool message_read_reservation(struct message m, struct arena *a, struct command *c,
			      struct message_error *e)
{
	enum { LINES, TTL, OWNER, REFERENCE, NOTE, SUPERSEDES, COUNT };
	static const struct field fields[COUNT] = {
		[LINES] = { .name = "lines", .type = FIELD_LINES, .is_required = true },
		[TTL] = TTL_FIELD,
		[OWNER] = { .name = "owner",
			    .type = FIELD_TEXT,
			    .may_be_null = true,
			    .most = OWNER_CHARACTERS_MAX },
		[REFERENCE] = REFERENCE_FIELD,
		[NOTE] = NOTE_FIELD,
		[SUPERSEDES] = { .name = "supersedes",
				 .type = FIELD_TEXT,
				 .may_be_null = true,
				 .most = ID_BYTES_MAX },
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->owner = v[OWNER].text;
	c->reference = v[REFERENCE].text;
	c->note = v[NOTE].text;
	c->supersedes = v[SUPERSEDES].text;
	return field_set_ttl(c, &v[TTL], e) && set_lines(c, &v[LINES], e);
}

/* {"lines", "note"}, as above; without lines all of it. */
bool message_read_reservation_commit(struct message m, struct arena *a, struct command *c,
				     struct message_error *e)
{
	enum { LINES, NOTE, COUNT };
	static const struct field fields[COUNT] = {
		[LINES] = { .name = "lines", .type = FIELD_LINES },
		[NOTE] = NOTE_FIELD,
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->note = v[NOTE].text;
	return !v[LINES].is_present || set_lines(c, &v[LINES], e);
}

/* {"note"} */
bool message_read_reservation_release(struct message m, struct arena *a, struct command *c,
				      struct message_error *e)
{
	enum { NOTE, COUNT };
	static const struct field fields[COUNT] = {
		[NOTE] = NOTE_FIELD,
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->note = v[NOTE].text;
	return true;
}

/* {"ttl_s"} */
bool message_read_reservation_extend(struct message m, struct arena *a, struct command *c,
				     struct message_error *e)
{
	enum { TTL, COUNT };
	static const struct field fields[COUNT] = {
		[TTL] = TTL_FIELD,
	};
	struct field_value v[COUNT];

	return json_read(&m, fields, v, COUNT, a, e) && field_set_ttl(c, &v[TTL], e);
}
