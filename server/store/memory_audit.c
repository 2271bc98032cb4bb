/* memory_audit - what a verification reads of a store without a file. */
#include "base/fault.h"
#include "store/memory_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Versions of one kind behind after_id, by id; what they say is copied before `see` is called, so
 * that it may read on. The caller frees it; NULL: memory is short.
 */
static struct memory_version *collect(struct reader *reader, enum memory_kind kind,
				      int64_t after_id, size_t *ret_count)
{
	struct memory_reader *r = memory_reader_of(reader);
	const struct memory_version *version;
	struct memory_version *all;

	CHECK(kind < MEMORY_KINDS);
	CHECK(r->is_in_snapshot);
	pthread_mutex_lock(&r->m->mutex);
	all = calloc(r->m->tables[kind].count + 1, sizeof(all[0]));
	*ret_count = 0;
	for (size_t at = 0;
	     all != NULL && (version = memory_next(r->m, &r->view, kind, &at)) != NULL;)
		if (version->id > after_id)
			all[(*ret_count)++] = *version;
	pthread_mutex_unlock(&r->m->mutex);
	return all;
}

static int by_id(const void *a, const void *b)
{
	const struct memory_version *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static struct memory_version *collect_sorted(struct reader *reader, enum memory_kind kind,
					     int64_t after_id, int64_t limit, size_t *ret_count)
{
	struct memory_version *all = collect(reader, kind, after_id, ret_count);

	CHECK(limit >= 1);
	if (all == NULL)
		return NULL;
	qsort(all, *ret_count, sizeof(all[0]), by_id);
	if ((int64_t)*ret_count > limit)
		*ret_count = (size_t)limit;
	return all;
}

/* The version of this id, copied; id 0: there is none. */
static struct memory_version one(struct reader *reader, enum memory_kind kind, int64_t id)
{
	struct memory_reader *r = memory_reader_of(reader);
	const struct memory_version *version;
	struct memory_version copy = { 0 };

	CHECK(r->is_in_snapshot);
	pthread_mutex_lock(&r->m->mutex);
	version = memory_by_id(r->m, &r->view, kind, id);
	if (version != NULL)
		copy = *version;
	pthread_mutex_unlock(&r->m->mutex);
	return copy;
}

/* ---------------------------------------------------------------- the ledger and the rows */

static struct audit_movement audit_of(struct reader *reader, int64_t seq, bool with_reservations)
{
	struct memory_reader *r = memory_reader_of(reader);
	struct audit_movement ret;
	const struct movement *m;

	CHECK(seq >= 1);
	CHECK(seq <= memory_reader_of(reader)->seq);
	pthread_mutex_lock(&r->m->mutex);
	m = &r->m->movements[seq - 1].movement;
	ret = (struct audit_movement){ .seq = m->seq,
				       .stock_id = m->stock_id,
				       .on_hand_delta = m->on_hand_delta,
				       .reserved_delta = m->reserved_delta,
				       .on_hand = m->on_hand,
				       .reserved = m->reserved,
				       .version = m->version,
				       .prev_seq = m->prev_seq,
				       .kind = m->kind };
	if (with_reservations && m->reservation != NULL) {
		const struct memory_version *of =
			memory_reservation(r->m, &r->view, m->reservation);

		ret.reservation_id = of == NULL ? 0 : of->id;
	}
	pthread_mutex_unlock(&r->m->mutex);
	return ret;
}

static int movements(struct reader *reader, int64_t after_seq, int64_t limit,
		     bool with_reservations,
		     int (*see)(void *context, const struct audit_movement *m), void *context)
{
	int64_t last = memory_reader_of(reader)->seq;
	int r = 0;

	CHECK(limit >= 1);
	CHECK(see != NULL);
	for (int64_t seq = after_seq + 1; r == 0 && seq <= last && limit > 0; seq++, limit--) {
		struct audit_movement m = audit_of(reader, seq, with_reservations);

		r = see(context, &m);
	}
	return r;
}

static int movement(struct reader *reader, int64_t seq, struct audit_movement *ret)
{
	bool is_there = seq >= 1 && seq <= memory_reader_of(reader)->seq;

	CHECK(memory_reader_of(reader)->is_in_snapshot);
	*ret = is_there ? audit_of(reader, seq, false) : (struct audit_movement){ 0 };
	return 0;
}

static struct audit_row row_of(struct reader *reader, const struct memory_version *version)
{
	const struct stock *s = &version->row.stock;
	struct memory_version item = one(reader, MEMORY_ITEM, version->row.item_id);

	CHECK(version->kind == MEMORY_ROW);
	return (struct audit_row){
		.id = version->id,
		.on_hand = s->on_hand,
		.reserved = s->reserved,
		.version = s->version,
		.seq = s->seq,
		.backorder_limit = item.item.backorder_limit,
		.item_version = item.item.version,
		.has_names = item.id != 0 &&
			     one(reader, MEMORY_LOCATION, version->row.location_id).id != 0,
	};
}

static int rows(struct reader *reader, int64_t after_id, int64_t limit,
		int (*see)(void *context, const struct audit_row *row), void *context)
{
	size_t count;
	struct memory_version *all = collect_sorted(reader, MEMORY_ROW, after_id, limit, &count);
	int r = all == NULL ? FAULT(-ENOMEM) : 0;

	CHECK(see != NULL);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct audit_row row = row_of(reader, &all[i]);

		r = see(context, &row);
	}
	free(all);
	return r;
}

