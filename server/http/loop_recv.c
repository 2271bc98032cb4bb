/*
 * loop_recv - stands in for recv(2) while microhttpd reads, so that it only ever sees requests that
 * are in order.
 *
 * microhttpd reads with recv(), and has no hook between the socket and its parser. That parser lets
 * pass what smuggles requests (Transfer-Encoding beside Content-Length, blanks before a colon,
 * folded lines, NULs), and what it does refuse it answers with a page of its
 * own. Since the dynamic linker takes the first definition of a name, and the program's come first,
 * the recv() below is the one that the library calls. Outside of loop_daemon_run(), for sockets
 * that are not a loop's, and with flags, it is the system's.
 *
 * Were it ever not called (a library linked in another way), no request would be served: the loop
 * compares the heads that were followed here with the requests that reach it.
 */
#include "http/loop_recv.h"
#include "base/check.h"
#include <errno.h>
#include <sys/socket.h>

static _Thread_local struct loop *reading; /* whose MHD_run() is under way on this thread */

/* As much as is read in one go from a client that was answered and is still talking. */
enum { DISCARD_BYTES_MAX = 1 << 20 };

void loop_recv_begin(struct loop *l)
{
	CHECK(reading == NULL);
	reading = l;
}

void loop_recv_end(struct loop *l)
{
	CHECK(reading == l);
	reading = NULL;
}

static ssize_t nothing_to_read(void)
{
	errno = EAGAIN;
	return -1;
}

/* Closing a socket with unread bytes in it resets the connection, and the answer would be lost. */
static ssize_t discard(const struct connection *c, void *buffer, size_t bytes)
{
	size_t discarded = 0;
	ssize_t r;

	do {
		r = recvfrom(c->fd, buffer, bytes, 0, NULL, NULL);
		discarded += r > 0 ? (size_t)r : 0;
	} while (r > 0 && discarded < DISCARD_BYTES_MAX);
	return r > 0 ? nothing_to_read() : r;
}

static ssize_t read_requests(struct connection *c, void *buffer, size_t bytes)
{
	bool was_inside = framing_is_inside(&c->framing);
	ssize_t r = recvfrom(c->fd, buffer, bytes, 0, NULL, NULL);
	size_t good;

	if (r <= 0)
		return r;
	good = framing_take(&c->framing, buffer, (size_t)r);
	if (!was_inside && c->phase == CONNECTION_HEAD)
		connection_expect_head(c);
	if (c->framing.outcome == OUTCOME_DONE || good > 0)
		return (ssize_t)good; /* those before a bad one are answered first */
	connection_refuse(c, c->framing.outcome, c->framing.detail);
	return nothing_to_read();
}

static ssize_t connection_read(struct connection *c, void *buffer, size_t bytes)
{
	switch (c->phase) {
	case CONNECTION_LEAVING:
		return discard(c, buffer, bytes);
	case CONNECTION_ANSWERING:
	case CONNECTION_REPLYING:
		return nothing_to_read(); /* one request at a time */
	case CONNECTION_HEAD:
	case CONNECTION_BODY:
		break;
	}
	if (c->framing.outcome != OUTCOME_DONE)
		return nothing_to_read(); /* see connection_request_ended() */
	return read_requests(c, buffer, bytes);
}

/* The C library's declaration is this one. */
ssize_t recv(int fd, void *buffer, size_t bytes, int flags)
{
	struct connection *c = NULL;

	if (reading != NULL && flags == 0 && fd >= 0 && (size_t)fd < reading->by_fd_count)
		c = reading->by_fd[fd];
	if (c == NULL)
		return recvfrom(fd, buffer, bytes, flags, NULL, NULL);
	return connection_read(c, buffer, bytes);
}
