/*
 * sockets - stands in for recv(2), send(2), sendfile(2), epoll_ctl(2) and epoll_wait(2) while
 * microhttpd runs.
 *
 * recv: so that microhttpd only ever sees requests that are in order. The library has no hook
 * between the socket and its parser. That parser lets pass what smuggles requests
 * (Transfer-Encoding beside Content-Length, blanks before a colon, folded lines, NULs), and what it
 * does refuse it answers with a page of its own.
 *
 * send: so that an answer goes out with headers that microhttpd was not told of: see edge/output.h.
 * And it counts, as sendfile does, what the kernel took: of a unix socket nobody else knows.
 *
 * epoll: microhttpd takes a suspended connection out of its epoll set and puts it back behind the
 * answer, where it is reported as writable at once: two calls and a wake-up for nothing, an eighth
 * of a loop's time under load. Here the socket keeps its place. What happens to it meanwhile is
 * noted and not passed on. When microhttpd puts the socket back, what was noted is announced: it is
 * among the events of the next epoll_wait(), and the kernel is not asked for anything.
 *
 *     what happens      | in the set       | keeps its place  | announced
 *     ------------------+------------------+------------------+----------------------------------
 *     event             | passed on        | noted            | passed on; it is told of it twice
 *     parked            | keeps its place  | -                | keeps its place, and is dropped
 *                       |                  |                  | (noted) by the next epoll_wait()
 *     put back          | -                | in the set;      | -
 *                       |                  | announced if     |
 *                       |                  | there is input   |
 *     more than a read  | announced        | announced        | announced
 *     could take        |                  |                  |
 *     closed            | forgotten, also where it is announced: the number is another's then
 *
 * And the set is asked once a turn, by the loop, which has its own descriptors in it: a set within
 * a set would cost a second call, and a second wake-up for each event. microhttpd, which asks
 * without waiting, is told from what was reported then.
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
#include "base/fault.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whose microhttpd is at work on this thread. */
static _Thread_local struct watched_sockets *running;

/* How long by_fd is at first, once there is a socket. */
enum { BY_FD_FIRST = 256 };

/* ---------------------------------------------------------------- those of a loop */

void sockets_init(struct watched_sockets *all,
		  ssize_t (*read)(struct watched_socket *s, void *buffer, size_t byte_count),
		  ssize_t (*write)(struct watched_socket *s, const void *bytes, size_t byte_count,
				   int flags))
{
	*all = (struct watched_sockets){ .epoll_fd = -1, .read = read, .write = write };
	list_init(&all->announced);
}

void sockets_fini(struct watched_sockets *all)
{
	CHECK(list_is_empty(&all->announced));
	free(all->by_fd);
}

/*
 * Descriptors are small numbers: the table is as long as the largest one so far asks for, whatever
 * the limit of open files is. False: memory is short.
 */
static bool by_fd_reserve(struct watched_sockets *all, size_t fd)
{
	size_t count = all->by_fd_count > 0 ? all->by_fd_count : BY_FD_FIRST;
	struct watched_socket **table;

	if (fd < all->by_fd_count)
		return true;
	while (count <= fd)
		count *= 2;
	table = realloc(all->by_fd, count * sizeof(*table));
	if (table == NULL)
		return false;
	memset(table + all->by_fd_count, 0, (count - all->by_fd_count) * sizeof(*table));
	all->by_fd = table;
	all->by_fd_count = count;
	return true;
}

bool sockets_add(struct watched_sockets *all, struct watched_socket *s)
{
	if (!by_fd_reserve(all, (size_t)s->fd))
		return false;
	list_init(&s->link);
	all->by_fd[s->fd] = s;
	return true;
}

void sockets_remove(struct watched_sockets *all, struct watched_socket *s)
{
	CHECK(all->by_fd[s->fd] == s);
	all->by_fd[s->fd] = NULL;
	list_remove(&s->link);
}

void sockets_begin(struct watched_sockets *all)
{
	CHECK(running == NULL);
	running = all;
}

void sockets_end(struct watched_sockets *all)
{
	CHECK(running == all);
	running = NULL;
}

/* NULL: not one of the loop that runs. */
static struct watched_socket *socket_of_fd(int fd)
{
	if (running == NULL || fd < 0 || (size_t)fd >= running->by_fd_count)
		return NULL;
	return running->by_fd[fd];
}

/* ---------------------------------------------------------------- reading */

/* Mark events: no address looks like that. The other half is the descriptor. */
static const uint64_t socket_tag = UINT64_C(0x534f434b) << 32;
static const uint64_t watched_tag = UINT64_C(0x4c4f4f50) << 32;

static int epoll_change(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	return (int)syscall(SYS_epoll_ctl, epoll_fd, op, fd, event);
}

/*
 * microhttpd takes a short read for all there is: it would not look again until something else
 * happens. So it is when the client has sent its last bytes and the end behind them, which came as
 * one event, and when something was left out of a full buffer.
 */
void sockets_announce(struct watched_sockets *all, struct watched_socket *s)
{
	if (!list_is_linked(&s->link))
		list_push_back(&all->announced, &s->link);
}

bool sockets_are_announced(const struct watched_sockets *all)
{
	return !list_is_empty(&all->announced);
}

