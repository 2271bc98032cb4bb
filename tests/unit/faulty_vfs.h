/*
 * faulty_vfs - SQLite's file system, with faults on order: every file of a process that has
 * installed it goes through it.
 *
 *     faulty_vfs_install();                           // before the first database is opened
 *     faulty_vfs_fail_write(3, SQLITE_FULL);          // the third write from now on fails, and so
 *                                                     // do those behind it
 *     faulty_vfs_fail_sync(SQLITE_IOERR_FSYNC);       // every flush fails
 *     faulty_vfs_fail_index(SQLITE_IOERR_SHMSIZE);    // the WAL's index cannot grow
 *     faulty_vfs_heal();                              // the disk is well again
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
