/*
 * memory - what a command does when there is none: ends.
 *
 *     struct api *a = memory_or_exit(calloc(1, sizeof(*a)));
 *
 * A command line has nothing better to do, and its callers stay readable.
 */
#pragma once

/* Says so on stderr and ends the process with EXIT_FAILED. */
void exit_out_of_memory(void) __attribute__((noreturn, cold));

/* Returns `memory`; ends the process when it is NULL. */
void *memory_or_exit(void *memory) __attribute__((returns_nonnull, warn_unused_result));
