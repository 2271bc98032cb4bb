/* handlers_batch - POST /v1/batch: what its request says, and how it is answered. */
#include "base/fault.h"
#include "http/batch/batch.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "http/write_headers.h"
#include "wire/problems.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { CUT_RESULTS_BYTES_MAX = 32768 };

/* ---------------------------------------------------------------- answers */

static struct batch *batch_of(const struct exchange *x)
{
	return call_of(x)->own;
}

/* An atomic one: the answer of the line that it failed for, or of the whole. */
static void reply_refused(struct exchange *x, const struct batch *b)
{
	char line[48];

	x->is_unsure = b->refusal.is_unknown;
	snprintf(line, sizeof(line), "\"line\":%lld", (long long)b->refusal.line);
	if (b->loser != NULL && b->loser->state == LINE_REFUSED)
		reply_problem(x, &(struct problem){ .outcome = b->loser->error->outcome,
						    .detail = b->loser->error->detail,
						    .pointer = b->loser->error->pointer[0] != '\0'
								       ? b->loser->error->pointer
								       : NULL,
						    .members = line });
	else if (b->loser != NULL)
		reply_answer(x, b->loser->work, &b->refusal);
	else if (b->refused_part != NULL)
		reply_answer(x, b->refused_part, &b->refusal);
	else
		reply_refuse(x, b->refusal.outcome, b->refusal.detail);
}

/* The results that did not fit onto the disk are lost; what became of the batch is said still. */
static void reply_results(struct exchange *x, struct batch *b)
{
	x->content_type = "application/x-ndjson";
	reply_timing(x, &b->timing);
	reply_headers(x, b->seq != 0 ? b->seq : service_seq(x->service));
	batch_summary_write(&b->spool->text, b);
	if (spool_finish(b->spool) < 0) {
		batch_summary_write(&x->reply, b);
		exchange_reply(x, 200);
		return;
	}
	exchange_reply_spool(x, 200, b->spool);
	b->spool = NULL;
}

static void batch_reply(struct exchange *x)
{
	struct batch *b = batch_of(x);

	CHECK(batch_is_over(b));
	reply_preference_applied(x);
	if (b->is_refused)
		reply_refused(x, b);
	else
		reply_results(x, b);
	batch_drop(b);
}

/* ---------------------------------------------------------------- the upload */

static size_t take(struct exchange *x, const char *bytes, size_t byte_count)
{
	return batch_take(batch_of(x), bytes, byte_count);
}

/* Once all of the upload is there, it goes on without its client. */
static const struct waiting_kind until_over = { 0 };

static void end(struct exchange *x)
{
	struct batch *b = batch_of(x);

	batch_end(b);
	if (batch_is_over(b))
		batch_reply(x);
	else
		exchange_park(x, &until_over, batch_reply, INT64_MAX);
}

static bool is_busy(const struct exchange *x)
{
	return batch_is_busy(batch_of(x));
}

/*
 * Past microhttpd, which would send no answer now: what the socket takes at once. The results are
 * in a file; more of them than fit are lost, and what became of the batch is said still.
 */
static void add_results(struct exchange *x, struct batch *b)
{
	char piece[4096];
	int64_t at = 0;
	ssize_t r = 0;

	if (spool_finish(b->spool) < 0 || b->spool->byte_count > CUT_RESULTS_BYTES_MAX) {
		b->has_lost_results = true;
		return;
	}
	while ((r = pread(b->spool->fd, piece, sizeof(piece), at)) > 0) {
		text_add_bytes(&x->reply, piece, (size_t)r);
		at += r;
	}
	b->has_lost_results = r < 0 || at < b->spool->byte_count;
}

/* Nothing of it was tried, or it is atomic: then it is refused like any request. */
static void cut(struct exchange *x, enum outcome why, const char *detail)
{
	struct batch *b = batch_of(x);

	batch_cut(b, why);
	x->is_unsure = b->is_unknown;
	if (batch_is_untouched(b)) {
		reply_refuse(x, why, detail);
	} else {
		x->content_type = "application/x-ndjson";
		reply_headers(x, b->seq != 0 ? b->seq : service_seq(x->service));
		add_results(x, b);
		batch_summary_write(&x->reply, b);
		exchange_reply(x, 200);
	}
	batch_drop(b);
}

