#include "edge/loop.h"
#include "base/clock.h"
#include "base/fault.h"
#include "waiting/operation.h"
#include "edge/daemon.h"
#include "waiting/stream.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	ACCEPTS_PER_TURN = 64,
	RESERVED_FILES = 64,         /* for the store, its log, the loops themselves */
	CONNECTIONS_DEFAULT = 16384, /* when the limit of open files would allow more */
};

static const int64_t probe_every_ns = 500 * NS_PER_MS;
static const int64_t accept_retry_ns = 100 * NS_PER_MS;
static const int64_t accept_warn_ns = 60 * NS_PER_S;

/* ---------------------------------------------------------------- taking connections */

static int epoll_watch(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : FAULT(-errno);
}

static void accept_pause(struct loop *l, const char *reason, int64_t until_ns)
{
	struct edge *e = l->edge;

	l->accept_ns = until_ns;
	l->is_accepting = false;
	atomic_store(&e->is_paused, true);
	CHECK(epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, e->listener.fd, NULL) == 0);
	metric_add(METRIC_ACCEPT_PAUSES, 1);
	if (l->accept_warned_ns != 0 && l->now_ns - l->accept_warned_ns < accept_warn_ns)
		return;
	l->accept_warned_ns = l->now_ns;
	log_write(LOG_WARN, "accept_paused", "reason=\"%s\" connections=%d limit=%d", reason,
		  atomic_load(&e->connection_count), e->connection_limit);
}

/* The first loop takes connections again once there is room, and when a pause for files is over. */
static void accept_continue(struct loop *l)
{
	struct edge *e = l->edge;

	if (l->is_accepting || l->index != 0 || l->is_draining || l->now_ns < l->accept_ns)
		return;
	/* In this order: whoever makes room after the count was read sees the flag, and nudges. */
	atomic_store(&e->is_paused, true);
	if (atomic_load(&e->connection_count) >= e->connection_limit)
		return;
	atomic_store(&e->is_paused, false);
	if (epoll_watch(l->epoll_fd, e->listener.fd) == 0)
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
		loop_daemon_adopt(l, fd);
	} else if (write(next->inbox_fds[1], &fd, sizeof(fd)) != sizeof(fd)) {
		close(fd);
		edge_uncount(e);
	}
}

