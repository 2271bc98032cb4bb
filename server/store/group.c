#include "store/group.h"
#include "base/hash.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- arrays that grow */

enum { FIRST_CAPACITY = 64 };

static bool grow(void **all, size_t *capacity, size_t bytes)
{
	size_t larger = *capacity == 0 ? FIRST_CAPACITY : *capacity * 2;
	void *moved = realloc(*all, larger * bytes);

	CHECK(bytes > 0);
	if (moved == NULL)
		return false;
	*all = moved;
	*capacity = larger;
	return true;
}

/* A place behind the last one; NULL: memory is short. */
#define PLACE(set)                                                                         \
	((set)->count < (set)->capacity ||                                                 \
			 grow((void **)&(set)->all, &(set)->capacity, sizeof(*(set)->all)) \
		 ? &(set)->all[(set)->count++]                                             \
		 : NULL)

#define WANT(set, value)                                \
	do {                                            \
		__typeof__((set)->all) at = PLACE(set); \
		if (at != NULL)                         \
			*at = (value);                  \
		else                                    \
			w->is_short = true;             \
	} while (0)

/* ---------------------------------------------------------------- wanting */

void want_row(struct want *w, const struct row_ref *row)
{
	WANT(&w->rows, row);
}

void want_respect(struct want *w, const struct row_ref *row)
{
	WANT(&w->respected, row);
}

void want_reservation(struct want *w, struct wanted_reservation reservation)
{
	CHECK(reservation.name != NULL);
	WANT(&w->reservations, reservation);
}

void want_key(struct want *w, struct wanted_key key)
{
	CHECK(key.key != NULL);
	WANT(&w->keys, key);
}

void want_item(struct want *w, struct wanted_name name)
{
	CHECK(name.name != NULL);
	WANT(&w->items, name);
}

void want_location(struct want *w, struct wanted_name name)
{
	CHECK(name.name != NULL);
	WANT(&w->locations, name);
}

void want_lease(struct want *w, struct wanted_lease lease)
{
	CHECK(lease.id != NULL);
	WANT(&w->leases, lease);
}

void want_statement(struct want *w, struct wanted_statement statement)
{
	CHECK(statement.row != NULL);
	WANT(&w->statements, statement);
}

void want_clear(struct want *w)
{
	w->rows.count = w->respected.count = w->reservations.count = w->keys.count = 0;
	w->items.count = w->locations.count = w->leases.count = w->statements.count = 0;
	w->is_short = false;
}

void want_fini(struct want *w)
{
	free(w->rows.all);
	free(w->respected.all);
	free(w->reservations.all);
	free(w->keys.all);
	free(w->items.all);
	free(w->locations.all);
	free(w->leases.all);
	free(w->statements.all);
	*w = (struct want){ 0 };
}

/* ---------------------------------------------------------------- wanting in order */

static int by_row(const void *a, const void *b)
{
	const struct row_ref *x = *(const struct row_ref *const *)a;
	const struct row_ref *y = *(const struct row_ref *const *)b;
	int order = strcmp(x->sku.text, y->sku.text);

	return order != 0 ? order : strcmp(x->location.text, y->location.text);
}

static int by_key(const void *a, const void *b)
{
	const struct wanted_key *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : (x->token_id > y->token_id) - (x->token_id < y->token_id);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct wanted_name *)a)->name, ((const struct wanted_name *)b)->name);
}

static int by_reservation(const void *a, const void *b)
{
	return strcmp(((const struct wanted_reservation *)a)->name,
		      ((const struct wanted_reservation *)b)->name);
}

static void join_reservations(const void *again, void *kept)
{
	struct wanted_reservation *k = kept;

	CHECK(by_reservation(again, kept) == 0);
	k->needs_rows = k->needs_rows || ((const struct wanted_reservation *)again)->needs_rows;
}

static int by_lease(const void *a, const void *b)
{
	const struct wanted_lease *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order != 0 ? order : (x->fence > y->fence) - (x->fence < y->fence);
}

