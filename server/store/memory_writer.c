/* memory_writer - groups of a store without a file. */
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "store/memory_private.h"
#include "store/records.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- beginning */

/* Waits for the writer that numbers its group; 0, or -EBUSY. */
static int take_numbering(struct memory_writer *w, const struct patience *patience)
{
	struct memory *m = w->m;
	int64_t until_ns = clock_monotonic_ns() + m->options.busy_ms * NS_PER_MS;

	CHECK(m->options.busy_ms >= 0);
	while (m->numbering != NULL && m->numbering != w)
		if ((patience != NULL && patience->may_go_on != NULL &&
		     !patience->may_go_on(patience->context)) ||
		    !memory_wait(m, until_ns))
			return FAULT(-EBUSY);
	m->numbering = w;
	w->seq_taken = m->newest_seq;
	return 0;
}

static void begin_group(struct memory_writer *w, struct group_begun *ret)
{
	struct memory *m = w->m;

	CHECK(!w->is_in_group);
	w->is_in_group = true;
	w->was_locked = w->has_written = w->was_kept = false;
	w->others_begun = w->others;
	w->commit_begun = m->commit;
	w->numbers_before = m->numbers;
	w->time_after = m->time;
	w->overdue_lines = 0;
	row_set_make_room(&w->rows);
	*ret = (struct group_begun){ .is_changed_by_others = w->others != w->others_taken,
				     .newest_seq = m->newest_seq,
				     .seq = m->options.has_one_writer ? m->newest_seq
								      : SEQ_RELATIVE };
}

static int begin(struct store_writer *writer, const struct patience *patience,
		 struct group_begun *ret)
{
	struct memory_writer *w = memory_writer_of(writer);
	int r = 0;

	pthread_mutex_lock(&w->m->mutex);
	if (w->m->options.has_one_writer)
		r = take_numbering(w, patience);
	if (r == 0)
		begin_group(w, ret);
	pthread_mutex_unlock(&w->m->mutex);
	return r;
}

static int by_fence(const void *a, const void *b)
{
	const struct lease_row *x = a, *y = b;

	return (x->fence > y->fence) - (x->fence < y->fence);
}

static int read_leases(struct memory_writer *w, struct arena *a, struct news *ret)
{
	struct memory_view v = memory_view_of(w);
	size_t most = w->m->tables[MEMORY_LEASE_ROW].count;
	const struct memory_version *version;

	CHECK(a != NULL);
	ret->leases = arena_alloc(a, sizeof(ret->leases[0]) * (most + 1));
	if (ret->leases == NULL)
		return FAULT(-ENOMEM);
	for (size_t at = 0; (version = memory_next(w->m, &v, MEMORY_LEASE_ROW, &at)) != NULL;) {
		struct lease_row *row = &ret->leases[ret->lease_count++];

		*row = version->lease.row; /* its texts stay as long as the store */
		memory_names_of(w->m, &v, version->lease.item_id, version->lease.location_id,
				&row->sku, &row->location);
	}
	qsort(ret->leases, ret->lease_count, sizeof(ret->leases[0]), by_fence);
	ret->has_leases = true;
	return 0;
}

static int news(struct store_writer *writer, struct arena *a, struct news *ret)
{
	struct memory_writer *w = memory_writer_of(writer);
	struct memory *m = w->m;
	const struct memory_version *version;
	struct memory_view v;
	int r;

	CHECK(w->is_in_group);
	*ret = (struct news){ 0 };
	pthread_mutex_lock(&m->mutex);
	v = memory_view_of(w);
	for (size_t at = 0; (version = memory_next(m, &v, MEMORY_KEY, &at)) != NULL;)
		if (version->id > ret->newest_key)
			ret->newest_key = version->id;
	if (m->newest_seq > 0)
		ret->ledger_ms = m->movements[m->newest_seq - 1].movement.at_ms;
	r = read_leases(w, a, ret);
	pthread_mutex_unlock(&m->mutex);
	return r;
}

static void news_taken(struct store_writer *writer)
{
	struct memory_writer *w = memory_writer_of(writer);

	CHECK(w->is_in_group);
	w->others_taken = w->others_begun;
	w->commit_taken = w->commit_begun;
}

static int has_news(struct store_writer *writer, bool *ret)
{
	struct memory_writer *w = memory_writer_of(writer);

	CHECK(!w->is_in_group);
	pthread_mutex_lock(&w->m->mutex);
	*ret = w->others != w->others_taken;
	pthread_mutex_unlock(&w->m->mutex);
	return 0;
}

/* ---------------------------------------------------------------- numbering */

