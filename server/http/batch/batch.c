#include "http/batch/batch.h"
#include "base/clock.h"
#include "base/fault.h"
#include "ops/log.h"
#include "wire/batch_results.h"
#include "wire/json_stored.h"
#include "wire/json_write.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- life */

static void read_arrive(struct parcel *p);

static void lines_destroy(struct list *lines)
{
	LIST_EACH_SAFE (it, lines)
		batch_line_destroy(CONTAINER_OF(it, struct batch_line, link));
}

static void batch_free(struct batch *b)
{
	CHECK(b->part == NULL);
	CHECK(b->counting == NULL);
	if (!batch_place_give_back(b))
		return; /* somebody has just asked for it: batch_settle() comes back */
	lines_destroy(&b->waiting);
	lines_destroy(&b->under_way);
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
	arena_init(&b->texts);
	text_init(&b->partial);
	list_init(&b->waiting);
	list_init(&b->under_way);
	b->x = x;
	b->service = x->service;
	b->snapshot = x->snapshot;
	b->mailbox = x->mailbox;
	b->detached = &waits_of(x)->detached;
	b->part_lines_max = BATCH_PART_LINES_MAX;
	b->read.parcel = (struct parcel){ .home = x->mailbox, .arrive = read_arrive };
	memcpy(b->request_id, x->request_id, sizeof(b->request_id));
	metric_add(METRIC_BATCHES, 1);
}

/* DONE, or why it cannot be. */
static enum outcome take_options(struct batch *b, const struct batch_options *options)
{
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
	batch_free(b);
	return NULL;
}

/* ---------------------------------------------------------------- an early end */

/* The line whose history is being read is another thread's until that is done. */
static void discard_waiting(struct batch *b)
{
	LIST_EACH_SAFE (it, &b->waiting) {
		struct batch_line *line = CONTAINER_OF(it, struct batch_line, link);

		if (line != b->counting)
			batch_line_destroy(line);
	}
}

bool batch_has_ended_early(const struct batch *b)
{
	return b->stopped_at != 0 || b->is_refused || b->x == NULL;
}

/* The service cannot go on: what came before is done, this line and what follows is not tried. */
void batch_stop(struct batch *b, int64_t line, enum outcome o, bool is_unknown)
{
	if (batch_has_ended_early(b))
		return;
	b->stopped_at = line;
	b->stopped_by = o;
	b->is_unknown = is_unknown;
	discard_waiting(b);
	log_write(LOG_WARN, "batch_stopped", "request=%s line=%lld code=%s", b->request_id,
		  (long long)line, outcome_row(o)->code);
}

/* An atomic one: nothing of it was applied. `loser`: the line that it failed for, or NULL. */
void batch_refuse_all(struct batch *b, const struct answer *why, struct batch_line *loser)
{
	b->is_refused = true;
	b->refusal = *why;
	b->refusal.line = loser != NULL ? loser->number : 0;
	b->loser = loser;
	if (loser != NULL)
		list_remove(&loser->link);
	discard_waiting(b);
}

/* The line that is not tried any more if it ends now; `next` if none is waiting. */
static int64_t next_untried(const struct batch *b, int64_t next)
{
	return list_is_empty(&b->waiting)
		       ? next
		       : CONTAINER_OF(b->waiting.next, struct batch_line, link)->number;
}

void batch_refuse_whole(struct batch *b, enum outcome o, const char *detail)
{
	struct answer why = { .outcome = o,
			      .status = outcome_row(o)->http_status,
			      .detail = detail };

	batch_refuse_all(b, &why, NULL);
}

bool batch_is_over(const struct batch *b)
{
	return b->is_ended && b->part == NULL && b->counting == NULL &&
	       (list_is_empty(&b->waiting) || batch_has_ended_early(b));
}

/* ---------------------------------------------------------------- results */

static bool is_wanted(const struct batch *b, bool is_applied)
{
	return b->options.results == BATCH_ALL ||
	       (b->options.results == BATCH_FAILED && !is_applied);
}

static void write_answer(struct batch *b, struct batch_line *line, bool is_applied)
{
	struct work *w = line->work;

	CHECK(answer_is_sound(&w->command, &w->answer));
	b->replayed_count += w->answer.is_replayed;
	if (b->seq < w->answer.seq)
		b->seq = w->answer.seq;
	if (!is_wanted(b, is_applied))
		return;
	if (!answer_read_stored(&w->command, &w->answer, &w->arena))
		b->spool->text.failed = true;
	batch_result_write(&b->spool->text, line->number, line->id, &w->command, &w->answer);
}

static void write_result(struct batch *b, struct batch_line *line)
{
	bool is_applied = line->state != LINE_REFUSED && line->work->answer.outcome == OUTCOME_DONE;

	CHECK(batch_line_is_sound(line));
	b->line_count++;
	b->applied_count += is_applied;
	b->failed_count += !is_applied;
	if (line->state != LINE_REFUSED)
		write_answer(b, line, is_applied);
	else if (is_wanted(b, false))
		batch_refusal_write(&b->spool->text, line->number, line->id, line->error);
}

