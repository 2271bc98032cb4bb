/*
 * postgres_found - locks what a group wants, in one order, and reads behind the locks.
 *
 * The first lock of a group waits for what others hold, as long as it may, and where that is too
 * long it begins anew with what is free. A later one, and what is overdue, which is known only
 * behind the locks, are taken if they are free. A row of stock that is not there yet cannot be
 * locked: it is made first, in a transaction of its own.
 */
#include "store/postgres_group.h"
#include "base/hash.h"
#include "store/records.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OVERDUE_AGAIN_MS = 60000 }; /* one that was handed out and not resolved */

/* Columns of READ_ROWS: the number of the row, and from where on the others are. */
enum {
	ROW_ITEM = 1,
	ROW_LOCATION = ROW_ITEM + 8,
	ROW_STOCK = ROW_LOCATION + 6,
	ROW_DUE = ROW_STOCK + 6,
	ROW_LEASED
};

/* What is asked for in one call of lock(); all of it in the writer's memory. */
struct quest {
	struct postgres_writer *w;
	const struct want *want; /* NULL: it sweeps */
	struct found *found;
	int64_t now_ms;
	const struct row_ref **rows; /* that are not found yet */
	const char **skus, **codes;  /* theirs */
	size_t row_count;
	const struct row_ref **respected; /* whose leases are not known by their rows */
	size_t respected_count;
	const char **names; /* of reservations that are not found yet */
	size_t name_count;
	const char **promised; /* of reservations whose rows are asked for */
	size_t promised_count;
	const char **items, **locations;
	bool *item_uses, *location_uses;
	int64_t *due; /* reservations that are overdue, as far as is known */
	size_t due_count;
	struct due_row *due_rows;
	size_t due_row_count;
	const int64_t *busy; /* pairs of ids: rows that somebody else holds */
	size_t busy_count;
	const struct row_ref **missing; /* rows of pairs that were never stocked */
	size_t missing_count;
	bool is_first; /* what is found may be thrown away */
	bool skips;    /* what others hold is not waited for */
};

/* A row, by its place in quest.rows, in which that reservation is overdue. */
struct due_row {
	size_t n;
	int64_t reservation_id;
};

/* Results of one trip. */
struct answers {
	PGresult *rows, *rows_of, *reservations, *lines, *items, *locations, *statements, *leases,
		*respected, *keys, *head, *locked, *locked_more;
};

static void clear_answers(struct answers *a)
{
	PGresult *all[] = { a->rows,      a->rows_of,    a->reservations, a->lines,     a->items,
			    a->locations, a->statements, a->leases,       a->respected, a->keys,
			    a->head,      a->locked,     a->locked_more };

	for (size_t i = 0; i < LENGTH_OF(all); i++)
		PQclear(all[i]);
}

static void *get(struct postgres_writer *w, size_t count, size_t bytes)
{
	CHECK(bytes > 0);
	return arena_alloc(&w->memory, (count + 1) * bytes);
}

static struct postgres_value texts(struct quest *q, const char *const all[], size_t count)
{
	CHECK(q->w != NULL);
	return value_text_array(&q->w->memory, all, count);
}

/* ---------------------------------------------------------------- what is asked for */

static int ask_rows(struct quest *q)
{
	size_t count = q->want->rows.count;

	CHECK(q->row_count == 0);
	q->rows = get(q->w, count, sizeof(q->rows[0]));
	q->skus = get(q->w, count, sizeof(q->skus[0]));
	q->codes = get(q->w, count, sizeof(q->codes[0]));
	if (q->rows == NULL || q->skus == NULL || q->codes == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		const struct row_ref *ref = q->want->rows.all[i];

		if (row_set_row(&q->w->rows, ref) != NULL)
			continue; /* this group has it already */
		q->rows[q->row_count] = ref;
		q->skus[q->row_count] = ref->sku.text;
		q->codes[q->row_count++] = ref->location.text;
	}
	return 0;
}

/* Rows come in the order of their names. */
static bool is_asked(const struct quest *q, const struct row_ref *ref)
{
	size_t low = 0, high = q->row_count;

	CHECK(ref != NULL);
	while (low < high) {
		size_t at = low + (high - low) / 2;
		int order = strcmp(q->skus[at], ref->sku.text);

		order = order != 0 ? order : strcmp(q->codes[at], ref->location.text);
		if (order == 0)
			return true;
		low = order < 0 ? at + 1 : low;
		high = order < 0 ? high : at;
	}
	return false;
}

/* What is read of a row says whether it is leased, too. */
static int ask_respected(struct quest *q)
{
	const struct want_rows *all = &q->want->respected;

	CHECK(q->respected_count == 0);
	q->respected = get(q->w, all->count, sizeof(q->respected[0]));
	if (q->respected == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < all->count; i++)
		if (!is_asked(q, all->all[i]) && row_set_row(&q->w->rows, all->all[i]) == NULL)
			q->respected[q->respected_count++] = all->all[i];
	return 0;
}

static int ask_reservations(struct quest *q)
{
	size_t count = q->want->reservations.count;

	CHECK(q->name_count == 0);
	q->names = get(q->w, count, sizeof(q->names[0]));
	q->promised = get(q->w, count, sizeof(q->promised[0]));
	if (q->names == NULL || q->promised == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		const struct wanted_reservation *wanted = &q->want->reservations.all[i];
		const struct found_reservation *of = found_reservation_of(q->found, wanted->name);

		if (of == NULL)
			q->names[q->name_count++] = wanted->name;
		if (wanted->needs_rows && (of == NULL || !of->has_rows))
			q->promised[q->promised_count++] = wanted->name;
	}
	return 0;
}

static int ask_names(struct quest *q)
{
	const struct want *want = q->want;

	CHECK(q->items == NULL);
	q->items = get(q->w, want->items.count, sizeof(q->items[0]));
	q->locations = get(q->w, want->locations.count, sizeof(q->locations[0]));
	q->item_uses = get(q->w, want->items.count, sizeof(q->item_uses[0]));
	q->location_uses = get(q->w, want->locations.count, sizeof(q->location_uses[0]));
	if (q->items == NULL || q->locations == NULL || q->item_uses == NULL ||
	    q->location_uses == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < want->items.count; i++) {
		q->items[i] = want->items.all[i].name;
		q->item_uses[i] = want->items.all[i].needs_use;
	}
	for (size_t i = 0; i < want->locations.count; i++) {
		q->locations[i] = want->locations.all[i].name;
		q->location_uses[i] = want->locations.all[i].needs_use;
	}
	return 0;
}

static int ask(struct quest *q)
{
	int r = ask_rows(q);

	CHECK(q->want != NULL);
	r = r < 0 ? r : ask_respected(q);
	r = r < 0 ? r : ask_reservations(q);
	return r < 0 ? r : ask_names(q);
}

static bool has_named_stock(const struct quest *q)
{
	CHECK(q->want != NULL);
	return q->want->items.count + q->want->locations.count + q->promised_count > 0;
}

/* ---------------------------------------------------------------- locking */

