/* handlers_reads - point reads, answered at once from the loop's snapshot: no lock, no wait. */
#include "http/handlers.h"
#include "http/reply.h"
#include "wire/answers_catalogue.h"
#include "wire/answers_reservation.h"
#include "wire/answers_stock.h"
#include <string.h>

/* Begins or renews the snapshot; false: it was answered that the store failed. */
static bool look(struct exchange *x)
{
	int r = snapshot_use(x->snapshot);

	if (r < 0)
		reply_fault(x, r);
	return r == 0;
}

/* What stands at the path's {sku} or {location}; the dispatcher has looked at it. */
static void read_code(const struct exchange *x, int index, struct code *ret)
{
	const char *name = call_of(x)->names[index];
	bool is_code = code_set(ret, name, strlen(name));

	CHECK(is_code);
}

/* ---------------------------------------------------------------- stock */

static void show_row(struct exchange *x)
{
	struct reader *reader = x->snapshot->reader;
	struct row_ref row;
	struct stock stock;
	bool has_item, has_location;

	read_code(x, 0, &row.sku);
	read_code(x, 1, &row.location);
	if (!look(x))
		return;

	int r = reader->ops->stock(reader, row.sku.text, row.location.text, &stock, &has_item,
				   &has_location);

	if (r < 0) {
		reply_fault(x, r);
	} else if (!has_item || !has_location) {
		reply_unknown(x, has_item ? OUTCOME_UNKNOWN_LOCATION : OUTCOME_UNKNOWN_ITEM, &row,
			      x->snapshot->seq);
	} else {
		struct json j = json_begin(&x->reply);

		stock_write(&j, &row.sku, &row.location, &stock);
		text_add_char(&x->reply, '\n');
		reply_tagged(x, stock.version, x->snapshot->seq);
	}
}

void handle_stock_show(struct exchange *x)
{
	const char *read = call_parameter(x, "read");

	if (read != NULL && strcmp(read, "locked") == 0)
		stock_show_locked(x);
	else if (read != NULL && strcmp(read, "snapshot") != 0)
		reply_wrong_parameter(x, "read", "is snapshot or locked.");
	else
		show_row(x);
}

/* ---------------------------------------------------------------- catalogue */

void handle_item_show(struct exchange *x)
{
	struct reader *reader = x->snapshot->reader;
	struct row_ref row = { 0 };
	struct item item;

	read_code(x, 0, &row.sku);
	if (!look(x))
		return;

	int r = reader->ops->item(reader, row.sku.text, &x->arena, &item);

	if (r < 0) {
		reply_fault(x, r);
	} else if (item.id == 0) {
		reply_unknown(x, OUTCOME_UNKNOWN_ITEM, &row, x->snapshot->seq);
	} else {
		struct json j = json_begin(&x->reply);

		item_write(&j, &item);
		text_add_char(&x->reply, '\n');
		reply_tagged(x, item.version, x->snapshot->seq);
	}
}

void handle_location_show(struct exchange *x)
{
	struct reader *reader = x->snapshot->reader;
	struct row_ref row = { 0 };
	struct location location;

	read_code(x, 0, &row.location);
	if (!look(x))
		return;

	int r = reader->ops->location(reader, row.location.text, &x->arena, &location);

	if (r < 0) {
		reply_fault(x, r);
	} else if (location.id == 0) {
		reply_unknown(x, OUTCOME_UNKNOWN_LOCATION, &row, x->snapshot->seq);
	} else {
		struct json j = json_begin(&x->reply);

		location_write(&j, &location);
		text_add_char(&x->reply, '\n');
		reply_tagged(x, location.version, x->snapshot->seq);
	}
}

/* ---------------------------------------------------------------- ledger */

void handle_movement_show(struct exchange *x)
{
	struct reader *reader = x->snapshot->reader;
	struct movement_view v;
	int64_t seq;

	bool is_seq = integer_read(call_of(x)->names[0], &seq);

	CHECK(is_seq); /* the dispatcher has looked at it */
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

/* ---------------------------------------------------------------- reservations */

void handle_reservation_show(struct exchange *x)
{
	struct json j = json_begin(&x->reply);
	struct reservation found;
	int r;

	if (!look(x))
		return;
	r = x->snapshot->reader->ops->reservation(x->snapshot->reader, call_of(x)->names[0],
						  &x->arena, &found);
	if (r < 0) {
		reply_fault(x, r);
	} else if (found.id == 0) {
		reply_refuse(x, OUTCOME_UNKNOWN_RESERVATION, NULL);
	} else {
		reservation_write(&j, &found);
		text_add_char(&x->reply, '\n');
		reply_json(x, 200, x->snapshot->seq);
	}
}
