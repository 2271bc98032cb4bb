/* watch: stock and lock queues, live. */
#include "base/check.h"
#include "base/clock.h"
#include "client/api_calls.h"
#include "client/command.h"
#include "client/event_stream.h"
#include "client/screen.h"
#include "client/session.h"
#include "client/terminal.h"
#include "client/watch.h"
#include "client/memory.h"
#include <stdlib.h>
#include <string.h>

enum {
	ANSWER_MS_MAX = 3000,    /* then the server counts as lost */
	FRAME_MS_MIN = 100,      /* between two pictures on a terminal */
	FEED_RETRY_MS = 500,     /* after a feed has ended */
	FEED_SILENCE_MS = 45000, /* the server says something every 15 s */
	ROWS_BEFORE = 20,        /* movements from before the view began */
};

struct viewer {
	struct session *session;
	struct watch watch;
	struct screen screen;
	struct watch_style style;
	struct calls *calls;
	struct call feed, metrics, locks;
	struct event_stream events;
	int64_t interval_ns, next_poll_ns, next_frame_ns, next_feed_ns, feed_heard_ns;
	int polls;       /* answered with all there is to know */
	bool is_feeding; /* the feed has begun */
	bool is_dirty;   /* there is something new to show */
	bool is_once;
	bool is_refused; /* its token opens nothing any more: to go on asking would be guessing */
};

/* ---------------------------------------------------------------- answers */

/* Why this is not the answer that was hoped for. */
static void lose(struct viewer *v, const struct call *c)
{
	const char *title = json_member_text(c->response.json, "title");
	char reason[300];

	if (c->response.status == 0)
		snprintf(reason, sizeof(reason), "%s",
			 c->reason[0] != '\0' ? c->reason : "the connection was closed");
	else
		snprintf(reason, sizeof(reason), "it answers %ld %s", c->response.status, title);
	v->is_refused |= c->response.status == 401 || c->response.status == 403;
	watch_lose(&v->watch, reason, clock_monotonic_ns());
	v->is_dirty = true;
}

static void on_locks(struct call *c)
{
	struct viewer *v = CONTAINER_OF(c, struct viewer, locks);

	if (c->response.status != 200 || !watch_locks(&v->watch, c->response.json))
		lose(v, c);
}

static void on_metrics(struct call *c)
{
	struct viewer *v = CONTAINER_OF(c, struct viewer, metrics);
	bool is_told = c->response.status == 200 && c->response.body.data != NULL &&
		       watch_metrics(&v->watch, c->response.body.data, clock_monotonic_ns());

	if (!is_told) {
		lose(v, c);
		return;
	}
	if (v->is_feeding)
		watch_find(&v->watch);
	v->polls++;
	v->is_dirty = true;
}

static void on_event(struct event_stream *events, const char *data)
{
	struct viewer *v = CONTAINER_OF(events, struct viewer, events);
	JSON_CLEANUP json_t *movement = json_loads(data, 0, NULL);

	if (!json_is_object(movement))
		return;
	watch_movement(&v->watch, movement, clock_monotonic_ns(), false);
	v->is_dirty = true;
}

static bool on_feed_piece(struct call *c, const char *bytes, size_t byte_count)
{
	struct viewer *v = CONTAINER_OF(c, struct viewer, feed);

	v->is_feeding = true;
	v->feed_heard_ns = clock_monotonic_ns();
	return event_stream_read(&v->events, bytes, byte_count);
}

/* The server stops, was killed, or has another store now; the feed goes on where it was. */
static void feed_end(struct viewer *v)
{
	event_stream_forget(&v->events);
	v->is_feeding = false;
	v->next_feed_ns = clock_monotonic_ns() + FEED_RETRY_MS * NS_PER_MS;
}

static void on_feed_end(struct call *c)
{
	struct viewer *v = CONTAINER_OF(c, struct viewer, feed);

	if (c->response.status == 410) { /* of another store, whose movements begin now */
		strcpy(v->events.last_id, "latest");
		watch_forget_rows(&v->watch);
	} else {
		if (c->response.status == 200)
			c->response.status = 0; /* it began well, and has no end */
		lose(v, c);
	}
	feed_end(v);
}

/* ---------------------------------------------------------------- questions */

static void feed_start(struct viewer *v)
{
	struct api_request r;

	api_request_init(&r, "GET", "/v1/changes");
	api_request_add_query(&r, "after", v->events.last_id);
	enum exit_code code = api_request_add_options(&r, &v->session->args);
	CHECK(code == EXIT_DONE); /* look_back() has sent them, too */
	call_start(v->calls, &v->feed, &r);
	api_request_fini(&r);
	v->feed_heard_ns = clock_monotonic_ns();
}

static void ask(struct viewer *v, struct call *c, const char *path)
{
	struct api_request r;

	if (c->curl != NULL)
		return; /* it has not answered the last time yet */
	api_request_init(&r, "GET", path);
	call_start(v->calls, c, &r);
	api_request_fini(&r);
}

/* Starts what is due. */
static void questions_start(struct viewer *v)
{
	int64_t now_ns = clock_monotonic_ns();

	if (v->feed.curl != NULL && now_ns - v->feed_heard_ns > FEED_SILENCE_MS * NS_PER_MS) {
		call_stop(&v->feed);
		feed_end(v);
	}
	if (v->feed.curl == NULL && now_ns >= v->next_feed_ns)
		feed_start(v);
	if (now_ns < v->next_poll_ns)
		return;
	v->next_poll_ns = now_ns + v->interval_ns;
	ask(v, &v->locks, "/v1/locks?sort=wait");
	ask(v, &v->metrics, "/metrics");
}

