/* batch_results - what becomes of a batch: its lines' results, and an end before its last one. */
#include "http/batch/batch.h"
#include "ops/log.h"
#include "wire/batch_results.h"
#include "wire/json_stored.h"
#include "wire/json_write.h"
#include <string.h>

/* ---------------------------------------------------------------- the lines that wait */

void batch_lines_destroy(struct list *lines)
{
	LIST_EACH_SAFE (it, lines)
		batch_line_destroy(CONTAINER_OF(it, struct batch_line, link));
}

/* The line whose history is being read is another thread's until that is done. */
void batch_discard_waiting(struct batch *b)
{
	LIST_EACH_SAFE (it, &b->waiting) {
		struct batch_line *line = CONTAINER_OF(it, struct batch_line, link);

		if (line->state != LINE_READING)
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
	bool is_stopped_behind = b->stopped_at > line;

	if (batch_has_ended_early(b) && !is_stopped_behind)
		return;
	b->stopped_at = line;
	b->stopped_by = o;
	b->is_unknown = is_unknown;
	batch_discard_waiting(b);
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
	batch_discard_waiting(b);
}

/* The line that is not tried any more if it ends now; `next` if none is waiting. */
int64_t batch_next_untried(const struct batch *b, int64_t next)
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

void batch_note_decided(struct batch *b)
{
	list_splice_back(&b->decided, &b->under_way);
}

void batch_write_results(struct batch *b)
{
	struct list *link;

	while ((link = list_pop_front(&b->decided)) != NULL) {
		struct batch_line *line = CONTAINER_OF(link, struct batch_line, link);

		write_result(b, line);
		batch_line_destroy(line);
		(void)spool_settle(b->spool);
	}
}

/* ---------------------------------------------------------------- bounds and sum */

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
