/*
 * sqlite_lists - pages of stock, movements, items and locations. Keyset only: each page begins
 * behind the last row of the one before. What a filter looks at is bounded by PAGE_EXAMINED_MAX
 * rows, and by PAGE_MS_MAX.
 */
#include "base/clock.h"
#include "store/records.h"
#include "store/sqlite_private.h"
#include <string.h>

struct sqlite_look sqlite_look_begin(struct reader *r)
{
	CHECK(sqlite_reader_of(r)->is_in_snapshot);
	return (struct sqlite_look){ .until_ns =
					     clock_monotonic_ns() + sqlite_reader_of(r)->page_ns };
}

bool sqlite_look_is_over(const struct sqlite_look *l)
{
	enum { ROWS_BETWEEN_LOOKS = 64 };

	CHECK(l->count <= PAGE_EXAMINED_MAX);
	return l->count == PAGE_EXAMINED_MAX ||
	       (l->count > 0 && l->count % ROWS_BETWEEN_LOOKS == 0 &&
		clock_monotonic_ns() > l->until_ns);
}

/* Is the row behind the page the one that shows that there is more? */
static bool page_is_full(const struct page *p, int limit)
{
	CHECK(limit >= 1);
	CHECK(page_is_sound(p, limit));
	return p->count == (size_t)limit;
}

static int finish(struct sqlite_connection *c, int code)
{
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

/* ---------------------------------------------------------------- stock */

static bool stock_fits(sqlite3_stmt *s, const struct stock_query *q)
{
	const char *sku = (const char *)sqlite3_column_text(s, 6);
	const char *code = (const char *)sqlite3_column_text(s, 7);

	if (q->sku != NULL && (sku == NULL || strcmp(sku, q->sku) != 0))
		return false;
	if (q->location != NULL && (code == NULL || strcmp(code, q->location) != 0))
		return false;
	if (!q->is_below_reorder)
		return true;

	int64_t available = sqlite3_column_int64(s, 1) - sqlite3_column_int64(s, 2);
	bool has_point = sqlite3_column_type(s, 8) != SQLITE_NULL;

	return has_point && available <= sqlite3_column_int64(s, 8) && !sqlite3_column_int(s, 9);
}

static int add_stock(sqlite3_stmt *s, struct page *p)
{
	struct stock_view *v = &p->stock[p->count];

	CHECK(p->stock != NULL);
	v->stock = (struct stock){ .id = sqlite3_column_int64(s, 0),
				   .on_hand = sqlite3_column_int64(s, 1),
				   .reserved = sqlite3_column_int64(s, 2),
				   .version = sqlite3_column_int64(s, 3),
				   .seq = sqlite3_column_int64(s, 4),
				   .updated_at_ms = sqlite3_column_int64(s, 5) };

	int r = sqlite_column_code(s, 6, &v->sku);

	if (r == 0)
		r = sqlite_column_code(s, 7, &v->location);
	p->count++;
	return r;
}

int sqlite_list_stock(struct reader *r, const struct stock_query *q, struct arena *a,
		      struct page *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(r)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct sqlite_look look = sqlite_look_begin(r);
	int code, fault = sqlite_statement(c, LIST_STOCK, &s);

	CHECK(stock_query_is_sound(q));
	if (fault < 0)
		return fault;
	*ret = (struct page){ .next = q->after_id };
	ret->stock = arena_alloc(a, sizeof(ret->stock[0]) * (size_t)q->limit);
	if (ret->stock == NULL)
		return FAULT(-ENOMEM);
	sqlite3_bind_int64(s, 1, q->after_id);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		bool fits = stock_fits(s, q);

		if ((fits && page_is_full(ret, q->limit)) || sqlite_look_is_over(&look)) {
			ret->has_next = true;
			break;
		}
		look.count++;
		ret->next = sqlite3_column_int64(s, 0);
		fault = fits ? add_stock(s, ret) : 0;
		if (fault < 0)
			return fault;
	}
	return finish(c, code);
}

/* ---------------------------------------------------------------- one item */

/* high * 10^6 + low, as the statement splits it. */
static int put_together(sqlite3_stmt *s, int column, int64_t *ret)
{
	int64_t millions;

	CHECK(column >= 0);
	if (__builtin_mul_overflow(sqlite3_column_int64(s, column), INT64_C(1000000), &millions) ||
	    __builtin_add_overflow(millions, sqlite3_column_int64(s, column + 1), ret))
		return FAULT(-EOVERFLOW);
	return 0;
}

