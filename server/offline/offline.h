/*
 * offline - rowlockd verify, repair, repack, restore, copy and epoch: what is done to a store while
 * no server has it; and rowlockd token and store, which work beside a server, too.
 *
 *     if (offline_command(argc, argv, &code))
 *             return code;
 *     ...the server...
 *
 * Each prints what it found on stdout and what stands in its way on stderr. Exit codes are those of
 * sysexits.h: EX_OK the store is in order, EX_USAGE, EX_DATAERR it is not (or is no store),
 * EX_TEMPFAIL somebody has it, and the others of docs/operating.md.
 */
#pragma once
#include <stdbool.h>
#include <sysexits.h>

/* What was typed behind the command's name. */
struct offline_arguments {
	const char *store;  /* --store */
	const char *trust;  /* --trust; NULL: not given */
	const char *backup; /* the operand; NULL: none */
	int page_bytes;     /* --page-size */
	bool must_apply;    /* --apply */
	bool keeps_tokens;  /* --keep-tokens */
};

/* False: it is none of these commands. */
bool offline_command(int argc, char *argv[], int *ret_exit_code);

/* Each returns the exit code. */
int offline_verify_run(const struct offline_arguments *a);
int offline_repair_run(const struct offline_arguments *a);
int offline_repack_run(const struct offline_arguments *a);
int offline_restore_run(const struct offline_arguments *a);

/* What stands behind the verb is read by each itself. */
int offline_token_run(char *argv[]);
int offline_copy_run(char *argv[]);
int offline_epoch_run(char *argv[]);
int offline_store_run(char *argv[]);
