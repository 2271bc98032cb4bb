/*
 * postgres_effects - numbers and writes what a group does.
 *
 * All numbers are given in memory, from what stands behind the store's lock, and written as they
 * are. What one command does by itself is a statement of its own, so that a failure has an owner;
 * movements, keys and audits go together.
 */
#include "store/postgres_group.h"
#include "store/records.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a queued statement is of, and what it must say. */
struct sent {
	void *owner;
	int64_t overdue; /* the reservation, where nobody owns it */
	bool has_owner;  /* a failure is a refusal of that one alone */
	int expected;    /* rows that it changes; -1: any */
	int if_other;    /* the fault, if it changes others */
	int *ret_count;  /* NULL: nobody asks */
};

struct writing {
	struct postgres_writer *w;
	struct effects *effects;
	struct sent *sent;
	size_t sent_count;
	size_t sent_most;
};

/* ---------------------------------------------------------------- numbering */

static void number_leases(struct postgres_writer *w, struct effects *effects)
{
	for (size_t i = 0; i < effects->leases.count; i++) {
		struct lease_effect *e = &effects->leases.all[i];

		if (e->change != CHANGE_MAKE)
			continue;
		CHECK(e->id != NULL);
		e->fence = ++w->numbers.fence;
		if (e->id[0] == '\0')
			snprintf(e->made_id, sizeof(e->made_id), "l_%lld", (long long)e->fence);
	}
}

static void number_reservations(struct postgres_writer *w, struct effects *effects)
{
	CHECK(w->is_numbered);
	for (size_t i = 0; i < effects->reservations.count; i++) {
		struct reservation_effect *e = &effects->reservations.all[i];

		if (e->change != RESERVATION_MAKE)
			continue;
		e->reservation->id = ++w->numbers.reservation;
		if (e->made_name != NULL)
			snprintf(e->made_name, ID_BYTES_MAX + 1, "r_%lld",
				 (long long)e->reservation->id);
	}
	effects_pass_ids_on(effects);
}

/* Dates never fall in the ledger, though several clocks tell them. */
static void date(struct postgres_writer *w, struct effects *effects)
{
	CHECK(w->is_numbered);
	for (size_t i = 0; i < effects->movements.count; i++) {
		struct movement_effect *e = &effects->movements.all[i];

		if (e->movement->at_ms < w->numbers.at_ms)
			e->movement->at_ms = w->numbers.at_ms;
		if (e->after != NULL && e->after->updated_at_ms < e->movement->at_ms)
			e->after->updated_at_ms = e->movement->at_ms;
	}
	LIST_EACH (it, &w->rows.dirty) {
		struct found_row *row = CONTAINER_OF(it, struct found_row, dirty_link);

		if (row->stock.updated_at_ms < w->numbers.at_ms)
			row->stock.updated_at_ms = w->numbers.at_ms;
	}
	if (effects->movements.count > 0)
		w->numbers.at_ms =
			effects->movements.all[effects->movements.count - 1].movement->at_ms;
}

int postgres_number(struct store_writer *writer, struct effects *effects)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	int r = w->is_numbered ? 0 : postgres_lock_store(w);

	CHECK(w->is_in_group);
	CHECK(!effects->is_numbered);
	if (r < 0)
		return r;
	number_leases(w, effects);
	number_reservations(w, effects);
	date(w, effects);
	if (effects->seq_first > SEQ_RELATIVE)
		effects_shift_seqs(effects, w->numbers.seq - SEQ_RELATIVE);
	effects->is_numbered = true;
	return 0;
}

/* ---------------------------------------------------------------- queueing */

static void send_as(struct writing *x, int statement, int count, const struct postgres_value v[],
		    struct sent sent)
{
	CHECK(x->sent_count < x->sent_most);
	postgres_add(x->w->link, statement, count, v);
	x->sent[x->sent_count++] = sent;
}

/* Of nobody alone. */
static void send_all(struct writing *x, int statement, int count, const struct postgres_value v[],
		     size_t expected)
{
	CHECK(expected <= INT32_MAX);
	send_as(x, statement, count, v,
		(struct sent){ .expected = (int)expected, .if_other = -EUCLEAN });
}

