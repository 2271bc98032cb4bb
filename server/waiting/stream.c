#include "waiting/stream.h"
#include "base/clock.h"
#include "exchange/host.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include "waiting/read.h"
#include "wire/answers_stock.h"
#include <string.h>

struct stream {
	struct subscriber follower;
	struct text out;  /* not sent yet, from `sent` on */
	size_t sent;      /* bytes of it */
	int64_t wrote_ns; /* when the last write began: the pause runs from then */
	int64_t moved_ns; /* when the client last took something */
	struct page page; /* of the ledger; its texts are gone once its events are written */
	bool is_broken;   /* the store could not be read */
};

static const int64_t pause_ns = STREAM_PAUSE_MS * NS_PER_MS;
static const int64_t beat_ns = STREAM_BEAT_S * NS_PER_S;

static struct stream *stream_of(struct subscriber *s)
{
	return CONTAINER_OF(s, struct stream, follower);
}

static struct stream *stream_of_exchange(struct exchange *x)
{
	return x->waiting.own;
}

/* ---------------------------------------------------------------- events */

static void write_event(struct stream *t, const struct movement_view *v)
{
	struct json j = json_begin(&t->out);

	text_add(&t->out, "id: ");
	text_add_int(&t->out, v->movement.seq);
	text_add(&t->out, "\nevent: movement\ndata: ");
	movement_write(&j, &v->sku, &v->location, &v->movement);
	text_add(&t->out, "\n\n");
}

/* Where it stands, for Last-Event-ID: an id without data is remembered, and nothing happens. */
static void write_place(struct stream *t)
{
	text_add(&t->out, "id: ");
	text_add_int(&t->out, t->follower.after);
	text_add(&t->out, "\n\n");
}

/* ---------------------------------------------------------------- sending */

/* Sends what it can. False: the client is gone, or memory was short. */
static bool flush(struct stream *t)
{
	size_t left = t->out.byte_count - t->sent;
	ssize_t r;

	if (t->out.failed)
		return false;
	if (left == 0)
		return true;
	t->wrote_ns = clock_monotonic_ns();
	r = exchange_send(t->follower.x, t->out.data + t->sent, left);
	if (r < 0)
		return false;
	if (r > 0)
		t->moved_ns = t->wrote_ns;
	t->sent += (size_t)r;
	if (t->sent < t->out.byte_count)
		return true;
	text_fini(&t->out); /* a thousand that are idle hold nothing */
	t->sent = 0;
	return true;
}

static bool is_flushed(const struct stream *t)
{
	return t->sent == t->out.byte_count;
}

/* Has it taken nothing for too long? */
static bool is_stuck(struct stream *t)
{
	return !is_flushed(t) &&
	       clock_monotonic_ns() - t->moved_ns >= t->follower.x->host->send_max_ns;
}

/* ---------------------------------------------------------------- the end */

static void let_go(struct stream *t)
{
	text_fini(&t->out);
	subscriber_end(&t->follower);
}

static void end(struct stream *t)
{
	let_go(t);
	exchange_send_end(t->follower.x);
	exchange_abandon(t->follower.x);
}

/* The server stops: what it has not got yet it gets after the start, from where it stood. */
static void say_goodbye(struct stream *t)
{
	text_add(&t->out, t->follower.x->is_ended ? ": the token has ended\n\n"
						  : ": the server is stopping\n\n");
	(void)flush(t);
	end(t);
}

static void cut(struct stream *t)
{
	metric_add(METRIC_REQUESTS_CUT, 1);
	end(t);
}

/* ---------------------------------------------------------------- the ledger */

/* On the reader thread. */
static int read_page(struct long_read *read, struct reader *reader, struct arena *unused)
{
	struct stream *t = stream_of_exchange(exchange_of_parcel(&read->parcel));
	struct movement_query q = subscriber_query(&t->follower, STREAM_PAGE_ROWS);
	struct arena texts; /* not the request's, which would grow with each page */

	(void)unused;
	arena_init(&texts);

	int r = reader->ops->list_movements(reader, &q, &texts, &t->page);

	for (size_t i = 0; r == 0 && i < t->page.count; i++)
		write_event(t, &t->page.movements[i]);
	arena_fini(&texts);
	return r;
}

static void park(struct stream *t);

static void page_is_read(struct exchange *x)
{
	struct stream *t = stream_of_exchange(x);

	if (exchange_is_orphan(x)) { /* its client has just left */
		let_go(t);
		exchange_reply(x, 200);
		return;
	}
	int64_t due_ns = 0;

	if (x->long_read.result == -EAGAIN) {
		due_ns = clock_monotonic_ns() + pause_ns; /* the log is too long: later */
	} else if (x->long_read.result == 0) {
		t->follower.after = t->page.has_next ? t->page.next : x->long_read.seq;
	} else {
		log_write(LOG_ERROR, "feed_failed", "request=%s error=\"%s\"", x->request_id,
			  strerror(-x->long_read.result));
		t->is_broken = true;
	}
	t->moved_ns = clock_monotonic_ns();
	park(t);
	subscriber_due(&t->follower, due_ns);
}

