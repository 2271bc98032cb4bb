/* memory_found - holds what a group wants, all of it in one step, and reads it. */
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "store/memory_private.h"
#include "store/records.h"
#include <stdio.h>
#include <string.h>

enum { OVERDUE_AGAIN_MS = 60000 }; /* one that was handed out and not resolved */

/* ---------------------------------------------------------------- what is overdue */

static struct memory_overdue *handed_of(struct memory_writer *w, int64_t id)
{
	CHECK(w->handed_count <= MEMORY_OVERDUE_MAX);
	for (size_t i = 0; i < w->handed_count; i++)
		if (w->handed[i].id == id)
			return &w->handed[i];
	return NULL;
}

/* Active, its time has come, and this writer has not handed it out just now. */
static bool is_due(struct memory_writer *w, const struct memory_version *version, int64_t now_ms)
{
	const struct memory_overdue *o;

	CHECK(version->kind == MEMORY_RESERVATION);
	if (version->reservation.state != RESERVATION_ACTIVE ||
	    version->reservation.expires_at_ms > now_ms)
		return false;
	o = handed_of(w, version->id);
	return o == NULL || o->ended_ms != version->reservation.expires_at_ms ||
	       (!o->is_of_group && o->until_ms <= now_ms);
}

static bool has_line(const struct reservation *r, int64_t item_id, int64_t location_id)
{
	CHECK(r->line_count >= 1);
	for (int i = 0; i < r->line_count; i++)
		if (r->lines[i].item_id == item_id && r->lines[i].location_id == location_id)
			return true;
	return false;
}

/* The next one that is due in this row, behind *at. */
static struct memory_version *next_due_in(struct memory_writer *w, const struct row_ref *ref,
					  int64_t now_ms, size_t *at)
{
	struct memory_view v = memory_view_of(w);
	const struct memory_version *item = memory_item(w->m, &v, ref->sku.text);
	const struct memory_version *location = memory_location(w->m, &v, ref->location.text);
	struct memory_version *version;

	CHECK(ref != NULL);
	if (item == NULL || location == NULL)
		return NULL;
	while ((version = memory_next(w->m, &v, MEMORY_RESERVATION, at)) != NULL)
		if (is_due(w, version, now_ms) &&
		    has_line(&version->reservation, item->id, location->id))
			return version;
	return NULL;
}

/* ---------------------------------------------------------------- what is to be held */

/* 0: go on; a fault, or 1: somebody else holds it. */
typedef int (*visitor)(struct memory_writer *w, const char *what, bool is_shared);

static int see_whether_held(struct memory_writer *w, const char *what, bool is_shared)
{
	return memory_is_held_by_others(w, what, is_shared);
}

static int visit_one(struct memory_writer *w, visitor visit, const char *kind, const char *name,
		     bool is_shared)
{
	char what[2 * CODE_BYTES_MAX + ID_BYTES_MAX + 8];

	CHECK(name != NULL);
	snprintf(what, sizeof(what), "%s %s", kind, name);
	return visit(w, what, is_shared);
}

static int visit_row(struct memory_writer *w, visitor visit, const char *sku, const char *location)
{
	char what[2 * CODE_BYTES_MAX + 8];
	int r;

	CHECK(sku != NULL);
	CHECK(location != NULL);
	snprintf(what, sizeof(what), "row %s %s", sku, location);
	r = visit(w, what, false);
	if (r == 0)
		r = visit_one(w, visit, "item", sku, true);
	return r == 0 ? visit_one(w, visit, "location", location, true) : r;
}

static int visit_reservation(struct memory_writer *w, visitor visit,
			     const struct reservation *found)
{
	struct memory_view v = memory_view_of(w);
	int r = visit_one(w, visit, "reservation", found->name, false);

	CHECK(found->name != NULL);
	CHECK(found->line_count <= COMMAND_ROWS_MAX);
	for (int i = 0; r == 0 && i < found->line_count; i++) {
		struct code sku, location;

		memory_names_of(w->m, &v, found->lines[i].item_id, found->lines[i].location_id,
				&sku, &location);
		r = visit_row(w, visit, sku.text, location.text);
	}
	return r;
}

