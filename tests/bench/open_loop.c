/*
 * open_loop - requests at a fixed rate, whatever the server does, and how long each took from the
 * moment in which it was due.
 *
 *     bench_open_loop 127.0.0.1:8080 REQUESTS --rate 30000 --connections 64 --seconds 5
 *                     [--warm-up 1] [--drain 5] [--answers http|resp] [--from 127.0.0.2]
 *
 * wrk, redis-benchmark and pgbench are closed loops: each connection asks again when it has its
 * answer. While such a server stalls nobody asks, so the stall is seen by as many requests as there
 * are connections, and a p99 does not know about it. People do not wait for each other like that:
 * here request i is due at begin + i / rate, and its latency counts from then, also if it could not
 * be sent in time because all connections were waiting. Both ideas are others': "coordinated
 * omission" is Gil Tene's name for the mistake, and wrk2 his remedy; the difference between open
 * and closed systems is measured in "Open Versus Closed: A Cautionary Tale" (Schroeder, Wierman,
 * Harchol-Balter, NSDI 2006).
 *
 *     due ──> [ in line, by number ] ──> an idle connection, the one that has been idle longest
 *                                                 └──> sent ──> answered ──> idle
 *
 * --from is the address that it calls from, where it must not be that of others on this machine.
 *
 * REQUESTS is a file of netstrings ("LENGTH:BYTES,", https://cr.yp.to/proto/netstrings.txt), each
 * a whole request; they are sent in order, over and over. A connection has one under way.
 *
 * What is due in the first --warm-up seconds is sent and not counted. --seconds later no more is
 * due; what has no answer --drain seconds after that is counted with the time it has waited by
 * then, and as `unanswered`. So it always ends. It prints a line for each figure:
 *
 *     requests 150000
 *     rate 29999.6                   answers a second, from the first one due to the last answer
 *     latency_us p50 402.1 p90 611.3 p99 890.2 p99.9 2110.4 max 6113.7
 *     late driver 12 queued 340      sent more than LATE_NS after they were due: because this
 *                                    program came too late (many of these: do not believe the
 *                                    rest), or because every connection was waiting
 *     errors refused 0 broken 0 unanswered 0
 *
 * Exit codes: 0; 64: a mistake in the command line, which is also an address that is not one of
 * 127.0.0.0/8 (it is no weapon); 66: REQUESTS is no such file; 71: the server cannot be reached.
 * One thread; it sleeps between what is due, so as to leave the other cores to the server.
 */
#include "answer_scan.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/list.h"
#include "histogram.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EXIT_USAGE = 64,
	EXIT_INPUT = 66,
	EXIT_OS = 71,
	CONNECTIONS_MAX = 8192,
	RATE_MAX = 1000000,
	SECONDS_MAX = 60,
	FILE_BYTES_MAX = 64 * 1024 * 1024,
	REQUESTS_MAX = 1000000,
	ANSWER_BYTES_MAX = 16384,
	EVENTS_PER_WAIT = 256,
};

#define LATE_NS INT64_C(1000000)

struct request {
	const char *bytes;
	size_t byte_count;
};

/* One under way, or none: then it is in driver.idle. */
struct connection {
	int fd;
	struct list link;
	int64_t idle_since_ns;
	int64_t due_ns; /* of what is under way */
	size_t byte_count;
	char bytes[ANSWER_BYTES_MAX];
};

struct options {
	struct sockaddr_in address;
	struct sockaddr_in from; /* of family 0: the kernel's choice */
	const char *path;
	double rate;
	double warm_up_s, counted_s, drain_s;
	int connection_count;
	enum answer_protocol answers;
};

struct driver {
	struct options options;
	struct request *requests;
	int request_count;
	struct connection *connections;
	int alive_count;
	struct list idle; /* the one that has been idle longest is in front */
	int epoll_fd;

	int64_t begun_ns;
	int64_t counted_from_ns; /* what is due before is warming up */
	int64_t due_count;       /* as many are due in all */
	int64_t sent_count;
	int64_t ended_count;
	int64_t last_answer_ns;

	struct histogram latencies; /* of what is counted; ns */
	int64_t answered, refused, broken, unanswered;
	int64_t late_driver, late_queued;
};