static int sum_up(struct sqlite_connection *c, int64_t item_id, struct stock_sum *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_STOCK_SUM, &s);

	CHECK(item_id > 0);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, item_id);
	if (sqlite3_step(s) != SQLITE_ROW)
		return sqlite_raise(c);
	ret->has_item = true;
	r = put_together(s, 0, &ret->on_hand);
	return r < 0 ? r : put_together(s, 2, &ret->reserved);
}

static int resolve(struct sqlite_connection *c, int statement, const char *name, int64_t *ret);

int sqlite_stock_of_item(struct reader *r, const struct item_stock_query *q, struct arena *a,
			 struct stock_sum *ret_sum, struct page *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(r)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int64_t item_id = 0;
	int code, fault = resolve(c, READ_ITEM_ID, q->sku, &item_id);

	CHECK(sqlite_reader_of(r)->is_in_snapshot);
	CHECK(item_stock_query_is_sound(q));
	*ret_sum = (struct stock_sum){ 0 };
	*ret = (struct page){ 0 };
	if (fault == 0 && item_id > 0)
		fault = sum_up(c, item_id, ret_sum);
	if (fault < 0 || item_id < 0)
		return fault;
	fault = sqlite_statement(c, READ_STOCK_OF_ITEM, &s);
	if (fault < 0)
		return fault;
	ret->stock = arena_alloc(a, sizeof(ret->stock[0]) * (size_t)q->limit);
	if (ret->stock == NULL)
		return FAULT(-ENOMEM);
	sqlite3_bind_int64(s, 1, item_id);
	sqlite_bind_text(s, 2, q->after);
	sqlite3_bind_int(s, 3, q->limit + 1);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		ret->has_next = page_is_full(ret, q->limit);
		if (ret->has_next)
			break;
		fault = add_stock(s, ret);
		if (fault < 0)
			return fault;
		ret->next_code = ret->stock[ret->count - 1].location;
	}
	return finish(c, code);
}

/* ---------------------------------------------------------------- movements */

static bool text_fits(const char *wanted, const char *found)
{
	return wanted == NULL || (found != NULL && strcmp(wanted, found) == 0);
}

/* Its texts are looked at where they are: what does not fit is not worth a copy. */
static bool movement_fits(const struct movement_query *q, const struct movement_view *v,
			  sqlite3_stmt *s)
{
	const struct movement *m = &v->movement;

	return text_fits(q->sku, v->sku.text) && text_fits(q->location, v->location.text) &&
	       (q->reference == NULL ||
		text_fits(q->reference, (const char *)sqlite3_column_text(s, 9))) &&
	       (q->reservation == NULL ||
		text_fits(q->reservation, (const char *)sqlite3_column_text(s, 10))) &&
	       (q->reason == NULL ||
		text_fits(q->reason, (const char *)sqlite3_column_text(s, 8))) &&
	       (q->actor == NULL ||
		text_fits(q->actor, (const char *)sqlite3_column_text(s, 20))) &&
	       movement_kinds_have(q->kinds, m->kind) && m->at_ms >= q->since_ms &&
	       m->at_ms < q->until_ms;
}

/* Time never runs backwards in the ledger: behind this one there is nothing that fits. */
static bool movement_is_beyond(const struct movement_query *q, const struct movement_view *v)
{
	return q->is_descending ? v->movement.at_ms < q->since_ms
				: v->movement.at_ms >= q->until_ms;
}

enum taken { TAKEN, PAGE_FULL, BEYOND };

/*
 * Takes one movement, in the order asked for, into the page or passes it over: an enum taken, or a
 * fault. v has its numbers and names, s all of it.
 */
static int take_movement(const struct movement_query *q, struct page *p, struct sqlite_look *look,
			 const struct movement_view *v, sqlite3_stmt *s, struct arena *a)
{
	CHECK(page_is_sound(p, q->limit));
	if (movement_is_beyond(q, v))
		return BEYOND;

	bool fits = movement_fits(q, v, s);
	int r = 0;

	if ((fits && page_is_full(p, q->limit)) || sqlite_look_is_over(look)) {
		p->has_next = true;
		return PAGE_FULL;
	}
	look->count++;
	p->next = v->movement.seq;
	if (fits)
		r = sqlite_read_movement(s, a, &p->movements[p->count++]);
	return r < 0 ? r : TAKEN;
}

