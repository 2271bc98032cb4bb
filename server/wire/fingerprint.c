#include "wire/fingerprint.h"
#include "base/check.h"
#include "base/hash.h"
#include <string.h>

/* Each piece is hashed with the hash so far as its seed: ("ab", "c") and ("a", "bc") differ. */
static uint64_t add_text(uint64_t hash, const char *s)
{
	return s == NULL ? hash_bytes("", 0, hash + 1) : hash_bytes(s, strlen(s), hash);
}

static uint64_t add_number(uint64_t hash, int64_t n)
{
	return hash_numbers(&n, 1, hash);
}

static uint64_t add_condition(uint64_t hash, const struct command *c)
{
	const int64_t numbers[] = {
		c->condition.has_version | c->condition.has_on_hand << 1 |
			c->condition.must_exist << 2 | c->is_create_only << 3 | c->is_up_to << 4,
		c->condition.version,
		c->condition.on_hand,
	};

	return hash_numbers(numbers, LENGTH_OF(numbers), hash);
}

static uint64_t add_rows(uint64_t hash, const struct command *c)
{
	for (int i = 0; i < c->row_count; i++) {
		hash = add_text(hash, c->rows[i].sku.text);
		hash = add_text(hash, c->rows[i].location.text);
	}
	return add_number(hash, c->row_count);
}

static uint64_t add_catalogue(uint64_t hash, const struct command *c)
{
	const int64_t numbers[] = {
		c->item.backorder_limit,
		c->item.has_reorder_point ? c->item.reorder_point : -1,
		c->item.is_archived,
	};

	hash = add_text(hash, c->item.sku.text);
	hash = add_text(hash, c->item.name);
	hash = add_text(hash, c->item.unit);
	hash = add_text(hash, c->item.attributes);
	hash = hash_numbers(numbers, LENGTH_OF(numbers), hash);
	hash = add_text(hash, c->location.code.text);
	hash = add_text(hash, c->location.name);
	return add_number(hash, c->location.is_archived);
}

static uint64_t add_leases(uint64_t hash, const struct command *c)
{
	for (int i = 0; i < c->fence_count; i++) {
		hash = add_text(hash, c->fence_ids[i]);
		hash = add_number(hash, c->fences[i]);
	}
	hash = add_text(hash, c->lease_id);
	hash = add_text(hash, c->purpose);
	return add_number(hash, c->ttl_ms);
}

static uint64_t add_reservation(uint64_t hash, const struct command *c)
{
	hash = hash_numbers(c->quantities, (size_t)c->row_count, hash);
	hash = add_text(hash, c->reservation_id);
	hash = add_text(hash, c->owner);
	return add_text(hash, c->supersedes);
}

uint64_t request_fingerprint(const char *method, const char *route, const struct command *c)
{
	uint64_t hash = add_text(add_text(0, method), route);

	const int64_t numbers[] = { c->kind, c->quantity };

	hash = hash_numbers(numbers, LENGTH_OF(numbers), hash);
	hash = add_text(hash, c->reason);
	hash = add_text(hash, c->reference);
	hash = add_condition(hash, c);
	hash = add_rows(hash, c);
	hash = add_catalogue(hash, c);
	if (c->kind == COMMAND_COUNT)
		hash = add_number(hash, c->past.as_of_seq);
	if (c->kind == COMMAND_ITEM_PATCH || c->kind == COMMAND_LOCATION_PATCH)
		hash = add_number(hash, c->patched | (c->creates ? 1u << 31 : 0));
	if (command_is_of_reservation(c->kind))
		hash = add_reservation(hash, c);
	if (c->note != NULL) /* without one it is what earlier releases made of it */
		hash = add_text(hash, c->note);
	return add_leases(hash, c);
}