__attribute__((noreturn, format(printf, 2, 3))) static void give_up(int code, const char *format,
								    ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("open_loop: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(code);
}

/* ---------------------------------------------------------------- what is sent */

static char *read_file(const char *path, size_t *ret_bytes)
{
	FILE *file = fopen(path, "re");
	char *bytes = malloc(FILE_BYTES_MAX + 1);
	size_t count;

	CHECK(bytes != NULL);
	if (file == NULL)
		give_up(EXIT_INPUT, "%s: %s", path, strerror(errno));
	count = fread(bytes, 1, FILE_BYTES_MAX + 1, file);
	fclose(file);
	if (count > FILE_BYTES_MAX)
		give_up(EXIT_INPUT, "%s has more than %d bytes", path, FILE_BYTES_MAX);
	bytes[count] = '\0';
	*ret_bytes = count;
	return bytes;
}

/* The netstring at *at, which moves behind it. */
static struct request take_netstring(char **at, const char *end, const char *path)
{
	char *colon;
	unsigned long bytes = strtoul(*at, &colon, 10);

	if (colon == *at || *colon != ':' || bytes == 0 || bytes > (size_t)(end - colon - 1) ||
	    colon[1 + bytes] != ',')
		give_up(EXIT_INPUT, "%s: not a netstring: %.20s", path, *at);
	*at = colon + bytes + 2;
	return (struct request){ colon + 1, bytes };
}

static void take_requests(struct driver *d)
{
	size_t byte_count;
	char *at = read_file(d->options.path, &byte_count);
	const char *end = at + byte_count;

	d->requests = calloc(REQUESTS_MAX, sizeof(*d->requests));
	CHECK(d->requests != NULL);
	while (at < end && d->request_count < REQUESTS_MAX)
		d->requests[d->request_count++] = take_netstring(&at, end, d->options.path);
	if (d->request_count == 0 || at < end)
		give_up(EXIT_INPUT, "%s: 1 to %d requests", d->options.path, REQUESTS_MAX);
}

/* ---------------------------------------------------------------- connections */

static void connection_open(struct driver *d, struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int yes = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd >= 0 && d->options.from.sin_family == AF_INET &&
	    bind(c->fd, (const struct sockaddr *)&d->options.from, sizeof(d->options.from)) != 0)
		give_up(EXIT_OS, "cannot call from there: %s", strerror(errno));
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&d->options.address,
				 sizeof(d->options.address)) != 0)
		give_up(EXIT_OS, "cannot connect: %s", strerror(errno));
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0 ||
	    fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 ||
	    epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
		give_up(EXIT_OS, "a socket: %s", strerror(errno));
	list_init(&c->link);
	list_push_back(&d->idle, &c->link);
}

static void open_connections(struct driver *d)
{
	int count = d->options.connection_count;

	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->connections = calloc((size_t)count, sizeof(*d->connections));
	CHECK(d->epoll_fd >= 0 && d->connections != NULL);
	for (int i = 0; i < count; i++)
		connection_open(d, &d->connections[i]);
	d->alive_count = count;
}

static bool is_counted(const struct driver *d, int64_t due_ns)
{
	return due_ns >= d->counted_from_ns;
}

/* It is not opened again: a run in which this happens is no good anyhow. */
static void connection_break(struct driver *d, struct connection *c)
{
	bool was_idle = list_is_linked(&c->link);

	if (was_idle)
		list_remove(&c->link);
	else
		d->ended_count++;
	close(c->fd);
	c->fd = -1;
	d->alive_count--;
	d->broken++;
}

/* ---------------------------------------------------------------- there and back */

static int64_t due_at(const struct driver *d, int64_t number)
{
	return d->begun_ns + (int64_t)((double)number * (double)NS_PER_S / d->options.rate);
}

static void note_lateness(struct driver *d, const struct connection *c, int64_t due_ns,
			  int64_t now_ns)
{
	int64_t possible_ns = c->idle_since_ns > due_ns ? c->idle_since_ns : due_ns;

	if (!is_counted(d, due_ns))
		return;
	if (now_ns - possible_ns > LATE_NS)
		d->late_driver++;
	else if (now_ns - due_ns > LATE_NS)
		d->late_queued++;
}

static void send_next(struct driver *d, int64_t due_ns, int64_t now_ns)
{
	struct connection *c = CONTAINER_OF(list_pop_front(&d->idle), struct connection, link);
	const struct request *r = &d->requests[d->sent_count % d->request_count];

	note_lateness(d, c, due_ns, now_ns);
	c->due_ns = due_ns;
	d->sent_count++;
	/* One request fits every socket's buffer: a part of it is as bad as none. */
	if (send(c->fd, r->bytes, r->byte_count, MSG_NOSIGNAL) != (ssize_t)r->byte_count)
		connection_break(d, c);
}

