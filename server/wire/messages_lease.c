#include "wire/messages_lease.h"
#include "wire/message_fields.h"

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
