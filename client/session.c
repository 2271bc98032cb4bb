#include "client/session.h"
#include "client/problem.h"
#include "client/shape.h"
#include <stdlib.h>
#include <string.h>

/* A request may wait this long for an answer after its wait in the row's queue has ended. */
enum { TIMEOUT_DEFAULT_S = 30, TIMEOUT_AFTER_WAIT_S = 15, TIMEOUT_MAX_S = 86400 };

static const char server_default[] = "http://127.0.0.1:8080";

static const char *server_url(const struct args *a)
{
	const char *from_environment = getenv("ROWLOCK_SERVER");

	if (args_has(a, OPTION_SERVER))
		return a->values[OPTION_SERVER];
	if (from_environment != NULL && from_environment[0] != '\0')
		return from_environment;
	return server_default;
}

static long timeout_s(const struct args *a)
{
	int64_t wait_s = args_number(a, OPTION_WAIT, 0);
	int64_t timeout = args_number(a, OPTION_TIMEOUT, TIMEOUT_DEFAULT_S);

	if (timeout < wait_s + TIMEOUT_AFTER_WAIT_S && !args_has(a, OPTION_TIMEOUT))
		timeout = wait_s + TIMEOUT_AFTER_WAIT_S;
	return timeout > TIMEOUT_MAX_S ? TIMEOUT_MAX_S : (long)timeout;
}

enum exit_code session_open(struct session *s)
{
	s->is_json = args_has(&s->args, OPTION_JSON);
	return api_open(server_url(&s->args), timeout_s(&s->args), &s->api);
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

enum exit_code session_ask(struct session *s, const struct request *r, struct answer *ret_answer)
{
	struct answer answer;
	enum exit_code code = api_send(s->api, r, &answer);

	if (code != EXIT_DONE)
		return code;
	if (answer.status < 200 || answer.status > 299) {
		code = problem_print(&answer, s->is_json);
		answer_fini(&answer);
		return code;
	}
	*ret_answer = answer;
	return EXIT_DONE;
}

enum exit_code session_strange(const struct session *s, const struct request *r)
{
	exit_failed("%s answered something else than was asked for: is it rowlockd?",
		    api_url(s->api));
	if (strcmp(r->method, "GET") != 0)
		fputs("  Whether it was done is not known.\n", stderr);
	return EXIT_FAILED;
}

static bool is_expected(const struct session *s, const struct answer *a, const char *shape)
{
	if (a->status == 202)
		return args_has(&s->args, OPTION_ASYNC) && shape_fits(a->json, "s:id");
	if (shape == NULL)
		return a->status == 204;
	return (a->status == 200 || a->status == 201) && shape_fits(a->json, shape);
}

enum exit_code session_ask_for(struct session *s, struct request *r, const char *shape,
			       struct answer *ret_answer)
{
	struct answer answer;
	enum exit_code code = request_add_options(r, &s->args);

	if (code == EXIT_DONE)
		code = session_ask(s, r, &answer);
	if (code != EXIT_DONE)
		return code;
	if (!is_expected(s, &answer, shape)) {
		answer_fini(&answer);
		return session_strange(s, r);
	}
	*ret_answer = answer;
	return EXIT_DONE;
}
