#include "engine/intake.h"
#include "base/clock.h"
#include "base/hash.h"
#include "engine/claims.h"
#include "engine/permission.h"
#include "engine/read_fault.h"
#include "engine/replay.h"
#include <string.h>

static void answer_at_once(struct work *w, struct waiter *waiter, enum outcome o)
{
	work_refuse(w, o);
	waiter->work = w;
}

static uint64_t hash_of_key(const char *key, const struct actor *actor)
{
	CHECK(key != NULL);
	return key_hash_of(key, strlen(key), actor->token_id);
}

/* Does this record say what w's answer is? Also if it cannot be read: then nobody knows. */
static bool has_replayed(struct intake *in, struct work *w, struct reader *reader, int64_t seq)
{
	enum replay replay = REPLAY_ANSWERED;
	int r = replay_try(reader, seq, w, w->search.id, &replay);

	if (r < 0)
		read_fault_note(in->published, in->locks, r, w->command.request_id);
	return replay == REPLAY_ANSWERED;
}

/* The same in the loop's snapshot. */
static bool has_replayed_here(struct intake *in, struct work *w, struct snapshot *snapshot)
{
	int r = snapshot_use(snapshot);

	if (r == 0)
		return has_replayed(in, w, snapshot->reader, snapshot->seq);
	intake_look_up_fail(in, w, r);
	return true;
}

/* Its claim is made, and of its key is known what was looked up before. */
static enum submit enter(struct intake *in, struct work *w, struct waiter *waiter,
			 struct snapshot *snapshot, int64_t wait_ms, int64_t now_ns)
{
	enum enter result;

	while ((result = lock_manager_enter(in->locks, w, waiter, wait_ms, now_ns, &w->search)) ==
	       ENTER_LOOK_UP) {
		waiter->work = w;
		if (!snapshot_is_here(snapshot))
			return SUBMIT_LOOK_UP;
		if (has_replayed_here(in, w, snapshot))
			return SUBMIT_ANSWERED;
	}
	if (result == ENTER_ANSWERED) {
		waiter->work = w;
		return SUBMIT_ANSWERED;
	}
	if (waiter->work != w) /* it shares another one, and was never in itself */
		work_release(w);
	return SUBMIT_PENDING;
}

enum submit intake_submit(struct intake *in, struct work *w, struct waiter *waiter,
			  struct snapshot *snapshot, int64_t wait_ms)
{
	int64_t now_ns = clock_monotonic_ns();

	CHECK(in->keys != NULL);
	CHECK(w->state == WORK_NEW);
	CHECK(w->command.actor != NULL);
	if (!permission_by_names(w)) {
		waiter->work = w;
		return SUBMIT_ANSWERED;
	}
	if (!claims_of_work(in->row_seed, w)) {
		answer_at_once(w, waiter, OUTCOME_OUT_OF_MEMORY);
		return SUBMIT_ANSWERED;
	}
	w->decide_by_ns = now_ns + wait_ms * NS_PER_MS;
	if (w->command.key != NULL)
		w->key_hash = hash_of_key(w->command.key, w->command.actor);
	return enter(in, w, waiter, snapshot, wait_ms, now_ns);
}

void intake_look_up(struct intake *in, struct work *w, struct reader *reader, int64_t seq)
{
	CHECK(w->search.id > 0);
	w->search.is_over = has_replayed(in, w, reader, seq);
}

void intake_look_up_fail(struct intake *in, struct work *w, int fault)
{
	replay_fail(w, fault);
	w->search.is_over = true;
	read_fault_note(in->published, in->locks, fault, w->command.request_id);
}

enum submit intake_submit_again(struct intake *in, struct waiter *waiter, struct snapshot *snapshot,
				int64_t wait_ms)
{
	struct work *w = waiter->work;

	CHECK(w->state == WORK_NEW);
	CHECK(w->search.id > 0);
	return w->search.is_over ? SUBMIT_ANSWERED
				 : enter(in, w, waiter, snapshot, wait_ms, clock_monotonic_ns());
}

enum submit intake_submit_part(struct intake *in, struct work *part, const struct claim_set *claims,
			       struct waiter *waiter, int64_t wait_ms)
{
	struct key_search no_key = { 0 };
	int64_t now_ns = clock_monotonic_ns();

	CHECK(part->state == WORK_NEW);
	CHECK(part->line_count > 0);
	CHECK(part->command.actor != NULL);
	CHECK(part->command.key == NULL);
	waiter->work = part;
	if (!claims_of_part(part, claims)) {
		answer_at_once(part, waiter, OUTCOME_OUT_OF_MEMORY);
		return SUBMIT_ANSWERED;
	}
	part->decide_by_ns = now_ns + wait_ms * NS_PER_MS;
	return lock_manager_enter(in->locks, part, waiter, wait_ms, now_ns, &no_key) ==
			       ENTER_ANSWERED
		       ? SUBMIT_ANSWERED
		       : SUBMIT_PENDING;
}

/* What was used is compared: is it one that nobody knows of? */
static bool is_unknown(struct intake *in, struct work *w)
{
	enum key_state state = key_book_ask_unknown(in->keys, w);

	CHECK(w->command.key != NULL);
	if (state != KEY_FREE)
		key_book_refuse(w, state);
	return state != KEY_FREE;
}

enum replayed intake_replay(struct intake *in, struct work *w, struct snapshot *snapshot,
			    const char *next_key)
{
	const struct actor *actor = w->command.actor;

	CHECK(w->command.key != NULL);
	if (next_key != NULL)
		w->search.expected_hash = hash_of_key(next_key, actor);
	w->key_hash = hash_of_key(w->command.key, actor);
	while (key_book_look_up(in->keys, w->key_hash, &w->search)) {
		if (!snapshot_is_here(snapshot))
			return REPLAYED_LATER;
		if (has_replayed_here(in, w, snapshot))
			return REPLAYED;
	}
	return is_unknown(in, w) ? REPLAYED : REPLAYED_NOTHING;
}

bool intake_replay_from(struct intake *in, struct work *w, struct reader *reader, int64_t seq)
{
	CHECK(w->search.id > 0);
	do
		if (has_replayed(in, w, reader, seq))
			return true;
	while (key_book_look_up(in->keys, w->key_hash, &w->search));
	return is_unknown(in, w);
}

bool intake_withdraw(struct intake *in, struct waiter *waiter, struct arena *texts,
		     struct answer *ret_answer)
{
	return lock_manager_withdraw(in->locks, waiter, clock_monotonic_ns(), texts, ret_answer);
}

enum recall intake_recall(struct intake *in, struct waiter *waiter)
{
	return lock_manager_recall(in->locks, waiter, clock_monotonic_ns());
}

void intake_place(struct intake *in, const struct waiter *waiter, struct work_place *ret)
{
	lock_manager_place(in->locks, waiter, ret);
}
