/*
 * sqlite_private - what the sqlite_*.c files share: connections, statements, faults.
 */
#pragma once
#include "base/check.h"
#include "base/fault.h"
#include "store/group.h"
#include "store/known_rows.h"
#include "store/reservation_book.h"
#include "store/sqlite.h"
#include "store/sqlite_effects.h"
#include <sqlite3.h>

/* 'RWLK': whose file this is. */
#define SQLITE_APPLICATION_ID 0x52574C4B

/* Statements are prepared at their first use, once per connection, from a table of texts. */
struct sqlite_connection {
	sqlite3 *db;
	const char *const *texts;
	int statement_count;
	sqlite3_stmt **statements;
};

/*
 * Opens with `flags` and the pragmas that every connection has. 0 or a fault; db may be set anyway.
 */
int sqlite_connect(struct sqlite_connection *c, const char *path, int flags,
		   const char *const texts[], int statement_count);
/* The same through a file system of that name; NULL: SQLite's default. */
int sqlite_connect_through(struct sqlite_connection *c, const char *vfs, const char *path,
			   int flags, const char *const texts[], int statement_count);
void sqlite_disconnect(struct sqlite_connection *c);

/* The prepared statement, reset and without bindings. 0 or a fault. */
int sqlite_statement(struct sqlite_connection *c, int index, sqlite3_stmt **ret);

/* All of them, so that none is missing later, when memory is short. 0 or a fault. */
int sqlite_prepare_all(struct sqlite_connection *c);

/* For CLEANUP(): resets the statement. */
void sqlite_park(sqlite3_stmt **statement);

/* Runs a statement that yields no row. 0 or a fault. */
int sqlite_run(struct sqlite_connection *c, sqlite3_stmt *statement);

/*
 * Runs a statement that must change exactly one row. 0 or a fault; with -EBADMSG (it did not, or a
 * constraint was in its way) nothing was changed.
 */
int sqlite_change_one(struct sqlite_connection *c, sqlite3_stmt *statement);

/* Runs SQL that yields no row we care for. 0 or a fault. */
int sqlite_execute(struct sqlite_connection *c, const char *sql);

/* The integer that `sql` yields. 0 or a fault. */
int sqlite_integer(struct sqlite_connection *c, const char *sql, int64_t *ret);

/* The one integer of a prepared statement whose only parameter is `bound`. 0 or a fault. */
int sqlite_bounded_integer(struct sqlite_connection *c, int statement, int64_t bound, int64_t *ret);

/*
 * What SQLite says of a file, fit for a line of a log: it quotes the file, which may hold anything.
 * What is no visible ASCII becomes a blank or a '?'.
 */
void sqlite_words(const char *said, char ret[DAMAGE_BYTES]);

/* What the connection's last error means to store.h, raised as a fault. */
int sqlite_raise(struct sqlite_connection *c);
int sqlite_fault_of_code(int extended_code);

/*
 * Columns and bindings. A NULL text binds NULL; a NULL column is NULL. A text that comes out is
 * UTF-8 without a NUL, whatever is stored; a code may be one that code_is_valid() does not take, or
 * "".
 */
void sqlite_bind_text(sqlite3_stmt *s, int index, const char *text);
int sqlite_column_copy(sqlite3_stmt *s, int column, struct arena *a, const char **ret);
int sqlite_column_code(sqlite3_stmt *s, int column, struct code *ret);
/* A text that must be there is NULL: memory is short, or the record is damaged. */
int sqlite_raise_no_text(sqlite3_stmt *s);

/* ---------------------------------------------------------------- the file */

struct sqlite_file {
	char path[STORE_PATH_BYTES]; /* of the file itself, whatever links lead to it */
	int lock_fd;                 /* -1: none */
	bool is_held;                /* with flock() */
	bool is_lock_new;            /* nobody who has held it has got as far as a store */
	bool is_store_there;
};

/*
 * Takes the lock file and looks whether a store is there and may be used. 0, or a fault with the
 * trouble in `result`. The lock file lies beside the file itself, so that whoever comes to it by a
 * symbolic link meets it; a file with several names (hard links) is refused, since each of them
 * would have a lock of its own. From here on the file is f->path.
 */
int sqlite_file_open(const struct store_options *o, struct sqlite_file *f,
		     struct store_open_result *result);