static void add_stock_locks(struct quest *q)
{
	struct postgres_link *link = q->w->link;
	struct postgres_value v[] = {
		texts(q, q->skus, q->row_count),
		texts(q, q->codes, q->row_count),
		texts(q, q->items, q->want->items.count),
		texts(q, q->locations, q->want->locations.count),
		texts(q, q->promised, q->promised_count),
	};

	CHECK(q->w->is_open);
	if (has_named_stock(q) && !q->skips)
		postgres_add(link, STOCK_LOCK_ALL, 5, v);
	else if (q->row_count > 0)
		postgres_add(link, q->skips ? STOCK_LOCK_FREE : STOCK_LOCK, 2, v);
	if (has_named_stock(q) && q->skips)
		postgres_add(link, STOCK_LOCK_NAMED_NOW, 3, v + 2);
}

/* Rows alone are skipped without that. */
static bool sets_patience(const struct quest *q)
{
	return !q->skips || has_named_stock(q) || q->name_count > 0;
}

static void add_locks(struct quest *q, const char *patience)
{
	struct postgres_link *link = q->w->link;
	struct postgres_value names = texts(q, q->names, q->name_count);
	struct postgres_value items = texts(q, q->items, q->want->items.count);
	struct postgres_value locations = texts(q, q->locations, q->want->locations.count);

	CHECK(patience != NULL);
	if (sets_patience(q))
		postgres_add_text(link, patience);
	add_stock_locks(q);
	if (q->name_count > 0)
		postgres_add(link, RESERVATION_LOCK, 1, &names);
	if (q->want->items.count > 0)
		postgres_add(link, ITEM_LOCK, 1, &items);
	if (q->want->locations.count > 0)
		postgres_add(link, LOCATION_LOCK, 1, &locations);
}

static int take_locks(struct quest *q, struct answers *a)
{
	struct postgres_link *link = q->w->link;
	bool has_named = has_named_stock(q);
	int r = sets_patience(q) ? postgres_take(link, NULL) : 0;

	CHECK(a->locked == NULL);
	if (r == 0 && (q->row_count > 0 || (has_named && !q->skips)))
		r = postgres_take(link, &a->locked);
	if (r == 0 && has_named && q->skips)
		r = postgres_take(link, &a->locked_more);
	if (r == 0 && q->name_count > 0)
		r = postgres_take(link, NULL);
	if (r == 0 && q->want->items.count > 0)
		r = postgres_take(link, NULL);
	if (r == 0 && q->want->locations.count > 0)
		r = postgres_take(link, NULL);
	return r;
}

/* ---------------------------------------------------------------- asking */

/*
 * Each statement sees what is committed when it begins. So rows come last: of a reservation that
 * somebody makes in between, rows are seen where it is itself, and since they are not locked here
 * the group is begun again.
 */
static void add_reads_of_reservations(struct quest *q, const int64_t ids[], size_t id_count)
{
	struct postgres_link *link = q->w->link;
	struct postgres_value v[] = { texts(q, q->names, q->name_count),
				      value_int_array(&q->w->memory, ids, id_count) };
	struct postgres_value of[] = { texts(q, q->promised, q->promised_count), v[1] };

	CHECK(id_count == 0 || ids != NULL);
	if (q->name_count + id_count > 0) {
		postgres_add(link, READ_RESERVATIONS, 2, v);
		postgres_add(link, READ_LINES, 2, v);
	}
	if (q->promised_count + id_count > 0)
		postgres_add(link, READ_ROWS_OF_RESERVATIONS, 2, of);
}

static int take_reads_of_reservations(struct quest *q, size_t id_count, struct answers *a)
{
	struct postgres_link *link = q->w->link;
	int r = 0;

	CHECK(a->reservations == NULL);
	if (q->name_count + id_count > 0)
		r = postgres_take(link, &a->reservations);
	if (r == 0 && q->name_count + id_count > 0)
		r = postgres_take(link, &a->lines);
	if (r == 0 && q->promised_count + id_count > 0)
		r = postgres_take(link, &a->rows_of);
	return r;
}

static void add_reads_of_names(struct quest *q)
{
	struct arena *m = &q->w->memory;
	size_t items = q->want->items.count, locations = q->want->locations.count;
	struct postgres_value i[] = { texts(q, q->items, items),
				      value_bool_array(m, q->item_uses, items),
				      value_int(q->now_ms) };
	struct postgres_value l[] = { texts(q, q->locations, locations),
				      value_bool_array(m, q->location_uses, locations),
				      value_int(q->now_ms) };

	CHECK(q->want != NULL);
	if (items > 0)
		postgres_add(q->w->link, READ_ITEMS, LENGTH_OF(i), i);
	if (locations > 0)
		postgres_add(q->w->link, READ_LOCATIONS, LENGTH_OF(l), l);
}

static struct postgres_value words_that_state(struct quest *q)
{
	const char *words[MOVEMENT_KINDS];
	size_t count = 0;

	for (int kind = 0; kind < MOVEMENT_KINDS; kind++)
		if (movement_states_level(kind))
			words[count++] = movement_kind_text(kind);
	return texts(q, words, count);
}

static int add_read_of_statements(struct quest *q)
{
	size_t count = q->want->statements.count;
	const char **skus = get(q->w, count, sizeof(skus[0]));
	const char **codes = get(q->w, count, sizeof(codes[0]));
	int64_t *seen = get(q->w, count, sizeof(seen[0]));

	CHECK(q->want != NULL);
	if (skus == NULL || codes == NULL || seen == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		skus[i] = q->want->statements.all[i].row->sku.text;
		codes[i] = q->want->statements.all[i].row->location.text;
		seen[i] = q->want->statements.all[i].seen_seq;
	}

	struct postgres_value v[] = { texts(q, skus, count), texts(q, codes, count),
				      value_int_array(&q->w->memory, seen, count),
				      words_that_state(q) };

	if (count > 0)
		postgres_add(q->w->link, READ_STATEMENTS, LENGTH_OF(v), v);
	return 0;
}

static int add_read_of_leases(struct quest *q)
{
	size_t count = q->want->leases.count;
	const char **ids = get(q->w, count, sizeof(ids[0]));

	if (ids == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++)
		ids[i] = q->want->leases.all[i].id;

	struct postgres_value v = texts(q, ids, count);

	if (count > 0)
		postgres_add(q->w->link, READ_WANTED_LEASES, 1, &v);
	return 0;
}

static int add_read_of_respected(struct quest *q)
{
	size_t count = q->respected_count;
	const char **skus = get(q->w, count, sizeof(skus[0]));
	const char **codes = get(q->w, count, sizeof(codes[0]));

	if (skus == NULL || codes == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		skus[i] = q->respected[i]->sku.text;
		codes[i] = q->respected[i]->location.text;
	}

	struct postgres_value v[] = { texts(q, skus, count), texts(q, codes, count),
				      value_int(q->now_ms) };

	if (count > 0)
		postgres_add(q->w->link, READ_RESPECTED, LENGTH_OF(v), v);
	return 0;
}

