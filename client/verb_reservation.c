/* reservation: units promised to somebody until a time, and then sold or given back. */
#include "base/check.h"
#include "client/command.h"
#include "client/pages.h"
#include "client/session.h"
#include "client/show.h"
#include "client/memory.h"
#include <stdlib.h>
#include <string.h>

enum { TTL_DEFAULT_S = 600 };

/* lines += {"sku","location","quantity"} of "SKU/LOCATION=QUANTITY". */
static enum exit_code line_add(json_t *lines, const char *word)
{
	const char *slash = strchr(word, '/');
	const char *equals = slash == NULL ? NULL : strchr(slash, '=');
	char *end = NULL;
	long long quantity = equals == NULL ? 0 : strtoll(equals + 1, &end, 10);

	if (equals == NULL || slash == word || equals == slash + 1 || equals[1] == '\0' ||
	    *end != '\0')
		return exit_usage("a line is SKU/LOCATION=QUANTITY, not '%s'", word);

	json_t *sku = json_stringn(word, (size_t)(slash - word));
	json_t *location = json_stringn(slash + 1, (size_t)(equals - slash - 1));
	if (sku == NULL || location == NULL) {
		json_decref(sku);
		json_decref(location);
		return exit_usage("a line is not UTF-8: '%s'", word);
	}
	json_t *line = memory_or_exit(json_object());
	json_put(line, "sku", sku);
	json_put(line, "location", location);
	json_put(line, "quantity", json_integer(quantity));
	if (json_array_append_new(lines, line) != 0)
		exit_out_of_memory();
	return EXIT_DONE;
}

/* The operands from `first` on. */
static enum exit_code lines_add(struct session *s, struct api_request *r, int first)
{
	json_t *lines = memory_or_exit(json_array());
	enum exit_code code = EXIT_DONE;

	json_put(api_request_body(r), "lines", lines);
	for (int i = first; i < s->args.operand_count && code == EXIT_DONE; i++)
		code = line_add(lines, session_operand(s, i));
	return code;
}

/* Nothing is held by one that has ended, however the answer was meant. */
static enum exit_code judge_state(const json_t *reservation, const char *state)
{
	const char *is = json_member_text(reservation, "state");

	if (state == NULL || strcmp(is, state) == 0)
		return EXIT_DONE;
	exit_failed("the reservation is %s, not %s", is, state);
	return EXIT_CONFLICT;
}

/* `state`: that it has to be in when it was done; NULL: any. */
static enum exit_code ask(struct session *s, struct api_request *r, const char *state)
{
	struct response response;
	enum exit_code code = show_asked(s, r, &show_reservations, &response);

	if (code != EXIT_DONE)
		return code;
	if (response.status != 202) {
		if (!s->is_json)
			show_timing(&response);
		code = judge_state(response.json, state);
	}
	response_fini(&response);
	return code;
}

/* METHOD /v1/reservations/ID[/verb] */
static void one_init(struct api_request *r, const struct session *s, const char *method,
		     const char *verb)
{
	api_request_init(r, method, "/v1/reservations");
	api_request_add_segment(r, session_operand(s, 0));
	if (verb != NULL)
		api_request_add_segment(r, verb);
}

enum exit_code verb_reservation_list(struct session *s)
{
	return pages_get(s, "/v1/reservations", &show_reservations);
}

enum exit_code verb_reservation_show(struct session *s)
{
	struct api_request r;

	one_init(&r, s, "GET", NULL);
	enum exit_code code = ask(s, &r, NULL);
	api_request_fini(&r);
	return code;
}

enum exit_code verb_reservation_make(struct session *s)
{
	bool has_id = args_has(&s->args, OPTION_ID);
	struct api_request r;

	api_request_init(&r, has_id ? "PUT" : "POST", "/v1/reservations");
	if (has_id)
		api_request_add_segment(&r, s->args.values[OPTION_ID]);
	session_default_ttl(s, &r, TTL_DEFAULT_S);
	enum exit_code code = lines_add(s, &r, 0);
	if (code == EXIT_DONE)
		code = ask(s, &r, "active");
	api_request_fini(&r);
	return code;
}

enum exit_code verb_reservation_commit(struct session *s)
{
	struct api_request r;

	one_init(&r, s, "POST", "commit");
	api_request_body(&r);
	enum exit_code code = s->args.operand_count > 1 ? lines_add(s, &r, 1) : EXIT_DONE;
	if (code == EXIT_DONE)
		code = ask(s, &r, "committed");
	api_request_fini(&r);
	return code;
}

enum exit_code verb_reservation_release(struct session *s)
{
	struct api_request r;

	one_init(&r, s, "POST", "release");
	api_request_body(&r);
	enum exit_code code = ask(s, &r, "released");
	api_request_fini(&r);
	return code;
}

enum exit_code verb_reservation_extend(struct session *s)
{
	struct api_request r;

	one_init(&r, s, "POST", "extend");
	session_default_ttl(s, &r, TTL_DEFAULT_S);
	enum exit_code code = ask(s, &r, "active");
	api_request_fini(&r);
	return code;
}