static void number_lease(struct memory *m, struct lease_effect *e)
{
	CHECK(IMPLIES(e->change == CHANGE_MAKE, e->id != NULL));
	if (e->change != CHANGE_MAKE)
		return;
	e->fence = ++m->numbers.ids[MEMORY_LEASE_ROW];
	if (e->id[0] == '\0')
		snprintf(e->made_id, sizeof(e->made_id), "l_%lld", (long long)e->fence);
}

static void number_reservation(struct memory *m, struct reservation_effect *e)
{
	CHECK(e->reservation != NULL);
	if (e->change != RESERVATION_MAKE)
		return;
	e->reservation->id = ++m->numbers.ids[MEMORY_RESERVATION];
	if (e->made_name != NULL)
		snprintf(e->made_name, ID_BYTES_MAX + 1, "r_%lld", (long long)e->reservation->id);
}

/* Seqs are given by one writer at a time, and kept before the next one gives some. */
static int number_effects(struct memory_writer *w, struct effects *effects)
{
	struct memory *m = w->m;
	int r = m->numbering == w ? 0 : take_numbering(w, NULL);

	CHECK(!effects->is_numbered);
	if (r < 0)
		return r;
	for (size_t i = 0; i < effects->leases.count; i++)
		number_lease(m, &effects->leases.all[i]);
	for (size_t i = 0; i < effects->reservations.count; i++)
		number_reservation(m, &effects->reservations.all[i]);
	effects_pass_ids_on(effects);
	if (effects->seq_first > SEQ_RELATIVE)
		effects_shift_seqs(effects, w->seq_taken - SEQ_RELATIVE);
	effects->is_numbered = true;
	return 0;
}

static int number(struct store_writer *writer, struct effects *effects)
{
	struct memory_writer *w = memory_writer_of(writer);
	int r;

	CHECK(w->is_in_group);
	pthread_mutex_lock(&w->m->mutex);
	r = number_effects(w, effects);
	pthread_mutex_unlock(&w->m->mutex);
	return r;
}

/* ---------------------------------------------------------------- writing the catalogue */

/* Of the one that is changed: of one that the group has made, the id that it was given. */
static int64_t real_id(int64_t id, int64_t written_id)
{
	CHECK(id >= 0 || written_id >= 0);
	return id < 0 ? written_id : id;
}

/*
 * Ends what there was of it; a MAKE of what is there, or else a change of what is not, is refused.
 */
static int end_old(struct memory_writer *w, enum change change, struct memory_version *old)
{
	CHECK(old == NULL || old->until == INT64_MAX);
	if ((change == CHANGE_MAKE) != (old == NULL))
		return FAULT(-EBADMSG);
	return old == NULL ? 0 : memory_end(w, old);
}

static int write_item(struct memory_writer *w, struct item_effect *e)
{
	struct memory *m = w->m;
	struct memory_view v = memory_view_of(w);
	int64_t id = real_id(e->item->id, e->of->written_id);
	struct memory_version *old = e->change == CHANGE_MAKE
					     ? memory_item(m, &v, e->item->sku.text)
					     : memory_by_id(m, &v, MEMORY_ITEM, id);
	struct memory_version *made;
	bool is_short = false;
	int r = end_old(w, e->change, old);

	if (r < 0 || e->change == CHANGE_DELETE)
		return r;
	e->item->id = e->change == CHANGE_MAKE ? ++m->numbers.ids[MEMORY_ITEM] : id;
	CHECK(item_is_sound(e->item));
	made = memory_add(w, MEMORY_ITEM, e->item->id);
	if (made == NULL)
		return FAULT(-ENOMEM);
	made->item = *e->item;
	made->item.name = memory_keep(m, e->item->name, &is_short);
	made->item.unit = memory_keep(m, e->item->unit, &is_short);
	made->item.attributes = memory_keep(m, e->item->attributes, &is_short);
	e->of->written_id = e->item->id;
	return is_short ? FAULT(-ENOMEM) : 0;
}

static int write_location(struct memory_writer *w, struct location_effect *e)
{
	struct memory *m = w->m;
	struct memory_view v = memory_view_of(w);
	int64_t id = real_id(e->location->id, e->of->written_id);
	struct memory_version *old = e->change == CHANGE_MAKE
					     ? memory_location(m, &v, e->location->code.text)
					     : memory_by_id(m, &v, MEMORY_LOCATION, id);
	struct memory_version *made;
	bool is_short = false;
	int r = end_old(w, e->change, old);

	if (r < 0 || e->change == CHANGE_DELETE)
		return r;
	e->location->id = e->change == CHANGE_MAKE ? ++m->numbers.ids[MEMORY_LOCATION] : id;
	CHECK(location_is_sound(e->location));
	made = memory_add(w, MEMORY_LOCATION, e->location->id);
	if (made == NULL)
		return FAULT(-ENOMEM);
	made->location = *e->location;
	made->location.name = memory_keep(m, e->location->name, &is_short);
	e->of->written_id = e->location->id;
	return is_short ? FAULT(-ENOMEM) : 0;
}