/* Until nothing is due, or no connection is idle. Returns when the next one is due. */
static int64_t send_what_is_due(struct driver *d)
{
	int64_t now_ns = clock_monotonic_ns();

	while (d->sent_count < d->due_count && !list_is_empty(&d->idle)) {
		int64_t due_ns = due_at(d, d->sent_count);

		if (due_ns > now_ns)
			now_ns = clock_monotonic_ns();
		if (due_ns > now_ns)
			return due_ns;
		send_next(d, due_ns, now_ns);
	}
	return INT64_MAX;
}

static void note_answer(struct driver *d, const struct connection *c, bool is_refusal,
			int64_t now_ns)
{
	d->ended_count++;
	d->last_answer_ns = now_ns;
	if (!is_counted(d, c->due_ns))
		return;
	d->answered++;
	d->refused += is_refusal;
	histogram_add(&d->latencies, now_ns - c->due_ns);
}

static void connection_take_answer(struct driver *d, struct connection *c, int64_t now_ns)
{
	struct scanned_answer answer;
	enum answer_verdict verdict =
		answer_scan(d->options.answers, c->bytes, c->byte_count, &answer);

	if (verdict == ANSWER_PARTIAL && c->byte_count < sizeof(c->bytes))
		return;
	if (verdict != ANSWER_WHOLE || answer.byte_count != c->byte_count) {
		connection_break(d, c);
		return;
	}
	c->byte_count = 0;
	note_answer(d, c, answer.is_refusal, now_ns);
	c->idle_since_ns = now_ns;
	list_push_back(&d->idle, &c->link);
}

static void connection_read(struct driver *d, struct connection *c)
{
	ssize_t n = recv(c->fd, c->bytes + c->byte_count, sizeof(c->bytes) - c->byte_count, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || list_is_linked(&c->link)) { /* over, or an answer to nothing */
		connection_break(d, c);
		return;
	}
	c->byte_count += (size_t)n;
	connection_take_answer(d, c, clock_monotonic_ns());
}

static void wait_until(struct driver *d, int64_t until_ns)
{
	struct epoll_event events[EVENTS_PER_WAIT];
	int64_t left_ns = until_ns - clock_monotonic_ns();
	struct timespec left = { 0 };
	int count;

	if (left_ns > 0)
		left = (struct timespec){ left_ns / NS_PER_S, left_ns % NS_PER_S };
	count = epoll_pwait2(d->epoll_fd, events, EVENTS_PER_WAIT, &left, NULL);
	if (count < 0 && errno != EINTR)
		give_up(EXIT_OS, "epoll_pwait2: %s", strerror(errno));
	for (int i = 0; i < count; i++)
		connection_read(d, events[i].data.ptr);
}

/* ---------------------------------------------------------------- the run */

static void drive(struct driver *d)
{
	int64_t end_ns;

	d->due_count = (int64_t)((d->options.warm_up_s + d->options.counted_s) * d->options.rate);
	d->begun_ns = d->last_answer_ns = clock_monotonic_ns();
	d->counted_from_ns = d->begun_ns + (int64_t)(d->options.warm_up_s * (double)NS_PER_S);
	end_ns = due_at(d, d->due_count) + (int64_t)(d->options.drain_s * (double)NS_PER_S);
	while (d->ended_count < d->due_count && d->alive_count > 0 &&
	       clock_monotonic_ns() < end_ns) {
		int64_t next_ns = send_what_is_due(d);

		wait_until(d, next_ns < end_ns ? next_ns : end_ns);
	}
}

/* What never came has waited until now at least; leaving it out would praise the server for it. */
static void count_unanswered(struct driver *d)
{
	int64_t now_ns = clock_monotonic_ns();

	for (int i = 0; i < d->options.connection_count; i++) {
		struct connection *c = &d->connections[i];

		if (c->fd < 0 || list_is_linked(&c->link))
			continue;
		d->unanswered++;
		if (is_counted(d, c->due_ns))
			histogram_add(&d->latencies, now_ns - c->due_ns);
	}
	for (int64_t i = d->sent_count; i < d->due_count; i++) {
		d->unanswered++;
		if (is_counted(d, due_at(d, i)))
			histogram_add(&d->latencies, now_ns - due_at(d, i));
	}
}

