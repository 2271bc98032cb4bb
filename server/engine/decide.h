/*
 * decide - what a granted command does, inside the writer's open group.
 *
 * Stock commands are decided in memory by core/rules.h on the rows that row_cache.h holds.
 * Catalogue and lease commands are rare: they write to the store at once, inside the same
 * transaction. Nobody outside sees any of it before the group is committed.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/lock_manager.h"
#include "store/reservation_book.h"
#include "engine/row_cache.h"

/* A movement that no write carries, and the row it changes. */
struct booked {
	struct movement movement; /* texts live as long as the group */
	struct cached_row *row;
};

/* The bookings of the open group, in the order of their seqs. */
struct bookings {
	struct booked *all;
	size_t count;
	size_t capacity;
};

/* NULL: memory is short. Valid until the next one is added. */
struct booked *bookings_add(struct bookings *b);

struct decider {
	struct store *store;
	struct row_cache *cache;
	struct lock_manager *locks;
	uint64_t group;        /* number of the open group, from 1 */
	int64_t seq_committed; /* before the group */
	int64_t seq;           /* given out so far */
	int64_t now_ms;        /* store time of the group */
	int64_t dated_ms;      /* what its movements say: now, but never before the last one */
	int64_t now_ns;
	bool has_writes;          /* something is to be written */
	bool is_changing;         /* the command at hand: a fault takes the group with it */
	int leases_taken;         /* in the group; in the book once they are durable */
	int64_t damage_logged_ns; /* monotonic; 0: never */
	struct reservation_book *reservations;
	struct bookings bookings;
	int ran_out_count;  /* reservations that were looked at for that, in the group */
	int expired_count;  /* and of those, the ones that it ends, if it is kept */
	struct arena texts; /* of the bookings that belong to no write; as long as the group */
};

/*
 * Decides one command: fills its answer, its cached rows or its lease, and rests_on_group: its
 * answer rests on the open group and must wait for the flush. 0, or a fault: then the group must be
 * rolled back.
 * A record that makes no sense (-EBADMSG) refuses the command that needs it, with STORE_DAMAGED;
 * only where the command has begun to change something does it take the group with it.
 */
int decide(struct decider *d, struct work *w);

/* Logs, at most once a second, that `name` (a request, a reservation) met a record without sense.
 */
void decide_note_damage(struct decider *d, const char *event, const char *name);

/* A lease may end between the claim and the decision: then its fence is stale. */
bool fences_are_current(const struct decider *d, const struct command *c);

/* Was it decided in a way that its idempotency key remembers? */
bool decided_is_recorded(const struct work *w);
