#include "edge/loop_host.h"
#include "edge/connection.h"
#include "edge/daemon.h"
#include <errno.h>
#include <sys/socket.h>

static struct connection *connection_of(const struct exchange *x)
{
	return CONTAINER_OF(x, const struct request, x)->connection;
}

static void resume(struct exchange *x)
{
	daemon_resume(request_of(x));
}

static void go_on(struct exchange *x)
{
	daemon_go_on(request_of(x));
}

static void cut(struct exchange *x, enum outcome o, const char *detail)
{
	connection_refuse(connection_of(x), o, detail);
}

static bool is_gone(const struct exchange *x)
{
	return connection_is_gone(connection_of(x));
}

static void send_head(struct exchange *x, struct text *out)
{
	connection_write_head(out, x);
	connection_account(connection_of(x)->loop, x);
}

static ssize_t send_some(struct exchange *x, const char *bytes, size_t byte_count)
{
	ssize_t r =
		send(connection_of(x)->socket.fd, bytes, byte_count, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return r;
}

static void send_end(struct exchange *x)
{
	shutdown(connection_of(x)->socket.fd, SHUT_WR);
}

const struct host_ops loop_host_ops = { .resume = resume,
					.go_on = go_on,
					.cut = cut,
					.is_gone = is_gone,
					.send_head = send_head,
					.send = send_some,
					.send_end = send_end };
