#include "engine/decide.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "base/hash.h"
#include "core/rules.h"
#include "engine/decide_reservation.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include "wire/json_merge.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct booked *bookings_add(struct bookings *b)
{
	if (b->count == b->capacity) {
		size_t capacity = b->capacity == 0 ? 256 : b->capacity * 2;
		struct booked *larger = realloc(b->all, capacity * sizeof(larger[0]));

		if (larger == NULL)
			return NULL;
		b->all = larger;
		b->capacity = capacity;
	}
	return &b->all[b->count++];
}

static void refuse(struct work *w, enum outcome o)
{
	w->answer.outcome = o;
	w->answer.status = outcome_row(o)->http_status;
}

static void carry_out(struct work *w, int status)
{
	CHECK(command_may_answer(w->command.kind, status));
	w->answer.outcome = OUTCOME_DONE;
	w->answer.status = status;
}

bool decided_is_recorded(const struct work *w)
{
	return w->command.key != NULL && outcome_row(w->answer.outcome)->is_recorded;
}

/* ---------------------------------------------------------------- stock */

static bool row_is_open(const struct decider *d, const struct cached_row *row)
{
	return row->changed_group == d->group || row->item->changed_group == d->group ||
	       row->location->changed_group == d->group;
}

bool fences_are_current(const struct decider *d, const struct command *c)
{
	for (int i = 0; i < c->fence_count; i++) {
		const struct lease *l = lease_book_by_fence(&d->locks->leases, c->fences[i]);

		if (l == NULL || lease_has_ended(l, d->now_ms) ||
		    strcmp(l->id, c->fence_ids[i]) != 0)
			return false;
	}
	return true;
}

/*
 * Was the row's level stated behind what the count has looked at? The cache knows of what happened
 * since it read the row, the ledger of what happened between the two.
 */
static int find_stated(struct decider *d, const struct command *c, const struct cached_row *row,
		       int64_t *ret_seq)
{
	int64_t seen_seq = c->past.seen_seq;

	*ret_seq = row->stated_seq > seen_seq ? row->stated_seq : 0;
	if (c->kind != COMMAND_COUNT || *ret_seq != 0 || row->loaded_seq <= seen_seq)
		return 0;
	return d->store->ops->stated_since(d->store, row->loaded_seq, seen_seq, ret_seq);
}

static int decide_stock(struct decider *d, struct work *w)
{
	struct command *c = &w->command;
	struct rules_row rows[COMMAND_MOVEMENTS_MAX];
	struct stock before[COMMAND_MOVEMENTS_MAX];
	bool rests_on_group = false;

	CHECK(c->row_count >= 1);
	CHECK(c->row_count <= COMMAND_MOVEMENTS_MAX);
	for (int i = 0; i < c->row_count; i++) {
		int r = row_cache_row(d->cache, &c->rows[i], &w->cached_rows[i]);

		if (r < 0)
			return r;

		struct cached_row *row = w->cached_rows[i];

		rests_on_group = rests_on_group || row_is_open(d, row);
		before[i] = row->stock;
		rows[i] = (struct rules_row){ .item = &row->item->item,
					      .location = &row->location->location,
					      .stock = &row->stock };
		r = find_stated(d, c, row, &rows[i].stated_seq);
		if (r < 0)
			return r;
	}

	if (fences_are_current(d, c)) {
		struct rules_clock clock = { .seq = d->seq, .now_ms = d->dated_ms };

		rules_decide(c, rows, &clock, &w->answer);
	} else {
		refuse(w, OUTCOME_STALE_FENCE);
	}

	for (int i = 0; i < w->answer.movement_count; i++) {
		CHECK(w->answer.movements[i].seq == d->seq + 1);
		d->seq++;
		row_cache_changed(d->cache, w->cached_rows[i], &before[i], &w->answer.movements[i],
				  d->group);
		d->has_writes = true;
		rests_on_group = true;
	}
	w->rests_on_group = rests_on_group;
	return 0;
}

/* ---------------------------------------------------------------- catalogue */

/* Refused for its version: the answer shows the item as it is. Its texts are not in the cache. */
static int refuse_stale_item(struct decider *d, struct work *w)
{
	refuse(w, OUTCOME_PRECONDITION_FAILED);
	return d->store->ops->load_item(d->store, w->command.item.sku.text, &w->arena,
					&w->answer.item);
}

static int refuse_stale_location(struct decider *d, struct work *w)
{
	refuse(w, OUTCOME_PRECONDITION_FAILED);
	return d->store->ops->load_location(d->store, w->command.location.code.text, &w->arena,
					    &w->answer.location);
}

