#include "base/arena.h"
#include "base/check.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_ALIGN = 16 };

struct arena_block {
	struct arena_block *older;
	_Alignas(ARENA_ALIGN) char bytes[];
};

void arena_init(struct arena *a)
{
	a->blocks = NULL;
	a->free = a->first;
	a->free_bytes = sizeof(a->first);
}

void arena_fini(struct arena *a)
{
	while (a->blocks != NULL) {
		struct arena_block *older = a->blocks->older;

		free(a->blocks);
		a->blocks = older;
	}
	arena_init(a);
}

static bool arena_grow(struct arena *a, size_t bytes)
{
	size_t block_bytes = bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES;
	struct arena_block *block = malloc(sizeof(*block) + block_bytes);

	if (block == NULL)
		return false;
	block->older = a->blocks;
	a->blocks = block;
	a->free = block->bytes;
	a->free_bytes = block_bytes;
	return true;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	if (bytes > a->free_bytes && !arena_grow(a, bytes))
		return NULL;

	void *piece = a->free;

	a->free += bytes;
	a->free_bytes -= bytes;
	return piece;
}

char *arena_copy(struct arena *a, const void *bytes, size_t byte_count)
{
	char *copy = arena_alloc(a, byte_count + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, bytes, byte_count);
	copy[byte_count] = '\0';
	return copy;
}
