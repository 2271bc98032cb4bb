/*
 * store - where items, locations, stock rows, the ledger, leases and keys live.
 *
 * SQLite fills in these tables (store/sqlite.h); nothing outside of store/ knows which store it is.
 * Every store keeps these promises, and tests/unit/test_store.c holds it to each of them:
 *
 *   - commit() returns 0 only once the whole group would survive a power cut;
 *   - a group is all or nothing, also across a crash;
 *   - a snapshot sees the last commit that returned before it began, and nothing of later ones;
 *   - seqs are consecutive, and nothing ever appears at or below a seq that was already read.
 *
 * Threads: a writer (`struct store_writer`, store/group.h) is used by one thread, which also has
 * what a store can be asked for beside it; any number of readers (`struct reader`), each used by
 * one thread at a time. Texts handed out live in the arena that was passed in; they are UTF-8
 * without a NUL, whatever somebody typed into the store: what is not is shown as U+FFFD. So are
 * skus and codes that no request can name (code_is_valid() tells); lists of the catalogue leave
 * those out, and a verification finds them. Returns: 0, or a fault (< 0, base/fault.h). Something
 * that is absent is not a fault: its id is 0.
 *
 * Faults that mean something to the caller (each leaves the connection usable unless said):
 *   -EBUSY   begin(): another program holds the database; nothing was done
 *   -ENOSPC  the disk is full; the group is to be abandoned
 *   -EIO     a write failed before the flush; the group is to be abandoned
 *   -EREMOTEIO  commit(): the flush failed, or a step behind it; whether the group was kept is
 *            UNKNOWN: settle() may say; else stop the process
 *   -ESTALE  the database file was moved or removed: stop the process
 *   -EBADMSG a record was changed in a way that no rule allows, or contradicts what is written: the
 *            call changed nothing, others are as good as before
 *   -EUCLEAN the file is damaged: its pages, its schema, or an index and its table contradict each
 *            other. Nothing that it says can be built on: no more writes
 *   -ETIME   a read was interrupted by its time limit
 *   -ENOMEM  memory was short; the group is to be abandoned
 *   -ENOTCONN the store cannot be reached now; nothing was done, and the group is to be abandoned
 * Any other fault: the group is to be abandoned.
 */
#pragma once
#include "base/arena.h"
#include "base/hash.h"
#include "core/access.h"
#include "core/answer.h"
#include "core/audit.h"
#include "core/reservation.h"
#include <stdatomic.h>

/* ------------------------------------------------------------------ opening */

enum { STORE_PATH_BYTES = 4096 };

enum store_trouble {
	STORE_FINE,
	STORE_FOREIGN, /* another program's file, or not a database: exit 65 */
	STORE_NEWER,   /* a later version of this program wrote it: exit 65 */
	STORE_OLDER,   /* an earlier one did, and whoever opens it must not migrate it: exit 65 */
	STORE_CORRUPT, /* exit 65 */
	STORE_GONE, /* the lock file is there, the store is not: exit 65, --create to start empty */
	STORE_IN_USE,    /* another instance has it: exit 75 */
	STORE_LOCKED,    /* another program holds it for too long: exit 75 */
	STORE_FORBIDDEN, /* no permission, or a read-only file system: exit 77 */
	STORE_NETWORK,   /* on a network file system: exit 78 */
	STORE_LINKED,    /* it has several names, by each of which somebody may have it: exit 78 */
	STORE_UNFIT,     /* of a server: the address, the database or a setting: exit 78 */
	STORE_FULL,      /* there is no room to make it, or to open it: exit 73 */
	STORE_TAKEN,     /* something is there already, where a store is to be made: exit 73 */
	STORE_UNREACHABLE, /* exit 69 */
};

/* Of sysexits.h: what a program that could not open its store ends with. */
int store_exit_code(enum store_trouble trouble);

/* What the opening of a store is at. `percent` is of the stage; -1: nobody can say. */
struct store_progress {
	const char *stage; /* "recover", "copy", "migrate" or "check" */
	int percent;
	int64_t elapsed_ms; /* since the opening began */
	int version_from;   /* 0: not known yet, or a new store */
	int version;        /* that it gets */
};

