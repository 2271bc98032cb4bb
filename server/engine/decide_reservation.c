#include "engine/decide_reservation.h"
#include "base/fault.h"
#include "base/hash.h"
#include "core/rules.h"
#include <stdio.h>
#include <string.h>

enum { DAMAGED_AGAIN_MS = 60000 }; /* a reservation that cannot be resolved is tried again */

/* The rows of one reservation, or of one command, as the cache has them. */
struct rows {
	int count;
	struct cached_row *cached[COMMAND_ROWS_MAX];
	struct rules_row rules[COMMAND_ROWS_MAX];
};

static int add_row(struct decider *d, struct rows *rows, const struct row_ref *ref)
{
	struct cached_row *row;
	int r = row_cache_row(d->cache, ref, &row);

	CHECK(rows->count < COMMAND_ROWS_MAX);
	if (r < 0)
		return r;
	rows->cached[rows->count] = row;
	rows->rules[rows->count++] = (struct rules_row){ .item = &row->item->item,
							 .location = &row->location->location,
							 .stock = &row->stock };
	return 0;
}

static int rows_of_lines(struct decider *d, const struct reservation *reservation, struct rows *ret)
{
	int r = 0;

	ret->count = 0;
	for (int i = 0; r == 0 && i < reservation->line_count; i++) {
		const struct reservation_line *l = &reservation->lines[i];
		struct row_ref ref = { .key = hash_pair(l->sku.text, l->location.text,
							d->cache->seed),
				       .sku = l->sku,
				       .location = l->location };

		r = add_row(d, ret, &ref);
	}
	return r;
}

static void refuse(struct work *w, enum outcome o)
{
	w->answer.outcome = o;
	w->answer.status = outcome_row(o)->http_status;
}

static void carry_out(struct work *w, int status, const struct reservation *reservation)
{
	CHECK(command_may_answer(w->command.kind, status));
	w->answer.outcome = OUTCOME_DONE;
	w->answer.status = status;
	w->answer.reservation = *reservation;
}

static int expire_aside(struct decider *d, int64_t id);

/*
 * By its name; id 0: there is none. -EBADMSG: what is there makes no sense. One whose time has come
 * has expired, though nobody has come to it yet.
 */
static int load(struct decider *d, struct work *w, const char *name, struct reservation *ret)
{
	int r = d->store->ops->load_reservation(d->store, name, &w->arena, ret);

	if (r == 0 && ret->id != 0 && reservation_book_is_overdue(d->reservations, ret->id)) {
		r = expire_aside(d, ret->id);
		if (r == 0)
			r = d->store->ops->load_reservation(d->store, name, &w->arena, ret);
	}
	return r == 0 && ret->id != 0 && !reservation_is_sound(ret) ? FAULT(-EBADMSG) : r;
}

/* ---------------------------------------------------------------- booking */

static int book(struct decider *d, struct cached_row *row, const struct booking *b)
{
	struct rules_row rules = { .item = &row->item->item,
				   .location = &row->location->location,
				   .stock = &row->stock };
	struct stock before = row->stock;
	struct booked *booked = bookings_add(&d->bookings);

	if (booked == NULL)
		return FAULT(-ENOMEM);
	rules_book(&rules, b, d->seq + 1, d->dated_ms, &booked->movement);
	booked->row = row;
	d->seq++;
	row_cache_changed(d->cache, row, &before, &booked->movement, d->group);
	d->has_writes = true;
	return 0;
}

/* Do its rows still have what it was promised? Its lines may name the same row twice by now. */
static bool rows_have_promised(const struct reservation *reservation, const struct rows *rows)
{
	bool have = true;

	for (int i = 0; i < rows->count; i++) {
		rows->cached[i]->stock.reserved -= reservation->lines[i].quantity;
		have = have && rows->cached[i]->stock.reserved >= 0;
	}
	for (int i = 0; i < rows->count; i++)
		rows->cached[i]->stock.reserved += reservation->lines[i].quantity;
	return have;
}

/* The rows of one that is active, all of which it can be resolved from. */
static int promised_rows(struct decider *d, const struct reservation *reservation, struct rows *ret)
{
	int r = rows_of_lines(d, reservation, ret);

	return r == 0 && !rows_have_promised(reservation, ret) ? FAULT(-EBADMSG) : r;
}