/* Over what is known of it: stored, answered with, and known from now on. */
static int store_item(struct decider *d, struct work *w, struct cached_item *known,
		      struct item item)
{
	bool is_new = known->item.id == 0;
	int r;

	item.id = known->item.id;
	item.version = known->item.version + 1;
	item.created_at_ms = is_new ? d->now_ms : known->item.created_at_ms;
	item.updated_at_ms = d->now_ms;
	r = d->store->ops->put_item(d->store, &item);
	if (r < 0)
		return r;
	w->answer.item = item;
	carry_out(w, is_new ? 201 : 200);

	known->item = item;
	known->item.name = known->item.unit = known->item.attributes = NULL;
	known->changed_group = d->group;
	d->has_writes = true;
	w->rests_on_group = true;
	return 0;
}

static int put_item(struct decider *d, struct work *w)
{
	struct cached_item *known;
	int r = row_cache_item(d->cache, w->command.item.sku.text, &known);

	if (r < 0)
		return r;
	w->rests_on_group = known->changed_group == d->group;

	if (rules_precondition(&w->command, known->item.version) != OUTCOME_DONE)
		return refuse_stale_item(d, w);
	return store_item(d, w, known, w->command.item);
}

/* The item as it is now, with its texts, and the patch applied to it. */
static int load_patched_item(struct decider *d, struct work *w, struct item *ret_old,
			     struct item *ret_new)
{
	struct item patch = w->command.item;
	int r = d->store->ops->load_item(d->store, patch.sku.text, &w->arena, ret_old);

	if (r < 0)
		return r;
	if (ret_old->id == 0)
		return FAULT(-EBADMSG); /* the cache knows it */
	if (patch.attributes != NULL) {
		patch.attributes = json_merge(ret_old->attributes, patch.attributes, &w->arena);
		if (patch.attributes == NULL)
			return FAULT(-ENOMEM);
	}
	*ret_new = *ret_old;
	item_patch(ret_new, &patch, w->command.patched);
	return 0;
}

/* The patch of an item that is not there: it is made, if the patch says so. */
static int patch_no_item(struct decider *d, struct work *w, struct cached_item *known)
{
	struct item new = w->command.item;

	if (!w->command.creates) {
		refuse(w, OUTCOME_UNKNOWN_ITEM);
		return 0;
	}
	if (new.attributes != NULL) {
		new.attributes = json_merge(NULL, new.attributes, &w->arena);
		if (new.attributes == NULL)
			return FAULT(-ENOMEM);
	}
	return store_item(d, w, known, new);
}

/* What changes nothing makes no version: its sender may repeat it, and nobody's tag is outdated. */
static int patch_item(struct decider *d, struct work *w)
{
	struct cached_item *known;
	struct item old, new;
	int r = row_cache_item(d->cache, w->command.item.sku.text, &known);

	if (r < 0)
		return r;
	w->rests_on_group = known->changed_group == d->group;
	if (known->item.id == 0 && !w->command.creates)
		return patch_no_item(d, w, known);
	if (rules_precondition(&w->command, known->item.version) != OUTCOME_DONE)
		return refuse_stale_item(d, w);
	if (known->item.id == 0)
		return patch_no_item(d, w, known);

	r = load_patched_item(d, w, &old, &new);
	if (r < 0)
		return r;
	if (item_says_the_same(&old, &new)) {
		w->answer.item = old;
		carry_out(w, 200);
		return 0;
	}
	if (w->command.item.attributes != NULL && strlen(new.attributes) > ATTRIBUTES_BYTES_MAX) {
		refuse(w, OUTCOME_ATTRIBUTES_TOO_LARGE);
		return 0;
	}
	return store_item(d, w, known, new);
}

static int delete_item(struct decider *d, struct work *w)
{
	struct cached_item *known;
	bool has_stock;
	int r = row_cache_item(d->cache, w->command.item.sku.text, &known);

	if (r < 0)
		return r;
	w->rests_on_group = known->changed_group == d->group;
	if (known->item.id == 0) {
		refuse(w, OUTCOME_UNKNOWN_ITEM);
		return 0;
	}

	if (rules_precondition(&w->command, known->item.version) != OUTCOME_DONE)
		return refuse_stale_item(d, w);

	/* Rows that this group has stocked for the first time must be there to be found. */
	w->rests_on_group = true;
	r = row_cache_write(d->cache);
	if (r < 0)
		return r;
	r = d->store->ops->item_has_stock(d->store, known->item.id, d->now_ms, &has_stock);
	if (r < 0)
		return r;
	if (has_stock) {
		refuse(w, OUTCOME_ITEM_IN_USE);
		return 0;
	}
	r = d->store->ops->delete_item(d->store, known->item.id);
	if (r < 0)
		return r;
	carry_out(w, 204);
	known->item = (struct item){ .sku = known->item.sku };
	known->changed_group = d->group;
	d->has_writes = true;
	return 0;
}

