#include "http/batch/batch.h"
#include "base/clock.h"
#include "base/fault.h"
#include "wire/batch_results.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- life */

static void settle(struct batch *b);
static void read_arrive(struct parcel *p);

static void batch_free(struct batch *b)
{
	CHECK(b->part == NULL);
	CHECK(list_is_empty(&b->reading));
	if (!batch_place_give_back(b))
		return; /* somebody has just asked for it: settle() comes back */
	batch_lines_destroy(&b->waiting);
	batch_lines_destroy(&b->under_way);
	batch_lines_destroy(&b->decided);
	batch_line_destroy(b->loser);
	work_release(b->refused_part);
	spool_close(b->spool);
	text_fini(&b->partial);
	arena_fini(&b->texts);
	free(b);
	metric_add(METRIC_BATCHES, -1);
}

static void batch_init(struct batch *b, struct exchange *x)
{
	struct part_size before;

	arena_init(&b->texts);
	text_init(&b->partial);
	list_init(&b->waiting);
	list_init(&b->under_way);
	list_init(&b->decided);
	list_init(&b->asking);
	list_init(&b->reading);
	b->x = x;
	b->settle = settle;
	b->service = x->service;
	b->snapshot = x->snapshot;
	b->mailbox = x->mailbox;
	b->detached = &waits_of(x)->detached;
	credentials_watch(&waits_of(x)->credentials, &b->upload, x);
	batch_places_recall(&before);
	part_size_begin(&b->part_size, &before, clock_monotonic_ns(),
			service_arrival_count(b->service));
	b->read.parcel = (struct parcel){ .home = x->mailbox, .arrive = read_arrive };
	memcpy(b->request_id, x->request_id, sizeof(b->request_id));
	metric_add(METRIC_BATCHES, 1);
}

/* DONE, or why it cannot be. */
static enum outcome take_options(struct batch *b, const struct batch_options *options)
{
	b->actor = actor_keep(&b->texts, b->x->actor);
	if (b->actor == NULL)
		return OUTCOME_OUT_OF_MEMORY;
	b->options = *options;
	b->options.key = NULL;
	if (options->key != NULL) {
		b->options.key = arena_copy(&b->texts, options->key, strlen(options->key));
		if (b->options.key == NULL)
			return OUTCOME_OUT_OF_MEMORY;
	}
	b->spool = spool_open();
	if (b->spool == NULL)
		return outcome_of_fault(fault_latest()->error);
	return batch_place_take(b);
}

struct batch *batch_open(struct exchange *x, const struct batch_options *options,
			 enum outcome *ret_why)
{
	struct batch *b = calloc(1, sizeof(*b));

	*ret_why = OUTCOME_OUT_OF_MEMORY;
	if (b == NULL)
		return NULL;
	batch_init(b, x);
	*ret_why = take_options(b, options);
	if (*ret_why == OUTCOME_DONE)
		return b;
	credentials_unwatch(&b->upload);
	batch_free(b);
	return NULL;
}

/* ---------------------------------------------------------------- going on */

bool batch_is_over(const struct batch *b)
{
	return b->is_ended && b->part == NULL && list_is_empty(&b->reading) &&
	       (list_is_empty(&b->waiting) || batch_has_ended_early(b));
}

/* Are there as many lines as the next part may have? Nearly all claim one row or two. */
static bool holds_a_part(const struct batch *b)
{
	int lines = BATCH_PART_LINES_MAX, claims = BATCH_PART_ROWS_MAX;

	if (lines < b->part_size.lines_max)
		lines = b->part_size.lines_max;
	if (claims < 2 * lines)
		claims = 2 * lines;
	return b->waiting_count >= lines || b->waiting_bytes >= BATCH_PART_BYTES_MAX ||
	       b->waiting_claims >= claims;
}

/* Must the upload wait? Of one that has ended early the rest is only read. */
static bool is_full(const struct batch *b)
{
	const struct batch_line *last;

	if (batch_has_ended_early(b) || list_is_empty(&b->waiting))
		return false;
	last = CONTAINER_OF(b->waiting.prev, struct batch_line, link);
	/* One history at a time: each may take as long as a list. */
	if (!list_is_empty(&b->reading) || (last->asks & ASKS_PAST) != 0)
		return true;
	return !b->options.is_atomic && (last->state == LINE_NEEDS_ROWS || holds_a_part(b));
}

/* Something has come back. */
static void settle(struct batch *b)
{
	if (b->x == NULL) {
		if (!batch_is_busy(b))
			batch_free(b);
		return;
	}
	if (b->x->is_ended && !b->is_ended && !batch_is_busy(b)) {
		exchange_cut(b->x, OUTCOME_UNAUTHORIZED, EXCHANGE_ENDED);
		return;
	}
	batch_go_on(b);
	batch_write_results(b);
	batch_place_note(b, 0);
	if (exchange_is_paused(b->x)) {
		if (!is_full(b))
			exchange_go_on(b->x);
	} else if (batch_is_over(b)) {
		exchange_return(b->x);
		return;
	}
	if (b->place.is_lost && !b->is_ended && !batch_is_busy(b))
		exchange_cut(b->x, OUTCOME_TOO_MANY_BATCHES,
			     "Its upload was slow, and another batch has its place.");
}

