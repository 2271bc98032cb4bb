/*
 * known_rows - under which numbers stock rows were found lately, by their names.
 *
 *     const struct known_row *k = known_rows_find(&rows, sku, location);
 *     if (k != NULL && k->seen == seen)  ...nothing was changed since: k->id is it...
 *     else if (k != NULL)                ...read k->id, if it still bears these names...
 *     else                               ...look for it by its names...
 *     known_rows_keep(&rows, sku, location, id, seen);
 *
 * Nothing here is ever true by itself: `seen` is the state of the store in which the number was
 * read together with the names, and whoever finds the store in another one has to look again.
 *
 * Places are few, two for each hash; the newer row takes the place of the one that was kept before
 * the other. Long names are not kept.
 *
 * Threads: none inside. Cost: a hash of the names and a cache line or two; no allocation.
 */
#pragma once
#include <stdint.h>

enum {
	KNOWN_ROWS = 4096,          /* a power of two: 256 KiB */
	KNOWN_ROW_NAMES_BYTES = 50, /* of both together */
};

struct known_row {
	int64_t id; /* 0: this place is free */
	uint32_t seen;
	uint8_t sku_bytes;
	uint8_t location_bytes;
	char names[KNOWN_ROW_NAMES_BYTES]; /* the sku, then the location */
};

struct known_rows {
	struct known_row rows[KNOWN_ROWS];
};

/* NULL: it is not known. Valid until the next one is kept. */
const struct known_row *known_rows_find(struct known_rows *k, const char *sku,
					const char *location);

/* id > 0. */
void known_rows_keep(struct known_rows *k, const char *sku, const char *location, int64_t id,
		     uint32_t seen);
