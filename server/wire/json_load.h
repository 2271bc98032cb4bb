/*
 * json_load - jansson's parser, made to bear short memory.
 *
 *     json_t *root = json_load(text, byte_count, JSON_REJECT_DUPLICATES, &error, &lacks_memory);
 *     if (root == NULL && lacks_memory) ...nothing is wrong with the text...
 *
 * By itself it calls a document invalid when it has no memory for a piece of it; and when a text
 * that it is reading cannot grow it goes on with half of it, which ends in an assertion, or behind
 * the end of a buffer. So a reserve is taken before, as large as the texts of the document can ask
 * for, and what jansson asks for is watched.
 *
 * Cost: one more allocation, of four times the text. Threads: any, each with a reserve of its own.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>

/* NULL: it cannot be read, and *error says why; or *ret_lacks_memory. error may be NULL. */
json_t *json_load(const char *text, size_t byte_count, size_t flags, json_error_t *error,
		  bool *ret_lacks_memory);
