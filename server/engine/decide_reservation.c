/* decide_reservation - what reservations do to stock rows: they promise, and give back. */
#include "base/fault.h"
#include "base/hash.h"
#include "core/rules.h"
#include "engine/decide.h"
#include "engine/decide_parts.h"
#include "engine/permission.h"
#include <stdio.h>
#include <string.h>

/* The rows of one reservation, or of one command, as the group has left them. */
struct rows {
	int count;
	struct found_row *found[COMMAND_ROWS_MAX];
	struct rules_row rules[COMMAND_ROWS_MAX];
};

static int add_row(struct decider *d, struct rows *rows, const struct row_ref *ref)
{
	struct found_row *row = row_set_row(d->found.rows, ref);

	CHECK(rows->count < COMMAND_ROWS_MAX);
	if (row == NULL)
		return FAULT(-EBADMSG);
	rows->found[rows->count] = row;
	decider_show_row(row, &rows->rules[rows->count++]);
	return 0;
}

static int rows_of_lines(struct decider *d, const struct reservation *reservation, struct rows *ret)
{
	int r = 0;

	ret->count = 0;
	for (int i = 0; r == 0 && i < reservation->line_count; i++) {
		const struct reservation_line *l = &reservation->lines[i];
		struct row_ref ref = { .key = hash_pair(l->sku.text, l->location.text,
							d->found.rows->seed),
				       .sku = l->sku,
				       .location = l->location };

		r = add_row(d, ret, &ref);
	}
	CHECK(r < 0 || ret->count == reservation->line_count);
	return r;
}

static void show(struct work *w, int status, const struct reservation *reservation)
{
	decider_carry_out(w, status);
	w->answer.reservation = *reservation;
}

/* With texts and lines of its own, that last as long as the answer. */
static int copy(struct work *w, const struct reservation *from, struct reservation *ret)
{
	CHECK(from->line_count >= 0);
	*ret = *from;
	ret->lines = (struct reservation_line *)arena_copy(
		&w->arena, from->lines, sizeof(from->lines[0]) * (size_t)from->line_count);
	return ret->lines != NULL && decider_keep_text(w, from->name, &ret->name) &&
			       decider_keep_text(w, from->owner, &ret->owner) &&
			       decider_keep_text(w, from->reference, &ret->reference)
		       ? 0
		       : FAULT(-ENOMEM);
}

/* By its name, as the group has left it; id 0: there is none. -EBADMSG: it makes no sense. */
static int load(struct decider *d, struct work *w, const char *name, struct reservation *ret)
{
	const struct found_reservation *found = found_reservation_of(&d->found, name);

	CHECK(found != NULL);
	*ret = (struct reservation){ 0 };
	if (found->is_damaged)
		return FAULT(-EBADMSG);
	return found->is_there ? copy(w, &found->reservation, ret) : 0;
}

/* From now on it is so, for whoever names it behind this in the group. */
static void keep(struct decider *d, const struct reservation *reservation)
{
	struct found_reservation *found = found_reservation_of(&d->found, reservation->name);

	if (found == NULL)
		return; /* nobody can name it: it has no name before it has a number */
	found->reservation = *reservation;
	found->is_there = true;
}

/* ---------------------------------------------------------------- booking */

/* By whose command it happens. */
static void sign(const struct work *w, struct booking *b)
{
	b->request_id = w->command.request_id;
	b->actor = w->command.actor->name;
	b->note = w->command.note;
}

static int book(struct decider *d, struct found_row *row, const struct booking *b)
{
	struct movement *m = arena_alloc(&d->found.memory, sizeof(*m));
	struct stock before = row->stock;
	struct rules_row rules;

	if (m == NULL)
		return FAULT(-ENOMEM);
	decider_show_row(row, &rules);
	rules_book(&rules, b, d->seq + 1, d->dated_ms, m);
	return decider_move(d, m, row, &before, NULL);
}

