#include "wire/json_load.h"
#include "base/check.h"
#include <stdlib.h>

enum {
	TEXT_FIRST_BYTES = 16, /* of jansson's strbuffer, which doubles */
	ALIGN = 16,
};

static _Thread_local struct {
	char *begin; /* NULL: no document is being read */
	size_t byte_count;
	size_t used;
	bool lacks_memory;
} reserve;

static bool is_of_reserve(const void *memory)
{
	const char *at = memory;

	return reserve.begin != NULL && at >= reserve.begin &&
	       at < reserve.begin + reserve.byte_count;
}

static void *reserve_take(size_t bytes)
{
	void *memory = reserve.begin + reserve.used;

	bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
	if (reserve.begin == NULL || bytes > reserve.byte_count - reserve.used)
		return NULL;
	reserve.used += bytes;
	return memory;
}

static bool may_be_growing_text(size_t bytes)
{
	return bytes > TEXT_FIRST_BYTES && (bytes & (bytes - 1)) == 0;
}

/*
 * Once memory was short only a text that grows still gets some: everything else is what jansson
 * bears, and ends the reading.
 */
static void *allocate(size_t bytes)
{
	void *memory = NULL;

	if (!reserve.lacks_memory)
		memory = malloc(bytes);
	if (memory != NULL)
		return memory;
	reserve.lacks_memory = true;
	return may_be_growing_text(bytes) ? reserve_take(bytes) : NULL;
}

static void release(void *memory)
{
	if (!is_of_reserve(memory))
		free(memory);
}

/* Before any thread is there: jansson's functions are everybody's. */
__attribute__((constructor)) static void watch_jansson(void)
{
	json_set_alloc_funcs(allocate, release);
}

json_t *json_load(const char *text, size_t byte_count, size_t flags, json_error_t *error,
		  bool *ret_lacks_memory)
{
	json_t *root = NULL;

	CHECK(reserve.begin == NULL);
	reserve.byte_count = 4 * (byte_count + TEXT_FIRST_BYTES);
	reserve.begin = malloc(reserve.byte_count);
	reserve.used = 0;
	reserve.lacks_memory = reserve.begin == NULL;
	if (!reserve.lacks_memory)
		root = json_loadb(text, byte_count, flags, error);
	*ret_lacks_memory = reserve.lacks_memory;
	if (root != NULL && reserve.lacks_memory) {
		json_decref(root); /* a piece of it may lie in the reserve */
		root = NULL;
	}
	free(reserve.begin);
	reserve.begin = NULL;
	reserve.lacks_memory = false;
	return root;
}