static int by_statement(const void *a, const void *b)
{
	const struct wanted_statement *x = a, *y = b;
	int order = by_row(&x->row, &y->row);

	return order != 0 ? order : (x->seen_seq > y->seen_seq) - (x->seen_seq < y->seen_seq);
}

/* What is wanted of one name twice is wanted of it once, with all that either needs. */
static void join_names(const void *again, void *kept)
{
	const struct wanted_name *a = again;
	struct wanted_name *k = kept;

	CHECK(by_name(again, kept) == 0);
	k->needs_texts = k->needs_texts || a->needs_texts;
	k->needs_use = k->needs_use || a->needs_use;
}

static size_t sort(void *all, size_t count, size_t bytes, int (*order)(const void *, const void *),
		   void (*join)(const void *, void *))
{
	char *base = all;
	size_t kept = 0;

	if (count == 0)
		return 0;
	qsort(all, count, bytes, order);
	for (size_t i = 1; i < count; i++) {
		if (order(base + i * bytes, base + kept * bytes) != 0)
			memmove(base + ++kept * bytes, base + i * bytes, bytes);
		else if (join != NULL)
			join(base + i * bytes, base + kept * bytes);
	}
	return kept + 1;
}

#define SORT(set, order, join) \
	(set)->count = sort((set)->all, (set)->count, sizeof(*(set)->all), order, join)

void want_sort(struct want *w)
{
	CHECK(!w->is_short);
	SORT(&w->rows, by_row, NULL);
	SORT(&w->respected, by_row, NULL);
	SORT(&w->reservations, by_reservation, join_reservations);
	SORT(&w->keys, by_key, NULL);
	SORT(&w->items, by_name, join_names);
	SORT(&w->locations, by_name, join_names);
	SORT(&w->leases, by_lease, NULL);
	SORT(&w->statements, by_statement, NULL);
}

/* ---------------------------------------------------------------- finding */

static void found_empty(struct found *f)
{
	map_init(&f->reservations, f->buckets, FOUND_BUCKETS);
	list_init(&f->overdue);
	f->leases = NULL;
	f->keys = NULL;
	f->held = NULL;
	f->lease_count = f->key_count = f->held_count = 0;
	f->has_more_overdue = f->leases_are_news = false;
	f->newest_seq = 0;
	arena_init(&f->memory);
}

void found_init(struct found *f)
{
	f->rows = NULL;
	found_empty(f);
}

void found_fini(struct found *f)
{
	arena_fini(&f->memory);
	arena_init(&f->memory);
}

void found_clear(struct found *f)
{
	bool has_buckets = f->reservations.count > 0;

	arena_fini(&f->memory);
	if (has_buckets) {
		found_empty(f);
		return;
	}
	/* Most groups have no reservation: their buckets are empty as they are. */
	list_init(&f->overdue);
	f->leases = NULL;
	f->keys = NULL;
	f->held = NULL;
	f->lease_count = f->key_count = f->held_count = 0;
	f->has_more_overdue = f->leases_are_news = false;
	f->newest_seq = 0;
	arena_init(&f->memory);
}

static uint64_t hash_name(const char *name)
{
	return hash_bytes(name, strlen(name), 0);
}

struct found_reservation *found_reservation_of(const struct found *f, const char *name)
{
	struct map_node *n = map_find(&f->reservations, hash_name(name));

	CHECK(name != NULL);
	for (; n != NULL; n = map_find_next(n)) {
		struct found_reservation *r = CONTAINER_OF(n, struct found_reservation, node);

		if (strcmp(r->name, name) == 0)
			return r;
	}
	return NULL;
}

struct found_reservation *found_add_reservation(struct found *f, const char *name)
{
	struct found_reservation *r = arena_alloc(&f->memory, sizeof(*r));

	CHECK(found_reservation_of(f, name) == NULL);
	if (r == NULL)
		return NULL;
	*r = (struct found_reservation){ .name = name };
	map_insert(&f->reservations, &r->node, hash_name(name));
	return r;
}

const char *found_keep_text(struct found *f, const char *text)
{
	CHECK(text != NULL);
	return arena_copy(&f->memory, text, strlen(text));
}

