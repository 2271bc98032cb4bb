/*
 * group - what a writer and its store say to each other while a group of commands is decided.
 *
 * A group is one transaction. The engine, which decides it, asks the store for nothing in between:
 * all that the commands need is asked for before, and all that they do is collected and written
 * behind.
 *
 *     begin ──> lock(want) ──> found ──> decide ─┬─> number ──> write(effects) ──> commit ──> flush
 *                 ▲                              │                │             │
 *                 └── more commands are ready ───┘                │             └──> settle
 *                                     abandon <───────────────────┴── nothing to keep, or a fault
 *
 *     begin    opens the group, and says where the ledger stands and whether others have written.
 *     news     in a group that begin() says it of: what others have changed that the caller keeps
 *              copies of (leases, the newest key, the newest date), until news_taken().
 *     lock     locks and reads what some commands want. May be called again in an open group, as
 *              often as commands become ready (joins_groups): what it finds is added to `found`.
 *     sweep    adds to found.overdue what is overdue though nobody touches its rows, oldest first.
 *     number   gives the seqs, fences and ids that are relative until then. A step of its own for
 *              groups that need them before they write (a key's record holds a body that names
 *              them); for all others a part of write().
 *     write    writes. May be called again, for what comes later; all of it is kept, or none.
 *     commit   ends the group by keeping it.
 *     abandon  ends it by keeping nothing.
 *     settle   after a commit that ended unknown: was it kept?
 *     flush    of a store whose commit() returns before the group is durable: waits until it is.
 *     tend     between groups: keeps the house of the store.
 *
 * Relative: whoever decides counts the group's movements from `begun.seq` on. Where others may
 * number theirs first (numbers_at_begin is false) that is SEQ_RELATIVE, above every seq that there
 * is, so that later still compares greater; number() says how far down all of them go. A new lease
 * has fence 0 until it is numbered; a new reservation has the id -1 - its index in the effects, and
 * an empty name in a buffer of its own; a new item or location an id below 0 (store/row_set.h).
 *
 * Deciding can be repeated: a group that was abandoned is begun anew with the same commands, finds
 * what there is then, and is decided again. So no decision uses up what it is about.
 *
 * Unsound records: lock() leaves out what makes no sense, and flags it, each for itself; it is the
 * matter of the commands that want it. number() and write() return -EBADMSG with effects.culprit
 * where the store will not number or take what one command does, or with effects.culprit_overdue
 * where a reservation cannot run out: nothing of the group was kept yet, and it can be decided
 * again without that one. -EBADMSG without either, and -EUCLEAN: what was written contradicts what
 * was read.
 *
 * Threads: the writer's. Memory: what `found` hands out is the store's and stays until the group
 * ends; what `effects` names is the caller's and must last as long.
 */
#pragma once
#include "store/row_set.h"
#include "store/store.h"

/* Where relative seqs begin: above every seq that a ledger can have. */
#define SEQ_RELATIVE (VERSION_MAX - ((int64_t)1 << 32))

/* ------------------------------------------------------------------ wanting */

/* An item or a location, by its sku or code. */
struct wanted_name {
	const char *name;
	bool needs_texts; /* all of it: it is patched, or shown when it is refused */
	bool needs_use;   /* whether it is in use: it is to be deleted */
};

/* A row whose history a count needs. */
struct wanted_statement {
	const struct row_ref *row;
	int64_t seen_seq; /* did a movement behind this one state its level? */
};

struct wanted_reservation {
	const char *name;
	bool needs_rows; /* those of its lines, if it is active */
};

struct wanted_key {
	const char *key;
	int64_t token_id; /* whose it is */
};

struct wanted_lease {
	const char *id;
	int64_t fence; /* 0: any; of several the newest */
};

/*
 * What some commands want, in the order in which they want it; the same may be named twice.
 * want_sort() makes sorted sets of it, for a store that locks in an order. Texts and rows are the
 * commands' own.
 */
