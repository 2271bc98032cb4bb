#include "edge/listener.h"
#include "base/check.h"
#include "base/fault.h"
#include "exchange/peer.h"
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

/* ---------------------------------------------------------------- TCP */

static int socket_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? 0 : FAULT(-errno);
}

static int socket_prepare(int fd, int family)
{
	int r = socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (r == 0)
		r = socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (r == 0 && family == AF_INET6)
		r = socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	return r;
}

static int socket_bind(const struct addrinfo *info, int *ret_fd)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return FAULT(-errno);
	r = socket_prepare(fd, info->ai_family);
	if (r == 0 && bind(fd, info->ai_addr, info->ai_addrlen) != 0)
		r = FAULT(-errno);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* What was bound in the end: the port that was free, the digits behind a name. */
static int tcp_name(struct listener *l, const struct sockaddr_storage *bound, socklen_t bytes)
{
	char digits[NI_MAXHOST];
	struct peer as_peer;

	if (getnameinfo((const struct sockaddr *)bound, bytes, digits, sizeof(digits), NULL, 0,
			NI_NUMERICHOST) != 0)
		return FAULT(-EINVAL);
	peer_of_address((const struct sockaddr *)bound, bytes, &as_peer);
	l->port = as_peer.port;
	l->is_local = as_peer.is_loopback;
	if (bound->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)bound;

		l->is_any = IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
		snprintf(l->host, sizeof(l->host), "[%.60s]", digits);
	} else {
		const struct sockaddr_in *four = (const struct sockaddr_in *)bound;

		l->is_any = four->sin_addr.s_addr == htonl(INADDR_ANY);
		snprintf(l->host, sizeof(l->host), "%.60s", digits);
	}
	return 0;
}

/*
 * One without a file has a name that begins with a NUL and may hold any byte (unix(7)): it is shown
 * as others show it, with @ in front, and ? where the log could not have the byte. One without any
 * name has none here either. Names are not terminated where they fill what holds them.
 */
static void unix_name(struct listener *l, const struct sockaddr_un *bound, socklen_t bytes)
{
	size_t length = bytes - sizeof(sa_family_t);
	char *to = l->address.path;

	if (length == 0 || bound->sun_path[0] != '\0') {
		snprintf(to, UNIX_PATH_BYTES, "%.*s", (int)length, bound->sun_path);
		return;
	}
	if (length > UNIX_PATH_BYTES - 1)
		length = UNIX_PATH_BYTES - 1;
	to[0] = '@';
	for (size_t i = 1; i < length; i++) {
		char c = bound->sun_path[i];

		to[i] = c > ' ' && c <= '~' && c != '"' && c != '\\' ? c : '?';
	}
	to[length] = '\0';
}

static int listener_name(struct listener *l)
{
	struct sockaddr_storage bound = { 0 };
	socklen_t bytes = sizeof(bound);

	if (getsockname(l->fd, (struct sockaddr *)&bound, &bytes) != 0)
		return FAULT(-errno);
	if (bound.ss_family == AF_INET || bound.ss_family == AF_INET6)
		return tcp_name(l, &bound, bytes);
	if (bound.ss_family != AF_UNIX)
		return FAULT(-EINVAL);
	l->is_unix = true;
	l->is_local = true;
	unix_name(l, (const struct sockaddr_un *)&bound, bytes);
	return 0;
}

static int tcp_bind(struct listener *l, const struct address *a)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	bool is_every = a->host[0] == '\0' || strcmp(a->host, "*") == 0;
	struct addrinfo *found;
	int r;

	strcpy(l->name, is_every ? "0.0.0.0" : a->host);
	if (getaddrinfo(l->name, a->port, &hints, &found) != 0)
		return FAULT(-EADDRNOTAVAIL);
	r = socket_bind(found, &l->fd);
	freeaddrinfo(found);
	return r < 0 ? r : listener_name(l);
}

/* ---------------------------------------------------------------- one of them */

static struct unix_socket_options file_options(const struct listener *l)
{
	return (struct unix_socket_options){ .path = l->address.path,
					     .mode = l->address.mode,
					     .group = l->address.group,
					     .backlog = BACKLOG };
}

