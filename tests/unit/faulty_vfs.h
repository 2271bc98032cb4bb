/*
 * faulty_vfs - SQLite's file system, with faults on order: every file of a process that has
 * installed it goes through it.
 *
 *     faulty_vfs_install();                           // before the first database is opened
 *     faulty_vfs_fail_write(3, SQLITE_FULL);          // the third piece that is written from now
 *                                                     // on fails, and so do those behind it
 *     faulty_vfs_fail_sync(SQLITE_IOERR_FSYNC);       // every flush fails
 *     faulty_vfs_fail_index(SQLITE_IOERR_SHMSIZE);    // the WAL's index cannot grow
 *     faulty_vfs_heal();                              // the disk is well again
 *
 * A piece is a write of up to 1,000 bytes: of a larger one, those before the fault are in the file.
 */
#pragma once
#include <stdbool.h>

void faulty_vfs_install(void);
void faulty_vfs_fail_write(int number, int code);
void faulty_vfs_fail_sync(int code);
void faulty_vfs_fail_index(int code);
void faulty_vfs_heal(void);

/* Has one of the ordered faults happened since it was ordered? */
bool faulty_vfs_has_failed(void);

/* Calls of the file system, all in all, and since the latest flush of any file. */
int faulty_vfs_write_count(void);
int faulty_vfs_unflushed_count(void);