struct want {
	struct want_rows {
		const struct row_ref **all;
		size_t count, capacity;
	} rows,            /* touched: locked, read, with what is overdue in them */
		respected; /* whose lease is respected: the leases that close them */
	struct want_reservations {
		struct wanted_reservation *all;
		size_t count, capacity;
	} reservations;
	struct want_keys {
		struct wanted_key *all;
		size_t count, capacity;
	} keys; /* of stores whose keys_are_told is false */
	struct want_names {
		struct wanted_name *all;
		size_t count, capacity;
	} items, locations;
	struct want_leases {
		struct wanted_lease *all;
		size_t count, capacity;
	} leases; /* that are renewed or released */
	struct want_statements {
		struct wanted_statement *all;
		size_t count, capacity;
	} statements;
	int64_t now_ms; /* store time of the group: what is overdue, what has ended */
	uint64_t group; /* number of the open group, from 1: marks what it was asked for */
	bool is_short;  /* memory was short: lock() must not be called with it */
};

/* Each adds one; want.is_short when memory is short. Amortised O(1). */
void want_row(struct want *w, const struct row_ref *row);
void want_respect(struct want *w, const struct row_ref *row);
void want_reservation(struct want *w, struct wanted_reservation reservation);
void want_key(struct want *w, struct wanted_key key);
void want_item(struct want *w, struct wanted_name name);
void want_location(struct want *w, struct wanted_name name);
void want_lease(struct want *w, struct wanted_lease lease);
void want_statement(struct want *w, struct wanted_statement statement);
/* Empties it; its memory stays. */
void want_clear(struct want *w);
void want_fini(struct want *w);

/* Every set in rising order (rows by sku and location), each of its members once. O(n log n). */
void want_sort(struct want *w);

/* ------------------------------------------------------------------ finding */

/* A reservation, as the group left it. */
struct found_reservation {
	struct map_node node; /* by hash_bytes(name, ..., 0) */
	const char *name;
	struct reservation reservation; /* id 0: there is none, or it has no number yet */
	bool is_there;
	bool is_damaged; /* its record makes no sense */
	bool has_rows;   /* those of its lines were asked for */
};

/*
 * One that is active and overdue; its rows are in found.rows. Where it is handed out, and the group
 * that is kept does not resolve it, it is not handed out again within a minute: somebody has to
 * mend it.
 */
struct found_overdue {
	struct list link; /* in found.overdue, oldest first */
	int64_t id;
	struct found_reservation *of; /* NULL: its record makes no sense */
};

struct found_lease {
	const char *id;
	int64_t fence; /* that was wanted, or for any the one that there is */
	bool is_there;
	bool is_over; /* it ended before want.now_ms, and nobody has deleted it yet */
};

struct found_key {
	struct wanted_key key;
	struct key_record record; /* id 0: it was not used yet */
};

enum { FOUND_BUCKETS = 1 << 10 };

struct found {
	struct row_set *rows; /* what is not in it makes no sense */
	struct map reservations;
	struct list overdue; /* found_overdue.link: not yet taken out by whoever decides */
	/*
	 * The newest of the ledger behind the newest lock(), of a store that others write to
	 * meanwhile; 0: as the group began.
	 */
	int64_t newest_seq;
	bool has_more_overdue; /* some row bears its group in overdue_group */
	struct found_lease *leases;
	size_t lease_count;
	/* Of the last lock() that wanted any: one of each, in the order of want.keys. */
	struct found_key *keys;
	size_t key_count;
	const struct row_ref **held; /* wanted rows that somebody outside holds: not locked */
	size_t held_count;
	bool leases_are_news; /* some of them leased: begin() and news() of the next group say it */
	struct arena memory;  /* of all but the rows; whoever decides may take from it, too */
	struct map_node *buckets[FOUND_BUCKETS];
};

void found_init(struct found *f);
void found_fini(struct found *f);
/* For the next group. */
void found_clear(struct found *f);

/*
 * A text of a want that `found` names: its command may be answered, and be gone, before the group
 * is. NULL: memory is short.
 */