/* The C library's declaration is this one. */
ssize_t recv(int fd, void *buffer, size_t bytes, int flags)
{
	struct watched_socket *s = flags == 0 ? socket_of_fd(fd) : NULL;

	if (s == NULL)
		return recvfrom(fd, buffer, bytes, flags, NULL, NULL);
	return running->read(s, buffer, bytes);
}

/* ---------------------------------------------------------------- writing */

ssize_t send(int fd, const void *bytes, size_t byte_count, int flags)
{
	struct watched_socket *s = socket_of_fd(fd);

	if (s == NULL)
		return sendto(fd, bytes, byte_count, flags, NULL, 0);

	ssize_t r = running->write(s, bytes, byte_count, flags);

	if (r > 0)
		s->sent_bytes += (uint64_t)r;
	return r;
}

ssize_t sendfile64(int fd, int file, off64_t *offset, size_t byte_count)
{
	struct watched_socket *s = socket_of_fd(fd);
	ssize_t r = syscall(SYS_sendfile, fd, file, offset, byte_count);

	if (s != NULL && r > 0)
		s->sent_bytes += (uint64_t)r;
	return r;
}

/* ---------------------------------------------------------------- epoll */

static bool has_tag(const struct epoll_event *e, uint64_t tag)
{
	return e->data.u64 >> 32 == tag >> 32;
}

int sockets_watch(struct watched_sockets *all, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = watched_tag | (unsigned)fd };

	return epoll_change(all->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : FAULT(-errno);
}

void sockets_unwatch(struct watched_sockets *all, int fd)
{
	CHECK(epoll_change(all->epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0);
}

void sockets_wait(struct watched_sockets *all, int timeout_ms)
{
	int count;

	CHECK(all->told_next == all->event_count);
	count = epoll_pwait(all->epoll_fd, all->events, EVENTS_MAX, timeout_ms, NULL);
	CHECK(count >= 0 || errno == EINTR);
	all->event_count = count > 0 ? count : 0;
	all->watched_next = 0;
	all->told_next = 0;
}

int sockets_next_watched(struct watched_sockets *all)
{
	while (all->watched_next < all->event_count) {
		const struct epoll_event *e = &all->events[all->watched_next++];

		if (has_tag(e, watched_tag))
			return (int)(uint32_t)e->data.u64;
	}
	return -1;
}

static int put_back(struct watched_socket *s, int epoll_fd, const struct epoll_event *event)
{
	struct epoll_event ours = { .events = event->events | EPOLLRDHUP,
				    .data.u64 = socket_tag | (unsigned)s->fd };

	CHECK(event->data.ptr == s->handle);
	if (!s->keeps_place)
		return epoll_change(epoll_fd, EPOLL_CTL_ADD, s->fd, &ours);
	s->keeps_place = false;
	if (s->is_readable)
		sockets_announce(running, s);
	return 0;
}

int epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	struct watched_socket *s = socket_of_fd(fd);

	if (s == NULL || epoll_fd != running->epoll_fd)
		return epoll_change(epoll_fd, op, fd, event);
	if (op == EPOLL_CTL_ADD)
		return put_back(s, epoll_fd, event);
	if (op != EPOLL_CTL_DEL || !s->is_being_parked)
		return epoll_change(epoll_fd, op, fd, event);
	s->keeps_place = true;
	return 0;
}

/* False: the event is not for microhttpd. */
static bool pass_on(struct watched_socket *s, struct epoll_event *e)
{
	if (e->events & ~(uint32_t)EPOLLOUT)
		s->is_readable = true;
	if (e->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->is_ended = true;
	if (s->keeps_place) {
		s->kept_events |= e->events & ~(uint32_t)EPOLLOUT;
		return false;
	}
	e->data.ptr = s->handle;
	return true;
}

/*
 * Writes what is announced, as far as there is room; returns how many. One that was parked since is
 * announced again when it is put back.
 */
static int take_announced(struct watched_sockets *all, struct epoll_event *events, int count_max)
{
	int count = 0;

	while (count < count_max && !list_is_empty(&all->announced)) {
		struct list *link = list_pop_front(&all->announced);
		struct watched_socket *s = CONTAINER_OF(link, struct watched_socket, link);

		if (s->keeps_place)
			continue;
		events[count++] = (struct epoll_event){ .events = EPOLLIN | s->kept_events,
							.data.ptr = s->handle };
		s->kept_events = 0;
	}
	return count;
}

/* The same with what the last wait reported. */
static int take_reported(struct watched_sockets *all, struct epoll_event *events, int count_max)
{
	int count = 0;

	while (count < count_max && all->told_next < all->event_count) {
		struct epoll_event *e = &all->events[all->told_next++];

		if (has_tag(e, watched_tag))
			continue;
		if (has_tag(e, socket_tag)) {
			struct watched_socket *s = socket_of_fd((int)(uint32_t)e->data.u64);

			if (s == NULL || !pass_on(s, e))
				continue;
		}
		events[count++] = *e;
	}
	return count;
}

/* Fewer than there was room for means to microhttpd that this was all: it asks again otherwise. */
int epoll_wait(int epoll_fd, struct epoll_event *events, int event_count_max, int timeout_ms)
{
	int count;

	if (running == NULL || epoll_fd != running->epoll_fd)
		return epoll_pwait(epoll_fd, events, event_count_max, timeout_ms, NULL);
	count = take_announced(running, events, event_count_max);
	return count + take_reported(running, events + count, event_count_max - count);
}