/* The row, and what is overdue in it with all of its rows. */
static int visit_wanted_row(struct memory_writer *w, visitor visit, const struct row_ref *ref,
			    int64_t now_ms)
{
	int r = visit_row(w, visit, ref->sku.text, ref->location.text);
	const struct memory_version *due;

	for (size_t at = 0; r == 0 && (due = next_due_in(w, ref, now_ms, &at)) != NULL;)
		r = visit_reservation(w, visit, &due->reservation);
	return r;
}

static int visit_named(struct memory_writer *w, visitor visit, const struct want *want)
{
	struct memory_view v = memory_view_of(w);
	int r = 0;

	for (size_t i = 0; r == 0 && i < want->reservations.count; i++) {
		const char *name = want->reservations.all[i].name;
		const struct memory_version *found = memory_reservation(w->m, &v, name);

		r = found == NULL ? visit_one(w, visit, "reservation", name, false)
				  : visit_reservation(w, visit, &found->reservation);
	}
	for (size_t i = 0; r == 0 && i < want->items.count; i++)
		r = visit_one(w, visit, "item", want->items.all[i].name, false);
	for (size_t i = 0; r == 0 && i < want->locations.count; i++)
		r = visit_one(w, visit, "location", want->locations.all[i].name, false);
	for (size_t i = 0; r == 0 && i < want->leases.count; i++)
		r = visit_one(w, visit, "lease", want->leases.all[i].id, false);
	for (size_t i = 0; r == 0 && i < want->keys.count; i++)
		r = visit_one(w, visit, "key", want->keys.all[i].key, false);
	return r;
}

static int visit_all(struct memory_writer *w, visitor visit, const struct want *want)
{
	int r = visit_named(w, visit, want);

	for (size_t i = 0; r == 0 && i < want->rows.count; i++)
		r = visit_wanted_row(w, visit, want->rows.all[i], want->now_ms);
	return r;
}

/* ---------------------------------------------------------------- holding */

static void add_held(struct found *found, const struct row_ref *ref)
{
	CHECK(ref != NULL);
	for (size_t i = 0; i < found->held_count; i++)
		if (found->held[i] == ref)
			return;
	found->held[found->held_count++] = ref;
}

/* Room for what this call may add. */
static int make_room_for_held(struct found *found, const struct want *want)
{
	size_t most = found->held_count + want->rows.count + want->respected.count;
	const struct row_ref **held = arena_alloc(&found->memory, sizeof(held[0]) * (most + 1));

	if (held == NULL)
		return FAULT(-ENOMEM);
	if (found->held_count > 0)
		memcpy(held, found->held, sizeof(held[0]) * found->held_count);
	found->held = held;
	return 0;
}

static bool is_held(const struct found *found, const struct row_ref *ref)
{
	for (size_t i = 0; i < found->held_count; i++)
		if (found->held[i] == ref)
			return true;
	return false;
}

/* Time is up: rows that are free are taken, and no command goes on without its names. */
static int hold_what_is_free(struct memory_writer *w, const struct want *want, struct found *found)
{
	int r = visit_named(w, see_whether_held, want);

	CHECK(w->is_in_group);
	if (r > 0)
		return FAULT(-EBUSY);
	r = visit_named(w, memory_hold, want);
	for (size_t i = 0; r == 0 && i < want->rows.count; i++) {
		const struct row_ref *ref = want->rows.all[i];

		if (visit_wanted_row(w, see_whether_held, ref, want->now_ms) != 0)
			add_held(found, ref);
		else
			r = visit_wanted_row(w, memory_hold, ref, want->now_ms);
	}
	return r;
}

static int hold(struct memory_writer *w, const struct want *want, int64_t wait_ms,
		struct found *found)
{
	int64_t until_ns = clock_monotonic_ns() + wait_ms * NS_PER_MS;

	CHECK(w->is_in_group);
	CHECK(wait_ms >= 0);
	while (visit_all(w, see_whether_held, want) != 0)
		if (w->m->numbering == w || !memory_wait(w->m, until_ns))
			return hold_what_is_free(w, want, found);
	return visit_all(w, memory_hold, want);
}

