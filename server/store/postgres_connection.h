/*
 * postgres_connection - one connection to PostgreSQL, in pipeline mode, with a deadline for each
 * wait.
 *
 * Statements are queued, sent together, and answered together: a trip. One trip at a time:
 *
 *     postgres_begin_trip(link);
 *     postgres_add_text(link, "BEGIN");
 *     postgres_add(link, LOCK_ROWS, 1, &ids);
 *     r = postgres_send(link, deadline_ns);
 *     if (r == 0)
 *             r = postgres_take(link, NULL);          // of BEGIN
 *     if (r == 0)
 *             r = postgres_take(link, &result);       // of LOCK_ROWS; PQclear() is the caller's
 *     ...
 *     r = postgres_end_trip(link, r);                 // takes what is left, keeps the first fault
 *
 * A statement is prepared at its first use, in the same trip. One that fails lets the server skip
 * all behind it, COMMIT included; what was begun is then to be ended by postgres_rollback(). A trip
 * without BEGIN is one transaction.
 *
 * A connection that is gone (-ENOTCONN) stays so until postgres_reconnect(). By postgres_was_sent()
 * the owner knows whether a COMMIT of that trip may have been kept.
 *
 * Faults, by SQLSTATE (postgres_fault_of()): see store.h; and
 *   -ENOTCONN  the connection is gone, or the server ends it: nothing was done, unless a COMMIT was
 *              sent
 *   -EAGAIN    a deadlock, a serialization failure, or a key that is there twice: the same again,
 *              from the beginning of the transaction
 *   -EROFS     it is a standby (now): connect again
 *
 * Threads: a link is used by one at a time. Cost: a trip is one write and one or a few reads.
 */
#pragma once
#include "store/postgres_value.h"
#include <stdatomic.h>

struct postgres_store;
struct postgres_link;

enum postgres_role {
	/* Of lanes: short, and bounded in all that it waits for. */
	POSTGRES_WRITES,
	/* Cannot write; waits as long as it may (postgres_limit()). */
	POSTGRES_READS,
	/*
	 * Opening, migrations, and what a command does: waits for locks as long as
	 * store_options.busy_ms says, works as long as it takes.
	 */
	POSTGRES_TOOLS,
	POSTGRES_ROLES,
};

/* What the server said when something failed, in its words. */
struct postgres_error {
	char state[6];       /* SQLSTATE; "": it was none of the server's */
	char constraint[64]; /* the name of the one that was broken; "": none */
	char message[256];   /* one line of visible text, without passwords */
};

/*
 * `texts`: of the statements that postgres_add() names by their index; must last as long as the
 * link. NULL entries are never used. 0 or a fault (-ENOTCONN, -EACCES, -EROFS, -ENOMEM, ...).
 */
int postgres_connect(struct postgres_store *s, enum postgres_role role, const char *const texts[],
		     int statement_count, struct postgres_link **ret);
/* The same; on a fault *ret_error says why. */
int postgres_connect_or_say(struct postgres_store *s, enum postgres_role role,
			    const char *const texts[], int statement_count,
			    struct postgres_link **ret, struct postgres_error *ret_error);
/* What is open is rolled back by the server. NULL is fine. */
void postgres_disconnect(struct postgres_link *l);

/*
 * Connects again, with a back-off of 20 to 50 ms, rising, until deadline_ns of the monotonic clock
 * (at least once). Harmless where it is connected: nothing is done. 0 or a fault; then it may be
 * tried again.
 */
int postgres_reconnect(struct postgres_link *l, int64_t deadline_ns);
bool postgres_is_connected(const struct postgres_link *l);
/* Grows with each connection that the link has had: what was known of an earlier session is not. */
int64_t postgres_session(const struct postgres_link *l);
/* pg_backend_pid() of the session. */
int postgres_backend(const struct postgres_link *l);
/* 150018: of the server. 0: it is gone. */
int postgres_server_version(const struct postgres_link *l);
/* What it says of itself: "server_encoding". NULL: nothing, or it is gone. */
const char *postgres_parameter(const struct postgres_link *l, const char *name);
/* The socket, for poll(); -1: it is gone. */
int postgres_socket(const struct postgres_link *l);

void postgres_begin_trip(struct postgres_link *l);
/* Values are copied, what they point to is not: it must last until postgres_send(). */
void postgres_add(struct postgres_link *l, int statement, int param_count,
		  const struct postgres_value values[]);
/* Without parameters, and not prepared: BEGIN, COMMIT, SET LOCAL. Lasts until postgres_send(). */
void postgres_add_text(struct postgres_link *l, const char *sql);
/*
 * All of it goes out. deadline_ns, of the monotonic clock: until when the whole trip must be over;
 * 0: as the role says. When it passes, a link of READS or TOOLS has the server cancel the statement
 * (-ETIME); one of WRITES is given up (-ENOTCONN), since a COMMIT that is cancelled may be half of
 * one. 0 or a fault: then nothing is to be taken.
 */
int postgres_send(struct postgres_link *l, int64_t deadline_ns);
/*
 * The result of the next statement. NULL: only whether it went well. 0 or a fault; then
 * postgres_error_of() says more, nothing more is to be taken, and *ret is as it was.
 */
int postgres_take(struct postgres_link *l, PGresult **ret);
/* Takes what is left. Returns r where that is a fault; else the first fault of what was left. */
int postgres_end_trip(struct postgres_link *l, int r);

/*
 * A trip of one statement. ret: NULL, or gets its result. 0 or a fault.
 */
int postgres_run(struct postgres_link *l, int statement, int param_count,
		 const struct postgres_value values[], PGresult **ret);
/* The same for a text without parameters; of one statement. */
int postgres_run_text(struct postgres_link *l, const char *sql, PGresult **ret);
/* A script of several statements, in one transaction unless it has its own. */
int postgres_run_script(struct postgres_link *l, const char *sql);
/* Ends what is open. Harmless when nothing is. 0 or -ENOTCONN: which has ended it, too. */
int postgres_rollback(struct postgres_link *l);
/* Is a transaction open, as far as is known? False while it is not connected. */
bool postgres_is_open(const struct postgres_link *l);

/*
 * Trips after this end with -ETIME once the monotonic clock passes at_ns, 0: no limit; the same for
 * what another thread may write to *or_at_ns meanwhile, NULL: nobody does. Of a link that reads.
 */
void postgres_limit(struct postgres_link *l, int64_t at_ns, const atomic_int_fast64_t *or_at_ns);

/* Of the last trip: did any byte of it go to the server, so that it may have been carried out? */
bool postgres_was_sent(const struct postgres_link *l);
/* Of the last fault of this link. */
const struct postgres_error *postgres_error_of(const struct postgres_link *l);
/*
 * COMMITs of this link that only this server has, as somebody has ended the wait for its standby:
 * they are kept here, and may be lost with it. Grows.
 */
int64_t postgres_kept_here_only(const struct postgres_link *l);

/* 0 where it went well; else the fault that its SQLSTATE stands for, raised. */
int postgres_fault(struct postgres_link *l, const PGresult *result);
/* The same without raising it. state: five characters; NULL or "": the connection is gone. */
int postgres_fault_of(const char *state);
/* The five characters in one number, for fault.detail: base 36. 0: it is none. */
int postgres_detail_of(const char *state);
