/*
 * offline - a store file that no server has: look at it, repair it, put a backup in its place.
 *
 *     struct offline *f;
 *     r = offline_open(&(struct offline_options){ .path = path }, &f, &result);
 *     if (r == 0)
 *             r = offline_verify(f, see_damage, context, &verify);
 *     offline_close(f);
 *
 * It holds the lock file meanwhile, so that no server starts; and a server that runs is
 * STORE_IN_USE. Without may_write nothing is created and nothing changed: a file that was closed
 * cleanly is read without SQLite's log and its index. One that was not has them, and is read with
 * them.
 *
 * Threads: one. Returns: 0 or a fault; what stands in the way is in the store_open_result.
 */
#pragma once
#include "store/verify.h"

struct offline;

struct offline_options {
	const char *path;
	bool may_write;
};

int offline_open(const struct offline_options *o, struct offline **ret,
		 struct store_open_result *result);
void offline_close(struct offline *f); /* NULL is fine */

/* Schema version of the file. */
int offline_version(const struct offline *f);

/*
 * Calls `see` with each line of SQLite's own checks that is not "ok": whether the file is one, and
 * whether every reference leads somewhere. The count of lines, or a fault.
 */
int offline_check(struct offline *f, void (*see)(void *context, const char *line), void *context);

/* The whole verification. *ret is the caller's to destroy. */
int offline_verify(struct offline *f, struct verify **ret);

/* Has somebody else changed the file since it was opened? Then nothing that was found counts. */
bool offline_has_changed(const struct offline *f);

/* ---------------------------------------------------------------- repair */

enum repair_trust {
	TRUST_LEDGER, /* rows are made what their movements say */
	TRUST_LEVEL,  /* what lies on the shelf is right; a movement says how it came about */
};

/*
 * One row that is repaired. reserved is always made what its active reservations promise. A
 * movement of kind edit says so in the ledger, where that has it otherwise.
 */
struct repair_change {
	int64_t stock_id;
	struct code sku; /* "": it has no name */
	struct code location;
	struct stock before;
	struct stock after;
	bool has_movement; /* after.seq is a new one */
	int64_t on_hand_delta;
	int64_t reserved_delta;
	int64_t prev_seq;
};

struct repair_plan {
	struct repair_change *changes;
	int64_t count;
	int64_t fence_before; /* store.next_fence; */
	int64_t fence_after;  /* the same, or behind every lease's */
	int64_t line_count; /* of reservations: they become open, or closed, as their states say */
	bool needs_epoch;   /* seqs that were given out will be given out again */
};

/* What would be done about the findings. The verification is over. */
int repair_plan_make(struct offline *f, const struct verify *v, enum repair_trust trust,
		     struct repair_plan *ret);
bool repair_plan_is_empty(const struct repair_plan *p);
void repair_plan_fini(struct repair_plan *p);

/*
 * Copies the store to a new file beside it, whose name it writes, then carries the plan out in one
 * transaction: a crash leaves it as it was, or repaired. The file was opened with may_write. actor:
 * who asks, for the audit.
 */
enum { OFFLINE_PATH_BYTES = 4096 };

int repair_apply(struct offline *f, const struct repair_plan *p, const char *actor,
		 char ret_copy[OFFLINE_PATH_BYTES], struct store_open_result *result);

/* ---------------------------------------------------------------- restore */

struct restore_options {
	const char *backup;
	const char *path;  /* of the store; it need not exist */
	const char *actor; /* who asks, for the audit */
	bool keeps_tokens; /* else all secrets end: some may be revoked since the backup */
};

struct restore_report {
	char kept[OFFLINE_PATH_BYTES]; /* where the old file is now; "": there was none */
	char epoch[33];                /* the new one */
	int64_t seq;                   /* the newest of the backup */
	int64_t void_count; /* tokens that were valid in the backup, and are not any more */
	bool was_damaged;   /* the old file could not be read: its log was kept with it */
	bool is_open;       /* what is there now never had a token, nor had what could be read */
};

/*
 * Puts a copy of the backup in the place of the store, under a new epoch. The copy is whole and on
 * the disk before it takes the name: a crash leaves the old store or the new one.
 */
int restore_run(const struct restore_options *o, struct restore_report *ret,
		struct store_open_result *result);

/* ---------------------------------------------------------------- repack */

enum { REPACK_PAGE_BYTES_MIN = 1024, REPACK_PAGE_BYTES_MAX = 65536 }; /* and a power of two */

/* The size that a new store has. */
int repack_page_bytes(void);

struct repack_options {
	const char *path;
	const char *actor; /* who asks, for the audit */
	int page_bytes;
	int64_t finding_count; /* of a verification of the store: the copy must have as many */
	void (*progress)(void *context, int percent); /* now and then, growing; NULL: not told */
	void *context;
};

struct repack_report {
	int64_t page_bytes_before;
	int64_t bytes_before; /* of the file */
	int64_t bytes_after;
	bool is_in_place; /* also where a fault came behind it */
};

/*
 * Writes the store anew, without gaps and with pages of that size, to a file beside it, verifies
 * that, and lets it take the store's name, owner and mode: a crash leaves the old store or the new
 * one. Until then nobody can read it but who runs this. Refused where the disk has no room for the
 * copy, and where another program has the file open.
 */
int repack_run(const struct repack_options *o, struct repack_report *ret,
	       struct store_open_result *result);
