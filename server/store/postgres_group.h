/*
 * postgres_group - what the files of the writer over PostgreSQL share: its statements, what it has
 * locked, and what it knows of others.
 *
 * postgres_group.c has the texts and what all need, postgres_writer.c the life of a group,
 * postgres_found.c locks and reads, postgres_effects.c numbers and writes. A group is one
 * transaction of one connection (a lane), in these trips:
 *
 *     BEGIN, the lane's row, locks, and behind them what is read     lock()
 *     the store's row, and behind it the newest numbers              number()
 *     all that is written                                            write()
 *     the mark in the lane's row, COMMIT                             commit()
 *
 * The last two are one where nothing can come out that the server does not refuse by itself, as for
 * all that is only inserted: postgres_write().
 *
 * Locks come in one order: the lane, stock by id, reservations by id, items, locations, leases, the
 * store. A lock that cannot keep to it, in a group that has some already, waits for nobody: SKIP
 * LOCKED or NOWAIT. All ids are given under the store's lock, so that no two writers give the same
 * one, and no INSERT waits for another writer's.
 */
#pragma once
#include "store/postgres_private.h"

enum postgres_statement {
	/* postgres_writer.c */
	LANE_MAKE,
	LANE_RENEW,
	LANE_LOCK,
	LANE_MARK,
	READ_HEAD,
	READ_NEWS,
	READ_LEASES,
	READ_PROMISED,
	READ_OVERDUE,
	READ_EACH_KEY,
	/* postgres_found.c */
	STOCK_MAKE,
	STOCK_LOCK,
	STOCK_LOCK_FREE,
	STOCK_LOCK_ALL,
	STOCK_LOCK_NAMED_NOW,
	STOCK_LOCK_DUE,
	RESERVATION_LOCK,
	RESERVATION_LOCK_DUE,
	ITEM_LOCK,
	LOCATION_LOCK,
	READ_ROWS,
	READ_ROWS_OF_RESERVATIONS,
	READ_RESERVATIONS,
	READ_LINES,
	READ_ITEMS,
	READ_LOCATIONS,
	READ_STATEMENTS,
	READ_WANTED_LEASES,
	READ_RESPECTED,
	READ_KEYS,
	READ_DUE,
	READ_OLDEST_DUE,
	/* postgres_effects.c */
	STORE_LOCK,
	STOCK_ADD,
	READ_NUMBERS,
	ITEM_MAKE,
	ITEM_CHANGE,
	ITEM_DELETE_LEASES,
	ITEM_DELETE_STOCK,
	ITEM_DELETE,
	LOCATION_MAKE,
	LOCATION_CHANGE,
	LOCATION_DELETE_LEASES,
	LOCATION_DELETE_STOCK,
	LOCATION_DELETE,
	LEASE_DELETE_ENDED,
	LEASE_FIND,
	LEASE_MAKE,
	LEASE_RENEW,
	LEASE_DELETE,
	RESERVATION_ADD,
	RESERVATION_ADD_LINES,
	RESERVATION_END,
	RESERVATION_END_LINES,
	RESERVATION_PUT_OFF,
	RESERVATION_PUT_OFF_LINES,
	MOVEMENT_ADD,
	KEY_ADD,
	KEY_REPLACE,
	KEY_DELETE,
	AUDIT_ADD,
	AUDIT_DELETE,
	STORE_CHANGE,
	POSTGRES_WRITER_STATEMENTS,
};

extern const char *const postgres_writer_texts[POSTGRES_WRITER_STATEMENTS];

/* What a set of rows gets from here: a group seldom has more, and it is emptied for each. */
enum { POSTGRES_SET_BUCKETS = 1 << 12, POSTGRES_HANDED_MAX = 4096 };

/* One that was handed out as overdue. */
struct postgres_handed {
	int64_t id;
	int64_t ended_ms; /* when it ran out: one that was extended since is another matter */
	int64_t until_ms; /* it is not handed out again before */
	bool is_of_group; /* of the open one */
};

/* Where a store stands that others write to, too. */
struct postgres_head {
	int64_t seq;
	int64_t lease_change;
};

