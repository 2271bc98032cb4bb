/* handlers_locks - looking at leases and at the queues of rows: who holds what, and who waits. */
#include "http/page.h"
#include "wire/answers_lease.h"
#include <string.h>

/* ---------------------------------------------------------------- queues */

static void write_waiters(struct json *j, const struct lock_view *v)
{
	json_open(j, '[');
	for (size_t i = 0; i < v->waiter_views; i++) {
		json_open(j, '{');
		JSON_NAME(j, "request_id"), json_text(j, v->waiters[i].request_id);
		JSON_NAME(j, "age_ms"), json_int(j, v->waiters[i].age_ms);
		JSON_NAME(j, "deadline_ms"), json_int(j, v->waiters[i].deadline_ms);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void write_holder(struct json *j, const struct lock_view *v)
{
	if (v->holder_id == NULL) {
		json_none(j);
		return;
	}
	json_open(j, '{');
	JSON_NAME(j, "kind"), json_text(j, v->is_leased ? "lease" : "command");
	JSON_NAME(j, "id"), json_text(j, v->holder_id);
	JSON_NAME(j, "age_ms"), json_int(j, v->holder_age_ms);
	if (v->is_leased) {
		JSON_NAME(j, "fence"), json_int(j, v->fence);
		JSON_NAME(j, "purpose"), json_text(j, v->purpose);
		JSON_NAME(j, "expires_in_ms"), json_int(j, v->expires_in_ms);
	}
	json_close(j, '}');
}

static void write_lock(struct json *j, const struct lock_view *v)
{
	json_open(j, '{');
	JSON_NAME(j, "sku"), json_text(j, v->sku.text);
	JSON_NAME(j, "location"), json_text(j, v->location.text);
	JSON_NAME(j, "holder"), write_holder(j, v);
	JSON_NAME(j, "waiter_count"), json_int(j, (int64_t)v->waiter_count);
	JSON_NAME(j, "longest_wait_ms"), json_int(j, v->longest_wait_ms);
	JSON_NAME(j, "waiters"), write_waiters(j, v);
	json_close(j, '}');
}

void handle_lock_list(struct exchange *x)
{
	const char *sort = call_parameter(x, "sort");
	struct lock_view *locks;
	struct text rows;
	struct json j;
	size_t count;
	int r;

	if (sort != NULL && strcmp(sort, "wait") != 0) {
		reply_wrong_parameter(x, "sort", "is wait, which is the default.");
		return;
	}
	r = service_locks(x->service, &x->arena, &locks, &count);
	if (r < 0) {
		reply_fault(x, r);
		return;
	}
	text_init(&rows);
	j = json_begin(&rows);
	for (size_t i = 0; i < count; i++)
		write_lock(&j, &locks[i]);
	page_reply(x, &rows, false, NULL, service_seq(x->service));
	text_fini(&rows);
}

/* ---------------------------------------------------------------- leases */

void handle_lease_list(struct exchange *x)
{
	struct lease_view *leases;
	int64_t after_fence, next;
	struct text rows;
	struct json j;
	size_t count;
	int limit, r;

	if (!page_read_limit(x, &limit) || !page_read_cursor_number(x, 'f', &after_fence))
		return;
	r = service_leases(x->service, after_fence, limit, &x->arena, &leases, &count, &next);
	if (r < 0) {
		reply_fault(x, r);
		return;
	}
	text_init(&rows);
	j = json_begin(&rows);
	for (size_t i = 0; i < count; i++)
		lease_write(&j, &leases[i]);
	page_reply(x, &rows, next != 0, next != 0 ? page_cursor_number(x, 'f', next) : NULL,
		   service_seq(x->service));
	text_fini(&rows);
}

void handle_lease_show(struct exchange *x)
{
	struct json j = json_begin(&x->reply);
	struct lease_view lease;
	int r = service_lease(x->service, call_of(x)->names[0], &x->arena, &lease);

	if (r < 0) {
		reply_fault(x, r);
	} else if (lease.id == NULL) {
		reply_refuse(x, OUTCOME_UNKNOWN_LEASE, NULL);
	} else {
		lease_write(&j, &lease);
		text_add_char(&x->reply, '\n');
		reply_json(x, 200, service_seq(x->service));
	}
}
