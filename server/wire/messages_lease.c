/*
 * messages_lease - leases as they are taken and renewed. For the ways of all messages see
 * message.h. An id of the client's own is in the path, fences are in the Lease header.
 */
#include "wire/message_readers.h"
#include "wire/message_fields.h"

/* {"rows":[{"sku","location"}], "ttl_s", "purpose"}. Allocates the rows. */
bool message_read_lease(struct message m, struct arena *a, struct command *c,
			struct message_error *e)
{
	enum { ROWS, TTL, PURPOSE, COUNT };
	static const struct field fields[COUNT] = {
		[ROWS] = { .name = "rows", .type = FIELD_ROWS, .is_required = true },
		[TTL] = TTL_FIELD,
		[PURPOSE] = { .name = "purpose",
			      .type = FIELD_TEXT,
			      .most = PURPOSE_CHARACTERS_MAX },
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	c->rows = v[ROWS].rows;
	c->row_count = v[ROWS].row_count;
	c->purpose = v[PURPOSE].text != NULL ? v[PURPOSE].text : "";
	return field_set_ttl(c, &v[TTL], e);
}

/* {"ttl_s"}; rows and purpose may be there, as in the body that took it, and are not looked at. */
bool message_read_renewal(struct message m, struct arena *a, struct command *c,
			  struct message_error *e)
{
	enum { ROWS, TTL, PURPOSE, COUNT };
	static const struct field fields[COUNT] = {
		[ROWS] = { .name = "rows", .type = FIELD_IGNORED },
		[TTL] = TTL_FIELD,
		[PURPOSE] = { .name = "purpose", .type = FIELD_IGNORED },
	};
	struct field_value v[COUNT];

	c->purpose = "";
	return json_read(&m, fields, v, COUNT, a, e) && field_set_ttl(c, &v[TTL], e);
}