/* Do its rows still have what it was promised? Its lines may name the same row twice by now. */
static bool rows_have_promised(const struct reservation *reservation, const struct rows *rows)
{
	bool have = true;

	CHECK(rows->count == reservation->line_count);
	for (int i = 0; i < rows->count; i++) {
		rows->found[i]->stock.reserved -= reservation->lines[i].quantity;
		have = have && rows->found[i]->stock.reserved >= 0;
	}
	for (int i = 0; i < rows->count; i++)
		rows->found[i]->stock.reserved += reservation->lines[i].quantity;
	return have;
}

/* The rows of one that is active, all of which it can be resolved from. */
static int promised_rows(struct decider *d, const struct reservation *reservation, struct rows *ret)
{
	CHECK(reservation->state == RESERVATION_ACTIVE);

	int r = rows_of_lines(d, reservation, ret);

	return r == 0 && !rows_have_promised(reservation, ret) ? FAULT(-EBADMSG) : r;
}

/* The effect's own copy: what it is copied from may go before the group. */
static struct reservation *add_effect(struct decider *d, const struct reservation *reservation,
				      struct reservation_effect effect)
{
	struct reservation *written = arena_alloc(&d->found.memory, sizeof(*written));
	struct reservation_effect *e = effects_add_reservation(&d->effects);

	CHECK(effect.reservation == NULL);
	if (written == NULL || e == NULL)
		return NULL;
	*written = *reservation;
	*e = effect;
	e->reservation = written;
	d->has_writes = true;
	return written;
}

/* w: whose command it is; NULL: its time was up. */
static int resolve(struct decider *d, struct work *w, struct reservation *reservation,
		   enum reservation_state state)
{
	CHECK(reservation->state == RESERVATION_ACTIVE);
	CHECK(state != RESERVATION_ACTIVE);
	reservation->state = state;
	reservation->resolved_at_ms = d->now_ms;
	if (add_effect(d, reservation,
		       (struct reservation_effect){ .change = RESERVATION_RESOLVE, .owner = w }) ==
	    NULL)
		return FAULT(-ENOMEM);
	d->promised_count--;
	d->promised_lines -= reservation->line_count;
	keep(d, reservation);
	return 0;
}

/* Resolves it, and gives back what every line has promised. */
static int give_back(struct decider *d, struct work *w, struct reservation *reservation,
		     enum reservation_state state, enum movement_kind kind)
{
	struct rows rows;
	struct booking b = { .kind = kind,
			     .reservation = reservation->name,
			     .reference = reservation->reference,
			     .actor = actor_service.name };
	int r = promised_rows(d, reservation, &rows);

	CHECK(kind != MOVEMENT_RESERVE);
	if (w != NULL)
		sign(w, &b);
	if (r == 0)
		r = resolve(d, w, reservation, state);
	for (int i = 0; r == 0 && i < rows.count; i++) {
		b.reserved_delta = -reservation->lines[i].quantity;
		r = book(d, rows.found[i], &b);
	}
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
	CHECK(reservation->state != RESERVATION_ACTIVE);
	decider_refuse(w, why_resolved(reservation->state));
	w->answer.reservation = *reservation;
}

/* ---------------------------------------------------------------- running out */

static int run_out(struct decider *d, struct found_reservation *found)
{
	struct reservation reservation = found->reservation;
	int r;

	CHECK(found->is_there);
	if (reservation.state != RESERVATION_ACTIVE)
		return 0; /* the group has resolved it */
	r = give_back(d, NULL, &reservation, RESERVATION_EXPIRED, MOVEMENT_EXPIRE);
	if (r == 0)
		d->expired_count++;
	return r;
}

int decide_overdue(struct decider *d)
{
	struct list *link;

	while ((link = list_pop_front(&d->found.overdue)) != NULL) {
		struct found_overdue *o = CONTAINER_OF(link, struct found_overdue, link);
		bool is_damaged = o->of == NULL || decider_leaves_overdue(d, o->id);
		int r = is_damaged ? FAULT(-EBADMSG) : run_out(d, o->of);
		char name[32];

		if (r < 0 && r != -EBADMSG)
			return r;
		if (r < 0) {
			snprintf(name, sizeof(name), "r_%lld", (long long)o->id);
			decider_note_damage(d, "reservation_damaged", name);
		}
	}
	CHECK(list_is_empty(&d->found.overdue));
	return 0;
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

	CHECK(rows->count == c->row_count);
	for (int i = 0; i < rows->count; i++) {
		stocks[i] = *rows->rules[i].stock;
		stocks[i].reserved -= old->id != 0 ? quantity_of(old, &c->rows[i]) : 0;
		rules[i] = rows->rules[i];
		rules[i].stock = &stocks[i];
	}
	return rules_may_reserve(rules, c->quantities, rows->count, lines, &w->answer);
}

