/*
 * lock_manager - the lock table, the leases, the keys and the ready queue under one guard.
 *
 * Loops bring writes in and take them out again when their time is up; the writer takes those that
 * own their rows, and gives the rows back. Everything here is short: no store, no disk, no memory
 * is asked for while the guard is held (a lease's memory is brought along).
 *
 * Threads: *_enter, *_withdraw, *_recall and the views from any thread; all that the writer does
 * from the writer thread only.
 */
#pragma once
#include "core/key_map.h"
#include "engine/lease_book.h"
#include "engine/service.h"
#include "engine/store_time.h"

enum {
	KEYS_IN_FLIGHT_BUCKETS = 1 << 14,
	KEY_SLOTS_AT_FIRST = 1 << 12,
	KEY_SLOTS = 1 << 23,  /* at most half of them used: room for KEYS_MAX, and for those not
				 swept yet */
	KEY_SWEEP_SLOTS = 64, /* looked at for each new key */
	KEY_EPOCHS = KEY_AGE_H_MAX * 60 + 2,
	READY_SLICE = 256, /* ready writes that are looked at while the guard is held */
};
_Static_assert(KEYS_MAX <= KEY_SLOTS / 2, "the key map holds every remembered key");

/* Up to which id the keys were used by a minute: what is older than KEY_AGE_H_MAX is forgotten. */
struct key_epoch {
	int64_t at_ms;
	int64_t id_last;
};

struct lock_manager {
	struct guard guard;
	struct signal_flag wake; /* the writer sleeps on it */
	struct store_time *time; /* by which leases end */

	/* All below is guarded by guard. */
	struct lock_table table;
	struct list waiting; /* work.work_link: WAITING, by arrival */
	struct list ready;   /* work.work_link: READY, by the time of grant */
	int waiting_count;
	int ready_count;
	struct lease_book leases;
	struct map keys_in_flight; /* work.key_node */
	struct map_node *key_buckets[KEYS_IN_FLIGHT_BUCKETS];
	struct list unknown; /* write.unknown_link: of a group whose flush failed, with a key */
	struct key_map keys; /* the writer's: others look under the guard */
	int64_t key_floor;   /* ids up to here are forgotten */
	int64_t key_newest;
	struct key_epoch key_epochs[KEY_EPOCHS]; /* a ring, oldest at key_epoch_first */
	int key_epoch_first;
	int key_epoch_count;
	size_t key_sweep_at;
	bool is_writer_asleep;
	bool is_store_busy;
	bool is_draining;
	enum outcome closed_with; /* DONE: it is open; else what every new write is refused with */
	int64_t drain_until_ns;
	bool must_look; /* it was closed: the writer refuses whoever waits */
	bool must_stop;
};

int lock_manager_init(struct lock_manager *m, struct store_time *time);
void lock_manager_fini(struct lock_manager *m);

/* ---------------------------------------------------------------- loops */

enum enter {
	ENTER_PENDING,  /* queued, ready, or joined to a write under way */
	ENTER_ANSWERED, /* w->answer says why not */
	ENTER_LOOK_UP, /* the key may have been used: compare record search->id, then enter again */
};

/* How far a write has compared the records whose hash is that of its key. Starts all 0. */
struct key_search {
	int64_t newest; /* the newest such record when it began; a newer one starts it anew */
	int64_t id; /* with ENTER_LOOK_UP: the one to compare; it was another key if asked again */
};

/*
 * Brings a write in for `waiter`. The claim must be initialised. wait_ms 0: what would queue is
 * answered ROW_BUSY or ROW_LEASED.
 */
enum enter lock_manager_enter(struct lock_manager *m, struct work *w, struct waiter *waiter,
			      int64_t wait_ms, int64_t now_ns, struct key_search *search);

/* Is its key one of lock_manager_keep_unknown()? Then w->answer says so, or KEY_REUSED. */
bool lock_manager_is_unknown(struct lock_manager *m, struct work *w);

/*
 * The next record that may be the key's, for a write that does not enter by itself: search->id.
 * False: there is none (left).
 */
bool lock_manager_look_up(struct lock_manager *m, uint64_t key_hash, struct key_search *search);

/* See service_withdraw(). */
bool lock_manager_withdraw(struct lock_manager *m, struct waiter *waiter, int64_t now_ns,
			   struct arena *texts, struct answer *ret_answer);

/* See service_recall(). */
enum recall lock_manager_recall(struct lock_manager *m, struct waiter *waiter, int64_t now_ns);

/* See service_place(). */
void lock_manager_place(struct lock_manager *m, const struct waiter *waiter,
			struct work_place *ret);

/* ---------------------------------------------------------------- the writer */

