#include "store/row_set.h"
#include "base/fault.h"
#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

static void empty_maps(struct row_set *s)
{
	CHECK(s->bucket_count > 0);
	map_init(&s->rows, s->buckets[0], s->bucket_count);
	map_init(&s->items, s->buckets[1], s->bucket_count);
	map_init(&s->locations, s->buckets[2], s->bucket_count);
}

int row_set_init(struct row_set *s, uint64_t seed)
{
	return row_set_init_small(s, seed, ROW_SET_BUCKETS);
}

int row_set_init_small(struct row_set *s, uint64_t seed, size_t bucket_count)
{
	CHECK(bucket_count > 0);
	*s = (struct row_set){ .seed = seed, .bucket_count = bucket_count };
	list_init(&s->dirty);
	list_init(&s->changed_items);
	list_init(&s->changed_locations);
	arena_init(&s->memory);
	for (size_t i = 0; i < LENGTH_OF(s->buckets); i++) {
		s->buckets[i] = malloc(sizeof(s->buckets[i][0]) * bucket_count);
		if (s->buckets[i] == NULL) {
			row_set_fini(s);
			return FAULT(-ENOMEM);
		}
	}
	empty_maps(s);
	return 0;
}

void row_set_fini(struct row_set *s)
{
	arena_fini(&s->memory);
	for (size_t i = 0; i < LENGTH_OF(s->buckets); i++)
		free(s->buckets[i]);
	*s = (struct row_set){ 0 };
	arena_init(&s->memory);
}

void row_set_clear(struct row_set *s)
{
	CHECK(s->bucket_count > 0);
	list_init(&s->dirty);
	list_init(&s->changed_items);
	list_init(&s->changed_locations);
	s->made_last = 0;
	arena_fini(&s->memory);
	arena_init(&s->memory);
	s->spare_row = NULL;
	s->spare_item = NULL;
	s->spare_location = NULL;
	empty_maps(s);
}

void row_set_make_room(struct row_set *s)
{
	/*
	 * Most commands name at most two rows, and each row at most one new item and location. A
	 * group of large reservations goes beyond it; then all is dropped at the next.
	 */
	size_t need = (size_t)GROUP_COMMANDS_MAX * COMMAND_MOVEMENTS_MAX;

	CHECK(list_is_empty(&s->dirty));
	CHECK(list_is_empty(&s->changed_items));
	CHECK(list_is_empty(&s->changed_locations));
	if (s->rows.count + need > ROW_SET_ROWS ||
	    s->items.count + s->locations.count + 2 * need > ROW_SET_NAMES)
		row_set_clear(s);
}

/* ---------------------------------------------------------------- looking */

struct found_item *row_set_item(const struct row_set *s, const char *sku)
{
	struct map_node *n = map_find(&s->items, hash_bytes(sku, strlen(sku), s->seed));

	CHECK(sku != NULL);
	for (; n != NULL; n = map_find_next(n)) {
		struct found_item *item = CONTAINER_OF(n, struct found_item, node);

		if (strcmp(item->item.sku.text, sku) == 0)
			return item;
	}
	return NULL;
}

struct found_location *row_set_location(const struct row_set *s, const char *code)
{
	struct map_node *n = map_find(&s->locations, hash_bytes(code, strlen(code), s->seed));

	CHECK(code != NULL);
	for (; n != NULL; n = map_find_next(n)) {
		struct found_location *location = CONTAINER_OF(n, struct found_location, node);

		if (strcmp(location->location.code.text, code) == 0)
			return location;
	}
	return NULL;
}

struct found_row *row_set_row(const struct row_set *s, const struct row_ref *ref)
{
	struct map_node *n = map_find(&s->rows, ref->key);

	for (; n != NULL; n = map_find_next(n)) {
		struct found_row *row = CONTAINER_OF(n, struct found_row, node);

		if (strcmp(row->sku.text, ref->sku.text) == 0 &&
		    strcmp(row->location_code.text, ref->location.text) == 0)
			return row;
	}
	return NULL;
}

/* ---------------------------------------------------------------- changing */

void row_set_change(struct row_set *s, struct found_row *row, const struct stock *before,
		    const struct movement *m, uint64_t group)
{
	CHECK(row->stock.on_hand == m->on_hand);
	CHECK(row->stock.reserved == m->reserved);
	CHECK(row->stock.version == m->version);
	CHECK(row->stock.version == before->version + 1);
	if (!list_is_linked(&row->dirty_link)) {
		list_push_back(&s->dirty, &row->dirty_link);
		row->base = *before;
		row->base_stated_seq = row->stated_seq;
		row->on_hand_delta = 0;
		row->reserved_delta = 0;
		row->change_count = 0;
	}
	row->on_hand_delta += m->on_hand_delta;
	row->reserved_delta += m->reserved_delta;
	row->change_count++;
	if (movement_states_level(m->kind))
		row->stated_seq = m->seq;
	row->changed_group = group;
}

void row_set_change_item(struct row_set *s, struct found_item *item, struct item *now,
			 uint64_t group)
{
	CHECK(now != NULL);
	CHECK(item->item.id >= 0 || s->made_last < 0);
	CHECK(now->version >= 0);
	if (!list_is_linked(&item->changed_link)) {
		list_push_back(&s->changed_items, &item->changed_link);
		item->base = item->item;
	}
	if (now->id == 0 && now->version > 0)
		now->id = --s->made_last;
	item->item = *now;
	item->item.name = item->item.unit = item->item.attributes = NULL;
	item->changed_group = item->full_group = group;
	item->full = now;
}

