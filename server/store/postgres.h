/*
 * postgres - the store in a database of PostgreSQL, which several front ends may use at once.
 *
 * A URI names it: postgresql://user@host:5432/database?schema=rowlock. `schema` is ours, 'rowlock'
 * unless said; all else is libpq's, with its variables (PGPASSFILE, PGSERVICE, PGSSLMODE, ...). See
 * docs/postgresql.md.
 */
#pragma once
#include "store/store.h"

enum { POSTGRES_VERSION_NEWEST = 2, POSTGRES_SCHEMA_BYTES = 64, POSTGRES_URI_BYTES = 2048 };

/* "postgresql://" or "postgres://", and whatever follows. */
bool postgres_is_uri(const char *text);

/*
 * Copies it with *** for each password: between ':' and '@', and of password= and sslpassword=. Cut
 * to `ret_bytes`. A text that is no URI of ours is copied as it is.
 */
void postgres_uri_hide(const char *uri, char *ret, size_t ret_bytes);
/* Is there a password in it? On a command line it is seen by everybody on the machine (ps). */
bool postgres_uri_has_password(const char *uri);

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