/* A found_key begins with the wanted one. */
const struct found_key *found_key_of(const struct found *f, const struct wanted_key *key)
{
	_Static_assert(offsetof(struct found_key, key) == 0, "by_key() compares it as it stands");

	CHECK(key->key != NULL);
	if (f->key_count == 0)
		return NULL;
	return bsearch(key, f->keys, f->key_count, sizeof(f->keys[0]), by_key);
}

const struct found_lease *found_lease_of(const struct found *f, const char *id, int64_t fence)
{
	CHECK(id != NULL);
	for (size_t i = 0; i < f->lease_count; i++)
		if (f->leases[i].is_there && (fence == 0 || f->leases[i].fence == fence) &&
		    strcmp(f->leases[i].id, id) == 0)
			return &f->leases[i];
	return NULL;
}

/* ---------------------------------------------------------------- effects */

struct movement_effect *effects_add_movement(struct effects *e)
{
	CHECK(!e->is_numbered);
	return PLACE(&e->movements);
}

struct key_record *effects_add_key(struct effects *e)
{
	return PLACE(&e->keys);
}

struct item_effect *effects_add_item(struct effects *e)
{
	return PLACE(&e->items);
}

struct location_effect *effects_add_location(struct effects *e)
{
	return PLACE(&e->locations);
}

struct lease_effect *effects_add_lease(struct effects *e)
{
	CHECK(!e->is_numbered);
	return PLACE(&e->leases);
}

struct reservation_effect *effects_add_reservation(struct effects *e)
{
	CHECK(!e->is_numbered);
	return PLACE(&e->reservations);
}

struct audit_entry *effects_add_audit(struct effects *e)
{
	return PLACE(&e->audits);
}

void effects_clear(struct effects *e)
{
	e->movements.count = e->keys.count = e->items.count = e->locations.count = 0;
	e->leases.count = e->reservations.count = e->audits.count = 0;
	e->forget_to = 0;
	e->forget_count = e->forgotten_count = 0;
	e->audit_old_ms = 0;
	e->audit_old_count = e->audit_gone_count = 0;
	e->must_note_time = false;
	e->is_last = e->is_numbered = false;
	e->seq_shift = 0;
	e->culprit = NULL;
	e->culprit_overdue = 0;
}

void effects_fini(struct effects *e)
{
	free(e->movements.all);
	free(e->keys.all);
	free(e->items.all);
	free(e->locations.all);
	free(e->leases.all);
	free(e->reservations.all);
	free(e->audits.all);
	*e = (struct effects){ 0 };
}

bool effects_are_none(const struct effects *e)
{
	return e->movements.count == 0 && e->keys.count == 0 && e->items.count == 0 &&
	       e->locations.count == 0 && e->leases.count == 0 && e->reservations.count == 0 &&
	       e->audits.count == 0 && e->forget_count == 0 && e->audit_old_count == 0 &&
	       !e->must_note_time;
}

void effects_pass_ids_on(struct effects *e)
{
	for (size_t i = 0; i < e->reservations.count; i++) {
		int64_t *id = &e->reservations.all[i].reservation->id;

		if (*id < 0)
			*id = e->reservations.all[-*id - 1].reservation->id;
		CHECK(*id > 0);
	}
}

void effects_shift_seqs(struct effects *e, int64_t shift)
{
	CHECK(e->seq_first > SEQ_RELATIVE);
	CHECK(e->seq_shift == 0);
	e->seq_shift = shift;
	for (size_t i = 0; i < e->movements.count; i++) {
		struct movement_effect *m = &e->movements.all[i];

		m->movement->seq = seq_shifted(m->movement->seq, shift);
		m->movement->prev_seq = seq_shifted(m->movement->prev_seq, shift);
		if (m->after != NULL)
			m->after->seq = seq_shifted(m->after->seq, shift);
	}
	LIST_EACH (it, &e->rows->dirty) {
		struct found_row *row = CONTAINER_OF(it, struct found_row, dirty_link);

		row->stock.seq = seq_shifted(row->stock.seq, shift);
		row->stated_seq = seq_shifted(row->stated_seq, shift);
	}
	e->seq_first = seq_shifted(e->seq_first, shift);
}
