/*
 * api_request - one HTTP request, as text, before it is sent.
 *
 *     struct api_request r;
 *     api_request_init(&r, "POST", "/v1/stock");
 *     api_request_add_segment(&r, "A-1");             // escaped: /v1/stock/A-1
 *     api_request_add_query(&r, "wait", "5");         // escaped: ?wait=5
 *     json_put(api_request_body(&r), "delta", json_integer(-3));
 *     code = api_request_add_options(&r, &args);      // --reason, --key, --lease ...
 *     ...
 *     api_request_fini(&r);
 */
#pragma once
#include "base/text.h"
#include "client/args.h"
#include "client/json.h"

enum { REQUEST_HEADERS_MAX = 8 };

struct api_request {
	const char *method;
	struct text path; /* from the first slash on, with the query */
	bool has_query;
	struct text headers[REQUEST_HEADERS_MAX]; /* "Name: value" */
	int header_count;
	json_t *body; /* NULL: none */
};

/* The path is taken as it is, and may have a query already. */
void api_request_init(struct api_request *r, const char *method, const char *path);
void api_request_fini(struct api_request *r);

void api_request_add_segment(struct api_request *r, const char *segment);
void api_request_add_query(struct api_request *r, const char *name, const char *value);
void api_request_add_header(struct api_request *r, const char *name, const char *value);
bool api_request_has_header(const struct api_request *r, const char *name);

/* The body, an empty object at first. */
json_t *api_request_body(struct api_request *r);

/*
 * Puts every option of the command line to where options.def sends it. Complains about a value that
 * cannot be sent.
 */
enum exit_code api_request_add_options(struct api_request *r, const struct args *a);

/* body[name] = text; complains when it is not UTF-8. */
enum exit_code api_request_add_text(struct api_request *r, const char *name, const char *text);

/*
 * body[name] = the whole number that `text` is; complains, calling it `operand`, when it is none.
 */
enum exit_code api_request_add_number(struct api_request *r, const char *name, const char *operand,
				      const char *text);
