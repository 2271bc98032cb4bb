#include "store/memory_private.h"
#include "store/records.h"
#include "base/fault.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---------------------------------------------------------------- who sees what */

bool memory_sees(const struct memory_view *v, const struct memory_version *version)
{
	bool is_made = version->made_by == NULL ? version->since <= v->commit
						: version->made_by == v->writer;
	bool is_ended = version->ended_by == NULL
				? version->until <= v->commit
				: v->writer != NULL && version->ended_by == v->writer;

	CHECK(v->commit >= 0);
	return is_made && !is_ended;
}

struct memory_version *memory_next(struct memory *m, const struct memory_view *v,
				   enum memory_kind kind, size_t *at)
{
	struct memory_table *t = &m->tables[kind];

	CHECK(kind < MEMORY_KINDS);
	while (*at < t->count) {
		struct memory_version *version = t->all[(*at)++];

		if (memory_sees(v, version))
			return version;
	}
	return NULL;
}

/* Does the version say this, of which only what its kind needs is given? */
struct question {
	int64_t id;
	int64_t other_id;
	const char *name;
	int64_t now_ms;
};

typedef bool (*judge)(const struct memory_version *version, const struct question *q);

static struct memory_version *find(struct memory *m, const struct memory_view *v,
				   enum memory_kind kind, judge fits, const struct question *q)
{
	const struct memory_table *t = &m->tables[kind];

	CHECK(kind < MEMORY_KINDS);
	for (size_t i = t->count; i > 0; i--)
		if (memory_sees(v, t->all[i - 1]) && fits(t->all[i - 1], q))
			return t->all[i - 1];
	return NULL;
}

static bool has_sku(const struct memory_version *version, const struct question *q)
{
	CHECK(version->kind == MEMORY_ITEM);
	return strcmp(version->item.sku.text, q->name) == 0;
}

static bool has_code(const struct memory_version *version, const struct question *q)
{
	CHECK(version->kind == MEMORY_LOCATION);
	return strcmp(version->location.code.text, q->name) == 0;
}

static bool has_name(const struct memory_version *version, const struct question *q)
{
	CHECK(version->kind == MEMORY_RESERVATION);
	return strcmp(version->reservation.name, q->name) == 0;
}

static bool has_key(const struct memory_version *version, const struct question *q)
{
	CHECK(version->kind == MEMORY_KEY);
	return version->key.token_id == q->id && strcmp(version->key.key, q->name) == 0;
}

static bool has_id(const struct memory_version *version, const struct question *q)
{
	return version->id == q->id;
}

static bool is_of_pair(const struct memory_version *version, const struct question *q)
{
	CHECK(version->kind == MEMORY_ROW);
	return version->row.item_id == q->id && version->row.location_id == q->other_id;
}

static bool closes_pair(const struct memory_version *version, const struct question *q)
{
	CHECK(version->kind == MEMORY_LEASE_ROW);
	return version->lease.item_id == q->id && version->lease.location_id == q->other_id &&
	       version->lease.row.expires_at_ms > q->now_ms;
}

struct memory_version *memory_item(struct memory *m, const struct memory_view *v, const char *sku)
{
	CHECK(sku != NULL);
	return find(m, v, MEMORY_ITEM, has_sku, &(struct question){ .name = sku });
}

struct memory_version *memory_location(struct memory *m, const struct memory_view *v,
				       const char *code)
{
	CHECK(code != NULL);
	return find(m, v, MEMORY_LOCATION, has_code, &(struct question){ .name = code });
}

struct memory_version *memory_row(struct memory *m, const struct memory_view *v, int64_t item_id,
				  int64_t location_id)
{
	return find(m, v, MEMORY_ROW, is_of_pair,
		    &(struct question){ .id = item_id, .other_id = location_id });
}

struct memory_version *memory_reservation(struct memory *m, const struct memory_view *v,
					  const char *name)
{
	CHECK(name != NULL);
	return find(m, v, MEMORY_RESERVATION, has_name, &(struct question){ .name = name });
}

struct memory_version *memory_key(struct memory *m, const struct memory_view *v, int64_t token_id,
				  const char *key)
{
	CHECK(key != NULL);
	return find(m, v, MEMORY_KEY, has_key, &(struct question){ .name = key, .id = token_id });
}

struct memory_version *memory_by_id(struct memory *m, const struct memory_view *v,
				    enum memory_kind kind, int64_t id)
{
	return find(m, v, kind, has_id, &(struct question){ .id = id });
}

