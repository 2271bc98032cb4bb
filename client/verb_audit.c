/* audit: who did what has no movement, the newest first. */
#include "client/command.h"
#include "client/pages.h"
#include "client/session.h"

/* Behind an id lies what came later: the oldest come first, so that each id shown leads on. */
enum exit_code verb_audit(struct session *s)
{
	const char *after = s->args.values[OPTION_AFTER];
	bool is_oldest_first = after != NULL || args_has(&s->args, OPTION_OLDEST_FIRST);
	struct api_request r;

	api_request_init(&r, "GET", "/v1/audit");
	api_request_add_query(&r, "order", is_oldest_first ? "asc" : "desc");
	enum exit_code code = pages_print_behind(s, &r, after, &show_audit);
	api_request_fini(&r);
	return code;
}
