/*
 * block - sixteen characters at once.
 *
 *     block b = block_of(text);                        // reads sixteen bytes, wherever they lie
 *     size_t at = block_first((block)(b == '&'));      // of the first ampersand; 16: there is none
 *
 * A comparison of vectors has 0xff where it holds. The compiler makes instructions of the
 * processor's of it, and where that has none, plain ones. What is done does not depend on the
 * characters: secrets may pass.
 */
#pragma once
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef unsigned char block __attribute__((vector_size(16)));

static inline block block_of(const char *bytes)
{
	block b;

	memcpy(&b, bytes, sizeof(b));
	return b;
}

/* Where the first 0xff stands; sizeof(block): there is none. */
static inline size_t block_first(block found)
{
#ifdef __SSE2__
	int bits = __builtin_ia32_pmovmskb128((__attribute__((vector_size(16))) char)found);

	return bits != 0 ? (size_t)__builtin_ctz((unsigned)bits) : sizeof(block);
#else
	uint64_t halves[2];

	memcpy(halves, &found, sizeof(halves));
	if (halves[0] != 0)
		return (size_t)__builtin_ctzll(le64toh(halves[0])) / 8;
	if (halves[1] != 0)
		return 8 + (size_t)__builtin_ctzll(le64toh(halves[1])) / 8;
	return sizeof(block);
#endif
}
