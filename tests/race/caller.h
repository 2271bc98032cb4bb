/*
 * caller - one thread's way into the engine: sends a write, waits for its answer, keeps its
 * deadline, and looks at snapshots. What a loop does for many requests, for one; but its snapshot
 * stays open while it waits, and so must be renewed whenever something newer was published.
 *
 *     struct order buy = { .kind = COMMAND_ADJUST, .row = 3, .quantity = -1, .wait_ms = 50 };
 *     caller_open(&c, service);
 *     const struct answer *a = caller_ask(&c, &buy);
 *     if (a->outcome == OUTCOME_DONE) ...a->stocks[0].version...
 *     caller_close(&c);
 *
 * An answer that does not come aborts the process: nothing could be said of the rest.
 *
 * Threads: one at a time; nothing here asserts, so that any thread may use it.
 * Ownership: an answer is valid until the caller's next write.
 */
#pragma once
#include "engine/service.h"

/* What to send. What is 0 is left out. */
struct order {
	enum command_kind kind;
	int row;        /* item S at WH-row */
	int to_row;     /* of a transfer, and the other one of a lease of two rows */
	bool is_of_two; /* a lease of two rows */
	int64_t quantity;
	int64_t wait_ms;
	int64_t ttl_ms;
	int64_t fence;        /* of lease l_FENCE: comes with it, renews or releases it */
	const char *lease_id; /* of one that is taken or released without its fence */
	const char *key;
};

struct caller {
	struct service *service;
	struct snapshot snapshot;
	struct mailbox box;
	struct waiter waiter; /* write NULL: nothing was sent yet */
	int64_t until_ns;
	const struct answer *answer; /* to what was sent last; NULL: it is under way */
	struct answer withdrawn;
	struct arena texts; /* of withdrawn */
};

void caller_open(struct caller *c, struct service *s);
void caller_close(struct caller *c);

void caller_send(struct caller *c, const struct order *o);

/* Waits for it, until the time of the order is up: then it says why it was not decided. */
const struct answer *caller_answer(struct caller *c);
const struct answer *caller_ask(struct caller *c, const struct order *o);

/* Gives up at once. False: it is decided already, and caller_answer() will have it. */
bool caller_hang_up(struct caller *c);

/* The first row_count rows in one snapshot of now; returns its newest seq. */
int64_t caller_look(struct caller *c, int row_count, struct stock ret[]);

/* The same by a long read, on another thread. Returns the sum of what is on hand. */
int64_t caller_count(struct caller *c);
