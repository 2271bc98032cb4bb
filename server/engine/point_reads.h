/*
 * point_reads - reads of a few rows, where the store is a network away and no loop may wait for it.
 *
 * A thread takes all that wait, up to POINT_READS_TOGETHER, begins one snapshot for them, and sends
 * them home together. So a snapshot is always younger than the requests that are answered from it,
 * and under load one round trip serves many: what comes while a trip is under way makes the next
 * one. Lists have threads of their own (engine/reader_pool.h), and hold up nobody here.
 *
 * None of them is refused for its number: each belongs to a request, and those are counted. None
 * waits without end: from LONG_READ_MS_MAX behind its submission on it ends with -ETIME, whether it
 * runs or waits; where the store cannot be reached, all that were taken together end with what
 * says so.
 *
 * Threads: submit from any; open and close from one.
 */
#pragma once
#include "engine/long_read.h"

enum { POINT_READERS = 2, POINT_READS_TOGETHER = 64 };

struct point_reader {
	struct point_reads *all;
	struct reader *reader;
	pthread_t thread;
};

struct point_reads {
	struct guard guard;
	struct signal_flag wake;
	struct list queue; /* long_read.queue_link; guarded, as is the next one */
	bool must_stop;
	atomic_int_fast64_t slow_ns; /* reads that take longer are logged; 0: none; any thread */
	atomic_int_fast64_t end_ns;  /* no read goes on after this; any thread */
	int thread_count; /* written before the threads start, as is the next one; 0: not open */
	bool is_uncounted;
	struct point_reader threads[POINT_READERS];
};

/* 0 or a fault; then nothing is left open. */
int point_reads_open(struct point_reads *p, struct store *store, bool is_uncounted);

/* Finishes what is queued, then ends the threads. Harmless when it was not opened. */
void point_reads_close(struct point_reads *p);

/* As those of engine/reader_pool.h. Harmless when it was not opened. */
void point_reads_nudge(struct point_reads *p);
void point_reads_end_by(struct point_reads *p, int64_t at_ns);

/* Its parcel comes for certain. */
void point_reads_submit(struct point_reads *p, struct long_read *read);
