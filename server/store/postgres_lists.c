/*
 * postgres_lists - pages of stock, movements, items and locations. Keyset only: each page begins
 * behind the last row of the one before. A page is one statement, which ends where it has found one
 * row more than the page takes, where it has looked at PAGE_EXAMINED_MAX, or behind PAGE_MS_MAX.
 */
#include "store/postgres_reader.h"
#include "store/records.h"

/* ---------------------------------------------------------------- a page */

/* What stands at the end of each row of a page, from this column on; see postgres_reads.c. */
enum { IS_FITTING, BEFORE, IS_END, IS_BEYOND };

enum taken { TAKEN, PASSED_OVER, PAGE_ENDS };

/*
 * The row is to be taken into the page; or was the last one that was looked at, and does not fit;
 * or the page ends before it, and then it has a next. Who takes it notes where it stands.
 */
static enum taken page_step(const PGresult *result, int row, int columns, int limit, struct page *p)
{
	bool fits = postgres_bool(result, row, columns + IS_FITTING);

	CHECK(page_is_sound(p, limit));
	CHECK(columns + IS_END < PQnfields(result));
	if (postgres_bool(result, row, columns + IS_END) || (fits && p->count == (size_t)limit)) {
		p->has_next = true;
		return PAGE_ENDS;
	}
	return fits ? TAKEN : PASSED_OVER;
}

/* The same of a list by id, or by seq, which is its first column. */
static enum taken step_by_id(const PGresult *result, int row, int columns, int limit,
			     struct page *p)
{
	enum taken taken = page_step(result, row, columns, limit, p);

	p->next = postgres_int(result, row, taken == PAGE_ENDS ? columns + BEFORE : 0);
	return taken;
}

static struct postgres_value page_ms_of(struct reader *reader)
{
	CHECK(postgres_reader_of(reader)->is_in_snapshot);
	return value_int(postgres_reader_of(reader)->page_ms);
}

/* INT64_MIN: any, as POSTGRES_NULL_INT is. */
static struct postgres_value value_since(int64_t ms)
{
	return value_int_or_null(ms);
}

/* INT64_MAX: any. */
static struct postgres_value value_until(int64_t ms)
{
	return ms == INT64_MAX ? value_int_or_null(POSTGRES_NULL_INT) : value_int(ms);
}

/* ---------------------------------------------------------------- stock */

static void add_stock(const PGresult *result, int row, struct page *p)
{
	struct stock_view *v = &p->stock[p->count++];

	CHECK(p->stock != NULL);
	v->stock = postgres_read_stock(result, row, 0);
	postgres_code(result, row, STOCK_COLUMNS, &v->sku);
	postgres_code(result, row, STOCK_COLUMNS + 1, &v->location);
}

int postgres_list_stock(struct reader *reader, const struct stock_query *q, struct arena *a,
			struct page *ret)
{
	enum { COLUMNS = STOCK_COLUMNS + 2 };
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = {
		value_int(q->after_id),          value_text(q->sku),      value_text(q->location),
		value_bool(q->is_below_reorder), value_int(q->limit + 1), page_ms_of(reader),
	};
	int fault = postgres_read(reader, LIST_STOCK, LENGTH_OF(values), values, &result);

	CHECK(stock_query_is_sound(q));
	if (fault < 0)
		return fault;
	*ret = (struct page){ .next = q->after_id };
	ret->stock = arena_alloc(a, sizeof(ret->stock[0]) * (size_t)q->limit);
	if (ret->stock == NULL)
		return FAULT(-ENOMEM);
	for (int row = 0; row < PQntuples(result) && !ret->has_next; row++)
		if (step_by_id(result, row, COLUMNS, q->limit, ret) == TAKEN)
			add_stock(result, row, ret);
	return 0;
}

/* ---------------------------------------------------------------- one item */

