#include "edge/inbox.h"
#include "base/fault.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* What goes through an inbox when there is no socket, only something to look at. */
enum { NUDGE = -1 };

int inbox_open(struct loop *l)
{
	return pipe2(l->inbox_fds, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 : FAULT(-errno);
}

void inbox_close(struct loop *l)
{
	int fd;

	if (l->inbox_fds[0] < 0)
		return;
	while ((fd = inbox_take(l)) >= 0)
		close(fd);
	close(l->inbox_fds[0]);
	close(l->inbox_fds[1]);
}

bool inbox_send(struct loop *l, int fd)
{
	return write(l->inbox_fds[1], &fd, sizeof(fd)) == sizeof(fd);
}

/* A full inbox wakes it just as well. */
void inbox_nudge(struct loop *l)
{
	(void)inbox_send(l, NUDGE);
}

int inbox_take(struct loop *l)
{
	int fd;

	while (read(l->inbox_fds[0], &fd, sizeof(fd)) == sizeof(fd))
		if (fd != NUDGE)
			return fd;
	return -1;
}

void edge_uncount(struct edge *e)
{
	atomic_fetch_sub(&e->connection_count, 1);
	if (atomic_load(&e->is_paused))
		inbox_nudge(&e->loops[0]);
}
