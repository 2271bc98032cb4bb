/*
 * map - a hash table of things that carry their own link, keyed by a 64-bit hash.
 *
 *     struct row { struct map_node node; ... };
 *     map_insert(&m, &row->node, key);
 *     for (struct map_node *n = map_find(&m, key); n != NULL; n = map_find_next(n))
 *             if (is_the_one(CONTAINER_OF(n, struct row, node))) ...
 *
 * Keys need not be unique: whoever hashes longer names compares them itself. The caller brings the
 * buckets (a power of two), so nothing is allocated here and nothing ever moves.
 *
 * Cost: O(1) while there are not many more nodes than buckets. Threads: none inside.
 */
#pragma once
#include "base/check.h"
#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint64_t key;
};

struct map {
	struct map_node **buckets;
	uint64_t bucket_mask;
	size_t count;
};

static inline void map_init(struct map *m, struct map_node *buckets[], size_t bucket_count)
{
	CHECK(bucket_count > 0);
	CHECK((bucket_count & (bucket_count - 1)) == 0);
	for (size_t i = 0; i < bucket_count; i++)
		buckets[i] = NULL;
	*m = (struct map){ .buckets = buckets, .bucket_mask = bucket_count - 1 };
}

/* Fibonacci hashing: neighbouring keys land far apart (Knuth, TAOCP 3, 6.4). */
static inline struct map_node **map_bucket(const struct map *m, uint64_t key)
{
	return &m->buckets[((key * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & m->bucket_mask];
}

static inline void map_insert(struct map *m, struct map_node *n, uint64_t key)
{
	struct map_node **bucket = map_bucket(m, key);

	n->key = key;
	n->next = *bucket;
	*bucket = n;
	m->count++;
}

static inline struct map_node *map_find(const struct map *m, uint64_t key)
{
	struct map_node *n = *map_bucket(m, key);

	while (n != NULL && n->key != key)
		n = n->next;
	return n;
}

/* The next node with the same key, or NULL. */
static inline struct map_node *map_find_next(const struct map_node *n)
{
	uint64_t key = n->key;

	do {
		n = n->next;
	} while (n != NULL && n->key != key);
	return (struct map_node *)n;
}

/* The node must be in the map. */
static inline void map_remove(struct map *m, struct map_node *n)
{
	struct map_node **at = map_bucket(m, n->key);

	while (*at != n) {
		CHECK(*at != NULL);
		at = &(*at)->next;
	}
	*at = n->next;
	n->next = NULL;
	m->count--;
}
