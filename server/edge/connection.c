#include "edge/connection.h"
#include "base/clock.h"
#include "edge/daemon_phrase.h"
#include "exchange/speaker.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* How long a connection that was opened as the server stops may wait for its first byte. */
static const int64_t last_head_ms = 100;

/* How long a client that was refused may go on talking. */
static const int64_t linger_ns = 2 * NS_PER_S;

static struct connection *connection_take(struct loop *l)
{
	struct list *link = list_pop_front(&l->free_connections);

	return link != NULL ? CONTAINER_OF(link, struct connection, link)
			    : malloc(sizeof(struct connection));
}

static void connection_ask_peer(struct connection *c)
{
	const struct speakers *speakers = c->loop->edge->options.speakers;

	peer_of_socket(c->socket.fd, &c->peer);
	c->peer.is_trusted_proxy = speakers != NULL && speakers_trust(speakers, &c->peer);
}

struct connection *connection_open(struct loop *l, struct MHD_Connection *handle, int fd)
{
	struct connection *c = connection_take(l);

	if (c == NULL)
		return NULL;
	*c = (struct connection){ .loop = l,
				  .socket = { .fd = fd, .handle = handle },
				  .due_ns = INT64_MAX };
	if (!sockets_add(&l->sockets, &c->socket)) {
		free(c);
		return NULL;
	}
	connection_ask_peer(c);
	framing_init(&c->framing);
	list_init(&c->link);
	list_push_back(&l->connections, &c->link);
	l->connection_count++;
	metric_add(METRIC_CONNECTIONS, 1);
	connection_expect_head(c);
	return c;
}

void connection_close(struct connection *c)
{
	struct loop *l = c->loop;

	CHECK(c->request == NULL);
	sockets_remove(&l->sockets, &c->socket);
	deadline_remove(&l->deadlines, &c->deadline);
	list_remove(&c->link);
	list_push_back(&l->free_connections, &c->link);
	l->connection_count--;
	metric_add(METRIC_CONNECTIONS, -1);
}

void connection_enter(struct connection *c, enum connection_phase phase, int64_t due_ns)
{
	c->phase = phase;
	c->due_ns = due_ns;
	if (due_ns == INT64_MAX)
		return;
	if (deadline_is_set(&c->deadline) && c->deadline.at_ns <= due_ns)
		return; /* comes up early enough, and is put right then */
	deadline_remove(&c->loop->deadlines, &c->deadline);
	deadline_add(&c->loop->deadlines, &c->deadline, due_ns);
}

int64_t connection_reply_due_ns(const struct loop *l)
{
	int64_t due_ns = l->now_ns + l->edge->options.reply_timeout_ms * NS_PER_MS;
	int64_t last_ns = l->now_ns + DRAIN_LAST_MS * NS_PER_MS;

	if (!l->host.is_draining)
		return due_ns;
	if (last_ns < l->edge->drain_cut_ns)
		last_ns = l->edge->drain_cut_ns;
	return due_ns < last_ns ? due_ns : last_ns;
}

int64_t connection_body_due_ns(const struct loop *l)
{
	return l->now_ns + l->edge->options.body_timeout_ms * NS_PER_MS;
}

/* While the server stops, a request that is on its way comes soon, or is not coming. */
void connection_expect_head(struct connection *c)
{
	int64_t limit_ms = c->loop->edge->options.header_timeout_ms;

	if (c->loop->host.is_draining && !framing_is_inside(&c->framing) && limit_ms > last_head_ms)
		limit_ms = last_head_ms;
	connection_enter(c, CONNECTION_HEAD, c->loop->now_ns + limit_ms * NS_PER_MS);
}

