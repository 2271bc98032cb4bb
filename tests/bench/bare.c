/*
 * bare - the ceiling: how fast libmicrohttpd serves when a request costs nothing.
 *
 *     bench_bare LOOPS [PORT [FILE]]   prints "listening on http://127.0.0.1:PORT"; kill it
 *
 *     GET  anything   answered at once with a fixed body: the ceiling of a point read
 *     POST anything   suspended, handed to a second thread, handed straight back, resumed, answered
 *                     with a fixed body: the ceiling of an update, its way without rules and disk;
 *                     with FILE each burst is written there and flushed before it is handed back,
 *                     a page of zeros whatever its size: the ceiling of a durable one
 *
 *     socket -> loop: suspend -> worker: takes everything that waits -> loop: resume -> answer
 *                  one hand-over and one signal a turn        one eventfd write per loop and burst
 *
 * The shape is that of rowlockd: one listening socket, connections dealt round robin to LOOPS
 * loops, each of which drives its own daemon in external epoll mode. libmicrohttpd's internal
 * polling thread would not do as a ceiling: it stalls when exactly 128 (256, 512 ...) connections
 * are ready at once.
 *
 * A measuring instrument, not a server: it trusts its clients to send a Content-Length (it suspends
 * only after the whole upload, so it is never called while suspended), and dies of the first
 * signal.
 */
#include "base/list.h"
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LOOPS_MAX = 64,
	CONNECTIONS_PER_LOOP_MAX = 4096,
	BACKLOG = 1024,
	FLUSHED_BYTES = 4096,
	FILE_BYTES = 8 << 20, /* then it begins anew: a log that no longer grows */
	EXIT_USAGE = 64,
	EXIT_OS = 71,
};

static const char hello_body[] = "{\"hello\":\"world\"}\n";
static const char done_body[] = "{\"on_hand\":1000000000,\"version\":1}\n";

/* One POST on its way; owned by its connection, freed when that is through with it. */
struct exchange {
	struct list link; /* in loop.asked, worker.queue, loop.returned: one after the other */
	struct loop *loop;
	struct MHD_Connection *connection;
	bool has_returned;
};

struct loop {
	struct MHD_Daemon *daemon;
	struct MHD_Response *hello;
	struct MHD_Response *done;
	struct worker *worker;
	struct exchange read; /* stands for every GET: there is nothing to remember about one */
	int epoll_fd;         /* ours: watches the daemon's epoll, the wake-up and the inbox */
	int wake_fd;          /* written when `returned` stops being empty */
	int inbox_fds[2];     /* a pipe of accepted sockets */
	struct list asked;    /* suspended in this turn, not yet handed over */
	struct list burst;    /* the worker's: to be handed back to this loop */
	pthread_mutex_t mutex;
	struct list returned; /* guarded by mutex */
};

struct worker {
	pthread_mutex_t mutex;
	pthread_cond_t queue_filled;
	struct list queue; /* guarded by mutex */
	struct loop *loops;
	int loop_count;
	int file; /* -1: nothing is flushed */
	off_t written;
};

/* There is nothing to measure on a machine that cannot give us a socket or a thread. */
static int must(int result, const char *what)
{
	if (result >= 0)
		return result;
	perror(what);
	exit(EXIT_OS);
}

static void mutex_lock(pthread_mutex_t *m)
{
	CHECK(pthread_mutex_lock(m) == 0);
}

static void mutex_unlock(pthread_mutex_t *m)
{
	CHECK(pthread_mutex_unlock(m) == 0);
}

/* The worker: what stands between a real update's suspend and its resume. */

static void worker_init(struct worker *w, struct loop loops[], int loop_count)
{
	*w = (struct worker){ .loops = loops, .loop_count = loop_count, .file = -1 };
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->queue_filled, NULL);
	list_init(&w->queue);
}

/* Its room is taken before anything is measured, as that of a log that was used before. */
static void worker_open(struct worker *w, const char *path)
{
	static const char zeros[FLUSHED_BYTES];

	w->file = must(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), path);
	for (off_t at = 0; at < FILE_BYTES; at += FLUSHED_BYTES)
		must((int)pwrite(w->file, zeros, FLUSHED_BYTES, at), path);
	must(fsync(w->file), path);
}

