/*
 * intake - how a work comes in: its claim, its key, its place in the queues, and out again.
 *
 *     claim the rows ──> key in flight? join ──> used? compare its record, answer from it
 *                            │ no                     │ none, or another's
 *                            └────────────────────────┴──> queue
 *
 * The question whether a key is in flight or used, and the entering of the queues, are one step
 * under the lock manager's guard (engine/key_book.h). What a record says is read without it, in the
 * caller's snapshot, or on a thread that may wait; then the step is done again, and tells of a
 * record that came meanwhile.
 *
 * Each function is what service.h says of the one with its name.
 *
 * Threads: any; a snapshot belongs to one.
 */
#pragma once
#include "engine/claims.h"
#include "engine/lock_manager.h"
#include "engine/published.h"
#include "engine/snapshot.h"
#include "engine/submission.h"

struct intake {
	struct lock_manager *locks;
	struct key_book *keys;
	struct published *published; /* told of a damaged file */
	uint64_t row_seed;
};

enum submit intake_submit(struct intake *in, struct work *w, struct waiter *waiter,
			  struct snapshot *snapshot, int64_t wait_ms);
enum submit intake_submit_part(struct intake *in, struct work *part, const struct claim_set *claims,
			       struct waiter *waiter, int64_t wait_ms);
enum submit intake_submit_again(struct intake *in, struct waiter *waiter, struct snapshot *snapshot,
				int64_t wait_ms);
void intake_look_up(struct intake *in, struct work *w, struct reader *reader, int64_t seq);
void intake_look_up_fail(struct intake *in, struct work *w, int fault);
enum replayed intake_replay(struct intake *in, struct work *w, struct snapshot *snapshot,
			    const char *next_key);
bool intake_replay_from(struct intake *in, struct work *w, struct reader *reader, int64_t seq);
bool intake_withdraw(struct intake *in, struct waiter *waiter, struct arena *texts,
		     struct answer *ret_answer);
enum recall intake_recall(struct intake *in, struct waiter *waiter);
void intake_place(struct intake *in, const struct waiter *waiter, struct work_place *ret);