/* Behind the store's lock: the last of each that was given. */
struct postgres_numbers {
	int64_t seq;
	int64_t at_ms; /* of that movement */
	int64_t item;
	int64_t location;
	int64_t stock;
	int64_t row_lock;
	int64_t key;
	int64_t audit;
	int64_t fence;
	int64_t reservation;
	int64_t lease_change;
};

struct postgres_writer {
	struct store_writer writer;
	struct postgres_store *store;
	struct postgres_link *link;
	int64_t lane;
	int64_t generation;
	int64_t session;  /* of the link, which that generation is of */
	int64_t group;    /* the number of the last one that this lane has tried to keep */
	bool is_in_group; /* begin() was called, and nothing that ends it */
	bool is_open;     /* its transaction was begun */
	bool has_rows;    /* it has locked some: what comes on top waits for nobody */
	bool is_numbered; /* it has the store's lock */
	bool has_written;
	bool has_promised;   /* it changes reservations */
	bool is_kept;        /* its COMMIT went with what it has written */
	bool is_unknown;     /* its COMMIT was sent, and not answered */
	struct row_set rows; /* of the open group */
	int64_t *locked;     /* ids of stock, rising */
	size_t locked_count;
	size_t locked_capacity;
	struct postgres_numbers numbers;
	struct postgres_numbers stored; /* of those that `store` keeps: as they stand there */
	/* What the caller has taken in; has seen begun with this group; what is known of. */
	struct postgres_head taken, begun, seen;
	int64_t lease_change_read; /* by news() */
	bool has_taken;            /* at all */
	bool has_leases;           /* those of `taken` */
	/* Rows of the open group that are leased, as far as the caller may not know it. */
	struct row_ref *leased;
	size_t leased_count;
	struct postgres_handed handed[POSTGRES_HANDED_MAX];
	size_t handed_count;
	size_t overdue_lines; /* handed out in this group */
	struct promised promised;
	bool is_promised_stale;
	int64_t promised_ns; /* when it was read */
	struct arena memory; /* of trips: emptied between groups */
};

static inline struct postgres_writer *postgres_writer_of(struct store_writer *w)
{
	return CONTAINER_OF(w, struct postgres_writer, writer);
}

/* What a fault of a link is to whoever runs the group: a collision with somebody is -EBUSY. */
int postgres_group_fault(int r);

/* Queues BEGIN and the lane's lock, if the group is not open yet; takes their results. */
void postgres_add_begin(struct postgres_writer *w, bool *ret_begins);
int postgres_take_begin(struct postgres_writer *w, bool begins);

/* Where the store stands: as READ_HEAD and READ_LEASES say. */
void postgres_note_head(struct postgres_writer *w, const PGresult *result);

/* Queues the lane's mark and COMMIT; takes their results, behind which the group is kept. */
void postgres_add_commit(struct postgres_writer *w);
int postgres_take_commit(struct postgres_writer *w);

/* The rows of stock that this group has locked. */
bool postgres_has_locked(const struct postgres_writer *w, int64_t stock_id);
/* Adds the ids of the first column. 0 or -ENOMEM. */
int postgres_note_locked(struct postgres_writer *w, const PGresult *result);

/* Has this writer handed it out just now? */
bool postgres_was_handed(struct postgres_writer *w, int64_t id, int64_t expires_at_ms,
			 int64_t now_ms);
int postgres_note_handed(struct postgres_writer *w, int64_t id, int64_t expires_at_ms,
			 int64_t until_ms);
/* Their ids: not to be looked for. */
struct postgres_value postgres_handed_ids(struct postgres_writer *w, int64_t now_ms);
/* What the open group was handed out counts as not handed out. */
void postgres_forget_handed(struct postgres_writer *w);

int postgres_lock(struct store_writer *w, const struct want *want, int64_t wait_ms,
		  struct found *found);
int postgres_sweep(struct store_writer *w, int64_t now_ms, struct found *found);
/* The last lock that a group takes, and what stands behind it: from now on nobody else numbers. */
int postgres_lock_store(struct postgres_writer *w);
int postgres_number(struct store_writer *w, struct effects *effects);
int postgres_write(struct store_writer *w, struct effects *effects);
