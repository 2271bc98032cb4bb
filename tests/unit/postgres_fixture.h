/*
 * postgres_fixture - a store over PostgreSQL in a schema of its own, and a hand in it that no guard
 * stops.
 *
 *     struct postgres_fixture f;
 *     if (!postgres_fixture_open(&f))
 *             return;                            // there is no PostgreSQL here: it says so
 *     postgres_fixture_run(&f, "INSERT INTO ..."); // as the owner of all tables
 *     ...f.reader...
 *     postgres_fixture_close(&f);
 *
 * The database is that of ROWLOCK_TEST_POSTGRES, as by tests/pg/with_postgres.py; the schema goes
 * with it.
 */
#pragma once
#include "store/postgres_private.h"

struct postgres_fixture {
	struct store *store;
	struct reader *reader;
	struct postgres_link *hand;
};

bool postgres_fixture_is_there(void);
void postgres_fixture_open(struct postgres_fixture *f);
void postgres_fixture_close(struct postgres_fixture *f);

/* A script, in one transaction. */
void postgres_fixture_run(struct postgres_fixture *f, const char *sql);
/* The first column of the first row. */
int64_t postgres_fixture_query(struct postgres_fixture *f, const char *sql);