static int add_read_of_keys(struct quest *q)
{
	size_t count = q->want->keys.count;
	const char **keys = get(q->w, count, sizeof(keys[0]));
	int64_t *tokens = get(q->w, count, sizeof(tokens[0]));

	if (keys == NULL || tokens == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		keys[i] = q->want->keys.all[i].key;
		tokens[i] = q->want->keys.all[i].token_id;
	}

	struct postgres_value v[] = { value_int_array(&q->w->memory, tokens, count),
				      texts(q, keys, count) };

	if (count > 0)
		postgres_add(q->w->link, READ_KEYS, LENGTH_OF(v), v);
	return 0;
}

static int add_reads(struct quest *q)
{
	struct postgres_value rows[] = { texts(q, q->skus, q->row_count),
					 texts(q, q->codes, q->row_count), value_int(q->now_ms) };
	int r;

	CHECK(q->w->is_open);
	if (q->row_count > 0)
		postgres_add(q->w->link, READ_ROWS, LENGTH_OF(rows), rows);
	add_reads_of_reservations(q, NULL, 0);
	add_reads_of_names(q);
	r = add_read_of_statements(q);
	r = r < 0 ? r : add_read_of_leases(q);
	r = r < 0 ? r : add_read_of_respected(q);
	r = r < 0 ? r : add_read_of_keys(q);
	postgres_add(q->w->link, READ_HEAD, 0, NULL);
	return r;
}

static int take_reads(struct quest *q, struct answers *a)
{
	const struct want *want = q->want;
	const struct {
		bool is_asked;
		PGresult **ret;
	} rest[] = {
		{ want->items.count > 0, &a->items },
		{ want->locations.count > 0, &a->locations },
		{ want->statements.count > 0, &a->statements },
		{ want->leases.count > 0, &a->leases },
		{ q->respected_count > 0, &a->respected },
		{ want->keys.count > 0, &a->keys },
		{ true, &a->head },
	};
	int r = q->row_count > 0 ? postgres_take(q->w->link, &a->rows) : 0;

	r = r < 0 ? r : take_reads_of_reservations(q, 0, a);
	for (size_t i = 0; r == 0 && i < LENGTH_OF(rest); i++)
		if (rest[i].is_asked)
			r = postgres_take(q->w->link, rest[i].ret);
	return r;
}

/* ---------------------------------------------------------------- held rows */

/* Room for what this call may add. */
static int make_room_for_held(struct found *found, const struct want *want)
{
	size_t most = found->held_count + want->rows.count + want->respected.count;
	const struct row_ref **held = arena_alloc(&found->memory, sizeof(held[0]) * (most + 1));

	CHECK(want != NULL);
	if (held == NULL)
		return FAULT(-ENOMEM);
	if (found->held_count > 0)
		memcpy(held, found->held, sizeof(held[0]) * found->held_count);
	found->held = held;
	return 0;
}

/*
 * A command that names it is not decided on in this group. Where the row is locked all the same,
 * for it is leased, or an overdue reservation of it is somebody else's, it stays found: a
 * reservation that has a line of it is given back by its own right.
 */
static void add_held(struct quest *q, const struct row_ref *ref)
{
	struct found *found = q->found;

	CHECK(ref != NULL);
	for (size_t i = 0; i < found->held_count; i++)
		if (found->held[i] == ref)
			return;
	found->held[found->held_count++] = ref;
}

/* ---------------------------------------------------------------- rows and names */

static void read_item(const PGresult *from, int n, int column, struct item *ret)
{
	CHECK(n < PQntuples(from));
	*ret = (struct item){ .id = postgres_int(from, n, column),
			      .backorder_limit = postgres_int(from, n, column + 2),
			      .reorder_point = postgres_int(from, n, column + 3),
			      .has_reorder_point = !postgres_is_null(from, n, column + 3),
			      .is_archived = postgres_bool(from, n, column + 4),
			      .version = postgres_int(from, n, column + 5),
			      .created_at_ms = postgres_int(from, n, column + 6),
			      .updated_at_ms = postgres_int(from, n, column + 7) };
	postgres_code(from, n, column + 1, &ret->sku);
}

static void read_location(const PGresult *from, int n, int column, struct location *ret)
{
	CHECK(n < PQntuples(from));
	*ret = (struct location){ .id = postgres_int(from, n, column),
				  .is_archived = postgres_bool(from, n, column + 2),
				  .version = postgres_int(from, n, column + 3),
				  .created_at_ms = postgres_int(from, n, column + 4),
				  .updated_at_ms = postgres_int(from, n, column + 5) };
	postgres_code(from, n, column + 1, &ret->code);
}

static void read_level(const PGresult *from, int n, struct stock *ret)
{
	CHECK(n < PQntuples(from));
	*ret = (struct stock){ .id = postgres_int(from, n, ROW_STOCK),
			       .on_hand = postgres_int(from, n, ROW_STOCK + 1),
			       .reserved = postgres_int(from, n, ROW_STOCK + 2),
			       .version = postgres_int(from, n, ROW_STOCK + 3),
			       .seq = postgres_int(from, n, ROW_STOCK + 4),
			       .updated_at_ms = postgres_int(from, n, ROW_STOCK + 5) };
}

/* Found before, or new; NULL in *ret: it makes no sense. from NULL: there is none. */
static int put_item(struct quest *q, const char *sku, const PGresult *from, int n, int column,
		    struct found_item **ret)
{
	struct row_set *s = &q->w->rows;
	struct found_item *item = row_set_item(s, sku);

	CHECK(sku[0] != '\0');
	*ret = item;
	if (item != NULL)
		return 0;
	item = row_set_new_item(s, sku);
	if (item == NULL)
		return FAULT(-ENOMEM);
	if (from != NULL && !postgres_is_null(from, n, column)) {
		read_item(from, n, column, &item->item);
		if (!item_is_sound(&item->item))
			return 0;
	}
	row_set_add_item(s, item);
	*ret = item;
	return 0;
}

static int put_location(struct quest *q, const char *code, const PGresult *from, int n, int column,
			struct found_location **ret)
{
	struct row_set *s = &q->w->rows;
	struct found_location *location = row_set_location(s, code);

	CHECK(code[0] != '\0');
	*ret = location;
	if (location != NULL)
		return 0;
	location = row_set_new_location(s, code);
	if (location == NULL)
		return FAULT(-ENOMEM);
	if (from != NULL && !postgres_is_null(from, n, column)) {
		read_location(from, n, column, &location->location);
		if (!location_is_sound(&location->location))
			return 0;
	}
	row_set_add_location(s, location);
	*ret = location;
	return 0;
}

/* What makes no sense stays out. */
static int put_row(struct quest *q, const struct row_ref *ref, const PGresult *from, int n)
{
	struct row_set *s = &q->w->rows;
	struct found_item *item;
	struct found_location *location;
	struct found_row *row;
	int r;

	CHECK(n < PQntuples(from));
	if (row_set_row(s, ref) != NULL)
		return 0;
	r = put_item(q, ref->sku.text, from, n, ROW_ITEM, &item);
	r = r < 0 ? r : put_location(q, ref->location.text, from, n, ROW_LOCATION, &location);
	if (r < 0 || item == NULL || location == NULL)
		return r;
	row = row_set_new_row(s, ref);
	if (row == NULL)
		return FAULT(-ENOMEM);
	row->item = item;
	row->location = location;
	read_level(from, n, &row->stock);
	row->loaded_seq = row->stock.seq;
	if (!stock_is_sound(&row->stock) && row->stock.version != 0)
		return 0;
	row_set_add_row(s, row, ref->key);
	return 0;
}

