/* Plays microhttpd with one socket: what it is told, and when. */
#include "edge/sockets/sockets.h"
#include "unit.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/*
 * Steps: d the client sends a byte, e it has sent all it will, h it is gone; p microhttpd parks the
 * socket, b puts it back, r reads all there is, n reads a part of it, w asks for events, c closes
 * it, whereupon another one gets its number.
 *
 * What each w is told: - nothing, i there is input, h it is gone; ii is told in one go.
 */
static const struct row {
	const char *what;
	const char *steps;
	const char *told;
} rows[] = {
	{ "input in the set is told once", "dww", "i-" },
	{ "the end in the set is told", "ew", "i" },
	{ "parked, it is told nothing", "pdwewhw", "---" },
	{ "put back, it is told what came", "pdwbw", "-i" },
	{ "put back, and told once", "pdwbww", "-i-" },
	{ "what came and was not asked for", "pdbw", "i" },
	{ "put back with nothing", "pwbw", "--" },
	{ "put back, then input comes", "pwbdw", "-i" },
	{ "what came, and more of it", "pdwbdw", "-ii" },
	{ "the end while it was parked", "pewbw", "-i" },
	{ "gone while it was parked", "phwbw", "-h" },
	{ "gone after it was put back", "pdwbhw", "-ih" },
	{ "parked again before it was told", "pdwbpw", "--" },
	{ "parked again, and put back again", "pdwbpwbw", "--i" },
	{ "parked, put back and parked without a word", "pdwbpbw", "-i" },
	{ "read, parked, and put back", "dwrpwbw", "i--" },
	{ "the end behind what was read", "dewrpwbw", "i-i" },
	{ "more than was read", "ddwnw", "ii" },
	{ "more than was read, and parked", "ddwnpwbw", "i-i" },
	{ "more than was read while it keeps its place", "ddpwnwbw", "--i" },
	{ "closed while it waits to be told", "pdwbcw", "--" },
	{ "closed while parked", "pdwcw", "--" },
	{ "closed and used again", "pdwbcdw", "-i" },
	{ "parked for the client of another", "pdwbcpwbw", "---" },
};

struct stage {
	struct watched_sockets all;
	struct watched_socket socket;
	int client_fd;
	char told[64];
	size_t told_count;
};

static struct stage *stage_of_read;

/* As edge/input.c marks them. */
static ssize_t read_some(struct watched_socket *s, void *buffer, size_t byte_count)
{
	ssize_t r = recvfrom(s->fd, buffer, byte_count, MSG_DONTWAIT, NULL, NULL);

	if (!s->is_ended && (r < 0 || (r > 0 && (size_t)r < byte_count)))
		s->is_readable = false;
	if (r > 0 && (s->is_ended || (size_t)r == byte_count))
		sockets_announce(&stage_of_read->all, s);
	return r;
}

/* As edge/output.c: more goes out than was given. */
static ssize_t write_more(struct watched_socket *s, const void *bytes, size_t byte_count, int flags)
{
	(void)bytes;
	assert_int_equal(flags, MSG_NOSIGNAL);
	assert_int_equal(sendto(s->fd, "more", 4, flags, NULL, 0), 4);
	return (ssize_t)byte_count;
}

static struct epoll_event event_of(const struct watched_socket *s)
{
	return (struct epoll_event){ .events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLET,
				     .data.ptr = s->handle };
}

static void put_in(struct stage *t)
{
	struct epoll_event event = event_of(&t->socket);

	assert_int_equal(epoll_ctl(t->all.epoll_fd, EPOLL_CTL_ADD, t->socket.fd, &event), 0);
}

static void park(struct stage *t)
{
	t->socket.is_being_parked = true;
	assert_int_equal(epoll_ctl(t->all.epoll_fd, EPOLL_CTL_DEL, t->socket.fd, NULL), 0);
	t->socket.is_being_parked = false;
}

static void ask(struct stage *t)
{
	struct epoll_event events[8];
	int count;

	sockets_wait(&t->all, 0);
	count = epoll_wait(t->all.epoll_fd, events, LENGTH_OF(events), 0);
	assert_true(count >= 0);
	if (count == 0)
		t->told[t->told_count++] = '-';
	for (int i = 0; i < count; i++) {
		bool is_gone = (events[i].events & EPOLLHUP) != 0;

		assert_ptr_equal(events[i].data.ptr, t->socket.handle);
		assert_true((events[i].events & EPOLLIN) != 0);
		t->told[t->told_count++] = is_gone ? 'h' : 'i';
	}
	assert_int_equal(sockets_are_announced(&t->all), false);
}

static void read_bytes(struct stage *t, size_t byte_count)
{
	char bytes[8];

	assert_true(recv(t->socket.fd, bytes, byte_count, 0) > 0);
}

/* The first event, that it can be written, is nobody's business here. */
static void socket_open(struct stage *t)
{
	struct epoll_event event;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	t->socket = (struct watched_socket){ .fd = fds[0], .handle = &t->client_fd };
	t->client_fd = fds[1];
	assert_true(sockets_add(&t->all, &t->socket));
	put_in(t);
	sockets_wait(&t->all, 0);
	assert_int_equal(epoll_wait(t->all.epoll_fd, &event, 1, 0), 1);
}

