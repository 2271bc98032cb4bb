/*
 * postgres_link - what is inside of a link, for the two files that make it: postgres_connection.c
 * (how it comes to be) and postgres_trip.c (what goes over it).
 */
#pragma once
#include "store/postgres_private.h"

/* A statement of a trip. */
struct postgres_step {
	int statement;   /* -1: `sql`, without parameters */
	const char *sql; /* what is sent, or prepared */
	int param_count;
	int value_first; /* in postgres_link.values */
	bool prepares;   /* a result of its own comes before that of the statement */
};

struct postgres_link {
	struct postgres_store *store;
	enum postgres_role role;
	const char *const *texts;
	int statement_count;
	bool *is_prepared; /* by statement, in this session */

	PGconn *connection; /* NULL: it is gone */
	int64_t session;
	int64_t kept_here_only;
	struct postgres_error error;

	struct postgres_step *steps;
	int step_count, step_capacity;
	struct postgres_value *values;
	int value_count, value_capacity;
	bool is_short; /* memory was, while the trip was put together */
	int next;      /* the step whose result comes next */
	bool is_away;  /* it was sent, and its end did not come yet */
	bool was_sent;
	bool was_cancelled;
	int fault; /* of this trip; 0: none so far */
	int64_t deadline_ns;

	int64_t limit_ns;
	const atomic_int_fast64_t *or_limit_ns;
};

/*
 * Waits until the socket can be read, or also written, or the deadline of the trip has passed. 1,
 * or 0: it has passed; or -ENOTCONN.
 */
int postgres_wait(struct postgres_link *l, bool to_write);
/* Closes what is left of it; says so in l->error unless that says something already. -ENOTCONN. */
int postgres_give_up(struct postgres_link *l);
/* Fills it from a result, or from the connection where it is NULL. */
void postgres_note_error(struct postgres_link *l, const PGresult *result);
/* Printable, on one line, cut. */
void postgres_words(const char *said, char *ret, size_t ret_bytes);
