/*
 * daemon - microhttpd in external mode, driven by one loop: the only file that knows it.
 *
 * Never its own threads, never its own timeouts; MHD_run() polls without waiting, and the loop
 * waits for its epoll set (edge/sockets). Connections are suspended only when a request is
 * complete, since with chunked bodies microhttpd calls the handler again while suspended, and a
 * second suspend corrupts it.
 *
 * Threads: the loop's.
 */
#pragma once
#include "edge/connection.h"

/* 0 or a fault. */
int daemon_open(struct loop *l);

/* Closes every connection. None may be suspended: microhttpd would abort. */
void daemon_close(struct loop *l);

/* Takes over an accepted socket. */
void daemon_adopt(struct loop *l, int fd);

/* Serves all that is ready, without waiting. */
void daemon_run(struct loop *l);

/* Is there more to serve, although no descriptor will say so? */
bool daemon_is_ready(struct loop *l);

/* A parked request goes on in the next daemon_run(): it has just left PARKED. */
void daemon_resume(struct request *r);

/* A paused request is RECEIVING again, and the rest of its body is read. */
void daemon_go_on(struct request *r);