/* An item or location that goes takes its ended leases with it. */
static int end_leases_of(struct memory_writer *w, int64_t item_id, int64_t location_id)
{
	struct memory_view v = memory_view_of(w);
	struct memory_version *version;
	int r = 0;

	CHECK(w->is_in_group);
	for (size_t at = 0;
	     r == 0 && (version = memory_next(w->m, &v, MEMORY_LEASE_ROW, &at)) != NULL;)
		if (version->lease.item_id == item_id || version->lease.location_id == location_id)
			r = memory_end(w, version);
	return r;
}

static int write_catalogue(struct memory_writer *w, struct effects *effects)
{
	int r = 0;

	CHECK(effects->is_numbered);
	for (size_t i = 0; r == 0 && i < effects->items.count; i++) {
		struct item_effect *e = &effects->items.all[i];

		effects->culprit = e->owner;
		if (e->change == CHANGE_DELETE)
			r = end_leases_of(w, real_id(e->item->id, e->of->written_id), -1);
		r = r < 0 ? r : write_item(w, e);
	}
	for (size_t i = 0; r == 0 && i < effects->locations.count; i++) {
		struct location_effect *e = &effects->locations.all[i];

		effects->culprit = e->owner;
		if (e->change == CHANGE_DELETE)
			r = end_leases_of(w, -1, real_id(e->location->id, e->of->written_id));
		r = r < 0 ? r : write_location(w, e);
	}
	if (r < 0)
		return r;
	effects->culprit = NULL;
	LIST_EACH_SAFE (it, &w->rows.changed_items)
		row_set_is_written_item(CONTAINER_OF(it, struct found_item, changed_link));
	LIST_EACH_SAFE (it, &w->rows.changed_locations)
		row_set_is_written_location(CONTAINER_OF(it, struct found_location, changed_link));
	return 0;
}

/* ---------------------------------------------------------------- writing leases */

static int make_lease_row(struct memory_writer *w, const struct lease_effect *e,
			  const struct found_row *row)
{
	struct memory_view v = memory_view_of(w);
	int64_t item_id = row->item->item.id, location_id = row->location->location.id;
	struct memory_version *old = memory_lease_of(w->m, &v, item_id, location_id, INT64_MIN);
	struct memory_version *made;
	bool is_short = false;

	/* One of a lease that has ended makes room; of one that has not, the row is leased. */
	if (old != NULL && old->lease.row.expires_at_ms > e->taken_at_ms)
		return FAULT(-EBADMSG);
	if (old != NULL && memory_end(w, old) < 0)
		return FAULT(-ENOMEM);
	made = memory_add(w, MEMORY_LEASE_ROW, e->fence);
	if (made == NULL)
		return FAULT(-ENOMEM);
	made->lease = (struct memory_lease){
		.row = { .lease_id = memory_keep(w->m, e->id[0] != '\0' ? e->id : e->made_id,
						 &is_short),
			 .fence = e->fence,
			 .purpose = memory_keep(w->m, e->purpose, &is_short),
			 .token_id = e->token_id,
			 .actor = memory_keep(w->m, e->actor, &is_short),
			 .taken_at_ms = e->taken_at_ms,
			 .expires_at_ms = e->expires_at_ms },
		.item_id = item_id,
		.location_id = location_id,
	};
	CHECK(lease_row_is_sound(&made->lease.row) || is_short);
	return is_short ? FAULT(-ENOMEM) : 0;
}

/* Has another writer taken the id since this group began, on whatever rows? */
static bool was_taken_meanwhile(struct memory_writer *w, const struct lease_effect *e)
{
	struct memory_view v = memory_view_of(w);
	const struct memory_version *version;

	CHECK(e->change == CHANGE_MAKE);
	for (size_t at = 0; (version = memory_next(w->m, &v, MEMORY_LEASE_ROW, &at)) != NULL;)
		if (strcmp(version->lease.row.lease_id, e->id) == 0 && version->made_by == NULL &&
		    version->since > w->commit_begun &&
		    version->lease.row.expires_at_ms > e->taken_at_ms)
			return true;
	return false;
}