static int64_t *ints(struct writing *x, size_t count)
{
	return arena_alloc(&x->w->memory, sizeof(int64_t) * (count + 1));
}

/* Of the one that is changed: of one that the group has made, the id that it was given. */
static int64_t real_id(int64_t id, int64_t written_id)
{
	CHECK(id >= 0 || written_id > 0);
	return id < 0 ? written_id : id;
}

/* ---------------------------------------------------------------- the catalogue */

static struct postgres_value reorder_point(const struct item *item)
{
	return value_int_or_null(item->has_reorder_point ? item->reorder_point : POSTGRES_NULL_INT);
}

static void make_item(struct writing *x, struct item_effect *e)
{
	struct item *item = e->item;

	item->id = ++x->w->numbers.item;
	e->of->written_id = item->id;
	CHECK(item_is_sound(item));

	struct postgres_value v[] = { value_int(item->id),
				      value_text(item->sku.text),
				      value_text(item->name),
				      value_text(item->unit),
				      value_int(item->backorder_limit),
				      reorder_point(item),
				      value_text(item->attributes),
				      value_bool(item->is_archived),
				      value_int(item->version),
				      value_int(item->created_at_ms),
				      value_int(item->updated_at_ms) };

	send_as(x, ITEM_MAKE, LENGTH_OF(v), v,
		(struct sent){ .owner = e->owner, .has_owner = true, .expected = 1 });
}

static void change_item(struct writing *x, const struct item_effect *e)
{
	const struct item *item = e->item;
	struct postgres_value v[] = {
		value_int(item->id),           value_text(item->name),
		value_text(item->unit),        value_int(item->backorder_limit),
		reorder_point(item),           value_text(item->attributes),
		value_bool(item->is_archived), value_int(item->version),
		value_int(item->updated_at_ms)
	};

	CHECK(item_is_sound(item));
	send_as(x, ITEM_CHANGE, LENGTH_OF(v), v,
		(struct sent){ .owner = e->owner,
			       .has_owner = true,
			       .expected = 1,
			       .if_other = -EBADMSG });
}

/* With the leases that have ended, and rows that were never stocked. */
static void delete_name(struct writing *x, int leases, int stock, int name, int64_t id, void *owner)
{
	struct postgres_value v[] = { value_int(id) };
	struct sent any = { .owner = owner, .has_owner = true, .expected = -1 };
	struct sent one = {
		.owner = owner, .has_owner = true, .expected = 1, .if_other = -EBADMSG
	};

	CHECK(id > 0);
	send_as(x, leases, 1, v, any);
	send_as(x, stock, 1, v, any);
	send_as(x, name, 1, v, one);
	x->w->numbers.lease_change = x->w->stored.lease_change + 1;
}

static void write_item(struct writing *x, struct item_effect *e)
{
	CHECK(e->item != NULL);
	CHECK(e->of != NULL);
	if (e->change == CHANGE_MAKE) {
		make_item(x, e);
		return;
	}
	e->item->id = real_id(e->item->id, e->of->written_id);
	if (e->change == CHANGE_UPDATE)
		change_item(x, e);
	else
		delete_name(x, ITEM_DELETE_LEASES, ITEM_DELETE_STOCK, ITEM_DELETE, e->item->id,
			    e->owner);
	e->of->written_id = e->item->id;
}

static void put_location(struct writing *x, const struct location_effect *e)
{
	const struct location *l = e->location;
	struct postgres_value make[] = { value_int(l->id),           value_text(l->code.text),
					 value_text(l->name),        value_bool(l->is_archived),
					 value_int(l->version),      value_int(l->created_at_ms),
					 value_int(l->updated_at_ms) };
	struct postgres_value change[] = { value_int(l->id), value_text(l->name),
					   value_bool(l->is_archived), value_int(l->version),
					   value_int(l->updated_at_ms) };
	struct sent one = {
		.owner = e->owner, .has_owner = true, .expected = 1, .if_other = -EBADMSG
	};

	CHECK(location_is_sound(l));
	if (e->change == CHANGE_MAKE)
		send_as(x, LOCATION_MAKE, LENGTH_OF(make), make, one);
	else
		send_as(x, LOCATION_CHANGE, LENGTH_OF(change), change, one);
}

