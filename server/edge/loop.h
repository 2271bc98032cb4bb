/*
 * loop - the innards of edge.h, shared by the files that make it up:
 *
 *     edge.c          opening, starting, draining, closing all of it
 *     loop.c          a thread: its turns, and its end
 *     acceptor.c      taking connections, and dealing them to the loops
 *     inbox.c         how one loop reaches another
 *     daemon.c        everything that touches microhttpd
 *     loop_host.c     what exchanges ask of their loop
 *     connection.c    one client's connection: its time limits, and answers that bypass microhttpd
 *     input.c         what microhttpd gets to read of it: framing.c, sockets/
 *     output.c        what becomes of the answers that it sends
 *     header_guard.c  which requests are refused for their headers
 *     listener.c      the listening sockets
 *     unix_socket.c   the file of one that is no TCP
 *
 * Threads: a loop's fields are its own thread's once it runs, except where they say otherwise.
 */
#pragma once
#include "core/deadline.h"
#include "edge/edge.h"
#include "edge/header_guard.h"
#include "edge/sockets/sockets.h"
#include <pthread.h>
#include <stdatomic.h>

struct MHD_Daemon;
struct MHD_Response;

struct loop {
	struct edge *edge;
	int index;
	pthread_t thread;
	bool is_running;  /* the starter's */
	int inbox_fds[2]; /* a pipe of accepted sockets, or INBOX_NUDGE; written by any thread */
	struct host host; /* its exchanges */
	struct MHD_Daemon *daemon;
	struct MHD_Response *empty_response; /* of all answers that output.c puts together */
	struct watched_sockets sockets;      /* microhttpd's, and what else ends a wait */

	int64_t now_ns; /* when this turn began */
	struct deadline **heap;
	struct deadline_queue deadlines; /* connection.deadline, one for each connection */
	struct list connections;         /* connection.link */
	struct list free_connections;
	int connection_count;
	uint64_t opened_count; /* connections so far */

	int next_loop;     /* whose turn it is to get a connection; of the one that accepts */
	bool is_accepting; /* the listeners are in the epoll set; of the one that accepts */
	int64_t accept_ns; /* not before this time */
	int64_t accept_warned_ns; /* the log was told last */
};

struct edge {
	struct edge_options options;
	int connection_limit;
	struct listeners listeners; /* the first loop's, while they run */
	struct header_guard guard;
	int loop_count; /* that are open */
	struct loop *loops;

	atomic_int connection_count; /* of all loops, and on their way to them */
	atomic_bool is_paused;       /* no connections are taken; whoever closes one nudges */
	atomic_bool logs_requests;
	atomic_bool is_draining;
	/* What has not come by then is refused; written before is_draining, as is the next one. */
	int64_t drain_until_ns;
	int64_t drain_cut_ns; /* who is still reading then is cut */
};

/* 0 or a fault; it is to be closed in any case. */
int loop_open(struct loop *l, struct edge *e, int index);
void loop_close(struct loop *l);

/* Its thread; one that was not started need not be joined, which is harmless. */
int loop_start(struct loop *l);
void loop_join(struct loop *l);