/* Are there bytes that nobody has read yet? */
static bool has_input(const struct connection *c)
{
	char byte;

	return recv(c->socket.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

bool connection_is_idle(const struct connection *c)
{
	return c->phase == CONNECTION_HEAD && !framing_is_inside(&c->framing) && !has_input(c);
}

bool connection_is_busy(const struct connection *c)
{
	const struct request *r = c->request;

	return r != NULL && r->x.taker != NULL &&
	       (r->state == REQUEST_PAUSED || r->x.taker->is_busy(&r->x));
}

/* Has the client been told, or told us, that this request is the last one here? */
static bool request_is_last(const struct request *r)
{
	const char *wish = exchange_header(&r->x, "Connection");

	return r->x.must_close || r->is_old || (wish != NULL && strcasestr(wish, "close") != NULL);
}

void connection_request_ended(struct connection *c)
{
	struct request *r = c->request;

	CHECK(r->connection == c);
	c->request = NULL;
	c->has_answer = false; /* a client that left has not taken all of it */
	r->connection = NULL;
	r->x.peer =
		&peer_nobody; /* it may go on without us, and our place has another client soon */
	c->ended_count++;
	if (c->phase == CONNECTION_LEAVING)
		return;
	connection_expect_head(c);
	if (c->framing.outcome != OUTCOME_DONE && c->ended_count == c->framing.request_count &&
	    !request_is_last(r))
		connection_refuse(c, c->framing.outcome, c->framing.detail);
	else if (c->loop->host.is_draining && connection_is_idle(c))
		connection_cut(c); /* its answer was begun before, and did not say so */
}

struct connection *connection_pop_due(struct loop *l)
{
	struct deadline *d;

	while ((d = deadline_pop_due(&l->deadlines, l->now_ns)) != NULL) {
		struct connection *c = CONTAINER_OF(d, struct connection, deadline);

		if (c->due_ns <= l->now_ns)
			return c;
		if (c->due_ns != INT64_MAX)
			deadline_add(&l->deadlines, d, c->due_ns);
	}
	return NULL;
}

void connection_cut(struct connection *c)
{
	connection_enter(c, CONNECTION_LEAVING, INT64_MAX);
	shutdown(c->socket.fd, SHUT_RDWR);
}

/* A client that is slow with its head is told so; one that is only idle is not. */
static void head_expire(struct connection *c)
{
	if (!framing_is_inside(&c->framing)) {
		connection_cut(c);
		return;
	}
	metric_add(METRIC_REQUESTS_CUT, 1);
	connection_refuse(c, OUTCOME_REQUEST_TIMEOUT, NULL);
}

uint64_t connection_acked_bytes(const struct connection *c)
{
	struct tcp_info info = { 0 };
	socklen_t bytes = sizeof(info);

	/* What is on its way of a unix socket is what fits its buffer: taken is as good as read. */
	if (c->peer.kind == PEER_UNIX)
		return c->socket.sent_bytes;
	if (getsockopt(c->socket.fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0)
		return 0;
	return info.tcpi_bytes_acked;
}

/*
 * A file may take longer than any time limit to get through a narrow line. What counts is that the
 * client goes on reading; one that takes next to nothing holds a connection for no good.
 */
static bool reply_goes_on(struct connection *c)
{
	uint64_t acked_bytes;

	if (!c->is_long_reply || c->loop->host.is_draining)
		return false;
	acked_bytes = connection_acked_bytes(c);
	if (acked_bytes - c->acked_bytes < REPLY_PROGRESS_BYTES)
		return false;
	c->acked_bytes = acked_bytes;
	connection_enter(c, CONNECTION_REPLYING, connection_reply_due_ns(c->loop));
	return true;
}

void connection_expire(struct connection *c)
{
	switch (c->phase) {
	case CONNECTION_HEAD:
		head_expire(c);
		break;
	case CONNECTION_BODY:
		if (connection_is_busy(c)) {
			connection_enter(c, CONNECTION_BODY, connection_body_due_ns(c->loop));
			break;
		}
		metric_add(METRIC_REQUESTS_CUT, 1);
		connection_refuse(c, OUTCOME_REQUEST_TIMEOUT, NULL);
		break;
	case CONNECTION_ANSWERING:
		exchange_expire(&c->request->x);
		break;
	case CONNECTION_REPLYING:
		if (reply_goes_on(c))
			break;
		metric_add(METRIC_REQUESTS_CUT, 1);
		connection_cut(c);
		break;
	case CONNECTION_LEAVING:
		connection_cut(c);
		break;
	}
}

/* The end may stand behind bytes that nobody has read yet, those of a next request. */
bool connection_is_gone(const struct connection *c)
{
	struct pollfd end = { .fd = c->socket.fd, .events = POLLRDHUP };

	return poll(&end, 1, 0) > 0 && (end.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* ---------------------------------------------------------------- answers past microhttpd */

void connection_lend_loop(struct connection *c, struct exchange *x)
{
	struct host *h = &c->loop->host;

	x->host = h;
	x->service = h->service;
	x->snapshot = &h->snapshot;
	x->mailbox = &h->mailbox;
	x->peer = &c->peer;
}

/* The exchange of the request under way, or of one made up for bytes that never became one. */
static struct exchange *refused_exchange(struct connection *c)
{
	struct request *r = c->request;

	if (r == NULL) {
		r = request_take(&c->loop->host.requests);
		if (r == NULL)
			return NULL;
		r->x.begun_ns = c->loop->now_ns;
	}
	connection_lend_loop(c, &r->x);
	r->x.must_close = true;
	request_move(r, REQUEST_RUNNING);
	return &r->x;
}

void connection_write_head(struct text *out, const struct exchange *x)
{
	time_t now_s = time(NULL);
	char date[64];
	struct tm tm;

	gmtime_r(&now_s, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	text_add_format(out, "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: close\r\n", x->status,
			daemon_phrase(x->status), date);
	text_add_format(out, "Content-Type: %s\r\nX-Request-Id: %s\r\n",
			x->content_type != NULL ? x->content_type : "application/json",
			x->request_id);
	if (x->reply.byte_count > 0)
		text_add_format(out, "Content-Length: %zu\r\n", x->reply.byte_count);
	for (int i = 0; i < x->reply_header_count; i++)
		text_add_format(out, "%s: %s\r\n", x->reply_headers[i].name,
				x->reply_headers[i].value);
	text_add(out, "\r\n");
}

static void answer_send(const struct connection *c, const struct exchange *x)
{
	struct text out;

	text_init(&out);
	connection_write_head(&out, x);
	text_add_bytes(&out, x->reply.data, x->reply.byte_count);
	/* A client that has no room for so little is cut without it. */
	if (!out.failed && !x->reply.failed)
		(void)!send(c->socket.fd, out.data, out.byte_count, MSG_NOSIGNAL | MSG_DONTWAIT);
	text_fini(&out);
}

/*
 * Its handler has answered before the body was there. That stands, whatever becomes of the body:
 * it says what is wrong with the request, and nobody looked at what followed.
 */
static struct exchange *held_exchange(struct connection *c)
{
	struct request *r = c->request;

	CHECK(r->state == REQUEST_REPLIED);
	r->is_answer_held = false;
	r->x.must_close = true;
	return &r->x;
}

static void refusal_send(struct connection *c, struct exchange *x)
{
	CHECK(request_of(x)->state == REQUEST_REPLIED);
	answer_send(c, x);
	connection_account(c->loop, x);
	if (c->request == NULL)
		request_return(&c->loop->host.requests, request_of(x));
}

/* Who took a part of the body must say what became of that. */
static void refusal_make(struct connection *c, struct exchange *x, enum outcome o,
			 const char *detail)
{
	const struct body_taker *taker = x->taker;

	x->taker = NULL;
	if (taker != NULL)
		taker->cut(x, o, detail);
	else
		c->loop->edge->options.refuse(x, o, detail);
}

void connection_refuse(struct connection *c, enum outcome o, const char *detail)
{
	bool is_held = c->request != NULL && c->request->is_answer_held;
	struct exchange *x = is_held ? held_exchange(c) : refused_exchange(c);

	if (x != NULL && !is_held)
		refusal_make(c, x, o, detail);
	if (x != NULL)
		refusal_send(c, x);
	shutdown(c->socket.fd, SHUT_WR);
	connection_enter(c, CONNECTION_LEAVING, c->loop->now_ns + linger_ns);
}

/* ---------------------------------------------------------------- keeping account */

static void request_log(const struct exchange *x, enum log_level level, const char *event,
			int64_t ns)
{
	log_write(level, event, "method=%s path=%s status=%d ms=%.3f id=%s",
		  x->method_text[0] != '\0' ? x->method_text : "-", x->path, x->status,
		  (double)ns / NS_PER_MS, x->request_id);
}

void connection_account(struct loop *l, const struct exchange *x)
{
	int64_t ns = clock_monotonic_ns() - x->begun_ns;

	metric_request(x->label != NULL ? x->label : "none", x->status, ns);
	if (x->status == 500)
		request_log(x, LOG_ERROR, "request_failed", ns);
	else if (x->status == 503)
		request_log(x, LOG_WARN, "request_refused", ns);
	else if (x->status > 500)
		request_log(x, LOG_INFO, "request_not_understood", ns);
	else if (atomic_load_explicit(&l->edge->logs_requests, memory_order_relaxed))
		request_log(x, LOG_INFO, "request", ns);
}
