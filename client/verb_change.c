/* adjust, set, count and transfer: the writes that move stock. */
#include "base/check.h"
#include "client/command.h"
#include "client/session.h"
#include "client/show.h"

/* Sends the request, whose body has its operands by now, and shows what it did. */
static enum exit_code change_send(struct session *s, struct api_request *r, const char *shape)
{
	struct response response;
	enum exit_code code = session_ask_for(s, r, shape, &response);

	if (code != EXIT_DONE)
		return code;
	if (response.status == 202 || show_write_fits(response.json))
		show_write(s, &response);
	else
		code = session_strange(s, r);
	response_fini(&response);
	return code;
}

/* POST /v1/stock/SKU/LOCATION/verb with the third operand as a number. */
static enum exit_code row_change(struct session *s, const char *verb, const char *field,
				 const char *operand)
{
	struct api_request r;

	api_request_init(&r, "POST", "/v1/stock");
	api_request_add_segment(&r, session_operand(s, 0));
	api_request_add_segment(&r, session_operand(s, 1));
	api_request_add_segment(&r, verb);
	enum exit_code code = api_request_add_number(&r, field, operand, session_operand(s, 2));
	if (args_has(&s->args, OPTION_FORCE))
		json_put(api_request_body(&r), "expected", json_null());
	if (code == EXIT_DONE)
		code = change_send(s, &r, show_change_shape);
	api_request_fini(&r);
	return code;
}

enum exit_code verb_adjust(struct session *s)
{
	return row_change(s, "adjust", "delta", "DELTA");
}

/* Without a compare the server answers 428 and says what is missing. */
enum exit_code verb_set(struct session *s)
{
	static const enum option compares[] = { OPTION_EXPECTED, OPTION_EXPECTED_VERSION,
						OPTION_IF_MATCH };

	for (size_t i = 0; i < LENGTH_OF(compares); i++)
		if (args_has(&s->args, OPTION_FORCE) && args_has(&s->args, compares[i]))
			return exit_usage("--force and --%s contradict each other",
					  option_row(compares[i])->flag);
	return row_change(s, "set", "on_hand", "ON_HAND");
}

/* The server would name a field of the body, which nobody typed. */
enum exit_code verb_count(struct session *s)
{
	if (!args_has(&s->args, OPTION_AS_OF))
		return exit_usage(
			"--as-of SEQ is missing: what rowlock stock %s %s showed as SEQ when the "
			"counting began; counted under a lease: rowlock set --force --lease",
			session_operand(s, 0), session_operand(s, 1));
	return row_change(s, "count", "counted", "COUNTED");
}

enum exit_code verb_transfer(struct session *s)
{
	static const char *const fields[] = { "sku", "from", "to" };
	enum exit_code code = EXIT_DONE;
	struct api_request r;

	api_request_init(&r, "POST", "/v1/transfers");
	for (size_t i = 0; i < LENGTH_OF(fields) && code == EXIT_DONE; i++)
		code = api_request_add_text(&r, fields[i], session_operand(s, (int)i));
	if (code == EXIT_DONE)
		code = api_request_add_number(&r, "quantity", "QUANTITY", session_operand(s, 3));
	if (code == EXIT_DONE)
		code = change_send(s, &r, show_transfer_shape);
	api_request_fini(&r);
	return code;
}
