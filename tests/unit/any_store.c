#include "any_store.h"
#include "base/hash.h"
#include "unit.h"
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

const struct any_kind any_kinds[ANY_KINDS] = {
	{ .name = "sqlite", .is_sqlite = true, .survives_closing = true },
	{ .name = "memory, one writer",
	  .memory = { .has_one_writer = true, .joins_groups = true, .busy_ms = 20 } },
	{ .name = "memory, several writers", .memory = { .joins_groups = true, .busy_ms = 20 } },
	{ .name = "memory, several writers, one lock a group", .memory = { .busy_ms = 20 } },
	{ .name = "postgres", .is_postgres = true, .survives_closing = true },
};

static const char *postgres_uri(void)
{
	return getenv("ROWLOCK_TEST_POSTGRES");
}

size_t any_kind_first(void)
{
	return postgres_uri() != NULL ? ANY_KINDS - 1 : 0;
}

size_t any_kind_end(void)
{
	return postgres_uri() != NULL ? ANY_KINDS : ANY_KINDS - 1;
}

/* ---------------------------------------------------------------- opening and closing */

static void open_sqlite(struct any_store *s)
{
	struct store_options options = { .path = s->path, .busy_ms = 20 };
	struct store_open_result result;

	if (sqlite_open(&options, &s->opened, &result) < 0)
		fail_msg("%s", result.message);
}

/* Each in a schema of its own, which goes with the database. */
static void open_postgres(struct any_store *s)
{
	static int schema_count;
	char uri[512];
	struct store_options options = { .path = uri, .busy_ms = 20 };
	struct store_open_result result;

	if (s->schema == 0)
		s->schema = ++schema_count;
	snprintf(uri, sizeof(uri), "%s&schema=any_%d_%d", postgres_uri(), getpid(), s->schema);
	if (postgres_open(&options, &s->opened, &result) < 0)
		fail_msg("%s", result.message);
}

void any_writer_open(struct any_store *s, struct any_writer *w)
{
	*w = (struct any_writer){ .now_ms = ANY_NOW_MS };
	found_init(&w->found);
	arena_init(&w->memory);
	assert_int_equal(s->opened != NULL
				 ? s->opened->ops->open_writer(s->opened, ANY_SEED, &w->writer)
				 : memory_open_writer(s->in_memory, ANY_SEED, &w->writer),
			 0);
}

void any_writer_close(struct any_writer *w)
{
	w->writer->ops->close(w->writer);
	want_fini(&w->want);
	found_fini(&w->found);
	effects_fini(&w->effects);
	arena_fini(&w->memory);
}

static void open_all(struct any_store *s)
{
	if (s->kind->is_sqlite)
		open_sqlite(s);
	if (s->kind->is_postgres)
		open_postgres(s);
	any_writer_open(s, &s->w);
	assert_int_equal(s->opened != NULL ? s->opened->ops->open_reader(s->opened, &s->reader)
					   : memory_open_reader(s->in_memory, &s->reader),
			 0);
}

static void close_all(struct any_store *s)
{
	s->reader->ops->close(s->reader);
	any_writer_close(&s->w);
	if (s->opened != NULL)
		s->opened->ops->close(s->opened);
	s->opened = NULL;
}

/* -ENOTCONN: the group is over, and nothing was done. */
static int make_catalogue(struct any_writer *w)
{
	int r;

	any_begin(w);
	for (int i = 0; i < 2; i++) {
		want_item(&w->want, (struct wanted_name){ .name = i == 0 ? "A" : "B" });
		want_location(&w->want, (struct wanted_name){ .name = i == 0 ? "WH1" : "WH2" });
	}
	r = any_lock(w, 0);
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		any_put_item(w, i == 0 ? "A" : "B", NULL);
		any_put_location(w, i == 0 ? "WH1" : "WH2", NULL);
	}
	r = any_commit(w);
	return r == -EREMOTEIO ? any_settle(w) : r;
}

void any_store_open(struct any_store *s, const struct any_kind *kind)
{
	int r, tries = 0;

	*s = (struct any_store){ .kind = kind };
	strcpy(s->folder, "/tmp/rowlock-any-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	snprintf(s->path, sizeof(s->path), "%s/store.db", s->folder);
	if (!kind->is_sqlite && !kind->is_postgres) {
		s->in_memory = memory_create(&kind->memory);
		assert_non_null(s->in_memory);
	}
	open_all(s);
	while ((r = make_catalogue(&s->w)) == -ENOTCONN && ++tries < ANY_TRIES)
		any_abandon(&s->w);
	assert_int_equal(r, 0);
}

void any_store_reopen(struct any_store *s)
{
	if (!s->kind->survives_closing)
		return;
	close_all(s);
	open_all(s);
}

void any_store_close(struct any_store *s)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char path[128];

	close_all(s);
	memory_destroy(s->in_memory);
	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", s->path, suffixes[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(s->folder), 0);
}

