/*
 * work - the life of one command that queues: a change of stock, or a locked read.
 *
 *     NEW ──> WAITING <─> READY <─> DECIDED ──> DONE
 *      │         │           │                    ▲
 *      │         └───────────┴──> WITHDRAWN       │
 *      └──> refused before it queued, or replayed ┘
 *
 * WAITING: its claim stands in the queues of its rows, or at a lease. READY: it owns its rows, and
 * waits for the writer; back to WAITING if the store turns out to hold a lease of one. DECIDED: its
 * effect (or refusal) is in the group; back to READY if its rows have more overdue than one group
 * books. DONE: the group is durable, or failed; the answer may be read. WITHDRAWN: everybody who
 * waited gave up before it was decided.
 *
 * A part of a batch is one piece of work, too: it claims the rows of all of its lines, and they are
 * decided in their order in its place. Its lines stay NEW; their answers are there when it is DONE.
 *
 * One piece of work may have several waiters: requests with the same idempotency key share it.
 *
 * Threads: `state`, `claim`, links and `waiters` are guarded by the lock manager's guard. `command`
 * is written before intake_submit() and only read afterwards. `answer` and `cost` are the writer's
 * until DONE, then only read.
 * Ownership: counted. Its creator holds one, which intake_submit() takes over for the waiter.
 */
#pragma once
#include "base/arena.h"
#include "core/answer.h"
#include "core/lock_table.h"
#include "engine/mailbox.h"
#include <stdatomic.h>

struct access_grip; /* engine/access_book.h */

enum work_state {
	WORK_NEW,
	WORK_WAITING,
	WORK_READY,
	WORK_DECIDED,
	WORK_DONE,
	WORK_WITHDRAWN,
	WORK_STATES,
};

struct lease;
struct operation;

/* What the lock cost: monotonic ns of each step, for Server-Timing. 0: it did not get there. */
struct work_cost {
	int64_t claimed_ns; /* entered the queues */
	int64_t granted_ns; /* owned all of its rows */
	int64_t picked_ns;  /* the writer took it up */
	int64_t decided_ns;
	int64_t done_ns; /* durable */
	int ahead_count; /* claims that stood before it when it came */
	int group_count; /* commands in its group */
};

/*
 * How far a work has compared the records whose hash is that of its key (engine/key_book.h). Starts
 * all 0.
 */
struct key_search {
	int64_t newest; /* the newest such record when it began; a newer one starts it anew */
	int64_t id;     /* the one to compare; it was another key if asked again */
	/* Of the key that is asked for next, if that is known: key_map_expect(). 0: it is not. */
	uint64_t expected_hash;
	bool is_over; /* the record was the key's, or cannot be read: the work has its answer */
};

struct work {
	struct command command; /* texts in `arena`, or constants */
	enum work_state state;
	struct claim claim;
	struct claim_slot first_slots[2]; /* enough for all but leases of many rows */
	struct list work_link;            /* in lock_manager.waiting, .ready, then in the group */
	struct map_node key_node;         /* in key_book.in_flight, with a key */
	bool is_in_flight;                /* key_node is in that map */
	bool is_unknown; /* its group may have been kept: it stays there, held, in unknown_link */
	struct list unknown_link; /* in key_book.unknown, with is_unknown */
	bool is_recalled;         /* it is to be refused instead of decided */
	bool is_overdue;     /* somebody's wait ended while it was ready; its answer comes anyway */
	struct list waiters; /* waiter.waiter_link */
	int waiter_count;
	struct answer answer;
	struct work_cost cost;
	uint64_t key_hash; /* with a key, as is the next one */
	struct key_search search;
	int64_t decide_by_ns; /* when the last of its waiters stops waiting for a decision */
	/* Whom it waited for when it came: a request or a lease; "": nobody. */
	char blocked_by[ID_BYTES_MAX + 1];
	atomic_int holder_count;
	struct operation *operation; /* it belongs to, or NULL; operation_book.h */

	struct list lines; /* of a part of a batch: work.work_link, in order; else empty */
	int line_count;
	uint64_t claimed[2]; /* of a line: its rows, as claims_of_line() has found them */
	int claimed_count;   /* 0: it has not, or there are more, or names of other things */
	bool is_atomic;      /* all of its lines take effect or none; it has a group of its own */
	bool avoids_leases;  /* a lease in the way is answered at once, whatever its wait */

	/* The writer's own, from READY to DONE. */
	bool rests_on_group; /* its answer rests on the open group: it waits for the flush */
	bool is_decided;     /* it has been, in this group or in one that was abandoned */
	bool meets_damage;   /* the store will not take what it does: it is to be refused */
	bool changes_lease;  /* it takes, renews or releases one */
	int ahead_count;     /* how often it was put back for news of a lease: engine/rivals.h */
	int64_t key_id;      /* of the record of its key; 0: none was made */
	int64_t key_found;   /* of the one that a shared store has of it already; 0: it has none */
	struct lease *lease; /* which one; one that it takes is there when that has its number */

	struct access_grip *grip; /* it is held as long as the work; NULL: none */
	struct arena arena;
};

/* One HTTP request that waits for work. Lies in the request; still while it is pending. */
struct waiter {
	struct parcel parcel; /* comes home when the answer is there */
	struct work *work;    /* the one it shares, once submitted */
	struct list waiter_link;
	bool is_pending; /* submitted and not yet answered; the loop's own view */
	bool has_joined; /* the write is that of an earlier request with the same key */
};

/* NULL when memory is short. holder_count is 1. */
struct work *work_create(void);

/* One holder fewer; the last one frees it. NULL is fine. Returns NULL. */
struct work *work_release(struct work *w);

static inline void work_hold(struct work *w)
{
	atomic_fetch_add_explicit(&w->holder_count, 1, memory_order_relaxed);
}

/* The work whose work_link this is. */
static inline struct work *work_of_link(struct list *link)
{
	return CONTAINER_OF(link, struct work, work_link);
}

/* How many commands it stands for. */
static inline int work_command_count(const struct work *w)
{
	CHECK(w->line_count >= 0);
	return w->line_count > 0 ? w->line_count : 1;
}

/* A copy that lives as long as the arena; the constants are themselves. NULL: memory is short. */
const struct actor *actor_keep(struct arena *a, const struct actor *actor);

/*
 * Whose it is: the actor himself, where the grip keeps him, which the work then holds, too; else a
 * copy that lives as long as the work. False: memory is short.
 */
bool work_set_actor(struct work *w, const struct actor *actor, struct access_grip *grip);

/* Its answer is this, and nothing else. */
void work_refuse(struct work *w, enum outcome o);

/* Changes phase; CHECKs that the arrow exists. Guarded by the lock manager's guard. */
void work_move(struct work *w, enum work_state next);