/* A pair that can be stocked, and never was: there is nothing to lock yet. */
static bool lacks_stock(const PGresult *from, int n)
{
	CHECK(n < PQntuples(from));
	return !postgres_is_null(from, n, ROW_ITEM) && !postgres_is_null(from, n, ROW_LOCATION) &&
	       postgres_is_null(from, n, ROW_STOCK);
}

/* One that this group has made, or whose item it has: nobody else knows it. */
static bool is_of_this_group(struct quest *q, const struct row_ref *ref)
{
	const struct found_item *item = row_set_item(&q->w->rows, ref->sku.text);
	const struct found_location *l = row_set_location(&q->w->rows, ref->location.text);

	return (item != NULL && item->written_id != 0) || (l != NULL && l->written_id != 0);
}

static int put_rows(struct quest *q, const PGresult *from)
{
	int r = 0;

	CHECK((size_t)PQntuples(from) == q->row_count);
	q->missing = get(q->w, q->row_count, sizeof(q->missing[0]));
	if (q->missing == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; r == 0 && i < q->row_count; i++) {
		const struct row_ref *ref = q->rows[i];
		int n = (int)i;

		if (lacks_stock(from, n) && !is_of_this_group(q, ref)) {
			q->missing[q->missing_count++] = ref;
		} else if (!postgres_is_null(from, n, ROW_STOCK) &&
			   !postgres_has_locked(q->w, postgres_int(from, n, ROW_STOCK))) {
			add_held(q, ref);
		} else {
			r = put_row(q, ref, from, n);
		}
	}
	return r;
}

/* Rows of lines. What somebody else holds goes into `busy`. */
static int put_rows_of(struct quest *q, const PGresult *from)
{
	int count = from == NULL ? 0 : PQntuples(from), r = 0;
	int64_t *busy = get(q->w, (size_t)count * 2, sizeof(busy[0]));

	if (busy == NULL)
		return FAULT(-ENOMEM);
	q->busy = busy;
	q->busy_count = 0;
	for (int i = 0; r == 0 && i < count; i++) {
		struct row_ref ref = { 0 };

		postgres_code(from, i, ROW_ITEM + 1, &ref.sku);
		postgres_code(from, i, ROW_LOCATION + 1, &ref.location);
		ref.key = hash_pair(ref.sku.text, ref.location.text, q->w->rows.seed);
		if (postgres_has_locked(q->w, postgres_int(from, i, ROW_STOCK))) {
			r = ref.sku.text[0] == '\0' || ref.location.text[0] == '\0'
				    ? 0
				    : put_row(q, &ref, from, i);
			continue;
		}
		busy[q->busy_count * 2] = postgres_int(from, i, ROW_ITEM);
		busy[q->busy_count++ * 2 + 1] = postgres_int(from, i, ROW_LOCATION);
	}
	return r;
}

/* ---------------------------------------------------------------- reservations */

static int read_lines(const PGresult *from, struct arena *a, struct reservation *ret)
{
	struct reservation_line lines[COMMAND_ROWS_MAX];
	int count = 0;

	CHECK(ret->id != 0);
	for (int i = 0; i < PQntuples(from); i++) {
		struct reservation_line *l = &lines[count];

		if (postgres_int(from, i, 0) != ret->id)
			continue;
		if (count == COMMAND_ROWS_MAX)
			return FAULT(-EBADMSG);
		*l = (struct reservation_line){ .item_id = postgres_int(from, i, 4),
						.location_id = postgres_int(from, i, 5),
						.quantity = postgres_int(from, i, 6),
						.committed = postgres_int(from, i, 7) };
		if (postgres_is_null(from, i, 2) || postgres_is_null(from, i, 3))
			continue; /* of an item or location that is not there */
		postgres_code(from, i, 2, &l->sku);
		postgres_code(from, i, 3, &l->location);
		ret->lacks_lines = ret->lacks_lines || postgres_int(from, i, 1) != count;
		count++;
	}
	ret->line_count = count;
	ret->lines =
		(struct reservation_line *)arena_copy(a, lines, sizeof(lines[0]) * (size_t)count);
	return ret->lines != NULL ? 0 : FAULT(-ENOMEM);
}

static int read_reservation(const PGresult *from, const PGresult *lines, int n, struct arena *a,
			    struct reservation *ret)
{
	const char *state = postgres_peek_text(from, n, 2);
	int r;

	CHECK(n < PQntuples(from));
	*ret = (struct reservation){ .id = postgres_int(from, n, 0),
				     .created_at_ms = postgres_int(from, n, 5),
				     .expires_at_ms = postgres_int(from, n, 6),
				     .resolved_at_ms = postgres_int(from, n, 7) };
	ret->state = state == NULL ? RESERVATION_STATES : reservation_state_by_text(state);
	if (ret->state == RESERVATION_STATES)
		return FAULT(-EBADMSG);
	r = postgres_text(from, n, 1, a, &ret->name);
	r = r < 0 ? r : postgres_text(from, n, 3, a, &ret->owner);
	r = r < 0 ? r : postgres_text(from, n, 4, a, &ret->reference);
	return r < 0 ? r : read_lines(lines, a, ret);
}

/* The row of the result that has this name, or -1. */
static int place_of_name(const PGresult *from, const char *name)
{
	CHECK(name != NULL);
	for (int i = 0; i < PQntuples(from); i++) {
		const char *here = postgres_peek_text(from, i, 1);

		if (here != NULL && strcmp(here, name) == 0)
			return i;
	}
	return -1;
}

static int place_of_id(const PGresult *from, int64_t id)
{
	CHECK(id != 0);
	for (int i = 0; i < PQntuples(from); i++)
		if (postgres_int(from, i, 0) == id)
			return i;
	return -1;
}

/* n < 0: there is none of that name. */
static int put_reservation(struct quest *q, const char *name, const struct answers *a, int n,
			   struct found_reservation **ret)
{
	struct arena *memory = &q->found->memory;
	const char *kept = arena_copy(memory, name, strlen(name));
	struct found_reservation *of = kept == NULL ? NULL : found_add_reservation(q->found, kept);
	int r;

	CHECK(name != NULL);
	*ret = of;
	if (of == NULL)
		return FAULT(-ENOMEM);
	if (n < 0)
		return 0;
	r = read_reservation(a->reservations, a->lines, n, memory, &of->reservation);
	of->is_there = r == 0;
	of->is_damaged = r == -EBADMSG || (r == 0 && !reservation_is_sound(&of->reservation));
	return r == -EBADMSG ? 0 : r;
}

