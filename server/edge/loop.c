#include "edge/loop.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "base/pulse.h"
#include "edge/acceptor.h"
#include "edge/connection.h"
#include "edge/daemon.h"
#include "edge/inbox.h"
#include "edge/loop_host.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---------------------------------------------------------------- draining */

/*
 * Idle connections go at once. One whose request is on its way is told so by the handler. A long
 * answer goes on until the end.
 */
static void drain_connections(struct loop *l)
{
	LIST_EACH (it, &l->connections) {
		struct connection *c = CONTAINER_OF(it, struct connection, link);

		if (connection_is_idle(c))
			connection_cut(c);
		else if (c->phase == CONNECTION_REPLYING && c->due_ns > l->edge->drain_cut_ns)
			connection_enter(c, CONNECTION_REPLYING, l->edge->drain_cut_ns);
	}
}

static void drain_begin(struct loop *l)
{
	if (l->index == 0)
		listeners_close(&l->edge->listeners);
	l->is_accepting = false;
	l->host.is_draining = true;
	drain_connections(l);
	host_hurry(&l->host, l->now_ns);
	daemon_run(l); /* now: no event would end the next wait for those who were resumed */
}

/*
 * Time is up. What is parked is not ours to cut: its parcel comes, since the service drains too;
 * and an upload that is paused goes on when its part is answered. Each answer has a time limit of
 * its own.
 */
static void drain_late(struct loop *l)
{
	bool is_last = l->now_ns >= l->edge->drain_cut_ns;

	LIST_EACH (it, &l->connections) {
		struct connection *c = CONTAINER_OF(it, struct connection, link);

		if ((c->phase == CONNECTION_BODY && !connection_is_busy(c)) ||
		    (c->phase == CONNECTION_HEAD && framing_is_inside(&c->framing)))
			connection_refuse(c, OUTCOME_DRAINING, NULL);
		else if (c->phase == CONNECTION_HEAD || (c->phase == CONNECTION_LEAVING && is_last))
			connection_cut(c);
	}
}

/* When there is something to do for it, though nothing happens. */
static int64_t drain_next_ns(const struct loop *l)
{
	const struct edge *e = l->edge;

	if (l->now_ns < e->drain_until_ns)
		return e->drain_until_ns;
	return l->now_ns < e->drain_cut_ns ? e->drain_cut_ns : INT64_MAX;
}

static bool drain_is_done(struct loop *l)
{
	if (!l->host.is_draining && atomic_load(&l->edge->is_draining))
		drain_begin(l);
	if (!l->host.is_draining)
		return false;
	if (l->now_ns >= l->edge->drain_until_ns)
		drain_late(l);
	return l->connection_count == 0 && host_is_idle(&l->host);
}

/* ---------------------------------------------------------------- a turn */

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

/* How long the loop may sleep. */
static int turn_wait_ms(struct loop *l)
{
	int64_t until_ns = earlier(deadline_next_ns(&l->deadlines), host_due_ns(&l->host));

	if (daemon_is_ready(l))
		return 0;
	until_ns = earlier(until_ns, acceptor_due_ns(l));
	if (l->host.is_draining)
		until_ns = earlier(until_ns, drain_next_ns(l));
	if (until_ns == INT64_MAX)
		return -1;
	until_ns -= clock_monotonic_ns();
	if (until_ns <= 0)
		return 0;
	if (until_ns > 3600 * NS_PER_S)
		return 3600 * (int)MS_PER_S;
	return (int)((until_ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void adopt_all(struct loop *l)
{
	int fd;

	while ((fd = inbox_take(l)) >= 0)
		daemon_adopt(l, fd);
}

static void turn_handle(struct loop *l, int fd)
{
	struct listener *listener = NULL;

	if (fd == l->host.mailbox.event_fd)
		host_take_parcels(&l->host);
	else if (fd == l->inbox_fds[0])
		adopt_all(l);
	else if (l->index == 0)
		listener = listeners_find(&l->edge->listeners, fd);
	if (listener != NULL)
		acceptor_take(l, listener);
}

static void turn_run(struct loop *l)
{
	struct connection *c;
	int fd;

	snapshot_rest(&l->host.snapshot);
	sockets_wait(&l->sockets, turn_wait_ms(l));
	pulse_beat();
	l->now_ns = clock_monotonic_ns();
	while ((fd = sockets_next_watched(&l->sockets)) >= 0)
		turn_handle(l, fd);
	while ((c = connection_pop_due(l)) != NULL)
		connection_expire(c);
	host_serve(&l->host, l->now_ns);
	daemon_run(l);
	acceptor_continue(l);
}

/* ---------------------------------------------------------------- a loop */

static void *loop_run(void *loop)
{
	struct loop *l = loop;
	struct crash_stack stack;

	crash_thread_begin(&stack, "loop", l->index);
	pulse_begin("loop", l->index);
	l->now_ns = clock_monotonic_ns();
	acceptor_continue(l);
	while (!drain_is_done(l))
		turn_run(l);
	snapshot_rest(&l->host.snapshot);
	pulse_end();
	return NULL;
}

static int loop_open_fds(struct loop *l)
{
	int r = inbox_open(l);

	if (r == 0)
		r = daemon_open(l);
	if (r == 0)
		r = sockets_watch(&l->sockets, l->host.mailbox.event_fd);
	if (r == 0)
		r = sockets_watch(&l->sockets, l->inbox_fds[0]);
	return r;
}

int loop_open(struct loop *l, struct edge *e, int index)
{
	int r;

	*l = (struct loop){ .edge = e, .index = index, .inbox_fds = { -1, -1 } };
	list_init(&l->connections);
	list_init(&l->free_connections);
	r = host_open(&l->host, &loop_host_ops, e->options.service);
	l->host.send_max_ns = e->options.reply_timeout_ms * NS_PER_MS;
	if (r == 0)
		r = e->options.open_waits(&l->host, e->options.waits_options);
	if (r < 0)
		return r;
	l->heap = calloc((size_t)e->connection_limit, sizeof(*l->heap));
	if (l->heap == NULL)
		return FAULT(-ENOMEM);
	deadline_queue_init(&l->deadlines, l->heap, (size_t)e->connection_limit);
	return loop_open_fds(l);
}

void loop_close(struct loop *l)
{
	struct list *link;

	CHECK(!l->is_running);
	daemon_close(l);
	inbox_close(l);
	l->edge->options.close_waits(&l->host);
	host_close(&l->host);
	free(l->heap);
	while ((link = list_pop_front(&l->free_connections)) != NULL)
		free(CONTAINER_OF(link, struct connection, link));
}

/* Signals are main's: a loop never takes one. */
int loop_start(struct loop *l)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	CHECK(!l->is_running);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	r = pthread_create(&l->thread, NULL, loop_run, l);
	CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	l->is_running = r == 0;
	return r == 0 ? 0 : FAULT(-r);
}

void loop_join(struct loop *l)
{
	if (l->is_running)
		CHECK(pthread_join(l->thread, NULL) == 0);
	l->is_running = false;
}