const char *found_keep_text(struct found *f, const char *text);

/* NULL: it was not asked for. Its rows are in found.rows. */
struct found_reservation *found_reservation_of(const struct found *f, const char *name);
/* A place for it, added. NULL: memory is short. The name must last as long as the group. */
struct found_reservation *found_add_reservation(struct found *f, const char *name);
/*
 * Of a want that was sorted. NULL: the last lock() that wanted any did not want it. O(log n): each
 * of thousands of keyed commands of a group asks for its own.
 */
const struct found_key *found_key_of(const struct found *f, const struct wanted_key *key);
/* As far as it was asked for; fence 0: any. NULL: it is not there. */
const struct found_lease *found_lease_of(const struct found *f, const char *id, int64_t fence);

/* ------------------------------------------------------------------ effects */

struct movement_effect {
	struct movement *movement; /* write() sets its stock_id */
	struct found_row *row;     /* which stands in found.rows->dirty, too */
	struct stock *after;       /* of an answer, whose id write() sets; NULL: none */
};

enum change { CHANGE_MAKE, CHANGE_UPDATE, CHANGE_DELETE };

struct item_effect {
	enum change change;
	struct found_item *of;
	/*
	 * With its texts; of a DELETE only its id counts. write() sets the id of one that is made.
	 */
	struct item *item;
	const struct item *before; /* with its texts, for the audit; NULL: none, or not known */
	void *owner;
};

struct location_effect {
	enum change change;
	struct found_location *of;
	struct location *location;
	const struct location *before;
	void *owner;
};

/* A lease of row_count rows, which are in found.rows. */
struct lease_effect {
	enum change change;
	/*
	 * Of a MAKE given by number(): one that no lease of this store ever had, nor one that
	 * somebody has typed has now.
	 */
	int64_t fence;
	/*
	 * Of a MAKE; "": "l_" and the fence, put into made_id by number(). Where several write, and
	 * another one has taken it since lock() found that nobody had it, write() says -EBUSY.
	 */
	const char *id;
	char made_id[ID_BYTES_MAX + 1];
	const char *purpose;
	int64_t token_id;  /* of a MAKE, as is the next one: whose it is */
	const char *actor; /* and who takes it */
	int64_t taken_at_ms;
	int64_t expires_at_ms;
	int row_count;
	const struct row_ref *rows;
	void *owner; /* NULL: of nobody, it has ended. With an expires_at_ms, what says
			that it ends later was renewed by another writer since, and stays */
};

struct reservation_effect {
	enum { RESERVATION_MAKE, RESERVATION_RESOLVE, RESERVATION_EXTEND } change;
	/*
	 * Of a MAKE, number() sets its id, one that no reservation of this store ever had, and
	 * made_name; write() sets the ids of its lines.
	 */
	struct reservation *reservation;
	/*
	 * Where it has no name of its own: its name's buffer, of ID_BYTES_MAX + 1, into which
	 * number() writes "r_" and the id; else NULL.
	 */
	char *made_name;
	struct found_row **rows; /* of a MAKE: of its lines */
	void *owner;             /* NULL: it ran out */
};

/*
 * What a group does. Movements are in the order of their seqs, keys in that of their ids, all
 * others in the order in which they were decided; rows that have changed stand in row_set.dirty.
 */
struct effects {
	struct row_set *rows;
	int64_t seq_first; /* of its movements: one above begun.seq, also when that is relative */
	struct effect_movements {
		struct movement_effect *all;
		size_t count, capacity;
	} movements;
	struct effect_keys {
		struct key_record *all;
		size_t count, capacity;
	} keys;
	struct effect_items {
		struct item_effect *all;
		size_t count, capacity;
	} items;
	struct effect_locations {
		struct location_effect *all;
		size_t count, capacity;
	} locations;
	struct effect_leases {
		struct lease_effect *all;
		size_t count, capacity;
	} leases;
	struct effect_reservations {
		struct reservation_effect *all;
		size_t count, capacity;
	} reservations;
	struct effect_audits {
		struct audit_entry *all; /* of id 0 */
		size_t count, capacity;
	} audits;
	int64_t forget_to;    /* keys up to this id go, oldest first, */
	int forget_count;     /* at most so many of them; */
	int forgotten_count;  /* write() says how many there were */
	int64_t audit_old_ms; /* of the oldest rows of the audit */
	int audit_old_count;  /* so many are looked at; those from before audit_old_ms go, */
	int audit_gone_count; /* and write() says how many there were */
	bool must_note_time;  /* what the store says of time: see struct stored_time */
	int64_t newest_ms;
	int64_t ahead_ms;

