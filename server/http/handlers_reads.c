/* handlers_reads - point reads, answered at once from the loop's snapshot: no lock, no wait. */
#include "http/handlers.h"
#include "http/reply.h"
#include <string.h>

/* Begins or renews the snapshot; false: it was answered that the store failed. */
static bool look(struct exchange *x)
{
	int r = snapshot_use(x->snapshot);

	if (r < 0)
		reply_fault(x, r);
	return r == 0;
}

static bool read_code(struct exchange *x, int segment, struct code *ret)
{
	const char *text = call_of(x)->segments[segment];

	if (code_set(ret, text, strlen(text)))
		return true;
	reply_refuse(x, OUTCOME_INVALID_PATH, NULL);
	return false;
}

/* ---------------------------------------------------------------- stock */

static void show_row(struct exchange *x)
{
	struct reader *reader = x->snapshot->reader;
	struct row_ref row;
	struct stock stock;
	bool has_item, has_location;

	if (!read_code(x, 0, &row.sku) || !read_code(x, 1, &row.location) || !look(x))
		return;

	int r = reader->ops->stock(reader, row.sku.text, row.location.text, &stock, &has_item,
				   &has_location);

	if (r < 0) {
		reply_fault(x, r);
	} else if (!has_item || !has_location) {
		reply_read_refused(x, has_item ? OUTCOME_UNKNOWN_LOCATION : OUTCOME_UNKNOWN_ITEM,
				   &row, x->snapshot->seq);
	} else {
		struct json j = json_begin(&x->reply);

		stock_write(&j, &row.sku, &row.location, &stock);
		text_add_char(&x->reply, '\n');
		reply_etag(x, stock.version);
		reply_json(x, 200, x->snapshot->seq);
	}
}

void handle_stock_show(struct exchange *x)
{
	const char *read = query_value(&call_of(x)->query, "read");

	if (read != NULL && strcmp(read, "locked") == 0)
		stock_show_locked(x);
	else if (read != NULL && strcmp(read, "snapshot") != 0)
		reply_problem(x, OUTCOME_INVALID_PARAMETER, "read", "snapshot or locked.");
	else
		show_row(x);
}

static void write_summary(struct exchange *x, const struct code *sku,
			  const struct stock_view rows[], size_t count)
{
	struct stock sum = { 0 };
	struct json j = json_begin(&x->reply);

	for (size_t i = 0; i < count; i++) {
		sum.on_hand += rows[i].stock.on_hand;
		sum.reserved += rows[i].stock.reserved;
	}
	json_open(&j, '{');
	JSON_NAME(&j, "sku"), json_text(&j, sku->text);
	JSON_NAME(&j, "on_hand"), json_int(&j, sum.on_hand);
	JSON_NAME(&j, "reserved"), json_int(&j, sum.reserved);
	JSON_NAME(&j, "available"), json_int(&j, stock_available(&sum));
	JSON_NAME(&j, "locations"), json_open(&j, '[');
	for (size_t i = 0; i < count; i++)
		stock_write(&j, &rows[i].sku, &rows[i].location, &rows[i].stock);
	json_close(&j, ']');
	json_close(&j, '}');
	text_add_char(&x->reply, '\n');
}

void handle_stock_summary(struct exchange *x)
{
	struct reader *reader = x->snapshot->reader;
	struct row_ref row = { 0 };
	struct stock_view *rows;
	bool has_item;
	size_t count;

	if (!read_code(x, 0, &row.sku) || !look(x))
		return;

	int r = reader->ops->stock_of_item(reader, row.sku.text, &x->arena, &has_item, &rows,
					   &count);

	if (r < 0) {
		reply_fault(x, r);
	} else if (!has_item) {
		reply_read_refused(x, OUTCOME_UNKNOWN_ITEM, &row, x->snapshot->seq);
	} else {
		write_summary(x, &row.sku, rows, count);
		reply_json(x, 200, x->snapshot->seq);
	}
}

/* ---------------------------------------------------------------- catalogue */