/* In the store, before any of its rows is touched: where that cannot be, nothing has changed. */
static int resolve(struct decider *d, struct reservation *reservation, enum reservation_state state)
{
	int r;

	CHECK(reservation->state == RESERVATION_ACTIVE);
	reservation->state = state;
	reservation->resolved_at_ms = d->now_ms;
	r = d->store->ops->resolve_reservation(d->store, reservation);
	if (r < 0)
		return r;
	d->is_changing = true;
	d->has_writes = true;
	return reservation_book_remove(d->reservations, reservation->id);
}

/* Resolves it, and gives back what every line has promised. */
static int give_back(struct decider *d, struct reservation *reservation,
		     enum reservation_state state, enum movement_kind kind, const char *request_id)
{
	struct rows rows;
	int r = promised_rows(d, reservation, &rows);

	if (r == 0)
		r = resolve(d, reservation, state);
	for (int i = 0; r == 0 && i < rows.count; i++)
		r = book(d, rows.cached[i],
			 &(struct booking){ .kind = kind,
					    .reserved_delta = -reservation->lines[i].quantity,
					    .reservation = reservation->name,
					    .reference = reservation->reference,
					    .request_id = request_id });
	return r;
}

static enum outcome why_resolved(enum reservation_state state)
{
	switch (state) {
	case RESERVATION_COMMITTED:
		return OUTCOME_RESERVATION_COMMITTED;
	case RESERVATION_RELEASED:
		return OUTCOME_RESERVATION_RELEASED;
	case RESERVATION_EXPIRED:
		return OUTCOME_RESERVATION_EXPIRED;
	case RESERVATION_SUPERSEDED:
		return OUTCOME_RESERVATION_SUPERSEDED;
	case RESERVATION_ACTIVE:
	case RESERVATION_STATES:
		break;
	}
	check_failed(__FILE__, __LINE__, "it is resolved");
}

/*
 * The reservation has ended, and the answer shows it: so says whoever wants to hold, sell or keep
 * it.
 */
static void refuse_resolved(struct work *w, const struct reservation *reservation)
{
	refuse(w, why_resolved(reservation->state));
	w->answer.reservation = *reservation;
}

/* ---------------------------------------------------------------- running out */

static int expire_loaded(struct decider *d, struct reservation *found)
{
	int r = reservation_is_sound(found) ? 0 : FAULT(-EBADMSG);

	if (r == 0)
		r = give_back(d, found, RESERVATION_EXPIRED, MOVEMENT_EXPIRE, NULL);
	if (r == 0)
		d->expired_count++;
	return r;
}

/* A damaged reservation stays active, and keeps nobody waiting: somebody has to mend it. */
static int postpone(struct decider *d, int64_t id)
{
	char name[32];

	snprintf(name, sizeof(name), "r_%lld", (long long)id);
	decide_note_damage(d, "reservation_damaged", name);
	return reservation_book_put(d->reservations, id, d->now_ms + DAMAGED_AGAIN_MS, NULL, 0);
}

static int expire_one(struct decider *d, int64_t id)
{
	struct reservation found;
	int r = d->store->ops->load_reservation_by_id(d->store, id, &d->texts, &found);

	d->ran_out_count++;
	d->is_changing = false;
	if (r == -EBADMSG)
		return postpone(d, id);
	if (r < 0)
		return r;
	if (found.id == 0 || found.state != RESERVATION_ACTIVE)
		return reservation_book_remove(d->reservations, id); /* by somebody's hand */
	if (found.expires_at_ms > d->now_ms)
		return reservation_book_put(d->reservations, id, found.expires_at_ms, NULL, 0);
	r = expire_loaded(d, &found);
	return r == -EBADMSG && !d->is_changing ? postpone(d, id) : r;
}

/* In the middle of a command, which has changed nothing by that. */
static int expire_aside(struct decider *d, int64_t id)
{
	bool was_changing = d->is_changing;
	int r = expire_one(d, id);

	if (r == 0)
		d->is_changing = was_changing;
	return r;
}

/* Reservations that a hand has ended, or damaged, book nothing, and take as long. */
static bool has_booked(const struct decider *d, size_t line_count)
{
	return d->bookings.count >= line_count || (size_t)d->ran_out_count >= line_count;
}

int expire_reservations(struct decider *d)
{
	int64_t id;
	int r = 0;

	reservation_book_collect(d->reservations, d->now_ms);
	while (r == 0 && !has_booked(d, EXPIRED_LINES_PER_GROUP_MAX) &&
	       (id = reservation_book_overdue(d->reservations)) != 0)
		r = expire_one(d, id);
	return r;
}

