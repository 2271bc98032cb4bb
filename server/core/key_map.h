/*
 * key_map - which idempotency keys have been used lately: hash of the key -> id of its record.
 *
 * An index on the keys in the store would cost three quarters of its write rate, so the store keeps
 * records in arrival order and the keys are found here: an open-addressed table (linear probing,
 * tombstone-free deletion by shifting back: Knuth, TAOCP 3, 6.4 R) that forgets the oldest record
 * when it is full. Several records may share a hash: the caller compares the full key.
 *
 *     for (id = key_map_find(&m, hash, 0); id != 0; id = key_map_find(&m, hash, id)) ...
 *
 * Ids rise; the caller brings the memory: 16 bytes for each of `slot_count` slots (a power of two,
 * at most half of them are used). Threads: none inside. Cost: O(1).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_slot {
	uint64_t hash;
	int64_t id; /* 0: free */
};

struct key_map {
	struct key_slot *slots;
	size_t slot_count;
	size_t used_count;
};

/* The slots must be zero (fresh pages are: so an empty map of any size costs no memory). */
void key_map_init(struct key_map *m, struct key_slot slots[], size_t slot_count);

/* Half of the slots are used: somebody must be removed before the next one is added. */
bool key_map_is_full(const struct key_map *m);

/* Adds a record; the map must not be full. id > 0. */
void key_map_add(struct key_map *m, uint64_t hash, int64_t id);

/* The newest record with this hash whose id is below `below` (0: any), or 0. */
int64_t key_map_find(const struct key_map *m, uint64_t hash, int64_t below);

/* Removes one record; harmless when it is not there. */
void key_map_remove(struct key_map *m, uint64_t hash, int64_t id);

/*
 * Removes the records up to id_last among the next `visit_count` slots from *at on, and moves *at
 * forward: forgetting old records a little at a time.
 */
void key_map_sweep(struct key_map *m, size_t *at, size_t visit_count, int64_t id_last);
