/*
 * report - what the offline commands print of a store, for people.
 */
#pragma once
#include "store/offline.h"

/*
 * Opens the store; NULL: the reason was printed, and *ret_exit_code says which kind it is.
 */
struct offline *report_open(const char *command, const struct offline_options *o,
			    int *ret_exit_code);

/* Prints what a store says, which may be anything, as text that a terminal may have. */
void report_text(const char *text);

/* Prints a fault, and returns the exit code. */
int report_fault(const char *command, const char *path, int fault);

/* SQLite's own checks. 0, or the exit code: 65 where something was found. */
int report_check(const char *command, struct offline *f, const char *path);

/* What a verification found, all of it that is listed. */
void report_findings(const struct verify_result *r);
