#include "client/session.h"
#include "base/check.h"
#include "client/credentials.h"
#include "client/problem.h"
#include "client/shape.h"
#include <stdlib.h>
#include <string.h>

/* A request may wait this long for an answer after its wait in the row's queue has ended. */
enum { TIMEOUT_DEFAULT_S = 30, TIMEOUT_AFTER_WAIT_S = 15, TIMEOUT_MAX_S = 86400 };

static const char server_default[] = "http://127.0.0.1:8080";

/* A flag, else a variable that is not empty; NULL: neither says anything. */
static const char *flag_or_variable(const struct args *a, enum option o, const char *variable)
{
	const char *value = getenv(variable);

	if (args_has(a, o))
		return a->values[o];
	return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *server_url(const struct args *a)
{
	const char *named = flag_or_variable(a, OPTION_SERVER, "ROWLOCK_SERVER");

	return named != NULL ? named : server_default;
}

static long timeout_s(const struct args *a)
{
	int64_t wait_s = args_number(a, OPTION_WAIT, 0);
	int64_t timeout = args_number(a, OPTION_TIMEOUT, TIMEOUT_DEFAULT_S);

	if (timeout < wait_s + TIMEOUT_AFTER_WAIT_S && !args_has(a, OPTION_TIMEOUT))
		timeout = wait_s + TIMEOUT_AFTER_WAIT_S;
	return timeout > TIMEOUT_MAX_S ? TIMEOUT_MAX_S : (long)timeout;
}

/* Only a word that clearly says so: whatever else stands there must not open anything. */
static bool is_plain_allowed(const struct args *a)
{
	static const char *const yes[] = { "1", "true", "yes", "on" };
	const char *value = getenv("ROWLOCK_PLAIN_HTTP");

	if (args_has(a, OPTION_PLAIN_HTTP))
		return true;
	for (size_t i = 0; value != NULL && i < LENGTH_OF(yes); i++)
		if (strcmp(value, yes[i]) == 0)
			return true;
	return false;
}

enum exit_code session_open(struct session *s)
{
	const char *file =
		args_has(&s->args, OPTION_TOKEN_FILE) ? s->args.values[OPTION_TOKEN_FILE] : NULL;
	char token[TOKEN_BYTES + 1];
	enum exit_code code = credentials_read(file, token);

	s->is_json = args_has(&s->args, OPTION_JSON);
	if (code == EXIT_DONE)
		code = api_open(
			&(struct api_options){
				.url = server_url(&s->args),
				.token = token,
				.ca = flag_or_variable(&s->args, OPTION_CA, "ROWLOCK_CA"),
				.timeout_s = timeout_s(&s->args),
				.is_plain_allowed = is_plain_allowed(&s->args) },
			&s->api);
	explicit_bzero(token, sizeof(token));
	return code;
}

void session_close(struct session *s)
{
	api_close(s->api);
	s->api = NULL;
	args_fini(&s->args);
}

const char *session_operand(const struct session *s, int n)
{
	return n < s->args.operand_count ? s->args.operands[n] : NULL;
}

void session_default_ttl(const struct session *s, struct api_request *r, int ttl_s)
{
	if (!args_has(&s->args, OPTION_TTL))
		json_put(api_request_body(r), "ttl_s", json_integer(ttl_s));
}

enum exit_code session_ask(struct session *s, const struct api_request *r,
			   struct response *ret_response)
{
	struct response response;
	enum exit_code code = api_send(s->api, r, &response);

	if (code != EXIT_DONE)
		return code;
	if (response.status < 200 || response.status > 299) {
		code = problem_print(&response, s->is_json);
		response_fini(&response);
		return code;
	}
	*ret_response = response;
	return EXIT_DONE;
}

enum exit_code session_strange(const struct session *s, const struct api_request *r)
{
	exit_failed("%s answered something else than was asked for: is it rowlockd?",
		    api_url(s->api));
	if (strcmp(r->method, "GET") != 0)
		fputs("  Whether it was done is not known.\n", stderr);
	return EXIT_FAILED;
}

static bool is_expected(const struct session *s, const struct response *a, const char *shape)
{
	if (a->status == 202)
		return args_has(&s->args, OPTION_ASYNC) && shape_fits(a->json, "s:id");
	if (shape == NULL)
		return a->status == 204;
	return (a->status == 200 || a->status == 201) && shape_fits(a->json, shape);
}

enum exit_code session_ask_for(struct session *s, struct api_request *r, const char *shape,
			       struct response *ret_response)
{
	struct response response;
	enum exit_code code = api_request_add_options(r, &s->args);

	if (code == EXIT_DONE)
		code = session_ask(s, r, &response);
	if (code != EXIT_DONE)
		return code;
	if (!is_expected(s, &response, shape)) {
		response_fini(&response);
		return session_strange(s, r);
	}
	*ret_response = response;
	return EXIT_DONE;
}