static double percentile_us(const struct driver *d, double percent)
{
	return (double)histogram_percentile(&d->latencies, percent) / 1e3;
}

static void print_figures(const struct driver *d)
{
	double seconds = (double)(d->last_answer_ns - d->counted_from_ns) / (double)NS_PER_S;

	printf("requests %" PRId64 "\n", d->latencies.count);
	printf("rate %.1f\n", seconds > 0 ? (double)d->answered / seconds : 0);
	printf("latency_us p50 %.1f p90 %.1f p99 %.1f p99.9 %.1f max %.1f\n", percentile_us(d, 50),
	       percentile_us(d, 90), percentile_us(d, 99), percentile_us(d, 99.9),
	       (double)d->latencies.most / 1e3);
	printf("late driver %" PRId64 " queued %" PRId64 "\n", d->late_driver, d->late_queued);
	printf("errors refused %" PRId64 " broken %" PRId64 " unanswered %" PRId64 "\n", d->refused,
	       d->broken, d->unanswered);
}

/* ---------------------------------------------------------------- the command line */

static const char usage[] =
	"usage: bench_open_loop 127.N.N.N:PORT REQUESTS --rate R [--connections N] [--seconds S]\n"
	"                       [--warm-up S] [--drain S] [--answers http|resp] [--from "
	"127.N.N.N]\n"
	"REQUESTS is a file of netstrings; R is 1 to 1000000 a second, N 1 to 8192 [64], S at most "
	"60\n"
	"[5, 0 and 5], the first two together.\n";

static bool take_number(const char *text, double least, double most, double *ret)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= least && value <= most))
		return false;
	*ret = value;
	return true;
}

static bool take_host(const char *host, double port, struct sockaddr_in *ret)
{
	*ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	return inet_pton(AF_INET, host, &ret->sin_addr) == 1 &&
	       ntohl(ret->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool take_address(const char *text, struct sockaddr_in *ret)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	double port;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
	    !take_number(colon + 1, 1, UINT16_MAX, &port))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	return take_host(host, port, ret);
}

static bool take_option(struct options *o, int option, const char *value)
{
	double number;

	switch (option) {
	case 'r':
		return take_number(value, 1, RATE_MAX, &o->rate);
	case 's':
		return take_number(value, 0.001, SECONDS_MAX, &o->counted_s);
	case 'w':
		return take_number(value, 0, SECONDS_MAX, &o->warm_up_s);
	case 'd':
		return take_number(value, 0, SECONDS_MAX, &o->drain_s);
	case 'c':
		if (!take_number(value, 1, CONNECTIONS_MAX, &number))
			return false;
		o->connection_count = (int)number;
		return true;
	case 'f':
		return take_host(value, 0, &o->from);
	case 'a':
		o->answers = strcmp(value, "resp") == 0 ? ANSWERS_RESP : ANSWERS_HTTP;
		return strcmp(value, "resp") == 0 || strcmp(value, "http") == 0;
	default:
		return false;
	}
}

static bool take_options(struct options *o, int count, char **words)
{
	static const struct option known[] = {
		{ "rate", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "warm-up", required_argument, NULL, 'w' },
		{ "drain", required_argument, NULL, 'd' },
		{ "connections", required_argument, NULL, 'c' },
		{ "answers", required_argument, NULL, 'a' },
		{ "from", required_argument, NULL, 'f' },
		{ 0 },
	};
	int option;

	*o = (struct options){ .counted_s = 5, .drain_s = 5, .connection_count = 64 };
	while ((option = getopt_long(count, words, "", known, NULL)) != -1)
		if (!take_option(o, option, optarg))
			return false;
	if (count - optind != 2 || !take_address(words[optind], &o->address))
		return false;
	o->path = words[optind + 1];
	return o->rate > 0 && o->warm_up_s + o->counted_s <= SECONDS_MAX;
}

int main(int argument_count, char **arguments)
{
	static struct driver driver;

	if (!take_options(&driver.options, argument_count, arguments)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	list_init(&driver.idle);
	take_requests(&driver);
	open_connections(&driver);
	prctl(PR_SET_TIMERSLACK, 1L); /* else a sleep ends up to 50 us late */
	drive(&driver);
	count_unanswered(&driver);
	print_figures(&driver);
	return 0;
}