static void worker_flush(struct worker *w)
{
	static const char zeros[FLUSHED_BYTES];

	if (w->file < 0)
		return;
	must((int)pwrite(w->file, zeros, FLUSHED_BYTES, w->written % FILE_BYTES), "pwrite");
	must(fdatasync(w->file), "fdatasync");
	w->written += FLUSHED_BYTES;
}

static void worker_hand_over(struct worker *w, struct list *asked)
{
	if (list_is_empty(asked))
		return;
	mutex_lock(&w->mutex);
	list_splice_back(&w->queue, asked);
	mutex_unlock(&w->mutex);
	pthread_cond_signal(&w->queue_filled);
}

static void worker_take(struct worker *w, struct list *ret_burst)
{
	list_init(ret_burst);
	mutex_lock(&w->mutex);
	while (list_is_empty(&w->queue))
		pthread_cond_wait(&w->queue_filled, &w->mutex);
	list_splice_back(ret_burst, &w->queue);
	mutex_unlock(&w->mutex);
}

static void loop_hand_back(struct loop *l)
{
	bool was_empty;

	if (list_is_empty(&l->burst))
		return;
	mutex_lock(&l->mutex);
	was_empty = list_is_empty(&l->returned);
	list_splice_back(&l->returned, &l->burst);
	mutex_unlock(&l->mutex);
	if (was_empty)
		must(eventfd_write(l->wake_fd, 1), "eventfd_write");
}

static void *worker_run(void *argument)
{
	struct worker *w = argument;
	struct list burst;
	struct list *link;

	for (;;) {
		worker_take(w, &burst);
		worker_flush(w);
		while ((link = list_pop_front(&burst)) != NULL)
			list_push_back(&CONTAINER_OF(link, struct exchange, link)->loop->burst,
				       link);
		for (int i = 0; i < w->loop_count; i++)
			loop_hand_back(&w->loops[i]);
	}
	return NULL;
}

/* What libmicrohttpd calls, always on the loop's own thread. */

static enum MHD_Result request_begin(struct loop *l, struct MHD_Connection *connection,
				     const char *method, void **ret_exchange)
{
	struct exchange *x;

	/* Not answered yet: an answer to the headers alone closes the connection, of a GET too. */
	if (strcmp(method, MHD_HTTP_METHOD_GET) == 0) {
		*ret_exchange = &l->read;
		return MHD_YES;
	}
	x = malloc(sizeof(*x));
	if (x == NULL)
		return MHD_NO;
	*x = (struct exchange){ .loop = l, .connection = connection };
	list_init(&x->link);
	*ret_exchange = x;
	return MHD_YES;
}

static enum MHD_Result on_request(void *loop, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_bytes, void **exchange)
{
	struct loop *l = loop;
	struct exchange *x = *exchange;

	(void)url, (void)version, (void)upload;
	if (x == NULL)
		return request_begin(l, connection, method, exchange);
	if (*upload_bytes > 0) {
		*upload_bytes = 0;
		return MHD_YES;
	}
	if (x == &l->read)
		return MHD_queue_response(connection, MHD_HTTP_OK, l->hello);
	if (x->has_returned)
		return MHD_queue_response(connection, MHD_HTTP_CREATED, l->done);
	MHD_suspend_connection(connection);
	list_push_back(&l->asked, &x->link);
	return MHD_YES;
}

static void on_completed(void *loop, struct MHD_Connection *connection, void **exchange,
			 enum MHD_RequestTerminationCode reason)
{
	struct loop *l = loop;

	(void)connection, (void)reason;
	if (*exchange != &l->read)
		free(*exchange);
	*exchange = NULL;
}

/* The loops. */

static void loop_watch(struct loop *l, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	must(epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static struct MHD_Response *response_of(const char *body)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(strlen(body), (void *)body, MHD_RESPMEM_PERSISTENT);

	CHECK(r != NULL);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	return r;
}

static struct MHD_Daemon *daemon_of(struct loop *l)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME,
				0, NULL, NULL, on_request, l, MHD_OPTION_NOTIFY_COMPLETED,
				on_completed, l, MHD_OPTION_CONNECTION_LIMIT,
				(unsigned)CONNECTIONS_PER_LOOP_MAX, MHD_OPTION_END);
}

