/*
 * service - the engine as its users see it: submit works, read snapshots, look at the queues.
 *
 * It is a façade: nothing of the engine below it knows it, and nobody outside of the engine sees
 * what is behind it, the lock manager, the keys, the writer and its lane, the reader threads.
 *
 *     struct work *w = work_create();
 *     ...fill in w->command, texts in w->arena...
 *     waiter.parcel.home = &loop->mailbox;
 *     if (service_submit(s, w, &waiter, &loop->snapshot, wait_ms) == SUBMIT_ANSWERED)
 *             ...answer from waiter.work->answer, then work_release(waiter.work)...
 *     else
 *             ...suspend BEFORE submitting; the parcel comes to the mailbox; then as above...
 *
 * Threads: everything here may be called from any loop thread; a snapshot belongs to one.
 */
#pragma once
#include "base/fault.h"
#include "engine/claims.h"
#include "engine/lock_views.h"
#include "engine/long_read.h"
#include "engine/permission.h"
#include "engine/snapshot.h"
#include "engine/submission.h"
#include "engine/work.h"
#include "ops/metrics.h"
#include "store/verify.h"

struct service;

struct service_options {
	struct store *store; /* taken over: closed with the service */
	/* --row-release early; false: commit (strict two-phase locking). */
	bool releases_rows_early;
	bool is_uncounted;     /* its threads leave the metrics alone: it is the laboratory's */
	int64_t slow_ns;       /* writes and long reads that take longer are logged; 0: none */
	int64_t keep_audit_ms; /* rows of the audit that are older are deleted; 0: none */
	int reader_count;      /* threads for long reads, >= 1 */

	/* Called once, on the writer thread, when the disk failed and the process must stop. */
	void (*fail)(void *context, int exit_code);
	void *fail_context;
};

/* Loads leases and keys and starts the writer and the reader threads. 0 or a fault. */
int service_open(const struct service_options *options, struct service **ret);

/*
 * Stops: no write may be pending any more (see service_drain). Closes the store. NULL is fine.
 */
void service_close(struct service *s);

/*
 * From now on new writes are refused with DRAINING; a replay is none. Writes that are not decided
 * when the monotonic time until_ns comes are answered with DRAINING, too: whether they wait at a
 * lease, in a queue, or for a store that another program holds. Reads that are not done by then end
 * with -ECANCELED.
 */
void service_drain(struct service *s, int64_t until_ns);

/*
 * Wakes the threads that have nothing to do, so that they beat (base/pulse.h). The writer comes by
 * itself each second. Before service_close().
 */
void service_nudge(struct service *s);

/* Writes and long reads that take longer are logged from now on; 0: none. Any thread. */
void service_set_slow(struct service *s, int64_t slow_ns);

/* Rows of the audit that are older are deleted from now on; 0: none. Any thread. */
void service_keep_audit(struct service *s, int64_t keep_ms);

/* ---------------------------------------------------------------- writes */

/*
 * Queues a write, joins the one with the same idempotency key, or answers at once (a replay, a
 * queue at its bound, draining, wait_ms 0 and the row not free). Takes over the caller's hold on w;
 * in both cases waiter->work is the write to answer from, held for the caller.
 *
 * Once it is PENDING another thread may finish it at any moment. Deadlines are the caller's: see
 * service_withdraw().
 */
enum submit service_submit(struct service *s, struct work *w, struct waiter *waiter,
			   struct snapshot *snapshot, int64_t wait_ms);

/*
 * SUBMIT_LOOK_UP: what is known of the key of `w` is compared with what the store says, on a thread
 * whose `reader` shows the store up to `seq`; or the store could not be read, which is said on the
 * loop. Nobody else touches the work meanwhile. Then it is submitted again, on the loop.
 */
void service_look_up(struct service *s, struct work *w, struct reader *reader, int64_t seq);
void service_look_up_fail(struct service *s, struct work *w, int fault);
enum submit service_submit_again(struct service *s, struct waiter *waiter,
				 struct snapshot *snapshot, int64_t wait_ms);

/*
 * The same for lines of a batch that are decided together, in order, each seeing the effects of
 * those before it: part->lines, writes that hold a command and, with a key, its hash. claims: of
 * each of them, by service_claim(); only read during the call. Keys are not looked up here: see
 * service_replay(). The answer of the part is DONE when its lines have answers; otherwise none of
 * them was applied, and it says why. Of an atomic part that is the answer of the line at
 * answer.row_index.
 */
enum submit service_submit_part(struct service *s, struct work *part,
				const struct claim_set *claims, struct waiter *waiter,
				int64_t wait_ms);

/*
 * Was this key used already? Then w->answer is what it got (or KEY_REUSED; or what
 * outcome_of_fault() says, unknown; or, after a flush that failed, that nobody knows). Sets
 * key_hash. The caller sees to it that nobody else uses the key meanwhile. next_key: what it is
 * likely to ask for next, which makes that faster; NULL: it does not know.
 */
enum replayed service_replay(struct service *s, struct work *w, struct snapshot *snapshot,
			     const char *next_key);

