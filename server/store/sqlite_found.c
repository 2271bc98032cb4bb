/*
 * sqlite_found - reads what a group wants: rows once and for all, the rest for the group.
 *
 * Rows, items and locations stay in the set from one group to the next; what makes no sense does
 * not come in, and is read again when it is wanted again: it may have been mended. Who is overdue
 * in a row is known by the book, without asking the store.
 */
#include "base/hash.h"
#include "store/sqlite_private.h"
#include <string.h>

enum { OVERDUE_AGAIN_MS = 60000 }; /* one that was handed out and not resolved */

/* What is wrong with a record of its own keeps that out of the set, and nothing else. */
static int unless_damaged(int r)
{
	return r == -EBADMSG ? 0 : r;
}

/* ---------------------------------------------------------------- rows and names */

static int find_item(struct sqlite_writer *w, const char *sku, struct found_item **ret)
{
	struct found_item *found = row_set_item(&w->rows, sku);
	int r;

	CHECK(w->store->is_in_group);
	*ret = found;
	if (found != NULL)
		return 0;
	found = row_set_new_item(&w->rows, sku);
	if (found == NULL)
		return FAULT(-ENOMEM);
	r = sqlite_load_item(&w->store->store, sku, NULL, &found->item);
	if (r < 0)
		return r;
	if (found->item.id == 0)
		code_set(&found->item.sku, sku, strlen(sku));
	else if (!item_is_sound(&found->item))
		return FAULT(-EBADMSG);
	row_set_add_item(&w->rows, found);
	*ret = found;
	return 0;
}

static int find_location(struct sqlite_writer *w, const char *code, struct found_location **ret)
{
	struct found_location *found = row_set_location(&w->rows, code);
	int r;

	CHECK(w->store->is_in_group);
	*ret = found;
	if (found != NULL)
		return 0;
	found = row_set_new_location(&w->rows, code);
	if (found == NULL)
		return FAULT(-ENOMEM);
	r = sqlite_load_location(&w->store->store, code, NULL, &found->location);
	if (r < 0)
		return r;
	if (found->location.id == 0)
		code_set(&found->location.code, code, strlen(code));
	else if (!location_is_sound(&found->location))
		return FAULT(-EBADMSG);
	row_set_add_location(&w->rows, found);
	*ret = found;
	return 0;
}

/* Of an item or location that is not there, or that the open group has made, there is none. */
static int load_level(struct sqlite_writer *w, struct found_row *row)
{
	int r;

	CHECK(row->item != NULL);
	CHECK(row->location != NULL);
	if (row->item->item.id <= 0 || row->location->location.id <= 0)
		return 0;
	r = sqlite_load_stock(&w->store->store, row->item->item.id, row->location->location.id,
			      &row->stock);
	if (r < 0)
		return r;
	row->loaded_seq = row->stock.seq;
	return stock_is_sound(&row->stock) && row->stock.seq <= w->newest_seq ? 0 : FAULT(-EBADMSG);
}

static int find_row(struct sqlite_writer *w, const struct row_ref *ref, struct found_row **ret)
{
	struct found_row *row = row_set_row(&w->rows, ref);
	int r;

	*ret = row;
	if (row != NULL)
		return 0;
	row = row_set_new_row(&w->rows, ref);
	if (row == NULL)
		return FAULT(-ENOMEM);
	r = find_item(w, ref->sku.text, &row->item);
	if (r == 0)
		r = find_location(w, ref->location.text, &row->location);
	if (r == 0)
		r = load_level(w, row);
	if (r < 0)
		return r;
	row_set_add_row(&w->rows, row, ref->key);
	*ret = row;
	return 0;
}

/* The rows of its lines; what makes no sense stays out. */
static int find_rows_of(struct sqlite_writer *w, const struct reservation *reservation)
{
	int r = 0;

	CHECK(reservation->line_count <= COMMAND_ROWS_MAX);
	CHECK(reservation->line_count == 0 || reservation->lines != NULL);
	for (int i = 0; r == 0 && i < reservation->line_count; i++) {
		const struct reservation_line *l = &reservation->lines[i];
		struct row_ref ref = { .key = hash_pair(l->sku.text, l->location.text,
							w->rows.seed),
				       .sku = l->sku,
				       .location = l->location };
		struct found_row *row;

		r = unless_damaged(find_row(w, &ref, &row));
	}
	return r;
}

/* ---------------------------------------------------------------- what is overdue */

static int hand_out(struct sqlite_writer *w, int64_t id, struct found_reservation *of,
		    struct found *found, int64_t now_ms)
{
	struct found_overdue *o = arena_alloc(&found->memory, sizeof(*o));
	int r;

	CHECK(w->book.is_in_group);
	if (o == NULL)
		return FAULT(-ENOMEM);
	/* Resolving it takes it out of the book; until then it is not to be met again. */
	r = reservation_book_put(&w->book, id, now_ms + OVERDUE_AGAIN_MS, NULL, 0);
	if (r < 0)
		return r;
	*o = (struct found_overdue){ .id = id, .of = of };
	list_init(&o->link);
	list_push_back(&found->overdue, &o->link);
	return 0;
}