static int book_overdue_of_row(struct decider *d, const struct row_ref *ref, bool *is_booked)
{
	struct cached_row *row;
	uint32_t key;
	int64_t id;
	int r = row_cache_row(d->cache, ref, &row);

	if (r < 0)
		return r == -EBADMSG ? 0 : r; /* the decision will say so */
	key = reservation_book_row(row->item->item.id, row->location->location.id);
	while (r == 0 && (id = reservation_book_overdue_in(d->reservations, key)) != 0) {
		*is_booked = !has_booked(d, 2 * EXPIRED_LINES_PER_GROUP_MAX);
		if (!*is_booked)
			return 0;
		r = expire_one(d, id);
	}
	return r;
}

int book_overdue_of_command(struct decider *d, const struct command *c, bool *ret_is_booked)
{
	int r = 0;

	*ret_is_booked = true;
	for (int i = 0; r == 0 && *ret_is_booked && i < c->row_count; i++)
		r = book_overdue_of_row(d, &c->rows[i], ret_is_booked);
	for (int i = 0; r == 0 && *ret_is_booked && i < c->more_row_count; i++)
		r = book_overdue_of_row(d, &c->more_rows[i], ret_is_booked);
	return r;
}

/* ---------------------------------------------------------------- making one */

static bool texts_are_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int64_t quantity_of(const struct reservation *reservation, const struct row_ref *row)
{
	for (int i = 0; i < reservation->line_count; i++) {
		const struct reservation_line *l = &reservation->lines[i];

		if (strcmp(l->sku.text, row->sku.text) == 0 &&
		    strcmp(l->location.text, row->location.text) == 0)
			return l->quantity;
	}
	return 0;
}

static bool is_same(const struct command *c, const struct reservation *reservation)
{
	if (!texts_are_equal(c->owner, reservation->owner) ||
	    !texts_are_equal(c->reference, reservation->reference) ||
	    c->row_count != reservation->line_count)
		return false;
	for (int i = 0; i < c->row_count; i++)
		if (quantity_of(reservation, &c->rows[i]) != c->quantities[i])
			return false;
	return true;
}

/* The one that is to be superseded; id 0 where there is nothing to do. *ret: why it cannot be. */
static int find_superseded(struct decider *d, struct work *w, struct reservation *ret_old,
			   enum outcome *ret)
{
	int r;

	*ret = OUTCOME_DONE;
	*ret_old = (struct reservation){ 0 };
	if (w->command.supersedes == NULL)
		return 0;
	r = load(d, w, w->command.supersedes, ret_old);
	if (r < 0)
		return r;
	if (ret_old->id == 0)
		*ret = OUTCOME_UNKNOWN_RESERVATION;
	else if (ret_old->state == RESERVATION_COMMITTED ||
		 ret_old->state == RESERVATION_SUPERSEDED)
		*ret = why_resolved(ret_old->state);
	else if (ret_old->state != RESERVATION_ACTIVE)
		ret_old->id = 0; /* its units are back already */
	if (*ret != OUTCOME_DONE && ret_old->id != 0)
		w->answer.reservation = *ret_old;
	return 0;
}

/* Is there enough, counting what the superseded one gives back? */
static enum outcome may_reserve(struct work *w, const struct rows *rows,
				const struct reservation *old, struct short_line lines[])
{
	const struct command *c = &w->command;
	struct stock stocks[COMMAND_ROWS_MAX];
	struct rules_row rules[COMMAND_ROWS_MAX];

	for (int i = 0; i < rows->count; i++) {
		stocks[i] = *rows->rules[i].stock;
		stocks[i].reserved -= old->id != 0 ? quantity_of(old, &c->rows[i]) : 0;
		rules[i] = rows->rules[i];
		rules[i].stock = &stocks[i];
	}
	return rules_may_reserve(rules, c->quantities, rows->count, lines, &w->answer);
}

/* From now on it runs out at its time. */
static int keep_time(struct decider *d, const struct reservation *reservation)
{
	uint32_t rows[COMMAND_ROWS_MAX];

	CHECK(reservation->line_count <= COMMAND_ROWS_MAX);
	for (int i = 0; i < reservation->line_count; i++)
		rows[i] = reservation_book_row(reservation->lines[i].item_id,
					       reservation->lines[i].location_id);
	return reservation_book_put(d->reservations, reservation->id, reservation->expires_at_ms,
				    rows, reservation->line_count);
}

static int store_new(struct decider *d, struct work *w, const struct rows *rows,
		     struct reservation *ret)
{
	const struct command *c = &w->command;
	int r;

