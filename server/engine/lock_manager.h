/*
 * lock_manager - the lock table, the leases and the ready queue under one guard, which is the guard
 * of the keys in flight, too (engine/key_book.h).
 *
 * Loops bring writes in and take them out again when their time is up; the writer takes those that
 * own their rows, and gives the rows back. Everything here is short: no store, no disk, no memory
 * is asked for while the guard is held (a lease's memory is brought along).
 *
 * Its sources are one noun each: lock_arrivals, lock_withdrawals, lock_ready, lock_gates,
 * lock_refusals; what they share is lock_moves.h.
 *
 * Threads: *_enter, *_withdraw, *_recall and the views from any thread; all that the writer does
 * from the writer thread only.
 */
#pragma once
#include "engine/key_book.h"
#include "engine/lease_book.h"
#include "engine/submission.h"
#include "engine/store_time.h"

enum {
	READY_SLICE = 256, /* ready writes that are looked at while the guard is held */
};

struct lock_manager {
	struct guard guard;
	struct signal_flag wake; /* the writer sleeps on it */
	struct store_time *time; /* by which leases end */
	struct key_book *keys;   /* under the same guard */

	/* All below is guarded by guard. */
	struct lock_table table;
	struct list waiting; /* work.work_link: WAITING, by arrival */
	struct list ready;   /* work.work_link: READY, by the time of grant */
	int waiting_count;
	int ready_count;
	struct lease_book leases;
	bool is_writer_asleep;
	int64_t arrived_count; /* works that came in since lock_manager_mark() */
	int64_t awaited_count; /* for so many of them the writer sleeps; 0: until one is ready */
	enum outcome store_keeps_with; /* DONE: the store keeps nobody waiting */
	bool is_draining;
	enum outcome closed_with; /* DONE: it is open; else what every new write is refused with */
	int64_t drain_until_ns;
	bool must_look;  /* it was closed: the writer refuses whoever waits */
	bool has_rivals; /* others take leases of this store, too; fixed once it is open */
	bool must_stop;
};

void lock_manager_init(struct lock_manager *m, struct store_time *time, struct key_book *keys);
void lock_manager_fini(struct lock_manager *m);

/* ---------------------------------------------------------------- loops */

enum enter {
	ENTER_PENDING,  /* queued, ready, or joined to a write under way */
	ENTER_ANSWERED, /* w->answer says why not */
	ENTER_LOOK_UP, /* the key may have been used: compare record search->id, then enter again */
};

/*
 * Brings a write in for `waiter`. The claim must be initialised. wait_ms 0: what would queue is
 * answered ROW_BUSY or ROW_LEASED.
 */
enum enter lock_manager_enter(struct lock_manager *m, struct work *w, struct waiter *waiter,
			      int64_t wait_ms, int64_t now_ns, struct key_search *search);

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

/* Arrivals count from here on. */
void lock_manager_mark(struct lock_manager *m);

/*
 * Sleeps until `count` works have come in since the mark, until_ns, or there is something else to
 * do than to wait for them. Returns how many came.
 */
int64_t lock_manager_await(struct lock_manager *m, int64_t count, int64_t until_ns);

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

/*
 * Of those that are decided, and whose group was not kept: moves those whose waiters have no time
 * left to `late`, or all of them.
 */
void lock_manager_take_late(struct lock_manager *m, struct list *decided, bool takes_all,
			    struct list *late);

/* The same of those whose waiters still have time; the others are moved to `late`, DECIDED. */
void lock_manager_put_back_in_time(struct lock_manager *m, struct list *taken, struct list *late);

/*
 * Gives back the rows of every write in `taken` that is not `keeps_rows`; next in line are ready.
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
 * From now on new works are refused with DRAINING, and undecided ones when until_ns has come. Any
 * thread.
 */
void lock_manager_drain(struct lock_manager *m, int64_t until_ns);

/* Opens the gates of leases whose time is up; those leases are moved to `ended` (lease.link). */
void lock_manager_end_leases(struct lock_manager *m, int64_t now_ms, struct list *ended);

/*
 * Closes the gate of a lease that the store has and we do not, or opens the one it no longer has.
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

/* Takes out ready writes whose waiters' time is up, answered as the store keeps them. */
void lock_manager_refuse_late(struct lock_manager *m, int64_t now_ns, struct refused *refused);

/*
 * From now on every new write is refused with `why`, for good; the first reason stays. Any thread.
 */
void lock_manager_close(struct lock_manager *m, enum outcome why);

/* Is nothing ready, and is this to go on? */
bool lock_manager_is_idle(struct lock_manager *m);

/* Is the drain over, or even the service? What is not decided now must be refused. */
bool lock_manager_drain_is_over(struct lock_manager *m, int64_t now_ns);

/* The lease that closes one of these rows, whatever fences one has, or NULL. The writer only. */
const struct lease *lock_manager_lease_of(struct lock_manager *m, const uint64_t rows[],
					  int row_count);

/* What those are refused with whose time is up meanwhile; DONE: it does not any more. */
void lock_manager_set_store_keeps(struct lock_manager *m, enum outcome with);
