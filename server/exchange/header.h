/*
 * header - the headers of a request, as they came: names in any case, in their order.
 *
 * Threads: none inside. Texts are kept by reference.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct header {
	const char *name;
	const char *value;
};

/*
 * One bit for a name: of its length and its first letter, in any case. A request's headers leave
 * their bits in a mark, and most of those that are asked for are not there: that is then known
 * without looking at any. Of a literal name the compiler knows the bit.
 */
static inline uint64_t header_mark(const char *name, size_t byte_count)
{
	return UINT64_C(1) << (((unsigned)(name[0] & 0x1f) * 3 + byte_count) & 63);
}

/* The first value under this name (any case), or NULL. */
const char *header_find(const struct header headers[], int count, const char *name);

/* How often the name occurs. */
int header_times(const struct header headers[], int count, const char *name);

/* Did a proxy pass it on? Forwarded, Via, X-Forwarded-*, in any case of letters. */
bool headers_are_forwarded(const struct header headers[], int count);