/* False: too many lists are being read just now. */
static bool read_ledger(struct stream *t)
{
	metric_add(METRIC_FEED_PAGES, 1);
	return read_begin(t->follower.x, read_page);
}

/* ---------------------------------------------------------------- the ring */

static void take_stretch(struct stream *t, const struct feed_stretch *b)
{
	for (size_t i = 0; i < b->count && t->out.byte_count < STREAM_BYTES; i++) {
		const struct movement_view *v = &b->movements[i];

		if (subscriber_wants(&t->follower, v))
			write_event(t, v);
		if (v->movement.seq > t->follower.after)
			t->follower.after = v->movement.seq;
	}
}

/* FEED_TAKEN: there is more, but it is enough for one write. */
static enum feed_take take_from_ring(struct stream *t)
{
	enum feed_take found = FEED_TAKEN;

	while (t->out.byte_count < STREAM_BYTES && !t->out.failed) {
		struct feed_stretch *b;

		found = feed_take(t->follower.all->feed, t->follower.after, &b);
		if (found != FEED_TAKEN)
			break;
		take_stretch(t, b);
		feed_stretch_release(b);
	}
	return found;
}

/* ---------------------------------------------------------------- its turn */

/* How far the store is comes first: what it has and the ring has not, others wrote a moment ago. */
static void send_news(struct stream *t)
{
	struct subscriber *s = &t->follower;
	int64_t newest;
	int r = read_newest_known(s->x, &newest);
	enum feed_take found;

	t->moved_ns = s->due_ns - pause_ns; /* from now on it has something to take */
	found = r == 0 ? take_from_ring(t) : FEED_AT_HEAD;
	bool is_behind = found == FEED_BEHIND || s->after < newest;

	if (r < 0 || !flush(t))
		end(t);
	else if (!is_flushed(t) || (found != FEED_TAKEN && is_behind && !read_ledger(t)))
		subscriber_due(s, s->due_ns);
	else if (found == FEED_TAKEN)
		subscriber_due(s, 0);
	else if (!is_behind)
		subscriber_wait(s);
}

static void serve(struct subscriber *s)
{
	struct stream *t = stream_of(s);

	s->due_ns = clock_monotonic_ns() + pause_ns;
	if (exchange_is_hurried(s->x))
		say_goodbye(t);
	else if (t->is_broken || !flush(t))
		end(t);
	else if (is_stuck(t))
		cut(t);
	else if (!is_flushed(t))
		subscriber_due(s, s->due_ns);
	else
		send_news(t);
}

/* ---------------------------------------------------------------- while it is parked */

/* In the middle of a page, that is waited for. */
static bool leave(struct exchange *x)
{
	struct stream *t = stream_of_exchange(x);

	if (!subscriber_is_idle(&t->follower))
		return read_leave(x);
	let_go(t);
	exchange_send_end(x);
	return true;
}

/* Is its client awake? */
static void probe(struct exchange *x)
{
	struct stream *t = stream_of_exchange(x);
	struct subscriber *s = &t->follower;

	if (!s->is_waiting || clock_monotonic_ns() - t->wrote_ns < beat_ns)
		return;
	subscriber_leave(s);
	text_add(&t->out, ": still here\n");
	write_place(t);
	t->moved_ns = clock_monotonic_ns();
	subscriber_due(s, 0);
}

static void hurry(struct exchange *x)
{
	struct subscriber *s = &stream_of_exchange(x)->follower;

	if (subscriber_is_idle(s))
		subscriber_due(s, 0);
}

static const struct waiting_kind kind = { .leave = leave, .probe = probe, .hurry = hurry };

static void park(struct stream *t)
{
	exchange_park(t->follower.x, &kind, page_is_read, INT64_MAX);
}

/* ---------------------------------------------------------------- opening */

bool stream_is_wanted(const struct exchange *x)
{
	const char *accept = exchange_header(x, "Accept");

	return accept != NULL && strcasestr(accept, "text/event-stream") != NULL;
}

struct stream *stream_create(struct exchange *x, const struct subscriber_filter *f)
{
	struct stream *t = arena_alloc(&x->arena, sizeof(*t));

	if (t == NULL)
		return NULL;
	*t = (struct stream){ .follower = { .x = x, .filter = *f, .serve = serve } };
	text_init(&t->out);
	return t;
}

void stream_open(struct stream *t, int64_t after)
{
	struct exchange *x = t->follower.x;

	x->waiting.own = t;
	x->status = 200;
	x->content_type = "text/event-stream";
	t->moved_ns = clock_monotonic_ns();
	subscriber_begin(&t->follower, x, after);
	exchange_send_head(x, &t->out);
	text_add(&t->out, ": movements, as they are committed\n");
	write_place(t);
	park(t);
	subscriber_due(&t->follower, 0);
}
