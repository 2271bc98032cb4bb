/*
 * edge - HTTP: our own epoll loops around libmicrohttpd in external mode.
 *
 * Connections of all listening sockets go round robin to the loops; each loop is one thread with
 * its own epoll set, daemon, mailbox and snapshot. Whatever is wrong with a request as HTTP
 * (framing, sizes, time limits, foreign Host or Origin) is answered here; a whole request is handed
 * to `handle`, its body complete.
 *
 * Why not microhttpd's own threads: with them it stalls for good at exactly 128, 256, 512
 * connections (docs/architecture.md).
 */
#pragma once
#include "edge/listener.h"
#include "exchange/host.h"

struct speakers;
struct waits_options;

struct edge_options {
	/* Listening already; the edge's from now on, also when that cannot be opened. */
	const struct listeners *listeners;
	int loop_count;       /* >= 1 */
	int connection_limit; /* 0: from RLIMIT_NOFILE */
	/* From the first byte to the end of the headers; also idle keep-alive. */
	int header_timeout_ms;
	int body_timeout_ms;
	int reply_timeout_ms;          /* a client that does not read its answer */
	const char *const *host_names; /* further names this server answers for; NULL-terminated */
	bool logs_requests;        /* one log line for each request; until edge_log_requests() */
	exchange_continue *handle; /* called on the loop thread with a whole request */
	/* Does its handler want to be called with the head, and take the body piece by piece? */
	bool (*streams)(const struct exchange *x);
	/*
	 * Answers that the loop gives itself go through here, so that all problems look alike: sets
	 * x->reply and headers, and calls exchange_reply(). detail may be NULL.
	 */
	void (*refuse)(struct exchange *x, enum outcome o, const char *detail);
	/*
	 * What exchanges of a loop can wait for: opened before it runs (0 or a fault), and closed
	 * when it has ended, also where it was not opened.
	 */
	int (*open_waits)(struct host *h, const struct waits_options *options);
	void (*close_waits)(struct host *h);
	const struct waits_options *waits_options;
	const struct speakers *speakers; /* whom a connection is believed; NULL: nobody */
	struct service *service;
};

enum { LOOPS_MAX = 8 };

/*
 * How many loops serve best on so many cores: all but one, which is the writer's, and not more than
 * a writer can feed and still be on time. 1 ... LOOPS_MAX; docs/performance.md has the figures.
 */
static inline int edge_loops_for(int core_count)
{
	if (core_count <= 2)
		return 1;
	return core_count - 1 < LOOPS_MAX ? core_count - 1 : LOOPS_MAX;
}

struct edge; /* the listening sockets and all loops */

/* Nothing is served before edge_start(). 0 or a fault. */
int edge_open(const struct edge_options *options, struct edge **ret_edge);

/* Wakes every loop, so that it takes a turn. Between edge_start() and edge_drain(). */
void edge_nudge(struct edge *e);

/* Starts the loop threads. On a fault some may run: edge_drain() and edge_close() then. */
int edge_start(struct edge *e);

enum { DRAIN_LAST_MS = 1000 };

/* From now on each request is logged, or none. Any thread. */
void edge_log_requests(struct edge *e, bool logs_requests);

/*
 * Stops taking connections and requests (503 draining, Connection: close; idle connections are
 * closed), answers what is under way, and ends the loop threads. Uploads that have not come by
 * until_ns (monotonic) are refused then, and DRAIN_LAST_MS later whoever is still reading is cut.
 * Call service_drain() with the same time first: what is parked gets its answer from there.
 */
void edge_drain(struct edge *e, int64_t until_ns);

/* After edge_drain(). NULL is fine. */
void edge_close(struct edge *e);