static void write_location(struct writing *x, struct location_effect *e)
{
	CHECK(e->location != NULL);
	CHECK(e->of != NULL);
	if (e->change == CHANGE_MAKE)
		e->location->id = ++x->w->numbers.location;
	else
		e->location->id = real_id(e->location->id, e->of->written_id);
	if (e->change == CHANGE_DELETE)
		delete_name(x, LOCATION_DELETE_LEASES, LOCATION_DELETE_STOCK, LOCATION_DELETE,
			    e->location->id, e->owner);
	else
		put_location(x, e);
	e->of->written_id = e->location->id;
}

static void write_catalogue(struct writing *x)
{
	struct effects *e = x->effects;

	CHECK(e->is_numbered);
	for (size_t i = 0; i < e->items.count; i++)
		write_item(x, &e->items.all[i]);
	for (size_t i = 0; i < e->locations.count; i++)
		write_location(x, &e->locations.all[i]);
	LIST_EACH_SAFE (it, &x->w->rows.changed_items)
		row_set_is_written_item(CONTAINER_OF(it, struct found_item, changed_link));
	LIST_EACH_SAFE (it, &x->w->rows.changed_locations)
		row_set_is_written_location(CONTAINER_OF(it, struct found_location, changed_link));
}

/* ---------------------------------------------------------------- leases */

/* Another writer may have taken the id on other rows since lock() looked for it. */
static void find_id(struct writing *x, const struct lease_effect *e)
{
	struct postgres_value v[] = { value_text(e->id), value_int(e->taken_at_ms) };

	CHECK(e->change == CHANGE_MAKE);
	send_as(x, LEASE_FIND, LENGTH_OF(v), v,
		(struct sent){ .owner = e->owner, .expected = 0, .if_other = -EBUSY });
}

/* One of a lease that has ended makes room; of one that has not, the row is leased. */
static int make_lease(struct writing *x, const struct lease_effect *e)
{
	size_t count = (size_t)e->row_count;
	int64_t *items = ints(x, count), *locations = ints(x, count);
	struct arena *m = &x->w->memory;

	CHECK(e->row_count >= 1);
	CHECK(e->fence > 0);
	if (items == NULL || locations == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		const struct found_row *row = row_set_row(&x->w->rows, &e->rows[i]);

		CHECK(row != NULL);
		items[i] = row->item->item.id;
		locations[i] = row->location->location.id;
	}

	struct postgres_value ended[] = { value_int_array(m, items, count),
					  value_int_array(m, locations, count),
					  value_int(e->taken_at_ms) };
	struct postgres_value v[] = { value_int(x->w->numbers.row_lock),
				      value_text(e->id[0] != '\0' ? e->id : e->made_id),
				      value_int(e->fence),
				      ended[0],
				      ended[1],
				      value_text(e->purpose),
				      value_int(e->taken_at_ms),
				      value_int(e->expires_at_ms),
				      value_int(e->token_id),
				      value_text(e->actor) };

	x->w->numbers.row_lock += e->row_count;
	if (e->id[0] != '\0')
		find_id(x, e);
	send_as(x, LEASE_DELETE_ENDED, LENGTH_OF(ended), ended,
		(struct sent){ .owner = e->owner, .has_owner = true, .expected = -1 });
	send_as(x, LEASE_MAKE, LENGTH_OF(v), v,
		(struct sent){ .owner = e->owner,
			       .has_owner = true,
			       .expected = e->row_count,
			       .if_other = -EBADMSG });
	return 0;
}

static int write_lease(struct writing *x, const struct lease_effect *e)
{
	struct postgres_value v[] = { value_int(e->fence), value_int(e->expires_at_ms) };
	struct sent sent = { .owner = e->owner, .has_owner = true, .if_other = -EBADMSG };

	CHECK(e->fence > 0);
	x->w->numbers.lease_change = x->w->stored.lease_change + 1;
	switch (e->change) {
	case CHANGE_MAKE:
		return make_lease(x, e);
	case CHANGE_UPDATE:
		sent.expected = -2; /* at least one */
		send_as(x, LEASE_RENEW, 2, v, sent);
		return 0;
	case CHANGE_DELETE:
		sent.expected = -1;
		if (e->owner != NULL || e->expires_at_ms == 0)
			v[1] = value_int(INT64_MAX);
		send_as(x, LEASE_DELETE, 2, v, sent);
		return 0;
	}
	check_failed(__FILE__, __LINE__, "a lease is made, renewed or deleted");
}