static int put_reservations(struct quest *q, const struct answers *a)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < q->name_count; i++) {
		struct found_reservation *of = found_reservation_of(q->found, q->names[i]);

		if (of != NULL)
			continue; /* works of one group may name the same one */
		r = put_reservation(q, q->names[i], a, place_of_name(a->reservations, q->names[i]),
				    &of);
	}
	for (size_t i = 0; r == 0 && i < q->promised_count; i++) {
		struct found_reservation *of = found_reservation_of(q->found, q->promised[i]);

		of->has_rows = of->is_there && of->reservation.state == RESERVATION_ACTIVE;
	}
	return r;
}

/* ---------------------------------------------------------------- texts, leases, keys */

static int put_full_item(struct quest *q, const PGresult *from, int n,
			 const struct wanted_name *wanted, struct found_item *item)
{
	struct arena *a = &q->found->memory;
	struct item *full = arena_alloc(a, sizeof(*full));
	int r;

	CHECK(wanted->needs_texts);
	if (full == NULL)
		return FAULT(-ENOMEM);
	read_item(from, n, 1, full);
	r = postgres_text(from, n, 9, a, &full->name);
	r = r < 0 ? r : postgres_text(from, n, 10, a, &full->unit);
	r = r < 0 ? r : postgres_text(from, n, 11, a, &full->attributes);
	item->full_group = q->want->group;
	item->full = r == 0 && full->name != NULL && full->unit != NULL ? full : NULL;
	return r;
}

/* The row of a result that is the answer to the n-th, from *at on; -1: there is none. */
static int place_of(const PGresult *from, size_t n, int *at)
{
	while (*at < PQntuples(from) && postgres_int(from, *at, 0) < (int64_t)n + 1)
		++*at;
	return *at < PQntuples(from) && postgres_int(from, *at, 0) == (int64_t)n + 1 ? *at : -1;
}

static int put_items(struct quest *q, const PGresult *from)
{
	int at = 0, r = 0;

	CHECK(q->want->group > 0);
	for (size_t i = 0; r == 0 && i < q->want->items.count; i++) {
		const struct wanted_name *wanted = &q->want->items.all[i];
		int n = place_of(from, i, &at);
		struct found_item *item;

		r = put_item(q, wanted->name, n < 0 ? NULL : from, n, 1, &item);
		if (r < 0 || item == NULL || n < 0 || item->item.id <= 0)
			continue;
		if (wanted->needs_texts && item->full_group != q->want->group)
			r = put_full_item(q, from, n, wanted, item);
		if (wanted->needs_use) {
			item->is_in_use = postgres_bool(from, n, 12);
			item->use_group = q->want->group;
		}
	}
	return r;
}

static int put_full_location(struct quest *q, const PGresult *from, int n,
			     struct found_location *location)
{
	struct arena *a = &q->found->memory;
	struct location *full = arena_alloc(a, sizeof(*full));
	int r;

	CHECK(location->location.id > 0);
	if (full == NULL)
		return FAULT(-ENOMEM);
	read_location(from, n, 1, full);
	r = postgres_text(from, n, 7, a, &full->name);
	location->full_group = q->want->group;
	location->full = r == 0 && full->name != NULL ? full : NULL;
	return r;
}

static int put_locations(struct quest *q, const PGresult *from)
{
	int at = 0, r = 0;

	CHECK(q->want->group > 0);
	for (size_t i = 0; r == 0 && i < q->want->locations.count; i++) {
		const struct wanted_name *wanted = &q->want->locations.all[i];
		int n = place_of(from, i, &at);
		struct found_location *location;

		r = put_location(q, wanted->name, n < 0 ? NULL : from, n, 1, &location);
		if (r < 0 || location == NULL || n < 0 || location->location.id <= 0)
			continue;
		if (wanted->needs_texts && location->full_group != q->want->group)
			r = put_full_location(q, from, n, location);
		if (wanted->needs_use) {
			location->is_in_use = postgres_bool(from, n, 8);
			location->use_group = q->want->group;
		}
	}
	return r;
}

static void put_statements(struct quest *q, const PGresult *from)
{
	for (int i = 0; i < PQntuples(from); i++) {
		size_t n = (size_t)postgres_int(from, i, 0) - 1;
		const struct wanted_statement *wanted = &q->want->statements.all[n];
		struct found_row *row = row_set_row(&q->w->rows, wanted->row);
		int64_t seq = postgres_int(from, i, 1);

		CHECK(n < q->want->statements.count);
		if (row != NULL && seq > wanted->seen_seq && seq > row->stated_seq)
			row->stated_seq = seq;
	}
}

/* A row of it. Of several leases the newest counts; it is over when all of its rows are. */
static void note_lease(struct found_lease *f, int64_t fence, bool is_over)
{
	CHECK(f->id != NULL);
	if (f->is_there && fence < f->fence)
		return;
	f->is_over = is_over && (!f->is_there || f->fence != fence || f->is_over);
	f->is_there = true;
	f->fence = fence;
}

static int put_leases(struct quest *q, const PGresult *from)
{
	struct found *found = q->found;
	size_t count = found->lease_count + q->want->leases.count;
	struct found_lease *leases = arena_alloc(&found->memory, sizeof(leases[0]) * (count + 1));

	CHECK(q->want != NULL);
	if (leases == NULL)
		return FAULT(-ENOMEM);
	if (found->lease_count > 0)
		memcpy(leases, found->leases, sizeof(leases[0]) * found->lease_count);
	found->leases = leases;
	for (size_t i = 0; i < q->want->leases.count; i++) {
		const struct wanted_lease *wanted = &q->want->leases.all[i];
		struct found_lease *f = &leases[found->lease_count++];

		*f = (struct found_lease){ .id = found_keep_text(found, wanted->id),
					   .fence = wanted->fence };
		if (f->id == NULL)
			return FAULT(-ENOMEM);
		for (int k = 0; k < PQntuples(from); k++) {
			const char *id = postgres_peek_text(from, k, 0);
			int64_t fence = postgres_int(from, k, 1);

			if (id != NULL && strcmp(id, wanted->id) == 0 &&
			    (wanted->fence == 0 || wanted->fence == fence))
				note_lease(f, fence, postgres_int(from, k, 2) <= q->now_ms);
		}
	}
	return 0;
}

/* Has the caller not taken in all that happened to leases? Then one that it meets may be new. */
static bool may_be_unknown(const struct quest *q, int64_t lease_change)
{
	CHECK(lease_change >= 0);
	return !q->w->has_leases || lease_change != q->w->taken.lease_change;
}

/* Leases that were read with their rows. lease_change: as it stood behind them. */
static int note_leased(struct quest *q, const PGresult *from, int64_t lease_change)
{
	struct postgres_writer *w = q->w;
	struct row_ref *leased;

	CHECK(from != NULL);
	if (!may_be_unknown(q, lease_change))
		return 0;
	leased = get(w, w->leased_count + q->row_count, sizeof(leased[0]));
	if (leased == NULL)
		return FAULT(-ENOMEM);
	if (w->leased_count > 0)
		memcpy(leased, w->leased, sizeof(leased[0]) * w->leased_count);
	w->leased = leased;
	for (size_t i = 0; i < q->row_count; i++)
		if (postgres_bool(from, (int)i, ROW_LEASED))
			leased[w->leased_count++] = *q->rows[i];
	return 0;
}