/*
 * REPLAYED_LATER, on a thread whose `reader` shows the store up to `seq`. Nobody else touches the
 * work meanwhile. True: replayed.
 */
bool service_replay_from(struct service *s, struct work *w, struct reader *reader, int64_t seq);

/* How many rows and names a line of a part claims: 1 to CLAIM_ROWS_MAX. */
int service_claim_count(struct service *s, struct work *line);

/* Adds what the line claims to what its part claims: engine/claims.h. */
void service_claim(const struct service *s, struct claim_set *claims, struct work *line);

/* How many writes have come so far; a part of a batch is one. */
uint64_t service_arrival_count(struct service *s);

/*
 * The waiter's time is up, or its client is gone. True: it no longer waits, nothing was done (or,
 * with REQUEST_IN_FLIGHT, others still wait for it), and *ret_answer says ROW_BUSY, ROW_LEASED
 * (with the lease), STORE_BUSY or REQUEST_IN_FLIGHT; texts in `texts`. The caller still holds
 * waiter->work. False: it is decided (or done) already, its parcel comes as soon as it is durable.
 */
bool service_withdraw(struct service *s, struct waiter *waiter, struct arena *texts,
		      struct answer *ret_answer);

/*
 * Takes a write out of its queues that is not decided yet. In its place the writer refuses it, so
 * that a key remembers that; until then others with the same key still find it under way.
 */
enum recall service_recall(struct service *s, struct waiter *waiter);

/* Where a pending write stands. */
void service_place(struct service *s, const struct waiter *waiter, struct work_place *ret);

/* Makes a book of operations, whose works wait for so long: engine/operation_book.h. */
struct operation_book;
void service_open_operations(struct service *s, struct operation_book *b, int64_t wait_ms);

/* ---------------------------------------------------------------- reads */

/* A snapshot for one thread: engine/snapshot.h. 0 or a fault. */
int service_open_snapshot(struct service *s, struct snapshot *n);

/* False: LONG_READS_MAX are under way; nothing happened. Suspend before the call, as for writes. */
bool service_read(struct service *s, struct long_read *read);

/*
 * A read of a few rows, where the store is not here (engine/point_reads.h): its parcel comes for
 * certain. Suspend before the call.
 */
void service_read_point(struct service *s, struct long_read *read);

/*
 * A row of the audit for what no group does: engine/audit_inbox.h. Copied; waits for nothing.
 */
void service_note_audit(struct service *s, const struct audit_entry *entry);

/*
 * One verification at a time (store/verify.h), each step of it a long read. False: there is one.
 */
bool service_verify_begin(struct service *s);
void service_verify_end(struct service *s);

/*
 * The same for reads of the whole store, which are spooled: they have a thread of their own, one
 * after the other, so that lists need not wait for them, and SPOOLED_READ_S_MAX of time. False:
 * SPOOLED_READS_MAX are under way.
 */
bool service_read_all(struct service *s, struct long_read *read);

/*
 * The newest movements, for those who follow the ledger: engine/feed.h. What it says is always
 * durable.
 */
struct feed;
struct feed *service_feed(struct service *s);

/* ---------------------------------------------------------------- looking in */

/* engine/lock_views.h. */
int service_locks(struct service *s, struct arena *a, struct lock_view **ret_rows,
		  size_t *ret_count);

int service_leases(struct service *s, int64_t after_fence, int limit, struct arena *a,
		   struct lease_view **ret_leases, size_t *ret_count, int64_t *ret_next);
int service_lease(struct service *s, const char *id, struct arena *a, struct lease_view *ret);

struct service_health {
	bool is_writable; /* the last group did not fail, the file is where it was */
	bool is_draining;
	/* The file is: no write is taken any more, reads go on as far as they can. */
	bool is_damaged;
	bool is_disk_full;
	bool is_store_busy;    /* another program holds the store right now */
	bool is_unreachable;   /* the store does not answer */
	int64_t seq;           /* newest published */
	int64_t waiting_count; /* commands queued or at leases */
	int64_t lease_count;
	int64_t wal_bytes;
	int64_t key_count;
	int64_t now_ms;         /* store time */
	int64_t clock_ahead_ms; /* store time minus the machine's clock */
};

void service_health(struct service *s, struct service_health *ret);

/*
 * A read has met this fault: where the file is damaged (-EUCLEAN), no write is taken from now on.
 * Logs it as fault_latest() of this thread has it, as what, of which request (NULL: none).
 */
void service_note_fault(struct service *s, int fault, const char *request_id);

/* The tokens of the store: engine/access_book.h. Until the service is closed. */
struct access_book;
struct access_book *service_access(struct service *s);

/* Newest published seq. Any thread, one atomic load. */
int64_t service_seq(const struct service *s);

/* Which store this is: seqs of another epoch mean nothing here. */
const char *service_epoch(const struct service *s);

/* Store time now, UTC ms: core/store_clock.h. */
int64_t service_now_ms(struct service *s);

/* The seed of row keys: row_ref.key = hash_pair(sku, location, seed). */
uint64_t service_row_seed(const struct service *s);
