#include "engine/row_cache.h"
#include "base/fault.h"
#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

int row_cache_init(struct row_cache *c, struct store *store, uint64_t seed)
{
	*c = (struct row_cache){ .store = store, .seed = seed };
	list_init(&c->dirty);
	arena_init(&c->memory);
	for (size_t i = 0; i < LENGTH_OF(c->buckets); i++) {
		c->buckets[i] = malloc(sizeof(c->buckets[i][0]) * ROW_CACHE_BUCKETS);
		if (c->buckets[i] == NULL) {
			row_cache_fini(c);
			return FAULT(-ENOMEM);
		}
	}
	map_init(&c->rows, c->buckets[0], ROW_CACHE_BUCKETS);
	map_init(&c->items, c->buckets[1], ROW_CACHE_BUCKETS);
	map_init(&c->locations, c->buckets[2], ROW_CACHE_BUCKETS);
	return 0;
}

void row_cache_fini(struct row_cache *c)
{
	arena_fini(&c->memory);
	for (size_t i = 0; i < LENGTH_OF(c->buckets); i++)
		free(c->buckets[i]);
}

void row_cache_drop(struct row_cache *c)
{
	list_init(&c->dirty);
	arena_fini(&c->memory);
	c->spare_row = NULL;
	c->spare_item = NULL;
	c->spare_location = NULL;
	map_init(&c->rows, c->buckets[0], ROW_CACHE_BUCKETS);
	map_init(&c->items, c->buckets[1], ROW_CACHE_BUCKETS);
	map_init(&c->locations, c->buckets[2], ROW_CACHE_BUCKETS);
}

void row_cache_make_room(struct row_cache *c)
{
	/*
	 * Most commands name at most two rows, and each row at most one new item and location. A
	 * group of large reservations goes beyond it; then all is dropped at the next.
	 */
	size_t need = (size_t)GROUP_COMMANDS_MAX * COMMAND_MOVEMENTS_MAX;

	CHECK(list_is_empty(&c->dirty));
	if (c->rows.count + need > ROW_CACHE_ROWS ||
	    c->items.count + c->locations.count + 2 * need > ROW_CACHE_NAMES)
		row_cache_drop(c);
}

/* What the last one left, or new memory; NULL: it is short. */
static void *spare(struct row_cache *c, void *left, size_t bytes)
{
	return left != NULL ? left : arena_alloc(&c->memory, bytes);
}

int row_cache_item(struct row_cache *c, const char *sku, struct cached_item **ret)
{
	uint64_t key = hash_bytes(sku, strlen(sku), c->seed);
	struct map_node *n = map_find(&c->items, key);

	for (; n != NULL; n = map_find_next(n)) {
		*ret = CONTAINER_OF(n, struct cached_item, node);
		if (strcmp((*ret)->item.sku.text, sku) == 0)
			return 0;
	}

	struct cached_item *found = spare(c, c->spare_item, sizeof(*found));

	if (found == NULL)
		return FAULT(-ENOMEM);
	c->spare_item = found;
	found->changed_group = 0;

	int r = c->store->ops->load_item(c->store, sku, NULL, &found->item);

	if (r < 0)
		return r;
	if (found->item.id == 0)
		code_set(&found->item.sku, sku, strlen(sku));
	else if (!item_is_sound(&found->item))
		return FAULT(-EBADMSG);
	map_insert(&c->items, &found->node, key);
	c->spare_item = NULL;
	*ret = found;
	return 0;
}

int row_cache_location(struct row_cache *c, const char *code, struct cached_location **ret)
{
	uint64_t key = hash_bytes(code, strlen(code), c->seed);
	struct map_node *n = map_find(&c->locations, key);

	for (; n != NULL; n = map_find_next(n)) {
		*ret = CONTAINER_OF(n, struct cached_location, node);
		if (strcmp((*ret)->location.code.text, code) == 0)
			return 0;
	}

	struct cached_location *found = spare(c, c->spare_location, sizeof(*found));

	if (found == NULL)
		return FAULT(-ENOMEM);
	c->spare_location = found;
	found->changed_group = 0;

	int r = c->store->ops->load_location(c->store, code, NULL, &found->location);

	if (r < 0)
		return r;
	if (found->location.id == 0)
		code_set(&found->location.code, code, strlen(code));
	else if (!location_is_sound(&found->location))
		return FAULT(-EBADMSG);
	map_insert(&c->locations, &found->node, key);
	c->spare_location = NULL;
	*ret = found;
	return 0;
}

static int load_row(struct row_cache *c, const struct row_ref *ref, struct cached_row *row)
{
	*row = (struct cached_row){ .sku = ref->sku, .location_code = ref->location };
	list_init(&row->dirty_link);

	int r = row_cache_item(c, ref->sku.text, &row->item);

	if (r < 0)
		return r;
	r = row_cache_location(c, ref->location.text, &row->location);
	if (r < 0)
		return r;
	if (row->item->item.id == 0 || row->location->location.id == 0)
		return 0;
	r = c->store->ops->load_stock(c->store, row->item->item.id, row->location->location.id,
				      &row->stock);
	if (r < 0)
		return r;
	row->loaded_seq = row->stock.seq;
	if (!stock_is_sound(&row->stock) || row->stock.seq > c->seq_max)
		return FAULT(-EBADMSG);
	return 0;
}

int row_cache_row(struct row_cache *c, const struct row_ref *ref, struct cached_row **ret)
{
	struct map_node *n = map_find(&c->rows, ref->key);

	for (; n != NULL; n = map_find_next(n)) {
		*ret = CONTAINER_OF(n, struct cached_row, node);
		if (strcmp((*ret)->sku.text, ref->sku.text) == 0 &&
		    strcmp((*ret)->location_code.text, ref->location.text) == 0)
			return 0;
	}

	struct cached_row *row = spare(c, c->spare_row, sizeof(*row));

	if (row == NULL)
		return FAULT(-ENOMEM);
	c->spare_row = row;

	int r = load_row(c, ref, row);

	if (r < 0)
		return r;
	map_insert(&c->rows, &row->node, ref->key);
	c->spare_row = NULL;
	*ret = row;
	return 0;
}

void row_cache_changed(struct row_cache *c, struct cached_row *row, const struct stock *before,
		       const struct movement *m, uint64_t group)
{
	CHECK(row->stock.version == before->version + 1);
	if (!list_is_linked(&row->dirty_link)) {
		list_push_back(&c->dirty, &row->dirty_link);
		row->base_on_hand = before->on_hand;
		row->base_reserved = before->reserved;
		row->base_version = before->version;
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

int row_cache_write(struct row_cache *c)
{
	while (!list_is_empty(&c->dirty)) {
		struct cached_row *row = CONTAINER_OF(c->dirty.next, struct cached_row, dirty_link);

		CHECK(row->base_on_hand + row->on_hand_delta == row->stock.on_hand);
		CHECK(row->base_reserved + row->reserved_delta == row->stock.reserved);
		CHECK(row->base_version + row->change_count == row->stock.version);

		int r = c->store->ops->put_stock(c->store, row->item->item.id,
						 row->location->location.id, &row->stock);

		if (r < 0)
			return r;
		CHECK(row->stock.id > 0);
		list_remove(&row->dirty_link);
	}
	return 0;
}
