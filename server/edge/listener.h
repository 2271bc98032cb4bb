/*
 * listener - the sockets that take connections.
 *
 *     struct listeners all = { 0 };
 *     r = listeners_bind(&all, addresses, count, &failed);      // before the store is touched
 *     r = listeners_listen(&all, &failed);                      // when it may be served
 *     ...the edge's from now on...
 *
 * or listeners_inherit(), where a supervisor has opened them already. Of a failure the address, or
 * the socket, is named by its index.
 *
 * Without SO_REUSEPORT: with it a second server would share the port in silence. What connections
 * inherit (TCP_NODELAY) is set here, once. A unix socket has its file only once it listens:
 * unix_socket.h says why.
 *
 * Threads: one at a time; what they are called, and their ports, any loop reads meanwhile: closing
 * changes neither.
 */
#pragma once
#include "edge/unix_socket.h"
#include "ops/address.h"

enum { LISTENERS_MAX = ADDRESSES_MAX, LISTENER_TEXT_BYTES = 128 };

struct listener {
	int fd; /* -1: closed */
	bool is_unix;
	bool is_inherited; /* it listened before we came, and its file is not ours */
	bool is_local;     /* nobody beyond this machine can reach it: loopback, or a unix socket */
	int port;          /* 0: of a unix socket */
	bool is_any;       /* the wildcard address */
	char name[ADDRESS_HOST_BYTES]; /* the host as it was typed, or its digits */
	char host[64];                 /* the address as digits: "127.0.0.1", "[::1]" */
	struct address address;        /* of a unix socket: what it is to be */
	struct unix_socket file;       /* likewise: the file that we made */
};

struct listeners {
	int count;
	struct listener all[LISTENERS_MAX];
};

/*
 * An empty HOST or * is every address, port 0 takes a free one. Nobody can connect yet, but
 * somebody else's port is found out. Returns 0 or a fault: -EINVAL (no such thing), -EADDRNOTAVAIL
 * (a name that nobody knows), -EADDRINUSE, or unix_socket_try()'s; then all are closed.
 */
int listeners_bind(struct listeners *ls, const struct address addresses[], int count,
		   int *ret_failed);

/*
 * Takes the sockets first_fd ... over that somebody else opened: each must listen, for TCP or as a
 * unix socket. -EINVAL: one does not; -E2BIG: they are more than LISTENERS_MAX.
 */
int listeners_inherit(struct listeners *ls, int first_fd, int count, int *ret_failed);

/*
 * From now on connections come in. 0 or a fault: -EADDRINUSE, somebody was faster; then all are
 * closed.
 */
int listeners_listen(struct listeners *ls, int *ret_failed);

/* Harmless when they are closed. Files that we made are removed. */
void listeners_close(struct listeners *ls);

/* NULL: it is none of these. */
struct listener *listeners_find(struct listeners *ls, int fd);

/* The first one that somebody beyond this machine can reach; NULL: nobody can. */
const struct listener *listeners_first_open(const struct listeners *ls);

/*
 * "http://127.0.0.1:8080", or "unix:/run/rowlock/rowlock.sock"; "unix:@rowlock" of an inherited
 * socket that has a name and no file.
 */
void listener_text(const struct listener *l, char text[LISTENER_TEXT_BYTES]);

/* A new connection, non-blocking; -EAGAIN: none waits; or a fault (-EMFILE: out of descriptors). */
int listener_accept(struct listener *l);