/*
 * Only the lock: 0, or STORE_IN_USE and the like. Where there is no lock file and none may be made,
 * nobody can have locked it: lock_fd is -1.
 */
int sqlite_file_hold(const char *path, bool may_create, struct sqlite_file *f,
		     struct store_open_result *result);

/*
 * "<path>.before-restore-...": a restore gives the old store this second name, then the first one
 * to the new store.
 */
#define SQLITE_KEPT_BY_RESTORE ".before-restore-"
/* "<path>.before-schema-5": what a migration keeps; "<path>.before-schema-part" while it copies. */
#define SQLITE_KEPT_BEFORE_SCHEMA ".before-schema-"
/* Keeps a little room on the disk, so that the store can be opened when that is full. */
void sqlite_file_keep_room(struct sqlite_file *f);
/* must_forget: a lock file that is new is removed: no store was made after all. */
void sqlite_file_close(struct sqlite_file *f, bool must_forget);

/* ---------------------------------------------------------------- migration */

/* Of a new store, in bytes; one that is there has what it was made with, until it is repacked. */
#define SQLITE_PAGE_BYTES 2048
#define SQLITE_PAGE_TEXT  "2048"

enum { SQLITE_VERSION_NEWEST = 7 };

/* Whose file is it, and of which version? Sets version_from, or the trouble with it. Only reads. */
int sqlite_look(struct sqlite_connection *c, struct store_open_result *result);

/*
 * PRAGMA integrity_check and foreign_key_check: calls `see` for each line that is not "ok". The
 * count of them, or a fault.
 */
int sqlite_check_integrity(struct sqlite_connection *c,
			   void (*see)(void *context, const char *line), void *context);

/*
 * Where the file is damaged, in a line, found within a second or two by reading it; "": not found.
 */
void sqlite_find_damage(const char *path, char ret[DAMAGE_BYTES]);

/* The script that makes version n + 1 of version n, 0 <= n < SQLITE_VERSION_NEWEST. */
const char *sqlite_migration(int n);

/* A store that is being opened: sqlite_open.c. */
struct sqlite_opening {
	const struct store_options *options;
	struct store_open_result *result;
	const char *stage;
	const char *copy; /* while it is written: how long it is says how far that is */
	int64_t copy_bytes;
	int64_t begun_ns; /* monotonic */
	int64_t told_ns;
};

void sqlite_opening_begin(struct sqlite_opening *o, const struct store_options *options,
			  struct store_open_result *result);
/* The calls of the file system of this thread are not looked at any more. */
void sqlite_opening_end(struct sqlite_opening *o);
void sqlite_opening_enter(struct sqlite_opening *o, const char *stage);
/* Something got on: tells it, where it is time for that. Context: the opening. */
void sqlite_opening_look(void *context);

/*
 * Copies the store to "<path>.before-schema-<version>" for the way back: of its mode and its owner,
 * flushed, and only whole under that name. The caller holds the write lock, and has written
 * nothing. One that is there of the same store as it is now (length and time of change say so) is
 * left; of another one it is not touched, and this one gets a number behind its name. 0, or a fault
 * with the trouble: STORE_FULL where there is no room.
 */
int sqlite_keep_before(struct sqlite_connection *c, struct sqlite_opening *o);

/*
 * Brings the schema to the newest version, in one transaction, behind a copy of the store. Sets
 * version_from and version.
 */
int sqlite_migrate(struct sqlite_connection *c, struct sqlite_opening *o);

/* The words of schema/movements.def that the store has not met yet are added: triggers are off. */
int sqlite_learn_kinds(struct sqlite_connection *c, struct sqlite_opening *o);

/* ---------------------------------------------------------------- the store */

/* What sqlite_begin() found. */
struct sqlite_begun {
	/*
	 * Another program wrote what was not taken in yet: drop every cache, read the leases again,
	 * then note_taken_in().
	 */
	bool is_changed_by_others;
	int64_t seq; /* the last one in the ledger; read anew when changed by others */
};

