/* decide_lease - leases are taken, renewed and given back. */
#include "base/fault.h"
#include "engine/decide_parts.h"
#include "engine/permission.h"
#include <stdio.h>
#include <string.h>

/* Each row once, in the order named. */
static int distinct_rows(const struct command *c, struct row_ref rows[])
{
	int count = 0;

	CHECK(c->row_count <= COMMAND_ROWS_MAX);
	for (int i = 0; i < c->row_count; i++) {
		bool is_repeated = false;

		for (int k = 0; k < count; k++)
			is_repeated =
				is_repeated ||
				(strcmp(rows[k].sku.text, c->rows[i].sku.text) == 0 &&
				 strcmp(rows[k].location.text, c->rows[i].location.text) == 0);
		if (!is_repeated)
			rows[count++] = c->rows[i];
	}
	return count;
}

static int index_of_row(const struct command *c, uint64_t key)
{
	int i = 0;

	while (c->rows[i].key != key)
		i++;
	CHECK(i < c->row_count);
	return i;
}

/* Its own fence let it in, but a row has one lease at a time. */
static int show_other(struct decider *d, struct work *w, const struct lease *other)
{
	CHECK(other->is_in_book);
	w->answer.lease = lease_view_of(other, d->now_ms);
	w->answer.lease.rows = NULL;
	w->answer.lease.row_count = 0;
	return decider_keep_text(w, other->id, &w->answer.lease.id) &&
			       decider_keep_text(w, other->purpose, &w->answer.lease.purpose)
		       ? 0
		       : FAULT(-ENOMEM);
}

/* Are all its rows there? Their keys, then. */
static int see_rows(struct decider *d, struct work *w, const struct row_ref rows[], int row_count,
		    uint64_t ret_keys[], enum outcome *ret)
{
	CHECK(row_count >= 1);
	*ret = OUTCOME_DONE;
	for (int i = 0; i < row_count; i++) {
		struct found_row *row = row_set_row(d->found.rows, &rows[i]);

		if (row == NULL)
			return FAULT(-EBADMSG);
		w->rests_on_group = w->rests_on_group || decider_row_is_open(d, row);
		if (row->item->item.id == 0 || row->location->location.id == 0) {
			*ret = row->item->item.id == 0 ? OUTCOME_UNKNOWN_ITEM
						       : OUTCOME_UNKNOWN_LOCATION;
			w->answer.row_index = index_of_row(&w->command, rows[i].key);
			return 0;
		}
		ret_keys[i] = rows[i].key;
	}
	return 0;
}

/* Where others take leases, too, the book may be behind. */
static bool id_is_taken(const struct decider *d, const char *id)
{
	const struct found_lease *f;

	if (d->leases_are_told)
		return lease_book_by_id(&d->locks->leases, id) != NULL;
	f = found_lease_of(&d->found, id, 0);
	return f != NULL && !f->is_over;
}

/* Why the lease cannot be taken, or DONE. */
static int may_take(struct decider *d, struct work *w, const struct row_ref rows[], int row_count,
		    enum outcome *ret)
{
	uint64_t keys[COMMAND_ROWS_MAX];
	const struct lease *other;
	int r = see_rows(d, w, rows, row_count, keys, ret);

	if (r < 0 || *ret != OUTCOME_DONE)
		return r;
	other = lock_manager_lease_of(d->locks, keys, row_count);
	if (other != NULL) {
		*ret = OUTCOME_ROW_LEASED;
		return show_other(d, w, other);
	}
	if (id_is_taken(d, w->command.lease_id))
		*ret = OUTCOME_LEASE_EXISTS; /* nobody in this group: a take claims its id */
	else if (d->locks->leases.count + d->leases_taken >= LEASES_MAX)
		*ret = OUTCOME_TOO_MANY_LEASES;
	return 0;
}

int decide_lease_take(struct decider *d, struct work *w)
{
	struct row_ref *rows = arena_alloc(&w->arena, sizeof(rows[0]) * COMMAND_ROWS_MAX);
	struct lease_effect *e;
	enum outcome o;
	int row_count, r;

	if (rows == NULL)
		return FAULT(-ENOMEM);
	row_count = distinct_rows(&w->command, rows);
	r = may_take(d, w, rows, row_count, &o);
	if (r < 0)
		return r;
	if (o != OUTCOME_DONE) {
		decider_refuse(w, o);
		return 0;
	}
	e = effects_add_lease(&d->effects);
	if (e == NULL)
		return FAULT(-ENOMEM);
	*e = (struct lease_effect){ .change = CHANGE_MAKE,
				    .id = w->command.lease_id,
				    .purpose = w->command.purpose,
				    .token_id = w->command.actor->token_id,
				    .actor = w->command.actor->name,
				    .taken_at_ms = d->now_ms,
				    .expires_at_ms = d->now_ms + w->command.ttl_ms,
				    .row_count = row_count,
				    .rows = rows,
				    .owner = w };
	decider_carry_out(w, 201);
	w->changes_lease = true;
	d->leases_taken++;
	d->has_writes = true;
	w->rests_on_group = true;
	return 0;
}

