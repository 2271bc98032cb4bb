/*
 * lock_moves - the small steps of a work through the lock manager, which its sources share.
 *
 *     lock_arrivals     a work comes in: joins another, is answered, or queues
 *     lock_withdrawals  a waiter gives up, or takes its work back
 *     lock_ready        the writer sleeps, takes works that own their rows, and gives rows back
 *     lock_gates        leases close rows and open them again
 *     lock_refusals     works that are taken out undecided
 *     lock_manager      what holds for all: it is closed, draining, stopped
 *
 * Threads: *_locked with the lock manager's guard held; the rest is for any, without it.
 */
#pragma once
#include "engine/lock_manager.h"

/* Ends the writer's sleep, if it sleeps. */
void lock_wake_writer_locked(struct lock_manager *m);

/* The work owns its rows: it is in the ready queue from now on. */
void lock_make_ready_locked(struct lock_manager *m, struct work *w, int64_t now_ns);

/* The claims that have just become owners are ready for the writer; empties `granted`. */
void lock_grant_locked(struct lock_manager *m, struct list *granted, int64_t now_ns);

/* Gives its rows back, or its places in their queues; harmless when it has none. */
void lock_leave_locked(struct lock_manager *m, struct work *w, int64_t now_ns);

/* Takes a work that is not decided yet out of everything. */
void lock_take_out_locked(struct lock_manager *m, struct work *w, enum work_state next,
			  int64_t now_ns);

/*
 * The lease in the way, as an answer shows it. Its texts are the lease's own: it is held, and
 * lock_name_lease() copies them when the guard is let go.
 */
struct lease *lock_see_lease_locked(struct lock_manager *m, const struct claim *c,
				    struct lease_view *ret);

/* Not under the guard: it may need memory. held NULL: no lease was in the way. */
void lock_name_lease(struct lease *held, struct arena *texts, struct answer *a);

/* Why its wait ended without a decision; the lease for lock_name_lease(). */
struct lease *lock_explain_wait_locked(struct lock_manager *m, const struct work *w,
				       struct answer *ret);

/* Whom it waits for: the lease in the way, or the request just ahead. For the log of slow works. */
void lock_remember_blocker_locked(struct work *w);

/* The lease change of a work that is durable now; a lease that is to be let go, or NULL. */
struct lease *lock_change_lease_locked(struct lock_manager *m, struct work *w, int64_t now_ns);
