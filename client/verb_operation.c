/* operation: what became of a write that was sent with --async. */
#include "client/command.h"
#include "client/session.h"
#include "client/show.h"
#include <string.h>
#include <time.h>

enum { WAIT_S = 20 }; /* well below --timeout; the next question follows soon */

/* So that a server which is stopping, and answers at once, is not asked all the time. */
static const struct timespec pause_between = { .tv_nsec = 100000000 };

static const char shape[] = "s:id s:state";

/* METHOD /v1/operations/ID */
static void one_init(struct api_request *r, const struct session *s, const char *method)
{
	api_request_init(r, method, "/v1/operations");
	api_request_add_segment(r, session_operand(s, 0));
}

static void show(const struct session *s, const struct response *a)
{
	if (s->is_json)
		show_body(a);
	else
		show_fields(a->json);
}

/* What is neither finished nor one of these is nothing that we know how to wait for. */
static bool is_under_way(const struct response *a)
{
	const char *state = json_member_text(a->json, "state");

	return strcmp(state, "waiting") == 0 || strcmp(state, "committing") == 0;
}

static bool is_finished(const struct response *a)
{
	return json_is_integer(json_object_get(a->json, "status"));
}

/* What the write itself would have ended with; CONFLICT while it has not. */
static enum exit_code code_of(const struct response *a)
{
	const json_t *result = json_object_get(a->json, "result");

	if (!is_finished(a))
		return EXIT_CONFLICT;
	return exit_of_answer((long)json_member_int(a->json, "status"),
			      json_member_text(result, "code"));
}

static enum exit_code ask_and_show(struct session *s, const char *method)
{
	struct response response;
	struct api_request r;

	one_init(&r, s, method);
	enum exit_code code = session_ask_for(s, &r, shape, &response);
	api_request_fini(&r);
	if (code != EXIT_DONE)
		return code;
	show(s, &response);
	response_fini(&response);
	return EXIT_DONE;
}

enum exit_code verb_operation_show(struct session *s)
{
	return ask_and_show(s, "GET");
}

enum exit_code verb_operation_withdraw(struct session *s)
{
	return ask_and_show(s, "DELETE");
}

/* Asks once; without --wait as often as it takes. */
enum exit_code verb_operation_wait(struct session *s)
{
	bool is_limited = args_has(&s->args, OPTION_WAIT);
	struct response response;
	bool is_over = true;

	do {
		struct api_request r;
		char wait[8];

		one_init(&r, s, "GET");
		snprintf(wait, sizeof(wait), "%d", WAIT_S);
		if (!is_limited)
			api_request_add_query(&r, "wait", wait);
		enum exit_code code = session_ask_for(s, &r, shape, &response);
		api_request_fini(&r);
		if (code != EXIT_DONE)
			return code;
		is_over = is_limited || is_finished(&response) || !is_under_way(&response);
		if (!is_over) {
			response_fini(&response);
			nanosleep(&pause_between, NULL);
		}
	} while (!is_over);

	enum exit_code code = code_of(&response);

	show(s, &response);
	response_fini(&response);
	return code;
}
