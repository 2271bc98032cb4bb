/*
 * request - an exchange from the inside: what the loop keeps beside what handlers see.
 *
 *         PAUSED
 *           │ ▲
 *           ▼ │
 *     NEW ──> RECEIVING ──> RUNNING ──> REPLIED
 *                            │   ▲
 *                            ▼   │
 *                           PARKED ──> RETURNED    its parcel came: resume() runs next
 *                                └───> EXPIRED     its deadline passed: its kind's expire() does
 *                                └───> ABANDONED   its client left, or its stream is over
 *
 * NEW: its target was read. RECEIVING: its headers are there, its body is coming in; whoever takes
 * a body piece by piece may have it PAUSED. While it is PAUSED or PARKED its connection is
 * suspended. RETURNED and EXPIRED lead back to RUNNING.
 *
 * Threads: the loop's. Ownership: the loop's; request_pool keeps the memory for the next one.
 */
#pragma once
#include "core/limits.h"
#include "exchange/exchange.h"
#include "exchange/header.h"

enum request_state {
	REQUEST_NEW,
	REQUEST_RECEIVING,
	REQUEST_PAUSED,
	REQUEST_RUNNING,
	REQUEST_PARKED,
	REQUEST_RETURNED,
	REQUEST_EXPIRED,
	REQUEST_ABANDONED,
	REQUEST_REPLIED,
	REQUEST_STATES,
};

struct connection;

struct request {
	struct exchange x;
	enum request_state state;
	/* The edge's. NULL: it is gone, its parcel is still to come. */
	struct connection *connection;
	struct list link; /* in request_pool.free or host.parked */

	exchange_continue *resume; /* while it is parked or due */
	int64_t parked_until_ns;

	struct text body;
	int64_t body_declared; /* by Content-Length; 0: none */
	int64_t body_received; /* all of it, kept or not */
	enum outcome refusal;  /* found before the handler was asked; OUTCOME_DONE: none */
	const char *refusal_detail;
	bool is_stream; /* its handler is called with its head */
	/*
	 * REPLIED before its body was there: it goes out behind that, or instead of what would be
	 * said about that.
	 */
	bool is_answer_held;

	bool is_old;           /* HTTP/1.0 */
	bool expects;          /* its client waits for 100 Continue before it sends the body */
	const char *authority; /* of an absolute request target; NULL: see the Host header */
	int header_count;
	struct header headers[HEADER_COUNT_MAX];
};

static inline struct request *request_of(struct exchange *x)
{
	return CONTAINER_OF(x, struct request, x);
}

/* Requests of one loop that are not in use. */
struct request_pool {
	struct list free;
	int count;
	uint64_t id_prefix; /* makes ids of different loops and runs differ */
	uint64_t id_next;
};

void request_pool_init(struct request_pool *p);
void request_pool_fini(struct request_pool *p);

/* A request that is RECEIVING, with an id of its own; NULL when memory is short. */
struct request *request_take(struct request_pool *p);

/* Gives everything back that it holds. Never while a parcel of its own is under way. */
void request_return(struct request_pool *p, struct request *r);

/* Changes state; CHECKs that the arrow exists. */
void request_move(struct request *r, enum request_state next);

/* RETURNED or EXPIRED: its handler goes on. */
void request_continue(struct request *r);

/* The same for one whose connection is gone: nobody hears its answer. */
void request_finish_orphan(struct request *r);

/* Adds a header as it came; the texts stay the caller's. At most HEADER_COUNT_MAX. */
void request_add_header(struct request *r, const char *name, size_t name_bytes, const char *value);

/* Takes X-Request-Id over where it is well-formed. */
void request_take_id(struct request *r);

/* Splits a copy of the raw target into path, query and authority. False: memory is short. */
bool request_take_target(struct request *r, const char *target);

enum http_method http_method_of(const char *text);