	*ret = (struct reservation){ .name = c->reservation_id,
				     .owner = c->owner,
				     .reference = c->reference,
				     .created_at_ms = d->now_ms,
				     .expires_at_ms = d->now_ms + c->ttl_ms,
				     .line_count = rows->count,
				     .lines = arena_alloc(&w->arena, sizeof(ret->lines[0]) *
									     (size_t)rows->count) };
	if (ret->lines == NULL)
		return FAULT(-ENOMEM);
	for (int i = 0; i < rows->count; i++)
		ret->lines[i] =
			(struct reservation_line){ .sku = c->rows[i].sku,
						   .location = c->rows[i].location,
						   .item_id = rows->rules[i].item->id,
						   .location_id = rows->rules[i].location->id,
						   .quantity = c->quantities[i] };
	r = d->store->ops->add_reservation(d->store, ret, &w->arena);
	d->is_changing = d->is_changing || r == 0;
	return r < 0 ? r : keep_time(d, ret);
}

static int make(struct decider *d, struct work *w, const struct rows *rows, struct reservation *old)
{
	const struct command *c = &w->command;
	struct reservation made;
	int r = 0;

	if (old->id != 0)
		r = give_back(d, old, RESERVATION_SUPERSEDED, MOVEMENT_SUPERSEDE, c->request_id);
	if (r == 0)
		r = store_new(d, w, rows, &made);
	for (int i = 0; r == 0 && i < rows->count; i++)
		r = book(d, rows->cached[i],
			 &(struct booking){ .kind = MOVEMENT_RESERVE,
					    .reserved_delta = c->quantities[i],
					    .reservation = made.name,
					    .reference = c->reference,
					    .request_id = c->request_id });
	if (r == 0)
		carry_out(w, 201, &made);
	return r;
}

static int reserve(struct decider *d, struct work *w)
{
	const struct command *c = &w->command;
	struct short_line *lines = arena_alloc(&w->arena, sizeof(lines[0]) * (size_t)c->row_count);
	struct rows rows = { 0 };
	struct reservation old, existing = { 0 };
	enum outcome o = OUTCOME_DONE;
	int r = lines == NULL ? FAULT(-ENOMEM) : 0;

	if (r == 0 && c->reservation_id != NULL)
		r = load(d, w, c->reservation_id, &existing);
	if (r < 0)
		return r;
	if (existing.id != 0) {
		if (!is_same(c, &existing))
			refuse(w, OUTCOME_RESERVATION_EXISTS);
		else if (existing.state == RESERVATION_ACTIVE)
			carry_out(w, 200, &existing);
		else
			refuse_resolved(w, &existing); /* it holds nothing any more */
		return 0;
	}
	for (int i = 0; r == 0 && i < c->row_count; i++)
		r = add_row(d, &rows, &c->rows[i]);
	if (r == 0)
		r = find_superseded(d, w, &old, &o);
	if (r < 0)
		return r;
	if (o == OUTCOME_DONE)
		o = may_reserve(w, &rows, &old, lines);
	if (o == OUTCOME_DONE &&
	    (d->reservations->active_count >= RESERVATIONS_MAX ||
	     d->reservations->living_lines + (size_t)rows.count > RESERVATION_LINES_MAX))
		o = OUTCOME_TOO_MANY_RESERVATIONS;
	if (o == OUTCOME_DONE)
		return make(d, w, &rows, &old);
	refuse(w, o);
	return 0;
}

/* ---------------------------------------------------------------- resolving one */

/* The one that the command names, if it is active; id 0: it was refused. */
static int find_active(struct decider *d, struct work *w, struct reservation *ret)
{
	int r = load(d, w, w->command.reservation_id, ret);

	if (r < 0)
		return r;
	if (ret->id == 0) {
		refuse(w, OUTCOME_UNKNOWN_RESERVATION);
	} else if (ret->state != RESERVATION_ACTIVE) {
		refuse_resolved(w, ret);
		ret->id = 0;
	}
	return 0;
}