static int make_lease(struct memory_writer *w, const struct lease_effect *e)
{
	int r = 0;

	CHECK(e->fence > 0);
	if (e->id[0] != '\0' && was_taken_meanwhile(w, e))
		return FAULT(-EBUSY);
	for (int i = 0; r == 0 && i < e->row_count; i++) {
		const struct found_row *row = row_set_row(&w->rows, &e->rows[i]);

		CHECK(row != NULL);
		r = make_lease_row(w, e, row);
	}
	return r;
}

/*
 * Every row with this fence that says that it ends by until_ms is ended, and with a time is there
 * again, until then.
 */
static int change_lease(struct memory_writer *w, int64_t fence, int64_t until_ms,
			const int64_t *expires_at_ms, int *ret_count)
{
	struct memory_view v = memory_view_of(w);
	size_t count = w->m->tables[MEMORY_LEASE_ROW].count; /* not those that are added here */
	struct memory_version *version;
	size_t at = 0;

	CHECK(fence > 0);
	*ret_count = 0;
	while ((version = memory_next(w->m, &v, MEMORY_LEASE_ROW, &at)) != NULL && at <= count) {
		struct memory_version *made;

		if (version->id != fence || version->lease.row.expires_at_ms > until_ms)
			continue;
		++*ret_count;
		if (memory_end(w, version) < 0)
			return FAULT(-ENOMEM);
		if (expires_at_ms == NULL)
			continue;
		made = memory_add(w, MEMORY_LEASE_ROW, fence);
		if (made == NULL)
			return FAULT(-ENOMEM);
		made->lease = version->lease;
		made->lease.row.expires_at_ms = *expires_at_ms;
	}
	return 0;
}

static int write_lease(struct memory_writer *w, const struct lease_effect *e)
{
	bool keeps_renewed = e->owner == NULL && e->expires_at_ms > 0;
	int count, r;

	CHECK(e->fence > 0);
	switch (e->change) {
	case CHANGE_MAKE:
		return make_lease(w, e);
	case CHANGE_UPDATE:
		r = change_lease(w, e->fence, INT64_MAX, &e->expires_at_ms, &count);
		return r == 0 && count == 0 ? FAULT(-EBADMSG) : r;
	case CHANGE_DELETE:
		return change_lease(w, e->fence, keeps_renewed ? e->expires_at_ms : INT64_MAX, NULL,
				    &count);
	}
	check_failed(__FILE__, __LINE__, "a lease is made, renewed or deleted");
}

/* ---------------------------------------------------------------- writing reservations */

static int keep_reservation(struct memory_writer *w, const struct reservation *now)
{
	struct memory_version *made = memory_add(w, MEMORY_RESERVATION, now->id);
	size_t bytes = sizeof(now->lines[0]) * (size_t)now->line_count;
	bool is_short = false;

	CHECK(reservation_is_sound(now));
	if (made == NULL)
		return FAULT(-ENOMEM);
	made->reservation = *now;
	made->reservation.name = memory_keep(w->m, now->name, &is_short);
	made->reservation.owner = memory_keep(w->m, now->owner, &is_short);
	made->reservation.reference = memory_keep(w->m, now->reference, &is_short);
	made->reservation.lines = arena_alloc(&w->m->texts, bytes);
	if (is_short || made->reservation.lines == NULL)
		return FAULT(-ENOMEM);
	memcpy(made->reservation.lines, now->lines, bytes);
	return 0;
}

static int make_reservation(struct memory_writer *w, struct reservation_effect *e)
{
	struct memory_view v = memory_view_of(w);

	CHECK(e->reservation->id > 0);
	for (int i = 0; i < e->reservation->line_count; i++) {
		e->reservation->lines[i].item_id = e->rows[i]->item->item.id;
		e->reservation->lines[i].location_id = e->rows[i]->location->location.id;
	}
	if (memory_reservation(w->m, &v, e->reservation->name) != NULL)
		return FAULT(-EBADMSG);
	return keep_reservation(w, e->reservation);
}

/*
 * Only what the effect is about changes: one that is extended may be resolved later in the same
 * group, and both effects then name the one reservation as it is in the end.
 */
static int change_reservation(struct memory_writer *w, const struct reservation_effect *e)
{
	struct memory_view v = memory_view_of(w);
	struct memory_version *old = memory_by_id(w->m, &v, MEMORY_RESERVATION, e->reservation->id);
	struct reservation_line lines[COMMAND_ROWS_MAX];
	struct reservation now;
	int r;

	if (old == NULL || old->reservation.state != RESERVATION_ACTIVE)
		return FAULT(-EBADMSG);
	CHECK(old->reservation.line_count == e->reservation->line_count);
	now = old->reservation;
	if (e->change == RESERVATION_EXTEND) {
		now.expires_at_ms = e->reservation->expires_at_ms;
	} else {
		memcpy(lines, now.lines, sizeof(lines[0]) * (size_t)now.line_count);
		for (int i = 0; i < now.line_count; i++)
			lines[i].committed = e->reservation->lines[i].committed;
		now.lines = lines;
		now.state = e->reservation->state;
		now.resolved_at_ms = e->reservation->resolved_at_ms;
	}
	r = memory_end(w, old);
	return r < 0 ? r : keep_reservation(w, &now);
}