static void accept_burst(struct loop *l)
{
	struct edge *e = l->edge;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd;

		if (atomic_load(&e->connection_count) >= e->connection_limit) {
			accept_pause(l, "connection limit", 0);
			return;
		}
		fd = listener_accept(&e->listener);
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

void edge_uncount(struct edge *e)
{
	atomic_fetch_sub(&e->connection_count, 1);
	if (atomic_load(&e->is_paused))
		loop_nudge(&e->loops[0]);
}

void loop_nudge(struct loop *l)
{
	int nudge = INBOX_NUDGE;

	/* A full inbox wakes it just as well. */
	(void)!write(l->inbox_fds[1], &nudge, sizeof(nudge));
}

static void inbox_take(struct loop *l)
{
	int fd;

	while (read(l->inbox_fds[0], &fd, sizeof(fd)) == sizeof(fd))
		if (fd != INBOX_NUDGE)
			loop_daemon_adopt(l, fd);
}

/* ---------------------------------------------------------------- parked requests */

/* Nobody waits for its answer, or it had one past microhttpd: the connection is closed. */
void exchange_abandon(struct exchange *x)
{
	struct request *r = request_of(x);

	if (x->subscriber != NULL)
		subscriber_end(x->subscriber);
	x->subscriber = NULL;
	if (x->seq_wait != NULL)
		seq_wait_end(x->seq_wait);
	request_move(r, REQUEST_ABANDONED);
	loop_daemon_resume(r);
}

void exchange_return(struct exchange *x)
{
	struct request *r = request_of(x);

	request_move(r, REQUEST_RETURNED);
	if (r->connection != NULL) {
		loop_daemon_resume(r);
	} else {
		list_remove(&r->link);
		loop_daemon_finish_orphan(r->loop, r);
	}
}

void exchange_cut(struct exchange *x, enum outcome o, const char *detail)
{
	connection_refuse(request_of(x)->connection, o, detail);
}

void exchange_go_on(struct exchange *x)
{
	loop_daemon_go_on(request_of(x));
}

static void parcels_take(struct loop *l)
{
	struct list parcels;
	struct list *link;

	list_init(&parcels);
	mailbox_take(&l->mailbox, &parcels);
	while ((link = list_pop_front(&parcels)) != NULL) {
		struct parcel *p = CONTAINER_OF(link, struct parcel, link);

		if (p->arrive != NULL)
			p->arrive(p);
		else
			exchange_return(exchange_of_parcel(p));
	}
	subscribers_look(&l->subscribers);
	seq_waits_look(&l->seq_waits);
}

static void seq_waiter_probe(struct request *r)
{
	if (r->state != REQUEST_PARKED || !connection_is_gone(r->connection))
		return;
	metric_add(METRIC_CLIENTS_GONE, 1);
	exchange_abandon(&r->x);
}

/* The same for one that waits for movements. */
static void follower_probe(struct request *r)
{
	struct subscriber *s = r->x.subscriber;

	if (!list_is_linked(&s->link))
		return; /* it reads the ledger */
	if (s->serve != NULL) {
		stream_probe(s);
	} else if (connection_is_gone(r->connection)) {
		metric_add(METRIC_CLIENTS_GONE, 1);
		exchange_abandon(&r->x);
	}
}

/* A long read may stop early. */
static void read_probe(struct request *r)
{
	if (r->x.long_read.run != NULL && !atomic_load(&r->x.long_read.is_unwanted) &&
	    connection_is_gone(r->connection)) {
		metric_add(METRIC_CLIENTS_GONE, 1);
		atomic_store(&r->x.long_read.is_unwanted, true);
	}
}

/* The same for one that waits for an operation, which goes on if anybody has heard of it. */
static void asker_probe(struct request *r)
{
	if (!connection_is_gone(r->connection) || !asker_leave(&r->x))
		return;
	metric_add(METRIC_CLIENTS_GONE, 1);
	request_move(r, REQUEST_ABANDONED);
	loop_daemon_resume(r);
}

/* A client that left need not be served: its write is taken back, where that is still possible. */
static void request_probe(struct loop *l, struct request *r)
{
	struct answer unheard;

	if (r->x.subscriber != NULL)
		follower_probe(r);
	else if (r->x.seq_wait != NULL)
		seq_waiter_probe(r);
	else if (r->x.asker != NULL && r->connection != NULL)
		asker_probe(r);
	if (r->connection != NULL && r->x.waiter.work == NULL)
		read_probe(r);
	if (r->connection == NULL || r->is_decided || r->x.waiter.work == NULL ||
	    !connection_is_gone(r->connection))
		return;
	if (!service_withdraw(l->edge->options.service, &r->x.waiter, &r->x.arena, &unheard)) {
		r->is_decided = true;
		return;
	}
	metric_add(METRIC_CLIENTS_GONE, 1);
	r->x.waiter.work = work_release(r->x.waiter.work);
	request_move(r, REQUEST_ABANDONED);
	loop_daemon_resume(r);
}

static void clients_probe(struct loop *l)
{
	if (l->now_ns < l->probe_ns)
		return;
	l->probe_ns = l->now_ns + probe_every_ns;
	LIST_EACH_SAFE (it, &l->parked)
		request_probe(l, CONTAINER_OF(it, struct request, link));
}

/* ---------------------------------------------------------------- those who follow the feed */

struct errands *exchange_errands(struct exchange *x)
{
	return &request_of(x)->loop->errands;
}

struct subscribers *exchange_subscribers(struct exchange *x)
{
	return &request_of(x)->connection->loop->subscribers;
}

struct seq_waits *exchange_seq_waits(struct exchange *x)
{
	return &request_of(x)->connection->loop->seq_waits;
}

struct operation_home *exchange_operations(struct exchange *x)
{
	return &request_of(x)->loop->operations;
}

bool exchange_is_hurried(const struct exchange *x)
{
	const struct connection *c = CONTAINER_OF(x, const struct request, x)->connection;

	return c == NULL || c->loop->is_draining;
}

bool exchange_is_unheard(const struct exchange *x)
{
	const struct connection *c = CONTAINER_OF(x, const struct request, x)->connection;

	return c == NULL || connection_is_gone(c);
}

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
	l->is_draining = true;
	if (l->index == 0)
		listener_close(&l->edge->listener);
	l->is_accepting = false;
	drain_connections(l);
	LIST_EACH (it, &l->parked) {
		struct long_read *read = &CONTAINER_OF(it, struct request, link)->x.long_read;

		if (read->is_whole)
			atomic_store(&read->is_unwanted, true);
	}
	subscribers_expire(&l->subscribers);
	seq_waits_expire(&l->seq_waits);
	subscribers_serve(&l->subscribers, l->now_ns);
	loop_daemon_run(l); /* now: no event would end the next wait for those who were resumed */
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
	if (!l->is_draining && atomic_load(&l->edge->is_draining))
		drain_begin(l);
	if (!l->is_draining)
		return false;
	if (l->now_ns >= l->edge->drain_until_ns)
		drain_late(l);
	return l->connection_count == 0 && list_is_empty(&l->parked) && l->errands.count == 0 &&
	       l->operations.count == 0;
}