static void read_arrive(struct parcel *p)
{
	struct batch *b = CONTAINER_OF(p, struct batch, read.parcel);

	detached_end(&b->read_work);
	batch_lines_take(b);
	if (batch_has_ended_early(b))
		batch_discard_waiting(b);
	settle(b);
}

void batch_drop(struct batch *b)
{
	credentials_unwatch(&b->upload);
	b->x = NULL;
	batch_discard_waiting(b);
	batch_withdraw(b);
	if (!batch_is_busy(b))
		batch_free(b);
}

void batch_cut(struct batch *b, enum outcome why)
{
	int64_t first = batch_next_untried(b, b->line_number + 1);

	batch_answer_replays(b);
	if (!list_is_empty(&b->under_way))
		first = CONTAINER_OF(b->under_way.next, struct batch_line, link)->number;
	batch_withdraw(b);
	batch_stop(b, first, why, b->part != NULL);
}

bool batch_is_untouched(const struct batch *b)
{
	return b->options.is_atomic || (b->line_count == 0 && !b->is_unknown);
}

/* ---------------------------------------------------------------- the upload */

static bool is_blank(const char *text, size_t byte_count)
{
	for (size_t i = 0; i < byte_count; i++)
		if (strchr(" \t\r", text[i]) == NULL)
			return false;
	return true;
}

/* Memory is short: a line cannot be had. */
static void lose_line(struct batch *b, int64_t number)
{
	if (b->options.is_atomic)
		batch_refuse_whole(b, OUTCOME_OUT_OF_MEMORY, NULL);
	else
		batch_stop(b, batch_next_untried(b, number), OUTCOME_OUT_OF_MEMORY, false);
}

static void add_line(struct batch *b, const char *text, size_t byte_count)
{
	struct batch_line *line;

	b->line_number++;
	if (is_blank(text, byte_count))
		return;
	metric_add(METRIC_BATCH_LINES, 1);
	line = batch_line_create(b, text, byte_count);
	if (line == NULL) {
		lose_line(b, b->line_number);
		return;
	}
	list_push_back(&b->waiting, &line->link);
	batch_count_waiting(b, line, 1);
	if (b->options.is_atomic)
		(void)batch_keeps_atomic_bounds(b);
}

/* The end of the line that began in an earlier piece. */
static void add_partial_line(struct batch *b)
{
	size_t byte_count = b->partial.byte_count;

	if (b->partial.failed)
		lose_line(b, b->line_number + 1);
	else
		add_line(b, b->partial.data, byte_count);
	text_fini(&b->partial);
}

/* Beyond its bound a line is only counted. */
static void keep_partial(struct batch *b, const char *bytes, size_t byte_count)
{
	size_t room = BATCH_LINE_BYTES_MAX + 1 - b->partial.byte_count;

	text_add_bytes(&b->partial, bytes, byte_count < room ? byte_count : room);
}

/* Takes a line, or what there is of it; returns its bytes. */
static size_t take_some(struct batch *b, const char *bytes, size_t byte_count)
{
	const char *end = memchr(bytes, '\n', byte_count);
	size_t line_bytes = end != NULL ? (size_t)(end - bytes) : byte_count;

	if (end == NULL) {
		keep_partial(b, bytes, line_bytes);
		return line_bytes;
	}
	if (b->partial.byte_count > 0 || b->partial.failed) {
		keep_partial(b, bytes, line_bytes);
		add_partial_line(b);
	} else {
		add_line(b, bytes, line_bytes);
	}
	return line_bytes + 1;
}

static size_t take_all(struct batch *b, const char *bytes, size_t byte_count)
{
	size_t at = 0;

	for (;;) {
		while (at < byte_count && !is_full(b) && !batch_has_ended_early(b))
			at += take_some(b, bytes + at, byte_count - at);
		batch_go_on(b);
		if (at == byte_count || batch_has_ended_early(b))
			return byte_count;
		if (is_full(b))
			break;
	}
	exchange_pause(b->x);
	return at;
}

size_t batch_take(struct batch *b, const char *bytes, size_t byte_count)
{
	size_t taken = take_all(b, bytes, byte_count);

	batch_place_note(b, taken);
	return taken;
}

void batch_end(struct batch *b)
{
	if (b->partial.byte_count > 0 && !batch_has_ended_early(b))
		add_partial_line(b);
	b->is_ended = true;
	credentials_unwatch(&b->upload);
	batch_go_on(b);
	batch_place_note(b, 0);
}
