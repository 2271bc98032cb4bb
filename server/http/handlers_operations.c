/*
 * handlers_operations - writes that are answered before they are done (Prefer: respond-async), and
 * asking what became of them.
 */
#include "base/clock.h"
#include "base/fault.h"
#include "waiting/operation.h"
#include "waiting/read.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "wire/problems.h"
#include <stdio.h>
#include <string.h>

enum { RETRY_AFTER_S = 1 };

static struct operation_wait *wait_of(struct exchange *x)
{
	return call_of(x)->own;
}

/* NULL: it was answered that memory is short. */
static struct operation_wait *begin(struct exchange *x)
{
	struct operation_wait *wait = operation_wait_create(x);

	if (wait == NULL)
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
	call_of(x)->own = wait;
	return wait;
}

/* ---------------------------------------------------------------- how they look */

static void write_operation(struct json *j, const struct operation_view *v)
{
	bool is_finished = v->state != OPERATION_WAITING;

	json_open(j, '{');
	JSON_NAME(j, "id"), json_text(j, v->id);
	JSON_NAME(j, "state"), json_text(j, operation_state_name(v));
	JSON_NAME(j, "position");
	if (is_finished || v->is_committing)
		json_none(j);
	else
		json_int(j, v->ahead_count);
	JSON_NAME(j, "status");
	if (is_finished)
		json_int(j, v->status);
	else
		json_none(j);
	JSON_NAME(j, "result");
	if (v->result != NULL)
		json_raw(j, v->result);
	else
		json_none(j);
	json_close(j, '}');
}

/* False: there is none (any more), or memory is short; it was answered. */
static bool look(struct exchange *x, struct operation_view *ret)
{
	const struct operation_wait *wait = wait_of(x);
	int r = operation_look(wait->home->book, wait->poll.id, x->actor, &x->arena, ret);

	if (r == -ENOENT) {
		x->is_unsure = false;
		reply_refuse(x, OUTCOME_UNKNOWN_OPERATION, NULL);
	} else if (r < 0) {
		reply_fault(x, r);
	}
	return r == 0;
}

static void write_body(struct exchange *x, const struct operation_view *v)
{
	struct json j = json_begin(&x->reply);

	write_operation(&j, v);
	text_add_char(&x->reply, '\n');
}

static void reply_view(struct exchange *x, int status, const struct operation_view *v)
{
	write_body(x, v);
	reply_json(x, status, v->seq != 0 ? v->seq : service_seq(x->service));
}

/* ---------------------------------------------------------------- beginning one */

/* 202: the request goes on without its client. */
static void accept(struct exchange *x)
{
	struct operation_wait *wait = wait_of(x);
	struct operation_view v;
	struct work *w = wait->begun.work;

	x->is_unsure = true;
	if (look(x, &v)) {
		reply_accepted(x, w, v.id, RETRY_AFTER_S);
		reply_view(x, 202, &v);
	}
	wait->begun.work = work_release(w);
}

/*
 * The operation has finished before the wait was over: if its write was answered, this is the
 * answer.
 */
static void answer(struct exchange *x)
{
	struct operation_wait *wait = wait_of(x);
	struct work *w = wait->begun.work;

	if (!wait->poll.is_answered) {
		accept(x);
		return;
	}
	x->waiter.has_joined = wait->begun.has_joined;
	reply_answer(x, w, &w->answer);
	wait->begun.work = work_release(w);
	operation_forget(wait->home->book, wait->begun.id);
}

/* Refused before it queued, or a replay. */
static void answer_at_once(struct exchange *x, struct operation *o)
{
	struct work *w = o->waiter.work;

	o->waiter.work = NULL;
	operation_discard(o);
	reply_answer(x, w, &w->answer);
	work_release(w);
}

/* On a thread that may wait for the store. */
static int look_up(struct long_read *read, struct reader *reader, struct arena *unused)
{
	struct exchange *x = exchange_of_parcel(&read->parcel);

	(void)unused;
	service_look_up(x->service, wait_of(x)->beginning->waiter.work, reader, read->seq);
	return 0;
}

static void submitted(struct exchange *x, enum submit submit);