	/*
	 * Nothing but commit() follows on write(): a store may keep the group with it, and commit()
	 * says what became of that.
	 */
	bool is_last;
	bool is_numbered;  /* number() was called; write() calls it otherwise */
	int64_t seq_shift; /* number() has added it to every relative seq of movements and rows */
	void *culprit;     /* of number(), write() with -EBADMSG: whose it was; NULL: nobody's */
	int64_t culprit_overdue; /* or the id of the reservation that ran out by it; 0: none */
};

/* Each a place for one more; NULL: memory is short. Valid until the next one. Amortised O(1). */
struct movement_effect *effects_add_movement(struct effects *e);
struct key_record *effects_add_key(struct effects *e);
struct item_effect *effects_add_item(struct effects *e);
struct location_effect *effects_add_location(struct effects *e);
struct lease_effect *effects_add_lease(struct effects *e);
struct reservation_effect *effects_add_reservation(struct effects *e);
struct audit_entry *effects_add_audit(struct effects *e);
/* Empties it; its memory stays. */
void effects_clear(struct effects *e);
void effects_fini(struct effects *e);
bool effects_are_none(const struct effects *e);

/*
 * For number(), behind the ids of those that are made: what else is done to them bears the same.
 */
void effects_pass_ids_on(struct effects *e);

/*
 * For number(): lays `shift` on every relative seq of the movements (seq, prev_seq), of the rows
 * they changed (seq, stated_seq) and of the answers' rows. shift: newest seq - SEQ_RELATIVE.
 */
void effects_shift_seqs(struct effects *e, int64_t shift);
/* The same for one seq: what is not relative stays. */
static inline int64_t seq_shifted(int64_t seq, int64_t shift)
{
	return seq > SEQ_RELATIVE ? seq + shift : seq;
}

/* ------------------------------------------------------------------ the conversation */

/*
 * Asked now and then while others hold what is waited for; false ends the wait. NULL: it goes on.
 */
struct patience {
	bool (*may_go_on)(void *context);
	void *context;
};

struct group_begun {
	bool is_changed_by_others; /* see news() */
	int64_t newest_seq;        /* in the ledger */
	int64_t seq;               /* that the group counts on from: newest_seq, or SEQ_RELATIVE */
};

/* What others have changed, of which the caller keeps copies. */
struct news {
	int64_t newest_key; /* the largest id of a key, up to KEY_ID_MAX; 0: none */
	int64_t ledger_ms;  /* of the last movement; 0: there is none */
	/* Leases were changed, or the name of a row: the next two say how they are now. */
	bool has_leases;
	struct lease_row *leases; /* every row, expired or not, ordered by fence */
	size_t lease_count;
};

/* The active reservations, as of the last group that was kept. */
struct promised {
	int64_t count;
	int64_t line_count;
	int64_t overdue_count; /* of those, known to be overdue */
	int64_t next_ms;       /* when the next of the others runs out; INT64_MAX: there is none */
};

enum tending {
	TEND_COPY,    /* the log into the store; returns how much of it was copied */
	TEND_RESTART, /* the same, and the next group writes the log from its front */
	TEND_CUT,     /* the same, and cuts its file to nothing */
};

struct store_writer;