static int movement_time(struct sqlite_connection *c, int64_t seq, int64_t *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_MOVEMENT_TIME, &s);

	CHECK(seq >= 1);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, seq);
	if (sqlite3_step(s) != SQLITE_ROW)
		return sqlite_raise(c); /* seqs are consecutive: a gap means that rows were lost */
	*ret = sqlite3_column_int64(s, 0);
	return 0;
}

/*
 * The first seq made at or after `ms`, or last + 1: seqs are consecutive and times rise with them.
 */
static int first_seq_since(struct sqlite_connection *c, int64_t ms, int64_t last, int64_t *ret)
{
	int64_t low = 1, high = last + 1;

	CHECK(last >= 0);
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		int64_t at = 0;
		int r = movement_time(c, middle, &at);

		if (r < 0)
			return r;
		if (at >= ms)
			high = middle;
		else
			low = middle + 1;
	}
	*ret = low;
	return 0;
}

/* Where the scan of the ledger begins: behind the cursor, and not before the times asked for. */
static int scan_start(struct sqlite_connection *c, const struct movement_query *q, int64_t *ret)
{
	int64_t last, first;
	int r = sqlite_integer(c, "SELECT coalesce(max(seq), 0) FROM movement", &last);

	if (r < 0)
		return r;
	*ret = q->after_seq;
	if (q->is_descending) {
		if (*ret == 0 || *ret > last + 1)
			*ret = last + 1;
		if (q->until_ms == INT64_MAX)
			return 0;
		r = first_seq_since(c, q->until_ms, last, &first);
		if (r == 0 && first < *ret)
			*ret = first;
		return r;
	}
	if (q->since_ms == INT64_MIN)
		return 0;
	r = first_seq_since(c, q->since_ms, last, &first);
	if (r == 0 && first - 1 > *ret)
		*ret = first - 1;
	return r;
}

static int scan_ledger(struct sqlite_connection *c, const struct movement_query *q,
		       struct sqlite_look *look, struct arena *a, struct page *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int code;
	int64_t start;
	int r = scan_start(c, q, &start);

	CHECK(ret->movements != NULL);
	CHECK(ret->count == 0);
	if (r == 0)
		r = sqlite_statement(c, q->is_descending ? LIST_MOVEMENTS_DOWN : LIST_MOVEMENTS_UP,
				     &s);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, start);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct movement_view v;

		r = sqlite_read_movement(s, NULL, &v);
		if (r == 0)
			r = take_movement(q, ret, look, &v, s, a);
		if (r < 0)
			return r;
		if (r != TAKEN)
			break;
	}
	return finish(c, code);
}

/* The ids behind the query's names; -1: there is no such name, so nothing fits. */
static int resolve(struct sqlite_connection *c, int statement, const char *name, int64_t *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, statement, &s);

	CHECK(name != NULL);
	if (r < 0)
		return r;
	sqlite_bind_text(s, 1, name);
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		*ret = sqlite3_column_int64(s, 0);
		return 0;
	case SQLITE_DONE:
		*ret = -1;
		return 0;
	default:
		return sqlite_raise(c);
	}
}

enum { CHAINS_MAX = 1000 };

/* The newest movement of each row of the item, where the walk down its history begins. */
struct walk {
	int64_t heads[CHAINS_MAX];
	int count;
	bool is_too_wide;
};

static int walk_begin(struct sqlite_connection *c, const struct movement_query *q, struct walk *w)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int64_t item_id = 0, location_id = 0;
	int code, r = resolve(c, READ_ITEM_ID, q->sku, &item_id);

	w->count = 0;
	w->is_too_wide = false;
	CHECK(q->sku != NULL);
	if (r == 0 && q->location != NULL)
		r = resolve(c, READ_LOCATION_ID, q->location, &location_id);
	if (r == 0)
		r = sqlite_statement(c, LIST_CHAINS, &s);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, item_id);
	sqlite3_bind_int64(s, 2, location_id);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		if (w->count == CHAINS_MAX) {
			w->is_too_wide = true;
			return 0;
		}
		w->heads[w->count++] = sqlite3_column_int64(s, 0);
	}
	return finish(c, code);
}

