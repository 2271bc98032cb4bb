/*
 * postgres_open - what opening a store over PostgreSQL is made of: the server is looked at, the
 * schema brought up to date, this front end entered.
 *
 * Threads: the opening one.
 */
#pragma once
#include "store/postgres_private.h"

struct postgres_opening {
	struct postgres_store *store;
	const struct store_options *options;
	struct store_open_result *result;
	int64_t begun_ns;
	int64_t told_ns;
};

/* Sets trouble and message, "the address: what". Returns a fault. */
int postgres_refuse(struct postgres_opening *o, enum store_trouble t, const char *what);
/* The same of what the link's last fault says. r: the fault. */
int postgres_refuse_fault(struct postgres_opening *o, int r, const struct postgres_error *e);

/* Tells options.progress, at most every progress_ms. */
void postgres_opening_look(struct postgres_opening *o, const char *stage);

/*
 * Makes the schema, or brings it up to date, in one transaction, alone: who comes at the same time
 * waits for it, and finds it done. Adds the kinds of movements that are new here. 0 or a fault;
 * then the result says why.
 */
int postgres_migrate(struct postgres_opening *o);
