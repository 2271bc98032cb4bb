/*
 * writer - the one thread that changes the store: group commit.
 *
 *     take the ready writes ──> decide each ──> pass their rows on ──┐
 *          ▲                                                        │  until nobody is ready,
 *          └────────────────────────────────────────────────────────┘  or the group closes
 *     write rows, movements, keys ──> COMMIT (one flush) ──> publish ──> answer everybody in it
 *
 * With early lock release a row passes on as soon as its change is decided, so one hot row gets
 * many changes per flush; every answer that rests on the group, a refusal too, leaves only after
 * the flush, and a failed commit fails the whole group. (DeWitt et al. 1984, "Implementation
 * Techniques for Main Memory Database Systems", section 5.2: pre-committed transactions.) With
 * `commit` a row passes on when its change is durable.
 *
 * A refusal that rests on nothing uncommitted, and that no key has to remember, leaves at once. A
 * group that wrote nothing, or whose atomic part of a batch was refused, is rolled back: no flush.
 * What the store says of the clock, when it is wrong by a second, is written by a group, too.
 */
#pragma once
#include "core/group.h"
#include "engine/decide.h"
#include "engine/feed.h"
#include "engine/log_keeper.h"
#include <stdatomic.h>

struct writer {
	struct store *store;
	struct lock_manager *locks;
	bool releases_rows_early;
	bool is_uncounted;
	int64_t slow_ns; /* 0: none */
	pthread_t thread;

	/* The thread's own. */
	struct row_cache cache;
	struct decider decider;
	struct reservation_book reservations;
	int64_t expire_not_before_ns; /* after a group that failed */
	struct group group;
	bool is_taken_back;  /* nothing of the group is to be kept: its atomic part was refused */
	bool was_taken_back; /* the one before it was */
	struct feed feed;
	struct reader *reader;    /* of what others wrote, for the feed */
	int64_t looked_ns;        /* when it was looked for that */
	struct list members;      /* work.work_link: wait for the flush */
	struct list ended_leases; /* lease.link: to be deleted from the store */
	bool has_leases;          /* those in memory are what the store had at lease_edits */
	int64_t lease_edits;
	int64_t now_ms;             /* store time of this turn; the group has its own */
	struct stored_time noted;   /* what the store says of it */
	struct stored_time to_note; /* in the open group; newest_ms 0: nothing */
	int failed_in_a_row;
	bool is_busy_logged;
	int64_t full_logged_ns; /* when the full disk was logged last; 0: it is not full */
	struct log_keeper log;
	int64_t housekept_ns;
	int64_t key_last;          /* the newest id of a key that was given out; never falls */
	int key_count;             /* of the open group */
	int64_t key_floor;         /* keys up to this id are forgotten */
	int64_t key_floor_deleted; /* and up to this id, deleted from the store */
	bool has_old_keys;         /* there is something to delete, and no trouble with it */
	enum outcome stopped_with; /* DONE: it works; else what everybody is refused with */

	/* Published for everybody. */
	atomic_int_fast64_t seq;         /* newest committed */
	atomic_uint_fast64_t generation; /* grows with each commit, before its answers leave */
	atomic_bool is_disk_full;
	atomic_bool is_store_busy;
	atomic_bool is_failing; /* the last group failed for another reason */
	atomic_bool is_damaged; /* the file is: whoever saw it has closed the lock manager */
	atomic_int_fast64_t wal_bytes;

	void (*fail)(void *context, int exit_code);
	void *fail_context;
};

/* Loads leases and keys, then starts the thread. 0 or a fault. */
int writer_open(struct writer *w, struct store *store, struct lock_manager *locks, uint64_t seed);

/* Stops the thread. Nothing may be pending. */
void writer_close(struct writer *w);
