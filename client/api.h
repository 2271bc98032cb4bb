/*
 * api - sends requests and receives answers: the client's home of libcurl.
 *
 *     struct api *api;
 *     code = api_open(&(struct api_options){ .url = "http://127.0.0.1:8080", .timeout_s = 30,
 *                                            .token = "" }, &api);
 *     code = api_send(api, &request, &response);   // DONE: the server answered, whatever it said
 *     ...
 *     response_fini(&response);
 *     api_close(api);
 *
 * The connection is kept between requests. Redirects are not followed, nothing is sent twice.
 */
#pragma once
#include "client/api_request.h"
#include <stdio.h>

struct api;

/* The headers of an answer that somebody looks at. */
enum response_header {
	RESPONSE_CONTENT_TYPE,
	RESPONSE_EPOCH,
	RESPONSE_REPLAYED,
	RESPONSE_REQUEST_ID,
	RESPONSE_SERVER_TIMING,
	RESPONSE_STOCK_SEQ,
	RESPONSE_HEADER_COUNT,
};

struct response {
	long status;
	bool is_anonymous; /* no token went with its request */
	struct text body;
	json_t *json;                         /* the body, where it is JSON; else NULL */
	char *headers[RESPONSE_HEADER_COUNT]; /* NULL: not sent */
};

struct api_options {
	const char *url;       /* "http://HOST:PORT", "https://HOST", or "unix:PATH" */
	const char *token;     /* goes with each request; "": there is none */
	const char *ca;        /* a file of certificates that https trusts; NULL: the system's */
	long timeout_s;        /* of one request and its answer */
	bool is_plain_allowed; /* a token may go to another machine by http */
};

/*
 * Complains about a URL that is none, about certificates that cannot be read, and about a token
 * that others could read on its way: https, unix sockets and this machine's loopback are fine.
 * Nothing is sent yet. The token is copied.
 */
enum exit_code api_open(const struct api_options *options, struct api **ret_api);
void api_close(struct api *api); /* NULL is fine */

/* Where requests go: scheme, host and port, without a slash at the end; or "unix:PATH". */
const char *api_url(const struct api *api);

/* EXIT_UNREACHABLE, with the reason on stderr, when no whole answer came. */
enum exit_code api_send(struct api *api, const struct api_request *r,
			struct response *ret_response);

/* A long body that goes, and one that comes, without ever being in memory as a whole. */
struct transfer {
	FILE *upload; /* the request's body, from where it stands to its end; NULL: none */
	int64_t upload_bytes;
	const char *content_type; /* of it */
	const char *accept;       /* NULL: whatever comes */
	/*
	 * Each piece of the body of a success; false ends the transfer. A problem's body is
	 * collected in the answer.
	 */
	bool (*receive)(void *context, const char *bytes, size_t byte_count);
	/* Now and then; may be NULL. `total` is 0 where nobody knows. */
	void (*progress)(void *context, int64_t sent, int64_t received, int64_t total);
	void *context;
};

/* The same as api_send(), however long it takes, as long as the server is there. */
enum exit_code api_transfer(struct api *api, const struct api_request *r, const struct transfer *t,
			    struct response *ret_response);

void response_fini(struct response *a);

/* A header's value, or "". */
const char *response_header(const struct response *a, enum response_header h);