/* What a store finds out by itself, for the log. */
enum store_event {
	STORE_OUSTED,       /* another process has this front end's name: this one must stop */
	STORE_LOST_COMMITS, /* up to seq `a` was durable, and `b` is the newest there is */
	STORE_NEW_EPOCH,    /* somebody has begun another epoch: this process must start anew */
	STORE_KEPT_HERE,    /* `a` commits were answered that no standby has */
	STORE_MAY_LOSE,     /* it has standbys, and none that a commit waits for */
	STORE_SERVED,       /* `a` front ends live, this one among them; said every second */
};

/* Of a store that several processes may serve: who this one is. */
struct store_front_end {
	const char *name;    /* 1 to 64 of A-Z a-z 0-9 . _ : - */
	const char *address; /* where it answers others: "http://10.0.0.5:8080"; "": nowhere */
	const char *version; /* of this program */
};

struct store_options {
	const char *path;
	bool may_create_gone; /* --create: start empty although a lock file says a store was here */
	int busy_ms;          /* begin() waits this long for another program's lock */
	bool must_not_migrate;      /* --no-migrate: an older schema is STORE_OLDER */
	bool must_exist;            /* of PostgreSQL: where there is none, STORE_GONE */
	bool is_copied_to;          /* of PostgreSQL: by whoever fills it, as store/copy.h says */
	bool migrates_without_copy; /* --migrate-without-copy */
	/*
	 * "commit" or "early", where somebody says so: of a store that has it as a property it must
	 * be that. NULL: as the store has it.
	 */
	const char *row_release;
	const struct store_front_end *front_end; /* NULL: a command, which serves nobody */
	/* On any thread, until the store is closed; it returns soon. NULL: nobody listens. */
	void (*tell)(void *context, enum store_event event, int64_t a, int64_t b);
	void *tell_context;
	/*
	 * Called on the opening thread while it takes long, as long as SQLite or the disk get on:
	 * at most every progress_ms, and never where it was done before that. NULL: nobody asks.
	 */
	void (*progress)(void *context, const struct store_progress *p);
	void *progress_context;
	int progress_ms;
};

struct store_open_result {
	enum store_trouble trouble;
	/* A sentence for the operator: what is wrong with which path, and what to do. */
	char message[512];
	bool is_new;      /* the file was created */
	int version_from; /* schema version found, 0 for a new file */
	int version;      /* schema version now */
	/*
	 * Where the store is kept as it was before its schema was changed, and for how much; "":
	 * it was not changed, or without a copy.
	 */
	char copy[STORE_PATH_BYTES];
	int64_t copy_bytes;
	int64_t wal_frames_recovered;
	double open_ms;
	char row_release[8]; /* of a store that has it as a property; "": it has not */
};

struct store;
struct reader;
struct store_writer; /* store/group.h */

/* ------------------------------------------------------------------ records */

enum { EPOCH_BYTES_MAX = 32, DAMAGE_BYTES = 200 };

/* UTC ms. */
struct stored_time {
	int64_t newest_ms; /* the newest store time that was committed: it never runs behind it */
	int64_t ahead_ms;  /* store time minus the machine's clock, as was noted last */
	int64_t ledger_ms; /* of the last movement, whoever wrote it; 0: there is none */
};

/* A line of an active reservation. */
struct promised_row {
	int64_t reservation_id;
	int64_t expires_at_ms;
	int64_t item_id; /* 0: it has no lines */
	int64_t location_id;
};

/* A commit notes the time again when so much has passed, or when there was no movement. */
enum { TIME_NOTED_EVERY_MS = 1000 };

/* Ids and fences beyond these were never given out: somebody has typed them. */
#define KEY_ID_MAX ((int64_t)1 << 61)
#define FENCE_MAX  ((int64_t)1 << 61)