static bool is_leased(const struct postgres_writer *w, const struct row_ref *ref)
{
	CHECK(ref != NULL);
	for (size_t i = 0; i < w->leased_count; i++)
		if (w->leased[i].key == ref->key &&
		    strcmp(w->leased[i].sku.text, ref->sku.text) == 0 &&
		    strcmp(w->leased[i].location.text, ref->location.text) == 0)
			return true;
	return false;
}

static void hold_leased(struct quest *q, const struct row_ref *ref)
{
	add_held(q, ref);
	q->found->leases_are_news = true;
}

/* Leased by somebody whom the caller does not know of: it is to look again. */
static void hold_back_leased(struct quest *q, const PGresult *from)
{
	for (size_t i = 0; q->w->leased_count > 0 && i < q->want->respected.count; i++)
		if (is_leased(q->w, q->want->respected.all[i]))
			hold_leased(q, q->want->respected.all[i]);
	for (int i = 0; from != NULL && i < PQntuples(from); i++) {
		size_t n = (size_t)postgres_int(from, i, 0) - 1;

		CHECK(n < q->respected_count);
		if (may_be_unknown(q, postgres_int(from, i, 1)))
			hold_leased(q, q->respected[n]);
	}
}

static int read_key(const PGresult *from, int n, struct arena *a, struct key_record *ret)
{
	const char *outcome = postgres_peek_text(from, n, 4);
	struct key_record *k = ret;

	CHECK(n < PQntuples(from));
	k->id = postgres_int(from, n, 1);
	k->fingerprint = (uint64_t)postgres_int(from, n, 2);
	k->status = (int)postgres_int(from, n, 3);
	k->outcome = outcome == NULL ? OUTCOME_COUNT : outcome_by_code(outcome);
	k->seq = postgres_int(from, n, 5);
	k->first_seq = postgres_int(from, n, 6);
	k->movement_count = (int)postgres_int(from, n, 7);
	k->at_ms = postgres_int(from, n, 9);
	return postgres_text(from, n, 8, a, &k->body);
}

static int put_keys(struct quest *q, const PGresult *from)
{
	struct found *found = q->found;
	size_t count = q->want->keys.count;
	struct found_key *keys = arena_alloc(&found->memory, sizeof(keys[0]) * (count + 1));
	int r = keys == NULL ? FAULT(-ENOMEM) : 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct found_key *k = &keys[i];

		*k = (struct found_key){ .key = q->want->keys.all[i] };
		k->key.key = found_keep_text(found, k->key.key);
		r = k->key.key == NULL ? FAULT(-ENOMEM) : 0;
	}
	for (int i = 0; r == 0 && i < PQntuples(from); i++) {
		size_t n = (size_t)postgres_int(from, i, 0) - 1;
		struct found_key *k = &keys[n];
		struct key_record *record = &k->record;

		CHECK(n < count);
		record->token_id = k->key.token_id;
		record->key_hash = key_hash_of(k->key.key, strlen(k->key.key), k->key.token_id);
		record->key = k->key.key;
		/* One that makes no sense is used all the same: whoever replays it sees that. */
		r = read_key(from, i, &found->memory, record);
	}
	if (r == 0) {
		found->keys = keys;
		found->key_count = count;
	}
	return r;
}

/* ---------------------------------------------------------------- what is overdue */

static bool is_busy(const struct quest *q, const struct reservation *r)
{
	for (int i = 0; i < r->line_count; i++)
		for (size_t k = 0; k < q->busy_count; k++)
			if (q->busy[2 * k] == r->lines[i].item_id &&
			    q->busy[2 * k + 1] == r->lines[i].location_id)
				return true;
	return false;
}

/* Somebody else has it, or one of its rows: whoever wants a row of it comes again. */
static int put_back(struct quest *q, int64_t id, const char *name)
{
	CHECK(id > 0);
	for (size_t i = 0; i < q->due_row_count; i++)
		if (q->due_rows[i].reservation_id == id)
			add_held(q, q->rows[q->due_rows[i].n]);
	if (q->want == NULL || name == NULL)
		return 0;
	for (size_t i = 0; i < q->want->reservations.count; i++)
		if (strcmp(q->want->reservations.all[i].name, name) == 0)
			return FAULT(-EBUSY);
	return 0;
}

/* More than one group books: its rows are to come again. */
static bool has_enough(struct quest *q)
{
	size_t most =
		q->want == NULL ? EXPIRED_LINES_PER_GROUP_MAX : 2 * EXPIRED_LINES_PER_GROUP_MAX;

	return q->w->overdue_lines >= most;
}

static void mark_more(struct quest *q, int64_t id)
{
	CHECK(id > 0);
	for (size_t i = 0; q->want != NULL && i < q->due_row_count; i++) {
		struct found_row *row =
			q->due_rows[i].reservation_id != id
				? NULL
				: row_set_row(&q->w->rows, q->rows[q->due_rows[i].n]);

		if (row != NULL) {
			row->overdue_group = q->want->group;
			q->found->has_more_overdue = true;
		}
	}
}

static int push_overdue(struct quest *q, int64_t id, int64_t expires_at_ms,
			struct found_reservation *of)
{
	struct found_overdue *o = arena_alloc(&q->found->memory, sizeof(*o));
	int r = o == NULL ? FAULT(-ENOMEM)
			  : postgres_note_handed(q->w, id, expires_at_ms,
						 q->now_ms + OVERDUE_AGAIN_MS);

	CHECK(q->w->is_in_group);
	if (r < 0)
		return r;
	*o = (struct found_overdue){ .id = id, .of = of };
	list_init(&o->link);
	list_push_back(&q->found->overdue, &o->link);
	q->w->overdue_lines += of == NULL ? 1 : (size_t)of->reservation.line_count;
	return 0;
}

static int hand_out(struct quest *q, int64_t id, const struct answers *a)
{
	int n = place_of_id(a->reservations, id);
	bool is_locked = place_of_id(a->locked_more, id) >= 0;
	const char *name = n < 0 ? NULL : postgres_peek_text(a->reservations, n, 1);
	int64_t expires_at_ms = n < 0 ? 0 : postgres_int(a->reservations, n, 6);
	struct found_reservation *of;
	int r = 0;

	CHECK(q->w->is_open);
	if (n < 0 || name == NULL)
		return 0;
	if (!is_locked)
		return put_back(q, id, name);
	of = found_reservation_of(q->found, name);
	if (of == NULL)
		r = put_reservation(q, name, a, n, &of);
	if (r < 0)
		return r;
	if (of->is_damaged)
		return push_overdue(q, id, expires_at_ms, NULL);
	if (of->reservation.state != RESERVATION_ACTIVE ||
	    of->reservation.expires_at_ms > q->now_ms)
		return 0;
	if (is_busy(q, &of->reservation))
		return put_back(q, id, name);
	of->has_rows = true;
	return push_overdue(q, id, expires_at_ms, of);
}

