/*
 * log_keeper - keeps SQLite's log (the WAL) short: copies it into the database, sees to it that it
 * begins anew, and empties it when nothing goes on.
 *
 *         core/copy_size      WAL_BYTES_CHECKPOINT         WAL_BYTES_RESTART
 *     written to ─────┬──────────────────┬──────────────────────────┬──────────────
 *               copied if no     copied, beside readers;     admission is closed: no new
 *               write is ready   begins anew by itself       long read, those under way
 *                                if nobody reads then        end, then it is made to
 *                                                            begin anew
 *
 * What begins anew is written from the front of the file; the file keeps its size, up to
 * WAL_BYTES_KEPT. A reader that stays, another program's or a backup, makes the log grow for as
 * long as it stays: then it is left alone until it has grown by a quarter.
 *
 * Only the writer's own connection does any of this (SQLite before 3.51.3 may damage the file when
 * two do it at once), and only between groups. Busy: for at most LOG_RESTART_WAIT_MS, so long may
 * the writer wait for loops to end their turn.
 *
 * Threads: the writer's. The admission is for reader threads.
 */
#pragma once
#include "core/copy_size.h"
#include "engine/read_admission.h"
#include "store/group.h"

enum {
	LOG_RESTART_WAIT_MS = 10, /* more than a loop's turn takes */
	LOG_RESTART_AGAIN_MS = 30,
	LOG_RESTART_TRIES = 4, /* then somebody else reads, who does not come by the admission */
	LOG_LOOK_MS = 2,       /* while it waits for long reads to end, and no group comes */
};

struct log_keeper {
	struct store_writer *writer;
	struct read_admission admission;
	int64_t bytes;              /* when it was looked at last */
	struct copy_size copy_size; /* of a copy that comes early */
	int64_t again_from_bytes;   /* copied, and goes on growing: when next; 0: not copied */
	int64_t restart_from_bytes;
	bool is_closed; /* the admission */
	int tries;      /* since it was closed */
	int64_t tried_ns;
	int64_t wrote_ns; /* when the log was last seen to have changed */
	bool is_empty;    /* and the file, too */
};

void log_keeper_init(struct log_keeper *k, struct store_writer *writer);
void log_keeper_fini(struct log_keeper *k);

/*
 * After a group. is_idle: no write is ready. 0, or the fault of a copy that failed; the log is then
 * as it was.
 */
int log_keeper_look(struct log_keeper *k, int64_t now_ns, bool is_idle);

/* While nothing is under way: empties a log that nobody has written to for LOG_IDLE_S. The same. */
int log_keeper_rest(struct log_keeper *k, int64_t now_ns);

/* No more: nobody is to wait for it. */
void log_keeper_stop(struct log_keeper *k);

/* When log_keeper_look() is to be called though no group was written; INT64_MAX: not before one. */
int64_t log_keeper_next_ns(const struct log_keeper *k, int64_t now_ns);
