/*
 * handlers_lists - pages of stock, movements, items and locations. Reader threads read them and
 * write their JSON; the loop only puts it into its envelope.
 */
#include "base/fault.h"
#include "http/page.h"
#include "wire/answers_audit.h"
#include "wire/answers_catalogue.h"
#include "wire/answers_reservation.h"
#include "wire/answers_stock.h"
#include "wire/moment.h"
#include "waiting/read.h"
#include <string.h>

/* One list under way: what was asked, and what the reader thread has found. */
struct list_call {
	char letter; /* of its cursors */
	union {
		struct stock_query stock;
		struct movement_query movements;
		struct catalogue_query catalogue;
		struct reservation_query reservations;
		struct audit_query audit;
	};
	int (*fetch)(struct list_call *c, struct reader *reader, struct arena *arena);
	void (*write_rows)(struct json *j, const struct page *p);
	struct page page;
	struct text rows; /* of the page, as JSON */
};

/* ---------------------------------------------------------------- parameters */

static bool wrong(struct exchange *x, const char *name, const char *what)
{
	reply_wrong_parameter(x, name, what);
	return false;
}

static bool read_flag(struct exchange *x, const char *name, int *ret)
{
	const char *text = call_parameter(x, name);

	*ret = text != NULL && strcmp(text, "true") == 0;
	if (text == NULL || *ret || strcmp(text, "false") == 0)
		return true;
	return wrong(x, name, "is true or false.");
}

static bool read_moment(struct exchange *x, const char *name, int64_t when_absent, int64_t *ret)
{
	const char *text = call_parameter(x, name);

	*ret = when_absent;
	if (text == NULL || moment_parse(text, ret))
		return true;
	return wrong(x, name, "is a time as in RFC 3339: 2026-11-23T18:00:00Z.");
}

static bool read_order(struct exchange *x, bool *ret_is_descending)
{
	const char *text = call_parameter(x, "order");

	*ret_is_descending = text != NULL && strcmp(text, "desc") == 0;
	if (text == NULL || *ret_is_descending || strcmp(text, "asc") == 0)
		return true;
	return wrong(x, "order", "is asc, the default, or desc.");
}

/* ---------------------------------------------------------------- on the reader thread */

static int run(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct list_call *c = call_of(exchange_of_parcel(&read->parcel))->own;
	struct json j = json_begin(&c->rows);
	int r = c->fetch(c, reader, arena);

	if (r == 0)
		c->write_rows(&j, &c->page);
	return r;
}

/* ---------------------------------------------------------------- on the loop */

static const char *next_cursor(struct exchange *x, const struct list_call *c)
{
	if (!c->page.has_next)
		return NULL;
	return c->page.next_code.text[0] != '\0' ? page_cursor(x, c->letter, c->page.next_code.text)
						 : page_cursor_number(x, c->letter, c->page.next);
}

static void finish(struct exchange *x)
{
	struct list_call *c = call_of(x)->own;

	if (x->long_read.result < 0)
		reply_fault(x, x->long_read.result);
	else
		page_reply(x, &c->rows, c->page.has_next, next_cursor(x, c), x->long_read.seq);
	text_fini(&c->rows);
}

/* NULL: it was answered that memory is short. */
static struct list_call *begin(struct exchange *x, char letter,
			       int (*fetch)(struct list_call *c, struct reader *reader,
					    struct arena *arena),
			       void (*write_rows)(struct json *j, const struct page *p))
{
	struct list_call *c = arena_alloc(&x->arena, sizeof(*c));

	if (c == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return NULL;
	}
	memset(c, 0, sizeof(*c));
	c->letter = letter;
	c->fetch = fetch;
	c->write_rows = write_rows;
	call_of(x)->own = c;
	return c;
}

/* The read is never given up here: the reader limits its time. */
static void submit_for(struct exchange *x, void (*end)(struct exchange *x))
{
	if (!read_wait(x, run, end))
		reply_refuse(x, OUTCOME_STORE_BUSY, "Too many lists are being read at once.");
}

static void submit(struct exchange *x)
{
	submit_for(x, finish);
}

/* ---------------------------------------------------------------- stock */

static int fetch_stock(struct list_call *c, struct reader *reader, struct arena *arena)
{
	return reader->ops->list_stock(reader, &c->stock, arena, &c->page);
}

static void write_stock(struct json *j, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		stock_write(j, &p->stock[i].sku, &p->stock[i].location, &p->stock[i].stock);
}