static int hand_out_all(struct quest *q, const struct answers *a)
{
	int r = put_rows_of(q, a->rows_of);

	CHECK(q->due_count > 0);
	for (size_t i = 0; r == 0 && i < q->due_count; i++) {
		if (has_enough(q))
			mark_more(q, q->due[i]);
		else
			r = hand_out(q, q->due[i], a);
	}
	return r;
}

/* Locks those that are due, and all of their rows, as far as they are free. */
static int lock_due(struct quest *q)
{
	struct postgres_link *link = q->w->link;
	struct quest of = *q;
	struct answers a = { 0 };
	struct postgres_value ids = value_int_array(&q->w->memory, q->due, q->due_count);
	int r;

	CHECK(q->due_count > 0);
	CHECK(q->w->is_open);
	of.name_count = of.promised_count = 0;
	postgres_begin_trip(link);
	postgres_add(link, STOCK_LOCK_DUE, 1, &ids);
	postgres_add(link, RESERVATION_LOCK_DUE, 1, &ids);
	add_reads_of_reservations(&of, q->due, q->due_count);
	r = postgres_send(link, 0);
	r = r < 0 ? r : postgres_take(link, &a.locked);
	r = r < 0 ? r : postgres_take(link, &a.locked_more);
	r = r < 0 ? r : take_reads_of_reservations(&of, q->due_count, &a);
	r = postgres_end_trip(link, r);
	r = r < 0 ? postgres_group_fault(r) : postgres_note_locked(q->w, a.locked);
	if (r == 0)
		r = hand_out_all(q, &a);
	clear_answers(&a);
	return r;
}

static void add_due(struct quest *q, int64_t id, int64_t expires_at_ms)
{
	CHECK(q->due != NULL);
	if (postgres_was_handed(q->w, id, expires_at_ms, q->now_ms))
		return;
	for (size_t i = 0; i < q->due_count; i++)
		if (q->due[i] == id)
			return;
	q->due[q->due_count++] = id;
}

/* Of a result of READ_DUE or READ_OLDEST_DUE. */
static int note_due(struct quest *q, const PGresult *from)
{
	size_t count = (size_t)PQntuples(from);

	CHECK(q->due == NULL);
	q->due_rows = get(q->w, count, sizeof(q->due_rows[0]));
	q->due = get(q->w, count + (q->want == NULL ? 0 : q->want->reservations.count),
		     sizeof(q->due[0]));
	if (q->due_rows == NULL || q->due == NULL)
		return FAULT(-ENOMEM);
	for (int i = 0; i < (int)count; i++) {
		int64_t n = postgres_int(from, i, 0), id = postgres_int(from, i, 1);

		add_due(q, id, postgres_int(from, i, 2));
		if (n > 0)
			q->due_rows[q->due_row_count++] = (struct due_row){ (size_t)n - 1, id };
	}
	return 0;
}

/* In rows, and by name. */
static int find_due(struct quest *q)
{
	CLEANUP(postgres_clear) PGresult *due = NULL;
	enum { LIMIT = 4 * EXPIRED_LINES_PER_GROUP_MAX };
	struct postgres_value v[] = { texts(q, q->skus, q->row_count),
				      texts(q, q->codes, q->row_count), value_int(q->now_ms),
				      value_int(LIMIT) };
	int r = postgres_run(q->w->link, READ_DUE, LENGTH_OF(v), v, &due);

	CHECK(q->want != NULL);
	if (r < 0)
		return postgres_group_fault(r);
	r = note_due(q, due);
	for (size_t i = 0; r == 0 && i < q->want->reservations.count; i++) {
		const struct found_reservation *of =
			found_reservation_of(q->found, q->want->reservations.all[i].name);

		if (of != NULL && of->is_there && !of->is_damaged &&
		    of->reservation.state == RESERVATION_ACTIVE &&
		    of->reservation.expires_at_ms <= q->now_ms)
			add_due(q, of->reservation.id, of->reservation.expires_at_ms);
	}
	return r < 0 || q->due_count == 0 ? r : lock_due(q);
}

static bool has_due(const struct quest *q, const struct answers *a)
{
	for (int i = 0; a->rows != NULL && i < PQntuples(a->rows); i++)
		if (postgres_bool(a->rows, i, ROW_DUE))
			return true;
	for (size_t i = 0; i < q->want->reservations.count; i++) {
		const struct found_reservation *of =
			found_reservation_of(q->found, q->want->reservations.all[i].name);

		if (of != NULL && of->is_there && !of->is_damaged &&
		    of->reservation.state == RESERVATION_ACTIVE &&
		    of->reservation.expires_at_ms <= q->now_ms)
			return true;
	}
	return false;
}

int postgres_sweep(struct store_writer *writer, int64_t now_ms, struct found *found)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	struct quest q = { .w = w, .found = found, .now_ms = now_ms };
	CLEANUP(postgres_clear) PGresult *due = NULL;
	struct promised promised;
	bool begins;
	int r;

	CHECK(w->is_in_group);
	found->rows = &w->rows;
	w->writer.ops->promised(writer, now_ms, &promised);
	if (promised.overdue_count == 0 || has_enough(&q))
		return 0;
	postgres_begin_trip(w->link);
	postgres_add_begin(w, &begins);

	struct postgres_value v[] = { value_int(now_ms), postgres_handed_ids(w, now_ms),
				      value_int(4 * EXPIRED_LINES_PER_GROUP_MAX) };

	postgres_add(w->link, READ_OLDEST_DUE, LENGTH_OF(v), v);
	r = postgres_send(w->link, 0);
	r = r < 0 ? r : postgres_take_begin(w, begins);
	r = r < 0 ? r : postgres_take(w->link, &due);
	r = postgres_end_trip(w->link, r);
	r = r < 0 ? postgres_group_fault(r) : note_due(&q, due);
	return r < 0 || q.due_count == 0 ? r : lock_due(&q);
}

/* ---------------------------------------------------------------- all of it */

static bool is_to_begin_anew(const struct quest *q)
{
	return q->is_first && q->missing_count > 0;
}

static int put_all(struct quest *q, struct answers *a)
{
	int r = 0;

	CHECK(a->head != NULL);
	if (a->locked != NULL)
		r = postgres_note_locked(q->w, a->locked);
	if (r == 0 && a->locked_more != NULL)
		r = postgres_note_locked(q->w, a->locked_more);
	postgres_note_head(q->w, a->head);
	if (r == 0 && a->rows != NULL)
		r = put_rows(q, a->rows);
	if (r < 0 || is_to_begin_anew(q))
		return r;
	if (a->rows_of != NULL)
		r = put_rows_of(q, a->rows_of);
	if (r == 0 && q->busy_count > 0)
		r = FAULT(-EBUSY); /* a line's row that came in between */
	if (r == 0)
		r = put_reservations(q, a);
	if (r == 0 && a->items != NULL)
		r = put_items(q, a->items);
	if (r == 0 && a->locations != NULL)
		r = put_locations(q, a->locations);
	if (r == 0 && a->statements != NULL)
		put_statements(q, a->statements);
	if (r == 0 && a->leases != NULL)
		r = put_leases(q, a->leases);
	if (r == 0 && a->rows != NULL)
		r = note_leased(q, a->rows, postgres_int(a->head, 0, 0));
	if (r == 0)
		hold_back_leased(q, a->respected);
	return r == 0 && a->keys != NULL ? put_keys(q, a->keys) : r;
}

