#include "edge/input.h"
#include "edge/connection.h"
#include <errno.h>
#include <sys/socket.h>

/* As much as is read in one go from a client that was answered and is still talking. */
enum { DISCARD_BYTES_MAX = 1 << 20 };

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
		r = recvfrom(c->socket.fd, buffer, bytes, 0, NULL, NULL);
		discarded += r > 0 ? (size_t)r : 0;
	} while (r > 0 && discarded < DISCARD_BYTES_MAX);
	return r > 0 ? nothing_to_read() : r;
}

static ssize_t read_requests(struct connection *c, void *buffer, size_t bytes)
{
	bool was_inside = framing_is_inside(&c->framing);
	ssize_t r = recvfrom(c->socket.fd, buffer, bytes, 0, NULL, NULL);
	size_t good;

	/* The client's end of the connection stays readable: it is read as 0 bytes. */
	if (!c->socket.is_ended && (r < 0 || (r > 0 && (size_t)r < bytes)))
		c->socket.is_readable = false;
	if (r <= 0)
		return r;
	good = framing_take(&c->framing, buffer, (size_t)r);
	if (good < bytes && (c->socket.is_ended || (size_t)r == bytes))
		sockets_announce(&c->loop->sockets, &c->socket);
	if (!was_inside && c->phase == CONNECTION_HEAD)
		connection_expect_head(c);
	if (good > 0)
		return (ssize_t)good; /* those before a bad one are answered first */
	if (c->framing.outcome != OUTCOME_DONE)
		connection_refuse(c, c->framing.outcome, c->framing.detail);
	return nothing_to_read();
}

ssize_t input_read(struct watched_socket *s, void *buffer, size_t bytes)
{
	struct connection *c = CONTAINER_OF(s, struct connection, socket);

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
	if (!c->socket.is_readable)
		return nothing_to_read(); /* spares the call that would say so */
	return read_requests(c, buffer, bytes);
}