/* high * 10^6 + low, as the statement splits it. */
static int put_together(const PGresult *result, int column, int64_t *ret)
{
	int64_t millions;

	CHECK(column >= 0);
	if (__builtin_mul_overflow(postgres_int(result, 0, column), INT64_C(1000000), &millions) ||
	    __builtin_add_overflow(millions, postgres_int(result, 0, column + 1), ret))
		return FAULT(-EOVERFLOW);
	return 0;
}

/* Both are asked for at once. */
static int ask_of_item(struct postgres_link *link, const struct item_stock_query *q,
		       PGresult **ret_sum, PGresult **ret_rows)
{
	struct postgres_value values[] = { value_text(q->sku), value_text(q->after),
					   value_int(q->limit + 1) };
	int r;

	CHECK(item_stock_query_is_sound(q));
	postgres_begin_trip(link);
	postgres_add(link, READ_STOCK_SUM, 1, values);
	postgres_add(link, READ_STOCK_OF_ITEM, LENGTH_OF(values), values);
	r = postgres_send(link, 0);
	if (r < 0)
		return r;
	r = postgres_take(link, ret_sum);
	if (r == 0)
		r = postgres_take(link, ret_rows);
	return postgres_end_trip(link, r);
}

int postgres_stock_of_item(struct reader *reader, const struct item_stock_query *q, struct arena *a,
			   struct stock_sum *ret_sum, struct page *ret)
{
	CLEANUP(postgres_clear) PGresult *sum = NULL;
	CLEANUP(postgres_clear) PGresult *rows = NULL;
	int r = ask_of_item(postgres_reader_of(reader)->link, q, &sum, &rows);

	CHECK(postgres_reader_of(reader)->is_in_snapshot);
	*ret_sum = (struct stock_sum){ 0 };
	*ret = (struct page){ 0 };
	if (r < 0 || PQntuples(sum) == 0)
		return r;
	ret_sum->has_item = true;
	r = put_together(sum, 0, &ret_sum->on_hand);
	if (r == 0)
		r = put_together(sum, 2, &ret_sum->reserved);
	if (r < 0)
		return r;
	ret->stock = arena_alloc(a, sizeof(ret->stock[0]) * (size_t)q->limit);
	if (ret->stock == NULL)
		return FAULT(-ENOMEM);
	ret->has_next = PQntuples(rows) > q->limit;
	for (int row = 0; row < PQntuples(rows) && row < q->limit; row++) {
		add_stock(rows, row, ret);
		ret->next_code = ret->stock[ret->count - 1].location;
	}
	return 0;
}

/* ---------------------------------------------------------------- movements */

/* NULL: any kind. */
static struct postgres_value value_kinds(const struct movement_query *q, struct arena *a)
{
	const char *words[MOVEMENT_KINDS];
	size_t count = 0;

	CHECK(movement_query_is_sound(q));
	if (q->kinds == 0)
		return value_null();
	for (int kind = 0; kind < MOVEMENT_KINDS; kind++)
		if (movement_kinds_have(q->kinds, (enum movement_kind)kind))
			words[count++] = movement_kind_text((enum movement_kind)kind);
	return value_text_array(a, words, count);
}

/*
 * Takes one row, in the order asked for. Time never runs backwards in the ledger: behind one that
 * is beyond the times asked for there is nothing that fits.
 */
static int take_movement(const PGresult *result, int row, const struct movement_query *q,
			 struct arena *a, struct page *p, bool *ret_is_over)
{
	enum taken taken;

	*ret_is_over = postgres_bool(result, row, MOVEMENT_COLUMNS + IS_BEYOND);
	if (*ret_is_over) {
		p->next = postgres_int(result, row, MOVEMENT_COLUMNS + BEFORE);
		return 0;
	}
	taken = step_by_id(result, row, MOVEMENT_COLUMNS, q->limit, p);
	*ret_is_over = taken == PAGE_ENDS;
	return taken == TAKEN ? postgres_read_movement(result, row, a, &p->movements[p->count++])
			      : 0;
}

