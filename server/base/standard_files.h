/*
 * standard_files - descriptors 0, 1 and 2 are open before anything else is.
 *
 *     int main(void)
 *     {
 *             if (standard_files_open() < 0)
 *                     return 71;
 *
 * A program that is started with one of them closed (`2>&-`, some supervisors, some crontabs) gets
 * that number for the next file that it opens itself: its log, or its answers, would then be
 * written into the lock file or down a socket. What is closed becomes /dev/null instead.
 *
 * Threads: none yet.
 */
#pragma once

/* 0, or a fault of open(2): there is no /dev/null, as in a bare chroot. */
int standard_files_open(void);
