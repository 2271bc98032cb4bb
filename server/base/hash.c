#include "base/hash.h"
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_bytes(const void *bytes, size_t byte_count, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes, byte_count, seed);
}

uint64_t hash_numbers(const int64_t numbers[], size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++)
		seed = XXH3_64bits_withSeed(&numbers[i], sizeof(numbers[i]), seed);
	return seed;
}

uint64_t hash_pair(const char *a, const char *b, uint64_t seed)
{
	uint64_t first = XXH3_64bits_withSeed(a, strlen(a), seed);

	return XXH3_64bits_withSeed(b, strlen(b), first);
}
