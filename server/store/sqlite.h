/*
 * sqlite - the store in one SQLite file: WAL, synchronous=FULL, one writer which alone checkpoints.
 *
 * Beside the file lies `<path>.lock`, held with flock() by the running instance. Readers are
 * read-only connections. See docs/architecture.md for why each pragma is as it is.
 */
#pragma once
#include "store/store.h"

/*
 * Once per process, before anything of SQLite is used and any thread starts: no statistics, hence
 * no mutex around each malloc. sqlite_open() calls it, too.
 */
void sqlite_prepare(void);

/*
 * Opens, creates or migrates the file. On success 0 and *ret_store; else a fault, and `result` says
 * in words and as a code what stands in the way. Call before any thread starts.
 */
int sqlite_open(const struct store_options *options, struct store **ret_store,
		struct store_open_result *result);

/* schema/demo.sql, for store_ops.run_script(). */
const char *sqlite_demo_script(void);

/* "3.40.1": the library in use. */
const char *sqlite_version(void);

/*
 * Does this version have the WAL-reset bug (before 3.51.3), which one writer avoids? For the log.
 */
bool sqlite_has_wal_reset_bug(void);