static int write_reservation(struct memory_writer *w, struct reservation_effect *e)
{
	switch (e->change) {
	case RESERVATION_MAKE:
		return make_reservation(w, e);
	case RESERVATION_RESOLVE:
		CHECK(e->reservation->state != RESERVATION_ACTIVE);
		return change_reservation(w, e);
	case RESERVATION_EXTEND:
		return change_reservation(w, e);
	}
	check_failed(__FILE__, __LINE__, "a reservation is made, resolved or extended");
}

/* ---------------------------------------------------------------- writing levels and ledger */

static int write_row(struct memory_writer *w, struct found_row *row)
{
	struct memory_view v = memory_view_of(w);
	int64_t item_id = row->item->item.id, location_id = row->location->location.id;
	struct memory_version *old = memory_row(w->m, &v, item_id, location_id);
	struct memory_version *made;
	int r = old == NULL ? 0 : memory_end(w, old);

	row_set_check_sums(row);
	CHECK(item_id > 0);
	CHECK(location_id > 0);
	if (r < 0)
		return r;
	row->stock.id = old == NULL ? ++w->m->numbers.ids[MEMORY_ROW] : old->id;
	CHECK(stock_is_sound(&row->stock));
	made = memory_add(w, MEMORY_ROW, row->stock.id);
	if (made == NULL)
		return FAULT(-ENOMEM);
	made->row = (struct memory_row){ item_id, location_id, row->stock };
	row_set_is_written(row);
	return 0;
}

static int add_movement(struct memory_writer *w, const struct movement *movement,
			const struct found_row *row)
{
	struct memory *m = w->m;
	struct memory_movement *made;
	bool is_short = false;

	CHECK(movement_is_sound(movement));
	if (m->movement_count == m->movement_capacity) {
		size_t capacity = m->movement_capacity == 0 ? 64 : m->movement_capacity * 2;
		struct memory_movement *more = realloc(m->movements, capacity * sizeof(more[0]));

		if (more == NULL)
			return FAULT(-ENOMEM);
		m->movements = more;
		m->movement_capacity = capacity;
	}
	made = &m->movements[m->movement_count];
	made->movement = *movement;
	made->movement.reason = memory_keep(m, movement->reason, &is_short);
	made->movement.reference = memory_keep(m, movement->reference, &is_short);
	made->movement.reservation = memory_keep(m, movement->reservation, &is_short);
	made->movement.request_id = memory_keep(m, movement->request_id, &is_short);
	made->movement.actor = memory_keep(m, movement->actor, &is_short);
	made->movement.note = memory_keep(m, movement->note, &is_short);
	if (made->movement.reason == NULL) /* as the ledger's rule is */
		made->movement.reason = movement_kind_text(movement->kind);
	made->item_id = row->item->item.id;
	made->location_id = row->location->location.id;
	m->movement_count++;
	return is_short ? FAULT(-ENOMEM) : 0;
}

static int write_movements(struct memory_writer *w, struct effects *effects)
{
	int r = 0;

	CHECK(w->m->numbering == w);
	for (size_t i = 0; r == 0 && i < effects->movements.count; i++) {
		struct movement_effect *e = &effects->movements.all[i];

		e->movement->stock_id = e->row->stock.id;
		if (e->after != NULL)
			e->after->id = e->row->stock.id;
		CHECK(e->movement->seq == (int64_t)w->m->movement_count + 1);
		CHECK(e->movement->prev_seq < e->movement->seq);
		r = add_movement(w, e->movement, e->row);
	}
	return r;
}

/* ---------------------------------------------------------------- writing keys */

static int add_key(struct memory_writer *w, struct key_record *record)
{
	struct memory_view v = memory_view_of(w);
	const struct memory_version *used;
	struct memory_version *made;
	bool is_short = false;

	CHECK(key_record_is_sound(record));
	used = w->ops.keys_are_told ? NULL : memory_key(w->m, &v, record->token_id, record->key);
	if (used != NULL && used->since > w->commit_begun)
		return FAULT(-EBUSY); /* another writer was quicker: it is found the next time */
	if (record->id == 0)
		record->id = w->m->numbers.ids[MEMORY_KEY] + 1;
	if (record->id > w->m->numbers.ids[MEMORY_KEY])
		w->m->numbers.ids[MEMORY_KEY] = record->id;
	made = memory_add(w, MEMORY_KEY, record->id);
	if (made == NULL)
		return FAULT(-ENOMEM);
	made->key = *record;
	made->key.key = memory_keep(w->m, record->key, &is_short);
	made->key.body = memory_keep(w->m, record->body, &is_short);
	return is_short ? FAULT(-ENOMEM) : 0;
}

