#include "wire/message_fields.h"
#include "base/check.h"
#include <string.h>

bool reason_fold(char *reason)
{
	bool had_any = false;

	for (; *reason != '\0'; reason++) {
		if (*reason < 'A' || *reason > 'Z')
			continue;
		*reason |= 0x20;
		had_any = true;
	}
	return had_any;
}

void field_set_reason(struct command *c, const struct field_value *reason,
		      const struct field_value *reference, const struct field_value *note)
{
	if (reason->text != NULL) {
		c->is_reason_folded = reason_fold((char *)reason->text); /* in the arena: ours */
		c->reason = reason->text;
	} else {
		c->reason = movement_kind_text(command_movement(c->kind));
	}
	c->reference = reference->text;
	c->note = note->text;
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