struct sqlite_store {
	struct store store;
	struct sqlite_connection connection;
	struct sqlite_file file;
	int busy_ms;
	int64_t data_version;       /* up to which what others wrote was taken in */
	int64_t data_version_begun; /* as of our last group */
	int64_t wal_pages;          /* in the WAL since it began anew */
	int64_t page_bytes;
	const volatile uint32_t *index_header; /* of the WAL's index; NULL: not mapped yet */
	int index_regions;                     /* of it, that are there */
	int64_t reservation_next;              /* 0: store.next_reservation is to be read first */
	bool has_new_reservations;             /* in this group: the row of `store` is behind */
	bool is_in_group;
	int64_t key_newest; /* id of the newest key, whoever wrote it; below 0: not known */
	struct sqlite_effects effects; /* what the running statement takes in */
};

/*
 * Writes groups, on the store's own connection. Nobody else writes while it works, unless begin()
 * says so: what it has read of rows stays true from one group to the next, and which reservation
 * runs out when is known without asking.
 */
struct sqlite_writer {
	struct store_writer writer;
	struct sqlite_store *store;
	struct row_set rows;
	struct reservation_book book;
	int64_t newest_seq;     /* in the ledger, as the open group has left it */
	int64_t lease_edits;    /* as was told last */
	int64_t lease_edits_at; /* as news() has told it, not taken in yet */
	bool has_leases;        /* they were told */
	size_t overdue_lines;   /* handed out in this group */
	size_t overdue_looked;  /* reservations that were looked at for it */
	struct found_row *changed[GROUP_COMMANDS_MAX]; /* while they are written */
};

struct sqlite_reader {
	struct reader reader;
	struct sqlite_connection connection;
	int64_t limit_ns;                       /* monotonic; 0: none */
	int64_t page_ns;                        /* a page that takes longer ends there */
	const atomic_int_fast64_t *or_limit_ns; /* NULL: none */
	int64_t data_version;                   /* when access_version was read; 0: it was not */
	int64_t access_version;
	bool is_in_snapshot;
	uint32_t seen; /* SQLite's own count of changes by others, in this snapshot */
	struct known_rows known;
};

/* Of the writer's connection. What it holds at most is what a COMMIT writes at most. */
#define SQLITE_WRITER_CACHE_KIB 65536

/*
 * Before COMMIT, within the group: makes the index of the WAL large enough for it. 0, or a fault
 * (-ENOSPC: the disk is full): nothing was written. Costs a few comparisons, mostly.
 */
int sqlite_wal_index_make_room(struct sqlite_store *s);

extern const struct writer_ops sqlite_writer_ops; /* sqlite_group.c */
extern const struct store_ops sqlite_store_ops;   /* sqlite_store.c */
extern const struct reader_ops sqlite_reader_ops; /* sqlite_reader.c */
extern const struct audit_ops sqlite_audit_ops;   /* sqlite_audit.c */

/* sqlite_access.c: see reader_ops. */
int sqlite_access_version(struct reader *reader, int64_t *ret);
int sqlite_access(struct reader *reader, struct arena *a, struct stored_access *ret);

enum { WRITER_STATEMENTS = 60, READER_STATEMENTS = 60 };
extern const char *const sqlite_writer_texts[];
extern const char *const sqlite_reader_texts[];

int sqlite_open_writer(struct store *s, uint64_t seed, struct store_writer **ret);
int sqlite_open_reader(struct store *s, struct reader **ret);

static inline struct sqlite_store *sqlite_of(struct store *s)
{
	return CONTAINER_OF(s, struct sqlite_store, store);
}

static inline struct sqlite_reader *sqlite_reader_of(struct reader *r)
{
	return CONTAINER_OF(r, struct sqlite_reader, reader);
}

/* ---------------------------------------------------------------- the writer's statements */

/*
 * sqlite_writer.c: one statement each, or a few, within a group unless said. Each returns 0 or a
 * fault; what is absent has id 0. texts: NULL = only the numbers.
 */
int sqlite_begin(struct store *s, bool (*may_go_on)(void *), void *context,
		 struct sqlite_begun *ret);
int sqlite_commit(struct store *s);
int sqlite_rollback(struct store *s);
void sqlite_note_taken_in(struct store *s);
int sqlite_look_for_others(struct store *s, bool *ret);
int sqlite_load_item(struct store *s, const char *sku, struct arena *texts, struct item *ret);
int sqlite_load_location(struct store *s, const char *code, struct arena *texts,
			 struct location *ret);