struct memory_version *memory_lease_of(struct memory *m, const struct memory_view *v,
				       int64_t item_id, int64_t location_id, int64_t now_ms)
{
	return find(m, v, MEMORY_LEASE_ROW, closes_pair,
		    &(struct question){ .id = item_id, .other_id = location_id, .now_ms = now_ms });
}

bool memory_is_in_use(struct memory *m, const struct memory_view *v, enum memory_kind kind,
		      int64_t id, int64_t now_ms)
{
	struct memory_version *version;
	bool is_item = kind == MEMORY_ITEM;

	CHECK(is_item || kind == MEMORY_LOCATION);
	for (size_t at = 0; (version = memory_next(m, v, MEMORY_ROW, &at)) != NULL;)
		if ((is_item ? version->row.item_id : version->row.location_id) == id)
			return true;
	for (size_t at = 0; (version = memory_next(m, v, MEMORY_LEASE_ROW, &at)) != NULL;)
		if ((is_item ? version->lease.item_id : version->lease.location_id) == id &&
		    version->lease.row.expires_at_ms > now_ms)
			return true;
	return false;
}

int64_t memory_stated_since(const struct memory *m, int64_t from_seq, int64_t down_to_seq)
{
	for (int64_t seq = from_seq; seq > down_to_seq;) {
		const struct movement *movement;

		CHECK(seq <= (int64_t)m->movement_count);
		movement = &m->movements[seq - 1].movement;
		if (movement_states_level(movement->kind))
			return seq;
		seq = movement->prev_seq;
	}
	return 0;
}

/* ---------------------------------------------------------------- changing */

static bool grow(void **all, size_t *capacity, size_t bytes)
{
	size_t larger = *capacity == 0 ? 64 : *capacity * 2;
	void *moved = realloc(*all, larger * bytes);

	CHECK(bytes > 0);
	if (moved == NULL)
		return false;
	*all = moved;
	*capacity = larger;
	return true;
}

static bool has_room_for_touched(struct memory_writer *w)
{
	CHECK(w->touched_count <= w->touched_capacity);
	return w->touched_count < w->touched_capacity ||
	       grow((void **)&w->touched, &w->touched_capacity, sizeof(w->touched[0]));
}

struct memory_version *memory_add(struct memory_writer *w, enum memory_kind kind, int64_t id)
{
	struct memory_table *t = &w->m->tables[kind];
	struct memory_version *version;

	CHECK(id > 0);
	CHECK(w->is_in_group);
	if ((t->count == t->capacity && !grow((void **)&t->all, &t->capacity, sizeof(t->all[0]))) ||
	    !has_room_for_touched(w))
		return NULL;
	version = arena_alloc(&w->m->texts, sizeof(*version));
	if (version == NULL)
		return NULL;
	*version = (struct memory_version){
		.kind = kind, .id = id, .until = INT64_MAX, .made_by = w, .author = w
	};
	t->all[t->count++] = version;
	w->touched[w->touched_count++] = version;
	return version;
}

int memory_end(struct memory_writer *w, struct memory_version *version)
{
	CHECK(version->made_by == NULL || version->made_by == w);
	CHECK(w->is_in_group);
	CHECK(version->ended_by == NULL);
	CHECK(version->until == INT64_MAX);
	if (!has_room_for_touched(w))
		return FAULT(-ENOMEM);
	version->ended_by = w;
	w->touched[w->touched_count++] = version;
	return 0;
}

const char *memory_keep(struct memory *m, const char *text, bool *is_short)
{
	const char *kept = text == NULL ? NULL : arena_copy(&m->texts, text, strlen(text));

	*is_short = *is_short || (text != NULL && kept == NULL);
	return kept;
}

/* ---------------------------------------------------------------- handing out */

static const char *copy(const char *text, struct arena *a, bool *is_short)
{
	const char *copied = text == NULL ? NULL : arena_copy(a, text, strlen(text));

	*is_short = *is_short || (text != NULL && copied == NULL);
	return copied;
}

int memory_copy_item(const struct item *item, struct arena *texts, struct item *ret)
{
	bool is_short = false;

	CHECK(item_is_sound(item));
	*ret = *item;
	ret->name = ret->unit = ret->attributes = NULL;
	if (texts == NULL)
		return 0;
	ret->name = copy(item->name, texts, &is_short);
	ret->unit = copy(item->unit, texts, &is_short);
	ret->attributes = copy(item->attributes, texts, &is_short);
	return is_short ? FAULT(-ENOMEM) : 0;
}

int memory_copy_location(const struct location *location, struct arena *texts, struct location *ret)
{
	bool is_short = false;

	CHECK(location_is_sound(location));
	*ret = *location;
	ret->name = texts == NULL ? NULL : copy(location->name, texts, &is_short);
	return is_short ? FAULT(-ENOMEM) : 0;
}

