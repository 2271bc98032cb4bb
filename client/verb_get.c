/* get: any path of the server, for whatever has no verb of its own. */
#include "client/command.h"
#include "client/session.h"
#include "client/show.h"

enum exit_code verb_get(struct session *s)
{
	const char *path = session_operand(s, 0);
	struct api_request r;
	struct response response;

	if (path[0] != '/')
		return exit_usage("a path begins with a slash: /v1/items, not '%s'", path);
	for (const char *c = path; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return exit_usage("a path has no blanks; escape them as %%20");
	api_request_init(&r, "GET", path);
	enum exit_code code = session_ask(s, &r, &response);
	api_request_fini(&r);
	if (code != EXIT_DONE)
		return code;
	show_body(&response);
	response_fini(&response);
	return EXIT_DONE;
}