struct writer_ops {
	const char *name;
	/* lock() may be called again in an open group; else a lane takes followers by holds. */
	bool joins_groups;
	/* Nobody else can take seqs while a group is open: none is relative. */
	bool numbers_at_begin;
	/*
	 * Leases change by this writer or are told by news(): lock() looks up none for
	 * want.respected.
	 */
	bool leases_are_told;
	/* Keys are known by each_key() and this writer alone: lock() looks up none. */
	bool keys_are_told;

	/*
	 * Opens a group. Waits at most busy_ms for another program that holds the whole store.
	 * -EBUSY: it still does; nothing was done. -EUCLEAN: the ledger makes no sense.
	 */
	int (*begin)(struct store_writer *w, const struct patience *patience,
		     struct group_begun *ret);

	/*
	 * In a group. Array and texts in the arena. Told again by every group until news_taken().
	 */
	int (*news)(struct store_writer *w, struct arena *a, struct news *ret);
	/* Nothing of what others had written when this group began is in a copy any more. */
	void (*news_taken)(struct store_writer *w);
	/*
	 * Between groups: has another program written what was not taken in? Takes no lock and
	 * waits for nobody; a few microseconds. Edits count that have no movement, too.
	 */
	int (*has_news)(struct store_writer *w, bool *ret);

	/*
	 * Locks and reads what is wanted, and adds it to `found`, which is the same throughout the
	 * group. wait_ms: at most so long for rows that others hold; those still held then are in
	 * found.held, and their commands must come again. 0, or a fault: the group must be
	 * abandoned.
	 *
	 * found.overdue gets the active reservations that have an open line on a wanted row, or are
	 * wanted by name, and are overdue by now_ms; each once a group, with all of its rows. No
	 * more than limits allow (EXPIRED_LINES_PER_GROUP_MAX twice over in a group): a row that
	 * has more bears its group in overdue_group.
	 */
	int (*lock)(struct store_writer *w, const struct want *want, int64_t wait_ms,
		    struct found *found);

	/* Adds to found.overdue what has been overdue for longest, up to the limit (once over). */
	int (*sweep)(struct store_writer *w, int64_t now_ms, struct found *found);
	/* In or between groups. Cheap. */
	void (*promised)(struct store_writer *w, int64_t now_ms, struct promised *ret);

	int (*number)(struct store_writer *w, struct effects *effects);
	int (*write)(struct store_writer *w, struct effects *effects);
	/*
	 * 0: all that was written is kept, and durable if *ret_is_durable. -EREMOTEIO: see
	 * settle().
	 */
	int (*commit)(struct store_writer *w, bool *ret_is_durable);
	/*
	 * Harmless when no group is open. had_nothing: all went well, there was nothing to write.
	 */
	int (*abandon)(struct store_writer *w, bool had_nothing);
	/* 0 and the answer, or -EREMOTEIO: nobody can say. Stop the process then. */
	int (*settle)(struct store_writer *w, bool *ret_is_kept);
	/* All up to ret_seq is durable. */
	int (*flush)(struct store_writer *w, int64_t *ret_seq);

	/*
	 * 0 while what was opened is still what is there; else -ESTALE, and what was committed is
	 * in it if that can be. Any time, cheap.
	 */
	int (*check)(struct store_writer *w);
	/*
	 * Between groups. Waits for readers for at most wait_ms. -EBUSY: one stayed, or another
	 * program writes; nothing is lost.
	 */
	int64_t (*tend)(struct store_writer *w, enum tending how, int64_t wait_ms);
	/* How long the log is. Any time, cheap. */
	int64_t (*log_bytes)(struct store_writer *w);

	/*
	 * At the start: calls `see` for the newest `count` keys made since since_ms, oldest first,
	 * without those whose ids nobody gave out; a fault of it ends the walk.
	 */
	int (*each_key)(struct store_writer *w, int64_t since_ms, size_t count,
			int (*see)(void *context, int64_t id, uint64_t key_hash, int64_t at_ms),
			void *context);

	void (*close)(struct store_writer *w); /* NULL is fine */
};

struct store_writer {
	const struct writer_ops *ops;
};