int decide_lease_numbered(struct decider *d, struct lease_effect *e)
{
	struct work *w = e->owner;
	const char *id = e->id[0] != '\0' ? e->id : e->made_id;

	CHECK(e->change == CHANGE_MAKE);
	CHECK(w->lease == NULL);
	w->lease = lease_create(id, e->purpose, e->fence, e->rows, e->row_count);
	if (w->lease == NULL)
		return FAULT(-ENOMEM);
	w->lease->token_id = e->token_id;
	w->lease->taken_at_ms = e->taken_at_ms;
	w->lease->expires_at_ms = e->expires_at_ms;
	w->answer.lease = lease_view_of(w->lease, d->now_ms);
	w->answer.lease.rows = e->rows;
	w->answer.lease.purpose = e->purpose;
	return decider_keep_text(w, id, &w->answer.lease.id) ? 0 : FAULT(-ENOMEM);
}

/* The lease that a renewal or release names, or why not. */
static struct lease *find_lease(struct decider *d, struct work *w, enum outcome *ret)
{
	const struct command *c = &w->command;
	struct lease *l = lease_book_by_id(&d->locks->leases, c->lease_id);

	/* A fence is judged when it comes, where nobody else can have given it out just now. */
	enum outcome none = !d->leases_are_told && c->fence_count > 0 ? OUTCOME_STALE_FENCE
								      : OUTCOME_UNKNOWN_LEASE;

	*ret = none;
	if (l == NULL || lease_has_ended(l, d->now_ms))
		return NULL;
	*ret = OUTCOME_STALE_FENCE;
	if (c->fence_count > 0 && c->fences[0] != l->gate.fence) {
		/* An older store may hold two of one id. */
		l = lease_book_by_fence(&d->locks->leases, c->fences[0]);
		if (l == NULL || lease_has_ended(l, d->now_ms) || strcmp(l->id, c->lease_id) != 0)
			return NULL;
	}
	*ret = none;
	if (!d->leases_are_told && found_lease_of(&d->found, l->id, l->gate.fence) == NULL)
		return NULL; /* the store has the last word */
	*ret = OUTCOME_LEASE_NOT_YOURS;
	if (!lease_is_for(l, c->actor))
		return NULL;
	*ret = OUTCOME_DONE;
	return l;
}

static int change_lease(struct decider *d, struct work *w, struct lease *l, enum change change,
			int64_t expires_at_ms)
{
	struct lease_effect *e = effects_add_lease(&d->effects);

	CHECK(change != CHANGE_MAKE);
	if (e == NULL)
		return FAULT(-ENOMEM);
	*e = (struct lease_effect){ .change = change,
				    .fence = l->gate.fence,
				    .id = l->id,
				    .expires_at_ms = expires_at_ms,
				    .owner = w };
	w->lease = l;
	w->changes_lease = true;
	d->has_writes = true;
	w->rests_on_group = true;
	return 0;
}

int decide_lease_renew(struct decider *d, struct work *w)
{
	int64_t expires_at_ms = d->now_ms + w->command.ttl_ms;
	enum outcome o;
	struct lease *l = find_lease(d, w, &o);

	if (l == NULL) {
		decider_refuse(w, o);
		return 0;
	}
	if (!permission_by_rows(w, l->rows, l->row_count))
		return 0;
	w->answer.lease = lease_view_of(l, d->now_ms);
	w->answer.lease.expires_at_ms = expires_at_ms;
	w->answer.lease.expires_in_ms = w->command.ttl_ms;
	w->answer.lease.id = w->command.lease_id;
	w->answer.lease.rows = (struct row_ref *)arena_copy(
		&w->arena, l->rows, sizeof(l->rows[0]) * (size_t)l->row_count);
	if (!decider_keep_text(w, l->purpose, &w->answer.lease.purpose) ||
	    w->answer.lease.rows == NULL)
		return FAULT(-ENOMEM);
	decider_carry_out(w, 200);
	return change_lease(d, w, l, CHANGE_UPDATE, expires_at_ms);
}

int decide_lease_release(struct decider *d, struct work *w)
{
	enum outcome o;
	struct lease *l = find_lease(d, w, &o);

	if (l == NULL) {
		decider_refuse(w, o);
		return 0;
	}
	if (!permission_by_rows(w, l->rows, l->row_count))
		return 0;
	decider_carry_out(w, 204);
	return change_lease(d, w, l, CHANGE_DELETE, 0);
}
