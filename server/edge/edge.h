/*
 * edge - the innards of loop.h, shared by the files that make it up:
 *
 *     loop.c          threads, turns, deadlines, draining
 *     daemon.c        everything that touches microhttpd
 *     sockets/        what microhttpd reads and waits for passes through here
 *     connection.c    one client's connection: its time limits, and answers that bypass microhttpd
 *     listener.c      the listening socket
 *
 * Threads: a loop's fields are its own thread's once it runs, except where they say otherwise.
 */
#pragma once
#include "core/deadline.h"
#include "engine/operation_book.h"
#include "waiting/detached.h"
#include "edge/listener.h"
#include "edge/loop.h"
#include "exchange/request.h"
#include "waiting/seq.h"
#include "waiting/movements.h"
#include <pthread.h>
#include <stdatomic.h>

struct MHD_Daemon;
struct edge;

struct loop {
	struct edge *edge;
	int index;
	pthread_t thread;
	bool is_running; /* the starter's */
	int epoll_fd;
	int inbox_fds[2]; /* a pipe of accepted sockets, or INBOX_NUDGE; written by any thread */
	struct mailbox mailbox;
	struct snapshot snapshot;
	bool has_snapshot;
	struct MHD_Daemon *daemon;
	int daemon_epoll_fd; /* microhttpd's own set, inside ours */

	int64_t now_ns; /* when this turn began */
	struct deadline **heap;
	struct deadline_queue deadlines; /* connection.deadline, one for each connection */
	struct list connections;         /* connection.link */
	struct list free_connections;
	struct connection **by_fd; /* of this loop, or NULL; grows with the descriptors */
	size_t by_fd_count;
	int connection_count;
	uint64_t opened_count; /* connections so far */
	struct list parked;    /* requests that wait, by request.link */
	int64_t probe_ns;      /* when to look next whether their clients are still there */
	struct request_pool requests;
	struct subscribers subscribers;
	struct errands errands;
	struct seq_waits seq_waits;
	struct operation_home operations; /* that were begun here */

	bool is_draining;
	int next_loop;     /* whose turn it is to get a connection; of the one that accepts */
	bool is_accepting; /* the listener is in the epoll set; of the one that accepts */
	int64_t accept_ns; /* not before this time */
	int64_t accept_warned_ns; /* the log was told last */
};

struct edge {
	struct loop_options options;
	int connection_limit;
	struct listener listener; /* the first loop's, while they run */
	struct header_guard guard;
	int loop_count; /* that are open */
	struct loop *loops;
	struct operation_book operations;

	atomic_int connection_count; /* of all loops, and on their way to them */
	atomic_bool is_paused;       /* no connections are taken; whoever closes one nudges */
	atomic_bool is_draining;
	int64_t drain_until_ns; /* what has not come by then is refused; written before
				   is_draining, as is the next one */
	int64_t drain_cut_ns;   /* who is still reading then is cut */
};

/* What goes through an inbox when there is no socket, only something to look at. */
enum { INBOX_NUDGE = -1 };

/* Wakes a loop, so that it looks around. Any thread. */
void loop_nudge(struct loop *l);

/* A connection that was counted in edge.connection_count is gone. */
void edge_uncount(struct edge *e);