void handle_item_show(struct exchange *x)
{
	struct reader *reader = x->snapshot->reader;
	struct row_ref row = { 0 };
	struct item item;

	if (!read_code(x, 0, &row.sku) || !look(x))
		return;

	int r = reader->ops->item(reader, row.sku.text, &x->arena, &item);

	if (r < 0) {
		reply_fault(x, r);
	} else if (item.id == 0) {
		reply_read_refused(x, OUTCOME_UNKNOWN_ITEM, &row, x->snapshot->seq);
	} else {
		struct json j = json_begin(&x->reply);

		item_write(&j, &item);
		text_add_char(&x->reply, '\n');
		reply_etag(x, item.version);
		reply_json(x, 200, x->snapshot->seq);
	}
}

void handle_location_show(struct exchange *x)
{
	struct reader *reader = x->snapshot->reader;
	struct row_ref row = { 0 };
	struct location location;

	if (!read_code(x, 0, &row.location) || !look(x))
		return;

	int r = reader->ops->location(reader, row.location.text, &x->arena, &location);

	if (r < 0) {
		reply_fault(x, r);
	} else if (location.id == 0) {
		reply_read_refused(x, OUTCOME_UNKNOWN_LOCATION, &row, x->snapshot->seq);
	} else {
		struct json j = json_begin(&x->reply);

		location_write(&j, &location);
		text_add_char(&x->reply, '\n');
		reply_etag(x, location.version);
		reply_json(x, 200, x->snapshot->seq);
	}
}

/* ---------------------------------------------------------------- ledger */

void handle_movement_show(struct exchange *x)
{
	struct reader *reader = x->snapshot->reader;
	struct movement_view v;
	int64_t seq;

	if (!integer_read(call_of(x)->segments[0], &seq)) {
		reply_refuse(x, OUTCOME_INVALID_PATH, "A seq is a whole number.");
		return;
	}
	if (!look(x))
		return;

	int r = reader->ops->movement(reader, seq, &x->arena, &v);

	if (r < 0) {
		reply_fault(x, r);
	} else if (v.movement.seq == 0) {
		reply_refuse(x, OUTCOME_UNKNOWN_MOVEMENT, NULL);
	} else {
		struct json j = json_begin(&x->reply);

		movement_write(&j, &v.sku, &v.location, &v.movement);
		text_add_char(&x->reply, '\n');
		reply_json(x, 200, x->snapshot->seq);
	}
}

/* ---------------------------------------------------------------- queues and leases */

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
		json_null(j);
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
	const char *sort = query_value(&call_of(x)->query, "sort");
	struct json j = json_begin(&x->reply);
	struct lock_view *rows;
	size_t count;

	if (sort != NULL && strcmp(sort, "wait") != 0) {
		reply_problem(x, OUTCOME_INVALID_PARAMETER, "sort", "Only wait, the default.");
		return;
	}

	int r = service_locks(x->service, &x->arena, &rows, &count);

	if (r < 0) {
		reply_fault(x, r);
		return;
	}
	json_open(&j, '{');
	JSON_NAME(&j, "data"), json_open(&j, '[');
	for (size_t i = 0; i < count; i++)
		write_lock(&j, &rows[i]);
	json_close(&j, ']');
	JSON_NAME(&j, "next"), json_null(&j);
	json_close(&j, '}');
	text_add_char(&x->reply, '\n');
	reply_json(x, 200, service_seq(x->service));
}

void handle_lease_list(struct exchange *x)
{
	struct json j = json_begin(&x->reply);
	struct lease_view *leases;
	size_t count;
	int r = service_leases(x->service, NULL, &x->arena, &leases, &count);

	if (r < 0) {
		reply_fault(x, r);
		return;
	}
	json_open(&j, '{');
	JSON_NAME(&j, "data"), json_open(&j, '[');
	for (size_t i = 0; i < count; i++)
		lease_write(&j, &leases[i]);
	json_close(&j, ']');
	JSON_NAME(&j, "next"), json_null(&j);
	json_close(&j, '}');
	text_add_char(&x->reply, '\n');
	reply_json(x, 200, service_seq(x->service));
}

void handle_lease_show(struct exchange *x)
{
	struct json j = json_begin(&x->reply);
	struct lease_view *leases;
	size_t count;
	int r = service_leases(x->service, call_of(x)->segments[0], &x->arena, &leases, &count);

	if (r < 0) {
		reply_fault(x, r);
	} else if (count == 0) {
		reply_refuse(x, OUTCOME_UNKNOWN_LEASE, NULL);
	} else {
		lease_write(&j, &leases[0]);
		text_add_char(&x->reply, '\n');
		reply_json(x, 200, service_seq(x->service));
	}
}
