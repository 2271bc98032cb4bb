/* memory_reader - snapshots of a store without a file: point reads and pages. */
#include "base/clock.h"
#include "base/fault.h"
#include "store/memory_private.h"
#include "store/records.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- snapshots */

static int begin(struct reader *reader, int64_t *ret_seq)
{
	struct memory_reader *r = memory_reader_of(reader);

	CHECK(!r->is_in_snapshot);
	pthread_mutex_lock(&r->m->mutex);
	r->view = (struct memory_view){ .commit = r->m->commit };
	r->seq = r->m->newest_seq;
	pthread_mutex_unlock(&r->m->mutex);
	r->is_in_snapshot = true;
	*ret_seq = r->seq;
	return 0;
}

static void end(struct reader *reader)
{
	memory_reader_of(reader)->is_in_snapshot = false;
}

/* Every call below holds the mutex from its first line to its return. */
static struct memory *enter(struct reader *reader)
{
	struct memory_reader *r = memory_reader_of(reader);

	CHECK(r->is_in_snapshot);
	pthread_mutex_lock(&r->m->mutex);
	return r->m;
}

static int leave(struct memory *m, int r)
{
	CHECK(r <= 0);
	pthread_mutex_unlock(&m->mutex);
	return r;
}

static const struct memory_view *view_of(struct reader *reader)
{
	CHECK(memory_reader_of(reader)->is_in_snapshot);
	return &memory_reader_of(reader)->view;
}

/* ---------------------------------------------------------------- point reads */

static int read_item(struct reader *reader, const char *sku, struct arena *a, struct item *ret)
{
	struct memory *m = enter(reader);
	const struct memory_version *version = memory_item(m, view_of(reader), sku);

	CHECK(sku != NULL);
	*ret = (struct item){ 0 };
	return leave(m, version == NULL ? 0 : memory_copy_item(&version->item, a, ret));
}

static int read_location(struct reader *reader, const char *code, struct arena *a,
			 struct location *ret)
{
	struct memory *m = enter(reader);
	const struct memory_version *version = memory_location(m, view_of(reader), code);

	CHECK(code != NULL);
	*ret = (struct location){ 0 };
	return leave(m, version == NULL ? 0 : memory_copy_location(&version->location, a, ret));
}

/* The row of two names, which may not be there. */
static struct stock stock_of(struct memory *m, const struct memory_view *v, const char *sku,
			     const char *location, bool *ret_has_item, bool *ret_has_location)
{
	const struct memory_version *item = memory_item(m, v, sku);
	const struct memory_version *place = memory_location(m, v, location);
	const struct memory_version *row =
		item == NULL || place == NULL ? NULL : memory_row(m, v, item->id, place->id);

	CHECK(sku != NULL);
	CHECK(location != NULL);
	*ret_has_item = item != NULL;
	*ret_has_location = place != NULL;
	return row == NULL ? (struct stock){ 0 } : row->row.stock;
}

static int read_stock(struct reader *reader, const char *sku, const char *location,
		      struct stock *ret, bool *ret_has_item, bool *ret_has_location)
{
	struct memory *m = enter(reader);

	*ret = stock_of(m, view_of(reader), sku, location, ret_has_item, ret_has_location);
	CHECK(stock_is_sound(ret));
	return leave(m, 0);
}

static int read_movement(struct reader *reader, int64_t seq, struct arena *a,
			 struct movement_view *ret)
{
	struct memory *m = enter(reader);

	*ret = (struct movement_view){ 0 };
	if (seq < 1 || seq > memory_reader_of(reader)->seq)
		return leave(m, 0);
	return leave(m, memory_copy_movement(m, view_of(reader), &m->movements[seq - 1], a, ret));
}

static int read_past_level(struct reader *reader, const char *sku, const char *location,
			   struct past_level *ret)
{
	struct memory *m = enter(reader);
	bool has_item, has_location;
	struct stock row = stock_of(m, view_of(reader), sku, location, &has_item, &has_location);
	int64_t seq = row.seq;

	CHECK(sku != NULL);
	ret->seen_seq = row.seq;
	ret->stated_seq = memory_stated_since(m, row.seq, ret->as_of_seq);
	while (seq > ret->as_of_seq)
		seq = m->movements[seq - 1].movement.prev_seq;
	ret->on_hand = seq > 0 ? m->movements[seq - 1].movement.on_hand : 0;
	return leave(m, 0);
}