static int forget_keys(struct memory_writer *w, struct effects *effects)
{
	struct memory_view v = memory_view_of(w);
	int r = 0;

	CHECK(effects->forgotten_count == 0);
	while (r == 0 && effects->forgotten_count < effects->forget_count) {
		struct memory_version *version, *oldest = NULL;

		for (size_t at = 0; (version = memory_next(w->m, &v, MEMORY_KEY, &at)) != NULL;)
			if (version->id <= effects->forget_to &&
			    (oldest == NULL || version->id < oldest->id))
				oldest = version;
		if (oldest == NULL)
			break;
		r = memory_end(w, oldest);
		effects->forgotten_count++;
	}
	return r;
}

/* ---------------------------------------------------------------- writing the audit */

static int add_audit(struct memory_writer *w, struct audit_entry *entry)
{
	struct memory *m = w->m;
	struct memory_version *made;
	bool is_short = false;

	CHECK(entry->actor != NULL);
	CHECK(entry->action != NULL);
	entry->id = ++m->numbers.ids[MEMORY_AUDIT];
	made = memory_add(w, MEMORY_AUDIT, entry->id);
	if (made == NULL)
		return FAULT(-ENOMEM);
	made->audit = *entry;
	made->audit.actor = memory_keep(m, entry->actor, &is_short);
	made->audit.action = memory_keep(m, entry->action, &is_short);
	made->audit.subject = memory_keep(m, entry->subject, &is_short);
	made->audit.detail = memory_keep(m, entry->detail, &is_short);
	made->audit.request_id = memory_keep(m, entry->request_id, &is_short);
	return is_short ? FAULT(-ENOMEM) : 0;
}

/* The oldest first; once one is young enough it is over. */
static int delete_audit(struct memory_writer *w, struct effects *effects)
{
	struct memory_view v = memory_view_of(w);
	int r = 0;

	CHECK(effects->audit_gone_count == 0);
	while (r == 0 && effects->audit_gone_count < effects->audit_old_count) {
		struct memory_version *version, *oldest = NULL;

		for (size_t at = 0; (version = memory_next(w->m, &v, MEMORY_AUDIT, &at)) != NULL;)
			if (oldest == NULL || version->id < oldest->id)
				oldest = version;
		if (oldest == NULL || oldest->audit.at_ms >= effects->audit_old_ms)
			break;
		r = memory_end(w, oldest);
		effects->audit_gone_count++;
	}
	return r;
}

/* ---------------------------------------------------------------- writing all of it */

static int write_named(struct memory_writer *w, struct effects *effects)
{
	int r = write_catalogue(w, effects);

	CHECK(effects->is_numbered);
	for (size_t i = 0; r == 0 && i < effects->leases.count; i++) {
		effects->culprit = effects->leases.all[i].owner;
		r = write_lease(w, &effects->leases.all[i]);
	}
	for (size_t i = 0; r == 0 && i < effects->reservations.count; i++) {
		struct reservation_effect *e = &effects->reservations.all[i];

		r = write_reservation(w, e);
		effects->culprit = e->owner;
		effects->culprit_overdue = e->owner == NULL ? e->reservation->id : 0;
	}
	if (r != -EBADMSG) {
		effects->culprit = NULL;
		effects->culprit_overdue = 0;
	}
	return r;
}

static int write_rest(struct memory_writer *w, struct effects *effects)
{
	int r = 0;

	CHECK(effects->is_numbered);
	for (size_t i = 0; r == 0 && i < effects->keys.count; i++)
		r = add_key(w, &effects->keys.all[i]);
	for (size_t i = 0; r == 0 && i < effects->audits.count; i++)
		r = add_audit(w, &effects->audits.all[i]);
	if (r == 0)
		r = delete_audit(w, effects);
	if (r == 0)
		r = forget_keys(w, effects);
	if (effects->must_note_time) {
		w->time_after.newest_ms = effects->newest_ms;
		w->time_after.ahead_ms = effects->ahead_ms;
	}
	return r;
}