static int row(struct reader *reader, int64_t id, struct audit_row *ret)
{
	struct memory_version version = one(reader, MEMORY_ROW, id);

	*ret = version.id == 0 ? (struct audit_row){ 0 } : row_of(reader, &version);
	return 0;
}

static int row_names(struct reader *reader, int64_t id, struct code *ret_sku,
		     struct code *ret_location)
{
	struct memory_version version = one(reader, MEMORY_ROW, id);

	*ret_sku = one(reader, MEMORY_ITEM, version.row.item_id).item.sku;
	*ret_location = one(reader, MEMORY_LOCATION, version.row.location_id).location.code;
	return 0;
}

/* ---------------------------------------------------------------- reservations */

static int active_reservations(struct reader *reader, int (*see)(void *context, int64_t id),
			       void *context, int64_t *ret_last_id)
{
	size_t count;
	struct memory_version *all =
		collect_sorted(reader, MEMORY_RESERVATION, 0, INT64_MAX, &count);
	int r = all == NULL ? FAULT(-ENOMEM) : 0;

	CHECK(see != NULL);
	*ret_last_id = r < 0 || count == 0 ? 0 : all[count - 1].id;
	for (size_t i = 0; r == 0 && i < count; i++)
		if (all[i].reservation.state == RESERVATION_ACTIVE)
			r = see(context, all[i].id);
	free(all);
	return r;
}

static int64_t row_id_of(struct reader *reader, const struct reservation_line *line)
{
	struct memory_reader *r = memory_reader_of(reader);
	const struct memory_version *found;
	int64_t id;

	CHECK(line->quantity >= 1);
	pthread_mutex_lock(&r->m->mutex);
	found = memory_row(r->m, &r->view, line->item_id, line->location_id);
	id = found == NULL ? 0 : found->id;
	pthread_mutex_unlock(&r->m->mutex);
	return id;
}

static int active_lines(struct reader *reader, int64_t reservation_id, bool *ret_is_active,
			int (*see)(void *context, const struct audit_line *line), void *context)
{
	struct memory_version version = one(reader, MEMORY_RESERVATION, reservation_id);
	const struct reservation *found = &version.reservation;
	int r = 0;

	CHECK(see != NULL);
	*ret_is_active = version.id != 0 && found->state == RESERVATION_ACTIVE;
	for (int i = 0; *ret_is_active && r == 0 && i < found->line_count; i++) {
		struct audit_line line = { .stock_id = row_id_of(reader, &found->lines[i]),
					   .quantity = found->lines[i].quantity,
					   .is_open = true };

		r = see(context, &line);
	}
	return r;
}

/* A line is as its reservation is: it has no state of its own. */
static int lines_left_open(struct reader *reader, int (*see)(void *context, int64_t reservation_id),
			   void *context)
{
	(void)reader, (void)see, (void)context;
	return 0;
}

static int reservation_name(struct reader *reader, int64_t id, char ret[ID_BYTES_MAX + 1])
{
	struct memory_version version = one(reader, MEMORY_RESERVATION, id);

	snprintf(ret, ID_BYTES_MAX + 1, "%s", version.id == 0 ? "" : version.reservation.name);
	return 0;
}