static int read_key(struct reader *reader, int64_t id, struct arena *a, struct key_record *ret)
{
	struct memory *m = enter(reader);
	const struct memory_version *version = memory_by_id(m, view_of(reader), MEMORY_KEY, id);

	*ret = (struct key_record){ 0 };
	return leave(m, version == NULL ? 0 : memory_copy_key(&version->key, a, ret));
}

static int read_reservation(struct reader *reader, const char *name, struct arena *a,
			    struct reservation *ret)
{
	struct memory *m = enter(reader);
	const struct memory_view *v = view_of(reader);
	const struct memory_version *version = memory_reservation(m, v, name);

	CHECK(name != NULL);
	*ret = (struct reservation){ 0 };
	return leave(m, version == NULL
				? 0
				: memory_copy_reservation(m, v, &version->reservation, a, ret));
}

/* ---------------------------------------------------------------- pages */

/* All versions of a kind that are seen, in an order. The caller frees it; NULL: memory is short. */
static const struct memory_version **sorted(struct memory *m, const struct memory_view *v,
					    enum memory_kind kind,
					    int (*order)(const void *, const void *),
					    size_t *ret_count)
{
	const struct memory_version **all = calloc(m->tables[kind].count + 1, sizeof(all[0]));
	const struct memory_version *version;

	CHECK(kind < MEMORY_KINDS);
	*ret_count = 0;
	if (all == NULL)
		return NULL;
	for (size_t at = 0; (version = memory_next(m, v, kind, &at)) != NULL;)
		all[(*ret_count)++] = version;
	qsort(all, *ret_count, sizeof(all[0]), order);
	return all;
}

