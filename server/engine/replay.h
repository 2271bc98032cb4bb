/*
 * replay - gives the answer of a used idempotency key again.
 *
 * The record says what the answer was; stock changes are rebuilt from their movements in the
 * ledger, everything else was stored as it was sent.
 */
#pragma once
#include "engine/service.h"

enum replay {
	REPLAY_ANSWERED,  /* w->answer is the first answer, or KEY_REUSED, or says why not */
	REPLAY_OTHER_KEY, /* the record is of another key with the same hash, or too old */
};

/*
 * Compares the record with this id, reading in the loop's snapshot. How old it is does not matter:
 * what is forgotten is not looked up (lock_manager.h).
 */
enum replay replay_try(struct snapshot *snapshot, struct work *w, int64_t key_id);