/* How much of each line is committed: all of it, or what the command names. False: refused. */
static bool take_parts(struct work *w, struct reservation *reservation)
{
	const struct command *c = &w->command;
	int taken = 0;

	for (int i = 0; i < reservation->line_count; i++) {
		struct reservation_line *l = &reservation->lines[i];

		l->committed = c->row_count == 0 ? l->quantity : 0;
		for (int k = 0; k < c->row_count; k++) {
			if (strcmp(l->sku.text, c->rows[k].sku.text) != 0 ||
			    strcmp(l->location.text, c->rows[k].location.text) != 0)
				continue;
			l->committed = c->quantities[k];
			taken++;
		}
		if (l->committed > l->quantity) {
			refuse(w, OUTCOME_MEANINGLESS);
			w->answer.detail = "A line is more than was reserved.";
			return false;
		}
	}
	if (taken == c->row_count)
		return true;
	refuse(w, OUTCOME_MEANINGLESS);
	w->answer.detail = "A line is of a row that the reservation does not have.";
	return false;
}

static enum outcome may_commit(struct work *w, const struct reservation *reservation,
			       const struct rows *rows, struct short_line lines[])
{
	int64_t quantities[COMMAND_ROWS_MAX];

	for (int i = 0; i < rows->count; i++)
		quantities[i] = reservation->lines[i].committed;
	return rules_may_commit(rows->rules, quantities, rows->count, lines, &w->answer);
}

/* One movement for what leaves the building, one for what does not. */
static int book_commit(struct decider *d, const struct work *w,
		       const struct reservation *reservation, int index, struct cached_row *row)
{
	const struct reservation_line *l = &reservation->lines[index];
	struct booking b = { .kind = MOVEMENT_COMMIT,
			     .on_hand_delta = -l->committed,
			     .reserved_delta = -l->committed,
			     .reservation = reservation->name,
			     .reference = reservation->reference,
			     .request_id = w->command.request_id };
	int r = l->committed > 0 ? book(d, row, &b) : 0;

	if (r < 0 || l->committed == l->quantity)
		return r;
	b.kind = MOVEMENT_RELEASE;
	b.on_hand_delta = 0;
	b.reserved_delta = -(l->quantity - l->committed);
	return book(d, row, &b);
}

static int commit(struct decider *d, struct work *w)
{
	struct short_line *lines;
	struct reservation found;
	struct rows rows;
	enum outcome o;
	int r = find_active(d, w, &found);

	if (r < 0 || found.id == 0 || !take_parts(w, &found))
		return r;
	lines = arena_alloc(&w->arena, sizeof(lines[0]) * (size_t)found.line_count);
	r = lines == NULL ? FAULT(-ENOMEM) : promised_rows(d, &found, &rows);
	if (r < 0)
		return r;
	o = may_commit(w, &found, &rows, lines);
	if (o != OUTCOME_DONE) {
		refuse(w, o);
		return 0;
	}
	r = resolve(d, &found, RESERVATION_COMMITTED);
	for (int i = 0; r == 0 && i < rows.count; i++)
		r = book_commit(d, w, &found, i, rows.cached[i]);
	if (r == 0)
		carry_out(w, 200, &found);
	return r;
}

static int release(struct decider *d, struct work *w)
{
	struct reservation found;
	int r = find_active(d, w, &found);

	if (r < 0 || found.id == 0)
		return r;
	r = give_back(d, &found, RESERVATION_RELEASED, MOVEMENT_RELEASE, w->command.request_id);
	if (r == 0)
		carry_out(w, 200, &found);
	return r;
}

static int extend(struct decider *d, struct work *w)
{
	struct reservation found;
	int r = find_active(d, w, &found);

	if (r < 0 || found.id == 0)
		return r;
	found.expires_at_ms = d->now_ms + w->command.ttl_ms;
	r = d->store->ops->extend_reservation(d->store, &found);
	if (r == 0)
		r = keep_time(d, &found);
	if (r < 0)
		return r;
	d->has_writes = true;
	carry_out(w, 200, &found);
	return 0;
}

static int decide_by_kind(struct decider *d, struct work *w)
{
	if (w->command.kind == COMMAND_RESERVE)
		return reserve(d, w);
	if (w->command.kind == COMMAND_RESERVATION_COMMIT)
		return commit(d, w);
	if (w->command.kind == COMMAND_RESERVATION_RELEASE)
		return release(d, w);
	CHECK(w->command.kind == COMMAND_RESERVATION_EXTEND);
	return extend(d, w);
}

int decide_reservation(struct decider *d, struct work *w)
{
	int r = 0;

	if (fences_are_current(d, &w->command))
		r = decide_by_kind(d, w);
	else
		refuse(w, OUTCOME_STALE_FENCE);
	/* What it has read may have been written by this group: it waits for the group's flush. */
	w->rests_on_group = d->has_writes;
	return r;
}