void memory_names_of(struct memory *m, const struct memory_view *v, int64_t item_id,
		     int64_t location_id, struct code *ret_sku, struct code *ret_location)
{
	const struct memory_version *item = memory_by_id(m, v, MEMORY_ITEM, item_id);
	const struct memory_version *location = memory_by_id(m, v, MEMORY_LOCATION, location_id);

	*ret_sku = item == NULL ? (struct code){ "" } : item->item.sku;
	*ret_location = location == NULL ? (struct code){ "" } : location->location.code;
}

int memory_copy_reservation(struct memory *m, const struct memory_view *v,
			    const struct reservation *reservation, struct arena *a,
			    struct reservation *ret)
{
	size_t bytes = sizeof(ret->lines[0]) * (size_t)reservation->line_count;
	bool is_short = false;

	CHECK(reservation_is_sound(reservation));
	*ret = *reservation;
	ret->name = copy(reservation->name, a, &is_short);
	ret->owner = copy(reservation->owner, a, &is_short);
	ret->reference = copy(reservation->reference, a, &is_short);
	ret->lines = arena_alloc(a, bytes);
	if (is_short || ret->lines == NULL)
		return FAULT(-ENOMEM);
	memcpy(ret->lines, reservation->lines, bytes);
	for (int i = 0; i < ret->line_count; i++)
		memory_names_of(m, v, ret->lines[i].item_id, ret->lines[i].location_id,
				&ret->lines[i].sku, &ret->lines[i].location);
	return 0;
}

int memory_copy_audit(const struct audit_entry *entry, struct arena *a, struct audit_entry *ret)
{
	bool is_short = false;

	CHECK(entry->id > 0);
	*ret = *entry;
	ret->actor = copy(entry->actor, a, &is_short);
	ret->action = copy(entry->action, a, &is_short);
	ret->subject = copy(entry->subject, a, &is_short);
	ret->detail = copy(entry->detail, a, &is_short);
	ret->request_id = copy(entry->request_id, a, &is_short);
	return is_short ? FAULT(-ENOMEM) : 0;
}

int memory_copy_key(const struct key_record *record, struct arena *a, struct key_record *ret)
{
	bool is_short = false;

	CHECK(key_record_is_sound(record));
	*ret = *record;
	ret->key = copy(record->key, a, &is_short);
	ret->body = copy(record->body, a, &is_short);
	return is_short ? FAULT(-ENOMEM) : 0;
}

int memory_copy_movement(struct memory *m, const struct memory_view *v,
			 const struct memory_movement *movement, struct arena *a,
			 struct movement_view *ret)
{
	bool is_short = false;

	CHECK(movement_is_sound(&movement->movement));
	ret->movement = movement->movement;
	memory_names_of(m, v, movement->item_id, movement->location_id, &ret->sku, &ret->location);
	ret->movement.reason = copy(movement->movement.reason, a, &is_short);
	ret->movement.reference = copy(movement->movement.reference, a, &is_short);
	ret->movement.reservation = copy(movement->movement.reservation, a, &is_short);
	ret->movement.request_id = copy(movement->movement.request_id, a, &is_short);
	ret->movement.actor = copy(movement->movement.actor, a, &is_short);
	ret->movement.note = copy(movement->movement.note, a, &is_short);
	return is_short ? FAULT(-ENOMEM) : 0;
}

/* ---------------------------------------------------------------- life */

struct memory *memory_create(const struct memory_options *o)
{
	struct memory *m = calloc(1, sizeof(*m));
	pthread_condattr_t monotonic;
	uint64_t number;

	CHECK(o->busy_ms >= 0);
	if (m == NULL)
		return NULL;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
		free(m);
		return NULL;
	}
	m->options = *o;
	pthread_mutex_init(&m->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&m->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	arena_init(&m->texts);
	snprintf(m->epoch, sizeof(m->epoch), "m%llx", (unsigned long long)number);
	return m;
}

struct memory *memory_destroy(struct memory *m)
{
	if (m == NULL)
		return NULL;
	CHECK(m->writers == NULL);
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		free(m->tables[kind].all);
	free(m->movements);
	free(m->holds);
	arena_fini(&m->texts);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->mutex);
	free(m);
	return NULL;
}

void memory_load_time(struct memory *m, struct stored_time *ret)
{
	pthread_mutex_lock(&m->mutex);
	*ret = m->time;
	ret->ledger_ms = m->newest_seq == 0 ? 0 : m->movements[m->newest_seq - 1].movement.at_ms;
	pthread_mutex_unlock(&m->mutex);
}