/*
 * What has changed before the view begins, and where the feed goes on behind it. A server that is
 * not there, or a filter that it refuses, ends the command here.
 */
static enum exit_code look_back(struct viewer *v)
{
	char limit[8];
	struct api_request r;
	struct response response;

	snprintf(limit, sizeof(limit), "%d", ROWS_BEFORE);
	api_request_init(&r, "GET", "/v1/movements?order=desc");
	api_request_add_query(&r, "limit", limit);
	enum exit_code code = session_ask_for(v->session, &r, "a:data", &response);
	api_request_fini(&r);
	if (code != EXIT_DONE)
		return code;

	const json_t *rows = json_object_get(response.json, "data");
	for (size_t i = json_array_size(rows); i > 0; i--)
		watch_movement(&v->watch, json_array_get(rows, i - 1), 0, true);
	snprintf(v->events.last_id, sizeof(v->events.last_id), "%s",
		 response_header(&response, RESPONSE_STOCK_SEQ));
	if (!json_is_array(rows) || v->events.last_id[0] == '\0')
		code = exit_failed("the answer is no ledger: is the server rowlockd?");
	response_fini(&response);
	return code;
}

/* ---------------------------------------------------------------- pictures */

static void show(struct viewer *v)
{
	int64_t now_ns = clock_monotonic_ns();
	struct text lines;

	if (v->screen.is_terminal) {
		v->style.columns = v->screen.columns;
		v->style.rows = v->screen.rows;
	}
	text_init(&lines);
	watch_draw(&v->watch, &v->style, now_ns, &lines);
	if (!v->screen.is_terminal && !v->is_once)
		text_add_char(&lines, '\n');
	screen_show(&v->screen, &lines);
	text_fini(&lines);
	v->is_dirty = false;
	v->next_frame_ns =
		now_ns + (v->screen.is_terminal ? FRAME_MS_MIN * NS_PER_MS : v->interval_ns);
}

/* Until something is due. */
static int64_t time_left_ms(const struct viewer *v)
{
	int64_t due_ns = v->next_poll_ns;

	if (v->is_dirty && v->next_frame_ns < due_ns)
		due_ns = v->next_frame_ns;
	if (v->feed.curl == NULL && v->next_feed_ns < due_ns)
		due_ns = v->next_feed_ns;
	int64_t left_ns = due_ns - clock_monotonic_ns();
	return left_ns > 0 ? left_ns / NS_PER_MS + 1 : 0;
}

static void view(struct viewer *v)
{
	struct pollfd others[SCREEN_DESCRIPTORS];

	screen_open(&v->screen);
	v->style = (struct watch_style){ .columns = v->screen.columns,
					 .rows = v->screen.rows,
					 .is_utf8 = terminal_shows_utf8(),
					 .is_coloured = terminal_shows_colour() };
	while (!v->screen.is_over && !v->is_refused && !ferror(stdout)) {
		questions_start(v);
		if (v->screen.must_redraw ||
		    (v->is_dirty && clock_monotonic_ns() >= v->next_frame_ns))
			show(v);
		screen_descriptors(&v->screen, others);
		calls_wait(v->calls, others, SCREEN_DESCRIPTORS, time_left_ms(v));
		screen_read(&v->screen);
	}
}

/* Two looks, so that there are rates; then one picture, for scripts. */
static enum exit_code view_once(struct viewer *v)
{
	v->style = (struct watch_style){ .columns = 160,
					 .rows = 1000,
					 .is_utf8 = terminal_shows_utf8() };
	while ((v->polls < 2 || v->locks.curl != NULL) && v->watch.lost_ns == 0) {
		if (v->polls < 2)
			questions_start(v);
		calls_wait(v->calls, NULL, 0, time_left_ms(v));
	}
	if (v->watch.lost_ns != 0) {
		if (v->is_refused)
			return EXIT_FORBIDDEN;
		exit_failed("no answer from %s: %s", v->watch.url, v->watch.lost_reason);
		return EXIT_UNREACHABLE;
	}
	show(v);
	return EXIT_DONE;
}

enum exit_code verb_watch(struct session *s)
{
	struct viewer *v = memory_or_exit(calloc(1, sizeof(*v)));

	v->session = s;
	v->is_once = args_has(&s->args, OPTION_ONCE);
	v->interval_ns = args_number(&s->args, OPTION_INTERVAL, 1) * NS_PER_S;
	v->events.event = on_event;
	v->feed = (struct call){ .accept = "text/event-stream",
				 .receive = on_feed_piece,
				 .done = on_feed_end };
	v->metrics = (struct call){ .timeout_ms = ANSWER_MS_MAX, .done = on_metrics };
	v->locks = (struct call){ .timeout_ms = ANSWER_MS_MAX, .done = on_locks };
	watch_init(&v->watch, api_url(s->api), s->args.values[OPTION_SKU],
		   s->args.values[OPTION_LOCATION]);
	enum exit_code code = look_back(v);
	if (code == EXIT_DONE) {
		v->calls = calls_open(s->api, 3);
		if (v->is_once)
			code = view_once(v);
		else
			view(v);
		call_stop(&v->feed);
		call_stop(&v->metrics);
		call_stop(&v->locks);
		calls_close(v->calls);
		screen_close(&v->screen);
		if (v->is_refused) {
			exit_failed("%s refuses us: %s", v->watch.url, v->watch.lost_reason);
			code = EXIT_FORBIDDEN;
		}
	}
	event_stream_forget(&v->events);
	watch_fini(&v->watch);
	free(v);
	return code;
}
