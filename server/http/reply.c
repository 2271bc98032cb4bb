#include "http/reply.h"
#include "base/clock.h"
#include "base/fault.h"
#include "ops/log.h"
#include "wire/server_timing.h"
#include <stdio.h>
#include <string.h>

static const char problem_type[] = "application/problem+json";

/* ---------------------------------------------------------------- headers */

void reply_header_text(struct exchange *x, const char *name, const char *before, int64_t n,
		       const char *after)
{
	char digits[20];
	size_t before_bytes = strlen(before), after_bytes = strlen(after);
	size_t digit_count = text_format_int(digits, n);
	char *value = arena_alloc(&x->arena, before_bytes + digit_count + after_bytes + 1);

	if (value == NULL)
		return;
	memcpy(value, before, before_bytes);
	memcpy(value + before_bytes, digits, digit_count);
	memcpy(value + before_bytes + digit_count, after, after_bytes + 1);
	exchange_header_add(x, name, value);
}

void reply_header_int(struct exchange *x, const char *name, int64_t n)
{
	reply_header_text(x, name, "", n, "");
}

void reply_etag(struct exchange *x, int64_t version)
{
	reply_header_text(x, "ETag", "\"", version, "\"");
}

static bool is_api(const struct exchange *x)
{
	return strncmp(x->path, "/v1/", 4) == 0 || strcmp(x->path, "/v1") == 0;
}

static void common_headers(struct exchange *x, int64_t seq)
{
	if (!is_api(x))
		return;
	exchange_header_add(x, "Cache-Control", "no-store");
	reply_header_int(x, "Stock-Seq", seq);
}

static void indent_if_asked(struct exchange *x)
{
	const struct call *c = call_of(x);
	struct text pretty;

	if (c == NULL || !c->is_pretty || x->reply.byte_count == 0)
		return;
	text_init(&pretty);
	json_pretty(&pretty, x->reply.data, x->reply.byte_count);
	text_fini(&x->reply);
	x->reply = pretty;
}

/* ---------------------------------------------------------------- answers */

void reply_json(struct exchange *x, int status, int64_t seq)
{
	common_headers(x, seq);
	indent_if_asked(x);
	exchange_reply(x, status);
}

void reply_empty(struct exchange *x, int status)
{
	common_headers(x, service_seq(x->service));
	exchange_reply(x, status);
}

void reply_text(struct exchange *x, int status, const char *content_type)
{
	x->content_type = content_type;
	common_headers(x, service_seq(x->service));
	exchange_reply(x, status);
}

static void retry_header(struct exchange *x, enum outcome o)
{
	if (outcome_row(o)->retry_after_s > 0)
		reply_header_int(x, "Retry-After", outcome_row(o)->retry_after_s);
}

void reply_problem(struct exchange *x, enum outcome o, const char *pointer, const char *detail)
{
	struct problem p = {
		.outcome = o, .detail = detail, .pointer = pointer, .request_id = x->request_id
	};

	problem_write_body(&x->reply, &p);
	x->content_type = problem_type;
	retry_header(x, o);
	reply_json(x, outcome_row(o)->http_status, service_seq(x->service));
}

void reply_refuse(struct exchange *x, enum outcome o, const char *detail)
{
	reply_problem(x, o, NULL, detail);
}

void reply_fault(struct exchange *x, int fault)
{
	const struct fault *f = fault_latest();

	log_write(LOG_ERROR, "read_failed", "request=%s error=\"%s\" extended=%d at=%s:%d",
		  x->request_id, strerror(-fault), f->detail, f->file != NULL ? f->file : "",
		  f->line);
	reply_refuse(x,
		     fault == -ETIME    ? OUTCOME_STORE_BUSY
		     : fault == -ENOMEM ? OUTCOME_OUT_OF_MEMORY
					: OUTCOME_STORE_FAILED,
		     fault == -ETIME ? "The read took too long and was interrupted. Ask for less."
				     : NULL);
}

void reply_read_refused(struct exchange *x, enum outcome o, struct row_ref *row, int64_t seq)
{
	struct command c = {
		.kind = COMMAND_READ, .row_count = 1, .rows = row, .request_id = x->request_id
	};
	struct answer a = { .outcome = o, .status = outcome_row(o)->http_status };

	answer_write_body(&x->reply, &c, &a);
	x->content_type = problem_type;
	reply_json(x, a.status, seq);
}

/* ---------------------------------------------------------------- writes */

static int64_t between(int64_t from_ns, int64_t to_ns)
{
	return from_ns == 0 || to_ns < from_ns ? 0 : to_ns - from_ns;
}

/* A write that did not get far has waited until now, and nothing else. */
static void timing_header(struct exchange *x, const struct write_cost *k, bool is_withdrawn)
{
	char *value = arena_alloc(&x->arena, SERVER_TIMING_BYTES);
	int64_t now_ns = clock_monotonic_ns();
	struct server_timing t = { .ahead_count = k->ahead_count, .group_count = 0 };

	if (value == NULL)
		return;
	if (is_withdrawn) {
		t.lock_ns = between(k->claimed_ns, now_ns);
	} else {
		t.lock_ns = between(k->claimed_ns, k->granted_ns);
		t.queue_ns = between(k->granted_ns, k->picked_ns);
		t.apply_ns = between(k->picked_ns, k->decided_ns);
		t.commit_ns = between(k->decided_ns, k->done_ns);
		t.group_count = k->group_count;
	}
	server_timing_format(value, &t);
	exchange_header_add(x, "Server-Timing", value);
}

static void created_headers(struct exchange *x, const struct command *c, const struct answer *a)
{
	if (a->status != 201)
		return;
	switch (c->kind) {
	case COMMAND_ADJUST:
	case COMMAND_TRANSFER:
		reply_header_text(x, "Location", "/v1/movements/", a->movements[0].seq, "");
		break;
	case COMMAND_ITEM_PUT:
	case COMMAND_LOCATION_PUT:
		exchange_header_add(x, "Location", x->path);
		break;
	case COMMAND_LEASE_TAKE: {
		char *path = arena_alloc(&x->arena, ID_BYTES_MAX + 16);

		if (a->lease.id == NULL || path == NULL)
			break;
		snprintf(path, ID_BYTES_MAX + 16, "/v1/leases/%s", a->lease.id);
		exchange_header_add(x, "Location", path);
		break;
	}
	default:
		break;
	}
}

static void version_header(struct exchange *x, const struct command *c, const struct answer *a)
{
	if (a->outcome == OUTCOME_DONE && a->stock_count == 1)
		reply_etag(x, a->stocks[0].version);
	else if (a->outcome == OUTCOME_DONE && c->kind == COMMAND_ITEM_PUT && a->item.id != 0)
		reply_etag(x, a->item.version);
	else if (a->outcome == OUTCOME_DONE && c->kind == COMMAND_LOCATION_PUT &&
		 a->location.id != 0)
		reply_etag(x, a->location.version);
}

void reply_answer(struct exchange *x, const struct write *w, const struct answer *a)
{
	const struct call *call = call_of(x);

	answer_write_body(&x->reply, &w->command, a);
	if (a->outcome != OUTCOME_DONE)
		x->content_type = problem_type;
	created_headers(x, &w->command, a);
	version_header(x, &w->command, a);
	timing_header(x, &w->cost, a != &w->answer);
	retry_header(x, a->outcome);
	if (call->preferred_wait_s >= 0)
		reply_header_text(x, "Preference-Applied", "wait=", call->preferred_wait_s, "");
	if (a->is_replayed)
		exchange_header_add(x, "Idempotency-Replayed", "true");
	reply_json(x, a->status, a->seq);
}
