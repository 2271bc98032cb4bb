/*
 * sqlite_group - the conversation of a group, over the statements of sqlite_writer.c.
 *
 * The file has one writer at a time, so that nothing here is numbered late or held by others: what
 * begin() says is so until the group ends.
 */
#include "store/records.h"
#include "store/sqlite_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct store *store_of(struct store_writer *w)
{
	return &sqlite_writer_of(w)->store->store;
}

/* ---------------------------------------------------------------- beginning */

static int begin(struct store_writer *writer, const struct patience *patience,
		 struct group_begun *ret)
{
	struct sqlite_writer *w = sqlite_writer_of(writer);
	struct sqlite_begun begun;
	int r = sqlite_begin(&w->store->store, patience == NULL ? NULL : patience->may_go_on,
			     patience == NULL ? NULL : patience->context, &begun);

	if (r < 0)
		return r;
	if (begun.seq >= SEQ_RELATIVE) {
		(void)sqlite_rollback(&w->store->store);
		return FAULT(-EUCLEAN);
	}
	if (begun.is_changed_by_others)
		row_set_clear(&w->rows);
	row_set_make_room(&w->rows);
	reservation_book_begin_group(&w->book);
	w->newest_seq = begun.seq;
	w->overdue_lines = w->overdue_looked = 0;
	*ret = (struct group_begun){ .is_changed_by_others = begun.is_changed_by_others,
				     .newest_seq = begun.seq,
				     .seq = begun.seq };
	return 0;
}

/* The store keeps count of edits of leases: most edits are of something else, and may be many. */
static int read_lease_news(struct sqlite_writer *w, struct arena *a, struct news *ret)
{
	struct store *store = &w->store->store;
	int r = sqlite_lease_edits(store, &w->lease_edits_at);

	CHECK(w->store->is_in_group);
	CHECK(a != NULL);
	ret->has_leases = r == 0 && (!w->has_leases || w->lease_edits_at != w->lease_edits);
	if (ret->has_leases) {
		w->has_leases = false;
		r = sqlite_load_leases(store, a, &ret->leases, &ret->lease_count);
	}
	return r;
}

static int news(struct store_writer *writer, struct arena *a, struct news *ret)
{
	struct sqlite_writer *w = sqlite_writer_of(writer);
	struct stored_time time;
	int r = sqlite_load_time(&w->store->store, &time);

	CHECK(w->store->is_in_group);
	*ret = (struct news){ 0 };
	if (r == 0)
		r = sqlite_newest_key(&w->store->store, &ret->newest_key);
	if (r == 0)
		r = read_lease_news(w, a, ret);
	ret->ledger_ms = time.ledger_ms;
	return r;
}

static void news_taken(struct store_writer *writer)
{
	struct sqlite_writer *w = sqlite_writer_of(writer);

	CHECK(w->store->is_in_group);
	w->has_leases = true;
	w->lease_edits = w->lease_edits_at;
	sqlite_note_taken_in(&w->store->store);
}

static int has_news(struct store_writer *w, bool *ret)
{
	return sqlite_look_for_others(store_of(w), ret);
}

/* ---------------------------------------------------------------- numbering */

static int number_lease(struct sqlite_writer *w, struct lease_effect *e)
{
	int r = e->change == CHANGE_MAKE ? sqlite_next_fence(&w->store->store, &e->fence) : 0;

	CHECK(IMPLIES(e->change == CHANGE_MAKE, e->id != NULL));
	if (r == 0 && e->change == CHANGE_MAKE && e->id[0] == '\0')
		snprintf(e->made_id, sizeof(e->made_id), "l_%lld", (long long)e->fence);
	return r;
}

static int number_reservation(struct sqlite_writer *w, struct reservation_effect *e)
{
	int64_t *id = &e->reservation->id;
	int r;

	CHECK(e->reservation != NULL);
	if (e->change != RESERVATION_MAKE)
		return 0;
	r = sqlite_take_reservation_id(&w->store->store, id);
	if (r == 0 && e->made_name != NULL)
		snprintf(e->made_name, ID_BYTES_MAX + 1, "r_%lld", (long long)*id);
	return r;
}