/* Leased by another writer since the news were taken: the caller does not know it yet. */
static void hold_back_leased(struct memory_writer *w, const struct want *want, struct found *found)
{
	struct memory_view v = memory_view_of(w);

	for (size_t i = 0; i < want->respected.count; i++) {
		const struct row_ref *ref = want->respected.all[i];
		const struct memory_version *item = memory_item(w->m, &v, ref->sku.text);
		const struct memory_version *location =
			memory_location(w->m, &v, ref->location.text);
		const struct memory_version *lease =
			item == NULL || location == NULL
				? NULL
				: memory_lease_of(w->m, &v, item->id, location->id, want->now_ms);

		if (lease != NULL && lease->author != w && lease->since > w->commit_taken) {
			add_held(found, ref);
			found->leases_are_news = true;
		}
	}
}

/* ---------------------------------------------------------------- reading rows and names */

/*
 * What the set keeps may be of a time before this writer held it: it is read anew, unless the open
 * group has changed it.
 */
static int find_item(struct memory_writer *w, const char *sku, struct found_item **ret)
{
	struct memory_view v = memory_view_of(w);
	const struct memory_version *version = memory_item(w->m, &v, sku);
	struct found_item *found = row_set_item(&w->rows, sku);
	bool is_new = found == NULL;

	CHECK(w->is_in_group);
	*ret = found;
	if (!is_new && list_is_linked(&found->changed_link))
		return 0;
	found = is_new ? row_set_new_item(&w->rows, sku) : found;
	if (found == NULL)
		return FAULT(-ENOMEM);
	found->item = (struct item){ .sku = found->item.sku };
	if (version != NULL)
		(void)memory_copy_item(&version->item, NULL, &found->item);
	if (is_new)
		row_set_add_item(&w->rows, found);
	*ret = found;
	return 0;
}

static int find_location(struct memory_writer *w, const char *code, struct found_location **ret)
{
	struct memory_view v = memory_view_of(w);
	const struct memory_version *version = memory_location(w->m, &v, code);
	struct found_location *found = row_set_location(&w->rows, code);
	bool is_new = found == NULL;

	CHECK(w->is_in_group);
	*ret = found;
	if (!is_new && list_is_linked(&found->changed_link))
		return 0;
	found = is_new ? row_set_new_location(&w->rows, code) : found;
	if (found == NULL)
		return FAULT(-ENOMEM);
	found->location = (struct location){ .code = found->location.code };
	if (version != NULL)
		(void)memory_copy_location(&version->location, NULL, &found->location);
	if (is_new)
		row_set_add_location(&w->rows, found);
	*ret = found;
	return 0;
}

/* Of an item or location that is not there, or that is not written yet, there is none. */
static void load_level(struct memory_writer *w, struct found_row *row)
{
	struct memory_view v = memory_view_of(w);
	const struct memory_version *version =
		memory_row(w->m, &v, row->item->item.id, row->location->location.id);

	row->stock = version != NULL ? version->row.stock : (struct stock){ 0 };
	row->loaded_seq = row->stock.seq;
	CHECK(stock_is_sound(&row->stock));
}

static int find_row(struct memory_writer *w, const struct row_ref *ref)
{
	struct found_row *row = row_set_row(&w->rows, ref);
	bool is_new = row == NULL;
	int r;

	CHECK(ref->sku.text[0] != '\0');
	row = is_new ? row_set_new_row(&w->rows, ref) : row;
	if (row == NULL)
		return FAULT(-ENOMEM);
	r = find_item(w, ref->sku.text, &row->item);
	if (r == 0)
		r = find_location(w, ref->location.text, &row->location);
	if (r < 0)
		return r;
	if (!list_is_linked(&row->dirty_link))
		load_level(w, row);
	if (is_new)
		row_set_add_row(&w->rows, row, ref->key);
	return 0;
}

static int find_rows_of(struct memory_writer *w, const struct reservation *reservation)
{
	int r = 0;

	CHECK(reservation->line_count >= 1);
	for (int i = 0; r == 0 && i < reservation->line_count; i++) {
		const struct reservation_line *l = &reservation->lines[i];

		r = find_row(w, &(struct row_ref){ .key = hash_pair(l->sku.text, l->location.text,
								    w->rows.seed),
						   .sku = l->sku,
						   .location = l->location });
	}
	return r;
}

