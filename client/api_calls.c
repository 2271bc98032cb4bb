#include "client/api_calls.h"
#include "base/clock.h"
#include "client/api_private.h"
#include "client/memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, OTHERS_MAX = 4 };

struct calls {
	struct api *api;
	CURLM *multi;
	int epoll_fd;
	int under_way;
	int64_t timer_ns; /* when libcurl wants to be called; -1: it does not */
};

#define SET_MULTI(multi, option, value)                                             \
	do {                                                                        \
		CURLMcode set_code = curl_multi_setopt((multi), (option), (value)); \
		CHECK(set_code == CURLM_OK);                                        \
	} while (0)

/* ---------------------------------------------------------------- what libcurl asks for */

static int on_socket(CURL *curl, curl_socket_t fd, int what, void *context, void *known)
{
	struct calls *calls = context;
	struct epoll_event event = { .data.fd = fd };

	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(calls->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		curl_multi_assign(calls->multi, fd, NULL);
		return 0;
	}
	event.events =
		(what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
	epoll_ctl(calls->epoll_fd, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
	curl_multi_assign(calls->multi, fd, calls); /* anything but NULL: it is known now */
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
	struct calls *calls = context;

	(void)multi;
	calls->timer_ns = timeout_ms < 0 ? -1 : clock_monotonic_ns() + timeout_ms * NS_PER_MS;
	return 0;
}

static size_t on_piece(char *piece, size_t size, size_t bytes, void *call)
{
	struct call *c = call;
	long status = 0;

	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (c->receive == NULL || status < 200 || status > 299)
		return api_collect(piece, size, bytes, &c->response.body);
	return c->receive(c, piece, bytes) ? bytes : CURL_WRITEFUNC_ERROR;
}

/* ---------------------------------------------------------------- one call */

/* Takes it apart: afterwards only the answer and the reason are left. */
static void call_end(struct call *c)
{
	curl_multi_remove_handle(c->calls->multi, c->curl);
	curl_easy_cleanup(c->curl);
	curl_slist_free_all(c->headers);
	c->curl = c->headers = NULL;
	c->calls->under_way--;
}

static void call_finish(struct call *c, CURLcode code)
{
	char reason[sizeof(c->reason)];

	if (code == CURLE_OK)
		api_read_response(c->calls->api, c->curl, &c->response);
	else
		snprintf(reason, sizeof(reason), "%s",
			 api_reason(c->calls->api, c->curl, code, c->reason));
	if (code != CURLE_OK)
		memcpy(c->reason, reason, sizeof(reason));
	call_end(c);

	/* The call may be started again from its done(), so what is freed is a copy. */
	struct response response = c->response;
	c->done(c);
	if (c->curl == NULL)
		c->response = (struct response){ 0 };
	response_fini(&response);
}

static void act(struct calls *calls, curl_socket_t fd, int what)
{
	struct CURLMsg *message;
	int count;

	CURLMcode code = curl_multi_socket_action(calls->multi, fd, what, &count);
	CHECK(code == CURLM_OK);
	while ((message = curl_multi_info_read(calls->multi, &count)) != NULL) {
		CURLcode result = message->data.result;
		char *call;

		CHECK(message->msg == CURLMSG_DONE);
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		call_finish((struct call *)(void *)call, result);
	}
}

void call_start(struct calls *calls, struct call *c, const struct api_request *r)
{
	CHECK(c->curl == NULL);

	CURL *curl = memory_or_exit(curl_easy_duphandle(calls->api->curl));

	c->calls = calls;
	c->curl = curl;
	c->headers = api_headers(r, c->accept);
	c->response = (struct response){ 0 };
	text_init(&c->response.body);
	c->reason[0] = '\0';
	api_set_request(calls->api, curl, r, c->headers);
	SET(curl, CURLOPT_WRITEFUNCTION, on_piece);
	SET(curl, CURLOPT_WRITEDATA, c);
	SET(curl, CURLOPT_PRIVATE, c);
	SET(curl, CURLOPT_TIMEOUT_MS, c->timeout_ms);
	_Static_assert(sizeof(c->reason) >= CURL_ERROR_SIZE, "libcurl writes its reason there");
	SET(curl, CURLOPT_ERRORBUFFER, c->reason);
	CURLMcode code = curl_multi_add_handle(calls->multi, curl);
	CHECK(code == CURLM_OK);
	calls->under_way++;
	act(calls, CURL_SOCKET_TIMEOUT, 0);
}

void call_stop(struct call *c)
{
	if (c->curl == NULL)
		return;
	call_end(c);
	response_fini(&c->response);
}

/* ---------------------------------------------------------------- all of them */

struct calls *calls_open(struct api *api, int connections)
{
	struct calls *calls = memory_or_exit(calloc(1, sizeof(*calls)));

	*calls = (struct calls){ .api = api,
				 .multi = memory_or_exit(curl_multi_init()),
				 .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
				 .timer_ns = -1 };
	if (calls->epoll_fd < 0)
		exit_out_of_memory();
	SET_MULTI(calls->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	SET_MULTI(calls->multi, CURLMOPT_SOCKETDATA, calls);
	SET_MULTI(calls->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	SET_MULTI(calls->multi, CURLMOPT_TIMERDATA, calls);
	SET_MULTI(calls->multi, CURLMOPT_MAXCONNECTS, (long)connections);
	return calls;
}

void calls_close(struct calls *calls)
{
	if (calls == NULL)
		return;
	CHECK(calls->under_way == 0);
	curl_multi_cleanup(calls->multi);
	close(calls->epoll_fd);
	free(calls);
}

int calls_under_way(const struct calls *calls)
{
	return calls->under_way;
}

static void handle_events(struct calls *calls)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(calls->epoll_fd, events, EVENTS_MAX, 0);

	for (int i = 0; i < count; i++) {
		int what =
			(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? CURL_CSELECT_IN : 0) |
			(events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);

		act(calls, events[i].data.fd, what);
	}
}

void calls_wait(struct calls *calls, struct pollfd others[], int other_count, int64_t timeout_ms)
{
	struct pollfd polled[OTHERS_MAX + 1];
	int64_t now_ns = clock_monotonic_ns();

	CHECK(other_count <= OTHERS_MAX);
	if (calls->timer_ns >= 0 && calls->timer_ns - now_ns < timeout_ms * NS_PER_MS)
		timeout_ms =
			calls->timer_ns < now_ns ? 0 : (calls->timer_ns - now_ns) / NS_PER_MS + 1;
	if (other_count > 0)
		memcpy(polled, others, (size_t)other_count * sizeof(polled[0]));
	polled[other_count] = (struct pollfd){ .fd = calls->epoll_fd, .events = POLLIN };
	if (poll(polled, (nfds_t)other_count + 1, (int)timeout_ms) < 0)
		return; /* a signal */
	for (int i = 0; i < other_count; i++)
		others[i].revents = polled[i].revents;
	handle_events(calls);
	if (calls->timer_ns >= 0 && calls->timer_ns <= clock_monotonic_ns()) {
		calls->timer_ns = -1;
		act(calls, CURL_SOCKET_TIMEOUT, 0);
	}
}
