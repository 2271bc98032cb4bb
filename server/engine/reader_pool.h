/*
 * reader_pool - a few threads for reads that take long: lists and histories.
 *
 * Each thread has its own read-only connection. A read runs in one snapshot under a time limit,
 * then its parcel goes home. The queue is bounded. Where the log has become too long a read stands
 * back before it begins (engine/read_admission.h), and is refused with -EAGAIN when that takes too
 * long.
 *
 * Threads: submit from any; open and close from one.
 */
#pragma once
#include "engine/long_read.h"
#include "engine/read_admission.h"

enum { READER_THREADS_MAX = 64 };

struct reader_thread {
	struct reader_pool *pool;
	struct reader *reader;
	pthread_t thread;
};

struct reader_pool {
	struct guard guard;
	struct signal_flag wake;
	struct list queue;   /* long_read.queue_link; guarded, as is all below */
	int under_way_count; /* queued or running */
	int reads_max;       /* of those; written before the threads start, as is the next one */
	int64_t limit_ms;    /* for each read */
	struct read_admission *admission; /* where each stands back */
	atomic_int_fast64_t slow_ns; /* reads that take longer are logged; 0: none; any thread */
	atomic_int_fast64_t end_ns;  /* no read goes on after this; any thread */
	bool must_stop;
	int thread_count; /* written before the threads start, as is the next one */
	bool is_uncounted;
	struct reader_thread threads[READER_THREADS_MAX];
};

/* reads_max, limit_ms and admission must be set. 0 or a fault; then nothing is left open. */
int reader_pool_open(struct reader_pool *p, struct store *store, int thread_count);

/* Finishes what is queued, then ends the threads. */
void reader_pool_close(struct reader_pool *p);

/* Wakes every thread that has nothing to do: base/pulse.h. Any thread. */
void reader_pool_nudge(struct reader_pool *p);

/*
 * What is not done at at_ns (monotonic) ends with -ECANCELED, whether it runs or waits. Any thread.
 */
void reader_pool_end_by(struct reader_pool *p, int64_t at_ns);

/* False: reads_max are under way. */
bool reader_pool_submit(struct reader_pool *p, struct long_read *read);