/* ---------------------------------------------------------------- handing out */

static int note_handed(struct memory_writer *w, const struct memory_version *due, int64_t now_ms)
{
	struct memory_overdue *o = handed_of(w, due->id);

	CHECK(due->reservation.state == RESERVATION_ACTIVE);
	if (o == NULL && w->handed_count == MEMORY_OVERDUE_MAX)
		return FAULT(-ENOMEM);
	if (o == NULL)
		o = &w->handed[w->handed_count++];
	*o = (struct memory_overdue){ .id = due->id,
				      .ended_ms = due->reservation.expires_at_ms,
				      .until_ms = now_ms + OVERDUE_AGAIN_MS,
				      .is_of_group = true };
	return 0;
}

static int find_named(struct memory_writer *w, const char *name, struct found *found,
		      struct found_reservation **ret);

/* What it and its rows are held by was seen to before. */
static int hand_out(struct memory_writer *w, const struct memory_version *due, int64_t now_ms,
		    struct found *found)
{
	struct found_overdue *o = arena_alloc(&found->memory, sizeof(*o));
	struct found_reservation *of = NULL;
	int r = o == NULL ? FAULT(-ENOMEM) : note_handed(w, due, now_ms);

	CHECK(w->is_in_group);
	CHECK(due->made_by == NULL || due->made_by == w);
	if (r == 0)
		r = find_named(w, due->reservation.name, found, &of);
	if (r < 0)
		return r;
	w->overdue_lines += (size_t)due->reservation.line_count;
	*o = (struct found_overdue){ .id = due->id, .of = of };
	list_init(&o->link);
	list_push_back(&found->overdue, &o->link);
	return 0;
}

/* The one that is due for longest, in the row or, without one, anywhere that nobody else holds. */
static struct memory_version *oldest_due(struct memory_writer *w, const struct row_ref *ref,
					 int64_t now_ms)
{
	struct memory_view v = memory_view_of(w);
	struct memory_version *oldest = NULL, *due;
	size_t at = 0;

	CHECK(w->is_in_group);
	while ((due = ref != NULL ? next_due_in(w, ref, now_ms, &at)
				  : memory_next(w->m, &v, MEMORY_RESERVATION, &at)) != NULL)
		if (is_due(w, due, now_ms) &&
		    (oldest == NULL ||
		     due->reservation.expires_at_ms < oldest->reservation.expires_at_ms) &&
		    visit_reservation(w, see_whether_held, &due->reservation) == 0)
			oldest = due;
	return oldest;
}

static int find_overdue_in(struct memory_writer *w, const struct row_ref *ref,
			   const struct want *want, struct found *found)
{
	const struct memory_version *due;
	int r = 0;

	while (r == 0 && (due = oldest_due(w, ref, want->now_ms)) != NULL) {
		if (w->overdue_lines >= 2 * EXPIRED_LINES_PER_GROUP_MAX) {
			row_set_row(&w->rows, ref)->overdue_group = want->group;
			found->has_more_overdue = true;
			return 0;
		}
		r = hand_out(w, due, want->now_ms, found);
	}
	return r;
}

int memory_sweep(struct store_writer *writer, int64_t now_ms, struct found *found)
{
	struct memory_writer *w = memory_writer_of(writer);
	const struct memory_version *due;
	int r = 0;

	CHECK(w->is_in_group);
	found->rows = &w->rows;
	pthread_mutex_lock(&w->m->mutex);
	while (r == 0 && w->overdue_lines < EXPIRED_LINES_PER_GROUP_MAX &&
	       (due = oldest_due(w, NULL, now_ms)) != NULL) {
		r = visit_reservation(w, memory_hold, &due->reservation);
		if (r == 0)
			r = hand_out(w, due, now_ms, found);
	}
	pthread_mutex_unlock(&w->m->mutex);
	return r;
}

/* ---------------------------------------------------------------- what is named */

static int find_named(struct memory_writer *w, const char *name, struct found *found,
		      struct found_reservation **ret)
{
	struct memory_view v = memory_view_of(w);
	const struct memory_version *version = memory_reservation(w->m, &v, name);
	struct found_reservation *of = found_reservation_of(found, name);
	int r;