/* The newest movement that is left, without its texts; moves its chain one back. */
static int walk_next(struct sqlite_connection *c, struct walk *w, sqlite3_stmt **ret_statement,
		     struct movement_view *ret, bool *ret_is_over)
{
	int newest = 0;

	CHECK(w->count <= CHAINS_MAX);
	for (int i = 1; i < w->count; i++)
		if (w->heads[i] > w->heads[newest])
			newest = i;
	*ret_is_over = w->count == 0 || w->heads[newest] == 0;
	if (*ret_is_over)
		return 0;

	int r = sqlite_statement(c, READ_MOVEMENT, ret_statement);

	if (r < 0)
		return r;
	sqlite3_bind_int64(*ret_statement, 1, w->heads[newest]);
	if (sqlite3_step(*ret_statement) != SQLITE_ROW)
		return sqlite_raise(c);
	r = sqlite_read_movement(*ret_statement, NULL, ret);
	if (r == 0 && ret->movement.prev_seq >= w->heads[newest])
		return FAULT(-EBADMSG); /* a chain that does not go back would never end */
	w->heads[newest] = ret->movement.prev_seq;
	return r;
}

/*
 * History of an item, newest first: its rows' chains are walked back side by side. ret_is_done
 * false: the cursor lies too far back to be reached so; scan the ledger instead.
 */
static int walk_history(struct sqlite_connection *c, const struct movement_query *q,
			struct sqlite_look *look, struct arena *a, struct page *ret,
			bool *ret_is_done)
{
	struct walk w;
	int skipped = 0;
	int r = walk_begin(c, q, &w);

	CHECK(q->is_descending);
	CHECK(ret->movements != NULL);
	*ret_is_done = false;
	if (r < 0 || w.is_too_wide)
		return r;
	while (skipped <= PAGE_EXAMINED_MAX) {
		CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
		struct movement_view v;
		bool is_over;

		r = walk_next(c, &w, &s, &v, &is_over);
		if (r < 0)
			return r;
		if (!is_over && q->after_seq != 0 && v.movement.seq >= q->after_seq) {
			skipped++;
			continue;
		}
		if (!is_over)
			r = take_movement(q, ret, look, &v, s, a);
		if (r < 0)
			return r;
		if (is_over || r != TAKEN) {
			*ret_is_done = true;
			return 0;
		}
	}
	return 0;
}

int sqlite_list_movements(struct reader *r, const struct movement_query *q, struct arena *a,
			  struct page *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(r)->connection;
	struct sqlite_look look = sqlite_look_begin(r);
	bool is_done = false;
	int fault = 0;

	CHECK(movement_query_is_sound(q));
	*ret = (struct page){ .next = q->after_seq };
	ret->movements = arena_alloc(a, sizeof(ret->movements[0]) * (size_t)q->limit);
	if (ret->movements == NULL)
		return FAULT(-ENOMEM);
	if (q->is_descending && q->sku != NULL)
		fault = walk_history(c, q, &look, a, ret, &is_done);
	if (fault < 0 || is_done)
		return fault;
	return scan_ledger(c, q, &look, a, ret);
}

/* ---------------------------------------------------------------- the audit */

static int read_audit(sqlite3_stmt *s, struct arena *a, struct audit_entry *ret)
{
	const char **const texts[] = { &ret->actor, &ret->action, &ret->subject, &ret->detail,
				       &ret->request_id };
	int r = 0;

	*ret = (struct audit_entry){ .id = sqlite3_column_int64(s, 0),
				     .at_ms = sqlite3_column_int64(s, 1) };
	for (int i = 0; r == 0 && i < (int)LENGTH_OF(texts); i++)
		r = sqlite_column_copy(s, i + 2, a, texts[i]);
	return r == 0 && (ret->actor == NULL || ret->action == NULL) ? sqlite_raise_no_text(s) : r;
}

static bool text_is(sqlite3_stmt *s, int column, const char *wanted)
{
	const char *text;

	if (wanted == NULL)
		return true;
	text = (const char *)sqlite3_column_text(s, column);
	return text != NULL && strcmp(text, wanted) == 0;
}

