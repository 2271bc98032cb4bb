/*
 * stock - how many units of one item lie at one location.
 *
 * The pair (sku, location) is called a row. Its `version` grows by one with each change; every
 * change is one movement in the ledger, and the sum of a row's movements is the row.
 */
#pragma once
#include "core/limits.h"
#include <stdbool.h>
#include <stddef.h>

/* A sku, or the code of a location. NUL-terminated. */
struct code {
	char text[CODE_BYTES_MAX + 1];
};

/* Names a row. Names need not exist yet. */
struct row_ref {
	uint64_t key; /* hash_pair(sku, location); what claims queue by */
	struct code sku;
	struct code location;
};

struct stock {
	int64_t id;            /* in the store; 0: never stocked */
	int64_t on_hand;       /* units on the shelf; below 0 only as a backorder */
	int64_t reserved;      /* of those, units promised to active reservations; >= 0 */
	int64_t version;       /* 0: never changed, all else is 0 too */
	int64_t seq;           /* its last movement; 0: none */
	int64_t updated_at_ms; /* UTC; 0: never */
};

/*
 * Of a row, a movement or a sum as it is, which a hand may have typed in past the guards: what does
 * not fit into 64 bits wraps, and is no sound row's.
 */
static inline int64_t units_available(int64_t on_hand, int64_t reserved)
{
	return (int64_t)((uint64_t)on_hand - (uint64_t)reserved);
}

static inline int64_t stock_available(const struct stock *s)
{
	return units_available(s->on_hand, s->reserved);
}

/* No version or seq comes near it: whatever is counted on from there does not overflow. */
#define VERSION_MAX (INT64_MAX / 2)

/* Everything that is true of a row at rest. */
bool stock_is_sound(const struct stock *s);

/* Is this 1 to CODE_BYTES_MAX of A-Z a-z 0-9 . _ : - with a letter or digit first? */
bool code_is_valid(const char *text, size_t bytes);

/* Copies a valid code; returns false, and writes nothing, when it is not valid. */
bool code_set(struct code *c, const char *text, size_t bytes);
