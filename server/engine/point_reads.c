#include "engine/point_reads.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/pulse.h"
#include "core/limits.h"
#include "ops/log.h"
#include "ops/metrics.h"

/* What a batch of them may take beyond its limit, before its thread is thought to hang. */
enum { POINT_READ_GRACE_MS = 30000 };

static const int64_t limit_ns = LONG_READ_MS_MAX * NS_PER_MS;

static struct long_read *read_of(struct list *link)
{
	return CONTAINER_OF(link, struct long_read, queue_link);
}

/* ---------------------------------------------------------------- the queue */

/* How many were moved into `taken`; 0: it is over. */
static int take(struct point_reads *p, struct list *taken)
{
	int count = 0;

	guard_lock(&p->guard);
	while (list_is_empty(&p->queue) && !p->must_stop) {
		pulse_beat();
		guard_wait(&p->guard, &p->wake, INT64_MAX);
	}
	pulse_beat();
	for (; count < POINT_READS_TOGETHER && !list_is_empty(&p->queue); count++)
		list_push_back(taken, list_pop_front(&p->queue));
	if (!list_is_empty(&p->queue)) /* a flag that was raised twice may have woken one */
		signal_flag_raise(&p->wake);
	guard_unlock(&p->guard);
	return count;
}

void point_reads_submit(struct point_reads *p, struct long_read *read)
{
	CHECK(p->thread_count > 0);
	CHECK(read->run != NULL);
	read->queued_ns = clock_monotonic_ns();
	list_init(&read->queue_link);
	guard_lock(&p->guard);
	list_push_back(&p->queue, &read->queue_link);
	signal_flag_raise(&p->wake);
	guard_unlock(&p->guard);
}

/* ---------------------------------------------------------------- reading */

/* One after the other, in a snapshot that all of them share as long as none of them fails. */
struct turn {
	struct point_reads *all;
	struct reader *reader;
	bool is_open; /* a snapshot, of this seq */
	int64_t seq;
	int unreachable; /* the fault of the first that found no store; 0: none has */
};

static bool is_over(const struct point_reads *p)
{
	return clock_monotonic_ns() > atomic_load(&p->end_ns);
}

static int begin(struct turn *t, const struct long_read *read)
{
	int64_t until_ns = read->queued_ns + limit_ns;
	int r = 0;

	if (is_over(t->all))
		return FAULT(-ECANCELED);
	if (t->unreachable != 0)
		return t->unreachable;
	if (clock_monotonic_ns() > until_ns)
		return FAULT(-ETIME);
	t->reader->ops->limit_time(t->reader, until_ns, &t->all->end_ns);
	if (!t->is_open)
		r = t->reader->ops->begin(t->reader, &t->seq);
	if (r == 0)
		t->is_open = true;
	return r;
}

/* Harmless without a snapshot, also where it did not begin. */
static void end(struct turn *t)
{
	t->reader->ops->end(t->reader);
	t->is_open = false;
}

static void run_read(struct turn *t, struct long_read *read)
{
	int r = begin(t, read);

	read->seq = t->seq;
	if (r == 0)
		r = read->run(read, t->reader, read->arena);
	if (r == -ETIME && is_over(t->all))
		r = FAULT(-ECANCELED);
	read->result = r;
	if (r == 0)
		return;
	read->fault = *fault_latest();
	if (r == -ENOTCONN)
		t->unreachable = r;
	end(t); /* what is left of it may be of no use to others */
}

static void log_if_slow(const struct point_reads *p, const struct long_read *read, int64_t taken_ns)
{
	int64_t slow_ns = atomic_load_explicit(&p->slow_ns, memory_order_relaxed);
	int64_t now_ns = clock_monotonic_ns();

	if (slow_ns == 0 || now_ns - read->queued_ns < slow_ns)
		return;
	log_write(LOG_WARN, "slow_read",
		  "request=%s queue_ms=%.3f held_ms=0.000 read_ms=%.3f result=%d", read->request_id,
		  (double)(taken_ns - read->queued_ns) / NS_PER_MS,
		  (double)(now_ns - taken_ns) / NS_PER_MS, read->result);
}