static int store_location(struct decider *d, struct work *w, struct cached_location *known,
			  struct location location)
{
	bool is_new = known->location.id == 0;
	int r;

	location.id = known->location.id;
	location.version = known->location.version + 1;
	location.created_at_ms = is_new ? d->now_ms : known->location.created_at_ms;
	location.updated_at_ms = d->now_ms;
	r = d->store->ops->put_location(d->store, &location);
	if (r < 0)
		return r;
	w->answer.location = location;
	carry_out(w, is_new ? 201 : 200);

	known->location = location;
	known->location.name = NULL;
	known->changed_group = d->group;
	d->has_writes = true;
	w->rests_on_group = true;
	return 0;
}

static int put_location(struct decider *d, struct work *w)
{
	struct cached_location *known;
	int r = row_cache_location(d->cache, w->command.location.code.text, &known);

	if (r < 0)
		return r;
	w->rests_on_group = known->changed_group == d->group;

	if (rules_precondition(&w->command, known->location.version) != OUTCOME_DONE)
		return refuse_stale_location(d, w);
	return store_location(d, w, known, w->command.location);
}

static int patch_location(struct decider *d, struct work *w)
{
	struct cached_location *known;
	struct location old, new;
	int r = row_cache_location(d->cache, w->command.location.code.text, &known);

	if (r < 0)
		return r;
	w->rests_on_group = known->changed_group == d->group;
	if (known->location.id == 0 && !w->command.creates) {
		refuse(w, OUTCOME_UNKNOWN_LOCATION);
		return 0;
	}
	if (rules_precondition(&w->command, known->location.version) != OUTCOME_DONE)
		return refuse_stale_location(d, w);
	if (known->location.id == 0)
		return store_location(d, w, known, w->command.location);

	r = d->store->ops->load_location(d->store, w->command.location.code.text, &w->arena, &old);
	if (r < 0)
		return r;
	if (old.id == 0)
		return FAULT(-EBADMSG); /* the cache knows it */
	new = old;
	location_patch(&new, &w->command.location, w->command.patched);
	if (!location_says_the_same(&old, &new))
		return store_location(d, w, known, new);
	w->answer.location = old;
	carry_out(w, 200);
	return 0;
}

static int delete_location(struct decider *d, struct work *w)
{
	struct cached_location *known;
	bool has_stock;
	int r = row_cache_location(d->cache, w->command.location.code.text, &known);

	if (r < 0)
		return r;
	w->rests_on_group = known->changed_group == d->group;
	if (known->location.id == 0) {
		refuse(w, OUTCOME_UNKNOWN_LOCATION);
		return 0;
	}

	if (rules_precondition(&w->command, known->location.version) != OUTCOME_DONE)
		return refuse_stale_location(d, w);

	w->rests_on_group = true;
	r = row_cache_write(d->cache);
	if (r < 0)
		return r;
	r = d->store->ops->location_has_stock(d->store, known->location.id, d->now_ms, &has_stock);
	if (r < 0)
		return r;
	if (has_stock) {
		refuse(w, OUTCOME_LOCATION_IN_USE);
		return 0;
	}
	r = d->store->ops->delete_location(d->store, known->location.id);
	if (r < 0)
		return r;
	carry_out(w, 204);
	known->location = (struct location){ .code = known->location.code };
	known->changed_group = d->group;
	d->has_writes = true;
	return 0;
}

/* ---------------------------------------------------------------- leases */