/* Somebody's hand has ended it, or put it off: that is so, whatever becomes of this group. */
static int correct_book(struct sqlite_writer *w, int64_t id, const struct reservation *reservation)
{
	bool is_over = reservation->id == 0 || reservation->state != RESERVATION_ACTIVE;
	int r;

	CHECK(w->book.is_in_group);
	w->book.is_in_group = false;
	r = is_over ? reservation_book_remove(&w->book, id)
		    : reservation_book_put(&w->book, id, reservation->expires_at_ms, NULL, 0);
	w->book.is_in_group = true;
	return r;
}

static int hand_out_loaded(struct sqlite_writer *w, struct found *found, int64_t now_ms,
			   const struct reservation *reservation)
{
	struct found_reservation *of = found_reservation_of(found, reservation->name);
	int r;

	CHECK(reservation_is_sound(reservation));
	CHECK(reservation->state == RESERVATION_ACTIVE);
	CHECK(reservation->expires_at_ms <= now_ms);
	if (of == NULL)
		of = found_add_reservation(found, reservation->name);
	if (of == NULL)
		return FAULT(-ENOMEM);
	of->reservation = *reservation;
	of->is_there = of->has_rows = true;
	w->overdue_lines += (size_t)reservation->line_count;
	r = find_rows_of(w, reservation);
	return r < 0 ? r : hand_out(w, reservation->id, of, found, now_ms);
}

static int find_overdue(struct sqlite_writer *w, int64_t id, struct found *found, int64_t now_ms)
{
	struct reservation reservation;
	int r = sqlite_load_reservation_by_id(&w->store->store, id, &found->memory, &reservation);

	CHECK(w->store->is_in_group);
	w->overdue_looked++;
	if (r < 0 && r != -EBADMSG)
		return r;
	if (r == 0 && (reservation.id == 0 || reservation.state != RESERVATION_ACTIVE ||
		       reservation.expires_at_ms > now_ms))
		return correct_book(w, id, &reservation);
	if (r == 0 && reservation_is_sound(&reservation))
		return hand_out_loaded(w, found, now_ms, &reservation);
	return hand_out(w, id, NULL, found, now_ms);
}

/* Lines that a hand has ended, or damaged, book nothing, and take as long. */
static bool has_enough(const struct sqlite_writer *w, size_t line_count)
{
	CHECK(line_count > 0);
	return w->overdue_lines >= line_count || w->overdue_looked >= line_count;
}

static int find_overdue_in(struct sqlite_writer *w, struct found_row *row, const struct want *want,
			   struct found *found)
{
	uint32_t key = reservation_book_row(row->item->item.id, row->location->location.id);
	int64_t id;
	int r = 0;

	CHECK(row->item != NULL);
	CHECK(row->location != NULL);
	while (r == 0 && (id = reservation_book_overdue_in(&w->book, key)) != 0) {
		if (has_enough(w, 2 * EXPIRED_LINES_PER_GROUP_MAX)) {
			row->overdue_group = want->group;
			found->has_more_overdue = true;
			return 0;
		}
		r = find_overdue(w, id, found, want->now_ms);
	}
	return r;
}

int sqlite_sweep(struct store_writer *writer, int64_t now_ms, struct found *found)
{
	struct sqlite_writer *w = sqlite_writer_of(writer);
	int64_t id;
	int r = 0;

	CHECK(w->store->is_in_group);
	found->rows = &w->rows;
	reservation_book_collect(&w->book, now_ms);
	while (r == 0 && !has_enough(w, EXPIRED_LINES_PER_GROUP_MAX) &&
	       (id = reservation_book_overdue(&w->book)) != 0)
		r = find_overdue(w, id, found, now_ms);
	return r;
}

/* ---------------------------------------------------------------- what is named */

/* The rows of a reservation that is not active any more are nobody's matter. */
static int find_its_rows(struct sqlite_writer *w, struct found_reservation *of)
{
	CHECK(!of->is_damaged);
	if (of->has_rows || !of->is_there || of->reservation.state != RESERVATION_ACTIVE)
		return 0;
	of->has_rows = true;
	return find_rows_of(w, &of->reservation);
}

static int load_reservation(struct sqlite_writer *w, const char *name, struct found *found,
			    struct found_reservation **ret)
{
	CHECK(found_reservation_of(found, name) == NULL);
	/* Of a command that may be answered before the group ends. */
	const char *kept = arena_copy(&found->memory, name, strlen(name));
	struct found_reservation *of = kept == NULL ? NULL : found_add_reservation(found, kept);
	int r;

	if (of == NULL)
		return FAULT(-ENOMEM);
	r = sqlite_load_reservation(&w->store->store, name, &found->memory, &of->reservation);
	of->is_there = r == 0 && of->reservation.id != 0;
	of->is_damaged = r == -EBADMSG || (of->is_there && !reservation_is_sound(&of->reservation));
	*ret = of;
	return unless_damaged(r);
}

