/*
 * memory - a store without a file: the whole contract of store/store.h and store/group.h, in plain
 * arrays.
 *
 *     struct memory *m = memory_create(&(struct memory_options){ .joins_groups = true });
 *     memory_open_writer(m, seed, &writer);        // as many as one likes
 *     memory_open_reader(m, &reader);
 *     ...
 *     writer->ops->close(writer);
 *     reader->ops->close(reader);
 *     memory_destroy(m);
 *
 * For tests, simulators and the laboratory (lab/front_ends.h): simple, and so that one can see
 * that it is right, rather than fast. What it says is what SQLite has to say
 * (tests/unit/test_stores_agree.c). It has no durability: a group that is kept is kept until
 * memory_destroy(). copy() of a reader is -ENOTSUP: there is no file of it. Nothing in it is
 * ever damaged.
 *
 * How: every record is kept in all of its versions. A version says from which commit it holds and
 * until which, or whose open group has made or ended it; so a snapshot is the number of a commit.
 *
 * Several writers may be open, each in a group of its own:
 *
 *   - lock() takes what is wanted, with what is overdue there, in one step or not at all; items and
 *     locations of rows are shared, all else is for one writer. Rows that another one holds for
 *     longer than wait_ms are in found.held, as are rows in which something is overdue that another
 *     one holds, and rows that another one has leased since the last news. A reservation, item,
 *     location or lease that is held for so long is -EBUSY: the group must be abandoned.
 *   - seqs are relative until number() or write(), which wait for the one that numbers: from there
 *     to its end it does not wait for rows any more, so that nobody waits in a ring.
 *
 * Threads: any for readers and writers, each of which is used by one at a time. Memory: all that
 * was ever written, until it is destroyed. Cost: a look at every version of the kind, newest first.
 */
#pragma once
#include "store/group.h"

struct memory;

struct memory_options {
	bool has_one_writer; /* a group holds the whole store, and numbers at its begin */
	bool joins_groups;   /* see writer_ops; lock() twice in a group is else a fault of ours */
	int busy_ms;         /* begin() waits for so long with has_one_writer, as does number() */
};

/* NULL: memory is short, or the machine has no random numbers. */
struct memory *memory_create(const struct memory_options *o);
/* Readers and writers are closed. NULL is fine; returns NULL. */
struct memory *memory_destroy(struct memory *m);

/* seed: of the hashes in the row_ref that lock() will be given. 0 or a fault. */
int memory_open_writer(struct memory *m, uint64_t seed, struct store_writer **ret);
int memory_open_reader(struct memory *m, struct reader **ret);

/*
 * As the store of a service, which closes it with itself: the memory stays, for others beside it
 * and for another one later. 0 or a fault.
 */
int memory_open_store(struct memory *m, struct store **ret);

/*
 * Makes its tokens what `access` says, as somebody who has the store beside everybody else would;
 * the version is the memory's own, and grows. A snapshot sees the tokens of when it is asked for
 * them. 0 or a fault.
 */
int memory_set_access(struct memory *m, const struct stored_access *access);

/* What begin() of a writer of SQLite's does not say. See struct stored_time. */
void memory_load_time(struct memory *m, struct stored_time *ret);