/* A used idempotency key. */
struct key_record {
	int64_t id; /* rising with arrival, 1 to KEY_ID_MAX; given by the engine, or by write()
		       where keys_are_told is false: 0 until then */
	int64_t token_id; /* whose it is; 0: of nobody, as without tokens */
	/*
	 * Of the record of the same key whose place it takes, as found.keys has it; 0: there is
	 * none. A store that knows keys by itself may keep one of each.
	 */
	int64_t replaces;
	const char *key;
	uint64_t key_hash; /* key_hash_of() */
	uint64_t fingerprint;
	int status;
	enum outcome outcome;
	int64_t first_seq; /* its movements: first_seq .. first_seq + movement_count - 1 */
	int movement_count;
	int64_t seq; /* the Stock-Seq of the first answer */
	/* The answer's JSON where it cannot be rebuilt from the ledger; else NULL. */
	const char *body;
	int64_t at_ms;
};

/* Keys of the same text are different ones where they are of different tokens. */
static inline uint64_t key_hash_of(const char *key, size_t bytes, int64_t token_id)
{
	return hash_bytes(key, bytes, (uint64_t)token_id);
}

/* One leased row. A lease of n rows is n of these with the same lease_id and fence. */
struct lease_row {
	const char *lease_id;
	int64_t token_id;  /* whose it is; 0: of nobody */
	const char *actor; /* who took it; NULL: not known */
	int64_t fence;
	struct code sku;
	struct code location;
	const char *purpose;
	int64_t taken_at_ms;
	int64_t expires_at_ms;
};

/* A stock row with its names. */
struct stock_view {
	struct code sku;
	struct code location;
	struct stock stock;
};

/* A movement with its names. */
struct movement_view {
	struct code sku;
	struct code location;
	struct movement movement;
};

enum { FRONT_ENDS_SHOWN = 1000 };

/* One of the processes that serve a store. Times are of the store's clock, UTC ms. */
struct front_end_view {
	const char *name;
	const char *address; /* "": others cannot reach it, or were not told where */
	const char *version;
	int64_t started_at_ms;
	int64_t seen_at_ms;
	bool is_alive; /* it was seen lately enough */
};

/* ------------------------------------------------------------------ access */

enum { SESSION_KEY_BYTES = 32 };

/* Times are store time, UTC ms; INT64_MAX: never. */
struct stored_token {
	int64_t id;
	enum role role; /* above ROLE_PUBLIC */
	char name[TOKEN_NAME_BYTES_MAX + 1];
	int location_count; /* 0: not limited */
	struct code *locations;
	int64_t created_at_ms;
	int64_t expires_at_ms;
	int64_t revoked_at_ms;
};

/* What a token is known by; it has one more with each rotation. */
struct stored_secret {
	int64_t token_id;
	char public_part[TOKEN_PUBLIC_BYTES + 1];
	unsigned char hash[TOKEN_HASH_BYTES];
	int64_t created_at_ms;
	int64_t expires_at_ms; /* an end of its own, beside that of its token */
};

/*
 * All tokens there ever were, rising by id, and their secrets, rising by public part. What makes no
 * sense is left out: a token of which any row does, with its secrets, so that no limit is lost.
 */
struct stored_access {
	int64_t version; /* grows with each change of any of it */
	bool had_token;  /* there was one at some time, whether it is still there or not */
	unsigned char session_key[SESSION_KEY_BYTES];
	size_t token_count;
	struct stored_token *tokens;
	size_t secret_count;
	struct stored_secret *secrets;
	size_t left_out; /* rows that made no sense */
};

/* ------------------------------------------------------------------ the store */

struct store_ops {
	const char *name;
	/*
	 * A point read costs microseconds, and waits for nobody: a loop may read by itself. False:
	 * the store is a network away, and only threads that may wait call its readers.
	 */
	bool reads_inline;

	int (*open_reader)(struct store *s, struct reader **ret); /* any thread */
	/*
	 * What groups are written by: see store/group.h. seed: of the hashes by which rows are
	 * found, that of row_ref.key. A store that is one file has one writer at a time.
	 */
	int (*open_writer)(struct store *s, uint64_t seed, struct store_writer **ret);