void handle_stock_list(struct exchange *x)
{
	struct list_call *c = begin(x, 's', fetch_stock, write_stock);
	int is_below;

	if (c == NULL || !page_read_limit(x, &c->stock.limit) ||
	    !page_read_cursor_number(x, c->letter, &c->stock.after_id) ||
	    !page_read_name(x, "location", &c->stock.location) ||
	    !read_flag(x, "below_reorder", &is_below))
		return;
	c->stock.is_below_reorder = is_below;
	submit(x);
}

/* ---------------------------------------------------------------- one item */

/* A list with sums before it. */
struct summary_call {
	struct list_call list;
	struct item_stock_query query;
	struct stock_sum sum;
};

static int fetch_summary(struct list_call *c, struct reader *reader, struct arena *arena)
{
	struct summary_call *s = CONTAINER_OF(c, struct summary_call, list);

	return reader->ops->stock_of_item(reader, &s->query, arena, &s->sum, &c->page);
}

static void write_summary(struct exchange *x, const struct summary_call *s, const char *next)
{
	struct json j = json_begin(&x->reply);

	text_reserve(&x->reply, s->list.rows.byte_count + 256);
	json_open(&j, '{');
	JSON_NAME(&j, "sku"), json_text(&j, s->query.sku);
	JSON_NAME(&j, "on_hand"), json_int(&j, s->sum.on_hand);
	JSON_NAME(&j, "reserved"), json_int(&j, s->sum.reserved);
	JSON_NAME(&j, "available"), json_int(&j, units_available(s->sum.on_hand, s->sum.reserved));
	JSON_NAME(&j, "locations"), json_open(&j, '[');
	if (s->list.rows.byte_count > 0)
		json_raw(&j, s->list.rows.data);
	json_close(&j, ']');
	JSON_NAME(&j, "next"), json_text(&j, next);
	json_close(&j, '}');
	text_add_char(&x->reply, '\n');
}

static void answer_summary(struct exchange *x, const struct summary_call *s)
{
	const char *next = next_cursor(x, &s->list);
	struct row_ref row = { 0 };

	if (!s->sum.has_item) {
		bool is_code = code_set(&row.sku, s->query.sku, strlen(s->query.sku));

		CHECK(is_code); /* the dispatcher has looked at it */
		reply_unknown(x, OUTCOME_UNKNOWN_ITEM, &row, x->long_read.seq);
	} else if (s->list.rows.failed || (s->list.page.has_next && next == NULL)) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
	} else {
		write_summary(x, s, next);
		if (next != NULL)
			page_link(x, next);
		reply_json(x, 200, x->long_read.seq);
	}
}

static void finish_summary(struct exchange *x)
{
	struct summary_call *s =
		CONTAINER_OF((struct list_call *)call_of(x)->own, struct summary_call, list);

	if (x->long_read.result == -EOVERFLOW)
		reply_refuse(x, OUTCOME_QUANTITY_OVERFLOW, NULL);
	else if (x->long_read.result < 0)
		reply_fault(x, x->long_read.result);
	else
		answer_summary(x, s);
	text_fini(&s->list.rows);
}