/* The history of more rows than are walked side by side. */
static bool is_too_wide(const PGresult *result)
{
	enum { IS_TOO_WIDE = MOVEMENT_COLUMNS + IS_BEYOND + 1 };

	CHECK(result != NULL);
	return PQnfields(result) > IS_TOO_WIDE && PQntuples(result) > 0 &&
	       postgres_bool(result, 0, IS_TOO_WIDE);
}

static int read_movements(struct reader *reader, const struct movement_query *q,
			  enum postgres_read statement, struct arena *a, PGresult **ret)
{
	int64_t newest = postgres_reader_of(reader)->newest_seq;
	struct postgres_value values[] = {
		value_int(q->after_seq),
		value_text(q->sku),
		value_text(q->location),
		value_text(q->reference),
		value_text(q->reservation),
		value_text(q->actor),
		value_text(q->reason),
		value_kinds(q, a),
		value_since(q->since_ms),
		value_until(q->until_ms),
		value_int(q->limit + 1),
		page_ms_of(reader),
		value_int(newest < VERSION_MAX ? newest : VERSION_MAX), /* it has one above it */
	};

	CHECK(newest >= 0);
	return postgres_read(reader, statement, LENGTH_OF(values), values, ret);
}

int postgres_list_movements(struct reader *reader, const struct movement_query *q, struct arena *a,
			    struct page *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	enum postgres_read scan = q->is_descending ? LIST_MOVEMENTS_DOWN : LIST_MOVEMENTS_UP;
	bool is_history = q->is_descending && q->sku != NULL, is_over = false;
	int r = read_movements(reader, q, is_history ? LIST_HISTORY : scan, a, &result);

	CHECK(movement_query_is_sound(q));
	if (r == 0 && is_too_wide(result)) {
		postgres_clear(&result);
		r = read_movements(reader, q, scan, a, &result);
	}
	if (r < 0)
		return r;
	*ret = (struct page){ .next = q->after_seq };
	ret->movements = arena_alloc(a, sizeof(ret->movements[0]) * (size_t)q->limit);
	if (ret->movements == NULL)
		return FAULT(-ENOMEM);
	for (int row = 0; r == 0 && row < PQntuples(result) && !is_over; row++)
		r = take_movement(result, row, q, a, ret, &is_over);
	return r;
}

/* ---------------------------------------------------------------- reservations */

int postgres_list_reservations(struct reader *reader, const struct reservation_query *q,
			       struct arena *a, struct page *ret)
{
	enum { COLUMNS = RESERVATION_COLUMNS + LINE_COLUMNS };
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = {
		value_int(q->after_id),
		value_text(q->owner),
		value_text(q->state == RESERVATION_STATES ? NULL
							  : reservation_state_text(q->state)),
		value_text(q->sku),
		value_text(q->location),
		value_int(q->limit + 1),
		page_ms_of(reader),
	};
	int r = postgres_read(reader, LIST_RESERVATIONS, LENGTH_OF(values), values, &result);

	CHECK(reservation_query_is_sound(q));
	if (r < 0)
		return r;
	*ret = (struct page){ .next = q->after_id };
	ret->reservations = arena_alloc(a, sizeof(ret->reservations[0]) * (size_t)q->limit);
	if (ret->reservations == NULL)
		return FAULT(-ENOMEM);
	for (int row = 0; r == 0 && row < PQntuples(result) && !ret->has_next;) {
		if (step_by_id(result, row, COLUMNS, q->limit, ret) == TAKEN)
			r = postgres_read_reservation(result, &row, a,
						      &ret->reservations[ret->count++]);
		else
			row++;
	}
	return r;
}

/* ---------------------------------------------------------------- the audit */

enum { AUDIT_COLUMNS = 7 };