/* Each row once, in the order named. */
static int distinct_rows(const struct command *c, struct row_ref rows[])
{
	int count = 0;

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

/* Why the lease cannot be taken, or DONE. */
static int may_take(struct decider *d, struct work *w, const struct row_ref rows[], int row_count,
		    enum outcome *ret)
{
	uint64_t keys[COMMAND_ROWS_MAX];

	for (int i = 0; i < row_count; i++) {
		struct cached_row *row;
		int r = row_cache_row(d->cache, &rows[i], &row);

		if (r < 0)
			return r;
		w->rests_on_group = w->rests_on_group || row_is_open(d, row);
		if (row->item->item.id == 0 || row->location->location.id == 0) {
			*ret = row->item->item.id == 0 ? OUTCOME_UNKNOWN_ITEM
						       : OUTCOME_UNKNOWN_LOCATION;
			w->answer.row_index = index_of_row(&w->command, rows[i].key);
			return 0;
		}
		keys[i] = rows[i].key;
	}

	const struct lease *other = lock_manager_lease_of(d->locks, keys, row_count);

	if (other != NULL) { /* its own fence let it in, but a row has one lease at a time */
		*ret = OUTCOME_ROW_LEASED;
		w->answer.lease = lease_view_of(other, d->now_ms);
		w->answer.lease.id = arena_copy(&w->arena, other->id, strlen(other->id));
		w->answer.lease.purpose =
			arena_copy(&w->arena, other->purpose, strlen(other->purpose));
		w->answer.lease.rows = NULL;
		w->answer.lease.row_count = 0;
		if (w->answer.lease.id == NULL || w->answer.lease.purpose == NULL)
			return FAULT(-ENOMEM);
	} else if (lease_book_by_id(&d->locks->leases, w->command.lease_id) != NULL) {
		*ret = OUTCOME_LEASE_EXISTS; /* nobody in this group: a take claims its id */
	} else if (d->locks->leases.count + d->leases_taken >= LEASES_MAX) {
		*ret = OUTCOME_TOO_MANY_LEASES;
	} else {
		*ret = OUTCOME_DONE;
	}
	return 0;
}

static int store_lease(struct decider *d, const struct lease *l)
{
	for (int i = 0; i < l->row_count; i++) {
		struct cached_row *row;
		int r = row_cache_row(d->cache, &l->rows[i], &row);

		if (r < 0)
			return r;

		struct lease_row stored = { .lease_id = l->id,
					    .fence = l->gate.fence,
					    .sku = row->sku,
					    .location = row->location_code,
					    .purpose = l->purpose,
					    .taken_at_ms = l->taken_at_ms,
					    .expires_at_ms = l->expires_at_ms };

		r = d->store->ops->add_lease_row(d->store, &stored, row->item->item.id,
						 row->location->location.id);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_lease(struct decider *d, struct work *w)
{
	struct row_ref *rows = arena_alloc(&w->arena, sizeof(rows[0]) * COMMAND_ROWS_MAX);
	char made_id[32];
	const char *id = w->command.lease_id;
	int64_t fence;
	enum outcome o;

	if (rows == NULL)
		return FAULT(-ENOMEM);

	int row_count = distinct_rows(&w->command, rows);
	int r = may_take(d, w, rows, row_count, &o);

	if (r < 0)
		return r;
	if (o != OUTCOME_DONE) {
		refuse(w, o);
		return 0;
	}

	r = d->store->ops->next_fence(d->store, &fence);
	if (r < 0)
		return r;
	if (id[0] == '\0') {
		snprintf(made_id, sizeof(made_id), "l_%lld", (long long)fence);
		id = made_id;
	}

	struct lease *l = lease_create(id, w->command.purpose, fence, rows, row_count);

	if (l == NULL)
		return FAULT(-ENOMEM);
	l->taken_at_ms = d->now_ms;
	l->expires_at_ms = d->now_ms + w->command.ttl_ms;
	w->lease = l;
	r = store_lease(d, l);
	if (r ==
	    -EBADMSG) { /* of its rows, those before the one that could not be stored go again */
		int taken_back = d->store->ops->delete_lease(d->store, fence);

		return taken_back < 0 ? taken_back : r;
	}
	if (r < 0)
		return r;

	w->answer.lease = lease_view_of(l, d->now_ms);
	w->answer.lease.rows = rows;
	w->answer.lease.purpose = w->command.purpose;
	w->answer.lease.id = arena_copy(&w->arena, id, strlen(id));
	if (w->answer.lease.id == NULL)
		return FAULT(-ENOMEM);
	carry_out(w, 201);
	d->leases_taken++;
	d->has_writes = true;
	w->rests_on_group = true;
	return 0;
}

/* The lease that a renewal or release names, or why not. */
static struct lease *find_lease(struct decider *d, struct work *w, enum outcome *ret)
{
	const struct command *c = &w->command;
	struct lease *l = lease_book_by_id(&d->locks->leases, c->lease_id);

	*ret = OUTCOME_UNKNOWN_LEASE;
	if (l == NULL || lease_has_ended(l, d->now_ms))
		return NULL;
	*ret = OUTCOME_STALE_FENCE;
	if (c->fence_count > 0 && c->fences[0] != l->gate.fence) {
		/* An older store may hold two of one id. */
		l = lease_book_by_fence(&d->locks->leases, c->fences[0]);
		if (l == NULL || lease_has_ended(l, d->now_ms) || strcmp(l->id, c->lease_id) != 0)
			return NULL;
	}
	*ret = OUTCOME_DONE;
	return l;
}

static int renew_lease(struct decider *d, struct work *w)
{
	enum outcome o;
	struct lease *l = find_lease(d, w, &o);

	if (l == NULL) {
		refuse(w, o);
		return 0;
	}

	int64_t expires_at_ms = d->now_ms + w->command.ttl_ms;
	int r = d->store->ops->renew_lease(d->store, l->gate.fence, expires_at_ms);

	if (r < 0)
		return r;
	if (r == 0) { /* the store has the last word */
		refuse(w, OUTCOME_UNKNOWN_LEASE);
		return 0;
	}
	w->lease = l;
	w->answer.lease = lease_view_of(l, d->now_ms);
	w->answer.lease.expires_at_ms = expires_at_ms;
	w->answer.lease.expires_in_ms = w->command.ttl_ms;
	w->answer.lease.id = w->command.lease_id;
	w->answer.lease.purpose = arena_copy(&w->arena, l->purpose, strlen(l->purpose));
	w->answer.lease.rows = (struct row_ref *)arena_copy(
		&w->arena, l->rows, sizeof(l->rows[0]) * (size_t)l->row_count);
	if (w->answer.lease.purpose == NULL || w->answer.lease.rows == NULL)
		return FAULT(-ENOMEM);
	carry_out(w, 200);
	d->has_writes = true;
	w->rests_on_group = true;
	return 0;
}

static int release_lease(struct decider *d, struct work *w)
{
	enum outcome o;
	struct lease *l = find_lease(d, w, &o);

	if (l == NULL) {
		refuse(w, o);
		return 0;
	}

	int r = d->store->ops->delete_lease(d->store, l->gate.fence);

	if (r < 0)
		return r;
	w->lease = l;
	carry_out(w, 204);
	d->has_writes = true;
	w->rests_on_group = true;
	return 0;
}

/* ---------------------------------------------------------------- all */

static int decide_by_kind(struct decider *d, struct work *w)
{
	switch (w->command.kind) {
#define COMMAND(number, name, word, op, path, touches, respects, movements, condition, statuses, \
		answers, flags, reader, decider)                                                 \
	case COMMAND_##name:                                                                     \
		return decider(d, w);
#include "schema/commands.def"
#undef COMMAND
	case COMMAND_KINDS:
		break;
	}
	check_failed(__FILE__, __LINE__, "the command has a kind");
}

/* Nothing is done, and its key remembers that. The refusal rests on nothing. */
static int decide_recalled(struct work *w)
{
	refuse(w, OUTCOME_OPERATION_WITHDRAWN);
	w->rests_on_group = false;
	return 0;
}

/*
 * A record that it needs makes no sense, and it has changed nothing yet: that is this command's own
 * bad luck, and nobody else's in the group.
 */
static void refuse_damaged(struct decider *d, struct work *w)
{
	w->answer = (struct answer){
		.detail = "A record that this needs makes no sense: somebody wrote past the "
			  "guards. `rowlock verify` names it, `rowlockd repair` mends rows. All "
			  "others go on."
	};
	refuse(w, OUTCOME_STORE_DAMAGED);
	w->rests_on_group = false;
	decide_note_damage(d, "row_damaged", w->command.request_id);
}

void decide_note_damage(struct decider *d, const char *event, const char *name)
{
	const struct fault *f = fault_latest();

	metric_add(METRIC_DAMAGED, 1);
	if (d->damage_logged_ns != 0 && d->now_ns - d->damage_logged_ns < NS_PER_S)
		return;
	d->damage_logged_ns = d->now_ns;
	log_write(LOG_ERROR, event, "of=%s at=%s:%d hint=\"rowlock verify\"", name,
		  f->file != NULL ? f->file : "", f->line);
}

int decide(struct decider *d, struct work *w)
{
	int r;

	crash_note_request(w->command.request_id);
	d->is_changing = false;
	r = w->is_recalled ? decide_recalled(w) : decide_by_kind(d, w);
	if (r == -EBADMSG && !d->is_changing) {
		refuse_damaged(d, w);
		r = 0;
	}
	if (r < 0)
		return r;
	/* An answer that its key remembers is written with the group, a refusal too. */
	if (decided_is_recorded(w)) {
		d->has_writes = true;
		w->rests_on_group = true;
	}
	w->answer.seq = w->rests_on_group ? d->seq : d->seq_committed;
	return 0;
}
