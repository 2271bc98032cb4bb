/*
 * api_calls - many requests at once, each on a connection of its own (libcurl's multi interface).
 *
 *     struct calls *calls = calls_open(api, 200);
 *     struct call c = { .timeout_ms = 3000, .done = on_done };
 *     call_start(calls, &c, &request);
 *     while (calls_under_way(calls) > 0)
 *             calls_wait(calls, NULL, 0, 1000);      // calls c.done()
 *     calls_close(calls);
 *
 * HTTP/1.1 answers the requests of one connection one after the other, so what is to be answered
 * independently needs connections of its own. Connections are kept for those who come later.
 *
 * The order of done() is the order in which answers arrived here: epoll reports sockets in the
 * order in which they became readable, and each is read by itself. (Asking libcurl to look after
 * all of them at once would go through them in the order in which they were started.)
 *
 * Threads: one. Ownership: a call stays where it is until its done(); then it may be used again.
 */
#pragma once
#include "client/api.h"
#include <poll.h>

struct calls;

struct call {
	const char *accept; /* NULL: JSON */
	long timeout_ms;    /* for all of it; 0: none, for a stream */
	/* Each piece of the body of a success; false ends the call. NULL: it is collected. */
	bool (*receive)(struct call *c, const char *bytes, size_t byte_count);
	/* Answered, or not. The answer is freed behind it; the call may be started again in it. */
	void (*done)(struct call *c);

	/* For done(). */
	struct response response; /* status 0: no whole answer came */
	char reason[256];         /* and why; "" for a stream that ended well */

	/* Set by call_start(). */
	struct calls *calls;
	void *curl; /* NULL: not under way */
	void *headers;
};

/* connections: as many are kept open when they are idle. */
struct calls *calls_open(struct api *api, int connections);

/* Nothing is under way any more. NULL is fine. */
void calls_close(struct calls *calls);

/* Sends the request at once where a connection is open; else as soon as one is. */
void call_start(struct calls *calls, struct call *c, const struct api_request *r);

/* Gives it up, without its done(). One that is not under way is fine. */
void call_stop(struct call *c);

int calls_under_way(const struct calls *calls);

/*
 * Waits until something happened to a call or to one of the caller's descriptors, a signal came, or
 * the time is up, and does what there is to do for the calls.
 */
void calls_wait(struct calls *calls, struct pollfd others[], int other_count, int64_t timeout_ms);