/* ---------------------------------------------------------------- reservations */

static int make_reservation(struct writing *x, struct reservation_effect *e, struct sent sent)
{
	struct reservation *made = e->reservation;
	size_t count = (size_t)made->line_count;
	int64_t *items = ints(x, count), *locations = ints(x, count), *units = ints(x, count);
	struct arena *m = &x->w->memory;

	CHECK(made->id > 0);
	if (items == NULL || locations == NULL || units == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		made->lines[i].item_id = items[i] = e->rows[i]->item->item.id;
		made->lines[i].location_id = locations[i] = e->rows[i]->location->location.id;
		units[i] = made->lines[i].quantity;
	}

	struct postgres_value v[] = { value_int(made->id),
				      value_text(made->name),
				      value_text(made->owner),
				      value_text(made->reference),
				      value_int(made->created_at_ms),
				      value_int(made->expires_at_ms) };
	struct postgres_value lines[] = { v[0], value_int_array(m, items, count),
					  value_int_array(m, locations, count),
					  value_int_array(m, units, count), v[5] };

	sent.expected = 1;
	send_as(x, RESERVATION_ADD, LENGTH_OF(v), v, sent);
	sent.expected = made->line_count;
	send_as(x, RESERVATION_ADD_LINES, LENGTH_OF(lines), lines, sent);
	return 0;
}

static int end_reservation(struct writing *x, const struct reservation *r, struct sent sent)
{
	size_t count = (size_t)r->line_count;
	int64_t *committed = ints(x, count);

	CHECK(r->state != RESERVATION_ACTIVE);
	if (committed == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++)
		committed[i] = r->lines[i].committed;

	struct postgres_value v[] = { value_int(r->id),
				      value_text(reservation_state_text(r->state)),
				      value_int(r->resolved_at_ms) };
	struct postgres_value lines[] = { v[0], value_int_array(&x->w->memory, committed, count) };

	sent.expected = 1;
	send_as(x, RESERVATION_END, LENGTH_OF(v), v, sent);
	sent.expected = r->line_count;
	send_as(x, RESERVATION_END_LINES, LENGTH_OF(lines), lines, sent);
	return 0;
}

static int write_reservation(struct writing *x, struct reservation_effect *e)
{
	const struct reservation *r = e->reservation;
	struct sent sent = { .owner = e->owner,
			     .overdue = e->owner == NULL ? r->id : 0,
			     .has_owner = true,
			     .if_other = -EBADMSG };
	struct postgres_value v[] = { value_int(r->id), value_int(r->expires_at_ms) };

	CHECK(r->id > 0);
	x->w->has_promised = true;
	switch (e->change) {
	case RESERVATION_MAKE:
		return make_reservation(x, e, sent);
	case RESERVATION_RESOLVE:
		return end_reservation(x, r, sent);
	case RESERVATION_EXTEND:
		sent.expected = 1;
		send_as(x, RESERVATION_PUT_OFF, LENGTH_OF(v), v, sent);
		sent.expected = -1;
		send_as(x, RESERVATION_PUT_OFF_LINES, LENGTH_OF(v), v, sent);
		return 0;
	}
	check_failed(__FILE__, __LINE__, "a reservation is made, resolved or extended");
}

/* ---------------------------------------------------------------- rows and the ledger */

/* Of items and locations that the group has made: all others have theirs. */
static int write_rows(struct writing *x)
{
	size_t count = 0, most = x->w->rows.rows.count;
	int64_t *ids = ints(x, most), *items = ints(x, most), *locations = ints(x, most);
	struct arena *m = &x->w->memory;

	if (ids == NULL || items == NULL || locations == NULL)
		return FAULT(-ENOMEM);
	LIST_EACH_SAFE (it, &x->w->rows.dirty) {
		struct found_row *row = CONTAINER_OF(it, struct found_row, dirty_link);

		row_set_check_sums(row);
		if (row->stock.id == 0) {
			row->stock.id = ids[count] = ++x->w->numbers.stock;
			items[count] = row->item->item.id;
			locations[count++] = row->location->location.id;
		}
		CHECK(stock_is_sound(&row->stock));
		row_set_is_written(row);
	}

	struct postgres_value v[] = { value_int_array(m, ids, count),
				      value_int_array(m, items, count),
				      value_int_array(m, locations, count) };

	if (count > 0)
		send_all(x, STOCK_ADD, LENGTH_OF(v), v, count);
	return 0;
}

