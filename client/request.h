/*
 * request - one HTTP request, as text, before it is sent.
 *
 *     struct request r;
 *     request_init(&r, "POST", "/v1/stock");
 *     request_add_segment(&r, "A-1");             // escaped: /v1/stock/A-1
 *     request_add_query(&r, "wait", "5");         // escaped: ?wait=5
 *     json_put(request_body(&r), "delta", json_integer(-3));
 *     code = request_add_options(&r, &args);      // --reason, --key, --lease ...
 *     ...
 *     request_fini(&r);
 */
#pragma once
#include "base/text.h"
#include "client/args.h"
#include "client/json.h"

enum { REQUEST_HEADERS_MAX = 8 };

struct request {
	const char *method;
	struct text path; /* from the first slash on, with the query */
	bool has_query;
	struct text headers[REQUEST_HEADERS_MAX]; /* "Name: value" */
	int header_count;
	json_t *body; /* NULL: none */
};

/* The path is taken as it is, and may have a query already. */
void request_init(struct request *r, const char *method, const char *path);
void request_fini(struct request *r);

void request_add_segment(struct request *r, const char *segment);
void request_add_query(struct request *r, const char *name, const char *value);
void request_add_header(struct request *r, const char *name, const char *value);
bool request_has_header(const struct request *r, const char *name);

/* The body, an empty object at first. */
json_t *request_body(struct request *r);

/*
 * Puts every option of the command line to where options.def sends it. Complains about a value that
 * cannot be sent.
 */
enum exit_code request_add_options(struct request *r, const struct args *a);

/* body[name] = text; complains when it is not UTF-8. */
enum exit_code request_add_text(struct request *r, const char *name, const char *text);

/* body[name] = the whole number that `text` is; complains, calling it `operand`, when it is none.
 */
enum exit_code request_add_number(struct request *r, const char *name, const char *operand,
				  const char *text);