static void looked_up(struct exchange *x)
{
	struct operation_wait *wait = wait_of(x);

	if (x->long_read.result < 0) {
		fault_adopt(&x->long_read.fault);
		service_look_up_fail(x->service, wait->beginning->waiter.work, x->long_read.result);
	}
	submitted(x, operation_submit_again(wait->beginning, x->snapshot, &wait->begun));
}

static void submitted(struct exchange *x, enum submit submit)
{
	struct operation_wait *wait = wait_of(x);

	switch (submit) {
	case SUBMIT_LOOK_UP:
		read_point(x, look_up, looked_up);
		return;
	case SUBMIT_ANSWERED:
		answer_at_once(x, wait->beginning);
		return;
	case SUBMIT_PENDING:
		break;
	}
	wait->poll.id = wait->begun.id;
	if (wait->wait_ms == 0 ||
	    !operation_wait(x, wait, clock_monotonic_ns() + wait->wait_ms * NS_PER_MS, answer,
			    accept))
		accept(x);
}

void write_submit_async(struct exchange *x, struct work *w, int64_t wait_ms)
{
	struct operation_wait *wait = begin(x);
	struct operation *o;
	enum outcome refusal;

	if (wait == NULL) {
		work_release(w);
		return;
	}
	o = operation_create(wait->home, x->request_id, x->actor, &refusal);
	if (o == NULL) {
		reply_refuse(x, refusal, NULL);
		work_release(w);
		return;
	}
	wait->beginning = o;
	wait->wait_ms = wait_ms;
	submitted(x, operation_submit(o, w, x->snapshot, &wait->begun));
}

/* ---------------------------------------------------------------- asking */

static void show(struct exchange *x)
{
	struct operation_view v;

	if (look(x, &v))
		reply_view(x, 200, &v);
}

void handle_operation_show(struct exchange *x)
{
	struct operation_wait *wait;
	int64_t wait_ms;

	if (!call_read_wait(x, 0, &wait_ms))
		return;
	reply_preference_applied(x);
	wait = begin(x);
	if (wait == NULL)
		return;
	wait->poll.id = call_of(x)->names[0];
	if (wait_ms == 0 || exchange_is_hurried(x) ||
	    !operation_wait(x, wait, clock_monotonic_ns() + wait_ms * NS_PER_MS, show, show))
		show(x);
}

/* ---------------------------------------------------------------- withdrawing */

static void refuse_decided(struct exchange *x, const struct operation_view *v)
{
	struct text members;
	struct json j = json_begin(&members);

	text_init(&members);
	JSON_NAME(&j, "operation"), write_operation(&j, v);
	if (members.failed)
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
	else
		reply_problem(x, &(struct problem){ .outcome = OUTCOME_OPERATION_DECIDED,
						    .members = members.data });
	text_fini(&members);
}

/* The operation has finished, one way or another. */
static void show_withdrawn(struct exchange *x)
{
	struct operation_view v;

	x->is_unsure = true;
	if (!look(x, &v))
		return;
	x->is_unsure = v.state == OPERATION_WITHDRAWN;
	if (v.state != OPERATION_WITHDRAWN) {
		refuse_decided(x, &v);
		return;
	}
	write_body(x, &v);
	reply_untimed(x, 200);
}

/* The writer could not get to it. */
static void refuse_late(struct exchange *x)
{
	reply_problem(x, &(struct problem){ .outcome = OUTCOME_STORE_BUSY,
					    .is_unknown = true,
					    .detail = "It has left its queues, but that cannot be "
						      "recorded yet: ask what became of it." });
}

void handle_operation_withdraw(struct exchange *x)
{
	struct message_error e;
	struct operation_wait *wait;

	if (!message_read_nothing(message_of(x->body, x->body_bytes), &e)) {
		reply_message_error(x, &e);
		return;
	}
	wait = begin(x);
	if (wait == NULL)
		return;
	wait->poll.id = call_of(x)->names[0];
	switch (operation_withdraw(wait->home->book, &wait->poll)) {
	case RECALL_BEGUN:
		operation_wait_park(x, wait,
				    clock_monotonic_ns() +
					    calls_configuration()->wait_default_ms * NS_PER_MS,
				    show_withdrawn, refuse_late);
		break;
	case RECALL_SHARED:
		reply_refuse(x, OUTCOME_OPERATION_SHARED, NULL);
		break;
	case RECALL_LATE:
		show_withdrawn(x);
		break;
	}
}
