#include "wire/answers_audit.h"

void audit_entry_write(struct json *j, const struct audit_entry *e)
{
	json_open(j, '{');
	JSON_NAME(j, "id"), json_int(j, e->id);
	JSON_NAME(j, "actor"), json_text(j, e->actor);
	JSON_NAME(j, "action"), json_text(j, e->action);
	JSON_NAME(j, "subject"), json_text(j, e->subject);
	JSON_NAME(j, "detail"), json_raw(j, e->detail != NULL ? e->detail : "{}");
	JSON_NAME(j, "request_id"), json_text(j, e->request_id);
	JSON_NAME(j, "at"), json_time(j, e->at_ms);
	json_close(j, '}');
}