/* Times are looked at one by one: an edit by hand may stand out of their order. */
static bool audit_fits(sqlite3_stmt *s, const struct audit_query *q)
{
	int64_t at_ms = sqlite3_column_int64(s, 1);

	return text_is(s, 2, q->actor) && text_is(s, 3, q->action) && at_ms >= q->since_ms &&
	       at_ms < q->until_ms;
}

int sqlite_list_audit(struct reader *r, const struct audit_query *q, struct arena *a,
		      struct page *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(r)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct sqlite_look look = sqlite_look_begin(r);
	int code,
		fault = sqlite_statement(c, q->is_descending ? LIST_AUDIT_DOWN : LIST_AUDIT_UP, &s);

	CHECK(audit_query_is_sound(q));
	*ret = (struct page){ .next = q->after_id };
	ret->audits = arena_alloc(a, sizeof(ret->audits[0]) * (size_t)q->limit);
	if (fault < 0 || ret->audits == NULL)
		return fault < 0 ? fault : FAULT(-ENOMEM);
	sqlite3_bind_int64(s, 1, q->is_descending && q->after_id == 0 ? INT64_MAX : q->after_id);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		bool fits = audit_fits(s, q);

		if ((fits && page_is_full(ret, q->limit)) || sqlite_look_is_over(&look)) {
			ret->has_next = true;
			break;
		}
		look.count++;
		ret->next = sqlite3_column_int64(s, 0);
		if (fits)
			fault = read_audit(s, a, &ret->audits[ret->count++]);
		if (fault < 0)
			return fault;
	}
	return finish(c, code);
}

/* ---------------------------------------------------------------- catalogue */

static int list_names(struct reader *r, const struct catalogue_query *q, int statement,
		      int archived_column, int fits_column,
		      int (*add)(sqlite3_stmt *s, struct arena *a, struct page *p), struct arena *a,
		      struct page *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(r)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct sqlite_look look = sqlite_look_begin(r);
	int code, fault = sqlite_statement(c, statement, &s);

	CHECK(statement == LIST_ITEMS || statement == LIST_LOCATIONS);
	if (fault < 0)
		return fault;
	sqlite_bind_text(s, 1, q->after);
	sqlite_bind_text(s, 2, q->text != NULL ? q->text : "");
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct code name;

		fault = sqlite_column_code(s, 1, &name);
		if (fault < 0)
			return fault;
		if (!code_is_valid(name.text, strlen(name.text)))
			continue; /* no request can name it, and no cursor */

		bool is_archived = sqlite3_column_int(s, archived_column) != 0;
		bool fits = sqlite3_column_int(s, fits_column) != 0 &&
			    (q->is_archived < 0 || q->is_archived == is_archived);

		if ((fits && page_is_full(ret, q->limit)) || sqlite_look_is_over(&look)) {
			ret->has_next = true;
			break;
		}
		look.count++;
		ret->next_code = name;
		if (fits)
			fault = add(s, a, ret);
		if (fault < 0)
			return fault;
	}
	return finish(c, code);
}

static int add_item(sqlite3_stmt *s, struct arena *a, struct page *p)
{
	CHECK(p->items != NULL);
	return sqlite_read_item(s, a, &p->items[p->count++]);
}

static int add_location(sqlite3_stmt *s, struct arena *a, struct page *p)
{
	CHECK(p->locations != NULL);
	return sqlite_read_location(s, a, &p->locations[p->count++]);
}

int sqlite_list_items(struct reader *r, const struct catalogue_query *q, struct arena *a,
		      struct page *ret)
{
	CHECK(catalogue_query_is_sound(q));
	*ret = (struct page){ 0 };
	ret->items = arena_alloc(a, sizeof(ret->items[0]) * (size_t)q->limit);
	if (ret->items == NULL)
		return FAULT(-ENOMEM);
	return list_names(r, q, LIST_ITEMS, 7, 11, add_item, a, ret);
}

int sqlite_list_locations(struct reader *r, const struct catalogue_query *q, struct arena *a,
			  struct page *ret)
{
	CHECK(catalogue_query_is_sound(q));
	*ret = (struct page){ 0 };
	ret->locations = arena_alloc(a, sizeof(ret->locations[0]) * (size_t)q->limit);
	if (ret->locations == NULL)
		return FAULT(-ENOMEM);
	return list_names(r, q, LIST_LOCATIONS, 3, 7, add_location, a, ret);
}