void any_store_load_time(struct any_store *s, struct stored_time *ret)
{
	if (s->opened != NULL)
		assert_int_equal(s->opened->ops->load_time(s->opened, ret), 0);
	else
		memory_load_time(s->in_memory, ret);
}

/* ---------------------------------------------------------------- groups */

struct row_ref *any_row(struct any_writer *w, const char *sku, const char *location)
{
	struct row_ref *ref = arena_alloc(&w->memory, sizeof(*ref));

	assert_non_null(ref);
	*ref = (struct row_ref){ .key = hash_pair(sku, location, ANY_SEED) };
	assert_true(code_set(&ref->sku, sku, strlen(sku)));
	assert_true(code_set(&ref->location, location, strlen(location)));
	return ref;
}

void any_begin(struct any_writer *w)
{
	int r, tries = 0;

	do /* a connection that is gone is made anew, which may take longer than one call */
		r = w->writer->ops->begin(w->writer, NULL, &w->begun);
	while (r == -ENOTCONN && ++tries < ANY_TRIES);
	assert_int_equal(r, 0);
	arena_fini(&w->memory);
	arena_init(&w->memory);
	found_clear(&w->found);
	effects_clear(&w->effects);
	want_clear(&w->want);
	w->seq = w->begun.seq;
	w->effects.seq_first = w->seq + 1;
	w->group++;
}

int any_lock(struct any_writer *w, int64_t wait_ms)
{
	int r;

	w->want.now_ms = w->now_ms;
	w->want.group = w->group;
	want_sort(&w->want);
	assert_false(w->want.is_short);
	r = w->writer->ops->lock(w->writer, &w->want, wait_ms, &w->found);
	w->effects.rows = w->found.rows;
	want_clear(&w->want);
	return r;
}

void any_begin_with(struct any_writer *w, ...)
{
	const char *row;
	va_list rows;

	any_begin(w);
	va_start(rows, w);
	while ((row = va_arg(rows, const char *)) != NULL) {
		char sku[CODE_BYTES_MAX + 1], location[CODE_BYTES_MAX + 1];

		assert_int_equal(sscanf(row, "%64s %64s", sku, location), 2);
		want_row(&w->want, any_row(w, sku, location));
	}
	va_end(rows);
	assert_int_equal(any_lock(w, 0), 0);
}

static struct found_row *found_row(struct any_writer *w, const char *sku, const char *location)
{
	struct found_row *row = row_set_row(w->found.rows, any_row(w, sku, location));

	assert_non_null(row);
	return row;
}

void any_move(struct any_writer *w, const char *sku, const char *location,
	      const struct movement *what)
{
	struct found_row *row = found_row(w, sku, location);
	struct movement *m = arena_alloc(&w->memory, sizeof(*m));
	struct movement_effect *e = effects_add_movement(&w->effects);
	struct stock before = row->stock;

	assert_non_null(m);
	assert_non_null(e);
	*m = *what;
	m->seq = ++w->seq;
	m->prev_seq = before.seq;
	m->version = before.version + 1;
	m->on_hand = before.on_hand + what->on_hand_delta;
	m->reserved = before.reserved + what->reserved_delta;
	m->at_ms = w->now_ms;
	row->stock.on_hand = m->on_hand;
	row->stock.reserved = m->reserved;
	row->stock.version = m->version;
	row->stock.seq = m->seq;
	row->stock.updated_at_ms = m->at_ms;
	*e = (struct movement_effect){ .movement = m, .row = row };
	row_set_change(w->found.rows, row, &before, m, w->group);
}

void any_adjust(struct any_writer *w, const char *sku, const char *location, int64_t delta)
{
	any_move(w, sku, location,
		 &(struct movement){ .kind = MOVEMENT_ADJUST, .on_hand_delta = delta });
}

void any_put_item(struct any_writer *w, const char *sku, void *owner)
{
	struct found_item *of = row_set_item(w->found.rows, sku);
	struct item_effect *e = effects_add_item(&w->effects);
	struct item *item = arena_alloc(&w->memory, sizeof(*item));

	assert_non_null(of);
	assert_non_null(item);
	*item = of->item;
	item->name = "Thing";
	item->unit = "piece";
	item->version++;
	item->created_at_ms = item->updated_at_ms = w->now_ms;
	*e = (struct item_effect){ .change = of->item.id == 0 ? CHANGE_MAKE : CHANGE_UPDATE,
				   .of = of,
				   .item = item,
				   .owner = owner };
	row_set_change_item(w->found.rows, of, item, w->group);
}

void any_put_location(struct any_writer *w, const char *code, void *owner)
{
	struct found_location *of = row_set_location(w->found.rows, code);
	struct location_effect *e = effects_add_location(&w->effects);
	struct location *location = arena_alloc(&w->memory, sizeof(*location));

	assert_non_null(of);
	assert_non_null(location);
	*location = of->location;
	location->name = "Place";
	location->version++;
	location->created_at_ms = location->updated_at_ms = w->now_ms;
	*e = (struct location_effect){ .change = of->location.id == 0 ? CHANGE_MAKE : CHANGE_UPDATE,
				       .of = of,
				       .location = location,
				       .owner = owner };
	row_set_change_location(w->found.rows, of, location, w->group);
}