static int number(struct store_writer *writer, struct effects *effects)
{
	struct sqlite_writer *w = sqlite_writer_of(writer);
	int r = 0;

	CHECK(w->store->is_in_group);
	CHECK(!effects->is_numbered);
	for (size_t i = 0; r == 0 && i < effects->leases.count; i++) {
		r = number_lease(w, &effects->leases.all[i]);
		effects->culprit = effects->leases.all[i].owner;
	}
	for (size_t i = 0; r == 0 && i < effects->reservations.count; i++) {
		r = number_reservation(w, &effects->reservations.all[i]);
		effects->culprit = effects->reservations.all[i].owner;
	}
	if (r != -EBADMSG)
		effects->culprit = NULL;
	if (r < 0)
		return r;
	effects_pass_ids_on(effects);
	if (effects->seq_first > SEQ_RELATIVE) /* whoever decided may count as they like */
		effects_shift_seqs(effects, w->newest_seq - SEQ_RELATIVE);
	effects->is_numbered = true;
	return 0;
}

/* ---------------------------------------------------------------- writing the catalogue */

/* Of the one that is changed: of one that the group has made, the id that it was given. */
static int64_t real_id(int64_t id, int64_t written_id)
{
	CHECK(id >= 0 || written_id > 0);
	return id < 0 ? written_id : id;
}

static int write_item(struct store *store, struct item_effect *e)
{
	int64_t id = e->change == CHANGE_MAKE ? 0 : real_id(e->item->id, e->of->written_id);
	int r;

	CHECK(e->of != NULL);
	if (e->change == CHANGE_DELETE)
		return sqlite_delete_item(store, id);
	e->item->id = id;
	r = sqlite_put_item(store, e->item);
	if (r == 0)
		e->of->written_id = e->item->id;
	return r;
}

static int write_location(struct store *store, struct location_effect *e)
{
	int64_t id = e->change == CHANGE_MAKE ? 0 : real_id(e->location->id, e->of->written_id);
	int r;

	CHECK(e->of != NULL);
	if (e->change == CHANGE_DELETE)
		return sqlite_delete_location(store, id);
	e->location->id = id;
	r = sqlite_put_location(store, e->location);
	if (r == 0)
		e->of->written_id = e->location->id;
	return r;
}

