/*
 * operation_book - writes that go on without the request that brought them, and what became of
 * them.
 *
 *          ┌──> COMMITTED   REFUSED   WITHDRAWN   UNKNOWN    its parcel came home
 *     WAITING
 *          └──> TIMED_OUT   UNKNOWN                          its time was up first
 *
 *     struct operation *o = operation_create(home, x->request_id, &refusal);
 *     if (o == NULL) ...answer with `refusal`...
 *     if (operation_submit(o, w, snapshot, &begun) == SUBMIT_ANSWERED)
 *             ...answer from o->waiter.work, take that away, operation_discard(o)...
 *     else
 *             ...tell the client begun.id; from now on o is the book's...
 *
 * An operation has a waiter of its own, whose parcel comes to the mailbox of the loop that began
 * it, its home. Only that loop finishes it, so that whoever withdraws it from another one need not
 * be waited for: the write is recalled (intake.h), and comes home like any other. A home outlives
 * its operations: a loop ends when they have come.
 *
 * A request with the key of an operation under way gets that one instead of a second one, so that
 * who withdraws the only one that is known to the client withdraws the write.
 *
 * An operation is its token's. Who asks by its id says who he is, and whoever it is not for, but an
 * admin, hears that there is none.
 *
 * What has finished is kept as text, its write is let go. The book is in memory only.
 *
 * Threads: those that take a `home` or an `operation` are its loop's, the rest is for any.
 */
#pragma once
#include "engine/intake.h"

enum {
	OPERATION_BUCKETS = 1 << 14,
	OPERATION_ID_BYTES = 48, /* with its end: op_, a number of this run, one of its own */
};

enum operation_state {
	OPERATION_WAITING,
	OPERATION_COMMITTED,
	OPERATION_REFUSED,
	OPERATION_TIMED_OUT,
	OPERATION_WITHDRAWN,
	OPERATION_UNKNOWN,
	OPERATION_STATES,
};

struct operation_book {
	struct intake *intake;
	atomic_int_fast64_t wait_ms; /* how long each new one waits for its rows */
	uint64_t id_prefix;
	struct guard guard;

	/* All below is guarded by guard. */
	uint64_t id_next;
	struct map operations; /* operation.node, by the hash of their ids */
	struct map_node *buckets[OPERATION_BUCKETS];
	struct list kept; /* operation.kept_link: finished, by when */
	int kept_count;
};

/* What one loop has begun and not finished. Its thread's. */
struct operation_home {
	struct operation_book *book;
	struct mailbox *mailbox;
	struct list waiting; /* operation.home_link, by due_ns */
	int count;           /* also those that are decided, and no longer in `waiting` */
};

struct operation {
	struct waiter waiter;
	struct operation_home *home;
	struct list home_link;
	int64_t due_ns; /* when its wait ends */
	char id[OPERATION_ID_BYTES];
	char request_id[ID_BYTES_MAX + 1];
	int64_t token_id; /* whose it is; 0: of nobody */

	/* All below is guarded by the book's guard. */
	enum operation_state state;
	bool is_leaving; /* it no longer waits for its write, and is about to have finished */
	bool is_known;   /* somebody was told its id: it is kept when it has finished */
	struct map_node node;
	struct list kept_link;
	struct list polls; /* operation_poll.link: who is to be told that it has finished */
	int64_t finished_ns;
	int status;   /* HTTP's, once it has finished */
	int64_t seq;  /* that its answer rests on; 0: on none */
	char *result; /* JSON, what the request would have been answered; NULL: nothing */
};

void operation_book_init(struct operation_book *b, struct intake *in, int64_t wait_ms);

/* Operations wait so long for their rows from now on. Any thread. */
void operation_book_set_wait(struct operation_book *b, int64_t wait_ms);
void operation_book_fini(struct operation_book *b); /* all have finished */

void operation_home_init(struct operation_home *h, struct operation_book *b, struct mailbox *m);

/* When the next one's time is up; INT64_MAX: none. */
int64_t operation_home_next_ns(const struct operation_home *h);

/* Ends the wait of those whose time is up. */
void operation_home_expire(struct operation_home *h, int64_t now_ns);

/* ---------------------------------------------------------------- the loop that begins one */

/* NULL: TOO_MANY_OPERATIONS or OUT_OF_MEMORY. */
struct operation *operation_create(struct operation_home *h, const char *request_id,
				   const struct actor *actor, enum outcome *ret_refusal);

/* What a client is told of. */
struct operation_begun {
	char id[OPERATION_ID_BYTES];
	struct work *work; /* held for the caller */
	bool has_joined;   /* an earlier request with the same key made the write */
};

/*
 * service_submit() for the operation. PENDING: it is the book's, or gone, since there is one
 * already for an earlier request with the same key.
 */
enum submit operation_submit(struct operation *o, struct work *w, struct snapshot *snapshot,
			     struct operation_begun *ret);

/* LOOK_UP: as service_submit_again(), after the key of o->waiter.work was looked up. */
enum submit operation_submit_again(struct operation *o, struct snapshot *snapshot,
				   struct operation_begun *ret);

/* The operation was not submitted, or answered at once; it has no write any more. */
void operation_discard(struct operation *o);

/* ---------------------------------------------------------------- asking */

/* Everything of it that is told; texts in the arena. */
struct operation_view {
	const char *id;
	enum operation_state state;
	bool is_committing; /* WAITING, but decided */
	int ahead_count;    /* while it waits: claims that stand before its write */
	int status;
	int64_t seq;
	const char *result;
};

/* "waiting", "committing", ... */
const char *operation_state_name(const struct operation_view *v);

/* 0; -ENOENT: there is no such operation; or a fault. From now on its id is known. */
int operation_look(struct operation_book *b, const char *id, const struct actor *actor,
		   struct arena *a, struct operation_view *ret);

/* Somebody who waits until an operation has finished. Lies in the request. */
struct operation_poll {
	const char *id;
	const struct actor *actor; /* who asks */
	struct parcel *parcel;     /* comes home then */
	struct list link;          /* in operation.polls; guarded */
	bool is_answered; /* the write was answered; guarded, to be read when the parcel has come */
};

/* True: the parcel will come. False: it has finished, or there is none. */
bool operation_poll(struct operation_book *b, struct operation_poll *poll);

/* True: it waits no longer. False: the parcel is on its way. */
bool operation_unpoll(struct operation_book *b, struct operation_poll *poll);

/*
 * The client of the request that began an operation at this home has left before it heard of it:
 * the same as operation_unpoll(), and if nobody else knows the operation it waits no longer.
 */
bool operation_abandon(struct operation_home *h, struct operation_poll *poll);

/* The request that began it was answered like any other: forgets it, unless its id is known. */
void operation_forget(struct operation_book *b, const char *id);

/*
 * RECALL_BEGUN: it is being withdrawn; the parcel comes when it has finished, one way or another.
 * RECALL_LATE also where it has finished, or there is none: see operation_look().
 */
enum recall operation_withdraw(struct operation_book *b, struct operation_poll *poll);