int sqlite_load_stock(struct store *s, int64_t item_id, int64_t location_id, struct stock *ret);
int sqlite_stated_since(struct store *s, int64_t from_seq, int64_t down_to_seq, int64_t *ret);
int sqlite_item_has_stock(struct store *s, int64_t item_id, int64_t now_ms, bool *ret);
int sqlite_location_has_stock(struct store *s, int64_t location_id, int64_t now_ms, bool *ret);
int sqlite_put_item(struct store *s, struct item *item);
int sqlite_delete_item(struct store *s, int64_t item_id);
int sqlite_put_location(struct store *s, struct location *location);
int sqlite_delete_location(struct store *s, int64_t location_id);
int sqlite_put_stock(struct store *s, int64_t item_id, int64_t location_id, struct stock *row);
/* The rows of a walk: sqlite_effects.h. */
int sqlite_put_stocks(struct store *s, struct found_row *const rows[], size_t count);
/* seqs go on from the newest one, without a gap. */
int sqlite_add_movements(struct store *s, const struct movement_effect all[], size_t count);
int sqlite_next_fence(struct store *s, int64_t *ret);
/* Texts of NULL are NULL; sets its id. */
int sqlite_add_audit(struct store *s, struct audit_entry *entry);
/* Of the `count` oldest rows, those from before at_ms: how many there were, or a fault. */
int sqlite_delete_audit(struct store *s, int64_t at_ms, int count);
int sqlite_add_lease_row(struct store *s, const struct lease_row *row, int64_t item_id,
			 int64_t location_id);
int sqlite_renew_lease(struct store *s, int64_t fence, int64_t expires_at_ms);
int sqlite_delete_lease(struct store *s, int64_t fence);
int sqlite_lease_edits(struct store *s, int64_t *ret);
int sqlite_load_leases(struct store *s, struct arena *a, struct lease_row **ret_rows,
		       size_t *ret_count);
int sqlite_add_keys(struct store *s, const struct key_record all[], size_t count);
int sqlite_newest_key(struct store *s, int64_t *ret);
int sqlite_delete_keys(struct store *s, int64_t id_last, int count);
int sqlite_each_key(struct store *s, int64_t since_ms, size_t count,
		    int (*see)(void *context, int64_t id, uint64_t key_hash, int64_t at_ms),
		    void *context);
int64_t sqlite_checkpoint(struct store *s);
int sqlite_restart_log(struct store *s, int64_t wait_ms, bool must_truncate);
int64_t sqlite_wal_bytes(struct store *s);
int sqlite_check_file(struct store *s);
int sqlite_load_time(struct store *s, struct stored_time *ret);
int sqlite_note_time(struct store *s, int64_t newest_ms, int64_t ahead_ms);

enum writer_statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	DATA_VERSION,
	LAST_SEQ,
	LOAD_ITEM,
	LOAD_LOCATION,
	LOAD_STOCK,
	ITEM_IN_USE,
	LOCATION_IN_USE,
	INSERT_ITEM,
	UPDATE_ITEM,
	DELETE_ITEM,
	DELETE_ITEM_LOCKS,
	INSERT_LOCATION,
	UPDATE_LOCATION,
	DELETE_LOCATION,
	DELETE_LOCATION_LOCKS,
	INSERT_STOCK,
	UPDATE_STOCK,
	UPDATE_STOCKS,
	INSERT_MOVEMENTS,
	INSERT_MOVEMENTS_ALIKE,
	TAKE_FENCE,
	DELETE_EXPIRED_LOCK,
	INSERT_LOCK,
	RENEW_LOCKS,
	DELETE_LOCKS,
	READ_LEASE_EDITS,
	LOAD_LOCKS,
	INSERT_KEYS,
	INSERT_NEXT_KEYS,
	LAST_KEY,
	NEWEST_KEY,
	DELETE_KEYS,
	EACH_KEY,
	LOAD_TIME,
	NOTE_TIME,
	WALK_HISTORY,
	LOAD_RESERVATION,
	LOAD_RESERVATION_BY_ID,
	LOAD_RESERVATION_LINES,
	INSERT_RESERVATION,
	NEXT_RESERVATION,
	KEEP_NEXT_RESERVATION,
	INSERT_RESERVATION_LINE,
	RESOLVE_RESERVATION,
	EXTEND_RESERVATION,
	EXTEND_LINES,
	CLOSE_LINES,
	COMMIT_RESERVATION_LINE,
	EACH_ACTIVE_RESERVATION,
	READ_EPOCH,
	INSERT_AUDIT,
	DELETE_AUDIT,
	STATEMENTS_USED,
};
_Static_assert((int)STATEMENTS_USED <= (int)WRITER_STATEMENTS, "room for every statement");