static void socket_close(struct stage *t)
{
	sockets_remove(&t->all, &t->socket);
	close(t->socket.fd);
	close(t->client_fd);
}

static void step(struct stage *t, char what)
{
	int fd = t->socket.fd;

	if (what == 'd') {
		assert_int_equal(send(t->client_fd, "x", 1, 0), 1);
	} else if (what == 'e') {
		assert_int_equal(shutdown(t->client_fd, SHUT_WR), 0);
	} else if (what == 'h') {
		assert_int_equal(shutdown(t->client_fd, SHUT_RDWR), 0);
	} else if (what == 'p') {
		park(t);
	} else if (what == 'b') {
		put_in(t);
	} else if (what == 'r') {
		read_bytes(t, 8);
	} else if (what == 'n') {
		read_bytes(t, 1);
	} else if (what == 'c') {
		socket_close(t);
		socket_open(t);
		assert_int_equal(t->socket.fd, fd);
	} else {
		assert_int_equal(what, 'w');
		ask(t);
	}
}

static void stage_open(struct stage *t)
{
	*t = (struct stage){ .client_fd = -1 };
	sockets_init(&t->all, read_some, write_more);
	t->all.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	assert_true(t->all.epoll_fd >= 0);
	stage_of_read = t;
	sockets_begin(&t->all);
	socket_open(t);
}

static void stage_close(struct stage *t)
{
	socket_close(t);
	sockets_end(&t->all);
	close(t->all.epoll_fd);
	sockets_fini(&t->all);
}

static void each_sequence_tells_what_happened(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct stage t;

		stage_open(&t);
		for (const char *at = rows[i].steps; *at != '\0'; at++)
			step(&t, *at);
		if (strcmp(t.told, rows[i].told) != 0)
			fail_msg("\"%s\": told %s instead of %s", rows[i].what, t.told,
				 rows[i].told);
		stage_close(&t);
	}
}

/* Nothing is lost, however little room there is for events. */
static void what_does_not_fit_is_told_later(void **state)
{
	enum { COUNT = 5 };
	struct watched_socket sockets[COUNT];
	struct epoll_event events[2];
	struct stage t;
	int told_count = 0;

	(void)state;
	stage_open(&t);
	for (size_t i = 0; i < COUNT; i++) {
		sockets[i] = (struct watched_socket){ .fd = 100 + (int)i,
						      .handle = &sockets[i],
						      .is_readable = true,
						      .keeps_place = true };
		struct epoll_event event = event_of(&sockets[i]);

		assert_true(sockets_add(&t.all, &sockets[i]));
		assert_int_equal(epoll_ctl(t.all.epoll_fd, EPOLL_CTL_ADD, sockets[i].fd, &event),
				 0);
	}
	for (int count = 2; count == 2; told_count += count) {
		count = epoll_wait(t.all.epoll_fd, events, 2, 0);
		for (int i = 0; i < count; i++)
			assert_ptr_equal(events[i].data.ptr, &sockets[told_count + i]);
	}
	assert_int_equal(told_count, COUNT);
	for (size_t i = 0; i < COUNT; i++)
		sockets_remove(&t.all, &sockets[i]);
	stage_close(&t);
}