static void drop(struct exchange *x)
{
	batch_drop(batch_of(x));
}

static const struct body_taker taker = {
	.take = take, .end = end, .is_busy = is_busy, .cut = cut, .drop = drop
};

/* ---------------------------------------------------------------- what the request says */

static bool media_type_is_ndjson(const struct exchange *x)
{
	static const char *const types[] = { "application/x-ndjson", "application/ndjson",
					     "application/jsonl", "application/json",
					     "application/x-www-form-urlencoded" };
	const char *type = exchange_header(x, "Content-Type");

	if (type == NULL)
		return true;
	for (size_t i = 0; i < LENGTH_OF(types); i++)
		if (strcspn(type, "; \t") == strlen(types[i]) &&
		    strncasecmp(type, types[i], strlen(types[i])) == 0)
			return true;
	return false;
}

static bool read_results(struct exchange *x, struct batch_options *o)
{
	static const char *const names[] = { "all", "failed", "none" };
	const char *results = call_parameter(x, "results");

	o->results = BATCH_ALL;
	if (results == NULL)
		return true;
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		if (strcmp(results, names[i]) != 0)
			continue;
		o->results = (enum batch_results)i;
		return true;
	}
	reply_wrong_parameter(x, "results", "is all, failed or none.");
	return false;
}

static bool read_atomic(struct exchange *x, struct batch_options *o)
{
	const char *atomic = call_parameter(x, "atomic");

	o->is_atomic = atomic != NULL && strcmp(atomic, "true") == 0;
	if (atomic == NULL || o->is_atomic || strcmp(atomic, "false") == 0)
		return true;
	reply_wrong_parameter(x, "atomic", "is true or false.");
	return false;
}

static bool read_headers(struct exchange *x, struct batch_options *o)
{
	static const char no_row[] = "A batch is not about one row: compare in its lines.";

	return write_has_no(x, "If-Match", no_row) && write_has_no(x, "If-None-Match", no_row) &&
	       write_headers_are_single(x) && write_read_key(x, true, &x->arena, &o->key);
}

/* What the one under way has done or will do is what the sender of this one asks about. */
static void refuse_second(struct exchange *x)
{
	reply_problem(
		x, &(struct problem){ .outcome = OUTCOME_REQUEST_IN_FLIGHT,
				      .detail = "Another batch with this key is still under way.",
				      .is_unknown = true });
}

static void begin(struct exchange *x, const struct batch_options *o)
{
	enum outcome why;
	struct batch *b = batch_open(x, o, &why);

	if (b == NULL && why == OUTCOME_REQUEST_IN_FLIGHT) {
		refuse_second(x);
		return;
	}
	if (b == NULL) {
		reply_refuse(x, why, NULL);
		return;
	}
	if (!write_read_leases(x, &b->texts, &b->leases)) {
		batch_drop(b);
		return;
	}
	call_of(x)->own = b;
	exchange_receive(x, &taker);
}

void handle_batch(struct exchange *x)
{
	struct batch_options o = { 0 };

	if (!call_is_batch(x))
		reply_refuse(x, OUTCOME_NOT_FOUND, "Spell it /v1/batch.");
	else if (!media_type_is_ndjson(x))
		reply_refuse(x, OUTCOME_UNSUPPORTED_MEDIA, NULL);
	else if (exchange_is_hurried(x) && exchange_header(x, "Idempotency-Key") == NULL)
		reply_refuse(x, OUTCOME_DRAINING, NULL); /* of one with a key, each line is */
	else if (read_results(x, &o) && read_atomic(x, &o) && write_read_wait(x, &o.wait_ms) &&
		 read_headers(x, &o))
		begin(x, &o);
}
