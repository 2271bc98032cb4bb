#include "http/audited.h"
#include "base/check.h"
#include "engine/service.h"

void audited_note(struct exchange *x, const char *action, const char *subject)
{
	CHECK(x->actor != NULL);
	service_note_audit(x->service, &(struct audit_entry){ .at_ms = service_now_ms(x->service),
							      .actor = x->actor->name,
							      .action = action,
							      .subject = subject,
							      .detail = "{}",
							      .request_id = x->request_id });
}
