#include "edge/acceptor.h"
#include "base/clock.h"
#include "edge/daemon.h"
#include "edge/inbox.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { ACCEPTS_PER_TURN = 64 };

static const int64_t accept_retry_ns = 100 * NS_PER_MS;
static const int64_t accept_warn_ns = 60 * NS_PER_S;

static void listeners_unwatch(struct loop *l, int count)
{
	for (int i = 0; i < count; i++)
		sockets_unwatch(&l->sockets, l->edge->listeners.all[i].fd);
}

/* All of them or none. */
static bool listeners_watch(struct loop *l)
{
	const struct listeners *ls = &l->edge->listeners;

	for (int i = 0; i < ls->count; i++)
		if (sockets_watch(&l->sockets, ls->all[i].fd) < 0) {
			listeners_unwatch(l, i);
			return false;
		}
	return true;
}

static void accept_pause(struct loop *l, const char *reason, int64_t until_ns)
{
	struct edge *e = l->edge;

	l->accept_ns = until_ns;
	l->is_accepting = false;
	atomic_store(&e->is_paused, true);
	listeners_unwatch(l, e->listeners.count);
	metric_add(METRIC_ACCEPT_PAUSES, 1);
	if (l->accept_warned_ns != 0 && l->now_ns - l->accept_warned_ns < accept_warn_ns)
		return;
	l->accept_warned_ns = l->now_ns;
	log_write(LOG_WARN, "accept_paused", "reason=\"%s\" connections=%d limit=%d", reason,
		  atomic_load(&e->connection_count), e->connection_limit);
}

void acceptor_continue(struct loop *l)
{
	struct edge *e = l->edge;

	if (l->is_accepting || l->index != 0 || l->host.is_draining || l->now_ns < l->accept_ns)
		return;
	/* In this order: whoever makes room after the count was read sees the flag, and nudges. */
	atomic_store(&e->is_paused, true);
	if (atomic_load(&e->connection_count) >= e->connection_limit)
		return;
	atomic_store(&e->is_paused, false);
	if (listeners_watch(l))
		l->is_accepting = true;
	else
		l->accept_ns = l->now_ns + accept_retry_ns;
}

/* Round robin, so that every loop gets its share whichever of them has time. */
static void connection_deal(struct loop *l, int fd)
{
	struct edge *e = l->edge;
	struct loop *next = &e->loops[l->next_loop];

	l->next_loop = (l->next_loop + 1) % e->loop_count;
	if (next == l) {
		daemon_adopt(l, fd);
	} else if (!inbox_send(next, fd)) {
		close(fd);
		edge_uncount(e);
	}
}

void acceptor_take(struct loop *l, struct listener *from)
{
	struct edge *e = l->edge;

	/* Another that is readable in the same turn may have led to a pause. */
	for (int i = 0; i < ACCEPTS_PER_TURN && l->is_accepting; i++) {
		int fd;

		if (atomic_load(&e->connection_count) >= e->connection_limit) {
			accept_pause(l, "connection limit", 0);
			return;
		}
		fd = listener_accept(from);
		if (fd == -EAGAIN)
			return;
		if (fd < 0) {
			accept_pause(l, strerror(-fd), l->now_ns + accept_retry_ns);
			return;
		}
		atomic_fetch_add(&e->connection_count, 1);
		connection_deal(l, fd);
	}
}

int64_t acceptor_due_ns(const struct loop *l)
{
	bool is_paused = l->index == 0 && !l->is_accepting && l->accept_ns > l->now_ns;

	return is_paused ? l->accept_ns : INT64_MAX;
}