static int write_catalogue(struct sqlite_writer *w, struct effects *effects)
{
	struct store *store = &w->store->store;
	int r = 0;

	for (size_t i = 0; r == 0 && i < effects->items.count; i++) {
		r = write_item(store, &effects->items.all[i]);
		effects->culprit = effects->items.all[i].owner;
	}
	for (size_t i = 0; r == 0 && i < effects->locations.count; i++) {
		r = write_location(store, &effects->locations.all[i]);
		effects->culprit = effects->locations.all[i].owner;
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

static int make_lease(struct sqlite_writer *w, const struct lease_effect *e)
{
	struct lease_row stored = { .lease_id = e->id[0] != '\0' ? e->id : e->made_id,
				    .fence = e->fence,
				    .purpose = e->purpose,
				    .token_id = e->token_id,
				    .actor = e->actor,
				    .taken_at_ms = e->taken_at_ms,
				    .expires_at_ms = e->expires_at_ms };
	int r = 0;

	CHECK(e->row_count >= 1);
	CHECK(e->rows != NULL);
	for (int i = 0; r == 0 && i < e->row_count; i++) {
		const struct found_row *row = row_set_row(&w->rows, &e->rows[i]);

		CHECK(row != NULL);
		stored.sku = row->sku;
		stored.location = row->location_code;
		r = sqlite_add_lease_row(&w->store->store, &stored, row->item->item.id,
					 row->location->location.id);
	}
	return r;
}

static int write_lease(struct sqlite_writer *w, const struct lease_effect *e)
{
	int count;

	switch (e->change) {
	case CHANGE_MAKE:
		return make_lease(w, e);
	case CHANGE_UPDATE:
		count = sqlite_renew_lease(&w->store->store, e->fence, e->expires_at_ms);
		return count == 0 ? FAULT(-EBADMSG) : count < 0 ? count : 0;
	case CHANGE_DELETE:
		count = sqlite_delete_lease(&w->store->store, e->fence);
		return count < 0 ? count : 0;
	}
	check_failed(__FILE__, __LINE__, "a lease is made, renewed or deleted");
}

/* ---------------------------------------------------------------- writing reservations */

static int make_reservation(struct sqlite_writer *w, struct reservation_effect *e)
{
	struct reservation *made = e->reservation;
	uint32_t rows[COMMAND_ROWS_MAX];
	int r;

	CHECK(made->line_count >= 1);
	CHECK(e->rows != NULL);
	CHECK(made->id > 0);
	CHECK(made->line_count <= COMMAND_ROWS_MAX);
	for (int i = 0; i < made->line_count; i++) {
		made->lines[i].item_id = e->rows[i]->item->item.id;
		made->lines[i].location_id = e->rows[i]->location->location.id;
		rows[i] = reservation_book_row(made->lines[i].item_id, made->lines[i].location_id);
	}
	r = sqlite_add_reservation(&w->store->store, made, NULL);
	if (r < 0 || made->state != RESERVATION_ACTIVE)
		return r;
	return reservation_book_put(&w->book, made->id, made->expires_at_ms, rows,
				    made->line_count);
}

static int write_reservation(struct sqlite_writer *w, struct reservation_effect *e)
{
	struct store *store = &w->store->store;
	int r;

	CHECK(e->reservation->id > 0);
	switch (e->change) {
	case RESERVATION_MAKE:
		return make_reservation(w, e);
	case RESERVATION_RESOLVE:
		r = sqlite_resolve_reservation(store, e->reservation);
		return r < 0 ? r : reservation_book_remove(&w->book, e->reservation->id);
	case RESERVATION_EXTEND:
		r = sqlite_extend_reservation(store, e->reservation);
		return r < 0 ? r
			     : reservation_book_put(&w->book, e->reservation->id,
						    e->reservation->expires_at_ms, NULL, 0);
	}
	check_failed(__FILE__, __LINE__, "a reservation is made, resolved or extended");
}

/* ---------------------------------------------------------------- writing levels and ledger */

static int write_row(struct sqlite_writer *w, struct found_row *row)
{
	int r = sqlite_put_stock(&w->store->store, row->item->item.id, row->location->location.id,
				 &row->stock);

	if (r == 0)
		row_set_is_written(row);
	return r;
}

/* In the order of their ids, if that brings anything. */
static int write_changed(struct sqlite_writer *w, size_t count)
{
	bool is_close = sqlite_effects_sort(w->changed, count);
	size_t taken;
	int r = 0;

	CHECK(count <= LENGTH_OF(w->changed));
	for (size_t i = 0; r == 0 && i < count; i += taken) {
		taken = is_close ? sqlite_effects_walk(w->changed, i, count) : 1;
		if (taken > 1)
			r = sqlite_put_stocks(&w->store->store, &w->changed[i], taken);
		else
			r = write_row(w, w->changed[i]);
		for (size_t k = 0; r == 0 && taken > 1 && k < taken; k++)
			row_set_is_written(w->changed[i + k]);
	}
	return r;
}

/* New ones at once, one by one; those that are there together. */
static int write_rows(struct sqlite_writer *w)
{
	size_t count = 0;
	int r = 0;

	LIST_EACH_SAFE (it, &w->rows.dirty) {
		struct found_row *row = CONTAINER_OF(it, struct found_row, dirty_link);

		row_set_check_sums(row);
		if (row->stock.id > 0 && count < LENGTH_OF(w->changed))
			w->changed[count++] = row;
		else
			r = write_row(w, row);
		if (r < 0)
			return r;
	}
	return write_changed(w, count);
}

static int write_movements(struct sqlite_writer *w, struct effects *effects)
{
	int r;

	for (size_t i = 0; i < effects->movements.count; i++) {
		struct movement_effect *e = &effects->movements.all[i];

		e->movement->stock_id = e->row->stock.id;
		if (e->after != NULL)
			e->after->id = e->row->stock.id;
		CHECK(e->movement->stock_id > 0);
		CHECK(e->movement->seq == effects->seq_first + (int64_t)i);
		CHECK(movement_is_sound(e->movement));
	}
	r = sqlite_add_movements(&w->store->store, effects->movements.all,
				 effects->movements.count);
	if (r == 0)
		w->newest_seq += (int64_t)effects->movements.count;
	return r;
}

static int write_named(struct sqlite_writer *w, struct effects *effects)
{
	int r = write_catalogue(w, effects);

	CHECK(effects->is_numbered);
	for (size_t i = 0; r == 0 && i < effects->leases.count; i++) {
		r = write_lease(w, &effects->leases.all[i]);
		effects->culprit = effects->leases.all[i].owner;
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

/* What belongs to no command alone. */
static int write_rest(struct sqlite_writer *w, struct effects *effects)
{
	struct store *store = &w->store->store;
	int r = sqlite_add_keys(store, effects->keys.all, effects->keys.count);

	CHECK(effects->forgotten_count == 0);
	for (size_t i = 0; r == 0 && i < effects->audits.count; i++)
		r = sqlite_add_audit(store, &effects->audits.all[i]);
	if (r == 0 && effects->forget_count > 0) {
		r = sqlite_delete_keys(store, effects->forget_to, effects->forget_count);
		effects->forgotten_count = r < 0 ? 0 : r;
		r = r < 0 ? r : 0;
	}
	if (r == 0 && effects->audit_old_count > 0) {
		r = sqlite_delete_audit(store, effects->audit_old_ms, effects->audit_old_count);
		effects->audit_gone_count = r < 0 ? 0 : r;
		r = r < 0 ? r : 0;
	}
	return r == 0 && effects->must_note_time
		       ? sqlite_note_time(store, effects->newest_ms, effects->ahead_ms)
		       : r;
}

static int write_effects(struct store_writer *writer, struct effects *effects)
{
	struct sqlite_writer *w = sqlite_writer_of(writer);
	int r = effects->is_numbered ? 0 : number(writer, effects);

	CHECK(w->store->is_in_group);
	if (r == 0)
		r = write_named(w, effects);
	if (r == 0)
		r = write_rows(w);
	if (r == 0)
		r = write_movements(w, effects);
	return r == 0 ? write_rest(w, effects) : r;
}

/* ---------------------------------------------------------------- ending */

static int commit(struct store_writer *writer, bool *ret_is_durable)
{
	struct sqlite_writer *w = sqlite_writer_of(writer);
	int r = sqlite_commit(&w->store->store);

	CHECK(list_is_empty(&w->rows.dirty));
	if (r < 0)
		return r;
	*ret_is_durable = true;
	reservation_book_keep_group(&w->book);
	return 0;
}

static int abandon(struct store_writer *writer, bool had_nothing)
{
	struct sqlite_writer *w = sqlite_writer_of(writer);

	if (had_nothing) {
		reservation_book_keep_group(&w->book);
	} else {
		reservation_book_undo_group(&w->book);
		row_set_clear(&w->rows);
	}
	return sqlite_rollback(&w->store->store);
}

/* The kernel says once that a flush has failed, and then no more: see docs/decisions.md. */
static int settle(struct store_writer *writer, bool *ret_is_kept)
{
	struct sqlite_writer *w = sqlite_writer_of(writer);

	(void)ret_is_kept;
	reservation_book_undo_group(&w->book);
	row_set_clear(&w->rows);
	return FAULT(-EREMOTEIO);
}

static int flush(struct store_writer *writer, int64_t *ret_seq)
{
	CHECK(sqlite_writer_of(writer)->newest_seq >= 0);
	*ret_seq = sqlite_writer_of(writer)->newest_seq; /* so was its commit */
	return 0;
}

/* ---------------------------------------------------------------- between groups */

static void promised(struct store_writer *writer, int64_t now_ms, struct promised *ret)
{
	struct reservation_book *b = &sqlite_writer_of(writer)->book;

	CHECK((int64_t)b->overdue_count <= b->active_count);
	reservation_book_collect(b, now_ms);
	*ret = (struct promised){ .count = b->active_count,
				  .line_count = (int64_t)b->living_lines,
				  .overdue_count = (int64_t)b->overdue_count,
				  .next_ms = reservation_book_next_ms(b) };
}

static int check(struct store_writer *w)
{
	return sqlite_check_file(store_of(w));
}

static int64_t tend(struct store_writer *w, enum tending how, int64_t wait_ms)
{
	CHECK(how <= TEND_CUT);
	CHECK(wait_ms >= 0);
	return how == TEND_COPY ? sqlite_checkpoint(store_of(w))
				: sqlite_restart_log(store_of(w), wait_ms, how == TEND_CUT);
}

static int64_t log_bytes(struct store_writer *w)
{
	return sqlite_wal_bytes(store_of(w));
}

static int each_key(struct store_writer *w, int64_t since_ms, size_t count,
		    int (*see)(void *context, int64_t id, uint64_t key_hash, int64_t at_ms),
		    void *context)
{
	return sqlite_each_key(store_of(w), since_ms, count, see, context);
}

/* ---------------------------------------------------------------- opening and closing */

/* The lines of one come together. */
struct reservation_loader {
	struct reservation_book *book;
	int64_t id;
};

static int see_reservation(void *context, const struct promised_row *row)
{
	struct reservation_loader *l = context;
	/* A time before all times is somebody's hand: found when it is booked. */
	int64_t at_ms = row->expires_at_ms < 0 ? 0 : row->expires_at_ms;
	int r = row->reservation_id == l->id
			? 0
			: reservation_book_put(l->book, row->reservation_id, at_ms, NULL, 0);

	CHECK(l->book != NULL);
	l->id = row->reservation_id;
	if (r == 0 && row->item_id != 0)
		r = reservation_book_add_row(l->book, row->reservation_id,
					     reservation_book_row(row->item_id, row->location_id));
	return r;
}

static void close_writer(struct store_writer *writer)
{
	struct sqlite_writer *w;

	if (writer == NULL)
		return;
	w = sqlite_writer_of(writer);
	(void)sqlite_rollback(&w->store->store);
	row_set_fini(&w->rows);
	reservation_book_fini(&w->book);
	free(w);
}

int sqlite_open_writer(struct store *store, uint64_t seed, struct store_writer **ret)
{
	struct sqlite_writer *w = calloc(1, sizeof(*w));
	struct reservation_loader loader = { 0 };
	int r;

	if (w == NULL)
		return FAULT(-ENOMEM);
	w->writer.ops = &sqlite_writer_ops;
	w->store = sqlite_of(store);
	loader.book = &w->book;
	r = row_set_init(&w->rows, seed);
	if (r == 0)
		r = sqlite_each_active_reservation(store, see_reservation, &loader);
	if (r < 0)
		close_writer(&w->writer);
	else
		*ret = &w->writer;
	return r;
}

const struct writer_ops sqlite_writer_ops = {
	.name = "sqlite",
	.joins_groups = true,
	.numbers_at_begin = true,
	.leases_are_told = true,
	.keys_are_told = true,
	.begin = begin,
	.news = news,
	.news_taken = news_taken,
	.has_news = has_news,
	.lock = sqlite_lock,
	.sweep = sqlite_sweep,
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
