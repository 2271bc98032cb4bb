#include "wire/message_fields.h"
#include "base/check.h"
#include <string.h>

void field_set_reason(struct command *c, const struct field_value *reason,
		      const struct field_value *reference)
{
	c->reason =
		reason->text != NULL ? reason->text : movement_kind_text(command_movement(c->kind));
	c->reference = reference->text;
}

bool field_set_ttl(struct command *c, const struct field_value *ttl_s, struct message_error *e)
{
	if (ttl_s->number < 1 || ttl_s->number > LEASE_TTL_S_MAX)
		return message_refuse(e, OUTCOME_MEANINGLESS, "/ttl_s", "1 to %d seconds.",
				      LEASE_TTL_S_MAX);
	c->ttl_ms = ttl_s->number * 1000;
	return true;
}

void field_set_code(struct code *c, const char *text)
{
	bool is_code = code_set(c, text, strlen(text));

	CHECK(is_code);
}
