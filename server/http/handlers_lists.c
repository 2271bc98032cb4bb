/* handlers_lists - pages of stock, movements, items and locations, read on the reader threads. */
#include "http/reply.h"
#include "wire/moment.h"
#include <string.h>

/* One list under way: what was asked, and the page that the reader thread fills. */
struct list_call {
	struct long_read *read;
	union {
		struct stock_query stock;
		struct movement_query movements;
		struct catalogue_query catalogue;
	};
	struct page page;
	void (*write_rows)(struct json *j, const struct page *p);
	bool has_text_cursor; /* the next page begins behind a sku or code, not a number */
};

/* ---------------------------------------------------------------- parameters */

static const char *parameter(struct exchange *x, const char *name)
{
	return query_value(&call_of(x)->query, name);
}

static bool wrong(struct exchange *x, const char *name, const char *detail)
{
	reply_problem(x, OUTCOME_INVALID_PARAMETER, name, detail);
	return false;
}

static bool read_limit(struct exchange *x, int *ret)
{
	const char *text = parameter(x, "limit");
	int64_t n = PAGE_ROWS_DEFAULT;

	if (text != NULL && (!integer_read(text, &n) || n < 1 || n > PAGE_ROWS_MAX))
		return wrong(x, "limit", "1 to 1000.");
	*ret = (int)n;
	return true;
}

static bool read_cursor(struct exchange *x, int64_t *ret)
{
	const char *text = parameter(x, "after");

	*ret = 0;
	if (text != NULL && (!integer_read(text, ret) || *ret < 0))
		return wrong(x, "after",
			     "Not a cursor of this list: take `next` of the page before.");
	return true;
}

static bool read_name(struct exchange *x, const char *name, const char **ret)
{
	*ret = parameter(x, name);
	if (*ret != NULL && !code_is_valid(*ret, strlen(*ret)))
		return wrong(x, name, "1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit.");
	return true;
}

static bool read_flag(struct exchange *x, const char *name, int when_absent, int *ret)
{
	const char *text = parameter(x, name);

	*ret = when_absent;
	if (text == NULL)
		return true;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return wrong(x, name, "true or false.");
	*ret = strcmp(text, "true") == 0;
	return true;
}

static bool read_moment(struct exchange *x, const char *name, int64_t when_absent, int64_t *ret)
{
	const char *text = parameter(x, name);

	*ret = when_absent;
	if (text != NULL && !moment_parse(text, ret))
		return wrong(x, name, "A time as in RFC 3339: 2026-11-23T18:00:00Z.");
	return true;
}

/* ---------------------------------------------------------------- answering */

static void add_encoded(struct text *t, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("._:-", c) != NULL) {
			text_add_char(t, *s);
		} else {
			text_add_char(t, '%');
			text_add_char(t, hex[c >> 4]);
			text_add_char(t, hex[c & 15]);
		}
	}
}

/* Link: the same query with the next cursor (RFC 8288). */
static void link_header(struct exchange *x, const char *next)
{
	const struct query *q = &call_of(x)->query;
	struct text t;
	const char *value;

	text_init(&t);
	text_add_format(&t, "<%s?", x->path);
	for (int i = 0; i < q->count; i++) {
		if (strcmp(q->parameters[i].name, "after") == 0)
			continue;
		text_add_format(&t, "%s=", q->parameters[i].name);
		add_encoded(&t, q->parameters[i].value);
		text_add_char(&t, '&');
	}
	text_add(&t, "after=");
	add_encoded(&t, next);
	text_add(&t, ">; rel=\"next\"");
	value = t.failed ? NULL : arena_copy(&x->arena, t.data, t.byte_count);
	text_fini(&t);
	if (value != NULL)
		exchange_header_add(x, "Link", value);
}

static const char *next_cursor(struct exchange *x, const struct list_call *c)
{
	char digits[20];

	if (!c->page.has_next)
		return NULL;
	if (c->has_text_cursor)
		return c->page.next_code.text;
	return arena_copy(&x->arena, digits, text_format_int(digits, c->page.next));
}

static void finish(struct exchange *x)
{
	struct list_call *c = call_of(x)->own;
	struct json j = json_begin(&x->reply);

	if (x->long_read.result < 0) {
		reply_fault(x, x->long_read.result);
		return;
	}

	const char *next = next_cursor(x, c);

	json_open(&j, '{');
	JSON_NAME(&j, "data"), json_open(&j, '[');
	c->write_rows(&j, &c->page);
	json_close(&j, ']');
	JSON_NAME(&j, "next"), json_text(&j, next);
	json_close(&j, '}');
	text_add_char(&x->reply, '\n');
	if (next != NULL)
		link_header(x, next);
	reply_json(x, 200, x->long_read.seq);
}

/* A list is never given up: its time is limited by the reader. */
static void expire(struct exchange *x)
{
	exchange_park(x, finish, expire, INT64_MAX);
}

static struct list_call *begin(struct exchange *x)
{
	struct list_call *c = arena_alloc(&x->arena, sizeof(*c));

