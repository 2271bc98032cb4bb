/*
 * arena - memory that a request takes piece by piece and gives back at once.
 *
 *     struct arena a;
 *     arena_init(&a);
 *     char *copy = arena_copy(&a, text, bytes);     // NULL when memory is short
 *     arena_fini(&a);                               // everything above is gone
 *
 * Pieces are aligned for any type. Cost: a pointer bump; a malloc per ARENA_BLOCK_BYTES, and none
 * at all while the pieces fit the block inside the struct. Threads: one at a time.
 */
#pragma once
#include <stddef.h>

enum { ARENA_FIRST_BYTES = 1024, ARENA_BLOCK_BYTES = 8192 };

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first; NULL while `first` is enough */
	char *free;                 /* the next piece starts here */
	size_t free_bytes;
	_Alignas(16) char first[ARENA_FIRST_BYTES];
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);

/* `bytes` of uninitialised memory, or NULL. bytes may be 0. */
void *arena_alloc(struct arena *a, size_t bytes);

/* A copy with a NUL behind it, or NULL. */
char *arena_copy(struct arena *a, const void *bytes, size_t byte_count);
