#include "store/known_rows.h"
#include "base/check.h"
#include "base/hash.h"
#include <string.h>

_Static_assert(sizeof(struct known_row) == 64, "a row is a cache line");
_Static_assert((KNOWN_ROWS & (KNOWN_ROWS - 1)) == 0, "places are counted by bits");

/* Both names, with their lengths, as they are kept. */
struct names {
	const char *sku;
	const char *location;
	size_t sku_bytes;
	size_t location_bytes;
};

static struct names names_of(const char *sku, const char *location)
{
	return (struct names){ .sku = sku,
			       .location = location,
			       .sku_bytes = strlen(sku),
			       .location_bytes = strlen(location) };
}

/* The first one of its two places. */
static struct known_row *places_of(struct known_rows *k, const struct names *n)
{
	return &k->rows[hash_pair(n->sku, n->location, 0) & (KNOWN_ROWS - 2)];
}

static bool is_named(const struct known_row *row, const struct names *n)
{
	return row->id != 0 && row->sku_bytes == n->sku_bytes &&
	       row->location_bytes == n->location_bytes &&
	       memcmp(row->names, n->sku, n->sku_bytes) == 0 &&
	       memcmp(row->names + n->sku_bytes, n->location, n->location_bytes) == 0;
}

const struct known_row *known_rows_find(struct known_rows *k, const char *sku, const char *location)
{
	struct names n = names_of(sku, location);
	struct known_row *two = places_of(k, &n);

	CHECK(two + 1 < k->rows + KNOWN_ROWS);
	if (is_named(&two[0], &n))
		return &two[0];
	return is_named(&two[1], &n) ? &two[1] : NULL;
}

void known_rows_keep(struct known_rows *k, const char *sku, const char *location, int64_t id,
		     uint32_t seen)
{
	struct names n = names_of(sku, location);
	struct known_row *two = places_of(k, &n);

	CHECK(id > 0);
	CHECK(two + 1 < k->rows + KNOWN_ROWS);
	if (n.sku_bytes + n.location_bytes > KNOWN_ROW_NAMES_BYTES)
		return;
	/* The newest stands first. */
	if (!is_named(&two[0], &n))
		two[1] = two[0];
	two[0] = (struct known_row){ .id = id,
				     .seen = seen,
				     .sku_bytes = (uint8_t)n.sku_bytes,
				     .location_bytes = (uint8_t)n.location_bytes };
	memcpy(two[0].names, n.sku, n.sku_bytes);
	memcpy(two[0].names + n.sku_bytes, n.location, n.location_bytes);
}