static int write_effects(struct store_writer *writer, struct effects *effects)
{
	struct memory_writer *w = memory_writer_of(writer);
	int r;

	CHECK(w->is_in_group);
	pthread_mutex_lock(&w->m->mutex);
	w->has_written = true;
	r = effects->is_numbered ? 0 : number_effects(w, effects);
	if (r == 0)
		r = write_named(w, effects);
	LIST_EACH_SAFE (it, &w->rows.dirty)
		if (r == 0)
			r = write_row(w, CONTAINER_OF(it, struct found_row, dirty_link));
	CHECK(r < 0 || effects_are_sound(effects));
	if (r == 0)
		r = write_movements(w, effects);
	if (r == 0)
		r = write_rest(w, effects);
	pthread_mutex_unlock(&w->m->mutex);
	return r;
}

/* ---------------------------------------------------------------- ending */

/* What was handed out and is active yet is not handed out again for a while. */
static void keep_handed(struct memory_writer *w)
{
	struct memory_view v = memory_view_of(w);
	size_t kept = 0;

	CHECK(w->handed_count <= MEMORY_OVERDUE_MAX);
	for (size_t i = 0; i < w->handed_count; i++) {
		const struct memory_version *version =
			memory_by_id(w->m, &v, MEMORY_RESERVATION, w->handed[i].id);

		if (version == NULL || version->reservation.state != RESERVATION_ACTIVE)
			continue;
		w->handed[kept] = w->handed[i];
		w->handed[kept++].is_of_group = false;
	}
	w->handed_count = kept;
}

static void forget_handed(struct memory_writer *w)
{
	size_t kept = 0;

	CHECK(w->handed_count <= MEMORY_OVERDUE_MAX);
	for (size_t i = 0; i < w->handed_count; i++)
		if (!w->handed[i].is_of_group)
			w->handed[kept++] = w->handed[i];
	w->handed_count = kept;
}

static void end_group(struct memory_writer *w)
{
	CHECK(w->is_in_group);
	w->touched_count = 0;
	w->is_in_group = false;
	memory_release_all(w);
}

static void keep_versions(struct memory_writer *w)
{
	struct memory *m = w->m;

	CHECK(w->is_in_group);
	m->commit++;
	for (size_t i = 0; i < w->touched_count; i++) {
		struct memory_version *version = w->touched[i];

		if (version->made_by == w) {
			version->made_by = NULL;
			version->since = m->commit;
		}
		if (version->ended_by == w) {
			version->ended_by = NULL;
			version->until = m->commit;
		}
	}
	if (m->numbering == w) {
		m->newest_seq = (int64_t)m->movement_count;
		m->time = w->time_after;
	}
	for (struct memory_writer *other = m->writers; other != NULL; other = other->next)
		other->others += other != w;
}

static int commit(struct store_writer *writer, bool *ret_is_durable)
{
	struct memory_writer *w = memory_writer_of(writer);

	CHECK(w->is_in_group);
	pthread_mutex_lock(&w->m->mutex);
	CHECK(list_is_empty(&w->rows.dirty));
	if (w->has_written)
		keep_versions(w);
	keep_handed(w);
	w->was_kept = true;
	end_group(w);
	pthread_mutex_unlock(&w->m->mutex);
	*ret_is_durable = true;
	return 0;
}

/* Of what was made, nobody has seen anything: it is ended before it began. */
static void take_back(struct memory_writer *w)
{
	struct memory *m = w->m;

	CHECK(w->is_in_group);
	for (size_t i = 0; i < w->touched_count; i++) {
		struct memory_version *version = w->touched[i];

		if (version->ended_by == w)
			version->ended_by = NULL;
		if (version->made_by == w) {
			version->made_by = NULL;
			version->since = INT64_MAX;
		}
	}
	if (m->numbering == w)
		m->movement_count = (size_t)m->newest_seq;
	if (m->options.has_one_writer)
		m->numbers = w->numbers_before;
}

static int abandon(struct store_writer *writer, bool had_nothing)
{
	struct memory_writer *w = memory_writer_of(writer);

	if (!w->is_in_group)
		return 0;
	pthread_mutex_lock(&w->m->mutex);
	if (had_nothing)
		keep_handed(w);
	else
		forget_handed(w);
	if (!had_nothing)
		row_set_clear(&w->rows);
	take_back(w);
	end_group(w);
	pthread_mutex_unlock(&w->m->mutex);
	return 0;
}

static int settle(struct store_writer *writer, bool *ret_is_kept)
{
	*ret_is_kept = memory_writer_of(writer)->was_kept;
	return 0;
}

static int flush(struct store_writer *writer, int64_t *ret_seq)
{
	struct memory_writer *w = memory_writer_of(writer);

	pthread_mutex_lock(&w->m->mutex);
	*ret_seq = w->m->newest_seq;
	pthread_mutex_unlock(&w->m->mutex);
	return 0;
}