void batch_write_under_way(struct batch *b)
{
	struct list *link;

	while ((link = list_pop_front(&b->under_way)) != NULL) {
		struct batch_line *line = CONTAINER_OF(link, struct batch_line, link);

		write_result(b, line);
		batch_line_destroy(line);
		(void)spool_settle(b->spool);
	}
}

void batch_write_results(struct batch *b)
{
	batch_write_under_way(b);
	if (b->spool->fault != 0 && !(b->is_ended && list_is_empty(&b->waiting)))
		batch_stop(b, next_untried(b, b->line_number + 1),
			   b->spool->fault == -ENOMEM ? OUTCOME_OUT_OF_MEMORY : OUTCOME_DISK_FULL,
			   false);
}

/* ---------------------------------------------------------------- going on */

bool batch_is_busy(const struct batch *b)
{
	return detached_is_under_way(&b->part_work) || detached_is_under_way(&b->read_work);
}

/* Must the upload wait? Of one that has ended early the rest is only read. */
static bool is_full(const struct batch *b)
{
	const struct batch_line *last;

	if (batch_has_ended_early(b) || list_is_empty(&b->waiting))
		return false;
	last = CONTAINER_OF(b->waiting.prev, struct batch_line, link);
	if (b->counting != NULL)
		return true;
	return !b->options.is_atomic &&
	       (last->state == LINE_NEEDS_ROWS || b->waiting_count >= BATCH_PART_LINES_MAX ||
		b->waiting_bytes >= BATCH_PART_BYTES_MAX ||
		b->waiting_claims >= BATCH_PART_ROWS_MAX);
}

/* Something has come back. */
void batch_settle(struct batch *b)
{
	if (b->x == NULL) {
		if (!batch_is_busy(b))
			batch_free(b);
		return;
	}
	batch_go_on(b);
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
	struct batch_line *line = b->counting;

	detached_end(&b->read_work);
	b->counting = NULL;
	if (batch_has_ended_early(b))
		discard_waiting(b);
	else
		batch_line_take_past(b, line);
	batch_settle(b);
}

void batch_drop(struct batch *b)
{
	b->x = NULL;
	discard_waiting(b);
	batch_withdraw(b);
	if (!batch_is_busy(b))
		batch_free(b);
}

void batch_cut(struct batch *b, enum outcome why)
{
	int64_t first = next_untried(b, b->line_number + 1);

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

void batch_count_waiting(struct batch *b, const struct batch_line *line, int sign)
{
	b->waiting_count += sign;
	b->waiting_bytes += sign * (int64_t)line->byte_count;
	b->waiting_claims += sign * line->claim_count;
}

bool batch_keeps_atomic_bounds(struct batch *b)
{
	if (b->waiting_count <= BATCH_ATOMIC_LINES_MAX && b->waiting_bytes <= BODY_BYTES_MAX &&
	    b->waiting_claims <= BATCH_PART_ROWS_MAX)
		return true;
	batch_refuse_whole(b, OUTCOME_BODY_TOO_LARGE,
			   "An atomic batch has at most 1000 lines, 1 MiB, and 2048 rows.");
	return false;
}

/* Memory is short: a line cannot be had. */
static void lose_line(struct batch *b, int64_t number)
{
	if (b->options.is_atomic)
		batch_refuse_whole(b, OUTCOME_OUT_OF_MEMORY, NULL);
	else
		batch_stop(b, next_untried(b, number), OUTCOME_OUT_OF_MEMORY, false);
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
	batch_go_on(b);
	batch_place_note(b, 0);
}

void batch_summary_write(struct text *out, const struct batch *b)
{
	struct json j = json_begin(out);

	json_open(&j, '{');
	JSON_NAME(&j, "lines"), json_int(&j, b->line_count);
	JSON_NAME(&j, "applied"), json_int(&j, b->applied_count);
	JSON_NAME(&j, "failed"), json_int(&j, b->failed_count);
	JSON_NAME(&j, "replayed"), json_int(&j, b->replayed_count);
	if (b->stopped_at != 0) {
		const struct outcome_row *row = outcome_row(b->stopped_by);

		JSON_NAME(&j, "stopped_at"), json_int(&j, b->stopped_at);
		JSON_NAME(&j, "status"), json_int(&j, row->http_status);
		JSON_NAME(&j, "code"), json_text(&j, row->code);
		JSON_NAME(&j, "detail"), json_text(&j, row->title);
		JSON_NAME(&j, "outcome");
		json_text(&j, b->is_unknown ? "unknown" : "not_applied");
	}
	if (b->spool->fault != 0 || b->has_lost_results)
		JSON_NAME(&j, "results"), json_text(&j, "lost");
	json_close(&j, '}');
	text_add_char(out, '\n');
}
