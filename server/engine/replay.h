/*
 * replay - gives the answer of a used idempotency key again.
 *
 * The record says what the answer was; stock changes are rebuilt from their movements in the
 * ledger, everything else was stored as it was sent.
 *
 * Threads: whose the reader is; nobody else touches the work meanwhile.
 */
#pragma once
#include "engine/work.h"
#include "store/store.h"

enum replay {
	REPLAY_ANSWERED,  /* w->answer is the first answer, or KEY_REUSED */
	REPLAY_OTHER_KEY, /* the record is of another key with the same hash, or too old */
};

/*
 * Compares the record with this id, in a snapshot with this newest seq. How old it is does not
 * matter: what is forgotten is not looked up (key_book.h). 0 or a fault: see replay_fail().
 */
int replay_try(struct reader *reader, int64_t seq, struct work *w, int64_t key_id,
	       enum replay *ret);

/* The same in a snapshot of this moment, of a reader that has none open. */
int replay_now(struct reader *reader, struct work *w, int64_t key_id, enum replay *ret);

/* The key may have been used, and what it did cannot be read: w->answer says that. */
void replay_fail(struct work *w, int fault);