/* Its name, or room for the one that it gets with its number. */
static int name_it(struct work *w, struct reservation *made, char **ret_made_name)
{
	CHECK(made->name == NULL);
	*ret_made_name = NULL;
	made->name = w->command.reservation_id;
	if (made->name != NULL)
		return 0;
	*ret_made_name = arena_alloc(&w->arena, ID_BYTES_MAX + 1);
	if (*ret_made_name == NULL)
		return FAULT(-ENOMEM);
	(*ret_made_name)[0] = '\0';
	made->name = *ret_made_name;
	return 0;
}

static void fill_lines(const struct command *c, const struct rows *rows,
		       struct reservation_line lines[])
{
	CHECK(c->row_count == rows->count);
	for (int i = 0; i < rows->count; i++)
		lines[i] = (struct reservation_line){ .sku = c->rows[i].sku,
						      .location = c->rows[i].location,
						      .quantity = c->quantities[i] };
}

/* Below 0: it has a number of its own when it is written. */
static int64_t next_id(const struct decider *d)
{
	return -(int64_t)d->effects.reservations.count - 1;
}

static int store_new(struct decider *d, struct work *w, const struct rows *rows,
		     struct reservation *ret)
{
	const struct command *c = &w->command;
	size_t count = (size_t)rows->count;
	struct reservation_effect e = { .change = RESERVATION_MAKE, .owner = w };
	int r;

	CHECK(rows->count == c->row_count);
	CHECK(c->row_count >= 1);
	*ret = (struct reservation){ .id = next_id(d),
				     .owner = c->owner,
				     .reference = c->reference,
				     .created_at_ms = d->now_ms,
				     .expires_at_ms = d->now_ms + c->ttl_ms,
				     .line_count = rows->count,
				     .lines = arena_alloc(&w->arena,
							  sizeof(ret->lines[0]) * count) };
	e.rows = (struct found_row **)arena_copy(&w->arena, rows->found,
						 sizeof(rows->found[0]) * count);
	r = name_it(w, ret, &e.made_name);
	if (r < 0 || ret->lines == NULL || e.rows == NULL)
		return FAULT(-ENOMEM);
	fill_lines(c, rows, ret->lines);
	if (add_effect(d, ret, e) == NULL)
		return FAULT(-ENOMEM);
	d->promised_count++;
	d->promised_lines += rows->count;
	keep(d, ret);
	return 0;
}

static int make(struct decider *d, struct work *w, const struct rows *rows, struct reservation *old)
{
	const struct command *c = &w->command;
	struct booking b = { .kind = MOVEMENT_RESERVE, .reference = c->reference };
	struct reservation made;
	int r = 0;

	CHECK(old->id == 0 || old->state == RESERVATION_ACTIVE);
	sign(w, &b);
	if (old->id != 0)
		r = give_back(d, w, old, RESERVATION_SUPERSEDED, MOVEMENT_SUPERSEDE);
	if (r == 0)
		r = store_new(d, w, rows, &made);
	for (int i = 0; r == 0 && i < rows->count; i++) {
		b.reserved_delta = c->quantities[i];
		b.reservation = made.name;
		r = book(d, rows->found[i], &b);
	}
	if (r == 0)
		show(w, 201, &made);
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
		if (!permission_by_reservation(w, &existing))
			return 0;
		if (!is_same(c, &existing))
			decider_refuse(w, OUTCOME_RESERVATION_EXISTS);
		else if (existing.state == RESERVATION_ACTIVE)
			show(w, 200, &existing);
		else
			refuse_resolved(w, &existing); /* it holds nothing any more */
		return 0;
	}
	for (int i = 0; r == 0 && i < c->row_count; i++)
		r = add_row(d, &rows, &c->rows[i]);
	if (r == 0)
		r = find_superseded(d, w, &old, &o);
	if (r < 0 || (old.id != 0 && !permission_by_reservation(w, &old)))
		return r;
	if (o == OUTCOME_DONE)
		o = may_reserve(w, &rows, &old, lines);
	if (o == OUTCOME_DONE && (d->promised_count >= RESERVATIONS_MAX ||
				  d->promised_lines + rows.count > RESERVATION_LINES_MAX))
		o = OUTCOME_TOO_MANY_RESERVATIONS;
	if (o == OUTCOME_DONE)
		return make(d, w, &rows, &old);
	decider_refuse(w, o);
	return 0;
}

