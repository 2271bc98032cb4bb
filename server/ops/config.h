/*
 * config - where settings come from: flag > environment > file > default.
 *
 *     static struct config_reading r;                // large
 *     if (config_read(&r, argc, argv, &code) != CONFIG_RUN)
 *             return code;
 *     ...r.config.slow_ms...
 *     if (config_read_again(&r))                     // on SIGHUP
 *             ...hand over what may have changed...
 *
 * `--store-busy-ms 500` or `--store-busy-ms=500`, ROWLOCK_STORE_BUSY_MS=500, and `store-busy-ms =
 * 500` in the file that --config (or ROWLOCK_CONFIG) names; no file is read unasked. Names that are
 * not known and values that cannot be read are errors that say where they stand, and which name was
 * likely meant. Only of the environment, which others fill, too, a name that is not known is a
 * warning; and a wrong value there does no harm where a flag outranks it. A file is right as a
 * whole, or refused.
 *
 * A list that is said twice in one place, by two flags or by two lines of the file, is both; what
 * is said where it counts more replaces all that is said where it counts less.
 *
 * Threads: one, which has the reading.
 */
#pragma once
#include "ops/settings.h"

enum config_result {
	CONFIG_RUN,   /* go on */
	CONFIG_SHOWN, /* --help, --version or --print-config was answered on stdout: exit 0 */
	CONFIG_WRONG, /* the message is on stderr: exit 64 for flags, 78 for the others */
};

/* Where a value comes from. The later outranks the earlier. */
enum config_rank { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

/* What is asked for instead of a server. */
enum config_wish { WISH_RUN, WISH_HELP, WISH_VERSION, WISH_VALUES, WISH_EXAMPLE };

/* The values, where they come from, and what it takes to read them again. */
struct config_reading {
	struct config config; /* texts lie in argv, the environment, constants, or below here */
	enum config_rank ranks[SETTINGS];
	int times[SETTINGS]; /* how often it was said there; 0: never */
	int lines[SETTINGS]; /* the first of the file that names that one; else 0 */
	/* Lists that are said several times, malloc'ed: those that count, and the file's others. */
	char *lists[SETTINGS], *outranked_lists[SETTINGS];
	int argc;
	char **argv;
	char *text;      /* of the file, as it was at the start; NULL: none */
	char *live_text; /* as last read again: of the texts that are LIVE; NULL: it was not */
	enum config_wish wish;
	int exit_code; /* where it is wrong, as is the next one */
	char error[SETTING_ERROR_BYTES];
};

/* argv stays. exit_code is set with SHOWN and WRONG. What it reads is kept until the end. */
enum config_result config_read(struct config_reading *r, int argc, char *argv[],
			       int *ret_exit_code);

/* Gives back what was read. */
void config_reading_fini(struct config_reading *r);

/*
 * Reads all of it again. What changed and is LIVE is in r->config then, and is logged: old and new;
 * what takes effect at the START only stays, and is logged, too. False: something is wrong, which
 * was logged; nothing has changed.
 */
bool config_read_again(struct config_reading *r);

/* Logs each variable ROWLOCK_... that is none of ours (rowlock's, the command line's, are). */
void config_warn_of_variables(void);
