/*
 * handlers_changes - GET /v1/changes: the movements behind a seq, as soon as there are any; or, to
 * a client that wants text/event-stream, a stream of them (stream.h).
 *
 * What the feed's ring still has comes from there, anything older from the ledger, in pages; both
 * lie behind each other without a gap, so where a page came from cannot be told from outside.
 */
#include "base/clock.h"
#include "http/page.h"
#include "waiting/stream.h"
#include "wire/answers_stock.h"
#include "wire/problems.h"
#include "waiting/read.h"
#include <string.h>

/* One request for changes. */
struct changes {
	struct subscriber follower;
	int limit;
	int64_t until_ns; /* when it is answered at the latest */
	struct page page; /* of the ledger; its texts are gone once its rows are written */
	struct text rows; /* found so far, as JSON */
	struct json json; /* writes them */
	int row_count;
};

static struct changes *changes_of(struct exchange *x)
{
	return call_of(x)->own;
}

/* ---------------------------------------------------------------- answering */

static void finish(struct exchange *x)
{
	subscriber_end(&changes_of(x)->follower);
}

static void fail(struct exchange *x, int fault)
{
	finish(x);
	text_fini(&changes_of(x)->rows);
	reply_fault(x, fault);
}

static void answer(struct exchange *x)
{
	struct changes *c = changes_of(x);
	struct json j = json_begin(&x->reply);

	finish(x);
	if (c->rows.failed) {
		text_fini(&c->rows);
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	text_reserve(&x->reply, c->rows.byte_count + 64);
	json_open(&j, '{');
	JSON_NAME(&j, "data"), json_open(&j, '[');
	if (c->rows.byte_count > 0)
		json_raw(&j, c->rows.data);
	json_close(&j, ']');
	JSON_NAME(&j, "next"), json_int(&j, c->follower.after);
	json_close(&j, '}');
	text_add_char(&x->reply, '\n');
	text_fini(&c->rows);
	reply_json(x, 200, c->follower.after);
}

/* ---------------------------------------------------------------- the ledger */

static void go_on(struct exchange *x);

static void write_row(struct changes *c, const struct movement_view *v)
{
	movement_write(&c->json, &v->sku, &v->location, &v->movement);
	c->row_count++;
}

/* On the reader thread. */
static int read_page(struct long_read *read, struct reader *reader, struct arena *unused)
{
	struct changes *c = changes_of(exchange_of_parcel(&read->parcel));
	struct movement_query q = subscriber_query(&c->follower, c->limit);
	struct arena texts; /* not the request's, which would grow with each page */

	(void)unused;
	arena_init(&texts);

	int r = reader->ops->list_movements(reader, &q, &texts, &c->page);

	for (size_t i = 0; r == 0 && i < c->page.count; i++)
		write_row(c, &c->page.movements[i]);
	arena_fini(&texts);
	return r;
}

static void page_is_read(struct exchange *x)
{
	struct changes *c = changes_of(x);

	if (x->long_read.result < 0) {
		fail(x, x->long_read.result);
		return;
	}
	/* The page was of all up to its snapshot, unless it says that there is more. */
	c->follower.after = c->page.has_next ? c->page.next : x->long_read.seq;
	if (c->row_count > 0 || clock_monotonic_ns() >= c->until_ns)
		answer(x);
	else
		go_on(x);
}

static void read_ledger(struct exchange *x)
{
	metric_add(METRIC_FEED_PAGES, 1);
	if (read_wait(x, read_page, page_is_read))
		return;
	finish(x);
	text_fini(&changes_of(x)->rows);
	reply_refuse(x, OUTCOME_STORE_BUSY, "Too many lists are being read at once.");
}

/* ---------------------------------------------------------------- the ring */

/* Takes what fits, up to the limit, and moves on behind all that it saw. */
static void take_stretch(struct changes *c, const struct feed_stretch *b)
{
	for (size_t i = 0; i < b->count && c->row_count < c->limit; i++) {
		const struct movement_view *v = &b->movements[i];

		if (subscriber_wants(&c->follower, v))
			write_row(c, v);
		if (v->movement.seq > c->follower.after)
			c->follower.after = v->movement.seq;
	}
}

static enum feed_take take_from_ring(struct changes *c, struct feed *feed)
{
	enum feed_take found = FEED_TAKEN;

	while (c->row_count < c->limit) {
		struct feed_stretch *b;

		found = feed_take(feed, c->follower.after, &b);
		if (found != FEED_TAKEN)
			break;
		take_stretch(c, b);
		feed_stretch_release(b);
	}
	return found;
}

/* How far the store is comes first: what it has and the ring has not, others wrote a moment ago. */
static void go_on(struct exchange *x)
{
	struct changes *c = changes_of(x);
	int64_t newest;
	int r = read_newest_known(x, &newest);

	if (r < 0) {
		fail(x, r);
		return;
	}

	enum feed_take found = take_from_ring(c, service_feed(x->service));

	if (c->row_count > 0) {
		answer(x);
	} else if (found == FEED_BEHIND || c->follower.after < newest) {
		read_ledger(x);
	} else if (clock_monotonic_ns() >= c->until_ns || exchange_is_hurried(x)) {
		answer(x);
	} else {
		subscriber_park(&c->follower, go_on, answer, c->until_ns);
	}
}

/* ---------------------------------------------------------------- the call */

static bool wrong(struct exchange *x, const char *name, const char *what)
{
	reply_wrong_parameter(x, name, what);
	return false;
}

/* ?after=SEQ, or latest. False: answered. */
static bool read_after(struct exchange *x, int64_t when_absent, int64_t *ret)
{
	const char *text = call_parameter(x, "after");
	int64_t newest = x->long_read.seq;

	*ret = when_absent;
	if (text != NULL && strcmp(text, "latest") == 0)
		*ret = newest;
	else if (text != NULL && (!integer_read(text, ret) || *ret < 0))
		return wrong(x, "after", "is a seq, or latest.");
	if (*ret <= newest)
		return true;
	reply_cursor_lost(x, newest);
	return false;
}

/*
 * Where a client that comes back has been. The header is older than the address that it comes back
 * to.
 */
static bool read_last_event(struct exchange *x, int64_t *ret)
{
	const char *text = exchange_header(x, "Last-Event-ID");

	if (text == NULL)
		return true;
	if (!integer_read(text, ret) || *ret < 0) {
		reply_problem(x, &(struct problem){ .outcome = OUTCOME_INVALID_HEADER,
						    .pointer = "Last-Event-ID",
						    .detail = "Last-Event-ID is a seq." });
		return false;
	}
	if (*ret <= x->long_read.seq)
		return true;
	reply_cursor_lost(x, x->long_read.seq);
	return false;
}

/* Without it the answer comes at once. False: answered. */
static bool read_until(struct exchange *x, int64_t *ret_ns)
{
	int64_t wait_ms;

	if (!call_read_wait(x, 0, &wait_ms))
		return false;
	reply_preference_applied(x);
	*ret_ns = clock_monotonic_ns() + wait_ms * NS_PER_MS;
	return true;
}

static bool read_filter(struct exchange *x, struct subscriber_filter *f)
{
	f->actor = call_parameter(x, "actor");
	return page_read_name(x, "sku", &f->sku) && page_read_name(x, "location", &f->location) &&
	       page_read_kinds(x, &f->kinds) && page_read_reason(x, &f->reason);
}

static void stream(struct exchange *x, const struct subscriber_filter *f, int64_t after)
{
	struct stream *t = stream_create(x, f);

	if (t == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	reply_headers(x, after);
	stream_open(t, after);
}

static void open_stream(struct exchange *x)
{
	struct subscriber_filter filter;
	int64_t after;

	if (call_parameter(x, "wait") != NULL || call_parameter(x, "limit") != NULL) {
		wrong(x, call_parameter(x, "wait") != NULL ? "wait" : "limit",
		      "is for one answer; a stream goes on.");
		return;
	}
	if (!read_filter(x, &filter) || !read_after(x, x->long_read.seq, &after) ||
	    !read_last_event(x, &after))
		return;
	if (x->method == HTTP_HEAD)
		reply_text(x, 200, "text/event-stream");
	else
		stream(x, &filter, after);
}

static void poll(struct exchange *x)
{
	struct changes *c = arena_alloc(&x->arena, sizeof(*c));
	int64_t after;

	if (c == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	memset(c, 0, sizeof(*c));
	text_init(&c->rows);
	c->json = json_begin(&c->rows);
	call_of(x)->own = c;
	if (!page_read_limit(x, &c->limit) || !read_filter(x, &c->follower.filter) ||
	    !read_after(x, 0, &after) || !read_until(x, &c->until_ns))
		return;
	subscriber_begin(&c->follower, x, after);
	go_on(x);
}

/*
 * A cursor of the store that was here before a backup was restored may well be a seq of this one,
 * too, and would skip or repeat movements in silence. False: answered.
 */
static bool epoch_is_ours(struct exchange *x)
{
	const char *epoch = call_parameter(x, "epoch");

	exchange_header_add(x, "Stock-Epoch", service_epoch(x->service));
	if (epoch == NULL || strcmp(epoch, service_epoch(x->service)) == 0)
		return true;
	reply_cursor_lost(x, x->long_read.seq);
	return false;
}

/* How far the store has come is known. */
static void begin(struct exchange *x)
{
	if (x->long_read.result < 0)
		reply_fault(x, x->long_read.result);
	else if (!epoch_is_ours(x))
		return;
	else if (stream_is_wanted(x))
		open_stream(x);
	else
		poll(x);
}

void handle_change_list(struct exchange *x)
{
	read_newest(x, begin);
}
