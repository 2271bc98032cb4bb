#include "store/verify.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

enum phase {
	LEDGER,   /* slice by slice to its end */
	PROMISES, /* of each active reservation */
	ROWS,     /* against both */
	KEYS,
	LEASES,
	ITEMS, /* and then locations: are their texts what a request may say? */
	LOCATIONS,
	ACCESS,
	OVER,
};

enum { ENTRIES_FIRST = 256, LINES_PER_RESERVATION = 8, RUN_SLICE_ROWS = 100000 };

/* A row of the book. */
struct entry {
	struct verify_row row;
	bool has_all_movements; /* it was followed from its first one on */
	bool has_stated_level;  /* one of them was a set, a count or an edit */
	bool knows_promises;    /* it was here before the first reservation was summed up */
	bool is_compared;
};

/* stock id -> entry: open addressing over an array that only grows. */
struct book {
	struct entry *entries;
	int64_t count;
	int64_t capacity;
	uint32_t *slots; /* index + 1; 0: empty. Twice the capacity, a power of two. */
	int64_t count_max;
};

struct verify {
	struct verify_options options;
	struct verify_result result;
	enum phase phase;
	struct book book;
	int64_t cursor;  /* of ROWS and KEYS: the last id that was looked at */
	int64_t *active; /* ids of reservations, rising */
	int64_t active_count;
	int64_t active_capacity;
	int64_t active_next;   /* the first that is not yet summed up */
	int64_t active_last;   /* younger ones are followed from their first movement on */
	struct reader *reader; /* of the step under way */
	bool stays_within;     /* since a seq: no rows but those with movements behind it */
};

/* ---------------------------------------------------------------- the book */

static uint32_t *slot_of(const struct book *b, int64_t id)
{
	uint64_t mask = (uint64_t)b->capacity * 2 - 1;
	uint64_t at = ((uint64_t)id * UINT64_C(0x9E3779B97F4A7C15)) >> 20;

	CHECK(b->count <= b->capacity);
	CHECK(b->capacity > 0);
	for (at &= mask; b->slots[at] != 0; at = (at + 1) & mask)
		if (b->entries[b->slots[at] - 1].row.id == id)
			break;
	return &b->slots[at];
}

static struct entry *book_find(const struct book *b, int64_t id)
{
	uint32_t index = b->capacity == 0 ? 0 : *slot_of(b, id);

	return index == 0 ? NULL : &b->entries[index - 1];
}

static int book_grow(struct book *b)
{
	int64_t capacity = b->capacity == 0 ? ENTRIES_FIRST : b->capacity * 2;
	uint32_t *slots = calloc((size_t)capacity * 2, sizeof(slots[0]));
	struct entry *entries = realloc(b->entries, (size_t)capacity * sizeof(entries[0]));

	CHECK(b->count <= b->capacity);
	if (entries != NULL)
		b->entries = entries;
	if (entries == NULL || slots == NULL) {
		free(slots);
		return FAULT(-ENOMEM);
	}
	free(b->slots);
	b->slots = slots;
	b->capacity = capacity;
	for (int64_t i = 0; i < b->count; i++)
		*slot_of(b, b->entries[i].row.id) = (uint32_t)i + 1;
	return 0;
}

/* A new one, of zeros. The entry stays where it is until the next one is added. */
static int book_add(struct book *b, int64_t id, struct entry **ret)
{
	CHECK(book_find(b, id) == NULL);
	if (b->count == b->count_max || b->count == UINT32_MAX)
		return FAULT(-ENOMEM);
	if (b->count == b->capacity && book_grow(b) < 0)
		return -ENOMEM;

	struct entry *e = &b->entries[b->count];

	*e = (struct entry){ .row.id = id };
	*slot_of(b, id) = (uint32_t)++b->count;
	*ret = e;
	return 0;
}

/* ---------------------------------------------------------------- findings */

/* NULL once the list is full: it is counted all the same. */
static struct finding *find(struct verify *v, enum finding_code code)
{
	struct verify_result *r = &v->result;

	CHECK(r->listed_count <= FINDINGS_LISTED_MAX);
	r->finding_count++;
	if (r->listed_count == FINDINGS_LISTED_MAX)
		return NULL;

	struct finding *f = &r->listed[r->listed_count++];

	*f = (struct finding){ .code = code };
	return f;
}