/* Reads of the same loop go in one burst, in their order. */
static void send_home(struct list *done)
{
	while (!list_is_empty(done)) {
		struct mailbox *home = read_of(done->next)->parcel.home;
		struct list burst;

		CHECK(home != NULL);
		list_init(&burst);
		LIST_EACH_SAFE (it, done) {
			struct long_read *read = read_of(it);

			if (read->parcel.home != home)
				continue;
			list_remove(it);
			list_init(&read->parcel.link);
			list_push_back(&burst, &read->parcel.link);
		}
		mailbox_post(home, &burst);
	}
}

/* What is known of what they ask for: one trip is enough for all of that. */
static void expect(struct reader *reader, struct list *taken,
		   struct stock_name rows[POINT_READS_TOGETHER])
{
	size_t count = 0;

	if (reader->ops->expect == NULL)
		return;
	LIST_EACH (it, taken) {
		CHECK(count < POINT_READS_TOGETHER);
		if (read_of(it)->row.sku != NULL)
			rows[count++] = read_of(it)->row;
	}
	reader->ops->expect(reader, rows, count);
}

static void run_all(struct point_reads *p, struct reader *reader, struct list *taken)
{
	struct turn t = { .all = p, .reader = reader };
	struct stock_name rows[POINT_READS_TOGETHER]; /* until its snapshot has ended */
	int64_t taken_ns = clock_monotonic_ns();

	expect(reader, taken, rows);
	pulse_excuse(taken_ns + limit_ns + POINT_READ_GRACE_MS * NS_PER_MS);
	LIST_EACH (it, taken) {
		run_read(&t, read_of(it));
		log_if_slow(p, read_of(it), taken_ns);
	}
	end(&t);
	reader->ops->limit_time(reader, 0, NULL);
	pulse_excuse(0);
	send_home(taken);
}

/* ---------------------------------------------------------------- the threads */

static void *point_reader_main(void *context)
{
	struct point_reader *t = context;
	struct crash_stack stack;
	struct list taken;

	crash_thread_begin(&stack, "point-reader", -1);
	if (t->all->is_uncounted)
		metrics_mute_thread();
	else
		pulse_begin("point-reader", -1);
	list_init(&taken);
	while (take(t->all, &taken) > 0) {
		crash_note_doing("reading");
		run_all(t->all, t->reader, &taken);
		crash_note_doing(NULL);
	}
	pulse_end();
	return NULL;
}

static int start_thread(struct point_reads *p, struct store *store)
{
	struct point_reader *t = &p->threads[p->thread_count];
	int r = store->ops->open_reader(store, &t->reader);

	t->all = p;
	if (r < 0)
		return r;
	if (pthread_create(&t->thread, NULL, point_reader_main, t) != 0) {
		t->reader->ops->close(t->reader);
		return FAULT(-EAGAIN);
	}
	p->thread_count++;
	return 0;
}

int point_reads_open(struct point_reads *p, struct store *store, bool is_uncounted)
{
	int r = 0;

	guard_init(&p->guard, RANK_READERS);
	signal_flag_init(&p->wake);
	list_init(&p->queue);
	p->must_stop = false;
	p->is_uncounted = is_uncounted;
	atomic_init(&p->end_ns, INT64_MAX);
	p->thread_count = 0;
	for (int i = 0; i < POINT_READERS && r == 0; i++)
		r = start_thread(p, store);
	if (r < 0 && p->thread_count > 0) {
		point_reads_close(p);
	} else if (r < 0) {
		signal_flag_fini(&p->wake);
		guard_fini(&p->guard);
	}
	return r;
}

static void wake_all(struct point_reads *p)
{
	for (int i = 0; i < p->thread_count; i++)
		signal_flag_raise(&p->wake);
}

void point_reads_close(struct point_reads *p)
{
	if (p->thread_count == 0)
		return;
	guard_lock(&p->guard);
	p->must_stop = true;
	wake_all(p);
	guard_unlock(&p->guard);

	for (int i = 0; i < p->thread_count; i++) {
		CHECK(pthread_join(p->threads[i].thread, NULL) == 0);
		p->threads[i].reader->ops->close(p->threads[i].reader);
	}
	p->thread_count = 0;
	CHECK(list_is_empty(&p->queue));
	signal_flag_fini(&p->wake);
	guard_fini(&p->guard);
}

void point_reads_nudge(struct point_reads *p)
{
	if (p->thread_count == 0)
		return;
	guard_lock(&p->guard);
	wake_all(p);
	guard_unlock(&p->guard);
}

void point_reads_end_by(struct point_reads *p, int64_t at_ns)
{
	atomic_store(&p->end_ns, at_ns);
}
