/*
 * row_set - the rows, items and locations that a group was given, and how it has left them.
 *
 * A store fills it in when a group locks what it wants (store/group.h); decisions read and change
 * it in memory; the store writes what has changed, once. What stands here is the store's own
 * memory: pointers stay valid until the group ends, and nothing is copied.
 *
 *     r = row_set_row(&s, &ref);           NULL: it was not asked for, or its record makes no sense
 *     before = r->stock;  ...core/rules change r->stock...
 *     row_set_change(&s, r, &before, &movement, group);
 *     row_set_undo(&s);                    every row, item and location is as it was found
 *
 * A store that nobody else writes to keeps the set from one group to the next (SQLite does); one
 * that shares its rows with others fills it anew for each group: row_set_clear().
 *
 * An item or location that does not exist is here, too, with id 0. One that the open group has made
 * has an id below 0 until it is written, one of its own among those that are not written yet.
 *
 * Threads: the writer's. Memory: 300 bytes for a row; ROW_SET_ROWS of them at most, beyond which
 * row_set_make_room() drops all of it (a clock hand would keep a little more; rows that are hot
 * come back within a group or two).
 */
#pragma once
#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "core/catalogue.h"
#include "core/movement.h"

enum {
	ROW_SET_ROWS = 1 << 17,
	ROW_SET_NAMES = 1 << 17,
	ROW_SET_BUCKETS = 1 << 17,
};

struct found_item {
	struct map_node node;
	struct item item;         /* numbers and sku, as the group left them; id 0: there is none */
	uint64_t changed_group;   /* the group that changed it last; 0: none */
	struct list changed_link; /* in row_set.changed_items while that is not written */
	struct item base;         /* before the group; while changed_link is linked */
	int64_t written_id;       /* that the store gave to the one the open group made */
	uint64_t full_group;      /* the group that asked for its texts last */
	/*
	 * All of it, of full_group or of what changed it since; NULL: what is there makes no sense.
	 */
	const struct item *full;
	uint64_t use_group; /* the group that asked last whether it is in use */
	bool is_in_use;     /* it was ever stocked, or is leased, as of then */
};

struct found_location {
	struct map_node node;
	struct location location;
	uint64_t changed_group;
	struct list changed_link;
	struct location base;
	int64_t written_id;
	uint64_t full_group;
	const struct location *full;
	uint64_t use_group;
	bool is_in_use;
};

struct found_row {
	struct map_node node;
	struct code sku;
	struct code location_code;
	struct found_item *item;
	struct found_location *location;
	struct stock stock;     /* as the open group left it */
	int64_t loaded_seq;     /* its last movement when it was read from the store */
	int64_t stated_seq;     /* the newest that is known to have stated its level; 0: none */
	uint64_t changed_group; /* the group that changed it last; 0: none */
	uint64_t damaged_group; /* the group that found its history to make no sense */
	uint64_t overdue_group; /* the group in which it has more overdue than was handed out */
	struct list dirty_link; /* in row_set.dirty while it is not written */
	struct stock base;      /* before the group, for the books: base + deltas = stock; as are */
	int64_t base_stated_seq; /* these, counted only while it is dirty */
	int64_t on_hand_delta;
	int64_t reserved_delta;
	int64_t change_count;
};

struct row_set {
	uint64_t seed; /* of the hashes: row_ref.key is hash_pair(sku, location, seed) */
	size_t bucket_count;
	struct map rows;
	struct map items;
	struct map locations;
	struct list dirty;
	struct list changed_items;
	struct list changed_locations;
	int64_t made_last; /* the id that the open group has given last: 0, or below */
	struct arena memory;
	/* Memory for the next one: of what could not be loaded, so that asking again costs none. */
	struct found_row *spare_row;
	struct found_item *spare_item;
	struct found_location *spare_location;
	struct map_node **buckets[3];
};

int row_set_init(struct row_set *s, uint64_t seed);
/* Of a set that is cleared for each group. bucket_count: a power of two. */
int row_set_init_small(struct row_set *s, uint64_t seed, size_t bucket_count);
void row_set_fini(struct row_set *s);

/* Forgets everything; what is dirty is lost. O(buckets). */
void row_set_clear(struct row_set *s);

/* Clears it if the next group might not fit. Nothing may be dirty. */
void row_set_make_room(struct row_set *s);

/* ------------------------------------------------------------------ for who decides */

/* NULL: it was not asked for, or what the store has of it makes no sense (-EBADMSG). */
struct found_row *row_set_row(const struct row_set *s, const struct row_ref *ref);
struct found_item *row_set_item(const struct row_set *s, const char *sku);
struct found_location *row_set_location(const struct row_set *s, const char *code);

/* Books the movement that changed the row's `stock`. before: as it stood. */
void row_set_change(struct row_set *s, struct found_row *row, const struct stock *before,
		    const struct movement *m, uint64_t group);
/*
 * From now on the item is `now`, as far as this group goes; `now` and its texts must last as long
 * as the group. An id of 0 in one that was not there is replaced by one below 0. now.id 0 with a
 * version of 0: it is deleted.
 */
void row_set_change_item(struct row_set *s, struct found_item *item, struct item *now,
			 uint64_t group);
void row_set_change_location(struct row_set *s, struct found_location *location,
			     struct location *now, uint64_t group);

/* Has the open group changed a row of this item, or of this location? O(rows it has changed). */
bool row_set_has_stocked_item(const struct row_set *s, const struct found_item *item);
bool row_set_has_stocked_location(const struct row_set *s, const struct found_location *location);

/* Takes back all that the open group has changed. */
void row_set_undo(struct row_set *s);

/* ------------------------------------------------------------------ for who fills it in */

/*
 * A place for one that is not there yet: to be filled in, and then added. NULL: memory is short.
 * Until it is added the same place is handed out again.
 */
struct found_row *row_set_new_row(struct row_set *s, const struct row_ref *ref);
struct found_item *row_set_new_item(struct row_set *s, const char *sku);
struct found_location *row_set_new_location(struct row_set *s, const char *code);
void row_set_add_row(struct row_set *s, struct found_row *row, uint64_t key);
void row_set_add_item(struct row_set *s, struct found_item *item);
void row_set_add_location(struct row_set *s, struct found_location *location);

/*
 * CHECKs that the sums of a dirty row add up, before it is written; and says that a row, an item,
 * a location is written: it is as it stands now.
 */
void row_set_check_sums(const struct found_row *row);
void row_set_is_written(struct found_row *row);
void row_set_is_written_item(struct found_item *item);
void row_set_is_written_location(struct found_location *location);
