/*
 * long_read - a read that may take long: a list, a history, a verification, the whole store.
 *
 * It runs on a reader thread (engine/reader_pool.h) under a time limit, in a snapshot of its own,
 * then its parcel comes home. Lies in the request; still while it is under way. Where the store is
 * a network away, reads of a few rows are such reads, too (engine/point_reads.h).
 */
#pragma once
#include "base/arena.h"
#include "base/fault.h"
#include "engine/mailbox.h"
#include "store/store.h"
#include <stdatomic.h>

struct long_read {
	struct parcel parcel;
	/*
	 * On the reader thread. Fills what it wants; returns 0 or a fault (-ETIME: took too long,
	 * -ECANCELED: the service drains).
	 */
	int (*run)(struct long_read *read, struct reader *reader, struct arena *arena);
	/*
	 * The stock row that run() asks for, as a point read: it is read with the beginning of the
	 * snapshot. sku NULL: none, or nobody knows yet.
	 */
	struct stock_name row;
	struct arena *arena;     /* the request's own, nobody else touches it meanwhile */
	atomic_bool is_unwanted; /* nobody waits for it any more: a long run() looks now and then */
	bool is_whole;           /* it is one of service_read_all() */
	bool is_patient; /* where the log is too long it waits, and is not refused with -EAGAIN */
	int result;      /* what run() (or beginning the snapshot) returned */
	int64_t seq;     /* of its snapshot: Stock-Seq */
	struct fault fault;     /* where, if that is one: the latest of the reader thread */
	const char *request_id; /* whose it is, for the log; NULL: nobody's */
	int64_t queued_ns;      /* since when it waits; the pool's */
	struct list queue_link;
};
