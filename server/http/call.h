/*
 * call - what was read of a request before its handler is called, and how calls are set up.
 *
 * Threads: calls_configure() by main(), the rest on the loop's.
 */
#pragma once
#include "exchange/exchange.h"
#include "wire/request_text.h"
#include <stdatomic.h>
#include <string.h>

enum { ROUTE_NAMES_MAX = 2 };

struct route {
	enum http_method method;
	const char *path; /* "/v1/items/{sku}" */
	exchange_continue *handler;
	const char *label;
	const char *parameters;    /* of the query, separated by blanks */
	enum command_kind command; /* that it makes; COMMAND_KINDS: none */
	enum role role;            /* the least one that may call it */
};

/* exchange.context */
struct call {
	/* What stands at the {…} of the path, decoded and checked. */
	const char *names[ROUTE_NAMES_MAX];
	struct query query;
	bool is_pretty;
	int64_t preferred_wait_s; /* Prefer: wait, as it is applied; -1: none, or told */
	int64_t wait_until_ns;    /* when a wait that has begun ends; 0: none has */
	void *own;                /* the handler's */
};

struct lab_runs;
struct speakers;

struct calls_options {
	atomic_int_fast64_t wait_default_ms;
	bool is_insecure; /* a store without tokens is open on purpose, also through a proxy */
	atomic_bool requires_keys; /* refuse writes without an Idempotency-Key */
	struct lab_runs *lab;      /* of the laboratory; NULL: it is switched off */
	/* The edge's, too; NULL: no connection is believed anything. */
	const struct speakers *speakers;
};

/* Before the loops start. */
void calls_configure(const struct calls_options *options);

/* From now on. Any thread. */
void calls_change(int64_t wait_default_ms, bool requires_keys);
const struct calls_options *calls_configuration(void);

/* NULL before the dispatcher has begun, as in answers that the loop gives itself. */
static inline struct call *call_of(const struct exchange *x)
{
	return x->context;
}

/* A body that is taken line by line. */
static inline bool call_is_batch(const struct exchange *x)
{
	return x->method == HTTP_POST && strcmp(x->path, "/v1/batch") == 0;
}

/* The value of a query parameter, or NULL. */
static inline const char *call_parameter(const struct exchange *x, const char *name)
{
	return query_value(&call_of(x)->query, name);
}

/*
 * How long the request may wait: ?wait, else Prefer: wait, else when_absent_ms; of a wait that has
 * begun, what is left. False: ?wait cannot be read, and it was answered so.
 */
bool call_read_wait(struct exchange *x, int64_t when_absent_ms, int64_t *ret_ms);

/* The handlers: one for each ROUTE, and one for every WRITE. */
#define ROUTE(method, path, handler, label, parameters, role) \
	void handle_##handler(struct exchange *x);
#define WRITE(method, path, command, label, parameters)
#include "http/routes.def"
#undef ROUTE
#undef WRITE
void handle_write(struct exchange *x);
