/*
 * published - what the thread that writes lets everybody else see: how far the store has come, and
 * how it stands.
 *
 * Threads: each is stored by the writer and loaded by any; is_damaged is set by whoever meets the
 * damage. Each stands for itself: two of them read one after the other may be of two moments, but
 * for `generation`, which grows behind `seq`: whoever has seen a generation sees its seq.
 */
#pragma once
#include <stdatomic.h>

struct published {
	atomic_int_fast64_t seq;         /* newest committed */
	atomic_uint_fast64_t generation; /* grows with each commit, before its answers leave */
	atomic_int_fast64_t wal_bytes;   /* of the store's log, when it was looked at last */
	atomic_bool is_disk_full;
	atomic_bool is_store_busy;  /* another program holds the store right now */
	atomic_bool is_unreachable; /* the store does not answer: it is a network away */
	atomic_bool is_failing;     /* the last group failed for another reason */
	atomic_bool is_damaged;     /* the file is: whoever saw it has closed the lock manager */
};