/* About a row, or a movement of it. */
static int find_in_row(struct verify *v, enum finding_code code, int64_t stock_id, int64_t seq,
		       int64_t expected, int64_t found)
{
	struct finding *f = find(v, code);

	CHECK(v->reader != NULL);
	if (f == NULL)
		return 0;
	f->seq = seq;
	f->expected = expected;
	f->found = found;
	return v->reader->ops->audit->row_names(v->reader, stock_id, &f->sku, &f->location);
}

static void find_name(struct verify *v, enum finding_code code, const char *name, int64_t seq,
		      int64_t expected, int64_t found)
{
	struct finding *f = find(v, code);

	CHECK(name != NULL);
	if (f == NULL)
		return;
	f->seq = seq;
	f->expected = expected;
	f->found = found;
	strncpy(f->name, name, sizeof(f->name) - 1);
}

/* Numbers of a damaged store may be anything; that their sum is wrong is all that counts. */
static int64_t sum(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t difference(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* ---------------------------------------------------------------- the ledger */

/* With since_seq: how the row stood before the first movement that we see of it. */
static int begin_entry(struct verify *v, struct entry *e, const struct audit_movement *m)
{
	struct audit_movement before = { 0 };
	int r = 0;

	CHECK(e->row.id == m->stock_id);
	e->knows_promises = v->phase == LEDGER || !v->stays_within;
	e->has_all_movements = !v->stays_within || m->prev_seq == 0;
	if (e->has_all_movements)
		return 0;
	if (m->prev_seq <= v->options.since_seq)
		r = v->reader->ops->audit->movement(v->reader, m->prev_seq, &before);
	if (r == 0 && before.seq != 0 && before.stock_id == m->stock_id) {
		e->row.seq = before.seq;
		e->row.version = before.version;
		e->row.on_hand = before.on_hand;
		e->row.reserved = before.reserved;
	}
	return r;
}

/* One finding for each movement at most: whoever lost his place cannot be right about the rest. */
static int judge_movement(struct verify *v, const struct verify_row *row,
			  const struct audit_movement *m)
{
	CHECK(row->id == m->stock_id);
	if (m->kind == MOVEMENT_KINDS)
		return find_in_row(v, FINDING_MOVEMENT_KIND, m->stock_id, m->seq, 0, 0);
	if (m->prev_seq != row->seq)
		return find_in_row(v, FINDING_PREV_SEQ, m->stock_id, m->seq, row->seq, m->prev_seq);
	if (m->version != sum(row->version, 1))
		return find_in_row(v, FINDING_VERSION, m->stock_id, m->seq, sum(row->version, 1),
				   m->version);
	if (m->on_hand != sum(row->on_hand, m->on_hand_delta))
		return find_in_row(v, FINDING_ON_HAND_STEP, m->stock_id, m->seq,
				   sum(row->on_hand, m->on_hand_delta), m->on_hand);
	if (m->reserved != sum(row->reserved, m->reserved_delta))
		return find_in_row(v, FINDING_RESERVED_STEP, m->stock_id, m->seq,
				   sum(row->reserved, m->reserved_delta), m->reserved);
	return 0;
}

/* Was its reservation summed up before, or is it younger than the summing up? */
static bool moves_promise(const struct verify *v, const struct audit_movement *m)
{
	CHECK(v->active_next <= v->active_count);
	if (v->active_last == INT64_MAX || m->reservation_id == 0)
		return false; /* nothing was summed up yet */
	return m->reservation_id > v->active_last || v->active_next == v->active_count ||
	       m->reservation_id < v->active[v->active_next];
}

static int see_movement(void *context, const struct audit_movement *m)
{
	struct verify *v = context;
	struct entry *e = book_find(&v->book, m->stock_id);
	int r = 0;

	CHECK(v->phase <= ROWS);
	if (m->seq != v->result.seq + 1)
		r = find_in_row(v, FINDING_SEQ_MISSING, 0, v->result.seq + 1, v->result.seq + 1,
				m->seq);
	v->result.seq = m->seq;
	v->result.checked.movements++;
	if (r == 0 && e == NULL) {
		r = book_add(&v->book, m->stock_id, &e);
		if (r == 0)
			r = begin_entry(v, e, m);
	}
	if (r == 0)
		r = judge_movement(v, &e->row, m);
	if (r < 0)
		return r;
	/* Go on from what it says, so that one wrong movement is one finding. */
	e->row.seq = m->seq;
	e->row.version = m->version;
	e->row.on_hand = m->on_hand;
	e->row.reserved = m->reserved;
	e->has_stated_level = e->has_stated_level || movement_states_level(m->kind);
	if (moves_promise(v, m))
		e->row.promised = sum(e->row.promised, m->reserved_delta);
	return 0;
}

/* What was written since the last step, or a slice of it. */
static int read_ledger(struct verify *v, int64_t limit)
{
	CHECK(v->phase <= ROWS);
	CHECK(limit >= 1);
	return v->reader->ops->audit->movements(v->reader, v->result.seq, limit, v->phase != LEDGER,
						see_movement, v);
}

static int step_ledger(struct verify *v, int64_t seq)
{
	int r = read_ledger(v, v->options.slice_rows);

	CHECK(v->phase == LEDGER);
	if (r == 0 && v->result.seq >= seq)
		v->phase = PROMISES;
	return r;
}

/* ---------------------------------------------------------------- promises */

static int see_active(void *context, int64_t id)
{
	struct verify *v = context;

	CHECK(v->phase == PROMISES);
	CHECK(v->active_count <= v->active_capacity);
	if (v->active_count == v->active_capacity) {
		int64_t capacity = v->active_capacity == 0 ? ENTRIES_FIRST : v->active_capacity * 2;
		int64_t *active = realloc(v->active, (size_t)capacity * sizeof(active[0]));

		if (active == NULL)
			return FAULT(-ENOMEM);
		v->active = active;
		v->active_capacity = capacity;
	}
	v->active[v->active_count++] = id;
	return 0;
}

struct lines {
	struct verify *v;
	int64_t reservation_id;
	int64_t count;
};

static int find_in_reservation(struct verify *v, enum finding_code code, int64_t id,
			       int64_t expected, int64_t found)
{
	char name[ID_BYTES_MAX + 1];
	int r = v->reader->ops->audit->reservation_name(v->reader, id, name);

	CHECK(v->reader != NULL);
	if (r == 0)
		find_name(v, code, name, 0, expected, found);
	return r;
}

/* Of one that is not active. */
static int see_open_line(void *context, int64_t reservation_id)
{
	return find_in_reservation(context, FINDING_RESERVATION_LINE, reservation_id, 0, 1);
}

static int see_line(void *context, const struct audit_line *line)
{
	struct lines *l = context;
	struct entry *e = book_find(&l->v->book, line->stock_id);
	int r = 0;

	CHECK(l->v->phase == PROMISES);
	l->count++;
	if (!line->is_open)
		r = find_in_reservation(l->v, FINDING_RESERVATION_LINE, l->reservation_id, 1, 0);
	if (r == 0 && line->stock_id == 0)
		return find_in_reservation(l->v, FINDING_RESERVATION_ROW, l->reservation_id, 0,
					   line->quantity);
	if (r < 0)
		return r;
	if (e == NULL && l->v->stays_within)
		return 0;
	if (e == NULL) {
		r = book_add(&l->v->book, line->stock_id, &e);
		if (r < 0)
			return r;
		e->knows_promises = e->has_all_movements = true;
	}
	e->row.promised = sum(e->row.promised, line->quantity);
	return 0;
}

static int sum_up(struct verify *v, int64_t id)
{
	struct lines lines = { .v = v, .reservation_id = id };
	bool is_active;
	int r = v->reader->ops->audit->active_lines(v->reader, id, &is_active, see_line, &lines);

	CHECK(v->phase == PROMISES);
	CHECK(v->active_next < v->active_count);
	v->result.checked.reservations++;
	if (r < 0 || !is_active || lines.count > 0)
		return r;
	return find_in_reservation(v, FINDING_RESERVATION_EMPTY, id, 1, 0);
}

static int begin_promises(struct verify *v)
{
	int r = v->reader->ops->audit->active_reservations(v->reader, see_active, v,
							   &v->active_last);

	CHECK(v->phase == PROMISES);
	return r < 0 ? r : v->reader->ops->audit->lines_left_open(v->reader, see_open_line, v);
}

static int step_promises(struct verify *v)
{
	int64_t end = v->active_next + v->options.slice_rows / LINES_PER_RESERVATION + 1;
	int r;

	CHECK(v->phase == PROMISES);
	CHECK(v->active_next <= v->active_count);
	r = read_ledger(v, INT64_MAX);
	if (r == 0 && v->active_last == INT64_MAX)
		return begin_promises(v);
	for (; r == 0 && v->active_next < v->active_count && v->active_next < end; v->active_next++)
		r = sum_up(v, v->active[v->active_next]);
	if (r == 0 && v->active_next == v->active_count) {
		v->phase = ROWS;
		v->cursor = 0;
	}
	return r;
}

/* ---------------------------------------------------------------- rows */

/* Rows that nobody has counted, under a limit that nobody has changed. */
static bool is_oversold(const struct entry *e, const struct audit_row *row)
{
	return e->has_all_movements && !e->has_stated_level && row->item_version == 1 &&
	       difference(row->on_hand, row->reserved) < -row->backorder_limit;
}

static int judge_row(struct verify *v, const struct entry *e, const struct audit_row *row)
{
	struct stock level = { .id = row->id,
			       .on_hand = row->on_hand,
			       .reserved = row->reserved,
			       .version = row->version,
			       .seq = row->seq };
	int64_t id = row->id;
	int r = 0;

	CHECK(e->row.id == row->id || e->row.id == 0);
	if (!row->has_names)
		r = find_in_row(v, FINDING_ROW_NAMES, id, row->seq, 0, id);
	if (r == 0 && row->on_hand != e->row.on_hand)
		r = find_in_row(v, FINDING_ROW_ON_HAND, id, row->seq, e->row.on_hand, row->on_hand);
	if (r == 0 && row->reserved != e->row.reserved)
		r = find_in_row(v, FINDING_ROW_RESERVED, id, row->seq, e->row.reserved,
				row->reserved);
	if (r == 0 && row->version != e->row.version)
		r = find_in_row(v, FINDING_ROW_VERSION, id, row->seq, e->row.version, row->version);
	if (r == 0 && row->seq != e->row.seq)
		r = find_in_row(v, FINDING_ROW_SEQ, id, row->seq, e->row.seq, row->seq);
	if (r == 0 && e->knows_promises && row->reserved != e->row.promised)
		r = find_in_row(v, FINDING_ROW_PROMISED, id, row->seq, e->row.promised,
				row->reserved);
	if (r == 0 && !stock_is_sound(&level))
		r = find_in_row(v, FINDING_ROW_LEVEL, id, row->seq, 0,
				row->reserved < 0 ? row->reserved : row->on_hand);
	if (r == 0 && is_oversold(e, row))
		r = find_in_row(v, FINDING_ROW_OVERSOLD, id, row->seq, -row->backorder_limit,
				difference(row->on_hand, row->reserved));
	return r;
}

static int see_row(void *context, const struct audit_row *row)
{
	static const struct entry untouched = { .knows_promises = true, .has_all_movements = true };
	struct verify *v = context;
	struct entry *e = book_find(&v->book, row->id);

	CHECK(v->phase == ROWS);
	v->cursor = row->id;
	v->result.checked.rows++;
	if (e != NULL)
		e->is_compared = true;
	return judge_row(v, e != NULL ? e : &untouched, row);
}

static int compare_one(struct verify *v, const struct entry *e)
{
	struct audit_row row;
	int r = v->reader->ops->audit->row(v->reader, e->row.id, &row);

	CHECK(v->phase == ROWS);
	if (r < 0)
		return r;
	if (row.id == 0)
		return find_in_row(v, FINDING_ROW_MISSING, 0, e->row.seq, e->row.id, 0);
	return judge_row(v, e, &row);
}

/* All of them; what is left in the book then has no row, or got its id after that was passed. */
static int compare_rows(struct verify *v, bool *ret_is_done)
{
	int64_t before = v->result.checked.rows;
	int r = v->reader->ops->audit->rows(v->reader, v->cursor, v->options.slice_rows, see_row,
					    v);

	CHECK(!v->stays_within);
	*ret_is_done = v->result.checked.rows - before < v->options.slice_rows;
	for (int64_t i = 0; r == 0 && *ret_is_done && i < v->book.count; i++)
		if (!v->book.entries[i].is_compared)
			r = compare_one(v, &v->book.entries[i]);
	return r;
}

/* Only those with movements behind since_seq. The book may have grown since the last step. */
static int compare_touched(struct verify *v, bool *ret_is_done)
{
	int64_t end = v->cursor + v->options.slice_rows;
	int r = 0;

	CHECK(v->stays_within);
	CHECK(v->cursor <= v->book.count);
	for (; r == 0 && v->cursor < v->book.count && v->cursor < end; v->cursor++) {
		v->result.checked.rows++;
		r = compare_one(v, &v->book.entries[v->cursor]);
	}
	*ret_is_done = v->cursor == v->book.count;
	return r;
}

static int step_rows(struct verify *v)
{
	bool is_done = false;
	int r = read_ledger(v, INT64_MAX);

	CHECK(v->phase == ROWS);
	if (r == 0)
		r = v->stays_within ? compare_touched(v, &is_done) : compare_rows(v, &is_done);
	if (r == 0 && is_done) {
		v->phase = KEYS;
		v->cursor = 0;
	}
	return r;
}

/* ---------------------------------------------------------------- what rests on them */

struct keys {
	struct verify *v;
	int64_t count;
	int64_t seq; /* newest of the snapshot */
};

static int see_key(void *context, const struct audit_key *key)
{
	struct keys *k = context;
	struct verify *v = k->v;

	CHECK(v->phase == KEYS);
	k->count++;
	v->cursor = key->id;
	if (key->stock_seq <= v->options.since_seq && v->stays_within)
		return 0;
	v->result.checked.keys++;
	if (key->movements_there != key->movement_count)
		find_name(v, FINDING_KEY_EFFECT, key->key, key->first_seq, key->movement_count,
			  key->movements_there);
	else if (key->stock_seq > k->seq)
		find_name(v, FINDING_KEY_EFFECT, key->key, key->stock_seq, key->stock_seq, k->seq);
	return 0;
}

static int step_keys(struct verify *v, int64_t seq)
{
	struct keys keys = { .v = v, .seq = seq };
	int r = v->reader->ops->audit->keys(v->reader, v->cursor, v->options.slice_rows, see_key,
					    &keys);

	CHECK(v->phase == KEYS);
	if (r == 0 && keys.count < v->options.slice_rows)
		v->phase = LEASES;
	return r;
}

static int see_lease(void *context, const struct audit_lease *l)
{
	struct verify *v = context;

	CHECK(v->phase == LEASES);
	v->result.checked.leases++;
	if (l->fence >= l->next_fence)
		find_name(v, FINDING_LEASE_FENCE, l->lease, 0, l->next_fence - 1, l->fence);
	if (l->fence != l->fence_first)
		find_name(v, FINDING_LEASE_MIXED, l->lease, 0, l->fence_first, l->fence);
	else if (l->expires_at_ms != l->expires_first_ms)
		find_name(v, FINDING_LEASE_MIXED, l->lease, 0, l->expires_first_ms,
			  l->expires_at_ms);
	if (!l->has_names)
		find_name(v, FINDING_LEASE_NAMES, l->lease, 0, 1, 0);
	return 0;
}

static int step_leases(struct verify *v)
{
	int r = v->reader->ops->audit->leases(v->reader, see_lease, v);

	CHECK(v->phase == LEASES);
	if (r == 0)
		v->phase = v->stays_within ? OVER : ITEMS;
	v->cursor = 0;
	return r;
}

/* ---------------------------------------------------------------- texts */

struct names {
	struct verify *v;
	int64_t count;
};

static int see_name(void *context, const struct audit_name *name)
{
	struct names *n = context;
	struct verify *v = n->v;
	struct finding *f;

	CHECK(v->phase == ITEMS || v->phase == LOCATIONS);
	n->count++;
	v->cursor = name->id;
	if (name->wrong == NULL)
		return 0;
	f = find(v, v->phase == ITEMS ? FINDING_ITEM_TEXT : FINDING_LOCATION_TEXT);
	if (f == NULL)
		return 0;
	*(v->phase == ITEMS ? &f->sku : &f->location) = name->code;
	strncpy(f->name, name->wrong, sizeof(f->name) - 1);
	return 0;
}

static int step_names(struct verify *v)
{
	const struct audit_ops *audit = v->reader->ops->audit;
	struct names n = { .v = v };
	int r = (v->phase == ITEMS ? audit->items : audit->locations)(
		v->reader, v->cursor, v->options.slice_rows, see_name, &n);

	CHECK(v->phase == ITEMS || v->phase == LOCATIONS);
	if (r == 0 && n.count < v->options.slice_rows) {
		v->phase = v->phase == ITEMS ? LOCATIONS : ACCESS;
		v->cursor = 0;
	}
	return r;
}

/* ---------------------------------------------------------------- tokens */

/* What it says is the store's own, and may be anything: as much of it as is UTF-8 is shown. */
static int see_access(void *context, enum audit_access what, const char *which)
{
	static const enum finding_code codes[] = {
		[AUDIT_TOKEN] = FINDING_TOKEN,
		[AUDIT_TOKEN_SECRET] = FINDING_TOKEN_SECRET,
		[AUDIT_TOKEN_LOCATION] = FINDING_TOKEN_LOCATION,
		[AUDIT_STORE_ACCESS] = FINDING_STORE_ACCESS,
	};
	struct verify *v = context;
	struct finding *f;
	size_t bytes = strnlen(which, TOKEN_PUBLIC_BYTES + 20);

	CHECK(v->phase == ACCESS);
	CHECK((size_t)what < LENGTH_OF(codes));
	f = find(v, codes[what]);
	if (f != NULL)
		(void)utf8_mend(f->name, which, bytes);
	return 0;
}
_Static_assert(UTF8_REPLACEMENT_BYTES *(TOKEN_PUBLIC_BYTES + 20) <= KEY_BYTES_MAX, "it fits");

static int step_access(struct verify *v)
{
	int r = v->reader->ops->audit->access(v->reader, see_access, v);

	CHECK(v->phase == ACCESS);
	if (r == 0)
		v->phase = OVER;
	return r;
}

/* ---------------------------------------------------------------- life */

struct verify *verify_create(const struct verify_options *o)
{
	struct verify *v = calloc(1, sizeof(*v));

	CHECK(o->slice_rows >= 1);
	if (v == NULL)
		return NULL;
	v->options = *o;
	v->stays_within = o->since_seq > 0;
	v->result.since_seq = v->result.seq = o->since_seq;
	v->book.count_max = o->rows_max;
	v->active_last = INT64_MAX;
	return v;
}

struct verify *verify_destroy(struct verify *v)
{
	if (v != NULL) {
		free(v->book.entries);
		free(v->book.slots);
		free(v->active);
		free(v);
	}
	return NULL;
}

int verify_step(struct verify *v, struct reader *reader, int64_t seq)
{
	CHECK(reader != NULL);
	CHECK(v->phase != OVER);
	v->reader = reader;
	switch (v->phase) {
	case LEDGER:
		return step_ledger(v, seq);
	case PROMISES:
		return step_promises(v);
	case ROWS:
		return step_rows(v);
	case KEYS:
		return step_keys(v, seq);
	case LEASES:
		return step_leases(v);
	case ITEMS:
	case LOCATIONS:
		return step_names(v);
	case ACCESS:
		return step_access(v);
	case OVER:
		break;
	}
	return 0;
}

bool verify_is_over(const struct verify *v)
{
	return v->phase == OVER;
}

const struct verify_result *verify_result(const struct verify *v)
{
	CHECK(v->result.listed_count <= FINDINGS_LISTED_MAX);
	return &v->result;
}

struct verify_row verify_row(const struct verify *v, int64_t stock_id)
{
	const struct entry *e = book_find(&v->book, stock_id);

	CHECK(v->phase > ROWS);
	return e != NULL ? e->row : (struct verify_row){ .id = stock_id };
}

int verify_run(struct reader *reader, struct verify **ret)
{
	struct verify *v = verify_create(
		&(struct verify_options){ .slice_rows = RUN_SLICE_ROWS, .rows_max = INT64_MAX });
	int r = v != NULL ? 0 : FAULT(-ENOMEM);

	CHECK(reader != NULL);
	while (r == 0 && !verify_is_over(v)) {
		int64_t seq;

		r = reader->ops->begin(reader, &seq);
		if (r == 0)
			r = verify_step(v, reader, seq);
		reader->ops->end(reader);
	}
	if (r < 0)
		v = verify_destroy(v);
	*ret = v;
	return r;
}
