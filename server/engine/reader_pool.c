#include "engine/reader_pool.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "base/pulse.h"
#include "ops/log.h"
#include "ops/metrics.h"

/* What a read may take beyond its limit, before its thread is thought to hang. */
enum { READ_GRACE_MS = 30000 };

static struct long_read *next_read(struct reader_pool *p)
{
	struct list *link;

	guard_lock(&p->guard);
	while (list_is_empty(&p->queue) && !p->must_stop) {
		pulse_beat();
		guard_wait(&p->guard, &p->wake, INT64_MAX);
	}
	pulse_beat();
	link = list_pop_front(&p->queue);
	guard_unlock(&p->guard);
	return link == NULL ? NULL : CONTAINER_OF(link, struct long_read, queue_link);
}

static bool is_over(const struct reader_pool *p)
{
	return clock_monotonic_ns() > atomic_load(&p->end_ns);
}

/* What it waited for: a thread, that the log became shorter, and the store. */
static void log_if_slow(const struct reader_pool *p, const struct long_read *read, int64_t taken_ns,
			int64_t begun_ns)
{
	int64_t slow_ns = atomic_load_explicit(&p->slow_ns, memory_order_relaxed);
	int64_t now_ns = clock_monotonic_ns();

	if (slow_ns == 0 || now_ns - read->queued_ns < slow_ns)
		return;
	log_write(LOG_WARN, "slow_read",
		  "request=%s queue_ms=%.3f held_ms=%.3f read_ms=%.3f result=%d", read->request_id,
		  (double)(taken_ns - read->queued_ns) / NS_PER_MS,
		  (double)(begun_ns - taken_ns) / NS_PER_MS,
		  (double)(now_ns - begun_ns) / NS_PER_MS, read->result);
}

static void run_read(const struct reader_pool *p, struct reader *reader, struct long_read *read)
{
	int64_t taken_ns = clock_monotonic_ns(), begun_ns;

	CHECK(read->run != NULL);
	CHECK(p->limit_ms > 0);
	pulse_excuse(INT64_MAX); /* it waits for the writer, which is watched */
	if (!read_admission_enter(p->admission, read->is_whole, read->is_patient)) {
		read->result = -EAGAIN; /* no fault: the log is too long */
		log_if_slow(p, read, taken_ns, clock_monotonic_ns());
		return;
	}
	begun_ns = clock_monotonic_ns();
	pulse_excuse(begun_ns + (p->limit_ms + READ_GRACE_MS) * NS_PER_MS);
	reader->ops->limit_time(reader, begun_ns + p->limit_ms * NS_PER_MS, &p->end_ns);
	read->result = is_over(p) ? FAULT(-ECANCELED) : reader->ops->begin(reader, &read->seq);
	if (read->result == 0)
		read->result = read->run(read, reader, read->arena);
	if (read->result == -ETIME && is_over(p))
		read->result = FAULT(-ECANCELED);
	read->fault = *fault_latest();
	reader->ops->end(reader);
	read_admission_leave(p->admission, read->is_whole);
	reader->ops->limit_time(reader, 0, NULL);
	metric_observe(METRIC_LONG_READ_TIME, clock_monotonic_ns() - begun_ns);
	log_if_slow(p, read, taken_ns, begun_ns);
}

static void send_home(struct reader_pool *p, struct long_read *read)
{
	struct list one;

	CHECK(read->parcel.home != NULL);
	guard_lock(&p->guard);
	p->under_way_count--;
	guard_unlock(&p->guard);

	list_init(&one);
	list_init(&read->parcel.link);
	list_push_back(&one, &read->parcel.link);
	mailbox_post(read->parcel.home, &one);
}

static void *reader_main(void *context)
{
	struct reader_thread *t = context;
	struct crash_stack stack;
	struct long_read *read;

	crash_thread_begin(&stack, "reader", -1);
	if (t->pool->is_uncounted)
		metrics_mute_thread();
	else
		pulse_begin("reader", -1);
	while ((read = next_read(t->pool)) != NULL) {
		crash_note_doing("reading");
		run_read(t->pool, t->reader, read);
		crash_note_doing(NULL);
		pulse_excuse(0);
		send_home(t->pool, read);
	}
	pulse_end();
	return NULL;
}

static int start_thread(struct reader_pool *p, struct store *store)
{
	struct reader_thread *t = &p->threads[p->thread_count];

	CHECK(p->thread_count < READER_THREADS_MAX);
	t->pool = p;

	int r = store->ops->open_reader(store, &t->reader);

	if (r < 0)
		return r;
	if (pthread_create(&t->thread, NULL, reader_main, t) != 0) {
		t->reader->ops->close(t->reader);
		return FAULT(-EAGAIN);
	}
	p->thread_count++;
	return 0;
}

int reader_pool_open(struct reader_pool *p, struct store *store, int thread_count)
{
	CHECK(thread_count >= 1);
	CHECK(thread_count <= READER_THREADS_MAX);
	guard_init(&p->guard, RANK_READERS);
	signal_flag_init(&p->wake);
	list_init(&p->queue);
	p->under_way_count = 0;
	p->must_stop = false;
	atomic_init(&p->end_ns, INT64_MAX);
	p->thread_count = 0;
	while (p->thread_count < thread_count) {
		int r = start_thread(p, store);

		if (r < 0) {
			reader_pool_close(p);
			return r;
		}
	}
	return 0;
}

void reader_pool_close(struct reader_pool *p)
{
	guard_lock(&p->guard);
	p->must_stop = true;
	for (int i = 0; i < p->thread_count; i++)
		signal_flag_raise(&p->wake);
	guard_unlock(&p->guard);

	for (int i = 0; i < p->thread_count; i++) {
		CHECK(pthread_join(p->threads[i].thread, NULL) == 0);
		p->threads[i].reader->ops->close(p->threads[i].reader);
	}
	CHECK(p->under_way_count == 0);
	signal_flag_fini(&p->wake);
	guard_fini(&p->guard);
}

void reader_pool_nudge(struct reader_pool *p)
{
	guard_lock(&p->guard);
	for (int i = 0; i < p->thread_count; i++)
		signal_flag_raise(&p->wake);
	guard_unlock(&p->guard);
}

void reader_pool_end_by(struct reader_pool *p, int64_t at_ns)
{
	atomic_store(&p->end_ns, at_ns);
}

bool reader_pool_submit(struct reader_pool *p, struct long_read *read)
{
	bool is_taken;

	CHECK(p->reads_max > 0);
	guard_lock(&p->guard);
	is_taken = p->under_way_count < p->reads_max;
	if (is_taken) {
		read->queued_ns = clock_monotonic_ns();
		list_init(&read->queue_link);
		list_push_back(&p->queue, &read->queue_link);
		p->under_way_count++;
		signal_flag_raise(&p->wake);
	}
	guard_unlock(&p->guard);
	return is_taken;
}