static int by_id(const void *a, const void *b)
{
	const struct memory_version *x = *(const struct memory_version *const *)a;
	const struct memory_version *y = *(const struct memory_version *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

static int by_sku(const void *a, const void *b)
{
	CHECK((*(const struct memory_version *const *)a)->kind == MEMORY_ITEM);
	return strcmp((*(const struct memory_version *const *)a)->item.sku.text,
		      (*(const struct memory_version *const *)b)->item.sku.text);
}

static int by_code(const void *a, const void *b)
{
	CHECK((*(const struct memory_version *const *)a)->kind == MEMORY_LOCATION);
	return strcmp((*(const struct memory_version *const *)a)->location.code.text,
		      (*(const struct memory_version *const *)b)->location.code.text);
}

static bool text_fits(const char *wanted, const char *found)
{
	return wanted == NULL || (found != NULL && strcmp(wanted, found) == 0);
}

/* Takes `fits` into account: TAKE it, pass it OVER, or the page is FULL before it. */
enum step { TAKE, OVER, FULL };

static enum step page_step(struct page *p, int limit, int *examined, bool fits)
{
	CHECK(page_is_sound(p, limit));
	if ((fits && p->count == (size_t)limit) || *examined == PAGE_EXAMINED_MAX) {
		p->has_next = true;
		return FULL;
	}
	++*examined;
	return fits ? TAKE : OVER;
}

static struct stock_view view_of_row(struct memory *m, const struct memory_view *v,
				     const struct memory_row *row)
{
	struct stock_view shown = { .stock = row->stock };

	CHECK(row->item_id > 0);
	CHECK(row->location_id > 0);
	memory_names_of(m, v, row->item_id, row->location_id, &shown.sku, &shown.location);
	return shown;
}

static bool stock_fits(struct memory *m, const struct memory_view *v, const struct memory_row *row,
		       const struct stock_query *q)
{
	struct stock_view shown = view_of_row(m, v, row);
	const struct memory_version *item = memory_by_id(m, v, MEMORY_ITEM, row->item_id);
	const struct memory_version *location =
		memory_by_id(m, v, MEMORY_LOCATION, row->location_id);

	if (!text_fits(q->sku, shown.sku.text) || !text_fits(q->location, shown.location.text))
		return false;
	CHECK(item != NULL);
	CHECK(location != NULL);
	return !q->is_below_reorder || (item->item.has_reorder_point && !item->item.is_archived &&
					!location->location.is_archived &&
					stock_available(&row->stock) <= item->item.reorder_point);
}

static int list_stock(struct reader *reader, const struct stock_query *q, struct arena *a,
		      struct page *ret)
{
	struct memory *m = enter(reader);
	const struct memory_view *v = view_of(reader);
	int examined = 0;
	size_t count;
	const struct memory_version **all = sorted(m, v, MEMORY_ROW, by_id, &count);

	CHECK(stock_query_is_sound(q));
	*ret = (struct page){ .next = q->after_id };
	ret->stock = arena_alloc(a, sizeof(ret->stock[0]) * (size_t)q->limit);
	for (size_t i = 0; ret->stock != NULL && i < count && !ret->has_next; i++) {
		enum step step;

		if (all[i]->id <= q->after_id)
			continue;
		step = page_step(ret, q->limit, &examined, stock_fits(m, v, &all[i]->row, q));
		if (step != FULL)
			ret->next = all[i]->id;
		if (step == TAKE)
			ret->stock[ret->count++] = view_of_row(m, v, &all[i]->row);
	}
	free(all);
	return leave(m, ret->stock == NULL || all == NULL ? FAULT(-ENOMEM) : 0);
}

static int by_location(const void *a, const void *b)
{
	return strcmp(((const struct stock_view *)a)->location.text,
		      ((const struct stock_view *)b)->location.text);
}

/* All rows of the item, by location code, with their sums. 0 or a fault. */
static int rows_of_item(struct memory *m, const struct memory_view *v, int64_t item_id,
			struct stock_view **ret_rows, size_t *ret_count, struct stock_sum *ret_sum)
{
	struct stock_view *rows = calloc(m->tables[MEMORY_ROW].count + 1, sizeof(rows[0]));
	const struct memory_version *version;

	CHECK(item_id > 0);
	*ret_rows = rows;
	*ret_count = 0;
	if (rows == NULL)
		return FAULT(-ENOMEM);
	for (size_t at = 0; (version = memory_next(m, v, MEMORY_ROW, &at)) != NULL;) {
		if (version->row.item_id != item_id)
			continue;
		rows[(*ret_count)++] = view_of_row(m, v, &version->row);
		if (__builtin_add_overflow(ret_sum->on_hand, version->row.stock.on_hand,
					   &ret_sum->on_hand) ||
		    __builtin_add_overflow(ret_sum->reserved, version->row.stock.reserved,
					   &ret_sum->reserved))
			return FAULT(-EOVERFLOW);
	}
	qsort(rows, *ret_count, sizeof(rows[0]), by_location);
	return 0;
}

static int stock_of_item(struct reader *reader, const struct item_stock_query *q, struct arena *a,
			 struct stock_sum *ret_sum, struct page *ret)
{
	struct memory *m = enter(reader);
	const struct memory_version *item = memory_item(m, view_of(reader), q->sku);
	struct stock_view *rows;
	size_t count;
	int r;

	CHECK(item_stock_query_is_sound(q));
	*ret_sum = (struct stock_sum){ .has_item = item != NULL };
	*ret = (struct page){ 0 };
	if (item == NULL)
		return leave(m, 0);
	r = rows_of_item(m, view_of(reader), item->id, &rows, &count, ret_sum);
	ret->stock = arena_alloc(a, sizeof(ret->stock[0]) * (size_t)q->limit);
	r = r == 0 && ret->stock == NULL ? FAULT(-ENOMEM) : r;
	for (size_t i = 0; r == 0 && i < count && !ret->has_next; i++) {
		if (strcmp(rows[i].location.text, q->after) <= 0)
			continue;
		ret->has_next = ret->count == (size_t)q->limit;
		if (ret->has_next)
			break;
		ret->stock[ret->count++] = rows[i];
		ret->next_code = rows[i].location;
	}
	free(rows);
	return leave(m, r);
}

static bool movement_fits(const struct movement_query *q, const struct movement_view *shown)
{
	const struct movement *movement = &shown->movement;

	return text_fits(q->sku, shown->sku.text) && text_fits(q->location, shown->location.text) &&
	       text_fits(q->reference, movement->reference) &&
	       text_fits(q->reservation, movement->reservation) &&
	       text_fits(q->reason, movement->reason) && text_fits(q->actor, movement->actor) &&
	       movement_kinds_have(q->kinds, movement->kind) && movement->at_ms >= q->since_ms &&
	       movement->at_ms < q->until_ms;
}

/* Time never runs backwards in the ledger: beyond this one nothing fits. */
static bool is_beyond(const struct movement_query *q, const struct movement *movement)
{
	return q->is_descending ? movement->at_ms < q->since_ms : movement->at_ms >= q->until_ms;
}

/* Where the times asked for begin: what lies before is not looked at. */
static bool is_before(const struct movement_query *q, const struct movement *movement)
{
	return q->is_descending ? movement->at_ms >= q->until_ms : movement->at_ms < q->since_ms;
}

static int list_movements(struct reader *reader, const struct movement_query *q, struct arena *a,
			  struct page *ret)
{
	struct memory *m = enter(reader);
	int64_t last = memory_reader_of(reader)->seq, step = q->is_descending ? -1 : 1;
	int64_t seq = q->after_seq != 0 || !q->is_descending ? q->after_seq + step : last;
	int examined = 0, r = 0;

	CHECK(movement_query_is_sound(q));
	*ret = (struct page){ .next = q->after_seq };
	ret->movements = arena_alloc(a, sizeof(ret->movements[0]) * (size_t)q->limit);
	if (ret->movements == NULL)
		return leave(m, FAULT(-ENOMEM));
	for (seq = seq > last && q->is_descending ? last : seq; r == 0 && seq >= 1 && seq <= last;
	     seq += step) {
		const struct memory_movement *movement = &m->movements[seq - 1];
		struct movement_view shown;
		enum step taken;

		if (is_before(q, &movement->movement))
			continue;
		if (is_beyond(q, &movement->movement))
			break;
		r = memory_copy_movement(m, view_of(reader), movement, a, &shown);
		if (r < 0)
			break;
		taken = page_step(ret, q->limit, &examined, movement_fits(q, &shown));
		if (taken == FULL)
			break;
		ret->next = seq;
		if (taken == TAKE)
			ret->movements[ret->count++] = shown;
	}
	return leave(m, r);
}

static bool audit_fits(const struct audit_query *q, const struct audit_entry *entry)
{
	return (q->actor == NULL || strcmp(entry->actor, q->actor) == 0) &&
	       (q->action == NULL || strcmp(entry->action, q->action) == 0) &&
	       entry->at_ms >= q->since_ms && entry->at_ms < q->until_ms;
}

static int by_id_down(const void *a, const void *b)
{
	return -by_id(a, b);
}

static int list_audit(struct reader *reader, const struct audit_query *q, struct arena *a,
		      struct page *ret)
{
	struct memory *m = enter(reader);
	int examined = 0, r;
	size_t count;
	const struct memory_version **all = sorted(m, view_of(reader), MEMORY_AUDIT,
						   q->is_descending ? by_id_down : by_id, &count);

	CHECK(audit_query_is_sound(q));
	*ret = (struct page){ .next = q->after_id };
	ret->audits = arena_alloc(a, sizeof(ret->audits[0]) * (size_t)q->limit);
	r = ret->audits == NULL || all == NULL ? FAULT(-ENOMEM) : 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		enum step step;

		if (q->after_id != 0 &&
		    (q->is_descending ? all[i]->id >= q->after_id : all[i]->id <= q->after_id))
			continue;
		step = page_step(ret, q->limit, &examined, audit_fits(q, &all[i]->audit));
		if (step == FULL)
			break;
		ret->next = all[i]->id;
		if (step == TAKE)
			r = memory_copy_audit(&all[i]->audit, a, &ret->audits[ret->count++]);
	}
	free(all);
	return leave(m, r);
}

/* Without regard to the case of ASCII letters, as SQLite's lower() has none of others. */
static bool contains(const char *text, const char *part)
{
	CHECK(part != NULL);
	return text != NULL && strcasestr(text, part) != NULL;
}

static int list_items(struct reader *reader, const struct catalogue_query *q, struct arena *a,
		      struct page *ret)
{
	struct memory *m = enter(reader);
	int examined = 0, r;
	size_t count;
	const struct memory_version **all = sorted(m, view_of(reader), MEMORY_ITEM, by_sku, &count);

	CHECK(catalogue_query_is_sound(q));
	*ret = (struct page){ 0 };
	ret->items = arena_alloc(a, sizeof(ret->items[0]) * (size_t)q->limit);
	r = ret->items == NULL || all == NULL ? FAULT(-ENOMEM) : 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct item *item = &all[i]->item;
		bool fits = (q->text == NULL || contains(item->name, q->text) ||
			     contains(item->sku.text, q->text)) &&
			    (q->is_archived < 0 || q->is_archived == item->is_archived);
		enum step step;

		if (strcmp(item->sku.text, q->after) <= 0)
			continue;
		step = page_step(ret, q->limit, &examined, fits);
		if (step == FULL)
			break;
		ret->next_code = item->sku;
		if (step == TAKE)
			r = memory_copy_item(item, a, &ret->items[ret->count++]);
	}
	free(all);
	return leave(m, r);
}