/* A reason that is the kind's own word is not stored. */
static const char *reason_of(const struct movement *m)
{
	bool says_kind = m->reason != NULL && strcmp(m->reason, movement_kind_text(m->kind)) == 0;

	return says_kind ? NULL : m->reason;
}

enum {
	LEDGER_SEQ,
	LEDGER_STOCK,
	LEDGER_ON_HAND_DELTA,
	LEDGER_RESERVED_DELTA,
	LEDGER_ON_HAND,
	LEDGER_RESERVED,
	LEDGER_VERSION,
	LEDGER_AT,
	LEDGER_PREV_SEQ,
	LEDGER_INTS,
};
enum {
	LEDGER_KIND,
	LEDGER_REASON,
	LEDGER_REFERENCE,
	LEDGER_RESERVATION,
	LEDGER_REQUEST,
	LEDGER_ACTOR,
	LEDGER_NOTE,
	LEDGER_TEXTS,
};

/* The arrays of the ledger's columns. */
struct ledger {
	int64_t *ints[LEDGER_INTS];
	const char **texts[LEDGER_TEXTS];
	bool *is_oversubscribed, *is_low_stock;
};

static int make_ledger(struct writing *x, size_t count, struct ledger *ret)
{
	struct arena *m = &x->w->memory;
	bool is_short = false;

	CHECK(count > 0);
	for (int i = 0; i < LEDGER_INTS; i++) {
		ret->ints[i] = ints(x, count);
		is_short = is_short || ret->ints[i] == NULL;
	}
	for (int i = 0; i < LEDGER_TEXTS; i++) {
		ret->texts[i] = arena_alloc(m, sizeof(ret->texts[i][0]) * (count + 1));
		is_short = is_short || ret->texts[i] == NULL;
	}
	ret->is_oversubscribed = arena_alloc(m, count + 1);
	ret->is_low_stock = arena_alloc(m, count + 1);
	return is_short || ret->is_oversubscribed == NULL || ret->is_low_stock == NULL
		       ? FAULT(-ENOMEM)
		       : 0;
}

static void fill_ledger(struct ledger *l, size_t i, const struct movement *m)
{
	CHECK(movement_is_sound(m));
	CHECK(m->stock_id > 0);
	l->ints[LEDGER_SEQ][i] = m->seq;
	l->ints[LEDGER_STOCK][i] = m->stock_id;
	l->ints[LEDGER_ON_HAND_DELTA][i] = m->on_hand_delta;
	l->ints[LEDGER_RESERVED_DELTA][i] = m->reserved_delta;
	l->ints[LEDGER_ON_HAND][i] = m->on_hand;
	l->ints[LEDGER_RESERVED][i] = m->reserved;
	l->ints[LEDGER_VERSION][i] = m->version;
	l->ints[LEDGER_AT][i] = m->at_ms;
	l->ints[LEDGER_PREV_SEQ][i] = m->prev_seq;
	l->texts[LEDGER_KIND][i] = movement_kind_text(m->kind);
	l->texts[LEDGER_REASON][i] = reason_of(m);
	l->texts[LEDGER_REFERENCE][i] = m->reference;
	l->texts[LEDGER_RESERVATION][i] = m->reservation;
	l->texts[LEDGER_REQUEST][i] = m->request_id;
	l->texts[LEDGER_ACTOR][i] = m->actor;
	l->texts[LEDGER_NOTE][i] = m->note;
	l->is_oversubscribed[i] = m->is_oversubscribed;
	l->is_low_stock[i] = m->is_low_stock;
}

