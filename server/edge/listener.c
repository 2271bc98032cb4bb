#include "edge/listener.h"
#include "base/check.h"
#include "base/fault.h"
#include "ops/address.h"
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

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
static int listener_name(struct listener *l)
{
	struct sockaddr_storage bound = { 0 };
	socklen_t bytes = sizeof(bound);
	char digits[NI_MAXHOST];

	if (getsockname(l->fd, (struct sockaddr *)&bound, &bytes) != 0)
		return FAULT(-errno);
	if (getnameinfo((struct sockaddr *)&bound, bytes, digits, sizeof(digits), NULL, 0,
			NI_NUMERICHOST) != 0)
		return FAULT(-EINVAL);
	if (bound.ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&bound;

		l->port = ntohs(six->sin6_port);
		l->is_any = IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
		snprintf(l->host, sizeof(l->host), "[%.60s]", digits);
	} else {
		const struct sockaddr_in *four = (const struct sockaddr_in *)&bound;

		l->port = ntohs(four->sin_port);
		l->is_any = four->sin_addr.s_addr == htonl(INADDR_ANY);
		snprintf(l->host, sizeof(l->host), "%.60s", digits);
	}
	return 0;
}

int listener_bind(struct listener *l, const char *address)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found;
	struct address a;
	int r;

	*l = (struct listener){ .fd = -1 };
	if (!address_read(address, &a))
		return FAULT(-EINVAL);
	if (a.host[0] == '\0' || strcmp(a.host, "*") == 0)
		strcpy(a.host, "0.0.0.0");
	strcpy(l->name, a.host);
	if (getaddrinfo(l->name, a.port, &hints, &found) != 0)
		return FAULT(-EADDRNOTAVAIL);
	r = socket_bind(found, &l->fd);
	freeaddrinfo(found);
	if (r == 0)
		r = listener_name(l);
	if (r < 0)
		listener_close(l);
	return r;
}

int listener_listen(struct listener *l)
{
	return listen(l->fd, BACKLOG) == 0 ? 0 : FAULT(-errno);
}

void listener_close(struct listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
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
