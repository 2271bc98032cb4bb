/*
 * hash - 64-bit hashes of names and bytes (XXH3, from libxxhash's header).
 *
 * Row keys are hashed with a seed drawn at start, so that nobody can choose names that collide;
 * fingerprints that are stored use seed 0. A collision of row keys only makes two rows wait for
 * each other; a collision of stored hashes is found by comparing the full text.
 *
 * Cost: about 10 ns for a name. Threads: none inside, no state but the caller's seed.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t byte_count, uint64_t seed);

/*
 * Each number, as its eight bytes in memory, hashed with the hash so far as its seed: what
 * hash_bytes() would say of one after the other, in a third of the time.
 */
uint64_t hash_numbers(const int64_t numbers[], size_t count, uint64_t seed);

/* The hash of two texts; ("ab", "c") and ("a", "bc") differ. */
uint64_t hash_pair(const char *a, const char *b, uint64_t seed);