/*
 * Sleeps until there is something to do: a ready write, a lease whose time is up, the end of the
 * drain, a stop, or until_ns. Returns false when it must stop.
 */
bool lock_manager_wait(struct lock_manager *m, int64_t until_ns);

/* The writer must stop: its sleep ends. Any thread. */
void lock_manager_stop(struct lock_manager *m);

/* Is a write ready? */
bool lock_manager_has_ready(struct lock_manager *m);

/*
 * Moves at most `limit` ready writes to `taken`, first come first; they are DECIDED from now on.
 * is_first: the group is still empty; otherwise an atomic part of a batch is left for the next one.
 */
int lock_manager_take(struct lock_manager *m, int limit, bool is_first, struct list *taken);

/* What was taken and not decided after all is ready again, behind those that are; empties taken. */
void lock_manager_put_back(struct lock_manager *m, struct list *taken);

/* Gives back the rows of every write in `taken` that is not `keeps_rows`; next in line are ready.
 */
void lock_manager_pass_on(struct lock_manager *m, struct list *taken, int64_t now_ns,
			  bool (*keeps_rows)(const struct work *w));

/*
 * The works in `done` are DONE from now on: gives back what they still hold, forgets their keys in
 * flight, and moves their waiters' parcels to `waiters` (link: waiter.waiter_link). Lease changes
 * of those that were carried out take effect, before anybody else gets the rows.
 */
void lock_manager_finish(struct lock_manager *m, struct list *done, int64_t now_ns,
			 struct list *waiters);

/*
 * Before a group with `count` keys is committed: afterwards there must be no way to fail. 0, or a
 * fault: memory is short.
 */
int lock_manager_make_key_room(struct lock_manager *m, int count);

/*
 * Nobody knows whether this group was kept: for as long as the process lives, whoever sends one of
 * its keys again is told just that. Before they are finished; takes a hold on those with a key.
 */
void lock_manager_keep_unknown(struct lock_manager *m, struct list *writes);

/* Remembers a key of a committed group; there is room. Ids rise. */
void lock_manager_add_key(struct lock_manager *m, uint64_t key_hash, int64_t id, int64_t at_ms);

/* Forgets keys that are too many or too old, a little at a time; returns the id up to which. */
int64_t lock_manager_forget_keys(struct lock_manager *m, int64_t now_ms);

/* Opens the gates of leases whose time is up; those leases are moved to `ended` (lease.link). */
void lock_manager_end_leases(struct lock_manager *m, int64_t now_ms, struct list *ended);

/* Closes the gate of a lease that the store has and we do not, or opens the one it no longer has.
 */
void lock_manager_add_lease(struct lock_manager *m, struct lease *l, int64_t now_ns);
void lock_manager_drop_lease(struct lock_manager *m, struct lease *l, int64_t now_ns);
void lock_manager_renew_lease(struct lock_manager *m, struct lease *l, int64_t expires_at_ms);

/* Lets go of leases that were taken out of the book (lease.link). */
void lock_manager_let_leases_go(struct list *leases);

/* Writes that were taken out undecided, and whoever waited for them; see lock_manager_finish(). */
struct refused {
	struct list writes;  /* work.work_link */
	struct list waiters; /* waiter.waiter_link */
};

static inline void refused_init(struct refused *r)
{
	list_init(&r->writes);
	list_init(&r->waiters);
}

/*
 * Gates were closed for leases that the store had and we did not: ready writes that such a gate is
 * closed to wait at it, or are refused ROW_LEASED if they wait no longer. Between groups only: none
 * of them has been decided.
 */
void lock_manager_send_back(struct lock_manager *m, struct refused *refused);

/* Takes out every write that waits or is ready, answered with `o`. */
void lock_manager_refuse_all(struct lock_manager *m, enum outcome o, struct refused *refused);

/* Takes out ready writes whose waiters' time is up, answered STORE_BUSY. */
void lock_manager_refuse_late(struct lock_manager *m, int64_t now_ns, struct refused *refused);

/* From now on every new write is refused with `why`, for good; the first reason stays. Any thread.
 */
void lock_manager_close(struct lock_manager *m, enum outcome why);

/* Is nothing ready, and is this to go on? */
bool lock_manager_is_idle(struct lock_manager *m);

/* Is the drain over, or even the service? What is not decided now must be refused. */
bool lock_manager_drain_is_over(struct lock_manager *m, int64_t now_ns);

/* The lease that closes one of these rows, whatever fences one has, or NULL. The writer only. */
const struct lease *lock_manager_lease_of(struct lock_manager *m, const uint64_t rows[],
					  int row_count);

void lock_manager_set_store_busy(struct lock_manager *m, bool is_busy);