static void loop_init(struct loop *l, struct worker *w)
{
	*l = (struct loop){ .worker = w };
	pthread_mutex_init(&l->mutex, NULL);
	list_init(&l->asked);
	list_init(&l->burst);
	list_init(&l->returned);
	l->hello = response_of(hello_body);
	l->done = response_of(done_body);
	l->daemon = daemon_of(l);
	CHECK(l->daemon != NULL);
	l->epoll_fd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	l->wake_fd = must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
	must(pipe2(l->inbox_fds, O_CLOEXEC | O_NONBLOCK), "pipe2");
	loop_watch(l, l->wake_fd);
	loop_watch(l, l->inbox_fds[0]);
	loop_watch(l, MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
}

static void loop_adopt_connections(struct loop *l)
{
	struct sockaddr_in peer = { .sin_family = AF_INET };
	int fd;

	while (read(l->inbox_fds[0], &fd, sizeof(fd)) == sizeof(fd))
		MHD_add_connection(l->daemon, fd, (struct sockaddr *)&peer, sizeof(peer));
}

static void loop_resume_burst(struct loop *l)
{
	struct list burst;
	struct list *link;

	list_init(&burst);
	mutex_lock(&l->mutex);
	list_splice_back(&burst, &l->returned);
	mutex_unlock(&l->mutex);
	while ((link = list_pop_front(&burst)) != NULL) {
		struct exchange *x = CONTAINER_OF(link, struct exchange, link);

		x->has_returned = true;
		MHD_resume_connection(x->connection);
	}
}

static int loop_wait_ms(const struct loop *l)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(l->daemon, &ms) != MHD_YES)
		return -1;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static void loop_turn(struct loop *l)
{
	struct epoll_event events[3];
	int count = epoll_wait(l->epoll_fd, events, LENGTH_OF(events), loop_wait_ms(l));
	eventfd_t wakes;

	if (count < 0 && errno != EINTR)
		must(count, "epoll_wait");
	for (int i = 0; i < count; i++) {
		if (events[i].data.fd == l->inbox_fds[0])
			loop_adopt_connections(l);
		if (events[i].data.fd != l->wake_fd)
			continue;
		/* Emptied before the list is taken, so that no later wake-up is lost. */
		must(eventfd_read(l->wake_fd, &wakes), "eventfd_read");
		loop_resume_burst(l);
	}
	MHD_run(l->daemon);
	worker_hand_over(l->worker, &l->asked);
}

static void *loop_run(void *loop)
{
	for (;;)
		loop_turn(loop);
	return NULL;
}

/* The listening socket. */

static int listen_on(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t address_bytes = sizeof(address);
	int yes = 1;
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), "SO_REUSEADDR");
	must(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	must(listen(fd, BACKLOG), "listen");
	must(getsockname(fd, (struct sockaddr *)&address, &address_bytes), "getsockname");
	fprintf(stderr, "listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
	return fd;
}

static void deal_connections(int listen_fd, struct loop loops[], int loop_count)
{
	for (int next = 0;; next = (next + 1) % loop_count) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		must(fd, "accept4");
		must((int)write(loops[next].inbox_fds[1], &fd, sizeof(fd)), "inbox");
	}
}

static void thread_start(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run, argument);
	must(-errno, "pthread_create");
	pthread_detach(thread);
}

int main(int argc, char **argv)
{
	static struct loop loops[LOOPS_MAX];
	static struct worker worker;
	int loop_count = argc > 1 ? atoi(argv[1]) : 0;
	int port = argc > 2 ? atoi(argv[2]) : 0;
	int listen_fd;

	if (loop_count < 1 || loop_count > LOOPS_MAX || port < 0 || port > UINT16_MAX) {
		fprintf(stderr, "usage: %s LOOPS [PORT [FILE]]   (1 to %d loops)\n", argv[0],
			LOOPS_MAX);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	worker_init(&worker, loops, loop_count);
	if (argc > 3)
		worker_open(&worker, argv[3]);
	for (int i = 0; i < loop_count; i++)
		loop_init(&loops[i], &worker);
	thread_start(worker_run, &worker);
	for (int i = 0; i < loop_count; i++)
		thread_start(loop_run, &loops[i]);
	listen_fd = listen_on((uint16_t)port);
	deal_connections(listen_fd, loops, loop_count);
	return 0;
}