	if (c == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return NULL;
	}
	memset(c, 0, sizeof(*c));
	call_of(x)->own = c;
	return c;
}

static void submit(struct exchange *x,
		   int (*run)(struct long_read *read, struct reader *reader, struct arena *arena))
{
	x->long_read.parcel.home = x->mailbox;
	x->long_read.run = run;
	x->long_read.arena = &x->arena;
	if (service_read(x->service, &x->long_read))
		exchange_park(x, finish, expire, INT64_MAX);
	else
		reply_refuse(x, OUTCOME_STORE_BUSY, "Too many lists are being read at once.");
}

static struct list_call *list_of(struct long_read *read)
{
	return call_of(CONTAINER_OF(read, struct exchange, long_read))->own;
}

/* ---------------------------------------------------------------- stock */

static int run_stock(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct list_call *c = list_of(read);

	return reader->ops->list_stock(reader, &c->stock, arena, &c->page);
}

static void write_stock(struct json *j, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		stock_write(j, &p->stock[i].sku, &p->stock[i].location, &p->stock[i].stock);
}

void handle_stock_list(struct exchange *x)
{
	struct list_call *c = begin(x);
	int below;

	if (c == NULL || !read_limit(x, &c->stock.limit) || !read_cursor(x, &c->stock.after_id) ||
	    !read_name(x, "location", &c->stock.location) ||
	    !read_flag(x, "below_reorder", 0, &below))
		return;
	c->stock.is_below_reorder = below != 0;
	c->write_rows = write_stock;
	submit(x, run_stock);
}

/* ---------------------------------------------------------------- movements */

static int run_movements(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct list_call *c = list_of(read);

	return reader->ops->list_movements(reader, &c->movements, arena, &c->page);
}

static void write_movements(struct json *j, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		movement_write(j, &p->movements[i].sku, &p->movements[i].location,
			       &p->movements[i].movement);
}

static bool read_order(struct exchange *x, bool *ret_is_descending)
{
	const char *text = parameter(x, "order");

	*ret_is_descending = text != NULL && strcmp(text, "desc") == 0;
	if (text == NULL || *ret_is_descending || strcmp(text, "asc") == 0)
		return true;
	return wrong(x, "order", "asc, the default, or desc.");
}

static bool read_kind(struct exchange *x, enum movement_kind *ret)
{
	const char *text = parameter(x, "kind");

	*ret = text == NULL ? MOVEMENT_KINDS : movement_kind_by_text(text);
	if (text != NULL && *ret == MOVEMENT_KINDS)
		return wrong(x, "kind",
			     "adjust set count transfer reserve release expire commit "
			     "supersede or edit.");
	return true;
}

void handle_movement_list(struct exchange *x)
{
	struct list_call *c = begin(x);

	if (c == NULL)
		return;

	struct movement_query *q = &c->movements;

	if (!read_limit(x, &q->limit) || !read_cursor(x, &q->after_seq) ||
	    !read_name(x, "sku", &q->sku) || !read_name(x, "location", &q->location) ||
	    !read_moment(x, "since", INT64_MIN, &q->since_ms) ||
	    !read_moment(x, "until", INT64_MAX, &q->until_ms) ||
	    !read_order(x, &q->is_descending) || !read_kind(x, &q->kind))
		return;
	q->reference = parameter(x, "reference");
	q->reservation = parameter(x, "reservation");
	c->write_rows = write_movements;
	submit(x, run_movements);
}

/* ---------------------------------------------------------------- catalogue */

static int run_items(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct list_call *c = list_of(read);

	return reader->ops->list_items(reader, &c->catalogue, arena, &c->page);
}

static int run_locations(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct list_call *c = list_of(read);

	return reader->ops->list_locations(reader, &c->catalogue, arena, &c->page);
}

static void write_items(struct json *j, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		item_write(j, &p->items[i]);
}

static void write_locations(struct json *j, const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		location_write(j, &p->locations[i]);
}

/* Archived ones are hidden unless asked for. */
static struct list_call *begin_catalogue(struct exchange *x)
{
	struct list_call *c = begin(x);

	if (c == NULL || !read_limit(x, &c->catalogue.limit) ||
	    !read_flag(x, "archived", 0, &c->catalogue.is_archived) ||
	    !read_name(x, "after", &c->catalogue.after))
		return NULL;
	if (c->catalogue.after == NULL)
		c->catalogue.after = "";
	c->catalogue.text = parameter(x, "q");
	c->has_text_cursor = true;
	return c;
}

void handle_item_list(struct exchange *x)
{
	struct list_call *c = begin_catalogue(x);

	if (c == NULL)
		return;
	c->write_rows = write_items;
	submit(x, run_items);
}

void handle_location_list(struct exchange *x)
{
	struct list_call *c = begin_catalogue(x);

	if (c == NULL)
		return;
	c->write_rows = write_locations;
	submit(x, run_locations);
}