struct reservation *any_reserve(struct any_writer *w, const char *name, int64_t expires_at_ms)
{
	static const char *const skus[] = { "A", "B" };
	struct reservation *made = arena_alloc(&w->memory, sizeof(*made));
	struct reservation_effect *e = effects_add_reservation(&w->effects);
	char *made_name = arena_alloc(&w->memory, ID_BYTES_MAX + 1);

	assert_non_null(made);
	assert_non_null(made_name);
	made_name[0] = '\0';
	*made = (struct reservation){ .name = name != NULL ? name : made_name,
				      .owner = "cart",
				      .created_at_ms = w->now_ms,
				      .expires_at_ms = expires_at_ms,
				      .line_count = 2 };
	made->lines = arena_alloc(&w->memory, sizeof(made->lines[0]) * 2);
	*e = (struct reservation_effect){ .change = RESERVATION_MAKE,
					  .reservation = made,
					  .made_name = name != NULL ? NULL : made_name };
	e->rows = arena_alloc(&w->memory, sizeof(e->rows[0]) * 2);
	for (int i = 0; i < 2; i++) {
		made->lines[i] = (struct reservation_line){ .quantity = 3 + i };
		assert_true(code_set(&made->lines[i].sku, skus[i], 1));
		assert_true(code_set(&made->lines[i].location, "WH1", 3));
		e->rows[i] = found_row(w, skus[i], "WH1");
		any_move(w, skus[i], "WH1",
			 &(struct movement){ .kind = MOVEMENT_RESERVE,
					     .reserved_delta = made->lines[i].quantity,
					     .reservation = made->name });
	}
	return made;
}

void any_resolve(struct any_writer *w, struct reservation *reservation,
		 enum reservation_state state)
{
	struct reservation_effect *e = effects_add_reservation(&w->effects);

	*e = (struct reservation_effect){ .change = RESERVATION_RESOLVE,
					  .reservation = reservation };
	reservation->state = state;
	reservation->resolved_at_ms = w->now_ms;
	for (int i = 0; i < reservation->line_count; i++)
		any_move(w, reservation->lines[i].sku.text, reservation->lines[i].location.text,
			 &(struct movement){ .kind = MOVEMENT_EXPIRE,
					     .reserved_delta = -reservation->lines[i].quantity,
					     .reservation = reservation->name });
}

struct lease_effect *any_lease(struct any_writer *w, const char *id, int64_t expires_at_ms,
			       const char *sku, const char *location)
{
	struct lease_effect *e = effects_add_lease(&w->effects);

	assert_non_null(e);
	*e = (struct lease_effect){ .change = CHANGE_MAKE,
				    .id = id,
				    .purpose = "count",
				    .taken_at_ms = w->now_ms,
				    .expires_at_ms = expires_at_ms,
				    .row_count = 1,
				    .rows = any_row(w, sku, location) };
	return e;
}

struct key_record *any_key(struct any_writer *w, int64_t id, const char *key, int64_t at_ms)
{
	struct key_record *k = effects_add_key(&w->effects);

	assert_non_null(k);
	*k = (struct key_record){ .id = id,
				  .key = key,
				  .key_hash = hash_bytes(key, strlen(key), 0),
				  .fingerprint = UINT64_C(0xfedcba9876543210),
				  .status = 201,
				  .outcome = OUTCOME_DONE,
				  .body = "{\"a\":1}",
				  .at_ms = at_ms };
	return k;
}

int any_settle(struct any_writer *w)
{
	int r, tries = 0;
	bool is_kept = false;

	do
		r = w->writer->ops->settle(w->writer, &is_kept);
	while (r == -EREMOTEIO && ++tries < ANY_TRIES);
	assert_int_equal(r, 0);
	return is_kept ? 0 : -ENOTCONN;
}

int any_write(struct any_writer *w)
{
	return w->writer->ops->write(w->writer, &w->effects);
}

int any_commit(struct any_writer *w)
{
	bool is_durable = false;
	int r;

	w->effects.is_last = true;
	r = any_write(w);

	if (r == 0)
		r = w->writer->ops->commit(w->writer, &is_durable);
	assert_true(r < 0 || is_durable);
	return r;
}

void any_abandon(struct any_writer *w)
{
	assert_int_equal(w->writer->ops->abandon(w->writer, false), 0);
}

/* ---------------------------------------------------------------- looking */

int64_t any_on_hand(struct any_store *s, const char *sku, const char *location)
{
	bool has_item, has_location;
	struct stock row;
	int64_t seq;

	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	assert_int_equal(
		s->reader->ops->stock(s->reader, sku, location, &row, &has_item, &has_location), 0);
	s->reader->ops->end(s->reader);
	return row.on_hand;
}

int64_t any_newest_seq(struct any_store *s)
{
	int64_t seq;

	assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
	s->reader->ops->end(s->reader);
	return seq;
}
