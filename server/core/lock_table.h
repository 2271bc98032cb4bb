/*
 * lock_table - who may change which rows, who is next, and which rows a lease keeps to itself.
 *
 * A claim names every row that one command will touch. It enters all of their queues in one step,
 * and owns its rows once it stands first in each of them. Arrival order is the same in every queue,
 * so two claims can never wait for each other: there is no deadlock to detect and no lock order to
 * remember (conservative two-phase locking, Bernstein, Hadzilacos and Goodman 1987, 3.5).
 *
 *     claim_init(&c, slots, rows, row_count);
 *     switch (lock_table_enter(&t, &c)) { case CLAIM_GRANTED: ... case CLAIM_QUEUED: ... }
 *     ...read, decide...
 *     lock_table_leave(&t, &c, &granted);       // the claims in `granted` own their rows now
 *
 * A gate closes rows for a lease. A claim that names a closed row, and has not brought the fence
 * that opens it, waits at the gate, in arrival order, and stands in no queue at all until the gate
 * opens: a basket that waits for one leased row does not hold up its other rows. A claim whose rows
 * are closed by several gates waits at one after the other.
 *
 * A row has an entry only while somebody queues for it or a gate closes it. Entries are lent by the
 * claims and gates themselves, as sleeping threads lend their turnstiles (Mauro and McDougall,
 * Solaris Internals, 3.7), so nothing is allocated. A gate lends the entries of its rows while it
 * is closed; of an open row, some claim in its queue does. When the lender leaves, the entry moves
 * into the newest claim of the queue: nobody points to it but the map, so that is O(1) however long
 * the queue is.
 *
 * Who looks in finds the rows that somebody waits for in a list of their own, and goes through it
 * piece by piece (lock_walk), letting the table go in between. A row enters that list with its
 * first waiter; it leaves it with its entry, or when a walk comes by and nobody waits any more, so
 * that the waiting themselves pay next to nothing for it.
 *
 * Cost:      O(rows of the claim). Closing and opening a gate: O(n log n) of the claims that go to
 *            or come from it, and their rows. Each piece of a walk: O(its length).
 * Threads:   none inside. engine/lock_manager.h puts one guard around a table.
 * Ownership: the caller owns claims, slots and gates and keeps them still while they are inside.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "core/limits.h"

enum {
	LOCK_TABLE_BUCKETS = 1 << 14,
	AHEAD_COUNTED_MAX = 100, /* those ahead are counted up to here, and then estimated */
	/* A part of a batch is closed by the line that brings it to its bound. */
	CLAIM_PART_ROWS_MAX = BATCH_PART_ROWS_MAX + CLAIM_ROWS_MAX,
};

struct claim;
struct gate;

/* The queue of one row. Lent by a slot or a gate's row; not to be touched from outside. */
struct row_entry {
	struct map_node node; /* in lock_table.rows, by the row's key */
	struct list slots;    /* claim_slot.queue_link, arrival order; the first one owns the row */
	int slot_count;
	uint32_t joined_count;      /* how many have ever joined; wraps around */
	struct gate *gate;          /* closes the row: then it lends this; NULL: none */
	struct list contended_link; /* in lock_table.contended, while somebody waits for the row */
};

/* A claim's place in the queue of one row. */
struct claim_slot {
	uint64_t row;
	struct claim *claim;
	struct list
		queue_link; /* in row_entry.slots; at a gate that closes the row: gate_row.slots */
	bool is_first;      /* of its queue */
	uint32_t place;     /* the how-manieth of its queue it is; wraps around */
	struct row_entry lent;
};

enum claim_state {
	CLAIM_OUT,     /* not in the table */
	CLAIM_AT_GATE, /* waits at a gate, in no queue */
	CLAIM_QUEUED,  /* in every queue of its rows, not first in all of them */
	CLAIM_GRANTED, /* first in all of them: it owns its rows */
	CLAIM_REFUSED, /* only as an answer: a queue is at ROW_QUEUE_MAX; it is not in the table */
};

struct claim {
	enum claim_state state;
	int row_count;
	int blocked_count; /* slots with an earlier claim ahead; 0 while queued = granted */
	int ahead_count;   /* the most that stood ahead of it in one queue when it arrived */
	int fence_count;
	const int64_t *fences; /* of the leases it holds: gates with these let it through */
	uint64_t arrival;  /* the how-manieth claim of this table it is; keeps its place at gates */
	struct gate *gate; /* while AT_GATE */
	uint32_t gate_place;      /* the how-manieth at that gate it is; wraps around */
	struct list gate_link;    /* in gate.claims */
	struct list granted_link; /* in the list filled by whoever made it an owner */
	struct claim_slot *slots;
};

/* A row that a gate closes. */
struct gate_row {
	uint64_t row;
	struct row_entry lent; /* in use while the gate is closed */
	struct list slots;     /* claim_slot.queue_link: who waits here for this row, by arrival */
	int slot_count;
};

struct gate {
	int64_t fence; /* unique for ever; the claims that bring it pass */
	int row_count;
	struct gate_row *rows;
	struct list claims; /* claim.gate_link, by arrival */
	int claim_count;
	uint32_t joined_count;
	struct list
		disorder_link; /* in lock_table.disordered: an earlier one came behind a later */
	bool is_closed;
};

