/*
 * key_book - which idempotency keys were used, are in use, or nobody knows whether they were.
 *
 *                     queued                    its group is kept
 *            FREE ─────────────> IN FLIGHT ─────────────────────────> USED ──────> FORGOTTEN
 *             ▲                   │     │                                old, many    │
 *             │  withdrawn, or    │     │  the flush of its group failed              │
 *             └── refused and ────┘     └──────────────────> UNKNOWN                  │ queued
 *                 not recorded                        as long as the process lives    ▼
 *                                                                        as if it were FREE
 *
 * A key is one of its token: others may have one of the same text, and the hash knows them apart.
 *
 * A key in flight is shared by whoever brings it again with the same request; one that was used is
 * looked up in the store by the id that is found here (a hash may be another key's: the record
 * tells); what is unknown is said to be that. One that is used again when it was forgotten has two
 * records, of which the newer one is found first.
 *
 * One guard protects the keys that were used, those in flight, and the queues. It is the lock
 * manager's, so that a key is in flight in the same moment in which its work is queued, and is
 * remembered before it leaves. Nobody who holds the guard can find a key in neither place:
 *
 *     a work is queued      asked for and entered in one go, under the guard
 *     its group is kept     key_book_add(), then the lock manager finishes it and calls
 *                           key_book_leave_locked()
 *     it is not kept        key_book_keep_unknown() first, which it never leaves
 *
 * The keys are found by core/key_map.h; ids rise in the order of commits, so what is too old or too
 * many is everything up to one id, and the store deletes by it, too, a slice at a time.
 *
 * Threads: *_locked with the guard held, any thread; key_book_look_up() and _is_unknown() take it
 * themselves; all below "the writer" is for the writer's thread. Only the writer changes the map of
 * used keys, and so reads it without the guard. Nothing is allocated while it is held.
 */
#pragma once
#include "core/key_map.h"
#include "engine/work.h"
#include "store/group.h"

enum {
	KEYS_IN_FLIGHT_BUCKETS = 1 << 14,
	KEY_SLOTS_AT_FIRST = 1 << 12,
	/* At most half of them used: room for KEYS_MAX, and for those not swept yet. */
	KEY_SLOTS = 1 << 23,
	KEY_SWEEP_SLOTS = 64, /* looked at for each new key */
	KEY_EPOCHS = KEY_AGE_H_MAX * 60 + 2,
};
_Static_assert(KEYS_MAX <= KEY_SLOTS / 2, "the key map holds every remembered key");

/* Up to which id the keys were used by a minute: what is older than KEY_AGE_H_MAX is forgotten. */
struct key_epoch {
	int64_t at_ms;
	int64_t id_last;
};

struct key_book {
	struct guard *guard; /* the lock manager's */

	/* All below is guarded by it. */
	struct map in_flight; /* work.key_node */
	struct map_node *buckets[KEYS_IN_FLIGHT_BUCKETS];
	struct list unknown; /* work.unknown_link: of a group whose flush failed, with a key */
	struct key_map used; /* the writer's: others look under the guard */
	int64_t floor;       /* ids up to here are forgotten */
	int64_t newest;
	struct key_epoch epochs[KEY_EPOCHS]; /* a ring, oldest at epoch_first */
	int epoch_first;
	int epoch_count;
	size_t sweep_at;

	/* The writer's own. */
	int64_t id_last;       /* the newest that was given out; never falls */
	int64_t old_floor;     /* those up to this id are to be deleted from the store */
	int64_t deleted_floor; /* and up to this id, they are */
	bool has_old;          /* there is something to delete, and no trouble with it */
};

/* guard: need not be initialised yet. 0 or a fault. */
int key_book_init(struct key_book *b, struct guard *guard);

/* Nothing is in flight any more. */
void key_book_fini(struct key_book *b);

/* ---------------------------------------------------------------- loops */

enum key_state {
	KEY_FREE,      /* nobody has used it, as far as is remembered */
	KEY_IN_FLIGHT, /* the same request is under way: ret_first */
	KEY_REUSED,    /* another request with this key is under way, or unknown */
	KEY_UNKNOWN,   /* the same request may have taken effect: nobody knows */
	KEY_LOOK_UP,   /* a record may be the key's: compare record search->id, then ask again */
};

/* What is known of w's key. */
enum key_state key_book_ask_locked(struct key_book *b, const struct work *w,
				   struct key_search *search, struct work **ret_first);

/* The answer of a work whose key is KEY_REUSED or KEY_UNKNOWN. */
void key_book_refuse(struct work *w, enum key_state state);

/* The key is in flight from now on; ask first. */
void key_book_enter_locked(struct key_book *b, struct work *w);

/* The work is done or withdrawn; harmless where its key never was in flight, or is unknown. */
void key_book_leave_locked(struct key_book *b, struct work *w);

/* How many are remembered. */
int64_t key_book_count_locked(const struct key_book *b);

/*
 * The next record that may be the key's, for a work that does not queue by itself: search->id.
 * False: there is none (left).
 */
bool key_book_look_up(struct key_book *b, uint64_t key_hash, struct key_search *search);

/* KEY_UNKNOWN, or KEY_REUSED of an unknown one; else KEY_FREE, whatever is in flight or used. */
enum key_state key_book_ask_unknown(struct key_book *b, const struct work *w);

/* ---------------------------------------------------------------- the writer */

/*
 * Reads the keys of the last day before newest_ms from the store. What has grown old while nobody
 * ran is forgotten minute by minute, as always, and not at once because of what a clock says at the
 * start. None of them: all that there are are too old. key_book_pass_id() comes first. 0 or a
 * fault.
 */
int key_book_load(struct key_book *b, struct store_writer *w, int64_t newest_ms);

/* The id of the next record. What is not kept leaves a gap. */
int64_t key_book_give_id(struct key_book *b);

/* Somebody may have typed a key with an id of their own; ours do not fall for those deleted. */
void key_book_pass_id(struct key_book *b, int64_t newest);

/*
 * Before a group with `count` keys is committed: afterwards there must be no way to fail. 0, or a
 * fault: memory is short.
 */
int key_book_make_room(struct key_book *b, int count);

/* The id of the one that was remembered last; 0: none was. The writer only, who alone adds. */
static inline int64_t key_book_newest(const struct key_book *b)
{
	return b->newest;
}

/* Remembers a key of a committed group; there is room. Ids rise. */
void key_book_add(struct key_book *b, uint64_t key_hash, int64_t id, int64_t at_ms);

/*
 * Nobody knows whether this group was kept: for as long as the process lives, whoever sends one of
 * its keys again is told just that. Before they are finished; takes a hold on those with a key.
 */
void key_book_keep_unknown(struct key_book *b, struct list *works);

/*
 * Once in a while: forgets keys that are too many or too old, one minute's at most at a time, and
 * sets has_old if there are any to delete from the store.
 */
void key_book_forget(struct key_book *b, int64_t now_ms);

/*
 * Adds to what a group does that at most `count` forgotten keys are deleted from the store; and
 * says that it has been written.
 */
void key_book_delete_old(const struct key_book *b, int count, struct effects *effects);
void key_book_old_are_deleted(struct key_book *b, const struct effects *effects);