static int find_reservation(struct sqlite_writer *w, const struct wanted_reservation *wanted,
			    const struct want *want, struct found *found)
{
	struct found_reservation *of = found_reservation_of(found, wanted->name);
	int r = of != NULL ? 0 : load_reservation(w, wanted->name, found, &of);

	CHECK(wanted->name != NULL);
	if (r < 0 || of->is_damaged)
		return r;
	if (wanted->needs_rows)
		r = find_its_rows(w, of);
	if (r == 0 && of->is_there && reservation_book_is_overdue(&w->book, of->reservation.id))
		r = find_overdue(w, of->reservation.id, found, want->now_ms);
	return r;
}

static int read_item(struct sqlite_writer *w, const struct wanted_name *wanted,
		     const struct want *want, struct found *found)
{
	struct store *store = &w->store->store;
	struct found_item *item;
	int r = find_item(w, wanted->name, &item);

	CHECK(wanted->name != NULL);
	CHECK(want->group > 0);
	if (r < 0)
		return unless_damaged(r);
	if (wanted->needs_texts && item->item.id != 0 && item->full_group != want->group) {
		struct item *full = arena_alloc(&found->memory, sizeof(*full));

		if (full == NULL)
			return FAULT(-ENOMEM);
		r = sqlite_load_item(store, wanted->name, &found->memory, full);
		item->full_group = want->group;
		item->full = r == 0 && full->id != 0 ? full : NULL;
	}
	r = unless_damaged(r);
	if (r == 0 && wanted->needs_use && item->item.id > 0) {
		r = sqlite_item_has_stock(store, item->item.id, want->now_ms, &item->is_in_use);
		item->use_group = want->group;
	}
	return r;
}

static int read_location(struct sqlite_writer *w, const struct wanted_name *wanted,
			 const struct want *want, struct found *found)
{
	struct store *store = &w->store->store;
	struct found_location *location;
	int r = find_location(w, wanted->name, &location);

	CHECK(wanted->name != NULL);
	CHECK(want->group > 0);
	if (r < 0)
		return unless_damaged(r);
	if (wanted->needs_texts && location->location.id != 0 &&
	    location->full_group != want->group) {
		struct location *full = arena_alloc(&found->memory, sizeof(*full));

		if (full == NULL)
			return FAULT(-ENOMEM);
		r = sqlite_load_location(store, wanted->name, &found->memory, full);
		location->full_group = want->group;
		location->full = r == 0 && full->id != 0 ? full : NULL;
	}
	r = unless_damaged(r);
	if (r == 0 && wanted->needs_use && location->location.id > 0) {
		r = sqlite_location_has_stock(store, location->location.id, want->now_ms,
					      &location->is_in_use);
		location->use_group = want->group;
	}
	return r;
}

/*
 * Was the row's level stated behind what the count has looked at? The set knows of what happened
 * since it read the row, the ledger of what happened between the two.
 */
static int find_statement(struct sqlite_writer *w, const struct wanted_statement *wanted,
			  const struct want *want)
{
	struct found_row *row = row_set_row(&w->rows, wanted->row);
	int64_t seq = 0;
	int r;

	CHECK(wanted->row != NULL);
	if (row == NULL || row->stated_seq > wanted->seen_seq ||
	    row->loaded_seq <= wanted->seen_seq)
		return 0;
	r = sqlite_stated_since(&w->store->store, row->loaded_seq, wanted->seen_seq, &seq);
	if (r == -EBADMSG)
		row->damaged_group = want->group;
	else if (r == 0 && seq > row->stated_seq)
		row->stated_seq = seq;
	return unless_damaged(r);
}

/* ---------------------------------------------------------------- all of it */

static int read_rows(struct sqlite_writer *w, const struct want *want, struct found *found)
{
	for (size_t i = 0; i < want->rows.count; i++) {
		struct found_row *row;
		int r = unless_damaged(find_row(w, want->rows.all[i], &row));

		if (r == 0 && row != NULL && w->book.overdue_count > 0)
			r = find_overdue_in(w, row, want, found);
		if (r < 0)
			return r;
	}
	return 0;
}

int sqlite_lock(struct store_writer *writer, const struct want *want, int64_t wait_ms,
		struct found *found)
{
	struct sqlite_writer *w = sqlite_writer_of(writer);
	int r;

	CHECK(want->group > 0);
	(void)wait_ms; /* nobody else holds a row: they hold the store, or nothing */
	CHECK(w->store->is_in_group);
	CHECK(!want->is_short);
	found->rows = &w->rows;
	reservation_book_collect(&w->book, want->now_ms);
	r = read_rows(w, want, found);
	for (size_t i = 0; r == 0 && i < want->reservations.count; i++)
		r = find_reservation(w, &want->reservations.all[i], want, found);
	for (size_t i = 0; r == 0 && i < want->items.count; i++)
		r = read_item(w, &want->items.all[i], want, found);
	for (size_t i = 0; r == 0 && i < want->locations.count; i++)
		r = read_location(w, &want->locations.all[i], want, found);
	for (size_t i = 0; r == 0 && i < want->statements.count; i++)
		r = find_statement(w, &want->statements.all[i], want);
	return r;
}
