/*
 * batch - many commands in one upload, decided in their order while it comes in.
 *
 *     upload ──> lines ──> a part, decided as one write ──> results ──> spool ──> answer
 *                  │            ▲          │
 *                  └────────────┴──────────┘ while it is decided, the next lines are read
 *
 * Lines are read on the loop. As many as there are go to the engine together as one part: it claims
 * all of their rows, they are decided one after the other, and share a flush. There is one part at
 * a time, so that no line is decided before one ahead of it; the next one is submitted as soon as
 * it has come back, and while that is decided the results of this one are written. When enough
 * lines are waiting behind it the upload is paused, and the client's socket fills: memory stays
 * flat however long the file is.
 *
 * When a part cannot be had within its wait, smaller ones are tried, down to a line by itself,
 * which then gets the answer that any single request would get. So one leased row holds up the
 * lines behind it for the batch's wait, and nothing else.
 *
 * A client that leaves stops it: the part under way is decided, what follows is not.
 *
 * Threads: one loop's. Ownership: counted by hand: it is freed once its exchange is gone and
 * nothing of it is under way.
 */
#pragma once
#include "core/part_size.h"
#include "waiting/waits.h"
#include "exchange/exchange.h"
#include "wire/message.h"
#include "wire/server_timing.h"

enum batch_results { BATCH_ALL, BATCH_FAILED, BATCH_NONE };

struct batch_options {
	const char *key; /* of the request, NULL: lines are not remembered */
	int64_t wait_ms; /* for each part */
	bool is_atomic;
	enum batch_results results;
};

enum batch_line_state {
	LINE_READY,       /* to be decided */
	LINE_ANSWERED,    /* by a replay: write->answer */
	LINE_REFUSED,     /* for what it says: error */
	LINE_NEEDS_ROWS,  /* of a reservation that a line before it may be making */
	LINE_NEEDS_STORE, /* a thread that may wait reads for it; see asks */
	LINE_READING,     /* and does so now: the line is that thread's */
};

/* What a line wants to know of the store, a set. */
enum batch_ask {
	ASKS_KEY = 1,       /* was it carried out before? */
	ASKS_ROWS = 2,      /* of the reservation that it names, if that is there */
	ASKS_ROWS_LAST = 4, /* the same where everything before it is durable */
	ASKS_PAST = 8,      /* of a count */
};

/* Lies in its write's arena. */
struct batch_line {
	struct list link;
	struct work *work;
	enum batch_line_state state;
	int64_t number; /* in the file, from 1 */
	const char *id; /* NULL: none */
	size_t byte_count;
	int claim_count;
	const struct message_error *error;

	unsigned asks;         /* batch_ask */
	struct list read_link; /* in batch.asking, then in batch.reading */
	int fault;             /* of its reads, as it was met */
	struct fault met;
	bool is_replayed; /* the store says so */
};

/* One of BATCHES_MAX: batch_places.c. */
struct batch_place {
	bool is_held;                /* guarded there, as is the next one */
	bool is_wanted;              /* somebody else has it now, and the parcel says so */
	bool is_lost;                /* the parcel has come; the rest is the loop's, too */
	atomic_int_fast64_t slow_ns; /* from when on its upload is slow; INT64_MAX: it is not */
	int64_t moved_ns;            /* when BATCH_SLOW_BYTES had come last */
	size_t byte_count;           /* since then */
	bool is_busy;                /* since busy_ns it waits for us */
	int64_t busy_ns;
	struct parcel parcel;
	struct detached work; /* the parcel must come before the batch can go */
};

struct batch {
	struct batch_place place;

	/* Where it runs. */
	struct exchange *x; /* NULL: its client has left */
	/*
	 * Something has come back: goes on with whatever waited for that. The batch may be freed
	 * then.
	 */
	void (*settle)(struct batch *b);
	struct service *service;
	struct snapshot *snapshot;
	struct mailbox *mailbox;
	struct detached_line *detached;
	struct batch_options options;
	char request_id[ID_BYTES_MAX + 1];
	struct arena texts;        /* of options and fences */
	struct upload upload;      /* while it is received */
	struct command leases;     /* the fences that its lines bring */
	const struct actor *actor; /* whose it is, in texts; its lines and parts have copies */

	/* Lines that were read, in order. */
	struct text partial; /* of a line whose end has not come */
	struct list waiting; /* batch_line.link: not submitted */
	struct list under_way;
	struct list decided; /* in front of those: their results are to be written */
	int waiting_count;
	int64_t waiting_bytes;
	int waiting_claims;
	int64_t line_number;
	bool is_ended; /* the upload is complete */

	/* The part under way. */
	struct work *part; /* NULL: none */
	struct waiter waiter;
	struct detached part_work;
	struct part_size part_size;

	/* What a thread reads for its lines, or is to read next. */
	struct list asking;  /* batch_line.read_link: NEEDS_STORE, in order */
	struct list reading; /* the same: READING, and that thread's */
	struct long_read read;
	struct detached read_work;

	/* What became of it. */
	struct spool *spool;
	int64_t line_count; /* with results */
	int64_t applied_count;
	int64_t failed_count;
	int64_t replayed_count;
	int64_t seq;                 /* newest that an answer rests on */
	struct server_timing timing; /* of all of its parts; the most of ahead and group */
	int64_t stopped_at;          /* the line that was not tried any more; 0: none */
	enum outcome stopped_by;
	bool is_unknown;           /* whether that part took effect */
	bool has_lost_results;     /* they could not be kept, or sent */
	struct batch_line *loser;  /* of an atomic one: the line that refused it; its own */
	struct work *refused_part; /* it was refused with; has the refusal's texts */
	struct answer refusal;     /* of an atomic one that was refused as a whole */
	bool is_refused;
};