static int add_audit(const PGresult *result, int row, struct arena *a, struct page *p)
{
	struct audit_entry *entry = &p->audits[p->count++];
	const char **const texts[] = { &entry->actor, &entry->action, &entry->subject,
				       &entry->detail, &entry->request_id };
	int r = 0;

	CHECK(p->audits != NULL);
	*entry = (struct audit_entry){ .id = postgres_int(result, row, 0),
				       .at_ms = postgres_int(result, row, 1) };
	for (int i = 0; r == 0 && i < (int)LENGTH_OF(texts); i++)
		r = postgres_text(result, row, i + 2, a, texts[i]);
	return r == 0 && (entry->actor == NULL || entry->action == NULL) ? FAULT(-EBADMSG) : r;
}

int postgres_list_audit(struct reader *reader, const struct audit_query *q, struct arena *a,
			struct page *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = {
		value_int(q->after_id),   value_text(q->actor),     value_text(q->action),
		value_since(q->since_ms), value_until(q->until_ms), value_int(q->limit + 1),
		page_ms_of(reader),
	};
	int r = postgres_read(reader, q->is_descending ? LIST_AUDIT_DOWN : LIST_AUDIT_UP,
			      LENGTH_OF(values), values, &result);

	CHECK(audit_query_is_sound(q));
	if (r < 0)
		return r;
	*ret = (struct page){ .next = q->after_id };
	ret->audits = arena_alloc(a, sizeof(ret->audits[0]) * (size_t)q->limit);
	if (ret->audits == NULL)
		return FAULT(-ENOMEM);
	for (int row = 0; r == 0 && row < PQntuples(result) && !ret->has_next; row++)
		if (step_by_id(result, row, AUDIT_COLUMNS, q->limit, ret) == TAKEN)
			r = add_audit(result, row, a, ret);
	return r;
}

/* ---------------------------------------------------------------- the catalogue */

static int list_names(struct reader *reader, const struct catalogue_query *q,
		      enum postgres_read statement, int columns,
		      int (*add)(const PGresult *result, int row, struct arena *a, struct page *p),
		      struct arena *a, struct page *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = {
		value_text(q->after),    value_text(q->text), value_int(q->is_archived),
		value_int(q->limit + 1), page_ms_of(reader),
	};
	int r = postgres_read(reader, statement, LENGTH_OF(values), values, &result);

	CHECK(statement == LIST_ITEMS || statement == LIST_LOCATIONS);
	for (int row = 0; r == 0 && row < PQntuples(result) && !ret->has_next; row++) {
		enum taken taken = page_step(result, row, columns, q->limit, ret);

		postgres_code(result, row, taken == PAGE_ENDS ? columns + BEFORE : 1,
			      &ret->next_code);
		if (taken == TAKEN)
			r = add(result, row, a, ret);
	}
	return r;
}

static int add_item(const PGresult *result, int row, struct arena *a, struct page *p)
{
	CHECK(p->items != NULL);
	return postgres_read_item(result, row, a, &p->items[p->count++]);
}

static int add_location(const PGresult *result, int row, struct arena *a, struct page *p)
{
	CHECK(p->locations != NULL);
	return postgres_read_location(result, row, a, &p->locations[p->count++]);
}

int postgres_list_items(struct reader *reader, const struct catalogue_query *q, struct arena *a,
			struct page *ret)
{
	CHECK(catalogue_query_is_sound(q));
	*ret = (struct page){ 0 };
	ret->items = arena_alloc(a, sizeof(ret->items[0]) * (size_t)q->limit);
	if (ret->items == NULL)
		return FAULT(-ENOMEM);
	return list_names(reader, q, LIST_ITEMS, ITEM_COLUMNS, add_item, a, ret);
}

int postgres_list_locations(struct reader *reader, const struct catalogue_query *q, struct arena *a,
			    struct page *ret)
{
	CHECK(catalogue_query_is_sound(q));
	*ret = (struct page){ 0 };
	ret->locations = arena_alloc(a, sizeof(ret->locations[0]) * (size_t)q->limit);
	if (ret->locations == NULL)
		return FAULT(-ENOMEM);
	return list_names(reader, q, LIST_LOCATIONS, LOCATION_COLUMNS, add_location, a, ret);
}
