/*
 * postgres_uri - the address of a store over PostgreSQL: what of it is ours, what is libpq's, and
 * what nobody may see.
 *
 *     if (postgres_uri_split(uri, &u) == 0) ...u.conninfo, u.schema...
 *     postgres_uri_fini(&u);
 *
 * It is libpq's URI (its manual: "Connection URIs") with a parameter of ours, `schema`, 'rowlock'
 * unless said, that libpq would refuse; what it does not say comes from libpq's variables
 * (PGPASSFILE, PGSERVICE, PGSSLMODE, ...). A text that cannot be read may be one with a mistake
 * just before the secret: what is shown of such a one is hidden rather generously.
 *
 * Threads: any, none inside.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { POSTGRES_SCHEMA_BYTES = 64, POSTGRES_URI_BYTES = 2048 };

/* "postgresql://" or "postgres://", and whatever follows. */
bool postgres_is_uri(const char *text);

/*
 * Copies it with *** for each password: between ':' and '@', and of password= and sslpassword=. Cut
 * to `ret_bytes`. A text that is no URI of ours is copied as it is.
 */
void postgres_uri_hide(const char *uri, char *ret, size_t ret_bytes);
/* Is there a password in it? On a command line it is seen by everybody on the machine (ps). */
bool postgres_uri_has_password(const char *uri);

struct postgres_uri {
	char *conninfo; /* without `schema`; malloc'ed */
	char schema[POSTGRES_SCHEMA_BYTES];
	char wrong[256]; /* what is wrong with it, in words without a secret */
};

/* 0; -EINVAL: it is wrong, as ret->wrong says; -ENOMEM. Give it back in any case. */
int postgres_uri_split(const char *uri, struct postgres_uri *ret);
void postgres_uri_fini(struct postgres_uri *u);

/*
 * What a program of PostgreSQL's is called with, so that nobody sees a secret on its command line:
 * the address as "name='value' ...", and the password for its PGPASSWORD (NULL: there is none).
 * Both are malloc'ed. 0; -ENOTSUP: it has another secret, for which there is no variable
 * (sslpassword); -ENOMEM. On a fault nothing is returned.
 */
int postgres_uri_arguments(const struct postgres_uri *u, char **ret_conninfo, char **ret_password);