/* ---------------------------------------------------------------- resolving one */

/* The one that the command names, if it is active; id 0: it was refused. */
static int find_active(struct decider *d, struct work *w, struct reservation *ret)
{
	CHECK(w->command.reservation_id != NULL);

	int r = load(d, w, w->command.reservation_id, ret);

	if (r < 0)
		return r;
	if (ret->id == 0) {
		decider_refuse(w, OUTCOME_UNKNOWN_RESERVATION);
	} else if (!permission_by_reservation(w, ret)) {
		ret->id = 0;
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

	CHECK(reservation->state == RESERVATION_ACTIVE);
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
			decider_refuse(w, OUTCOME_MEANINGLESS);
			w->answer.detail = "A line is more than was reserved.";
			return false;
		}
	}
	if (taken == c->row_count)
		return true;
	decider_refuse(w, OUTCOME_MEANINGLESS);
	w->answer.detail = "A line is of a row that the reservation does not have.";
	return false;
}

static enum outcome may_commit(struct work *w, const struct reservation *reservation,
			       const struct rows *rows, struct short_line lines[])
{
	int64_t quantities[COMMAND_ROWS_MAX];

	CHECK(rows->count == reservation->line_count);
	for (int i = 0; i < rows->count; i++)
		quantities[i] = reservation->lines[i].committed;
	return rules_may_commit(rows->rules, quantities, rows->count, lines, &w->answer);
}

/* One movement for what leaves the building, one for what does not. */
static int book_commit(struct decider *d, const struct work *w,
		       const struct reservation *reservation, int index, struct found_row *row)
{
	const struct reservation_line *l = &reservation->lines[index];
	struct booking b = { .kind = MOVEMENT_COMMIT,
			     .on_hand_delta = -l->committed,
			     .reserved_delta = -l->committed,
			     .reservation = reservation->name,
			     .reference = reservation->reference };
	int r = 0;

	sign(w, &b);
	if (l->committed > 0)
		r = book(d, row, &b);
	CHECK(index < reservation->line_count);
	CHECK(l->committed <= l->quantity);
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
		decider_refuse(w, o);
		return 0;
	}
	r = resolve(d, w, &found, RESERVATION_COMMITTED);
	for (int i = 0; r == 0 && i < rows.count; i++)
		r = book_commit(d, w, &found, i, rows.found[i]);
	if (r == 0)
		show(w, 200, &found);
	return r;
}

static int release(struct decider *d, struct work *w)
{
	struct reservation found;
	int r = find_active(d, w, &found);

	if (r < 0 || found.id == 0)
		return r;
	r = give_back(d, w, &found, RESERVATION_RELEASED, MOVEMENT_RELEASE);
	if (r == 0)
		show(w, 200, &found);
	return r;
}

static int extend(struct decider *d, struct work *w)
{
	struct reservation found;
	int r = find_active(d, w, &found);

	if (r < 0 || found.id == 0)
		return r;
	found.expires_at_ms = d->now_ms + w->command.ttl_ms;
	if (add_effect(d, &found,
		       (struct reservation_effect){ .change = RESERVATION_EXTEND, .owner = w }) ==
	    NULL)
		return FAULT(-ENOMEM);
	keep(d, &found);
	show(w, 200, &found);
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
	enum outcome fences = decider_judge_fences(d, &w->command);
	int r = 0;

	if (fences == OUTCOME_DONE)
		r = decide_by_kind(d, w);
	else
		decider_refuse(w, fences);
	/* What it has read may have been written by this group: it waits for the group's flush. */
	w->rests_on_group = d->has_writes;
	return r;
}