/* ---------------------------------------------------------------- readers and lists */

enum reader_statement {
	READ_BEGIN,
	READ_END,
	READ_SEQ,
	READ_ITEM,
	READ_LOCATION,
	READ_STOCK,
	READ_STOCK_BY_ID,
	READ_STOCK_NAMED,
	READ_STOCK_SUM,
	READ_STOCK_OF_ITEM,
	READ_MOVEMENT,
	READ_KEY,
	LIST_STOCK,
	LIST_ITEMS,
	LIST_LOCATIONS,
	LIST_MOVEMENTS_UP,
	LIST_MOVEMENTS_DOWN,
	LIST_CHAINS,
	READ_MOVEMENT_TIME,
	READ_ITEM_ID,
	READ_LOCATION_ID,
	READ_HISTORY,
	READ_RESERVATION,
	READ_RESERVATION_LINES,
	LIST_RESERVATIONS,
	LIST_AUDIT_UP,
	LIST_AUDIT_DOWN,
	AUDIT_MOVEMENTS,
	AUDIT_MOVEMENT,
	AUDIT_ROWS,
	AUDIT_ROW,
	AUDIT_ROW_NAMES,
	AUDIT_ACTIVE,
	AUDIT_LAST_RESERVATION,
	AUDIT_LINES,
	AUDIT_OPEN_LINES,
	AUDIT_RESERVATION_NAME,
	AUDIT_KEYS,
	AUDIT_LEASES,
	AUDIT_ITEMS,
	AUDIT_LOCATIONS,
	AUDIT_ACCESS,
	READ_DATA_VERSION,
	READ_ACCESS,
	READ_TOKENS,
	READ_TOKEN_LOCATIONS,
	READ_SECRETS,
	READER_STATEMENTS_USED,
};
_Static_assert((int)READER_STATEMENTS_USED <= (int)READER_STATEMENTS, "room for every statement");

#define SQLITE_MOVEMENT_COLUMNS                                                                 \
	"m.seq, m.stock_id, m.kind, m.on_hand_delta, m.reserved_delta, m.on_hand, m.reserved, " \
	"m.version, coalesce(m.reason, m.kind), m.reference, m.reservation, m.request_id, "     \
	"m.oversubscribed, m.low_stock, m.at, m.prev_seq, i.sku, l.code, s.item_id, "           \
	"s.location_id, "                                                                       \
	"m.actor, m.note"

/*
 * A row's history, newest first: from the movement ?1 back, until one at or before ?2 or one that
 * stated the level, which is the last row.
 */
#define SQLITE_HISTORY_WALK                                                                  \
	"WITH RECURSIVE back (seq, kind, on_hand, prev_seq) AS (SELECT seq, kind, on_hand, " \
	"prev_seq FROM movement WHERE seq = ?1 UNION ALL SELECT m.seq, m.kind, m.on_hand, "  \
	"m.prev_seq FROM back b JOIN movement m ON m.seq = b.prev_seq WHERE b.seq > ?2 AND " \
	"b.kind NOT IN ('set', 'count', 'edit')) SELECT seq, kind, on_hand, prev_seq FROM back"

/* Its last row; seq 0 where there is none. */
struct sqlite_history_end {
	int64_t seq;
	bool has_stated_level; /* behind the bound */
	int64_t on_hand;
	int64_t prev_seq;
};

/* Runs such a statement, whose parameters are bound. 0 or a fault. */
int sqlite_walk_history(struct sqlite_connection *c, sqlite3_stmt *s, int64_t down_to_seq,
			struct sqlite_history_end *ret);

#define SQLITE_ITEM_COLUMNS                                                                \
	"id, sku, name, unit, backorder_limit, reorder_point, "                            \
	"CASE WHEN json_valid(attributes) AND instr(CAST(attributes AS BLOB), x'00') = 0 " \
	"THEN attributes END, archived, version, created_at, updated_at"

#define SQLITE_LOCATION_COLUMNS "id, code, name, archived, version, created_at, updated_at"

#define SQLITE_RESERVATION_COLUMNS                                                  \
	"r.id, r.name, r.state, r.owner, r.reference, r.created_at, r.expires_at, " \
	"r.resolved_at"