static void send_ledger(struct writing *x, const struct ledger *l, size_t count)
{
	struct arena *m = &x->w->memory;
	struct postgres_value i[LEDGER_INTS], t[LEDGER_TEXTS];

	CHECK(count > 0);
	for (int c = 0; c < LEDGER_INTS; c++)
		i[c] = value_int_array(m, l->ints[c], count);
	for (int c = 0; c < LEDGER_TEXTS; c++)
		t[c] = value_text_array(m, l->texts[c], count);

	struct postgres_value v[] = {
		i[LEDGER_SEQ],
		i[LEDGER_STOCK],
		t[LEDGER_KIND],
		i[LEDGER_ON_HAND_DELTA],
		i[LEDGER_RESERVED_DELTA],
		i[LEDGER_ON_HAND],
		i[LEDGER_RESERVED],
		i[LEDGER_VERSION],
		t[LEDGER_REASON],
		t[LEDGER_REFERENCE],
		t[LEDGER_RESERVATION],
		t[LEDGER_REQUEST],
		value_bool_array(m, l->is_oversubscribed, count),
		value_bool_array(m, l->is_low_stock, count),
		i[LEDGER_AT],
		i[LEDGER_PREV_SEQ],
		t[LEDGER_ACTOR],
		t[LEDGER_NOTE],
	};

	send_all(x, MOVEMENT_ADD, LENGTH_OF(v), v, count);
}

static int write_movements(struct writing *x)
{
	struct effects *effects = x->effects;
	size_t count = effects->movements.count;
	struct ledger ledger;
	int r = count == 0 ? 0 : make_ledger(x, count, &ledger);

	if (r < 0 || count == 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		struct movement_effect *e = &effects->movements.all[i];

		e->movement->stock_id = e->row->stock.id;
		if (e->after != NULL)
			e->after->id = e->row->stock.id;
		CHECK(e->movement->seq == x->w->numbers.seq + 1);
		x->w->numbers.seq++;
		fill_ledger(&ledger, i, e->movement);
		if (e->movement->at_ms > x->w->numbers.at_ms)
			x->w->numbers.at_ms = e->movement->at_ms;
	}
	send_ledger(x, &ledger, count);
	return 0;
}

/* ---------------------------------------------------------------- keys and the audit */

enum { KEY_INTS = 8, KEY_TEXTS = 3 };

/* There is one of each key: what is used anew goes first. */
static int replace_keys(struct writing *x)
{
	const struct effect_keys *keys = &x->effects->keys;
	int64_t *ids = ints(x, keys->count);
	size_t count = 0;

	CHECK(keys->count > 0);
	if (ids == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < keys->count; i++)
		if (keys->all[i].replaces != 0)
			ids[count++] = keys->all[i].replaces;
	if (count == 0)
		return 0;

	struct postgres_value v[] = { value_int_array(&x->w->memory, ids, count) };

	send_as(x, KEY_REPLACE, LENGTH_OF(v), v, (struct sent){ .expected = -1 });
	return 0;
}

static int add_keys(struct writing *x)
{
	size_t count = x->effects->keys.count;
	struct arena *m = &x->w->memory;
	const char **texts[KEY_TEXTS];
	int64_t *all[KEY_INTS];
	bool is_short = false;
	int r;

	for (int c = 0; c < KEY_INTS; c++)
		is_short = (all[c] = ints(x, count)) == NULL || is_short;
	for (int c = 0; c < KEY_TEXTS; c++) {
		texts[c] = arena_alloc(m, sizeof(texts[c][0]) * (count + 1));
		is_short = texts[c] == NULL || is_short;
	}
	if (is_short)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		struct key_record *k = &x->effects->keys.all[i];
		const int64_t numbers[KEY_INTS] = { k->id != 0 ? k->id : x->w->numbers.key + 1,
						    k->token_id,
						    (int64_t)k->fingerprint,
						    k->status,
						    k->seq,
						    k->first_seq,
						    k->movement_count,
						    k->at_ms };

		CHECK(key_record_is_sound(k));
		k->id = numbers[0];
		if (k->id > x->w->numbers.key)
			x->w->numbers.key = k->id;
		for (int c = 0; c < KEY_INTS; c++)
			all[c][i] = numbers[c];
		texts[0][i] = k->key;
		texts[1][i] = outcome_row(k->outcome)->code;
		texts[2][i] = k->body;
	}

	struct postgres_value v[] = {
		value_int_array(m, all[0], count),    value_int_array(m, all[1], count),
		value_text_array(m, texts[0], count), value_int_array(m, all[2], count),
		value_int_array(m, all[3], count),    value_text_array(m, texts[1], count),
		value_int_array(m, all[4], count),    value_int_array(m, all[5], count),
		value_int_array(m, all[6], count),    value_text_array(m, texts[2], count),
		value_int_array(m, all[7], count)
	};

	r = replace_keys(x);
	if (r == 0)
		send_all(x, KEY_ADD, LENGTH_OF(v), v, count);
	return r;
}

