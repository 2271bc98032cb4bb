/*
 * handlers_pages - what is not stock: the description of the API, problems, the dashboard.
 */
#include "http/asset.h"
#include "http/reply.h"
#include "openapi_json.h"
#include "wire/problems.h"
#include <string.h>

static const char plain[] = "text/plain; charset=utf-8";

void handle_openapi(struct exchange *x)
{
	text_add_bytes(&x->reply, openapi_json, openapi_json_bytes);
	reply_json(x, 200, 0);
}

/* ---------------------------------------------------------------- problems */

static bool wants_json(const struct exchange *x)
{
	const char *accept = exchange_header(x, "Accept");

	return accept != NULL && strstr(accept, "json") != NULL;
}

static void write_problem(struct json *j, const struct outcome_row *row)
{
	json_open(j, '{');
	JSON_NAME(j, "code"), json_text(j, row->code);
	JSON_NAME(j, "status"), json_int(j, row->http_status);
	JSON_NAME(j, "title"), json_text(j, row->title);
	JSON_NAME(j, "hint"), json_text(j, row->hint);
	JSON_NAME(j, "same_key_repeats_it"), json_bool(j, row->is_recorded);
	json_close(j, '}');
}

void handle_problem_list(struct exchange *x)
{
	struct json j = json_begin(&x->reply);

	if (!wants_json(x)) {
		for (enum outcome o = OUTCOME_DONE + 1; o < OUTCOME_COUNT; o++)
			text_add_format(&x->reply, "%d  %-26s %s\n", outcome_row(o)->http_status,
					outcome_row(o)->code, outcome_row(o)->title);
		reply_text(x, 200, plain);
		return;
	}
	json_open(&j, '{');
	JSON_NAME(&j, "data"), json_open(&j, '[');
	for (enum outcome o = OUTCOME_DONE + 1; o < OUTCOME_COUNT; o++)
		write_problem(&j, outcome_row(o));
	json_close(&j, ']');
	JSON_NAME(&j, "next"), json_none(&j);
	json_close(&j, '}');
	text_add_char(&x->reply, '\n');
	reply_json(x, 200, 0);
}

void handle_problem_show(struct exchange *x)
{
	enum outcome o = outcome_by_code(call_of(x)->names[0]);
	struct json j = json_begin(&x->reply);

	if (o == OUTCOME_COUNT || o == OUTCOME_DONE) {
		reply_refuse(x, OUTCOME_UNKNOWN_PROBLEM, NULL);
	} else if (wants_json(x)) {
		write_problem(&j, outcome_row(o));
		text_add_char(&x->reply, '\n');
		reply_json(x, 200, 0);
	} else {
		text_add_format(&x->reply, "%s (HTTP %d)\n\n%s.\n\n%s\n", outcome_row(o)->code,
				outcome_row(o)->http_status, outcome_row(o)->title,
				outcome_row(o)->hint);
		reply_text(x, 200, plain);
	}
}

/* ---------------------------------------------------------------- home */

void handle_ui(struct exchange *x)
{
	asset_reply(x, call_of(x)->names[0]);
}

void handle_docs(struct exchange *x)
{
	asset_reply(x, "docs.html");
}

/* Things to type, with the address under which this server was reached. */
static void reply_things_to_type(struct exchange *x)
{
	static const char *const lines[] = {
		"# an item, a location, and ten pieces on the shelf",
		"curl -X PUT http://%s/v1/items/TRY-1 -d '{\"name\":\"Something to try\"}'",
		"curl -X PUT http://%s/v1/locations/HERE -d '{\"name\":\"Right here\"}'",
		"curl http://%s/v1/stock/TRY-1/HERE/adjust -d '{\"delta\":10}'",
		"",
		"# sell three, and see what the lock cost (Server-Timing)",
		"curl -i http://%s/v1/stock/TRY-1/HERE/adjust -d "
		"'{\"delta\":-3,\"reason\":\"sale\"}'",
		"",
		"# hold the row, let somebody wait for it, look at the queue, read it all the same",
		"curl http://%s/v1/leases -d "
		"'{\"rows\":[{\"sku\":\"TRY-1\",\"location\":\"HERE\"}],"
		"\"ttl_s\":30,\"purpose\":\"to see it\"}'",
		"curl 'http://%s/v1/stock/TRY-1/HERE/adjust?wait=40' -d '{\"delta\":-1}' &",
		"curl http://%s/v1/locks?pretty",
		"curl http://%s/v1/stock/TRY-1/HERE",
		"",
		"# what happened",
		"curl 'http://%s/v1/movements?sku=TRY-1&order=desc&pretty'",
		"",
		"# more: /docs /openapi.json /problems /metrics /readyz, and this page in a "
		"browser",
	};
	const char *host = exchange_header(x, "Host");

	text_add(&x->reply, "Rowlock " ROWLOCK_VERSION " - an inventory that never sells a unit "
			    "twice. Things to type:\n\n");
	for (size_t i = 0; i < LENGTH_OF(lines); i++) {
		const char *at = strstr(lines[i], "%s");

		if (at != NULL) {
			text_add_bytes(&x->reply, lines[i], (size_t)(at - lines[i]));
			text_add(&x->reply, host != NULL ? host : "127.0.0.1:8080");
			text_add(&x->reply, at + 2);
		} else {
			text_add(&x->reply, lines[i]);
		}
		text_add_char(&x->reply, '\n');
	}
	exchange_header_add(x, "Vary", "Accept, Accept-Encoding");
	reply_text(x, 200, plain);
}

/* The dashboard for browsers; whoever types gets something to type. */
void handle_home(struct exchange *x)
{
	const char *accept = exchange_header(x, "Accept");

	if (accept != NULL && strstr(accept, "text/html") != NULL)
		asset_reply(x, "index.html");
	else
		reply_things_to_type(x);
}
