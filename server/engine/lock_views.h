/*
 * lock_views - queues and leases as somebody may look at them: copies.
 *
 * What is copied is taken under the lock manager's guard, a few rows at a time, into memory that
 * lies ready; texts are copied behind it. Each row is shown as it stood at one moment, and whoever
 * looks on holds nobody up: it costs what is shown.
 *
 * Threads: any.
 */
#pragma once
#include "base/arena.h"
#include "core/answer.h"

struct lock_manager;

struct lock_waiter_view {
	const char *request_id;
	int64_t age_ms;
	int64_t deadline_ms; /* until its wait ends */
};

/* A row with a holder or a queue. */
struct lock_view {
	struct code sku;
	struct code location;
	bool is_leased; /* the holder is a lease, else a command (or nobody: holder_id NULL) */
	const char *holder_id; /* lease id, or the request id of the command; NULL: nobody */
	const char *purpose;   /* of the lease */
	int64_t fence;
	int64_t expires_in_ms; /* of the lease */
	int64_t holder_age_ms;
	int64_t longest_wait_ms;
	size_t waiter_count; /* all of them */
	size_t waiter_views; /* those listed below: at most LOCK_WAITERS_SHOWN, in order */
	struct lock_waiter_view *waiters;
};

enum { LOCK_WAITERS_SHOWN = 100, LOCK_ROWS_SHOWN = 1000 };

/* Copies the rows with a holder or a queue, longest wait first. Array and texts in the arena. */
int lock_views_rows(struct lock_manager *m, struct arena *a, struct lock_view **ret_rows,
		    size_t *ret_count);

/*
 * Copies the leases behind this fence (0: from the first), by fence, at most `limit` of them.
 * ret_next: the fence to go on behind; 0: there are no more. A page may be short and have a next:
 * leases whose time is up are left out. Cost: that of the page, however many leases there are.
 */
int lock_views_leases(struct lock_manager *m, int64_t after_fence, int limit, struct arena *a,
		      struct lease_view **ret_leases, size_t *ret_count, int64_t *ret_next);

/* Copies the one with this id; ret->id NULL: there is none. */
int lock_views_lease(struct lock_manager *m, const char *id, struct arena *a,
		     struct lease_view *ret);