/* By a reader thread: the sums cost a look at each row, however short the page is. */
void handle_stock_summary(struct exchange *x)
{
	struct summary_call *s = arena_alloc(&x->arena, sizeof(*s));

	if (s == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	memset(s, 0, sizeof(*s));
	s->list.letter = 'p';
	s->list.fetch = fetch_summary;
	s->list.write_rows = write_stock;
	s->query = (struct item_stock_query){ .sku = call_of(x)->names[0] };
	call_of(x)->own = &s->list;
	if (!page_read_limit_or(x, PAGE_ROWS_MAX, &s->query.limit) ||
	    !page_read_cursor(x, s->list.letter, &s->query.after))
		return;
	if (s->query.after == NULL)
		s->query.after = "";
	submit_for(x, finish_summary);
}

/* ---------------------------------------------------------------- movements */

static int fetch_movements(struct list_call *c, struct reader *reader, struct arena *arena)
{
	return reader->ops->list_movements(reader, &c->movements, arena, &c->page);
}

static void write_movements(struct json *j, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		movement_write(j, &p->movements[i].sku, &p->movements[i].location,
			       &p->movements[i].movement);
}

void handle_movement_list(struct exchange *x)
{
	struct list_call *c = begin(x, 'm', fetch_movements, write_movements);

	if (c == NULL)
		return;

	struct movement_query *q = &c->movements;

	if (!page_read_limit(x, &q->limit) ||
	    !page_read_cursor_number(x, c->letter, &q->after_seq) ||
	    !page_read_name(x, "sku", &q->sku) || !page_read_name(x, "location", &q->location) ||
	    !read_moment(x, "since", INT64_MIN, &q->since_ms) ||
	    !read_moment(x, "until", INT64_MAX, &q->until_ms) ||
	    !read_order(x, &q->is_descending) || !page_read_kinds(x, &q->kinds) ||
	    !page_read_reason(x, &q->reason))
		return;
	q->reference = call_parameter(x, "reference");
	q->reservation = call_parameter(x, "reservation");
	q->actor = call_parameter(x, "actor");
	submit(x);
}

/* ---------------------------------------------------------------- the audit */

static int fetch_audit(struct list_call *c, struct reader *reader, struct arena *arena)
{
	return reader->ops->list_audit(reader, &c->audit, arena, &c->page);
}

static void write_audit(struct json *j, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		audit_entry_write(j, &p->audits[i]);
}

/*
 * A cursor of the list, or an id: at its end there is no cursor, and whoever copies the audit to
 * another place goes on from there tomorrow.
 */
static bool read_audit_place(struct exchange *x, char letter, int64_t *ret)
{
	const char *text = call_parameter(x, "after");

	if (text != NULL && integer_read(text, ret) && *ret >= 0)
		return true;
	return page_read_cursor_number(x, letter, ret);
}

void handle_audit_list(struct exchange *x)
{
	struct list_call *c = begin(x, 'a', fetch_audit, write_audit);

	if (c == NULL)
		return;

	struct audit_query *q = &c->audit;

	if (!page_read_limit(x, &q->limit) || !read_audit_place(x, c->letter, &q->after_id) ||
	    !read_moment(x, "since", INT64_MIN, &q->since_ms) ||
	    !read_moment(x, "until", INT64_MAX, &q->until_ms) || !read_order(x, &q->is_descending))
		return;
	q->actor = call_parameter(x, "actor");
	q->action = call_parameter(x, "action");
	submit(x);
}

/* ---------------------------------------------------------------- catalogue */

static int fetch_items(struct list_call *c, struct reader *reader, struct arena *arena)
{
	return reader->ops->list_items(reader, &c->catalogue, arena, &c->page);
}

static void write_items(struct json *j, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		item_write(j, &p->items[i]);
}

static int fetch_locations(struct list_call *c, struct reader *reader, struct arena *arena)
{
	return reader->ops->list_locations(reader, &c->catalogue, arena, &c->page);
}

static void write_locations(struct json *j, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		location_write(j, &p->locations[i]);
}

/* Archived ones are shown only when they are asked for, and then alone. */
static void list_catalogue(struct exchange *x, struct list_call *c)
{
	struct catalogue_query *q;

	if (c == NULL)
		return;
	q = &c->catalogue;
	if (!page_read_limit(x, &q->limit) || !page_read_cursor(x, c->letter, &q->after) ||
	    !read_flag(x, "archived", &q->is_archived))
		return;
	if (q->after == NULL)
		q->after = "";
	q->text = call_parameter(x, "q");
	submit(x);
}

void handle_item_list(struct exchange *x)
{
	list_catalogue(x, begin(x, 'i', fetch_items, write_items));
}

void handle_location_list(struct exchange *x)
{
	list_catalogue(x, begin(x, 'l', fetch_locations, write_locations));
}

/* ---------------------------------------------------------------- reservations */

static int fetch_reservations(struct list_call *c, struct reader *reader, struct arena *arena)
{
	return reader->ops->list_reservations(reader, &c->reservations, arena, &c->page);
}

static void write_reservations(struct json *j, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		reservation_write(j, &p->reservations[i]);
}

static bool read_state(struct exchange *x, enum reservation_state *ret)
{
	const char *text = call_parameter(x, "state");

	*ret = text == NULL ? RESERVATION_STATES : reservation_state_by_text(text);
	if (text == NULL || *ret != RESERVATION_STATES)
		return true;
	return wrong(x, "state", "is active, committed, released, expired or superseded.");
}

void handle_reservation_list(struct exchange *x)
{
	struct list_call *c = begin(x, 'r', fetch_reservations, write_reservations);

	if (c == NULL)
		return;

	struct reservation_query *q = &c->reservations;

	if (!page_read_limit(x, &q->limit) ||
	    !page_read_cursor_number(x, c->letter, &q->after_id) ||
	    !page_read_name(x, "sku", &q->sku) || !page_read_name(x, "location", &q->location) ||
	    !read_state(x, &q->state))
		return;
	q->owner = call_parameter(x, "owner");
	submit(x);
}
