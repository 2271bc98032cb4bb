#include "engine/export.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/map.h"
#include "engine/mend.h"
#include "wire/csv_write.h"
#include "wire/export_lines.h"
#include <stdlib.h>
#include <string.h>

/* An item that owes more than it may: its rows could not be made under its own limit. */
struct debtor {
	struct map_node node;
	struct code sku;
};

struct export
{
	const struct export_request *request;
	struct text *out;
	struct arena page;         /* of the rows that are being written */
	struct arena kept;         /* of the whole export */
	struct map debtors_by_sku; /* debtor.node */
	struct map_node *buckets[1024];
};

/* ---------------------------------------------------------------- pages */

/* A page has been written: 0, or why it ends here. */
static int page_end(struct export *e)
{
	CHECK(e->request->spool != NULL);
	arena_fini(&e->page);
	arena_init(&e->page);
	if (atomic_load(e->request->is_unwanted))
		return FAULT(-ECANCELED);
	return spool_settle(e->request->spool);
}

static int each_item(struct export *e, int (*write)(struct export *e, struct item *item))
{
	struct catalogue_query q = { .is_archived = -1, .after = "", .limit = PAGE_ROWS_MAX };
	struct code after;
	struct page p;

	CHECK(write != NULL);
	do {
		int r = e->request->reader->ops->list_items(e->request->reader, &q, &e->page, &p);

		if (r < 0)
			return r;
		for (size_t i = 0; r == 0 && i < p.count; i++)
			r = write(e, &p.items[i]);
		after = p.next_code;
		q.after = after.text;
		if (r == 0)
			r = page_end(e);
		if (r < 0)
			return r;
	} while (p.has_next);
	return 0;
}

static int each_location(struct export *e,
			 int (*write)(struct export *e, struct location *location))
{
	struct catalogue_query q = { .is_archived = -1, .after = "", .limit = PAGE_ROWS_MAX };
	struct code after;
	struct page p;

	CHECK(write != NULL);
	do {
		int r = e->request->reader->ops->list_locations(e->request->reader, &q, &e->page,
								&p);

		if (r < 0)
			return r;
		for (size_t i = 0; r == 0 && i < p.count; i++)
			r = write(e, &p.locations[i]);
		after = p.next_code;
		q.after = after.text;
		if (r == 0)
			r = page_end(e);
		if (r < 0)
			return r;
	} while (p.has_next);
	return 0;
}

static int each_row(struct export *e, int (*write)(struct export *e, const struct stock_view *row))
{
	struct stock_query q = { .limit = PAGE_ROWS_MAX };
	struct page p;
	int r = 0;

	CHECK(write != NULL);
	do {
		r = e->request->reader->ops->list_stock(e->request->reader, &q, &e->page, &p);
		for (size_t i = 0; r == 0 && i < p.count; i++)
			r = write(e, &p.stock[i]);
		q.after_id = p.next;
		if (r == 0)
			r = page_end(e);
	} while (r == 0 && p.has_next);
	return r;
}

/* ---------------------------------------------------------------- debtors */

static bool is_debtor(const struct export *e, const struct code *sku)
{
	uint64_t key = hash_bytes(sku->text, strlen(sku->text), 0);
	struct map_node *n = map_find(&e->debtors_by_sku, key);

	for (; n != NULL; n = map_find_next(n))
		if (strcmp(CONTAINER_OF(n, struct debtor, node)->sku.text, sku->text) == 0)
			return true;
	return false;
}

static int note_debtor(struct export *e, const struct stock_view *row)
{
	struct debtor *d;

	CHECK(e->out != NULL);
	if (stock_available(&row->stock) >= 0 || is_debtor(e, &row->sku))
		return 0;
	d = arena_alloc(&e->kept, sizeof(*d));
	if (d == NULL)
		return FAULT(-ENOMEM);
	*d = (struct debtor){ .sku = row->sku };
	map_insert(&e->debtors_by_sku, &d->node,
		   hash_bytes(row->sku.text, strlen(row->sku.text), 0));
	CHECK(is_debtor(e, &row->sku));
	return 0;
}

/* ---------------------------------------------------------------- lines */

static int write_location_line(struct export *e, struct location *location,
			       void (*write)(struct text *out, const struct location *location))
{
	bool can_be_said;
	int r = mend_location(location, &e->page, &can_be_said);

	CHECK(r < 0 || location->name != NULL);

	CHECK(write != NULL);
	if (r == 0 && can_be_said)
		write(e->out, location);
	return r;
}

static int write_location(struct export *e, struct location *location)
{
	return write_location_line(e, location, export_location_write);
}

static int write_archived_location(struct export *e, struct location *location)
{
	return location->is_archived ? write_location_line(e, location, export_location_rest_write)
				     : 0;
}