/* ---------------------------------------------------------------- a loop */

/* How long the loop may sleep. */
static int turn_wait_ms(struct loop *l)
{
	int64_t until_ns = deadline_next_ns(&l->deadlines);

	if (loop_daemon_is_ready(l))
		return 0;
	if (!list_is_empty(&l->parked) && l->probe_ns < until_ns)
		until_ns = l->probe_ns;
	if (l->index == 0 && !l->is_accepting && l->accept_ns > l->now_ns &&
	    l->accept_ns < until_ns)
		until_ns = l->accept_ns;
	if (l->is_draining && drain_next_ns(l) < until_ns)
		until_ns = drain_next_ns(l);
	if (deadline_next_ns(&l->errands.deadlines) < until_ns)
		until_ns = deadline_next_ns(&l->errands.deadlines);
	if (l->subscribers.serve_ns < until_ns)
		until_ns = l->subscribers.serve_ns;
	if (operation_home_next_ns(&l->operations) < until_ns)
		until_ns = operation_home_next_ns(&l->operations);
	if (until_ns == INT64_MAX)
		return -1;
	until_ns -= clock_monotonic_ns();
	if (until_ns <= 0)
		return 0;
	if (until_ns > 3600 * NS_PER_S)
		return 3600 * (int)MS_PER_S;
	return (int)((until_ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void turn_handle(struct loop *l, int fd)
{
	if (fd == l->mailbox.event_fd)
		parcels_take(l);
	else if (fd == l->inbox_fds[0])
		inbox_take(l);
	else if (l->index == 0 && fd == l->edge->listener.fd)
		accept_burst(l);
	/* else: the daemon's, which runs in any case */
}

static void turn_run(struct loop *l)
{
	struct epoll_event events[8];
	struct connection *c;
	int count;

	snapshot_rest(&l->snapshot);
	count = epoll_wait(l->epoll_fd, events, LENGTH_OF(events), turn_wait_ms(l));
	CHECK(count >= 0 || errno == EINTR);
	l->now_ns = clock_monotonic_ns();
	for (int i = 0; i < count; i++)
		turn_handle(l, events[i].data.fd);
	while ((c = connection_pop_due(l)) != NULL)
		connection_expire(c);
	errands_look(&l->errands, l->now_ns);
	operation_home_expire(&l->operations, l->now_ns);
	clients_probe(l);
	subscribers_serve(&l->subscribers, l->now_ns);
	loop_daemon_run(l);
	accept_continue(l);
}

static void *loop_run(void *loop)
{
	struct loop *l = loop;
	char name[16];

	snprintf(name, sizeof(name), "loop-%d", l->index);
	pthread_setname_np(pthread_self(), name);
	l->now_ns = clock_monotonic_ns();
	accept_continue(l);
	while (!drain_is_done(l))
		turn_run(l);
	snapshot_rest(&l->snapshot);
	return NULL;
}

static int loop_open_fds(struct loop *l)
{
	int r;

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return FAULT(-errno);
	if (pipe2(l->inbox_fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return FAULT(-errno);
	r = loop_daemon_open(l);
	if (r == 0)
		r = epoll_watch(l->epoll_fd, loop_daemon_fd(l));
	if (r == 0)
		r = epoll_watch(l->epoll_fd, l->mailbox.event_fd);
	if (r == 0)
		r = epoll_watch(l->epoll_fd, l->inbox_fds[0]);
	return r;
}

static int loop_open(struct loop *l, struct edge *e, int index)
{
	int r;

	*l = (struct loop){ .edge = e, .index = index, .epoll_fd = -1, .inbox_fds = { -1, -1 } };
	/* First of all that may fail: what loop_close() finds is whole from here on. */
	r = mailbox_init(&l->mailbox);
	list_init(&l->connections);
	list_init(&l->free_connections);
	list_init(&l->parked);
	request_pool_init(&l->requests);
	errands_init(&l->errands);
	subscribers_init(&l->subscribers, e->options.service, &l->mailbox);
	seq_waits_init(&l->seq_waits, e->options.service, &l->mailbox);
	operation_home_init(&l->operations, &e->operations, &l->mailbox);
	if (r < 0)
		return r;
	l->heap = calloc((size_t)e->connection_limit, sizeof(*l->heap));
	if (l->heap == NULL)
		return FAULT(-ENOMEM);
	deadline_queue_init(&l->deadlines, l->heap, (size_t)e->connection_limit);
	r = loop_open_fds(l);
	if (r == 0)
		r = snapshot_init(&l->snapshot, e->options.service);
	l->has_snapshot = r == 0;
	return r;
}

/* Sockets that were on their way to a loop that had ended. */
static void inbox_discard(struct loop *l)
{
	int fd;

	while (read(l->inbox_fds[0], &fd, sizeof(fd)) == sizeof(fd))
		if (fd != INBOX_NUDGE)
			close(fd);
	close(l->inbox_fds[0]);
	close(l->inbox_fds[1]);
}

static void loop_close(struct loop *l)
{
	struct list *link;

	CHECK(!l->is_running);
	loop_daemon_close(l);
	if (l->has_snapshot)
		snapshot_fini(&l->snapshot);
	if (l->inbox_fds[0] >= 0)
		inbox_discard(l);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	mailbox_fini(&l->mailbox);
	free(l->heap);
	free(l->by_fd);
	request_pool_fini(&l->requests);
	while ((link = list_pop_front(&l->free_connections)) != NULL)
		free(CONTAINER_OF(link, struct connection, link));
}

/* ---------------------------------------------------------------- the edge */

/* As many as there may be open files, raised as far as we are allowed to and need. */
static int connection_limit_find(int wanted)
{
	rlim_t most = (rlim_t)(wanted > 0 ? wanted : CONNECTIONS_DEFAULT) + RESERVED_FILES;
	rlim_t reserved = RESERVED_FILES;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return wanted > 0 ? wanted : 256;
	if (files.rlim_cur < most && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max < most ? files.rlim_max : most;
		(void)!setrlimit(RLIMIT_NOFILE, &files);
		(void)!getrlimit(RLIMIT_NOFILE, &files);
	}
	if (reserved > files.rlim_cur / 2)
		reserved = files.rlim_cur / 2;
	if (files.rlim_cur - reserved < most - RESERVED_FILES)
		return files.rlim_cur - reserved > 0 ? (int)(files.rlim_cur - reserved) : 1;
	return (int)(most - RESERVED_FILES);
}

static int loops_open(struct edge *e)
{
	int r = 0;

	e->loops = calloc((size_t)e->options.loop_count, sizeof(*e->loops));
	if (e->loops == NULL)
		return FAULT(-ENOMEM);
	while (r == 0 && e->loop_count < e->options.loop_count) {
		r = loop_open(&e->loops[e->loop_count], e, e->loop_count);
		e->loop_count++;
	}
	return r;
}

int edge_open(const struct loop_options *options, struct edge **ret_edge, char ret_address[128])
{
	struct edge *e = calloc(1, sizeof(*e));
	struct listener listener = *options->listener;
	int r;

	CHECK(options->loop_count >= 1);
	if (e == NULL) {
		listener_close(&listener);
		return FAULT(-ENOMEM);
	}
	e->options = *options;
	e->connection_limit = connection_limit_find(options->connection_limit);
	e->listener = listener;
	operation_book_init(&e->operations, options->service, options->operation_wait_ms);
	r = loops_open(e);
	if (r == 0)
		r = listener_listen(&e->listener);
	if (r < 0) {
		edge_close(e);
		return r;
	}
	e->guard = (struct header_guard){ .listen_name = e->listener.name,
					  .listen_host = e->listener.host,
					  .listens_on_any = e->listener.is_any,
					  .port = e->listener.port,
					  .host_names = options->host_names };
	snprintf(ret_address, 128, "%s:%d", e->listener.host, e->listener.port);
	*ret_edge = e;
	return 0;
}

/* Signals are main's: a loop never takes one. */
static int loop_start(struct loop *l)
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

/* The first loop comes last, since it deals connections to the others. */
int edge_start(struct edge *e)
{
	for (int i = e->loop_count - 1; i >= 0; i--) {
		int r = loop_start(&e->loops[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

void edge_drain(struct edge *e, int64_t until_ns)
{
	e->drain_until_ns = until_ns;
	e->drain_cut_ns = until_ns + DRAIN_LAST_MS * NS_PER_MS;
	atomic_store(&e->is_draining, true);
	for (int i = 0; i < e->loop_count; i++)
		loop_nudge(&e->loops[i]);
	for (int i = 0; i < e->loop_count; i++) {
		struct loop *l = &e->loops[i];

		if (l->is_running)
			CHECK(pthread_join(l->thread, NULL) == 0);
		l->is_running = false;
	}
}

void edge_close(struct edge *e)
{
	if (e == NULL)
		return;
	for (int i = 0; i < e->loop_count; i++)
		loop_close(&e->loops[i]);
	operation_book_fini(&e->operations);
	listener_close(&e->listener);
	free(e->loops);
	free(e);
}