	CHECK(name != NULL);
	*ret = of;
	if (of != NULL)
		return 0;
	name = arena_copy(&found->memory, name, strlen(name));
	of = name == NULL ? NULL : found_add_reservation(found, name);
	if (of == NULL)
		return FAULT(-ENOMEM);
	*ret = of;
	of->is_there = version != NULL;
	if (version == NULL)
		return 0;
	r = memory_copy_reservation(w->m, &v, &version->reservation, &found->memory,
				    &of->reservation);
	return r < 0 ? r : find_rows_of(w, &of->reservation);
}

static int read_reservation(struct memory_writer *w, const char *name, const struct want *want,
			    struct found *found)
{
	struct memory_view v = memory_view_of(w);
	const struct memory_version *version = memory_reservation(w->m, &v, name);
	struct found_reservation *of;
	int r = find_named(w, name, found, &of);

	CHECK(name != NULL);
	return r == 0 && version != NULL && is_due(w, version, want->now_ms)
		       ? hand_out(w, version, want->now_ms, found)
		       : r;
}

static int read_item(struct memory_writer *w, const struct wanted_name *wanted,
		     const struct want *want, struct found *found)
{
	struct memory_view v = memory_view_of(w);
	const struct memory_version *version = memory_item(w->m, &v, wanted->name);
	struct found_item *item;
	int r = find_item(w, wanted->name, &item);

	CHECK(wanted->name != NULL);
	if (r == 0 && wanted->needs_texts && version != NULL && item->full_group != want->group) {
		struct item *full = arena_alloc(&found->memory, sizeof(*full));

		r = full == NULL ? FAULT(-ENOMEM)
				 : memory_copy_item(&version->item, &found->memory, full);
		item->full_group = want->group;
		item->full = full;
	}
	if (r == 0 && wanted->needs_use && item->item.id > 0) {
		item->is_in_use =
			memory_is_in_use(w->m, &v, MEMORY_ITEM, item->item.id, want->now_ms);
		item->use_group = want->group;
	}
	return r;
}

static int read_location(struct memory_writer *w, const struct wanted_name *wanted,
			 const struct want *want, struct found *found)
{
	struct memory_view v = memory_view_of(w);
	const struct memory_version *version = memory_location(w->m, &v, wanted->name);
	struct found_location *location;
	int r = find_location(w, wanted->name, &location);

	CHECK(wanted->name != NULL);
	if (r == 0 && wanted->needs_texts && version != NULL &&
	    location->full_group != want->group) {
		struct location *full = arena_alloc(&found->memory, sizeof(*full));

		r = full == NULL ? FAULT(-ENOMEM)
				 : memory_copy_location(&version->location, &found->memory, full);
		location->full_group = want->group;
		location->full = full;
	}
	if (r == 0 && wanted->needs_use && location->location.id > 0) {
		location->is_in_use = memory_is_in_use(w->m, &v, MEMORY_LOCATION,
						       location->location.id, want->now_ms);
		location->use_group = want->group;
	}
	return r;
}

static void read_statement(struct memory_writer *w, const struct wanted_statement *wanted)
{
	struct found_row *row = row_set_row(&w->rows, wanted->row);
	int64_t seq;

	CHECK(wanted->row != NULL);
	if (row == NULL || row->stated_seq > wanted->seen_seq ||
	    row->loaded_seq <= wanted->seen_seq)
		return;
	seq = memory_stated_since(w->m, row->loaded_seq, wanted->seen_seq);
	if (seq > row->stated_seq)
		row->stated_seq = seq;
}

/* Is the row one of the lease? Of several of any fence the newest counts. */
static void note_lease(struct found_lease *f, const struct wanted_lease *wanted,
		       const struct memory_version *version, int64_t now_ms)
{
	CHECK(version->kind == MEMORY_LEASE_ROW);
	if (strcmp(version->lease.row.lease_id, wanted->id) != 0 ||
	    (wanted->fence != 0 && version->id != wanted->fence) ||
	    (f->is_there && version->id < f->fence))
		return;
	f->is_over = version->lease.row.expires_at_ms <= now_ms &&
		     (!f->is_there || f->fence != version->id || f->is_over);
	f->is_there = true;
	f->fence = version->id;
}