#define SQLITE_RESERVATION_LINES                                                        \
	"SELECT i.sku, l.code, e.item_id, e.location_id, e.quantity, e.committed, e.n " \
	"FROM reservation_line e JOIN item i ON i.id = e.item_id "                      \
	"JOIN location l ON l.id = e.location_id WHERE e.reservation_id = ?1 ORDER BY e.n"

/*
 * Reads the columns above, and the lines by the other statement, whose parameter is bound here.
 */
int sqlite_read_reservation(struct sqlite_connection *c, sqlite3_stmt *s, sqlite3_stmt *lines,
			    struct arena *a, struct reservation *ret);

/* sqlite_reservations.c: see store.h. */
int sqlite_load_reservation(struct store *s, const char *name, struct arena *a,
			    struct reservation *ret);
int sqlite_load_reservation_by_id(struct store *s, int64_t id, struct arena *a,
				  struct reservation *ret);
int sqlite_add_reservation(struct store *s, struct reservation *reservation, struct arena *a);
int sqlite_resolve_reservation(struct store *s, const struct reservation *reservation);
int sqlite_extend_reservation(struct store *s, const struct reservation *reservation);
/* An id that no reservation ever had. */
int sqlite_take_reservation_id(struct store *s, int64_t *ret);
/* Before COMMIT: what the group has given out is given out for ever. 0 or a fault. */
int sqlite_keep_next_reservation(struct sqlite_store *s);
int sqlite_each_active_reservation(struct store *s,
				   int (*see)(void *context, const struct promised_row *row),
				   void *context);
int sqlite_reader_reservation(struct reader *r, const char *name, struct arena *a,
			      struct reservation *ret);
int sqlite_list_reservations(struct reader *r, const struct reservation_query *q, struct arena *a,
			     struct page *ret);

/*
 * sqlite_columns.c: each reads the columns above, from column 0 on. texts NULL: only numbers, skus
 * and codes.
 */
int sqlite_read_movement(sqlite3_stmt *s, struct arena *a, struct movement_view *ret);
int sqlite_read_item(sqlite3_stmt *s, struct arena *texts, struct item *ret);
int sqlite_read_location(sqlite3_stmt *s, struct arena *texts, struct location *ret);

/* sqlite_found.c: reads what a group wants. See group.h. */
int sqlite_lock(struct store_writer *w, const struct want *want, int64_t wait_ms,
		struct found *found);
int sqlite_sweep(struct store_writer *w, int64_t now_ms, struct found *found);

static inline struct sqlite_writer *sqlite_writer_of(struct store_writer *w)
{
	return CONTAINER_OF(w, struct sqlite_writer, writer);
}

/*
 * Copies the database of a connection, as its snapshot shows it, to a file that is there, empty and
 * nobody else's; it is not flushed. 0, -ECANCELED or another fault.
 */
int sqlite_copy_pages(sqlite3 *from, const char *path, bool (*may_go_on)(void *context),
		      void *context);

/* sqlite_copy.c: see store.h. */
int sqlite_copy(struct reader *r, const char *path, bool (*may_go_on)(void *context),
		void *context);

/*
 * How far a page has looked. What a filter examines costs as much as it likes, a reservation of 64
 * lines on a slow disk: so a page ends by count and by time, and never before it got anywhere.
 */
struct sqlite_look {
	int count; /* examined */
	int64_t until_ns;
};

struct sqlite_look sqlite_look_begin(struct reader *r);
bool sqlite_look_is_over(const struct sqlite_look *l);

int sqlite_list_stock(struct reader *r, const struct stock_query *q, struct arena *a,
		      struct page *ret);
int sqlite_stock_of_item(struct reader *r, const struct item_stock_query *q, struct arena *a,
			 struct stock_sum *ret_sum, struct page *ret);
int sqlite_list_audit(struct reader *r, const struct audit_query *q, struct arena *a,
		      struct page *ret);
int sqlite_list_movements(struct reader *r, const struct movement_query *q, struct arena *a,
			  struct page *ret);
int sqlite_list_items(struct reader *r, const struct catalogue_query *q, struct arena *a,
		      struct page *ret);
int sqlite_list_locations(struct reader *r, const struct catalogue_query *q, struct arena *a,
			  struct page *ret);