/* One trip, and another one where something is overdue. */
static int attempt(struct quest *q, int64_t wait_ms)
{
	struct postgres_writer *w = q->w;
	struct answers a = { 0 };
	char patience[48], as_before[48];
	bool begins;
	int r;

	CHECK(wait_ms >= 0);
	snprintf(as_before, sizeof(as_before), "SET LOCAL lock_timeout = %d", POSTGRES_LOCK_MS);
	snprintf(patience, sizeof(patience), "SET LOCAL lock_timeout = %lld",
		 (long long)(wait_ms < 1 ? 1 : wait_ms));
	postgres_begin_trip(w->link);
	postgres_add_begin(w, &begins);
	add_locks(q, patience);
	if (sets_patience(q))
		postgres_add_text(w->link, as_before);
	r = add_reads(q);
	if (r == 0)
		r = postgres_send(w->link, 0);
	r = r < 0 ? r : postgres_take_begin(w, begins);
	r = r < 0 ? r : take_locks(q, &a);
	if (r == 0 && sets_patience(q))
		r = postgres_take(w->link, NULL);
	r = r < 0 ? r : take_reads(q, &a);
	r = postgres_end_trip(w->link, r);
	r = r < 0 ? postgres_group_fault(r) : put_all(q, &a);
	if (r == 0 && !is_to_begin_anew(q) && has_due(q, &a))
		r = find_due(q);
	clear_answers(&a);
	return r;
}

/* What was found goes, and its locks: nothing but this call has found it. */
static int begin_anew(struct quest *q)
{
	struct postgres_writer *w = q->w;
	int r = postgres_rollback(w->link);

	CHECK(!w->has_written);
	row_set_clear(&w->rows);
	w->is_open = w->has_rows = false;
	w->locked_count = w->overdue_lines = w->leased_count = 0;
	postgres_forget_handed(w);
	q->found->held_count = q->found->lease_count = q->found->key_count = 0;
	q->found->has_more_overdue = q->found->leases_are_news = false;
	list_init(&q->found->overdue);
	if (q->found->reservations.count > 0)
		map_init(&q->found->reservations, q->found->buckets, FOUND_BUCKETS);
	return r;
}

static struct postgres_value names_of_missing(struct quest *q, bool of_items)
{
	const char **all = get(q->w, q->missing_count, sizeof(all[0]));

	CHECK(q->missing_count > 0);
	if (all == NULL)
		return (struct postgres_value){ .length = POSTGRES_VALUE_SHORT };
	for (size_t i = 0; i < q->missing_count; i++)
		all[i] = of_items ? q->missing[i]->sku.text : q->missing[i]->location.text;
	return texts(q, all, q->missing_count);
}

/* So that there is something to lock; in a transaction of its own. */
static int make_missing(struct quest *q)
{
	struct postgres_writer *w = q->w;
	struct postgres_value v[] = { names_of_missing(q, true), names_of_missing(q, false) };
	int r;

	CHECK(!w->is_open);
	postgres_begin_trip(w->link);
	postgres_add_text(w->link, "BEGIN");
	postgres_add(w->link, STORE_LOCK, 0, NULL);
	postgres_add(w->link, STOCK_MAKE, LENGTH_OF(v), v);
	postgres_add_text(w->link, "COMMIT");
	r = postgres_send(w->link, 0);
	for (int i = 0; r == 0 && i < 4; i++)
		r = postgres_take(w->link, NULL);
	r = postgres_end_trip(w->link, r);
	if (r < 0)
		(void)postgres_rollback(w->link);
	return postgres_group_fault(r);
}

/*
 * In a group that has locks: what it makes is its own until it ends, and so is the store, behind
 * whose lock it gives ids.
 */
static int make_missing_here(struct quest *q)
{
	struct postgres_writer *w = q->w;
	CLEANUP(postgres_clear) PGresult *made = NULL;
	struct postgres_value v[] = { names_of_missing(q, true), names_of_missing(q, false) };
	int r = w->is_numbered ? 0 : postgres_lock_store(w);

	CHECK(q->missing_count > 0);
	if (r == 0)
		r = postgres_group_fault(postgres_run(w->link, STOCK_MAKE, LENGTH_OF(v), v, &made));
	if (r == 0)
		w->numbers.stock += postgres_changed(made);
	return r;
}

/* What this group has locked and read already is all that is wanted: no trip. */
static bool is_found(struct quest *q)
{
	const struct want *want = q->want;

	return q->row_count + q->respected_count + q->name_count + q->promised_count +
		       want->items.count + want->locations.count + want->leases.count +
		       want->keys.count + want->statements.count + want->reservations.count ==
	       0;
}

/* The first lock of a group: what it finds may be thrown away. */
static int lock_first(struct quest *q, int64_t wait_ms)
{
	struct quest blank = *q;
	int r;

	CHECK(!q->w->is_open);
	blank.skips = wait_ms == 0;
	for (int left = 2;; left--) {
		*q = blank;
		q->is_first = left > 0;
		r = attempt(q, wait_ms);
		if (left == 0 || (r < 0 && (r != -EBUSY || q->skips)) ||
		    (r == 0 && q->missing_count == 0))
			return r;
		blank.skips = blank.skips || r == -EBUSY;
		r = begin_anew(q);
		if (r == 0 && q->missing_count > 0)
			r = make_missing(q);
		if (r < 0)
			return r;
	}
}

/* Rows that were made meanwhile: as if they had been asked for one by one. */
static int lock_made(struct quest *q)
{
	struct want less = { .now_ms = q->now_ms, .group = q->want->group };
	struct quest made = {
		.w = q->w, .want = &less, .found = q->found, .now_ms = q->now_ms, .skips = true
	};
	int r = make_missing_here(q);

	CHECK(q->missing_count > 0);
	if (r < 0)
		return r;
	less.rows.all = q->missing;
	less.rows.count = q->missing_count;
	r = ask(&made);
	r = r < 0 ? r : attempt(&made, 0);
	*q = made;
	return r;
}

int postgres_lock(struct store_writer *writer, const struct want *want, int64_t wait_ms,
		  struct found *found)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	struct quest q = { .w = w, .want = want, .found = found, .now_ms = want->now_ms };
	int r;

	CHECK(w->is_in_group);
	CHECK(want_is_sound(want));
	found->rows = &w->rows;
	r = make_room_for_held(found, want);
	r = r < 0 ? r : ask(&q);
	if (r < 0)
		return r;
	if (!w->is_open) {
		r = lock_first(&q, wait_ms);
	} else if (is_found(&q)) {
		hold_back_leased(&q, NULL);
	} else {
		q.skips = true;
		r = attempt(&q, 0);
		if (r == 0 && q.missing_count > 0)
			r = lock_made(&q);
	}
	for (size_t i = 0; r == 0 && i < q.missing_count; i++)
		add_held(&q, q.missing[i]); /* somebody has deleted its item meanwhile */
	return r;
}