/* Of a loop's socket; another one gets what is given. */
static void what_is_sent_goes_to_write(void **state)
{
	char got[8] = "";
	struct stage t;

	(void)state;
	stage_open(&t);
	assert_int_equal(send(t.socket.fd, "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(t.client_fd, got, sizeof(got), MSG_DONTWAIT), 4);
	assert_string_equal(got, "more");
	assert_int_equal(send(t.client_fd, "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recvfrom(t.socket.fd, got, sizeof(got), MSG_DONTWAIT, NULL, NULL), 1);
	stage_close(&t);
}

/* Without a loop's mark these are the system's. */
static void outside_of_a_run_nothing_is_changed(void **state)
{
	struct epoll_event event;
	struct stage t;

	(void)state;
	stage_open(&t);
	step(&t, 'p');
	step(&t, 'd');
	sockets_end(&t.all);
	assert_int_equal(epoll_wait(t.all.epoll_fd, &event, 1, 0), 1);
	assert_true(event.data.ptr != t.socket.handle);
	sockets_begin(&t.all);
	stage_close(&t);
}

/* ---------------------------------------------------------------- the loop's own */

/* A descriptor that is readable once somebody has rung it. */
static int bell_open(struct stage *t)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	assert_int_equal(sockets_watch(&t->all, fd), 0);
	return fd;
}

static void bell_ring(int fd)
{
	assert_int_equal(eventfd_write(fd, 1), 0);
}

static void bell_hear(int fd)
{
	eventfd_t count;

	assert_int_equal(eventfd_read(fd, &count), 0);
}

/* Waits until something happens, and expects that it is this, once: of the loop's own. */
static void expect_watched(struct stage *t, int timeout_ms, int fd)
{
	struct epoll_event event;

	sockets_wait(&t->all, timeout_ms);
	assert_int_equal(epoll_wait(t->all.epoll_fd, &event, 1, 0), 0); /* not microhttpd's */
	assert_int_equal(sockets_next_watched(&t->all), fd);
	assert_int_equal(sockets_next_watched(&t->all), -1);
}

static void what_is_watched_ends_a_wait(void **state)
{
	struct stage t;
	int fd;

	(void)state;
	stage_open(&t);
	fd = bell_open(&t);
	expect_watched(&t, 0, -1);
	bell_ring(fd);
	expect_watched(&t, -1, fd);
	expect_watched(&t, -1, fd); /* as long as nobody has heard it */
	bell_hear(fd);
	expect_watched(&t, 0, -1);
	bell_ring(fd);
	sockets_unwatch(&t.all, fd);
	expect_watched(&t, 0, -1);
	assert_int_equal(sockets_watch(&t.all, fd), 0);
	expect_watched(&t, -1, fd);
	close(fd);
	stage_close(&t);
}

/* Whoever looks first, and however much room microhttpd has: each is told its own, once. */
static void both_are_told_of_one_wait(void **state)
{
	struct epoll_event events[4];
	struct stage t;
	int fds[3];

	(void)state;
	stage_open(&t);
	for (size_t i = 0; i < LENGTH_OF(fds); i++)
		fds[i] = bell_open(&t);
	for (int order = 0; order < 6; order++) {
		int seen = 0, told = 0;

		for (size_t i = 0; i < LENGTH_OF(fds); i++)
			bell_ring(fds[i]);
		step(&t, 'd');
		sockets_wait(&t.all, -1);
		for (int turn = 0; turn < 6; turn++) {
			if (turn % 6 == order)
				told += epoll_wait(t.all.epoll_fd, events, 1 + order % 2, 0);
			else if (sockets_next_watched(&t.all) >= 0)
				seen++;
		}
		while (epoll_wait(t.all.epoll_fd, events, 4, 0) > 0)
			told++;
		assert_int_equal(told, 1);
		assert_int_equal(seen, LENGTH_OF(fds));
		for (size_t i = 0; i < LENGTH_OF(fds); i++)
			bell_hear(fds[i]);
		step(&t, 'r');
	}
	for (size_t i = 0; i < LENGTH_OF(fds); i++)
		close(fds[i]);
	stage_close(&t);
}

/* What one wait has no room for is reported by the next. */
static void more_than_a_wait_reports(void **state)
{
	enum { COUNT = EVENTS_MAX + 40 };
	static int fds[COUNT];
	struct epoll_event event;
	struct stage t;
	int counts[2] = { 0, 0 };

	(void)state;
	stage_open(&t);
	for (int i = 0; i < COUNT; i++)
		bell_ring(fds[i] = bell_open(&t));
	for (int round = 0; round < 2; round++) {
		sockets_wait(&t.all, 0);
		assert_int_equal(epoll_wait(t.all.epoll_fd, &event, 1, 0), 0);
		for (int fd; (fd = sockets_next_watched(&t.all)) >= 0; counts[round]++)
			bell_hear(fd);
	}
	assert_int_equal(counts[0], EVENTS_MAX);
	assert_int_equal(counts[1], COUNT - EVENTS_MAX);
	for (int i = 0; i < COUNT; i++)
		close(fds[i]);
	stage_close(&t);
}

static void what_cannot_be_watched_is_said(void **state)
{
	struct stage t;
	FILE *file = tmpfile();
	int fd;

	(void)state;
	assert_non_null(file);
	stage_open(&t);
	fd = bell_open(&t);
	assert_int_equal(sockets_watch(&t.all, fd), -EEXIST);
	assert_int_equal(sockets_watch(&t.all, fileno(file)), -EPERM);
	assert_int_equal(sockets_watch(&t.all, 9999), -EBADF);
	bell_ring(fd);
	expect_watched(&t, -1, fd);
	close(fd);
	fclose(file);
	stage_close(&t);
}

static void hear_alarm(int number)
{
	(void)number;
}

static void a_signal_ends_a_wait(void **state)
{
	const struct itimerval soon = { .it_interval.tv_usec = 1000, .it_value.tv_usec = 1000 };
	const struct itimerval never = { 0 };
	struct sigaction action = { .sa_handler = hear_alarm };
	struct stage t;

	(void)state;
	stage_open(&t);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	expect_watched(&t, -1, -1);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	stage_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sequence_tells_what_happened),
		cmocka_unit_test(what_does_not_fit_is_told_later),
		cmocka_unit_test(what_is_sent_goes_to_write),
		cmocka_unit_test(outside_of_a_run_nothing_is_changed),
		cmocka_unit_test(what_is_watched_ends_a_wait),
		cmocka_unit_test(both_are_told_of_one_wait),
		cmocka_unit_test(more_than_a_wait_reports),
		cmocka_unit_test(what_cannot_be_watched_is_said),
		cmocka_unit_test(a_signal_ends_a_wait),
	};

	return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
