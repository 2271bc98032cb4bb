/* history: the ledger, the newest movement first. */
#include "base/check.h"
#include "client/command.h"
#include "client/pages.h"
#include "client/session.h"

enum exit_code verb_history(struct session *s)
{
	static const char *const filters[] = { "sku", "location" };
	struct api_request r;

	CHECK(s->args.operand_count <= (int)LENGTH_OF(filters));
	api_request_init(&r, "GET", "/v1/movements");
	for (int i = 0; i < s->args.operand_count; i++)
		api_request_add_query(&r, filters[i], session_operand(s, i));
	api_request_add_query(&r, "order",
			      args_has(&s->args, OPTION_OLDEST_FIRST) ? "asc" : "desc");
	enum exit_code code = pages_print(s, &r, &show_movements);
	api_request_fini(&r);
	return code;
}
