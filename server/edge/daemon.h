/*
 * loop_daemon - microhttpd in external mode, driven by one loop: the only file that knows it.
 *
 * Never its own threads, never its own timeouts; MHD_run() polls without waiting, and the loop
 * waits for its epoll descriptor. Connections are suspended only when a request is complete, since
 * with chunked bodies microhttpd calls the handler again while suspended, and a second suspend
 * corrupts it.
 *
 * Threads: the loop's.
 */
#pragma once
#include "edge/connection.h"

/* 0 or a fault. */
int loop_daemon_open(struct loop *l);

/* Closes every connection. None may be suspended: microhttpd would abort. */
void loop_daemon_close(struct loop *l);

/* Becomes readable when loop_daemon_run() has something to do. */
int loop_daemon_fd(struct loop *l);

/* Takes over an accepted socket. */
void loop_daemon_adopt(struct loop *l, int fd);

/* Serves all that is ready, without waiting. */
void loop_daemon_run(struct loop *l);

/* Is there more to serve, although no descriptor will say so? */
bool loop_daemon_is_ready(struct loop *l);

/* A parked request goes on in the next loop_daemon_run(): it has just left PARKED. */
void loop_daemon_resume(struct request *r);

/* A paused request is RECEIVING again, and the rest of its body is read. */
void loop_daemon_go_on(struct request *r);

/* The parcel of a request whose connection is gone has come, or its handler must be told so. */
void loop_daemon_finish_orphan(struct loop *l, struct request *r);

/* When a client that is answered now must have read its answer. */
int64_t loop_daemon_reply_due_ns(const struct loop *l);

/* When more of a body must have come. */
int64_t loop_daemon_body_due_ns(const struct loop *l);

/* "Not Found" for 404. */
const char *loop_daemon_phrase(int status);
