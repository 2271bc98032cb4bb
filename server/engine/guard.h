/*
 * guard - a mutex that knows its place in the order.
 *
 * Each thread keeps a stack of the guards it holds, threaded through the guards themselves. Locking
 * CHECKs that ranks rise along that stack, so no cycle of waiting threads can form; a `*_locked`
 * function CHECKs that its guard is on it. One lock and one unlock per function, no return between.
 *
 * Cost: that of an uncontended pthread mutex. Threads: any.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Outermost first. */
enum guard_rank {
	RANK_OPERATIONS,     /* operation_book: writes that go on by themselves, and who asks */
	RANK_LOCKS,          /* lock_manager: claims, leases, keys, the ready queue */
	RANK_READERS,        /* reader_pool: the queue of long reads */
	RANK_READ_ADMISSION, /* read_admission: who reads long, and who waits to */
	RANK_FEED,           /* feed: the newest movements, and who listens */
	RANK_BATCHES,        /* batch: the keys of those under way */
	RANK_MAILBOX,        /* a loop's finished requests */
	RANK_LAB,            /* the laboratory's runs */
	RANK_ACCESS,         /* access_book: which table of tokens is the newest */
	RANK_AUDIT,          /* audit_inbox: rows that wait for a group */
	RANK_TIME,           /* store_time: what time it is */
};

struct guard {
	pthread_mutex_t mutex;
	enum guard_rank rank;
	struct guard *outer; /* next on the holder's stack; only the holder looks */
};

/* A condition that waits on the monotonic clock. */
struct signal_flag {
	pthread_cond_t condition;
};

void guard_init(struct guard *g, enum guard_rank rank);
void guard_fini(struct guard *g);
void guard_lock(struct guard *g);
void guard_unlock(struct guard *g); /* innermost first */
bool guard_is_mine(const struct guard *g);

void signal_flag_init(struct signal_flag *s);
void signal_flag_fini(struct signal_flag *s);
void signal_flag_raise(struct signal_flag *s);

/*
 * Waits for the flag or until the monotonic time until_ns (INT64_MAX: without end); g must be the
 * only guard held. May wake for nothing: always call it in a loop on the condition itself.
 */
void guard_wait(struct guard *g, struct signal_flag *s, int64_t until_ns);
