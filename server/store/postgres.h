/*
 * postgres - the store in a database of PostgreSQL, which several front ends may use at once.
 *
 * A URI names it, postgres_uri.h: postgresql://user@host:5432/database?schema=rowlock. See
 * docs/postgresql.md.
 */
#pragma once
#include "store/postgres_uri.h"
#include "store/store.h"

enum { POSTGRES_VERSION_NEWEST = 2 };

/*
 * Opens, creates or migrates the store. On success 0 and *ret_store; else a fault, and `result`
 * says in words and as a code what stands in the way.
 */
int postgres_open(const struct store_options *options, struct store **ret_store,
		  struct store_open_result *result);

/* schema/demo.sql, for store_ops.run_script(). */
const char *postgres_demo_script(void);

/* "15.18": libpq's. */
const char *postgres_version(void);
