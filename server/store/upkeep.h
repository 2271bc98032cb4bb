/*
 * upkeep - what a command does to a store as a whole while no server has it: looks at it, gives it
 * a new epoch, or changes what all of its servers have to agree on.
 *
 *     if (upkeep_renew_epoch(&(struct upkeep_options){ .path = path, ... }, &about, &result) < 0)
 *             ...result.message...
 *
 * `path` is a file, or a URI of PostgreSQL. What changes a store refuses one that a server has
 * (STORE_IN_USE), and has a row in its audit.
 *
 * A new epoch is for a store that was put back to an earlier moment behind its back: by a base
 * backup and a point in time, a dump, a copy of a file. Its seqs will be given out again, for other
 * movements, so that no cursor of the change feed may go on; nor may a fence, or a number of a
 * reservation, that was given out since that moment: both are moved on by UPKEEP_SKIPPED. What of
 * tokens was revoked since is not known either, so that all secrets end unless they are to stay;
 * and sessions of the page do in any case.
 *
 * Threads: one. Returns: 0, or a fault with the trouble in `result`.
 */
#pragma once
#include "store/store.h"

#define UPKEEP_SKIPPED INT64_C(1000000)

enum { UPKEEP_BUSY_MS = 2000 };

struct upkeep_options {
	const char *path;
	const char *actor; /* who asks, for the audit */
	bool keeps_tokens; /* of a new epoch */
};

struct store_about {
	char kind[40]; /* "SQLite", "PostgreSQL 15.18" */
	int version;   /* of the schema */
	char epoch[EPOCH_BYTES_MAX + 1];
	int64_t seq; /* the newest */
	int64_t items, locations, rows;
	int64_t tokens;       /* that are valid */
	bool had_token;       /* it is closed to who has none */
	char row_release[16]; /* "": a matter of each start */
	char front_ends[200]; /* the names of those that are alive; "": none, or it is a file */
	int64_t void_count;   /* of a new epoch: tokens that were valid, and are not any more */
};

/* Beside servers, too, where it is not a file. */
int upkeep_look(const struct upkeep_options *o, struct store_about *ret,
		struct store_open_result *result);
int upkeep_renew_epoch(const struct upkeep_options *o, struct store_about *ret,
		       struct store_open_result *result);

/* Each for its own kind. */
int sqlite_upkeep_look(const struct upkeep_options *o, struct store_about *ret,
		       struct store_open_result *result);
int sqlite_upkeep_renew_epoch(const struct upkeep_options *o, struct store_about *ret,
			      struct store_open_result *result);
int postgres_upkeep_look(const struct upkeep_options *o, struct store_about *ret,
			 struct store_open_result *result);
int postgres_upkeep_renew_epoch(const struct upkeep_options *o, struct store_about *ret,
				struct store_open_result *result);
/* "commit" or "early": of a store over PostgreSQL. */
int postgres_upkeep_set_row_release(const struct upkeep_options *o, const char *row_release,
				    struct store_open_result *result);
