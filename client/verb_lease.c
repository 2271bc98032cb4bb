/* lease: row locks that outlive a request. */
#include "base/check.h"
#include "client/command.h"
#include "client/pages.h"
#include "client/session.h"
#include "client/show.h"
#include "client/memory.h"
#include <stdlib.h>
#include <string.h>

enum { TTL_DEFAULT_S = 60 };

/* rows += {"sku","location"} of "SKU/LOCATION". */
static enum exit_code rows_add(json_t *rows, const char *word)
{
	const char *slash = strchr(word, '/');

	if (slash == NULL || slash == word || slash[1] == '\0' || strchr(slash + 1, '/') != NULL)
		return exit_usage("a row is SKU/LOCATION, not '%s'", word);

	json_t *sku = json_stringn(word, (size_t)(slash - word));
	json_t *location = json_string(slash + 1);
	if (sku == NULL || location == NULL) {
		json_decref(sku);
		json_decref(location);
		return exit_usage("a row is not UTF-8: '%s'", word);
	}
	json_t *row = memory_or_exit(json_object());
	json_put(row, "sku", sku);
	json_put(row, "location", location);
	if (json_array_append_new(rows, row) != 0)
		exit_out_of_memory();
	return EXIT_DONE;
}

/* The id of "l_1;fence=3" or of "l_1". The caller frees it. */
static char *lease_id(const char *lease)
{
	return memory_or_exit(strndup(lease, strcspn(lease, "; ")));
}

static bool lease_has_fence(const char *lease)
{
	return strstr(lease, ";fence=") != NULL;
}

/* One request about the lease that the operand names; with its fence, only about that one. */
static void lease_request_init(struct api_request *r, const struct session *s, const char *method)
{
	const char *lease = session_operand(s, 0);
	char *id = lease_id(lease);

	api_request_init(r, method, "/v1/leases");
	api_request_add_segment(r, id);
	if (lease_has_fence(lease))
		api_request_add_header(r, "Lease", lease);
	free(id);
}

static enum exit_code lease_ask(struct session *s, struct api_request *r, const char *more)
{
	struct response response;
	enum exit_code code = show_asked(s, r, &show_leases, &response);

	if (code != EXIT_DONE)
		return code;
	if (more != NULL && response.status != 202 && !s->is_json)
		printf("%s: --lease '%s;fence=%lld'\n", more, json_member_text(response.json, "id"),
		       (long long)json_member_int(response.json, "fence"));
	response_fini(&response);
	return EXIT_DONE;
}

enum exit_code verb_lease_list(struct session *s)
{
	return pages_get(s, "/v1/leases", &show_leases);
}

enum exit_code verb_lease_show(struct session *s)
{
	struct api_request r;

	lease_request_init(&r, s, "GET");
	enum exit_code code = lease_ask(s, &r, NULL);
	api_request_fini(&r);
	return code;
}

enum exit_code verb_lease_take(struct session *s)
{
	bool has_id = args_has(&s->args, OPTION_ID);
	json_t *rows = memory_or_exit(json_array());
	enum exit_code code = EXIT_DONE;
	struct api_request r;

	api_request_init(&r, has_id ? "PUT" : "POST", "/v1/leases");
	if (has_id)
		api_request_add_segment(&r, s->args.values[OPTION_ID]);
	json_put(api_request_body(&r), "rows", rows);
	session_default_ttl(s, &r, TTL_DEFAULT_S);
	for (int i = 0; i < s->args.operand_count && code == EXIT_DONE; i++)
		code = rows_add(rows, session_operand(s, i));
	if (code == EXIT_DONE)
		code = lease_ask(s, &r, "Write to these rows with");
	api_request_fini(&r);
	return code;
}

enum exit_code verb_lease_renew(struct session *s)
{
	struct api_request r;

	if (!lease_has_fence(session_operand(s, 0)))
		return exit_usage("renewing needs the fence that lease take printed: '%s;fence=N'",
				  session_operand(s, 0));
	lease_request_init(&r, s, "PUT");
	session_default_ttl(s, &r, TTL_DEFAULT_S);
	enum exit_code code = lease_ask(s, &r, NULL);
	api_request_fini(&r);
	return code;
}

enum exit_code verb_lease_release(struct session *s)
{
	struct api_request r;
	struct response response;

	lease_request_init(&r, s, "DELETE");
	enum exit_code code = session_ask_for(s, &r, NULL, &response);
	api_request_fini(&r);
	if (code != EXIT_DONE)
		return code;
	if (!s->is_json) {
		printf("%s is released\n", session_operand(s, 0));
		show_replayed(&response);
	}
	response_fini(&response);
	return EXIT_DONE;
}
