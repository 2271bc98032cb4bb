/*
 * decider - what the decisions of one group share: where the group stands, what it found, and what
 * it does.
 *
 * Decisions ask the store for nothing: what they need was wanted before (engine/wanted.h) and is
 * found here, rows as the group has left them so far. What they do is collected in `effects` and
 * written behind. Rules of stock (decide_stock), of the catalogue, of leases and of reservations
 * know nothing of each other, only this.
 *
 * A group that is decided again begins with decider_begin(), like any other.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/lock_manager.h"
#include "store/group.h"

struct decider {
	struct lock_manager *locks;
	bool leases_are_told;  /* by the store: struct writer_ops */
	uint64_t group;        /* number of the open group, from 1 */
	int64_t seq_committed; /* before the group */
	int64_t seq_begun;     /* from which it counts on: the same, or relative */
	int64_t seq;           /* given out so far */
	int64_t now_ms;        /* store time of the group */
	int64_t dated_ms;      /* what its movements say: now, but never before the last one */
	int64_t now_ns;
	bool has_writes;          /* something is to be written */
	int leases_taken;         /* in the group; in the book once they are durable */
	int64_t promised_count;   /* active reservations, with what the group made and resolved */
	int64_t promised_lines;   /* and their lines */
	int expired_count;        /* of those that it resolved: by time */
	int64_t damage_logged_ns; /* monotonic; 0: never */
	struct found found;
	struct effects effects;
	struct left_overdue {
		int64_t *all;
		size_t count, capacity;
	} left; /* the ids of those that the store did not let run out in this group */
};

void decider_init(struct decider *d, struct lock_manager *locks, bool leases_are_told);
void decider_fini(struct decider *d);

/*
 * Forgets the group before: nothing is found yet, and nothing done. seq: the group counts on from
 * there.
 */
void decider_begin(struct decider *d, int64_t seq_committed, int64_t seq);

/* What was done in this group so far was not: effects are gone, rows as they were found. */
void decider_take_back(struct decider *d);

/*
 * The store will not let that reservation run out: whenever the group is decided again, it stays as
 * it is, and is told of as damaged. 0 or a fault.
 */
int decider_leave_overdue(struct decider *d, int64_t id);
bool decider_leaves_overdue(const struct decider *d, int64_t id);

/* A row as rules see it. */
struct rules_row;
void decider_show_row(const struct found_row *row, struct rules_row *ret);

/* Does what is known of it rest on the open group? */
bool decider_row_is_open(const struct decider *d, const struct found_row *row);

/*
 * The movement that changed the row, which stood as in `before`, takes the next seq, which it has
 * already. after: of an answer, or NULL; as the movement, it must last as long as the group. 0 or a
 * fault.
 */
int decider_move(struct decider *d, struct movement *m, struct found_row *row,
		 const struct stock *before, struct stock *after);

/*
 * A lease may end between the claim and the decision: then its fence is stale. Where others take
 * and release leases, too, the store has the last word. DONE: all of them are of leases that are
 * held, and that the actor may use.
 */
enum outcome decider_judge_fences(const struct decider *d, const struct command *c);

/*
 * Logs, at most once a second, that `name` (a request, a reservation) met a record without sense.
 */
void decider_note_damage(struct decider *d, const char *event, const char *name);

/* ------------------------------------------------------------------ answers */

static inline void decider_refuse(struct work *w, enum outcome o)
{
	w->answer.outcome = o;
	w->answer.status = outcome_row(o)->http_status;
}

static inline void decider_carry_out(struct work *w, int status)
{
	CHECK(command_may_answer(w->command.kind, status));
	w->answer.outcome = OUTCOME_DONE;
	w->answer.status = status;
}

/*
 * A text of the group into one of the answer, which outlasts it. NULL stays NULL. False: memory is
 * short.
 */
bool decider_keep_text(struct work *w, const char *text, const char **ret);