static int list_locations(struct reader *reader, const struct catalogue_query *q, struct arena *a,
			  struct page *ret)
{
	struct memory *m = enter(reader);
	int examined = 0, r;
	size_t count;
	const struct memory_version **all =
		sorted(m, view_of(reader), MEMORY_LOCATION, by_code, &count);

	CHECK(catalogue_query_is_sound(q));
	*ret = (struct page){ 0 };
	ret->locations = arena_alloc(a, sizeof(ret->locations[0]) * (size_t)q->limit);
	r = ret->locations == NULL || all == NULL ? FAULT(-ENOMEM) : 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct location *location = &all[i]->location;
		bool fits = (q->text == NULL || contains(location->name, q->text) ||
			     contains(location->code.text, q->text)) &&
			    (q->is_archived < 0 || q->is_archived == location->is_archived);
		enum step step;

		if (strcmp(location->code.text, q->after) <= 0)
			continue;
		step = page_step(ret, q->limit, &examined, fits);
		if (step == FULL)
			break;
		ret->next_code = location->code;
		if (step == TAKE)
			r = memory_copy_location(location, a, &ret->locations[ret->count++]);
	}
	free(all);
	return leave(m, r);
}

static bool has_line_of(struct memory *m, const struct memory_view *v, const struct reservation *r,
			const struct reservation_query *q)
{
	CHECK(r->line_count >= 1);
	for (int i = 0; i < r->line_count; i++) {
		struct code sku, location;

		memory_names_of(m, v, r->lines[i].item_id, r->lines[i].location_id, &sku,
				&location);
		if (text_fits(q->sku, sku.text) && text_fits(q->location, location.text))
			return true;
	}
	return false;
}

