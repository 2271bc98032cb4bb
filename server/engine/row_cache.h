/*
 * row_cache - what the writer knows of the store: rows, items and locations as its open group left
 * them.
 *
 * The writer is the only one who changes the store, so what it once read stays true until it
 * changes it itself; begin() tells when another program wrote, and then all of this is dropped, as
 * it is after a group that failed. A row is read once, changed in memory by every command of the
 * group, and written once.
 *
 * Bounded: when it is nearly full at the start of a group, all of it is dropped (a clock hand would
 * keep a little more; rows that are hot come back within a group or two).
 *
 * Threads: the writer only. Memory: about ROW_CACHE_ROWS * 300 bytes when full.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "store/store.h"

enum {
	ROW_CACHE_ROWS = 1 << 17,
	ROW_CACHE_NAMES = 1 << 17,
	ROW_CACHE_BUCKETS = 1 << 17,
};

struct cached_item {
	struct map_node node;
	struct item item;       /* numbers only; id 0: there is no such item */
	uint64_t changed_group; /* the group that changed it last; 0: none */
};

struct cached_location {
	struct map_node node;
	struct location location;
	uint64_t changed_group;
};

struct cached_row {
	struct map_node node;
	struct code sku;
	struct code location_code;
	struct cached_item *item;
	struct cached_location *location;
	struct stock stock;     /* as the open group left it */
	int64_t loaded_seq;     /* its last movement when it was read from the store */
	int64_t stated_seq;     /* the newest since then that stated its level; 0: none */
	uint64_t changed_group; /* the group that changed it last; 0: none */
	struct list dirty_link; /* in row_cache.dirty while it is not written */
	int64_t base_on_hand;   /* before the group, for the books: base + deltas = on_hand */
	int64_t base_reserved;
	int64_t base_version;
	int64_t on_hand_delta; /* of the group so far */
	int64_t reserved_delta;
	int64_t change_count;
};

struct row_cache {
	struct store *store;
	uint64_t seed;
	/* Of the ledger: a row that was changed by a later movement makes no sense. */
	int64_t seq_max;
	struct map rows;
	struct map items;
	struct map locations;
	struct list dirty;
	struct arena memory;
	/* Memory for the next one: of what could not be loaded, so that asking again costs none. */
	struct cached_row *spare_row;
	struct cached_item *spare_item;
	struct cached_location *spare_location;
	struct map_node **buckets[3];
};

int row_cache_init(struct row_cache *c, struct store *store, uint64_t seed);
void row_cache_fini(struct row_cache *c);

/* Forgets everything; what is dirty is lost. */
void row_cache_drop(struct row_cache *c);

/* Drops everything if the next group might not fit. Nothing may be dirty. */
void row_cache_make_room(struct row_cache *c);

/*
 * Each reads from the store what is not known yet. 0 or a fault; -EBADMSG: what is there makes no
 * sense. That is not remembered: it may have been mended when it is asked for again.
 */
int row_cache_row(struct row_cache *c, const struct row_ref *ref, struct cached_row **ret);
int row_cache_item(struct row_cache *c, const char *sku, struct cached_item **ret);
int row_cache_location(struct row_cache *c, const char *code, struct cached_location **ret);

/* Books the movement that changed the row's `stock`. before: as it stood. */
void row_cache_changed(struct row_cache *c, struct cached_row *row, const struct stock *before,
		       const struct movement *m, uint64_t group);

/* Writes every dirty row, once; CHECKs that its sums add up. 0 or a fault. */
int row_cache_write(struct row_cache *c);