/* ---------------------------------------------------------------- between groups */

static void promised(struct store_writer *writer, int64_t now_ms, struct promised *ret)
{
	struct memory_writer *w = memory_writer_of(writer);
	const struct memory_version *version;
	struct memory_view v;

	*ret = (struct promised){ .next_ms = INT64_MAX };
	pthread_mutex_lock(&w->m->mutex);
	v = memory_view_of(w);
	for (size_t at = 0; (version = memory_next(w->m, &v, MEMORY_RESERVATION, &at)) != NULL;) {
		const struct reservation *r = &version->reservation;

		if (r->state != RESERVATION_ACTIVE)
			continue;
		ret->count++;
		ret->line_count += r->line_count;
		if (r->expires_at_ms <= now_ms)
			ret->overdue_count++;
		else if (r->expires_at_ms < ret->next_ms)
			ret->next_ms = r->expires_at_ms;
	}
	pthread_mutex_unlock(&w->m->mutex);
}

static int check(struct store_writer *w)
{
	(void)w;
	return 0;
}

static int64_t tend(struct store_writer *w, enum tending how, int64_t wait_ms)
{
	(void)w, (void)how, (void)wait_ms;
	return 0;
}

static int64_t log_bytes(struct store_writer *w)
{
	(void)w;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct key_record *x = *(const struct key_record *const *)a;
	const struct key_record *y = *(const struct key_record *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

static int each_key(struct store_writer *writer, int64_t since_ms, size_t count,
		    int (*see)(void *context, int64_t id, uint64_t key_hash, int64_t at_ms),
		    void *context)
{
	struct memory_writer *w = memory_writer_of(writer);
	struct memory_view v = memory_view_of(w);
	size_t most = w->m->tables[MEMORY_KEY].count, there = 0;
	const struct key_record **all = calloc(most + 1, sizeof(all[0]));
	const struct memory_version *version;
	int r = 0;

	CHECK(see != NULL);
	if (all == NULL)
		return FAULT(-ENOMEM);
	for (size_t at = 0; (version = memory_next(w->m, &v, MEMORY_KEY, &at)) != NULL;)
		all[there++] = &version->key;
	qsort(all, there, sizeof(all[0]), by_id);
	for (size_t i = there > count ? there - count : 0; r == 0 && i < there; i++)
		if (all[i]->at_ms >= since_ms)
			r = see(context, all[i]->id,
				key_hash_of(all[i]->key, strlen(all[i]->key), all[i]->token_id),
				all[i]->at_ms);
	free(all);
	return r;
}

/* ---------------------------------------------------------------- opening and closing */

static void close_writer(struct store_writer *writer)
{
	struct memory_writer *w;

	if (writer == NULL)
		return;
	w = memory_writer_of(writer);
	(void)abandon(writer, false);
	pthread_mutex_lock(&w->m->mutex);
	for (struct memory_writer **at = &w->m->writers; *at != NULL; at = &(*at)->next)
		if (*at == w) {
			*at = w->next;
			break;
		}
	pthread_mutex_unlock(&w->m->mutex);
	row_set_fini(&w->rows);
	free(w->touched);
	free(w);
}

static const struct writer_ops writer_ops = {
	.name = "memory",
	.begin = begin,
	.news = news,
	.news_taken = news_taken,
	.has_news = has_news,
	.lock = memory_lock,
	.sweep = memory_sweep,
	.promised = promised,
	.number = number,
	.write = write_effects,
	.commit = commit,
	.abandon = abandon,
	.settle = settle,
	.flush = flush,
	.check = check,
	.tend = tend,
	.log_bytes = log_bytes,
	.each_key = each_key,
	.close = close_writer,
};

int memory_open_writer(struct memory *m, uint64_t seed, struct store_writer **ret)
{
	struct memory_writer *w = calloc(1, sizeof(*w));
	int r;

	CHECK(m != NULL);
	if (w == NULL)
		return FAULT(-ENOMEM);
	r = row_set_init(&w->rows, seed);
	if (r < 0) {
		free(w);
		return r;
	}
	w->ops = writer_ops;
	w->ops.joins_groups = m->options.joins_groups;
	w->ops.numbers_at_begin = m->options.has_one_writer;
	w->ops.keys_are_told = w->ops.leases_are_told = m->options.has_one_writer;
	w->writer.ops = &w->ops;
	w->m = m;
	pthread_mutex_lock(&m->mutex);
	w->next = m->writers;
	m->writers = w;
	/* What is there already is news. */
	w->others = m->commit > 0;
	pthread_mutex_unlock(&m->mutex);
	*ret = &w->writer;
	return 0;
}
