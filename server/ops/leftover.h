/*
 * leftover - temporary files and folders that have a name, and stay behind when their process is
 * killed.
 *
 *     fd = mkostemp(path, O_CLOEXEC);                     // or a folder, opened
 *     if (!leftover_hold(fd, path))
 *             ...somebody took it for one: make another...
 *
 *     leftovers_remove("/var/tmp", "rowlock-spool-", unlink_it);      // at the next start
 *
 * Who made it holds it with flock(2), which ends with its process, however that ends. So what
 * nobody holds is left over, and what another process is using is not.
 *
 * Threads: any. Only what is our own user's is looked at, and no symbolic link is followed.
 */
#pragma once
#include <stdbool.h>

/* Keeps `fd` from being left over while it is open. False: it was removed meanwhile. */
bool leftover_hold(int fd, const char *path);

/*
 * Calls `remove` with the path of each in the folder whose name begins so, and that nobody holds.
 */
void leftovers_remove(const char *folder, const char *prefix, void (*remove)(const char *path));
