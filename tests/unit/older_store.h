/*
 * older_store - a store of an earlier schema, with something of everything: movements, edits by
 * hand, a lease, a key, and from the second schema on reservations, open and ended.
 *
 *     older_store_make(path, 2);
 *     ...sqlite_open()...
 *     older_store_is_sound(path, when);    // closed: it is of the newest schema, and whole
 *
 * It is made by the schema's own sections, so that a section that is added needs nothing here.
 */
#pragma once

enum { OLDER_ON_HAND = 7, OLDER_RESERVED = 2, OLDER_MOVEMENTS = 303 };

/* Writes over what is there. 1 <= version <= SQLITE_VERSION_NEWEST. */
void older_store_make(const char *path, int version);

/* Fails the test, with `when`, unless a closed store is migrated and its books balance. */
void older_store_is_sound(const char *path, const char *when);

/* By SQLite's own file system, whatever a test has put before it. */
long long older_store_query(const char *path, const char *sql);
