/*
 * lane - what the one thread that writes has to itself: the store's connection that writes, what is
 * known of the store without asking it, and what keeps it in order.
 *
 *     queues ──> group ──> lane ──> store
 *
 * A group (engine/group.h) is decided and written on a lane; what outlives the group is here, and
 * what several groups under way would share. Whose file works on a part of it, says that part.
 *
 * Threads: the writer's, but for `published` and the guarded parts of the feed and the admission.
 */
#pragma once
#include "core/linger.h"
#include "engine/audit_age.h"
#include "engine/audit_inbox.h"
#include "engine/clock_note.h"
#include "engine/feed.h"
#include "engine/lock_manager.h"
#include "engine/log_keeper.h"
#include "engine/published.h"
#include "store/group.h"

/* What happened to the groups before, as far as it has consequences: engine/aftermath.h. */
struct aftermath {
	enum outcome stopped_with; /* DONE: it works; else what everybody is refused with */
	int failed_in_a_row;
	int64_t full_logged_ns;      /* when the full disk was logged last; 0: it is not full */
	int64_t retry_not_before_ns; /* after a group that failed: what nobody waits for */
	void (*fail)(void *context, int exit_code); /* NULL: nobody wants to know */
	void *fail_context;
};

/* What is known of other programs: engine/outsiders.h, engine/stored_leases.h. */
struct outsiders {
	struct reader *reader; /* of what they wrote, for the feed */
	int64_t looked_ns;     /* when it was looked for that */
	bool is_busy_logged;
	bool is_feed_behind; /* a group was kept behind movements that it lacks */
};

struct lane {
	/* Set before lane_open(). */
	struct store *store;
	struct lock_manager *locks;
	struct key_book *keys;
	struct published *published;
	bool releases_rows_early;
	/* Writes that take longer are logged; 0: none. Anybody may change it. */
	atomic_int_fast64_t slow_ns;
	struct audit_age audit_age;
	struct aftermath aftermath; /* of it, whom to tell */

	struct store_writer *writer; /* the store's */
	uint64_t seed;               /* of row keys */
	uint64_t group_number;       /* of the newest group, from 1 */
	int64_t seq_committed;
	int64_t now_ms;           /* store time of this turn; a group has its own */
	bool was_taken_back;      /* the newest group was: see group.h */
	int64_t overdue_count;    /* of reservations, when it was looked at last */
	struct list ended_leases; /* lease.link: to be deleted from the store */
	struct audit_inbox audits;
	struct clock_note clock;
	struct outsiders outsiders;
	struct feed feed;
	struct log_keeper log;
	struct linger linger;
	int answered_count; /* works that the newest durable group has answered */
};

/*
 * Reads what the store says of time, leases, keys and active reservations. seed: of row keys. 0 or
 * a fault; then nothing is left to close.
 */
int lane_open(struct lane *l, uint64_t seed);

void lane_close(struct lane *l);

/* Is this process the only one that writes to the store at a time? */
static inline bool lane_is_alone(const struct lane *l)
{
	return l->writer->ops->numbers_at_begin;
}

/* When the next reservation is to be booked: store time, UTC ms; INT64_MAX: there is none. */
int64_t lane_overdue_ms(struct lane *l);

/* How many reservations have become overdue since the turn before. */
int64_t lane_take_new_overdue(struct lane *l);

/* Is there a reservation whose time is up, and is it to be tried to book that? */
bool lane_has_overdue(struct lane *l);