	/* What the store says of time. Not while a group is open. */
	int (*load_time)(struct store *s, struct stored_time *ret);
	/* Which store this is: another one after a backup was put in its place. */
	int (*epoch)(struct store *s, char ret[EPOCH_BYTES_MAX + 1]);
	/*
	 * Runs a script of SQL between groups (demo data). ret_message: malloc'ed, NULL when fine.
	 */
	int (*run_script)(struct store *s, const char *sql, char **ret_message);
	/* Has it no items at all? */
	int (*is_empty)(struct store *s, bool *ret);

	/*
	 * The file is damaged: from now on it is left as it is, also when the store is closed. Says
	 * in a line where, as far as SQLite's own check finds it within a second or two; "": it did
	 * not. Between groups.
	 */
	void (*leave_damaged)(struct store *s, char ret_where[DAMAGE_BYTES]);

	/* Its readers and its writer are closed before. Keeps what it can; NULL is fine. */
	void (*close)(struct store *s);
};

struct store {
	const struct store_ops *ops;
};

/* ------------------------------------------------------------------ readers */

struct stock_query {
	const char *sku;      /* NULL: any */
	const char *location; /* NULL: any */
	bool is_below_reorder;
	int64_t after_id; /* rows of the stock table with an id above it, in id order */
	int limit;        /* 1 to PAGE_ROWS_MAX */
};

struct item_stock_query {
	const char *sku;
	const char *after; /* codes behind it, in byte order; "": from the start */
	int limit;
};

/* What an item has over all locations. */
struct stock_sum {
	bool has_item; /* else the rest is 0 */
	int64_t on_hand;
	int64_t reserved;
};

struct movement_query {
	const char *sku; /* NULL: any, as with all texts */
	const char *location;
	const char *reference;
	const char *reservation;
	const char *actor;
	const char *reason; /* of those that have none of their own the word of their kind */
	unsigned kinds;     /* a set, of 1 << MOVEMENT_*; 0: any */
	int64_t since_ms;   /* at or after; INT64_MIN: any */
	int64_t until_ms;   /* before; INT64_MAX: any */
	bool is_descending;
	int64_t after_seq; /* rows behind it in the order asked for; 0: from the start */
	int limit;
};

struct catalogue_query {
	const char *text;  /* in the name, sku or code, without regard to case; NULL: any */
	int is_archived;   /* 0, 1; -1: both */
	const char *after; /* skus or codes behind it, in byte order; "": from the start */
	int limit;
};

struct reservation_query {
	const char *owner;            /* NULL: any, as with all texts */
	const char *sku;              /* of one of its lines */
	const char *location;         /* of one of its lines; with a sku, of the same one */
	enum reservation_state state; /* RESERVATION_STATES: any */
	int64_t after_id;
	int limit;
};

struct audit_query {
	const char *actor;  /* NULL: any */
	const char *action; /* NULL: any */
	int64_t since_ms;   /* at or after; INT64_MIN: any */
	int64_t until_ms;   /* before; INT64_MAX: any */
	bool is_descending;
	int64_t after_id; /* behind it in the order asked for; 0: from the start */
	int limit;
};

/*
 * A page of a list: `next` says where to go on (an id, a seq, or a sku or code in next_code).
 * A page examines at most PAGE_EXAMINED_MAX rows, and ends after PAGE_MS_MAX where it is: it may be
 * short, or empty, and still have a next.
 */
struct page {
	size_t count;
	bool has_next;
	int64_t next;
	struct code next_code;
	union {
		struct stock_view *stock;
		struct movement_view *movements;
		struct item *items;
		struct location *locations;
		struct reservation *reservations;
		struct audit_entry *audits;
	};
};

/* A movement, as far as a verification needs it. */
struct audit_movement {
	int64_t seq;
	int64_t stock_id;
	int64_t on_hand_delta;
	int64_t reserved_delta;
	int64_t on_hand;
	int64_t reserved;
	int64_t version;
	int64_t prev_seq;
	int64_t reservation_id;  /* 0: of none, or not asked for */
	enum movement_kind kind; /* MOVEMENT_KINDS: a word that is none of theirs */
};

