/*
 * power_vfs - SQLite's file system on a disk whose power may fail at any moment.
 *
 *     power_vfs_install();                 // before the first database is opened
 *     power_vfs_watch(look, context);      // look() is called after each write, cut and flush
 *     power_vfs_cut("/tmp/x/cut.db", 7);   // what the disk may hold if the power failed now
 *
 * Of the database and its log that are open, what was flushed is on the disk; of what was written
 * since, each sector of 512 bytes is there or is not, in any combination, and so is the length of
 * the file: the seed says which. One database at a time.
 */
#pragma once

void power_vfs_install(void);
void power_vfs_watch(void (*look)(void *context), void *context); /* NULL: no more */

/* Writes both files, the log as <path>-wal. */
void power_vfs_cut(const char *path, unsigned seed);