void row_set_change_location(struct row_set *s, struct found_location *location,
			     struct location *now, uint64_t group)
{
	CHECK(now != NULL);
	CHECK(location->location.id >= 0 || s->made_last < 0);
	CHECK(now->version >= 0);
	if (!list_is_linked(&location->changed_link)) {
		list_push_back(&s->changed_locations, &location->changed_link);
		location->base = location->location;
	}
	if (now->id == 0 && now->version > 0)
		now->id = --s->made_last;
	location->location = *now;
	location->location.name = NULL;
	location->changed_group = location->full_group = group;
	location->full = now;
}

static struct found_row *row_of(struct list *link)
{
	return CONTAINER_OF(link, struct found_row, dirty_link);
}

bool row_set_has_stocked_item(const struct row_set *s, const struct found_item *item)
{
	CHECK(item != NULL);
	LIST_EACH (it, &s->dirty)
		if (row_of(it)->item == item)
			return true;
	return false;
}

bool row_set_has_stocked_location(const struct row_set *s, const struct found_location *location)
{
	CHECK(location != NULL);
	LIST_EACH (it, &s->dirty)
		if (row_of(it)->location == location)
			return true;
	return false;
}

void row_set_undo(struct row_set *s)
{
	struct list *link;

	while ((link = list_pop_front(&s->dirty)) != NULL) {
		struct found_row *row = row_of(link);

		row->stock = row->base;
		row->stated_seq = row->base_stated_seq;
		row->changed_group = 0;
	}
	while ((link = list_pop_front(&s->changed_items)) != NULL) {
		struct found_item *item = CONTAINER_OF(link, struct found_item, changed_link);

		item->item = item->base;
		item->changed_group = item->full_group = 0;
	}
	while ((link = list_pop_front(&s->changed_locations)) != NULL) {
		struct found_location *l = CONTAINER_OF(link, struct found_location, changed_link);

		l->location = l->base;
		l->changed_group = l->full_group = 0;
	}
	s->made_last = 0;
}

/* ---------------------------------------------------------------- filling in */

/* What the last one left, or new memory; NULL: it is short. */
static void *spare(struct row_set *s, void *left, size_t bytes)
{
	CHECK(bytes > 0);
	return left != NULL ? left : arena_alloc(&s->memory, bytes);
}

struct found_row *row_set_new_row(struct row_set *s, const struct row_ref *ref)
{
	struct found_row *row = spare(s, s->spare_row, sizeof(*row));

	s->spare_row = row;
	if (row == NULL)
		return NULL;
	*row = (struct found_row){ .sku = ref->sku, .location_code = ref->location };
	list_init(&row->dirty_link);
	return row;
}

struct found_item *row_set_new_item(struct row_set *s, const char *sku)
{
	struct found_item *item = spare(s, s->spare_item, sizeof(*item));

	CHECK(sku != NULL);
	s->spare_item = item;
	if (item == NULL)
		return NULL;
	*item = (struct found_item){ 0 };
	code_set(&item->item.sku, sku, strlen(sku));
	list_init(&item->changed_link);
	return item;
}

struct found_location *row_set_new_location(struct row_set *s, const char *code)
{
	struct found_location *location = spare(s, s->spare_location, sizeof(*location));

	CHECK(code != NULL);
	s->spare_location = location;
	if (location == NULL)
		return NULL;
	*location = (struct found_location){ 0 };
	code_set(&location->location.code, code, strlen(code));
	list_init(&location->changed_link);
	return location;
}

void row_set_add_row(struct row_set *s, struct found_row *row, uint64_t key)
{
	CHECK(row->item != NULL);
	CHECK(row->location != NULL);
	CHECK(row == s->spare_row);
	map_insert(&s->rows, &row->node, key);
	s->spare_row = NULL;
}

void row_set_add_item(struct row_set *s, struct found_item *item)
{
	const char *sku = item->item.sku.text;

	CHECK(item == s->spare_item);
	map_insert(&s->items, &item->node, hash_bytes(sku, strlen(sku), s->seed));
	s->spare_item = NULL;
}

void row_set_add_location(struct row_set *s, struct found_location *location)
{
	const char *code = location->location.code.text;

	CHECK(location == s->spare_location);
	map_insert(&s->locations, &location->node, hash_bytes(code, strlen(code), s->seed));
	s->spare_location = NULL;
}

/* ---------------------------------------------------------------- written */

void row_set_check_sums(const struct found_row *row)
{
	CHECK(row->base.on_hand + row->on_hand_delta == row->stock.on_hand);
	CHECK(row->base.reserved + row->reserved_delta == row->stock.reserved);
	CHECK(row->base.version + row->change_count == row->stock.version);
}

void row_set_is_written(struct found_row *row)
{
	CHECK(row->stock.id > 0);
	list_remove(&row->dirty_link);
}

void row_set_is_written_item(struct found_item *item)
{
	CHECK(list_is_linked(&item->changed_link));
	if (item->item.id < 0)
		item->item.id = item->written_id;
	CHECK(item->item.id >= 0);
	list_remove(&item->changed_link);
}

void row_set_is_written_location(struct found_location *location)
{
	CHECK(list_is_linked(&location->changed_link));
	if (location->location.id < 0)
		location->location.id = location->written_id;
	CHECK(location->location.id >= 0);
	list_remove(&location->changed_link);
}