struct audit_row {
	int64_t id;
	int64_t on_hand;
	int64_t reserved;
	int64_t version;
	int64_t seq;
	int64_t backorder_limit;
	int64_t item_version;
	bool has_names; /* its item and its location exist */
};

/* A line of an active reservation. */
struct audit_line {
	int64_t stock_id; /* 0: there is no such row */
	int64_t quantity;
	bool is_open; /* until the reservation runs out: so that it is found by its row */
};

struct audit_key {
	int64_t id;
	const char *key; /* until the next one is seen */
	int64_t stock_seq;
	int64_t first_seq;
	int64_t movement_count;
	int64_t movements_there; /* of first_seq and those behind it */
};

struct audit_lease {
	const char *lease; /* until the next one is seen */
	int64_t fence;
	int64_t next_fence;  /* of the store */
	int64_t fence_first; /* the smallest of the lease's rows */
	int64_t expires_at_ms;
	int64_t expires_first_ms;
	bool has_names;
};

/* An item or a location, as far as its texts are what a request may say. */
struct audit_name {
	int64_t id;
	struct code code;  /* sku, or code of the location; mended where it is none */
	const char *wrong; /* the first of its columns that is not; NULL: all are */
};

/* What of tokens makes no sense. */
enum audit_access {
	AUDIT_TOKEN,
	AUDIT_TOKEN_SECRET,
	AUDIT_TOKEN_LOCATION,
	AUDIT_STORE_ACCESS,
};

/*
 * What verify.h reads: the tables as they are, whether that makes sense or not. Within a snapshot.
 * Each walk calls `see` for one after the other; a fault of it ends the walk.
 */
struct audit_ops {
	/* The first `limit` behind after_seq, in the order of seq. */
	int (*movements)(struct reader *r, int64_t after_seq, int64_t limit, bool with_reservations,
			 int (*see)(void *context, const struct audit_movement *m), void *context);
	/* seq 0: there is none. */
	int (*movement)(struct reader *r, int64_t seq, struct audit_movement *ret);
	/* The first `limit` behind after_id, in the order of id. */
	int (*rows)(struct reader *r, int64_t after_id, int64_t limit,
		    int (*see)(void *context, const struct audit_row *row), void *context);
	/* id 0: there is none. */
	int (*row)(struct reader *r, int64_t id, struct audit_row *ret);
	/* "" where the row or its names do not exist. */
	int (*row_names)(struct reader *r, int64_t id, struct code *ret_sku,
			 struct code *ret_location);
	/* The active reservations in the order of id; and the last id of all, active or not. */
	int (*active_reservations)(struct reader *r, int (*see)(void *context, int64_t id),
				   void *context, int64_t *ret_last_id);
	/* The lines of one, while it is active. */
	int (*active_lines)(struct reader *r, int64_t reservation_id, bool *ret_is_active,
			    int (*see)(void *context, const struct audit_line *line),
			    void *context);
	/* The reservation of each line that is open though its reservation is not active. */
	int (*lines_left_open)(struct reader *r, int (*see)(void *context, int64_t reservation_id),
			       void *context);
	int (*reservation_name)(struct reader *r, int64_t id, char ret[ID_BYTES_MAX + 1]);
	/* The first `limit` behind after_id, in the order of id. */
	int (*keys)(struct reader *r, int64_t after_id, int64_t limit,
		    int (*see)(void *context, const struct audit_key *key), void *context);
	int (*leases)(struct reader *r, int (*see)(void *context, const struct audit_lease *lease),
		      void *context);
	/* The first `limit` behind after_id, in the order of id. */
	int (*items)(struct reader *r, int64_t after_id, int64_t limit,
		     int (*see)(void *context, const struct audit_name *name), void *context);
	int (*locations)(struct reader *r, int64_t after_id, int64_t limit,
			 int (*see)(void *context, const struct audit_name *name), void *context);
	/*
	 * Only those rows that make no sense; which: the id of the token, the public part of the
	 * secret, or the column of the store.
	 */
	int (*access)(struct reader *r,
		      int (*see)(void *context, enum audit_access what, const char *which),
		      void *context);
};

