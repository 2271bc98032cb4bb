/*
 * routes - which handler answers which call, from routes.def.
 *
 * 404, 405 with Allow, OPTIONS, unknown query parameters, media types and undecodable path segments are
 * answered here, so that handlers only see what they know.
 */
#pragma once
#include "http/exchange.h"
#include "wire/request_text.h"

enum { ROUTE_SEGMENTS_MAX = 2 };

struct route {
	enum http_method method;
	const char *path;
	exchange_continue *handler;
	const char *label;
	const char *parameters; /* separated by blanks */
};

/* What the dispatcher has read of a request before its handler is called: exchange.context. */
struct call {
	struct query query;
	const char *segments[ROUTE_SEGMENTS_MAX]; /* the {…} of the path, decoded */
	int segment_count;
	bool is_pretty;
	int64_t preferred_wait_s; /* Prefer: wait; -1: none */
	void *own;                /* the handler's */
};

struct routes_options {
	int64_t wait_default_ms;
	bool requires_keys; /* refuse writes without an Idempotency-Key */
};

/* Before the loops start. */
void routes_configure(const struct routes_options *options);
const struct routes_options *routes_configuration(void);

/* loop_options.handle */
void routes_handle(struct exchange *x);

static inline struct call *call_of(struct exchange *x)
{
	return x->context;
}

/* The handlers, one for each row. */
#define ROUTE(method, path, handler, label, parameters) void handle_##handler(struct exchange *x);
#include "http/routes.def"
#undef ROUTE