static bool reservation_fits(struct memory *m, const struct memory_view *v,
			     const struct reservation *r, const struct reservation_query *q)
{
	CHECK(q->state <= RESERVATION_STATES);
	return text_fits(q->owner, r->owner) &&
	       (q->state == RESERVATION_STATES || q->state == r->state) &&
	       ((q->sku == NULL && q->location == NULL) || has_line_of(m, v, r, q));
}

static int list_reservations(struct reader *reader, const struct reservation_query *q,
			     struct arena *a, struct page *ret)
{
	struct memory *m = enter(reader);
	const struct memory_view *v = view_of(reader);
	int examined = 0, r;
	size_t count;
	const struct memory_version **all = sorted(m, v, MEMORY_RESERVATION, by_id, &count);

	CHECK(reservation_query_is_sound(q));
	*ret = (struct page){ .next = q->after_id };
	ret->reservations = arena_alloc(a, sizeof(ret->reservations[0]) * (size_t)q->limit);
	r = ret->reservations == NULL || all == NULL ? FAULT(-ENOMEM) : 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct reservation *found = &all[i]->reservation;
		enum step step;

		if (found->id <= q->after_id)
			continue;
		step = page_step(ret, q->limit, &examined, reservation_fits(m, v, found, q));
		if (step == FULL)
			break;
		ret->next = found->id;
		if (step == TAKE)
			r = memory_copy_reservation(m, v, found, a,
						    &ret->reservations[ret->count++]);
	}
	free(all);
	return leave(m, r);
}

/* ---------------------------------------------------------------- life */

static int copy(struct reader *reader, const char *path, bool (*may_go_on)(void *context),
		void *context)
{
	(void)reader, (void)path, (void)may_go_on, (void)context;
	return FAULT(-ENOTSUP); /* there is no file of it */
}

/* Nothing here takes long enough to be ended. */
static void limit_time(struct reader *reader, int64_t at_ns, const atomic_int_fast64_t *or_at_ns)
{
	(void)reader, (void)at_ns, (void)or_at_ns;
}

static void close_reader(struct reader *reader)
{
	free(memory_reader_of(reader));
}

static const struct reader_ops reader_ops = {
	.audit = &memory_audit_ops,
	.begin = begin,
	.end = end,
	.item = read_item,
	.location = read_location,
	.stock = read_stock,
	.stock_of_item = stock_of_item,
	.movement = read_movement,
	.past_level = read_past_level,
	.reservation = read_reservation,
	.access_version = memory_access_version,
	.access = memory_access,
	.list_reservations = list_reservations,
	.key = read_key,
	.list_stock = list_stock,
	.list_movements = list_movements,
	.list_audit = list_audit,
	.list_items = list_items,
	.list_locations = list_locations,
	.copy = copy,
	.limit_time = limit_time,
	.close = close_reader,
};

int memory_open_reader(struct memory *m, struct reader **ret)
{
	struct memory_reader *r = calloc(1, sizeof(*r));

	CHECK(m != NULL);
	if (r == NULL)
		return FAULT(-ENOMEM);
	r->reader.ops = &reader_ops;
	r->m = m;
	*ret = &r->reader;
	return 0;
}