/* ---------------------------------------------------------------- keys, leases, names */

static int keys(struct reader *reader, int64_t after_id, int64_t limit,
		int (*see)(void *context, const struct audit_key *key), void *context)
{
	size_t count;
	struct memory_version *all = collect_sorted(reader, MEMORY_KEY, after_id, limit, &count);
	int64_t last = memory_reader_of(reader)->seq;
	int r = all == NULL ? FAULT(-ENOMEM) : 0;

	CHECK(see != NULL);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct key_record *k = &all[i].key;
		int64_t there = last - k->first_seq + 1;
		struct audit_key key = { .id = k->id,
					 .key = k->key,
					 .stock_seq = k->seq,
					 .first_seq = k->first_seq,
					 .movement_count = k->movement_count };

		key.movements_there = there < 0                   ? 0
				      : there < k->movement_count ? there
								  : k->movement_count;
		r = see(context, &key);
	}
	free(all);
	return r;
}

/* The smallest fence and end of the rows of the same id. */
static void find_first_of(const struct memory_version all[], size_t count,
			  struct audit_lease *lease)
{
	for (size_t i = 0; i < count; i++) {
		const struct lease_row *l = &all[i].lease.row;

		if (strcmp(l->lease_id, lease->lease) != 0)
			continue;
		if (l->fence < lease->fence_first)
			lease->fence_first = l->fence;
		if (l->expires_at_ms < lease->expires_first_ms)
			lease->expires_first_ms = l->expires_at_ms;
	}
}

static int leases(struct reader *reader, int (*see)(void *context, const struct audit_lease *lease),
		  void *context)
{
	struct memory_reader *m = memory_reader_of(reader);
	size_t count;
	struct memory_version *all = collect(reader, MEMORY_LEASE_ROW, 0, &count);
	int64_t next_fence = m->m->numbers.ids[MEMORY_LEASE_ROW] + 1;
	int r = all == NULL ? FAULT(-ENOMEM) : 0;

	CHECK(see != NULL);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct lease_row *l = &all[i].lease.row;
		struct audit_lease lease = { .lease = l->lease_id,
					     .fence = l->fence,
					     .next_fence = next_fence,
					     .fence_first = l->fence,
					     .expires_at_ms = l->expires_at_ms,
					     .expires_first_ms = l->expires_at_ms,
					     .has_names = true };

		find_first_of(all, count, &lease);
		r = see(context, &lease);
	}
	free(all);
	return r;
}

static int names(struct reader *reader, enum memory_kind kind, int64_t after_id, int64_t limit,
		 int (*see)(void *context, const struct audit_name *name), void *context)
{
	size_t count;
	struct memory_version *all = collect_sorted(reader, kind, after_id, limit, &count);
	int r = all == NULL ? FAULT(-ENOMEM) : 0;

	CHECK(kind == MEMORY_ITEM || kind == MEMORY_LOCATION);
	CHECK(see != NULL);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct audit_name name = { .id = all[i].id,
					   .code = kind == MEMORY_ITEM ? all[i].item.sku
								       : all[i].location.code };

		r = see(context, &name);
	}
	free(all);
	return r;
}

static int items(struct reader *reader, int64_t after_id, int64_t limit,
		 int (*see)(void *context, const struct audit_name *name), void *context)
{
	return names(reader, MEMORY_ITEM, after_id, limit, see, context);
}

static int locations(struct reader *reader, int64_t after_id, int64_t limit,
		     int (*see)(void *context, const struct audit_name *name), void *context)
{
	return names(reader, MEMORY_LOCATION, after_id, limit, see, context);
}

/* Tokens of this store are made by C, which makes no nonsense. */
static int access_rows(struct reader *reader,
		       int (*see)(void *context, enum audit_access what, const char *which),
		       void *context)
{
	CHECK(see != NULL);
	(void)reader;
	(void)context;
	return 0;
}

const struct audit_ops memory_audit_ops = {
	.movements = movements,
	.movement = movement,
	.rows = rows,
	.row = row,
	.row_names = row_names,
	.active_reservations = active_reservations,
	.active_lines = active_lines,
	.lines_left_open = lines_left_open,
	.reservation_name = reservation_name,
	.keys = keys,
	.leases = leases,
	.items = items,
	.locations = locations,
	.access = access_rows,
};