static int listener_bind(struct listener *l, const struct address *a)
{
	*l = (struct listener){ .fd = -1, .address = *a };
	if (a->kind == ADDRESS_TCP)
		return tcp_bind(l, a);
	l->is_unix = true;
	l->is_local = true;

	struct unix_socket_options options = file_options(l);

	return unix_socket_try(&options);
}

static bool socket_is(int fd, int option, int wanted)
{
	int value;
	socklen_t bytes = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) == 0 && value == wanted;
}

/* A supervisor may hand over what blocks, and without the options that connections inherit. */
static int listener_inherit(struct listener *l, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int r;

	*l = (struct listener){ .fd = fd, .is_inherited = true };
	if (!socket_is(fd, SO_TYPE, SOCK_STREAM) || !socket_is(fd, SO_ACCEPTCONN, 1))
		return FAULT(-EINVAL);
	r = listener_name(l);
	if (r < 0)
		return r;
	strcpy(l->name, l->host);
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return FAULT(-errno);
	return l->is_unix ? 0 : socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static int listener_listen(struct listener *l)
{
	struct unix_socket_options options = file_options(l);

	if (l->is_inherited)
		return 0;
	if (l->is_unix)
		return unix_socket_listen(&l->file, &options, &l->fd);
	return listen(l->fd, BACKLOG) == 0 ? 0 : FAULT(-errno);
}

/* Its file goes first, so that nobody finds one that refuses him. */
static void listener_close(struct listener *l)
{
	unix_socket_remove(&l->file);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

void listener_text(const struct listener *l, char text[LISTENER_TEXT_BYTES])
{
	if (l->is_unix)
		snprintf(text, LISTENER_TEXT_BYTES, "unix:%s", l->address.path);
	else
		snprintf(text, LISTENER_TEXT_BYTES, "http://%s:%d", l->host, l->port);
}

int listener_accept(struct listener *l)
{
	for (;;) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			return fd;
		if (errno == EAGAIN)
			return -EAGAIN;
		/* Anything else is one connection's trouble (accept(2)): try the next. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM ||
		    errno == EBADF || errno == EINVAL)
			return FAULT(-errno);
	}
}

/* ---------------------------------------------------------------- all of them */

/* The one with the number `count` was begun with; closes it and those before it. */
static int listeners_failed(struct listeners *ls, int r, int *ret_failed)
{
	*ret_failed = ls->count - 1;
	listeners_close(ls);
	return r;
}

int listeners_bind(struct listeners *ls, const struct address addresses[], int count,
		   int *ret_failed)
{
	CHECK(count <= LISTENERS_MAX);
	*ls = (struct listeners){ 0 };
	while (ls->count < count) {
		struct listener *l = &ls->all[ls->count];
		int r = listener_bind(l, &addresses[ls->count++]);

		if (r < 0)
			return listeners_failed(ls, r, ret_failed);
	}
	return 0;
}

int listeners_inherit(struct listeners *ls, int first_fd, int count, int *ret_failed)
{
	*ls = (struct listeners){ 0 };
	*ret_failed = 0;
	if (count > LISTENERS_MAX)
		return FAULT(-E2BIG);
	while (ls->count < count) {
		struct listener *l = &ls->all[ls->count];
		int r = listener_inherit(l, first_fd + ls->count++);

		if (r < 0)
			return listeners_failed(ls, r, ret_failed);
	}
	return 0;
}

int listeners_listen(struct listeners *ls, int *ret_failed)
{
	for (int i = 0; i < ls->count; i++) {
		int r = listener_listen(&ls->all[i]);

		if (r < 0) {
			*ret_failed = i;
			listeners_close(ls);
			return r;
		}
	}
	return 0;
}

void listeners_close(struct listeners *ls)
{
	for (int i = 0; i < ls->count; i++)
		listener_close(&ls->all[i]);
}

struct listener *listeners_find(struct listeners *ls, int fd)
{
	for (int i = 0; i < ls->count; i++)
		if (ls->all[i].fd == fd)
			return &ls->all[i];
	return NULL;
}

const struct listener *listeners_first_open(const struct listeners *ls)
{
	for (int i = 0; i < ls->count; i++)
		if (!ls->all[i].is_local)
			return &ls->all[i];
	return NULL;
}
