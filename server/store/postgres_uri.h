/*
 * postgres_uri - the address of a store over PostgreSQL: what of it is ours, what is libpq's, and
 * what nobody may see.
 *
 *     if (postgres_uri_split(uri, &u) == 0) ...u.conninfo, u.schema...
 *     postgres_uri_fini(&u);
 *
 * It is libpq's URI (its manual: "Connection URIs") with a parameter of ours, `schema`, that libpq
 * would refuse. A text that cannot be read may be one with a mistake just before the secret: what
 * is shown of such a one is hidden rather generously. See also postgres.h.
 *
 * Threads: any, none inside.
 */
#pragma once
#include "store/postgres.h"

struct postgres_uri {
	char *conninfo; /* without `schema`; malloc'ed */
	char schema[POSTGRES_SCHEMA_BYTES];
	char wrong[256]; /* what is wrong with it, in words without a secret */
};

/* 0; -EINVAL: it is wrong, as ret->wrong says; -ENOMEM. Give it back in any case. */
int postgres_uri_split(const char *uri, struct postgres_uri *ret);
void postgres_uri_fini(struct postgres_uri *u);
