#include "http/reply.h"
#include "base/clock.h"
#include "base/fault.h"
#include "core/token_text.h"
#include "engine/access_book.h"
#include "ops/log.h"
#include "wire/json_stored.h"
#include "wire/answers.h"
#include "wire/server_timing.h"
#include <stdio.h>
#include <string.h>

static const char problem_type[] = "application/problem+json";

/* ---------------------------------------------------------------- headers */

/*
 * before, n and after in one value. Without memory there is no such header, and all else goes on.
 */
static void header_int(struct exchange *x, const char *name, const char *before, int64_t n,
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

static void header_text(struct exchange *x, const char *name, const char *before, const char *text)
{
	size_t before_bytes = strlen(before), bytes = strlen(text);
	char *value = arena_alloc(&x->arena, before_bytes + bytes + 1);

	if (value == NULL)
		return;
	memcpy(value, before, before_bytes);
	memcpy(value + before_bytes, text, bytes + 1);
	exchange_header_add(x, name, value);
}

static void etag_header(struct exchange *x, int64_t version)
{
	header_int(x, "ETag", "\"", version, "\"");
}

/*
 * When to come again; and where: the service may drain a moment before this loop knows of it, and
 * who is told so must look for another server.
 */
static void retry_header(struct exchange *x, enum outcome o)
{
	if (outcome_row(o)->retry_after_s > 0)
		header_int(x, "Retry-After", "", outcome_row(o)->retry_after_s, "");
	x->must_close |= o == OUTCOME_DRAINING;
}

void reply_preference_applied(struct exchange *x)
{
	struct call *c = call_of(x);

	if (c->preferred_wait_s >= 0)
		header_int(x, "Preference-Applied", "wait=", c->preferred_wait_s, "");
	c->preferred_wait_s = -1; /* once is enough */
}

/* A target that was too long to be looked at has an empty path, and may have been one of ours. */
static bool is_under_v1(const struct exchange *x)
{
	return x->path[0] == '\0' || strncmp(x->path, "/v1", 3) == 0 ||
	       (x->route != NULL && strncmp(x->route->path, "/v1", 3) == 0);
}

/*
 * How much happens here is a reader's to know. What is refused before it has a route is so before
 * anybody has asked who it is from.
 */
static bool may_know_seq(const struct exchange *x)
{
	if (x->route == NULL)
		return access_book_state(service_access(x->service)) == ACCESS_OPEN;
	return actor_has_role(x->actor, ROLE_READER);
}

void reply_headers(struct exchange *x, int64_t seq)
{
	if (!is_under_v1(x))
		return;
	exchange_header_add(x, "Cache-Control", "no-store");
	if (may_know_seq(x))
		header_int(x, "Stock-Seq", "", seq, "");
}

/* ---------------------------------------------------------------- answers */

static void indent_if_asked(struct exchange *x)
{
	const struct call *c = call_of(x);
	struct text pretty;

	if (c == NULL || !c->is_pretty || x->reply.byte_count == 0 || x->reply.failed)
		return;
	text_init(&pretty);
	json_pretty(&pretty, x->reply.data, x->reply.byte_count);
	text_fini(&x->reply);
	x->reply = pretty;
}

void reply_json(struct exchange *x, int status, int64_t seq)
{
	reply_headers(x, seq);
	indent_if_asked(x);
	exchange_reply(x, status);
}

void reply_tagged(struct exchange *x, int64_t version, int64_t seq)
{
	etag_header(x, version);
	if (!if_none_match_holds(exchange_header(x, "If-None-Match"), version)) {
		reply_json(x, 200, seq);
		return;
	}
	text_fini(&x->reply);
	reply_json(x, 304, seq);
}

void reply_empty(struct exchange *x, int status)
{
	reply_json(x, status, service_seq(x->service));
}

void reply_text(struct exchange *x, int status, const char *content_type)
{
	x->content_type = content_type;
	reply_headers(x, service_seq(x->service));
	exchange_reply(x, status);
}

/* ---------------------------------------------------------------- problems */

/* Writes and locked reads say what their lock cost, also where it came to none. */
static bool is_timed(struct exchange *x)
{
	const char *read;

	switch (x->method) {
	case HTTP_POST:
	case HTTP_PUT:
	case HTTP_PATCH:
	case HTTP_DELETE:
		return is_under_v1(x);
	case HTTP_GET:
	case HTTP_HEAD:
	case HTTP_OPTIONS:
	case HTTP_OTHER:
		break;
	}
	read = call_of(x) != NULL ? call_parameter(x, "read") : NULL;
	return read != NULL && strcmp(read, "locked") == 0;
}

static void no_timing_header(struct exchange *x)
{
	static const struct server_timing nothing;
	char *value = arena_alloc(&x->arena, SERVER_TIMING_BYTES);

	if (value == NULL)
		return;
	server_timing_format(value, &nothing);
	exchange_header_add(x, "Server-Timing", value);
}

void reply_untimed(struct exchange *x, int status)
{
	no_timing_header(x);
	reply_json(x, status, service_seq(x->service));
}

/* The write may be sent again after it took effect: without memory nobody looked. */
static bool is_key_unread(const struct exchange *x, enum outcome o)
{
	return o == OUTCOME_OUT_OF_MEMORY && exchange_header(x, "Idempotency-Key") != NULL;
}

void reply_problem(struct exchange *x, const struct problem *p)
{
	struct problem mine = *p;

	mine.request_id = x->request_id;
	if (x->is_unsure || is_key_unread(x, p->outcome)) {
		mine.is_unknown = true;
		if (p->outcome == OUTCOME_OUT_OF_MEMORY)
			mine.outcome = OUTCOME_ANSWER_LOST;
	}
	problem_write_body(&x->reply, &mine);
	if (x->reply.data != NULL) /* it may name what was typed in the wrong place */
		token_text_cover(x->reply.data, x->reply.byte_count);
	x->content_type = problem_type;
	if (is_timed(x))
		no_timing_header(x);
	retry_header(x, mine.outcome);
	reply_json(x, outcome_row(mine.outcome)->http_status, service_seq(x->service));
}

void reply_refuse(struct exchange *x, enum outcome o, const char *detail)
{
	reply_problem(x, &(struct problem){ .outcome = o, .detail = detail });
}

void reply_message_error(struct exchange *x, const struct message_error *e)
{
	CHECK(message_error_is_sound(e));
	reply_problem(x, &(struct problem){ .outcome = e->outcome,
					    .pointer = e->pointer[0] != '\0' ? e->pointer : NULL,
					    .detail = e->detail });
}

/* One of `errors`; adds its sentence to the detail of the problem. False: memory is short. */
static bool wrong_parameter_write(struct json *errors, struct text *detail,
				  const struct wrong_parameter *wrong)
{
	struct text pointer, sentence;
	bool is_written;

	text_init(&pointer);
	text_init(&sentence);
	text_add_format(&pointer, "?%s", wrong->name);
	text_add_format(&sentence, "The parameter %s %s", wrong->name, wrong->what);
	is_written = !pointer.failed && !sentence.failed;
	if (is_written) {
		json_open(errors, '{');
		JSON_NAME(errors, "pointer"), json_text(errors, pointer.data);
		JSON_NAME(errors, "detail"), json_text(errors, sentence.data);
		json_close(errors, '}');
		text_add(detail, detail->byte_count > 0 ? " " : "");
		text_add(detail, sentence.data);
	}
	text_fini(&pointer);
	text_fini(&sentence);
	return is_written;
}

void reply_wrong_parameters(struct exchange *x, const struct wrong_parameter wrong[], int count)
{
	struct text members, detail;
	struct json j = json_begin(&members);
	bool is_written = true;

	text_init(&members);
	text_init(&detail);
	JSON_NAME(&j, "errors"), json_open(&j, '[');
	for (int i = 0; i < count; i++)
		is_written = wrong_parameter_write(&j, &detail, &wrong[i]) && is_written;
	json_close(&j, ']');
	if (!is_written || members.failed || detail.failed)
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
	else
		reply_problem(x, &(struct problem){ .outcome = OUTCOME_INVALID_PARAMETER,
						    .detail = detail.data,
						    .members = members.data });
	text_fini(&members);
	text_fini(&detail);
}

void reply_wrong_parameter(struct exchange *x, const char *name, const char *what)
{
	reply_wrong_parameters(x, &(struct wrong_parameter){ .name = name, .what = what }, 1);
}

void reply_ended(struct exchange *x)
{
	reply_refuse(x, OUTCOME_UNAUTHORIZED, EXCHANGE_ENDED);
}

void reply_fault(struct exchange *x, int fault)
{
	if (fault == -ECANCELED && x->is_ended) {
		reply_ended(x);
		return;
	}
	if (fault == -ECANCELED) {
		reply_refuse(x, OUTCOME_DRAINING, NULL);
		return;
	}
	if (fault == -EAGAIN) {
		reply_refuse(x, OUTCOME_STORE_BUSY,
			     "The log has become too long, and begins anew once the lists under "
			     "way have ended. Try again.");
		return;
	}
	if (fault == x->long_read.fault.error) /* it was another thread's */
		fault_adopt(&x->long_read.fault);
	service_note_fault(x->service, fault, x->request_id);
	if (fault == -ETIME)
		reply_refuse(x, OUTCOME_STORE_BUSY,
			     "The read took too long and was interrupted. Ask for less.");
	else
		reply_refuse(x, outcome_of_fault(fault), NULL);
}

void reply_unknown(struct exchange *x, enum outcome o, struct row_ref *row, int64_t seq)
{
	struct command c = {
		.kind = COMMAND_READ, .row_count = 1, .rows = row, .request_id = x->request_id
	};
	struct answer a = { .outcome = o, .status = outcome_row(o)->http_status };

	answer_write_body(&x->reply, &c, &a);
	x->content_type = problem_type;
	reply_json(x, a.status, seq);
}

static void refuse_with_latest(struct exchange *x, enum outcome o, const char *detail,
			       int64_t latest_seq)
{
	char members[48];

	snprintf(members, sizeof(members), "\"latest_seq\":%lld", (long long)latest_seq);
	reply_problem(x, &(struct problem){ .outcome = o, .detail = detail, .members = members });
}

void reply_cursor_lost(struct exchange *x, int64_t latest_seq)
{
	refuse_with_latest(x, OUTCOME_CURSOR_LOST, NULL, latest_seq);
}

void reply_behind(struct exchange *x, int64_t wanted_seq, int64_t latest_seq)
{
	char detail[96];

	snprintf(detail, sizeof(detail), "Seq %lld was asked for; the newest one is %lld.",
		 (long long)wanted_seq, (long long)latest_seq);
	refuse_with_latest(x, OUTCOME_BEHIND, detail, latest_seq);
}

/* ---------------------------------------------------------------- writes */

static int64_t between(int64_t from_ns, int64_t to_ns)
{
	return from_ns == 0 || to_ns < from_ns ? 0 : to_ns - from_ns;
}

void reply_timing(struct exchange *x, const struct server_timing *t)
{
	char *value = arena_alloc(&x->arena, SERVER_TIMING_BYTES);

	if (value == NULL)
		return;
	server_timing_format(value, t);
	exchange_header_add(x, "Server-Timing", value);
}

/*
 * What each step of the write took. One that this request no longer waits for has waited until now
 * and done nothing else; whatever still happens to it is not ours to read, for others may wait for
 * it.
 */
static void timing_header(struct exchange *x, const struct work_cost *k, bool is_left)
{
	struct server_timing t = { .ahead_count = k->ahead_count };

	if (is_left) {
		t.lock_ns = between(k->claimed_ns, clock_monotonic_ns());
	} else {
		t.lock_ns = between(k->claimed_ns, k->granted_ns);
		t.queue_ns = between(k->granted_ns, k->picked_ns);
		t.apply_ns = between(k->picked_ns, k->decided_ns);
		t.commit_ns = between(k->decided_ns, k->done_ns);
		t.group_count = k->group_count;
	}
	reply_timing(x, &t);
}

void reply_accepted(struct exchange *x, const struct work *w, const char *operation_id,
		    int64_t retry_after_s)
{
	int64_t wait_s = call_of(x)->preferred_wait_s;

	timing_header(x, &w->cost, true);
	header_text(x, "Location", "/v1/operations/", operation_id);
	header_int(x, "Retry-After", "", retry_after_s, "");
	if (wait_s >= 0)
		header_int(x, "Preference-Applied", "respond-async, wait=", wait_s, "");
	else
		exchange_header_add(x, "Preference-Applied", "respond-async");
}

static void location_header(struct exchange *x, const struct command *c, const struct answer *a)
{
	struct answer_location l = answer_location(c, a);

	if (l.folder != NULL && l.name != NULL)
		header_text(x, "Location", l.folder, l.name);
	else if (l.folder != NULL)
		header_int(x, "Location", l.folder, l.number, "");
}

/*
 * Is it the answer to an earlier request with the same key? One that shared a write under way gets
 * what a later one would get, where the key remembers it.
 */
static bool is_replay(const struct exchange *x, const struct answer *a)
{
	return a->is_replayed || (x->waiter.has_joined && outcome_row(a->outcome)->is_recorded);
}

static void write_headers(struct exchange *x, const struct command *c, const struct answer *a)
{
	location_header(x, c, a);
	retry_header(x, a->outcome);
	reply_preference_applied(x);
	if (is_replay(x, a))
		exchange_header_add(x, "Idempotency-Replayed", "true");
}

/* The refusal names this request, also where the write is another's that this one shares. */
static void write_refusal(struct exchange *x, const struct command *c, const struct answer *a)
{
	struct command mine = *c;

	mine.request_id = x->request_id;
	x->content_type = problem_type;
	answer_write_body(&x->reply, &mine, a);
}

/* What was refused before it was decided rests on nothing: such an answer has no seq of its own. */
static int64_t seq_shown(const struct exchange *x, const struct answer *a)
{
	bool is_decided = a->outcome == OUTCOME_DONE || a->seq != 0 || a->is_replayed;

	return is_decided ? a->seq : service_seq(x->service);
}

void reply_answer(struct exchange *x, const struct work *w, const struct answer *a)
{
	const struct command *c = &w->command;
	struct answer stored;
	int64_t version;

	CHECK(answer_is_sound(c, a));
	/* What he has changed he is told; what there is he may not see any more. */
	if (c->kind == COMMAND_READ && x->is_ended) {
		reply_ended(x);
		return;
	}
	x->is_unsure = c->kind != COMMAND_READ && (a->outcome == OUTCOME_DONE || a->is_unknown);
	timing_header(x, &w->cost, a != &w->answer);
	if (a->body != NULL && a->outcome == OUTCOME_DONE) {
		stored = *a;
		if (!answer_read_stored(c, &stored, &x->arena))
			x->reply.failed = true;
		a = &stored;
	}
	write_headers(x, c, a);
	if (a->outcome == OUTCOME_DONE)
		answer_write_body(&x->reply, c, a);
	else
		write_refusal(x, c, a);
	version = answer_version(c, a);
	if (c->kind == COMMAND_READ && version >= 0) {
		reply_tagged(x, version, a->seq);
		return;
	}
	if (version >= 0)
		etag_header(x, version);
	reply_json(x, a->status, seq_shown(x, a));
}
