#include "edge/daemon.h"
#include "base/clock.h"
#include "base/fault.h"
#include "edge/framing.h"
#include "edge/inbox.h"
#include "edge/input.h"
#include "edge/output.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * What one connection may use, in one malloc. The piece is small on purpose: microhttpd clears all
 * of it after each request.
 */
enum {
	CONNECTION_MEMORY_BYTES = 16384,
	PAIR_BYTES = 64, /* that microhttpd keeps for each header; see parameters_hide() */
	REPLY_HEADERS_BYTES = 2048,
	RUNS_MAX = 3, /* of microhttpd in a turn */
};
_Static_assert(PATH_BYTES_MAX + HEADER_BYTES_MAX + REPLY_HEADERS_BYTES +
			       HEADER_COUNT_MAX * PAIR_BYTES <=
		       CONNECTION_MEMORY_BYTES,
	       "what passes our limits fits microhttpd's, so that it is we who refuse");

/* ---------------------------------------------------------------- answers */

/* False: memory is short. */
static bool reply_add_headers(struct MHD_Response *response, const struct exchange *x)
{
	const char *type = x->content_type != NULL ? x->content_type : "application/json";
	bool fits = MHD_add_response_header(response, "X-Request-Id", x->request_id) == MHD_YES;

	if (x->status != 204 && x->status != 304) /* these have no body to have a type */
		fits &= MHD_add_response_header(response, "Content-Type", type) == MHD_YES;
	for (int i = 0; i < x->reply_header_count; i++)
		fits &= MHD_add_response_header(response, x->reply_headers[i].name,
						x->reply_headers[i].value) == MHD_YES;
	if (x->must_close)
		fits &= MHD_add_response_header(response, "Connection", "close") == MHD_YES;
	return fits;
}

/* The body stays with the request, which outlives the response: see on_completed(). */
static struct MHD_Response *response_of_text(struct exchange *x)
{
	return MHD_create_response_from_buffer(
		x->reply.byte_count, x->reply.data != NULL ? x->reply.data : (char[]){ "" },
		MHD_RESPMEM_PERSISTENT);
}

/* microhttpd closes the file with the response. */
static struct MHD_Response *response_of_spool(struct exchange *x)
{
	uint64_t byte_count = (uint64_t)x->spool->byte_count;
	int fd = spool_take_fd(x->spool);
	struct MHD_Response *response = MHD_create_response_from_fd64(byte_count, fd);

	x->spool = NULL;
	if (response == NULL)
		close(fd);
	return response;
}

/* With its headers and its body; see output.h for those of which microhttpd knows neither. */
static enum MHD_Result response_queue(struct connection *c, struct exchange *x)
{
	struct MHD_Response *response =
		x->spool != NULL ? response_of_spool(x) : response_of_text(x);
	enum MHD_Result result = MHD_NO;