static int read_leases(struct memory_writer *w, const struct want *want, struct found *found)
{
	size_t count = found->lease_count + want->leases.count;
	struct found_lease *leases = arena_alloc(&found->memory, sizeof(leases[0]) * (count + 1));
	struct memory_view v = memory_view_of(w);

	if (leases == NULL)
		return FAULT(-ENOMEM);
	if (found->lease_count > 0)
		memcpy(leases, found->leases, sizeof(leases[0]) * found->lease_count);
	found->leases = leases;
	for (size_t i = 0; i < want->leases.count; i++) {
		const struct wanted_lease *wanted = &want->leases.all[i];
		const struct memory_version *version;
		struct found_lease *f = &leases[found->lease_count++];

		*f = (struct found_lease){ .id = found_keep_text(found, wanted->id),
					   .fence = wanted->fence };
		if (f->id == NULL)
			return FAULT(-ENOMEM);
		for (size_t at = 0;
		     (version = memory_next(w->m, &v, MEMORY_LEASE_ROW, &at)) != NULL;)
			note_lease(f, wanted, version, want->now_ms);
	}
	return 0;
}

static int read_keys(struct memory_writer *w, const struct want *want, struct found *found)
{
	size_t count = want->keys.count;
	struct found_key *keys = arena_alloc(&found->memory, sizeof(keys[0]) * (count + 1));
	struct memory_view v = memory_view_of(w);
	int r = keys == NULL ? FAULT(-ENOMEM) : 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct wanted_key *wanted = &want->keys.all[i];
		const struct memory_version *version =
			memory_key(w->m, &v, wanted->token_id, wanted->key);
		struct found_key *k = &keys[i];

		*k = (struct found_key){ .key = *wanted };
		k->key.key = found_keep_text(found, wanted->key);
		if (k->key.key == NULL)
			r = FAULT(-ENOMEM);
		else if (version != NULL)
			r = memory_copy_key(&version->key, &found->memory, &k->record);
	}
	if (r == 0) {
		found->keys = keys;
		found->key_count = count;
	}
	return r;
}

/* ---------------------------------------------------------------- all of it */

static int read_all(struct memory_writer *w, const struct want *want, struct found *found)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < want->rows.count; i++) {
		const struct row_ref *ref = want->rows.all[i];

		if (is_held(found, ref))
			continue;
		r = find_row(w, ref);
		if (r == 0)
			r = find_overdue_in(w, ref, want, found);
	}
	for (size_t i = 0; r == 0 && i < want->reservations.count; i++)
		r = read_reservation(w, want->reservations.all[i].name, want, found);
	for (size_t i = 0; r == 0 && i < want->items.count; i++)
		r = read_item(w, &want->items.all[i], want, found);
	for (size_t i = 0; r == 0 && i < want->locations.count; i++)
		r = read_location(w, &want->locations.all[i], want, found);
	for (size_t i = 0; r == 0 && i < want->statements.count; i++)
		read_statement(w, &want->statements.all[i]);
	if (r == 0)
		r = read_leases(w, want, found);
	return r == 0 && !w->ops.keys_are_told && want->keys.count > 0 ? read_keys(w, want, found)
								       : r;
}

int memory_lock(struct store_writer *writer, const struct want *want, int64_t wait_ms,
		struct found *found)
{
	struct memory_writer *w = memory_writer_of(writer);
	int r;

	CHECK(w->is_in_group);
	CHECK(want_is_sound(want));
	CHECK(w->ops.joins_groups || !w->was_locked);
	w->was_locked = true;
	found->rows = &w->rows;
	r = make_room_for_held(found, want);
	if (r < 0)
		return r;
	pthread_mutex_lock(&w->m->mutex);
	r = hold(w, want, wait_ms, found);
	if (r == 0) {
		hold_back_leased(w, want, found);
		r = read_all(w, want, found);
		found->newest_seq = w->ops.numbers_at_begin ? 0 : w->m->newest_seq;
	}
	pthread_mutex_unlock(&w->m->mutex);
	return r;
}
