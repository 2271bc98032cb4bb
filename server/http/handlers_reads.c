/*
 * handlers_reads - point reads: no lock, no wait. What is read of the store stands in one function
 * for each, which runs on the loop, or on a thread that may wait for the store (waiting/read.h).
 */
#include "http/handlers.h"
#include "http/reply.h"
#include "waiting/read.h"
#include "wire/answers_catalogue.h"
#include "wire/answers_reservation.h"
#include "wire/answers_stock.h"
#include <string.h>

/* Where the read puts what it finds. False: it was answered that memory is short. */
static bool make_room(struct exchange *x, size_t bytes)
{
	void *found = arena_alloc(&x->arena, bytes);

	if (found == NULL)
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
	call_of(x)->own = found;
	return found != NULL;
}

/* What a read is of, and where to put what it finds. */
static struct call *call_of_read(struct long_read *read)
{
	return call_of(exchange_of_parcel(&read->parcel));
}

/* What stands at the path's {sku} or {location}; the dispatcher has looked at it. */
static void read_code(const struct exchange *x, int index, struct code *ret)
{
	const char *name = call_of(x)->names[index];
	bool is_code = code_set(ret, name, strlen(name));

	CHECK(is_code);
}

/* False: the store failed, and it was answered so. */
static bool has_read(struct exchange *x)
{
	if (x->long_read.result < 0)
		reply_fault(x, x->long_read.result);
	return x->long_read.result == 0;
}

/* ---------------------------------------------------------------- stock */

struct found_row {
	struct stock stock;
	bool has_item, has_location;
};

static int read_row(struct long_read *read, struct reader *reader, struct arena *unused)
{
	struct call *c = call_of_read(read);
	struct found_row *found = c->own;

	(void)unused;
	return reader->ops->stock(reader, c->names[0], c->names[1], &found->stock, &found->has_item,
				  &found->has_location);
}

static void show_row(struct exchange *x)
{
	const struct found_row *found = call_of(x)->own;
	struct row_ref row;

	if (!has_read(x))
		return;
	read_code(x, 0, &row.sku);
	read_code(x, 1, &row.location);
	if (!found->has_item || !found->has_location) {
		reply_unknown(x, found->has_item ? OUTCOME_UNKNOWN_LOCATION : OUTCOME_UNKNOWN_ITEM,
			      &row, x->long_read.seq);
	} else {
		struct json j = json_begin(&x->reply);

		stock_write(&j, &row.sku, &row.location, &found->stock);
		text_add_char(&x->reply, '\n');
		reply_tagged(x, found->stock.version, x->long_read.seq);
	}
}

void handle_stock_show(struct exchange *x)
{
	const char *read = call_parameter(x, "read");

	if (read != NULL && strcmp(read, "locked") == 0)
		stock_show_locked(x);
	else if (read != NULL && strcmp(read, "snapshot") != 0)
		reply_wrong_parameter(x, "read", "is snapshot or locked.");
	else if (make_room(x, sizeof(struct found_row))) {
		x->long_read.row =
			(struct stock_name){ call_of(x)->names[0], call_of(x)->names[1] };
		read_point(x, read_row, show_row);
	}
}

/* ---------------------------------------------------------------- catalogue */

static int read_item(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct call *c = call_of_read(read);

	return reader->ops->item(reader, c->names[0], arena, c->own);
}

static void show_item(struct exchange *x)
{
	const struct item *item = call_of(x)->own;
	struct row_ref row = { 0 };

	if (!has_read(x))
		return;
	if (item->id == 0) {
		read_code(x, 0, &row.sku);
		reply_unknown(x, OUTCOME_UNKNOWN_ITEM, &row, x->long_read.seq);
	} else {
		struct json j = json_begin(&x->reply);

		item_write(&j, item);
		text_add_char(&x->reply, '\n');
		reply_tagged(x, item->version, x->long_read.seq);
	}
}

void handle_item_show(struct exchange *x)
{
	if (make_room(x, sizeof(struct item)))
		read_point(x, read_item, show_item);
}

static int read_location(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct call *c = call_of_read(read);

	return reader->ops->location(reader, c->names[0], arena, c->own);
}

static void show_location(struct exchange *x)
{
	const struct location *location = call_of(x)->own;
	struct row_ref row = { 0 };

	if (!has_read(x))
		return;
	if (location->id == 0) {
		read_code(x, 0, &row.location);
		reply_unknown(x, OUTCOME_UNKNOWN_LOCATION, &row, x->long_read.seq);
	} else {
		struct json j = json_begin(&x->reply);

		location_write(&j, location);
		text_add_char(&x->reply, '\n');
		reply_tagged(x, location->version, x->long_read.seq);
	}
}

void handle_location_show(struct exchange *x)
{
	if (make_room(x, sizeof(struct location)))
		read_point(x, read_location, show_location);
}

/* ---------------------------------------------------------------- ledger */

static int read_movement(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct call *c = call_of_read(read);
	int64_t seq;
	bool is_seq = integer_read(c->names[0], &seq);

	CHECK(is_seq); /* the dispatcher has looked at it */
	return reader->ops->movement(reader, seq, arena, c->own);
}

static void show_movement(struct exchange *x)
{
	const struct movement_view *v = call_of(x)->own;

	if (!has_read(x))
		return;
	if (v->movement.seq == 0) {
		reply_refuse(x, OUTCOME_UNKNOWN_MOVEMENT, NULL);
	} else {
		struct json j = json_begin(&x->reply);

		movement_write(&j, &v->sku, &v->location, &v->movement);
		text_add_char(&x->reply, '\n');
		reply_json(x, 200, x->long_read.seq);
	}
}

void handle_movement_show(struct exchange *x)
{
	if (make_room(x, sizeof(struct movement_view)))
		read_point(x, read_movement, show_movement);
}

/* ---------------------------------------------------------------- reservations */

static int read_reservation(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct call *c = call_of_read(read);

	return reader->ops->reservation(reader, c->names[0], arena, c->own);
}

static void show_reservation(struct exchange *x)
{
	const struct reservation *found = call_of(x)->own;

	if (!has_read(x))
		return;
	if (found->id == 0) {
		reply_refuse(x, OUTCOME_UNKNOWN_RESERVATION, NULL);
	} else {
		struct json j = json_begin(&x->reply);

		reservation_write(&j, found);
		text_add_char(&x->reply, '\n');
		reply_json(x, 200, x->long_read.seq);
	}
}

void handle_reservation_show(struct exchange *x)
{
	if (make_room(x, sizeof(struct reservation)))
		read_point(x, read_reservation, show_reservation);
}
