/*
 * sqlite_gather - the writes of one commit to SQLite's log (the WAL), in one call.
 *
 * SQLite hands each page of a commit to the kernel with two small writes: 24 bytes that say what
 * the page is, and the page. This is a file system of SQLite's (a VFS) in front of the one that is
 * its default. What is appended to the log is gathered in memory, and goes to the file
 *
 *     - with the last page of a commit, before that write returns: so a disk that is full or broken
 *       is found by a write, as it was before, and never later;
 *     - when GATHER_BYTES_MAX would be passed;
 *     - before the log is flushed, read where it overlaps, measured, cut or written elsewhere.
 *
 * So all of a commit is in the file before SQLite asks for the flush, and nothing is in the memory
 * that anybody was told of. What a transaction had written early, for lack of cache, and then took
 * back is thrown away before the write lock is given up: whoever writes next, another program
 * maybe, finds the place free. What overwrites an earlier frame is not gathered.
 *
 * GATHER_BYTES_MAX: SQLite 3.40's own unixWrite() passes on the size modulo 131,072, takes nothing
 * written for a full disk, and so fails for the multiples of it. What is gathered stays below.
 *
 * Of a database's file only the giving up of the write lock is seen to. All other files, and all
 * other calls, are the default file system's own: locks, index and memory are shared with
 * connections that do not go this way. If writing fails, what was gathered is gone, and the call
 * that needed it says the file system's own code: SQLite takes the transaction back.
 *
 * Threads: one connection has a file. Cost: a copy of each page, and GATHER_BYTES_MAX of memory for
 * a log. Rejected: a second descriptor for the log (closing it drops the locks of the process), and
 * vectored writes (SQLite's files have none).
 */
#pragma once

#define SQLITE_GATHER "rowlock-gather" /* its name, for sqlite3_open_v2() */

enum { GATHER_BYTES_MAX = 131071 };

/*
 * Calls `look` at each reading and writing of such a database or log by this thread, from now on;
 * NULL: no more. A log that is read back, or a table that is looked through, can be seen to get on
 * in no other way. Cost: a comparison a page.
 */
void sqlite_gather_watch(void (*look)(void *context), void *context);

/* Registers it; afterwards it does nothing. SQLite is initialized. 0, or -ENOMEM. */
int sqlite_gather_register(void);