enum { AUDIT_TEXTS = 5 };

static int add_audits(struct writing *x)
{
	size_t count = x->effects->audits.count;
	struct arena *m = &x->w->memory;
	const char **texts[AUDIT_TEXTS];
	int64_t *at = ints(x, count);
	bool is_short = at == NULL;

	for (int c = 0; c < AUDIT_TEXTS; c++) {
		texts[c] = arena_alloc(m, sizeof(texts[c][0]) * (count + 1));
		is_short = texts[c] == NULL || is_short;
	}
	if (is_short)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < count; i++) {
		struct audit_entry *e = &x->effects->audits.all[i];

		CHECK(e->actor != NULL);
		CHECK(e->action != NULL);
		e->id = x->w->numbers.audit + 1 + (int64_t)i;
		at[i] = e->at_ms;
		texts[0][i] = e->actor;
		texts[1][i] = e->action;
		texts[2][i] = e->subject;
		texts[3][i] = e->detail;
		texts[4][i] = e->request_id;
	}

	struct postgres_value v[] = {
		value_int(x->w->numbers.audit),       value_int_array(m, at, count),
		value_text_array(m, texts[0], count), value_text_array(m, texts[1], count),
		value_text_array(m, texts[2], count), value_text_array(m, texts[3], count),
		value_text_array(m, texts[4], count)
	};

	x->w->numbers.audit += (int64_t)count;
	send_all(x, AUDIT_ADD, LENGTH_OF(v), v, count);
	return 0;
}

static void forget_old(struct writing *x)
{
	struct effects *e = x->effects;
	struct postgres_value audit[] = { value_int(e->audit_old_ms),
					  value_int(e->audit_old_count) };
	struct postgres_value keys[] = { value_int(e->forget_to), value_int(e->forget_count) };

	CHECK(e->forgotten_count == 0);
	CHECK(e->audit_gone_count == 0);
	if (e->audit_old_count > 0)
		send_as(x, AUDIT_DELETE, LENGTH_OF(audit), audit,
			(struct sent){ .expected = -1, .ret_count = &e->audit_gone_count });
	if (e->forget_count > 0)
		send_as(x, KEY_DELETE, LENGTH_OF(keys), keys,
			(struct sent){ .expected = -1, .ret_count = &e->forgotten_count });
}

static void write_store(struct writing *x)
{
	const struct postgres_numbers *now = &x->w->numbers, *stored = &x->w->stored;
	const struct effects *e = x->effects;
	struct postgres_value v[] = {
		value_int(now->fence + 1),
		value_int(now->reservation + 1),
		value_int(now->lease_change),
		value_int(e->must_note_time ? e->newest_ms : 0),
		value_int_or_null(e->must_note_time ? e->ahead_ms : POSTGRES_NULL_INT),
		value_int(now->audit + 1),
		value_int(now->key + 1),
	};

	CHECK(now->fence >= stored->fence || stored->fence < 0);
	CHECK(now->lease_change >= stored->lease_change);
	if (e->must_note_time || e->audit_old_count > 0 || e->forget_count > 0 ||
	    now->audit != stored->audit || now->fence != stored->fence ||
	    now->reservation != stored->reservation || now->lease_change != stored->lease_change)
		send_all(x, STORE_CHANGE, LENGTH_OF(v), v, 1);
}

/* ---------------------------------------------------------------- writing all of it */