/* Before the loops start. */
void batches_init(void);

/*
 * A batch for this exchange; texts of `options` are copied. NULL: *ret_why says why
 * (TOO_MANY_BATCHES, REQUEST_IN_FLIGHT for a key that another batch is using, OUT_OF_MEMORY; of a
 * temporary file that cannot be had what outcome_of_fault() says).
 */
struct batch *batch_open(struct exchange *x, const struct batch_options *options,
			 enum outcome *ret_why);

/* What body_taker.take() does. */
size_t batch_take(struct batch *b, const char *bytes, size_t byte_count);

/* The upload is complete. */
void batch_end(struct batch *b);

/*
 * No more of the upload is read: what came is done, or stops here. A part under way that can be
 * taken back is; otherwise what became of it is not known yet.
 */
void batch_cut(struct batch *b, enum outcome why);

/* Is something of it being decided, or read? */
static inline bool batch_is_busy(const struct batch *b)
{
	return detached_is_under_way(&b->part_work) || detached_is_under_way(&b->read_work);
}

/* Was nothing of it tried, so that it can be refused as a whole? */
bool batch_is_untouched(const struct batch *b);

/* Is there nothing more to decide? Then all results are in the spool; ask after batch_end(). */
bool batch_is_over(const struct batch *b);

/* The exchange is gone, or has been answered. */
void batch_drop(struct batch *b);

/* ---------------------------------------------------------------- results (batch_results.c) */

/* The last line of the answer: how many lines there were, and what stopped it. */
void batch_summary_write(struct text *out, const struct batch *b);

/*
 * The service cannot go on: what came before `line` is done, that and what follows is not tried.
 * One that has stopped behind it already stops there: of a part that was under way then.
 */
void batch_stop(struct batch *b, int64_t line, enum outcome o, bool is_unknown);

/* An atomic one: nothing of it was applied. `loser`: the line that it failed for, or NULL. */
void batch_refuse_all(struct batch *b, const struct answer *why, struct batch_line *loser);

/* The same for a reason that is in none of its lines. detail: NULL, or it stays. */
void batch_refuse_whole(struct batch *b, enum outcome o, const char *detail);

/* Of an atomic one: do its waiting lines fit into one part? False: it was refused. */
bool batch_keeps_atomic_bounds(struct batch *b);

/* The lines that wait are let go. Lines that are READING are another thread's still. */
void batch_discard_waiting(struct batch *b);
void batch_lines_destroy(struct list *lines);

/* The line that is not tried any more if it ends now; `next` if none is waiting. */
int64_t batch_next_untried(const struct batch *b, int64_t next);

/* Is the rest of the upload only thrown away? */
bool batch_has_ended_early(const struct batch *b);

/* What became of the lines under way is known: they wait for their results to be written. */
void batch_note_decided(struct batch *b);

/*
 * The results of the lines that are decided, in order; the lines are let go. Where the spool fails
 * the next line is not tried any more: see batch_go_on().
 */
void batch_write_results(struct batch *b);

/* A line joins those that wait (sign 1) or leaves them (-1). */
void batch_count_waiting(struct batch *b, const struct batch_line *line, int sign);

/* ---------------------------------------------------------------- places (batch_places.c) */

/* DONE, TOO_MANY_BATCHES, or REQUEST_IN_FLIGHT for a key that another one is using. */
enum outcome batch_place_take(struct batch *b);

/* Its upload has brought so much, or something has come back. Cheap. */
void batch_place_note(struct batch *b, size_t byte_count);

/* What batches have seen of others: put there by each that looks, begun with by the next one. */
void batch_places_remember(const struct part_size *p);
void batch_places_recall(struct part_size *ret);

/* Harmless without a place. False: it must be asked again, when it has settled. */
bool batch_place_give_back(struct batch *b);

/* ---------------------------------------------------------------- parts (batch_part.c) */

/* Decides what can be decided, until something is under way. */
void batch_go_on(struct batch *b);

/* Of those under way, the replays ahead of the first line that is tried are answered. */
void batch_answer_replays(struct batch *b);

/* The part under way is taken back, if it is not decided yet. */
void batch_withdraw(struct batch *b);

/* ---------------------------------------------------------------- lines (batch_line.c) */

/* Reads a line and finds out what must be known before it queues. NULL: memory is short. */
struct batch_line *batch_line_create(struct batch *b, const char *text, size_t byte_count);

/* NULL is fine. Returns NULL. */
struct batch_line *batch_line_destroy(struct batch_line *line);

/*
 * Everything before it is durable: the reservation that it names is there now, or is not. It may
 * have to be asked for, where the store is a network away.
 */
void batch_line_find_rows(struct batch *b, struct batch_line *line);

/*
 * What it asks is read, on a reader thread, and taken, on the loop: it is READY, ANSWERED, REFUSED
 * or NEEDS_ROWS then; or it is refused since nobody can read for it.
 */
void batch_line_read_asked(struct batch *b, struct batch_line *line, struct reader *reader);
void batch_line_take_asked(struct batch *b, struct batch_line *line);
void batch_line_leave_asked(struct batch_line *line);

/* Can it be told what became of it, once nothing of it is to be decided? Of ours: we CHECK it. */
bool batch_line_is_sound(const struct batch_line *line);

/* ---------------------------------------------------------------- reads (batch_reads.c) */

/* Reads for those that ask, unless it does so already, or nobody asks. */
void batch_lines_read(struct batch *b);

/* b->read has come back for all that are READING. */
void batch_lines_take(struct batch *b);
