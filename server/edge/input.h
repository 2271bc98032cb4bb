/*
 * input - what microhttpd gets to read of a connection: requests that are in order, one at a time.
 *
 * Bytes are followed by framing.h before microhttpd sees them. What is wrong with them is answered
 * behind the requests before it; what comes from a client that was answered for the last time is
 * thrown away.
 *
 * Threads: the loop's.
 */
#pragma once
#include "edge/sockets/sockets.h"

/* watched_sockets.read; the socket is a connection's. */
ssize_t input_read(struct watched_socket *s, void *buffer, size_t bytes);
