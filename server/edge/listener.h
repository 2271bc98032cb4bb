/*
 * listener - the one socket that takes connections.
 *
 * Without SO_REUSEPORT: with it a second server would share the port in silence. What connections
 * inherit (TCP_NODELAY) is set here, once.
 *
 * Threads: one at a time.
 */
#pragma once
#include "ops/address.h"

struct listener {
	int fd; /* -1: closed */
	int port;
	bool is_any;                   /* the wildcard address */
	char name[ADDRESS_HOST_BYTES]; /* the host as it was typed */
	char host[64];                 /* the address as digits: "127.0.0.1", "[::1]" */
};

/*
 * Binds "HOST:PORT"; an IPv6 address stands in brackets, an empty HOST or * is every address, port
 * 0 takes a free one. Nobody can connect yet, but somebody else's port is found out. Returns 0 or a
 * fault: -EINVAL (no such thing), -EADDRNOTAVAIL (a name that nobody knows), -EADDRINUSE, ...
 */
int listener_bind(struct listener *l, const char *address);

/* From now on connections come in. 0 or a fault: -EADDRINUSE, somebody was faster. */
int listener_listen(struct listener *l);

/* Harmless when it is closed. */
void listener_close(struct listener *l);

/* A new connection, non-blocking; -EAGAIN: none waits; or a fault (-EMFILE: out of descriptors). */
int listener_accept(struct listener *l);