static int write_item_line(struct export *e, struct item *item,
			   void (*write)(struct text *out, const struct item *item))
{
	bool can_be_said;
	int r = mend_item(item, &e->page, &can_be_said);

	CHECK(r < 0 || item->name != NULL);
	CHECK(r < 0 || item->unit != NULL);

	CHECK(write != NULL);
	if (r == 0 && can_be_said)
		write(e->out, item);
	return r;
}

static int write_item(struct export *e, struct item *item)
{
	if (is_debtor(e, &item->sku))
		item->backorder_limit = QUANTITY_MAX;
	return write_item_line(e, item, export_item_write);
}

static int write_final_item(struct export *e, struct item *item)
{
	return item->is_archived || is_debtor(e, &item->sku)
		       ? write_item_line(e, item, export_item_rest_write)
		       : 0;
}

static int write_level(struct export *e, const struct stock_view *row)
{
	if (mend_can_say(&row->sku) && mend_can_say(&row->location))
		export_level_write(e->out, &row->sku, &row->location, row->stock.on_hand);
	return 0;
}

static int write_reservation(struct export *e, struct reservation *reservation)
{
	int64_t left_ms = reservation->expires_at_ms - e->request->now_ms;
	bool can_be_said;
	int r = mend_reservation(reservation, &e->page, &can_be_said);

	CHECK(e->request->now_ms >= 0);
	if (r == 0 && can_be_said && left_ms > 0)
		export_reservation_write(e->out, reservation, (left_ms + MS_PER_S - 1) / MS_PER_S);
	return r;
}

static int write_reservations(struct export *e)
{
	struct reservation_query q = { .state = RESERVATION_ACTIVE, .limit = PAGE_ROWS_MAX };
	struct page p;

	do {
		int r = e->request->reader->ops->list_reservations(e->request->reader, &q, &e->page,
								   &p);

		if (r < 0)
			return r;
		for (size_t i = 0; r == 0 && i < p.count; i++)
			r = write_reservation(e, &p.reservations[i]);
		q.after_id = p.next;
		if (r == 0)
			r = page_end(e);
		if (r < 0)
			return r;
	} while (p.has_next);
	return 0;
}

static int write_lines(struct export *e)
{
	int r = each_row(e, note_debtor);

	if (r == 0)
		r = each_location(e, write_location);
	if (r == 0)
		r = each_item(e, write_item);
	if (r == 0)
		r = each_row(e, write_level);
	if (r == 0)
		r = write_reservations(e);
	if (r == 0)
		r = each_item(e, write_final_item);
	if (r == 0)
		r = each_location(e, write_archived_location);
	return r;
}

/* ---------------------------------------------------------------- CSV */

static int write_csv_row(struct export *e, const struct stock_view *row)
{
	const struct stock *s = &row->stock;
	struct csv csv = csv_begin(e->out);
	struct item item;
	int r = e->request->reader->ops->item(e->request->reader, row->sku.text, &e->page, &item);

	if (r < 0)
		return r;
	csv_text(&csv, row->sku.text);
	csv_text(&csv, item.id != 0 ? item.name : "");
	csv_text(&csv, item.id != 0 ? item.unit : "");
	csv_text(&csv, row->location.text);
	csv_int(&csv, s->on_hand);
	csv_int(&csv, s->reserved);
	csv_int(&csv, stock_available(s));
	csv_int(&csv, s->version);
	csv_int(&csv, s->seq);
	csv_time(&csv, s->updated_at_ms);
	csv_int(&csv, s->on_hand);
	csv_end(&csv);
	return 0;
}

static int write_csv(struct export *e)
{
	CHECK(e->out->byte_count == 0);
	text_add(e->out, "sku,name,unit,location,on_hand,reserved,available,version,seq,updated_at,"
			 "exported_on_hand\r\n");
	return each_row(e, write_csv_row);
}

/* ---------------------------------------------------------------- both */

static int run(const struct export_request *request, int (*write)(struct export *e))
{
	struct export *e = malloc(sizeof(*e));
	int r;

	CHECK(request->reader != NULL);
	CHECK(request->is_unwanted != NULL);
	CHECK(request->spool->byte_count == 0);
	if (e == NULL)
		return FAULT(-ENOMEM);
	e->request = request;
	e->out = &request->spool->text;
	arena_init(&e->page);
	arena_init(&e->kept);
	map_init(&e->debtors_by_sku, e->buckets, LENGTH_OF(e->buckets));
	r = write(e);
	if (r == 0)
		r = spool_finish(request->spool);
	arena_fini(&e->page);
	arena_fini(&e->kept);
	free(e);
	return r;
}

int export_lines(const struct export_request *e)
{
	return run(e, write_lines);
}

int export_csv(const struct export_request *e)
{
	return run(e, write_csv);
}