struct lock_table {
	struct map rows;
	uint64_t arrival_last;
	int claim_count;        /* claims inside, in whatever state */
	struct list contended;  /* row_entry.contended_link */
	struct list walks;      /* lock_walk.link: under way */
	struct list disordered; /* gate.disorder_link */
	struct map_node *buckets[LOCK_TABLE_BUCKETS];
};

void lock_table_init(struct lock_table *t);

/* CHECKs that nobody is left inside. */
void lock_table_fini(struct lock_table *t);

/*
 * rows: 1 to CLAIM_PART_ROWS_MAX row keys in any order; equal ones (the same row twice, or a
 * collision of hashes) are claimed once: O(n * n), O(n) when they come in rising order. slots: room
 * for row_count slots. fences may be NULL when 0.
 */
void claim_init(struct claim *c, struct claim_slot slots[], const uint64_t rows[], int row_count,
		const int64_t fences[], int fence_count);

/*
 * The same of rows of which none is there twice, in any order: O(n). A row that is there twice
 * would wait for itself.
 */
void claim_init_distinct(struct claim *c, struct claim_slot slots[], const uint64_t rows[],
			 int row_count, const int64_t fences[], int fence_count);

/*
 * Joins every queue of its rows, or the first gate in the way. Returns GRANTED, QUEUED, AT_GATE, or
 * REFUSED when a queue or the gate has ROW_QUEUE_MAX claims already; then the claim stays OUT.
 */
enum claim_state lock_table_enter(struct lock_table *t, struct claim *c);

/*
 * Leaves, as an owner that is done or a waiter that gave up, from whatever state; harmless when
 * OUT. Claims that become owners by it are appended to `granted`, first come first.
 */
void lock_table_leave(struct lock_table *t, struct claim *c, struct list *granted);

/*
 * rows: 1 or more row keys, equal ones count once: O(n) in rising order, else O(n * n).
 * gate_rows: room for row_count.
 */
void gate_init(struct gate *g, struct gate_row gate_rows[], const uint64_t rows[], int row_count,
	       int64_t fence);

/* Is any of these rows closed by a gate that none of the fences opens? NULL: no. */
struct gate *lock_table_gate_of(const struct lock_table *t, const uint64_t rows[], int row_count,
				const int64_t fences[], int fence_count);

/*
 * Closes the gate's rows, none of which may be closed already. Claims that stand in the queue of
 * one of them (owners excepted: they are being decided already) and cannot pass leave all their
 * queues and wait at the gate, by arrival; whoever becomes an owner by that is appended to
 * `granted`.
 */
void lock_table_close(struct lock_table *t, struct gate *g, struct list *granted);

/*
 * Opens the gate. The claims that waited at it enter as if they came now, in arrival order: into
 * another gate, or into the queues. Owners are appended to `granted`. Bounds do not apply: whoever
 * was let in to wait is not sent away.
 */
void lock_table_open(struct lock_table *t, struct gate *g, struct list *granted);

/*
 * A gate has closed behind an owner that nobody has begun to decide: it gives its rows up and waits
 * at the gate. Owners are appended to `granted`. False: no gate is closed to it, and nothing
 * happened. After one or more of them: lock_table_put_in_order(), before anything else.
 */
bool lock_table_step_back(struct lock_table *t, struct claim *c, struct list *granted);
/* Lines up by arrival who stepped back: O(n log n) of those who wait at the gates they went to. */
void lock_table_put_in_order(struct lock_table *t);

/* ------------------------------------------------------------------ looking in */

/*
 * How many claims stand before it: in the longest of its queues, or at its gate. 0: owner. Beyond
 * AHEAD_COUNTED_MAX it counts those, too, who gave up meanwhile. O(rows of the claim).
 */
int lock_table_ahead(const struct lock_table *t, const struct claim *c);

/* NULL: nobody queues for this row, and no gate closes it. */
const struct row_entry *lock_table_row(const struct lock_table *t, uint64_t row);

/* Who owns it by having all of its rows; NULL: nobody. */
const struct claim *row_entry_owner(const struct row_entry *e);
/* Who has waited for it the longest: the first in line, or at its gate; NULL: nobody waits. */
const struct claim *row_entry_first_waiter(const struct row_entry *e);
/* How many wait for it, in line and at its gate. */
int row_entry_waiter_count(const struct row_entry *e);
/*
 * Goes through who waits for it, those at its gate first: row_entry_waiter_after(e, NULL) is the
 * first, and NULL comes behind the last.
 */
const struct claim_slot *row_entry_waiter_after(const struct row_entry *e,
						const struct claim_slot *s);

/*
 * The place of a walk through the rows that somebody waits for; stays right while others change the
 * table.
 */
struct lock_walk {
	struct list link;
	struct list *at;
};

void lock_walk_begin(struct lock_table *t, struct lock_walk *w);
/* Calls `see` for at most `limit` of the next ones, in no order. False: there are no more. */
bool lock_walk_on(struct lock_table *t, struct lock_walk *w, int limit,
		  void (*see)(void *context, const struct row_entry *entry), void *context);
void lock_walk_end(struct lock_walk *w);

/*
 * Calls `see` for every row that has a queue or a gate in buckets from .. from + count - 1, in no
 * order; of LOCK_TABLE_BUCKETS.
 */
void lock_table_each(const struct lock_table *t, int from, int count,
		     void (*see)(void *context, const struct row_entry *entry), void *context);