/* Of a stock row, which need not be there. */
struct stock_name {
	const char *sku;
	const char *location;
};

struct reader_ops {
	const struct audit_ops *audit;

	/*
	 * A hint: the snapshot that begins next will be asked for the stock of these rows. Where
	 * the store is a network away they are read as it begins, in the same trip. The names must
	 * last until that snapshot has ended. NULL: it makes no difference to this store.
	 */
	void (*expect)(struct reader *r, const struct stock_name names[], size_t count);

	/* Begins a snapshot; ret_seq is the newest seq in it. One at a time. */
	int (*begin)(struct reader *r, int64_t *ret_seq);
	void (*end)(struct reader *r); /* harmless without a snapshot */

	int (*item)(struct reader *r, const char *sku, struct arena *a, struct item *ret);
	int (*location)(struct reader *r, const char *code, struct arena *a, struct location *ret);
	/* The row with its names in two ids: which of the three are there. */
	int (*stock)(struct reader *r, const char *sku, const char *location, struct stock *ret,
		     bool *ret_has_item, bool *ret_has_location);
	/*
	 * One item over all of its rows, and a page of them (stock), by location code. -EOVERFLOW:
	 * the sums need more than 64 bits. Costs a look at each row of the item, memory for a page.
	 */
	int (*stock_of_item)(struct reader *r, const struct item_stock_query *q, struct arena *a,
			     struct stock_sum *ret_sum, struct page *ret);
	int (*movement)(struct reader *r, int64_t seq, struct arena *a, struct movement_view *ret);
	/*
	 * How the row stood at ret->as_of_seq: fills the rest. Walks its history back, until then
	 * or until a movement that stated its level. A row that is not there had nothing.
	 */
	int (*past_level)(struct reader *r, const char *sku, const char *location,
			  struct past_level *ret);
	int (*key)(struct reader *r, int64_t id, struct arena *a, struct key_record *ret);

	int (*reservation)(struct reader *r, const char *name, struct arena *a,
			   struct reservation *ret);

	/*
	 * The version of what access() reads. Outside of a snapshot; sees what was committed before
	 * the call, by whomever. Costs a look at a counter as long as nobody has written anything.
	 */
	int (*access_version)(struct reader *r, int64_t *ret);
	int (*access)(struct reader *r, struct arena *a, struct stored_access *ret);

	int (*list_stock)(struct reader *r, const struct stock_query *q, struct arena *a,
			  struct page *ret);
	int (*list_movements)(struct reader *r, const struct movement_query *q, struct arena *a,
			      struct page *ret);
	int (*list_items)(struct reader *r, const struct catalogue_query *q, struct arena *a,
			  struct page *ret);
	/* What was done without a movement. */
	int (*list_audit)(struct reader *r, const struct audit_query *q, struct arena *a,
			  struct page *ret);
	int (*list_locations)(struct reader *r, const struct catalogue_query *q, struct arena *a,
			      struct page *ret);
	int (*list_reservations)(struct reader *r, const struct reservation_query *q,
				 struct arena *a, struct page *ret);

	/*
	 * Who serves the store, the living first, then by name; at most FRONT_ENDS_SHOWN. NULL:
	 * this store has one process at a time.
	 */
	int (*front_ends)(struct reader *r, struct arena *a, struct front_end_view **ret,
			  size_t *ret_count);

	/*
	 * Writes the whole store, as the snapshot shows it, into the empty file at `path`: a store
	 * that can be opened. `may_go_on` is asked between pieces; false: -ECANCELED. Not flushed.
	 */
	int (*copy)(struct reader *r, const char *path, bool (*may_go_on)(void *context),
		    void *context);

	/*
	 * Reads after this end with -ETIME once the monotonic clock passes at_ns; 0: no limit. The
	 * same for what another thread may write to *or_at_ns meanwhile; NULL: nobody does.
	 */
	void (*limit_time)(struct reader *r, int64_t at_ns, const atomic_int_fast64_t *or_at_ns);
	void (*close)(struct reader *r);
};

struct reader {
	const struct reader_ops *ops;
};