static int send_effects(struct writing *x)
{
	struct effects *e = x->effects;
	int r = 0;

	CHECK(e->is_numbered);
	CHECK(x->w->is_numbered);
	write_catalogue(x);
	for (size_t i = 0; r == 0 && i < e->leases.count; i++)
		r = write_lease(x, &e->leases.all[i]);
	for (size_t i = 0; r == 0 && i < e->reservations.count; i++)
		r = write_reservation(x, &e->reservations.all[i]);
	r = r < 0 ? r : write_rows(x);
	r = r < 0 ? r : write_movements(x);
	if (r == 0 && e->keys.count > 0)
		r = add_keys(x);
	if (r == 0 && e->audits.count > 0)
		r = add_audits(x);
	if (r == 0) {
		forget_old(x);
		write_store(x);
	}
	return r;
}

static int judge(const struct sent *s, int changed)
{
	bool is_fine =
		s->expected == -1 || (s->expected == -2 && changed > 0) || s->expected == changed;

	CHECK(s->expected >= -2);
	if (s->ret_count != NULL)
		*s->ret_count = changed;
	return is_fine ? 0 : FAULT(s->if_other);
}

/* What was refused for what it says, and not for what others did. */
static bool is_refusal(int r)
{
	return r == -EBADMSG || r == -EUCLEAN;
}

/* Somebody has stocked meanwhile what is deleted here: it is to be decided again. */
static bool is_in_use(struct writing *x, int r)
{
	CHECK(r <= 0);
	return r == -EBADMSG && strcmp(postgres_error_of(x->w->link)->state, "23503") == 0;
}

static int take_all(struct writing *x)
{
	int r = 0;

	CHECK(x->sent_count <= x->sent_most);
	for (size_t i = 0; r == 0 && i < x->sent_count; i++) {
		CLEANUP(postgres_clear) PGresult *result = NULL;
		const struct sent *s = &x->sent[i];

		r = postgres_take(x->w->link, &result);
		if (is_in_use(x, r))
			r = FAULT(-EBUSY);
		if (r == 0)
			r = judge(s, postgres_changed(result));
		if (is_refusal(r) && s->has_owner) {
			x->effects->culprit = s->owner;
			x->effects->culprit_overdue = s->overdue;
			r = -EBADMSG;
		}
	}
	return r;
}

/* Statements at most: an item takes three, as do a location and a lease that its client names; a
 * reservation two; keys two, what is old two, and stock, ledger, audit and store one. */
static size_t statements_at_most(const struct effects *e)
{
	return 3 * (e->items.count + e->locations.count + e->leases.count) +
	       2 * e->reservations.count + 8;
}

/*
 * Can the group be kept with what it writes? What is only inserted is written or refused; where the
 * number of rows decides, that is to be seen before.
 */
static bool may_commit(const struct effects *e)
{
	return e->is_last && e->items.count == 0 && e->locations.count == 0 &&
	       e->leases.count == 0 && e->reservations.count == 0;
}

static int send_and_take(struct writing *x, bool commits)
{
	struct postgres_writer *w = x->w;
	int r;

	postgres_begin_trip(w->link);
	r = send_effects(x);
	if (r < 0)
		return postgres_end_trip(w->link, r);
	if (commits)
		postgres_add_commit(w);
	r = postgres_send(w->link, 0);
	r = r < 0 ? r : take_all(x);
	if (r == 0 && commits)
		r = postgres_take_commit(w);
	return postgres_end_trip(w->link, r);
}

int postgres_write(struct store_writer *writer, struct effects *effects)
{
	struct postgres_writer *w = postgres_writer_of(writer);
	struct writing x = { .w = w, .effects = effects, .sent_most = statements_at_most(effects) };
	int r = effects->is_numbered ? 0 : postgres_number(writer, effects);
	bool commits = may_commit(effects);

	CHECK(w->is_in_group);
	CHECK(!w->is_kept);
	CHECK(r < 0 || effects_are_sound(effects));
	if (r < 0)
		return r;
	w->has_written = true;
	x.sent = arena_alloc(&w->memory, sizeof(x.sent[0]) * x.sent_most);
	if (x.sent == NULL)
		return FAULT(-ENOMEM);
	r = send_and_take(&x, commits);
	w->is_kept = r == 0 && commits;
	w->is_unknown = r == -ENOTCONN && commits && postgres_was_sent(w->link);
	return w->is_unknown ? 0 : postgres_group_fault(r); /* commit() says that nobody knows */
}
