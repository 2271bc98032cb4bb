/*
 * sockets - the system calls that microhttpd makes about a loop's sockets pass through here; see
 * sockets.c for why and how. Nothing else in the program defines a name of the C library.
 *
 *     sockets_init(&all, read, write);
 *     sockets_watch(&all, event_fd);                    // of the loop itself
 *     sockets_add(&all, &s);                            // microhttpd's
 *     ...a turn:
 *     sockets_wait(&all, timeout_ms);                   // the one call for all of them
 *     while ((fd = sockets_next_watched(&all)) >= 0) ...
 *     sockets_begin(&all);
 *     ...microhttpd runs: it is told what was waited for, what it reads from s it gets from
 *        read(), and what it sends to s goes to write()...
 *     sockets_end(&all);
 *
 * Threads: the loop's; a loop marks when it lets microhttpd run.
 */
#pragma once
#include "base/list.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

struct watched_socket {
	int fd;
	void *handle;         /* what microhttpd calls it */
	bool is_readable;     /* set by an event, cleared by a read that drained it */
	bool is_ended;        /* the client has sent all it will */
	bool is_being_parked; /* microhttpd is told to suspend it */
	bool keeps_place;     /* the kernel has it in the set, microhttpd believes it took it out */
	uint32_t kept_events; /* that were not passed on, since it kept its place */
	uint64_t sent_bytes;  /* that the kernel took of what was sent to it, files included */
	struct list link;     /* in watched_sockets.announced */
};

enum {
	EVENTS_MAX = 512, /* that one wait reports; what is more is reported by the next */
};

struct watched_sockets {
	int epoll_fd;          /* microhttpd's own set, in which the loop's descriptors are, too */
	struct list announced; /* those of which the next epoll_wait() tells */
	struct watched_socket **by_fd; /* of this loop, or NULL; grows with the descriptors */
	size_t by_fd_count;
	struct epoll_event events[EVENTS_MAX]; /* of the last wait */
	int event_count;
	int watched_next; /* before it the loop has looked for its own */
	int told_next;    /* before it they were told to microhttpd */
	/* What microhttpd's recv() does, as that would return it. */
	ssize_t (*read)(struct watched_socket *s, void *buffer, size_t byte_count);
	/* What its send() does, likewise. */
	ssize_t (*write)(struct watched_socket *s, const void *bytes, size_t byte_count, int flags);
};

/* The set is to be named when microhttpd has one: all->epoll_fd. */
void sockets_init(struct watched_sockets *all,
		  ssize_t (*read)(struct watched_socket *s, void *buffer, size_t byte_count),
		  ssize_t (*write)(struct watched_socket *s, const void *bytes, size_t byte_count,
				   int flags));
void sockets_fini(struct watched_sockets *all);

/* False: memory is short. */
bool sockets_add(struct watched_sockets *all, struct watched_socket *s);
void sockets_remove(struct watched_sockets *all, struct watched_socket *s);

/* From now on its events end a wait. 0 or a fault. */
int sockets_watch(struct watched_sockets *all, int fd);
void sockets_unwatch(struct watched_sockets *all, int fd);

/*
 * Until something happens, for timeout_ms at most (-1: without end), or a signal comes. What the
 * wait before reported must have been told to microhttpd.
 */
void sockets_wait(struct watched_sockets *all, int timeout_ms);

/* One of the loop's own descriptors of which the wait reported something, each once; then -1. */
int sockets_next_watched(struct watched_sockets *all);

void sockets_begin(struct watched_sockets *all);
void sockets_end(struct watched_sockets *all);

/* In read(): there is more to read than it returns, and nothing else will say so. */
void sockets_announce(struct watched_sockets *all, struct watched_socket *s);

/* Is there something that microhttpd is to be told of, and no event will say so? */
bool sockets_are_announced(const struct watched_sockets *all);
