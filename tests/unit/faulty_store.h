/*
 * faulty_store - a store whose n-th call fails, in front of a real one.
 *
 *     struct faulty_store f;
 *     faulty_store_init(&f, real);                            // f.store for the engine; closes
 * real faulty_store_hold(&f); // the next group waits at its begin()
 *     ...submit what is to be decided together...
 *     faulty_store_arm(&f, 3, -ENOSPC, FAULTY_BEHIND);        // the third call from now on
 *     faulty_store_let_go(&f);
 *     ...
 *     has_failed = faulty_store_disarm(&f);
 *
 * FAULTY_BEFORE: the call does nothing and fails. FAULTY_BEHIND: it does what it should, and fails;
 * where the contract says that a fault of that kind has done nothing (-EBADMSG, a begin() or a
 * commit() that is not unknown), it is as before. FAULTY_ROLLED_BACK: nothing, and all of the group
 * is rolled back with it, as SQLite does when memory or the disk fail in the middle of a statement.
 *
 * Each thing that lock() is asked for, and each effect that write() is given, counts as a call:
 * those before it are done, where the call is one that does something. -EBADMSG of a thing that is
 * wanted: what the store has of it makes no sense. -EBADMSG of an effect: it is the owner's who is
 * the culprit.
 *
 * Threads: the engine's writer, and one that tests.
 */
#pragma once
#include "store/group.h"
#include <pthread.h>

enum faulty_when { FAULTY_BEFORE, FAULTY_BEHIND, FAULTY_ROLLED_BACK, FAULTY_WHENS };

struct faulty_store {
	struct store store;
	struct store_writer writer;
	struct store *real;
	struct store_writer *real_writer;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int calls_left;   /* until the one that fails; 0: none does */
	const char *only; /* calls of this name are counted; NULL: all */
	int code;
	enum faulty_when when;
	bool has_failed;
	const char *failed_call; /* its name */
	bool is_held;
	int64_t swept_max; /* the most that one sweep has looked at */
};

void faulty_store_init(struct faulty_store *f, struct store *real);

void faulty_store_hold(struct faulty_store *f);
void faulty_store_let_go(struct faulty_store *f);

void faulty_store_arm(struct faulty_store *f, int number, int code, enum faulty_when when);
/* The same of the calls of one name. */
void faulty_store_arm_call(struct faulty_store *f, const char *call, int code,
			   enum faulty_when when);
/* Has a call failed since? */
bool faulty_store_disarm(struct faulty_store *f);
