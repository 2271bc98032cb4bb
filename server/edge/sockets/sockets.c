/*
 * loop_sockets - stands in for recv(2), epoll_ctl(2) and epoll_wait(2) while microhttpd runs.
 *
 * recv: so that microhttpd only ever sees requests that are in order. It has no hook between the
 * socket and its parser. That parser lets pass what smuggles requests (Transfer-Encoding beside
 * Content-Length, blanks before a colon, folded lines, NULs), and what it does refuse it answers
 * with a page of its own.
 *
 * epoll: microhttpd takes a suspended connection out of its epoll set and puts it back behind the
 * answer, where it is reported as writable at once: two calls and a wake-up for nothing, an eighth
 * of a loop's time under load. Here the socket keeps its place. What happens to it meanwhile is
 * noted and not passed on; when microhttpd puts it back, the kernel is asked to report again only
 * if there is something to read (the set is edge-triggered).
 *
 *     is_readable   set by an event, cleared by a read that drained the socket
 *     keeps_place   the kernel has it in the set, microhttpd believes that it took it out
 *
 * How: the dynamic linker takes the first definition of a name, and the program's come first, so
 * these are the ones that the library calls. Outside of a loop's run of microhttpd, and for what is
 * not a loop's socket, they are the system's.
 *
 * Were recv() ever not called (a library linked in another way), no request would be served: the
 * loop compares the heads that were followed here with the requests that reach it.
 */
#include "edge/sockets/sockets.h"
#include "base/check.h"
#include "edge/daemon.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local struct loop *running; /* whose microhttpd is at work on this thread */

/* As much as is read in one go from a client that was answered and is still talking. */
enum { DISCARD_BYTES_MAX = 1 << 20 };

void loop_sockets_begin(struct loop *l)
{
	CHECK(running == NULL);
	running = l;
}

void loop_sockets_end(struct loop *l)
{
	CHECK(running == l);
	running = NULL;
}

/* NULL: not one of the loop that runs. */
static struct connection *connection_of_fd(int fd)
{
	if (running == NULL || fd < 0 || (size_t)fd >= running->by_fd_count)
		return NULL;
	return running->by_fd[fd];
}

/* ---------------------------------------------------------------- reading */

static ssize_t nothing_to_read(void)
{
	errno = EAGAIN;
	return -1;
}

/* Marks the events of a loop's sockets; no address looks like that. The lower half is the socket.
 */
static const uint64_t socket_tag = UINT64_C(0x534f434b) << 32;

static int epoll_change(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	return (int)syscall(SYS_epoll_ctl, epoll_fd, op, fd, event);
}

/*
 * There is more to read, and microhttpd takes a short read for all there is: it would not look
 * again until something else happens. So it is when the client has sent its last bytes and the end
 * behind them, which came as one event, and when something was left out of a full buffer.
 */
static void announce_again(const struct connection *c)
{
	struct epoll_event again = { .events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET,
				     .data.u64 = socket_tag | (unsigned)c->fd };

	/* One that microhttpd has not added yet is announced when it does. */
	(void)!epoll_change(running->daemon_epoll_fd, EPOLL_CTL_MOD, c->fd, &again);
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

	/* The client's end of the connection stays readable: it is read as 0 bytes. */
	if (!c->is_ended && (r < 0 || (r > 0 && (size_t)r < bytes)))
		c->is_readable = false;
	if (r <= 0)
		return r;
	good = framing_take(&c->framing, buffer, (size_t)r);
	if (good < bytes && (c->is_ended || (size_t)r == bytes))
		announce_again(c);
	if (!was_inside && c->phase == CONNECTION_HEAD)
		connection_expect_head(c);
	if (good > 0)
		return (ssize_t)good; /* those before a bad one are answered first */
	if (c->framing.outcome != OUTCOME_DONE)
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
	if (!c->is_readable)
		return nothing_to_read(); /* spares the call that would say so */
	return read_requests(c, buffer, bytes);
}

/* The C library's declaration is this one. */
ssize_t recv(int fd, void *buffer, size_t bytes, int flags)
{
	struct connection *c = flags == 0 ? connection_of_fd(fd) : NULL;

	if (c == NULL)
		return recvfrom(fd, buffer, bytes, flags, NULL, NULL);
	return connection_read(c, buffer, bytes);
}

/* ---------------------------------------------------------------- epoll */

static bool is_tagged(const struct epoll_event *e)
{
	return e->data.u64 >> 32 == socket_tag >> 32;
}

static int put_back(struct connection *c, int epoll_fd, const struct epoll_event *event)
{
	struct epoll_event ours = { .events = event->events | EPOLLRDHUP,
				    .data.u64 = socket_tag | (unsigned)c->fd };
	bool kept_place = c->keeps_place;

	CHECK(event->data.ptr == c->handle);
	c->keeps_place = false;
	if (!kept_place)
		return epoll_change(epoll_fd, EPOLL_CTL_ADD, c->fd, &ours);
	return c->is_readable ? epoll_change(epoll_fd, EPOLL_CTL_MOD, c->fd, &ours) : 0;
}

int epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	struct connection *c = connection_of_fd(fd);

	if (c == NULL || epoll_fd != running->daemon_epoll_fd)
		return epoll_change(epoll_fd, op, fd, event);
	if (op == EPOLL_CTL_ADD)
		return put_back(c, epoll_fd, event);
	if (op != EPOLL_CTL_DEL || !c->is_being_parked)
		return epoll_change(epoll_fd, op, fd, event);
	c->keeps_place = true;
	return 0;
}

/* False: the event is not for microhttpd. */
static bool pass_on(struct epoll_event *e)
{
	struct connection *c = connection_of_fd((int)(uint32_t)e->data.u64);

	if (c == NULL)
		return false;
	if (e->events & ~(uint32_t)EPOLLOUT)
		c->is_readable = true;
	if (e->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->is_ended = true;
	e->data.ptr = c->handle;
	return !c->keeps_place;
}

int epoll_wait(int epoll_fd, struct epoll_event *events, int event_count_max, int timeout_ms)
{
	int count = epoll_pwait(epoll_fd, events, event_count_max, timeout_ms, NULL);
	int kept_count = 0;

	if (running == NULL || epoll_fd != running->daemon_epoll_fd)
		return count;
	/* Fewer than there was room for means to microhttpd that this was all: the rest is
	 * reported in the next turn. */
	for (int i = 0; i < count; i++)
		if (!is_tagged(&events[i]) || pass_on(&events[i]))
			events[kept_count++] = events[i];
	return count < 0 ? count : kept_count;
}