	if (response == NULL)
		return MHD_NO;
	if (reply_add_headers(response, x))
		result = MHD_queue_response(c->socket.handle, (unsigned)x->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_queue(struct connection *c, struct exchange *x)
{
	enum MHD_Result result;

	x->must_close |= c->loop->host.is_draining;
	c->is_long_reply = x->spool != NULL;
	if (c->is_long_reply)
		c->acked_bytes = connection_acked_bytes(c);
	if (output_suits(x)) {
		output_expect(c);
		result = MHD_queue_response(c->socket.handle, (unsigned)x->status,
					    c->loop->empty_response);
	} else {
		result = response_queue(c, x);
	}
	connection_account(c->loop, x);
	connection_enter(c, CONNECTION_REPLYING, connection_reply_due_ns(c->loop));
	return result;
}

/*
 * An answer that did not fit into memory is replaced by one that says so, and no more than is true:
 * see exchange.is_unsure. Where that has no room either the connection is closed without a word.
 */
static enum MHD_Result reply_send(struct request *r)
{
	struct exchange *x = &r->x;

	if (x->reply.failed) {
		text_fini(&x->reply);
		x->reply_header_count = 0;
		r->state = REQUEST_RUNNING;
		r->connection->loop->edge->options.refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
	}
	return x->reply.failed ? MHD_NO : reply_queue(r->connection, x);
}

/* ---------------------------------------------------------------- handlers */

static void request_park(struct request *r)
{
	struct connection *c = r->connection;

	list_push_back(&c->loop->host.parked, &r->link);
	connection_enter(c, CONNECTION_ANSWERING, r->parked_until_ns);
	metric_add(METRIC_SUSPENDED, 1);
	c->socket.is_being_parked = true;
	MHD_suspend_connection(c->socket.handle);
	c->socket.is_being_parked = false;
}

/* What a handler has made of its request. */
static enum MHD_Result request_settle(struct request *r)
{
	CHECK(r->state == REQUEST_REPLIED || r->state == REQUEST_PARKED);
	if (r->state == REQUEST_REPLIED)
		return reply_send(r);
	request_park(r);
	return MHD_YES;
}

static enum MHD_Result request_refuse(struct request *r, enum outcome o, const char *detail)
{
	request_move(r, REQUEST_RUNNING);
	r->connection->loop->edge->options.refuse(&r->x, o, detail);
	return request_settle(r);
}

void daemon_go_on(struct request *r)
{
	struct connection *c = r->connection;

	connection_enter(c, CONNECTION_BODY, connection_body_due_ns(c->loop));
	metric_add(METRIC_SUSPENDED, -1);
	MHD_resume_connection(c->socket.handle);
}

/* The taker of the body decides how long that may be: what comes must only go on coming. */
static enum MHD_Result stream_take(struct request *r, const char *bytes, size_t *byte_count)
{
	struct connection *c = r->connection;
	size_t taken = r->x.taker->take(&r->x, bytes, *byte_count);

	r->body_received += (int64_t)taken;
	*byte_count -= taken;
	connection_enter(c, CONNECTION_BODY, connection_body_due_ns(c->loop));
	CHECK((*byte_count > 0) == exchange_is_paused(&r->x));
	if (*byte_count == 0)
		return MHD_YES;
	connection_enter(c, CONNECTION_BODY, INT64_MAX);
	metric_add(METRIC_SUSPENDED, 1);
	c->socket.is_being_parked = true;
	MHD_suspend_connection(c->socket.handle);
	c->socket.is_being_parked = false;
	return MHD_YES;
}

static enum MHD_Result stream_end(struct request *r)
{
	const struct body_taker *taker = r->x.taker;

	connection_enter(r->connection, CONNECTION_ANSWERING, INT64_MAX);
	request_move(r, REQUEST_RUNNING);
	r->x.taker = NULL;
	taker->end(&r->x);
	return request_settle(r);
}

/* A write that may have been carried out before, or be under way. */
static bool may_be_replay(const struct exchange *x)
{
	return x->method != HTTP_GET && x->method != HTTP_HEAD && x->method != HTTP_OPTIONS &&
	       exchange_header(x, "Idempotency-Key") != NULL;
}

static enum MHD_Result request_start(struct request *r)
{
	struct connection *c = r->connection;

	/* A replay is in the way of nothing: the service itself refuses what is none. */
	if (r->refusal == OUTCOME_DONE && c->loop->host.is_draining && !may_be_replay(&r->x))
		r->refusal = OUTCOME_DRAINING;
	connection_enter(c, CONNECTION_ANSWERING, INT64_MAX);
	if (r->refusal != OUTCOME_DONE)
		return request_refuse(r, r->refusal, r->refusal_detail);
	if (r->body.byte_count > 0) {
		r->x.body = r->body.data;
		r->x.body_bytes = r->body.byte_count;
	}
	request_move(r, REQUEST_RUNNING);
	c->loop->edge->options.handle(&r->x);
	return request_settle(r);
}

void daemon_resume(struct request *r)
{
	CHECK(r->state != REQUEST_PARKED);
	connection_enter(r->connection, CONNECTION_ANSWERING, INT64_MAX);
	metric_add(METRIC_SUSPENDED, -1);
	MHD_resume_connection(r->connection->socket.handle);
}

/* ---------------------------------------------------------------- requests coming in */

static void refuse_later(struct request *r, enum outcome o, const char *detail)
{
	if (r->refusal != OUTCOME_DONE)
		return;
	r->refusal = o;
	r->refusal_detail = detail;
}

static enum MHD_Result on_header(void *request, enum MHD_ValueKind kind, const char *name,
				 size_t name_bytes, const char *value, size_t value_bytes)
{
	struct request *r = request;

	(void)kind, (void)value_bytes;
	if (r->header_count == HEADER_COUNT_MAX) {
		refuse_later(r, OUTCOME_HEADERS_TOO_LARGE, NULL);
		return MHD_NO;
	}
	r->expects |= (name[0] | 0x20) == 'e' && strcasecmp(name, FRAMING_EXPECT) == 0;
	if ((name[0] | 0x20) == 'c' && strcasecmp(name, FRAMING_COOKIE) == 0)
		name = "Cookie";
	request_add_header(r, name, name_bytes, value != NULL ? value : "");
	return MHD_YES;
}

static void request_judge(struct request *r, const char *version)
{
	struct request_head head = { .knows_method = r->x.method != HTTP_OTHER,
				     .is_read = r->x.method == HTTP_GET || r->x.method == HTTP_HEAD,
				     .version = version,
				     .is_by_unix = r->x.peer->kind == PEER_UNIX,
				     .authority = r->authority,
				     .headers = r->headers,
				     .header_count = r->header_count };
	const char *length = exchange_header(&r->x, "Content-Length");
	const char *detail;
	enum outcome o = header_guard_judge(&r->connection->loop->edge->guard, &head, &detail);

	r->x.must_close = o == OUTCOME_MALFORMED_REQUEST;
	if (o != OUTCOME_DONE)
		refuse_later(r, o, detail);
	if (length != NULL)
		r->body_declared = strtoll(length, NULL, 10);
	if (r->body_declared > BODY_BYTES_MAX && !r->is_stream)
		refuse_later(r, OUTCOME_BODY_TOO_LARGE, NULL);
}

/*
 * The word that its client waits for before it sends the body. Answers to requests before this one
 * are with the client already, or this one would not be read.
 */
static void continue_send(const struct connection *c)
{
	static const char word[] = "HTTP/1.1 100 Continue\r\n\r\n";

	/* A client that has no room for so little goes on by itself after a while. */
	(void)!send(c->socket.fd, word, sizeof(word) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Only where there is a body; HTTP/1.0 does not know the word. */
static void expectation_judge(struct request *r)
{
	if (r->expects)
		r->expects = !r->is_old && (r->body_declared > 0 ||
					    exchange_header(&r->x, "Transfer-Encoding") != NULL);
}

/*
 * Its handler may refuse it: then that is said behind the body, as request_take_headers() does, or
 * when no more of it is to be read (connection_refuse()).
 */
static enum MHD_Result stream_begin(struct request *r)
{
	request_move(r, REQUEST_RUNNING);
	r->connection->loop->edge->options.handle(&r->x);
	if (r->state == REQUEST_RECEIVING)
		return MHD_YES;
	CHECK(r->state == REQUEST_REPLIED);
	if (r->expects) {
		r->x.must_close = true;
		return request_settle(r);
	}
	r->is_answer_held = true;
	if (r->body_declared > BODY_DISCARD_BYTES_MAX)
		connection_refuse(r->connection, OUTCOME_BODY_TOO_LARGE, NULL);
	return MHD_YES;
}

static enum MHD_Result stream_skip(struct request *r, size_t *byte_count)
{
	if (*byte_count > 0) {
		r->body_received += (int64_t)*byte_count;
		*byte_count = 0;
		if (r->body_received > BODY_DISCARD_BYTES_MAX)
			connection_refuse(r->connection, OUTCOME_BODY_TOO_LARGE, NULL);
		return MHD_YES;
	}
	r->is_answer_held = false;
	return request_settle(r);
}

/*
 * Shall its body come? A refused body is read and thrown away first, since many clients do not
 * listen while they send; except when its client waits for a word before it sends, or when it is
 * out of all proportion.
 */
static enum MHD_Result request_admit(struct request *r)
{
	enum MHD_Result result = MHD_YES;

	if (r->refusal == OUTCOME_DONE && r->is_stream)
		result = stream_begin(r);
	if (r->expects && r->state == REQUEST_RECEIVING && r->refusal == OUTCOME_DONE)
		continue_send(r->connection);
	if (r->refusal == OUTCOME_DONE)
		return result;
	if (r->expects) {
		r->x.must_close = true;
		return request_refuse(r, r->refusal, r->refusal_detail);
	}
	if (r->body_declared > BODY_DISCARD_BYTES_MAX)
		connection_refuse(r->connection, r->refusal, r->refusal_detail);
	return MHD_YES;
}

/* The handler's first call: the headers are there. */
static enum MHD_Result request_take_headers(struct request *r, const char *method,
					    const char *version)
{
	struct connection *c = r->connection;
	const struct edge_options *options = &c->loop->edge->options;

	if (c->framing.head_count <= c->ended_count) {
		log_write(LOG_CRIT, "request_not_followed", "heads=%llu ended=%llu",
			  (unsigned long long)c->framing.head_count,
			  (unsigned long long)c->ended_count);
		return MHD_NO;
	}
	r->x.method_text = method;
	r->x.method = http_method_of(method);
	r->is_old = strcmp(version, "HTTP/1.0") == 0;
	connection_lend_loop(c, &r->x);
	MHD_get_connection_values_n(c->socket.handle, MHD_HEADER_KIND, on_header, r);
	request_take_id(r);
	r->is_stream = options->streams(&r->x);
	request_judge(r, version);
	expectation_judge(r);
	request_move(r, REQUEST_RECEIVING);
	connection_enter(c, CONNECTION_BODY, connection_body_due_ns(c->loop));
	return request_admit(r);
}

static enum MHD_Result request_take_body(struct request *r, const char *bytes, size_t *byte_count)
{
	r->body_received += (int64_t)*byte_count;
	if (r->body_received > BODY_BYTES_MAX)
		refuse_later(r, OUTCOME_BODY_TOO_LARGE, NULL);
	if (r->body_received > BODY_DISCARD_BYTES_MAX) {
		connection_refuse(r->connection, r->refusal, r->refusal_detail);
		*byte_count = 0;
		return MHD_YES;
	}
	if (r->refusal == OUTCOME_DONE)
		text_add_bytes(&r->body, bytes, *byte_count);
	if (r->body.failed)
		refuse_later(r, OUTCOME_OUT_OF_MEMORY, NULL);
	*byte_count = 0;
	return MHD_YES;
}

/* ---------------------------------------------------------------- what microhttpd calls */

static struct connection *connection_of(struct MHD_Connection *handle)
{
	return MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/*
 * Parameters are read from our copy of the target. microhttpd, which looks for them behind the
 * question mark when it has told us the target, finds none, and keeps no memory for them. The bytes
 * are in its read buffer, where it would write into them itself.
 */
static void parameters_hide(const char *target)
{
	char *question = strchr(target, '?');

	if (question != NULL)
		question[1] = '\0';
}

/* The target as it came, before microhttpd splits and decodes it. */
static void *on_target(void *loop, const char *target, struct MHD_Connection *handle)
{
	struct loop *l = loop;
	struct connection *c = connection_of(handle);
	struct request *r = c != NULL ? request_take(&l->host.requests) : NULL;

	if (r == NULL)
		return NULL;
	CHECK(c->request == NULL);
	c->request = r;
	r->x.host = &l->host;
	r->connection = c;
	r->x.begun_ns = clock_monotonic_ns();
	if (strlen(target) > PATH_BYTES_MAX)
		refuse_later(r, OUTCOME_URI_TOO_LONG, NULL);
	else if (!request_take_target(r, target))
		refuse_later(r, OUTCOME_OUT_OF_MEMORY, NULL);
	parameters_hide(target);
	return r;
}

/* Segments are decoded once, by whoever splits the path. */
static size_t on_unescape(void *unused, struct MHD_Connection *handle, char *text)
{
	(void)unused, (void)handle;
	return strlen(text);
}

static enum MHD_Result on_request(void *loop, struct MHD_Connection *handle, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_bytes, void **context)
{
	struct request *r = *context;

	(void)loop, (void)handle, (void)url;
	if (r == NULL)
		return MHD_NO; /* memory was short in on_target() */
	switch (r->state) {
	case REQUEST_NEW:
		return request_take_headers(r, method, version);
	case REQUEST_RECEIVING:
		if (r->x.taker != NULL)
			return *upload_bytes > 0 ? stream_take(r, upload, upload_bytes)
						 : stream_end(r);
		if (*upload_bytes > 0)
			return request_take_body(r, upload, upload_bytes);
		return request_start(r);
	case REQUEST_RETURNED:
	case REQUEST_EXPIRED:
		request_continue(r);
		return request_settle(r);
	case REQUEST_PARKED:
	case REQUEST_PAUSED: /* of a chunked body it is called in between */
		return MHD_YES;
	case REQUEST_RUNNING:
	case REQUEST_ABANDONED:
	case REQUEST_REPLIED:
	case REQUEST_STATES:
		break;
	}
	if (r->is_answer_held)
		return stream_skip(r, upload_bytes);
	/* Refused in the middle of its body: what is left of that is skipped. */
	if (*upload_bytes == 0)
		return MHD_NO;
	*upload_bytes = 0;
	return MHD_YES;
}

/*
 * microhttpd is through with a request. The library may also be through before the handler is, when
 * it finds the client gone right after a resume: then the handler is still told, and nobody hears
 * its answer.
 */
static void on_completed(void *loop, struct MHD_Connection *handle, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct loop *l = loop;
	struct request *r = *context;

	(void)handle;
	*context = NULL;
	if (r == NULL)
		return;
	CHECK(r->state != REQUEST_PARKED);
	CHECK(r->state != REQUEST_PAUSED);
	/* Or the empty response went out as it is, past output_write(): see output.h. */
	CHECK(IMPLIES(code == MHD_REQUEST_TERMINATED_COMPLETED_OK, !r->connection->has_answer));
	connection_request_ended(r->connection);
	if (r->state == REQUEST_RETURNED || r->state == REQUEST_EXPIRED)
		request_finish_orphan(r);
	else
		request_return(&l->host.requests, r);
}

static void on_connection(void *loop, struct MHD_Connection *handle, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct loop *l = loop;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		int fd = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD)
				 ->connect_fd;

		l->opened_count++;
		*context = connection_open(l, handle, fd);
		if (*context == NULL)
			shutdown(fd, SHUT_RDWR);
		return;
	}
	if (*context != NULL)
		connection_close(*context);
	*context = NULL;
	edge_uncount(l->edge);
}

static void on_panic(void *unused, const char *file, unsigned line, const char *reason)
{
	(void)unused;
	log_write(LOG_CRIT, "microhttpd_panic", "at=%s:%u reason=\"%s\"", file, line,
		  reason != NULL ? reason : "");
	abort();
}

/* ---------------------------------------------------------------- the daemon */

int daemon_open(struct loop *l)
{
	sockets_init(&l->sockets, input_read, output_write);
	MHD_set_panic_func(on_panic, NULL);
	l->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		on_request, l, MHD_OPTION_CONNECTION_LIMIT, (unsigned)l->edge->connection_limit,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, l, MHD_OPTION_UNESCAPE_CALLBACK,
		on_unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, l,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_END);
	if (l->daemon == NULL)
		return FAULT(errno != 0 ? -errno : -ENOMEM);
	l->empty_response =
		MHD_create_response_from_buffer(0, (char[]){ "" }, MHD_RESPMEM_PERSISTENT);
	if (l->empty_response == NULL)
		return FAULT(-ENOMEM);
	l->sockets.epoll_fd = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	return 0;
}

void daemon_close(struct loop *l)
{
	if (l->daemon == NULL)
		return;
	CHECK(list_is_empty(&l->host.parked));
	MHD_stop_daemon(l->daemon);
	l->daemon = NULL;
	if (l->empty_response != NULL)
		MHD_destroy_response(l->empty_response);
	sockets_fini(&l->sockets);
}

void daemon_adopt(struct loop *l, int fd)
{
	/* microhttpd wants an address and does nothing with it but compare. */
	struct sockaddr_in peer = { .sin_family = AF_INET };
	uint64_t opened_count = l->opened_count;
	enum MHD_Result result;

	sockets_begin(&l->sockets);
	result = MHD_add_connection(l->daemon, fd, (struct sockaddr *)&peer, sizeof(peer));
	sockets_end(&l->sockets);
	if (result == MHD_YES)
		return;
	/* The socket was closed. Where on_connection() knew it, it has counted. */
	if (l->opened_count == opened_count)
		edge_uncount(l->edge);
}

/*
 * One run goes on with a parked request and sends its answer, the next makes the connection ready
 * for another request, and the last finds that none has come yet: nothing of that needs the kernel,
 * which is asked once for all of them.
 */
void daemon_run(struct loop *l)
{
	sockets_begin(&l->sockets);
	for (int i = 0; i < RUNS_MAX && (i == 0 || daemon_is_ready(l)); i++)
		MHD_run(l->daemon);
	sockets_end(&l->sockets);
}

bool daemon_is_ready(struct loop *l)
{
	MHD_UNSIGNED_LONG_LONG ms;

	return sockets_are_announced(&l->sockets) ||
	       (MHD_get_timeout(l->daemon, &ms) == MHD_YES && ms == 0);
}
