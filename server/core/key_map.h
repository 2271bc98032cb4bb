/*
 * key_map - which idempotency keys have been used lately: hash of the key -> id of its record.
 *
 * An index on the keys in the store would cost three quarters of its write rate, so the store keeps
 * records in arrival order and the keys are found here: an open-addressed table (linear probing,
 * tombstone-free deletion by shifting back: Knuth, TAOCP 3, 6.4 R). Several records may share a
 * hash: the caller compares the full key.
 *
 *     for (id = key_map_find(&m, hash, 0); id != 0; id = key_map_find(&m, hash, id)) ...
 *
 * A slot has 32 bits of the hash and the id modulo 2^32 - 1, so that four million keys fit into
 * 64 MiB: of a thousand keys that are new, one is told to look at a record that is another's. Ids
 * rise, and what is more than 2^32 - 2 older than the newest must have been removed.
 *
 * The caller brings the memory: 8 bytes for each of `slot_count` slots (a power of two, at most
 * half of them are used), and a larger piece when it is full. Threads: none inside. Cost: O(1).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_slot {
	uint32_t tag; /* the low bits of the hash */
	uint32_t id;  /* id % (2^32 - 1) + 1; 0: free */
};

struct key_map {
	struct key_slot *slots;
	size_t slot_count;
	size_t used_count;
	int64_t newest; /* the newest id that was added; 0: none was */
};

/* The slots must be zero (fresh pages are: so an empty map of any size costs no memory). */
void key_map_init(struct key_map *m, struct key_slot slots[], size_t slot_count);

/* All records of `from` into an empty map with more slots. O(slots of `from`). */
void key_map_copy(struct key_map *m, const struct key_map *from);

/* Half of the slots are used: it must be copied into a larger one before the next one is added. */
bool key_map_is_full(const struct key_map *m);

/* Adds a record; the map must not be full. The id must be above all before it, and below 2^62. */
void key_map_add(struct key_map *m, uint64_t hash, int64_t id);

/* The newest record with this hash whose id is below `below` (0: any), or 0. */
int64_t key_map_find(const struct key_map *m, uint64_t hash, int64_t below);

/* This hash will be asked for soon: its place comes into the cache meanwhile. Changes nothing. */
static inline void key_map_expect(const struct key_map *m, uint64_t hash)
{
	__builtin_prefetch(&m->slots[(uint32_t)hash & (m->slot_count - 1)]);
}

/* Removes one record; harmless when it is not there. */
void key_map_remove(struct key_map *m, uint64_t hash, int64_t id);

/*
 * Removes the records up to id_last among the next `visit_count` slots from *at on, and moves *at
 * forward: forgetting old records a little at a time.
 */
void key_map_sweep(struct key_map *m, size_t *at, size_t visit_count, int64_t id_last);
