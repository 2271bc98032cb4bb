/*
 * test_point_reads - what is taken together is told to the store before its snapshot begins. The
 * store here says what it was asked for, and lets the first reads wait so that others queue up.
 */
#include "base/fault.h"
#include "engine/point_reads.h"
#include "unit.h"
#include <poll.h>
#include <stdlib.h>

enum { HELD = POINT_READERS, READS = 5 };

/* ---------------------------------------------------------------- a store that tells */

struct told {
	struct store store;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool may_go_on;
	int held_count;
	size_t expected_count; /* of the latest call that expected anything */
	struct stock_name expected[POINT_READS_TOGETHER];
	int snapshot_count; /* of those that something was expected of */
};

struct told_reader {
	struct reader reader;
	struct told *told;
	bool is_expecting;
};

static struct told_reader *of(struct reader *r)
{
	return CONTAINER_OF(r, struct told_reader, reader);
}

static void expect(struct reader *r, const struct stock_name names[], size_t count)
{
	struct told *t = of(r)->told;

	of(r)->is_expecting = count > 0;
	if (count == 0)
		return;
	pthread_mutex_lock(&t->mutex);
	t->expected_count = count;
	memcpy(t->expected, names, count * sizeof(names[0]));
	pthread_mutex_unlock(&t->mutex);
}

static int begin(struct reader *r, int64_t *ret_seq)
{
	struct told *t = of(r)->told;

	pthread_mutex_lock(&t->mutex);
	t->snapshot_count += of(r)->is_expecting;
	pthread_mutex_unlock(&t->mutex);
	*ret_seq = 7;
	return 0;
}

static void end(struct reader *r)
{
	(void)r;
}

static void limit_time(struct reader *r, int64_t at_ns, const atomic_int_fast64_t *or_at_ns)
{
	(void)r, (void)at_ns, (void)or_at_ns;
}

static void close_reader(struct reader *r)
{
	free(of(r));
}

static const struct reader_ops reader_ops = { .expect = expect,
					      .begin = begin,
					      .end = end,
					      .limit_time = limit_time,
					      .close = close_reader };

static int open_reader(struct store *s, struct reader **ret)
{
	struct told_reader *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->reader.ops = &reader_ops;
	r->told = CONTAINER_OF(s, struct told, store);
	*ret = &r->reader;
	return 0;
}

static const struct store_ops store_ops = { .name = "told", .open_reader = open_reader };

/* ---------------------------------------------------------------- reads */

static int hold(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct told *t = of(reader)->told;

	(void)read, (void)arena;
	pthread_mutex_lock(&t->mutex);
	t->held_count++;
	pthread_cond_broadcast(&t->changed);
	while (!t->may_go_on)
		pthread_cond_wait(&t->changed, &t->mutex);
	pthread_mutex_unlock(&t->mutex);
	return 0;
}

static int look(struct long_read *read, struct reader *reader, struct arena *arena)
{
	(void)read, (void)reader, (void)arena;
	return 0;
}

static void submit(struct point_reads *p, struct long_read *read, struct mailbox *box,
		   int (*run)(struct long_read *, struct reader *, struct arena *))
{
	read->parcel.home = box;
	read->run = run;
	read->request_id = "r";
	point_reads_submit(p, read);
}

static void wait_for(struct mailbox *box, int count)
{
	struct list done;

	list_init(&done);
	while (count > 0) {
		struct pollfd fd = { .fd = box->event_fd, .events = POLLIN };

		assert_int_equal(poll(&fd, 1, 30000), 1);
		mailbox_take(box, &done);
		for (; !list_is_empty(&done); count--)
			list_pop_front(&done);
	}
}

/* One thread is kept busy, and then the other one: what comes meanwhile is taken together. */
static void rows_that_are_read_together_are_told_together(void **state)
{
	static const char *const skus[READS] = { "A", NULL, "B", "C", NULL };
	struct told t = { .store.ops = &store_ops,
			  .mutex = PTHREAD_MUTEX_INITIALIZER,
			  .changed = PTHREAD_COND_INITIALIZER };
	struct long_read held[HELD] = { 0 }, reads[READS] = { 0 };
	struct point_reads p = { 0 };
	struct mailbox box;

	(void)state;
	assert_int_equal(mailbox_init(&box), 0);
	assert_int_equal(point_reads_open(&p, &t.store, true), 0);
	for (int i = 0; i < HELD; i++) {
		submit(&p, &held[i], &box, hold);
		pthread_mutex_lock(&t.mutex);
		while (t.held_count <= i)
			pthread_cond_wait(&t.changed, &t.mutex);
		pthread_mutex_unlock(&t.mutex);
	}
	for (int i = 0; i < READS; i++) {
		reads[i].row = (struct stock_name){ skus[i], "WH1" };
		submit(&p, &reads[i], &box, look);
	}
	pthread_mutex_lock(&t.mutex);
	assert_int_equal(t.snapshot_count, 0); /* nobody has said what the first ones ask for */
	t.may_go_on = true;
	pthread_cond_broadcast(&t.changed);
	pthread_mutex_unlock(&t.mutex);
	wait_for(&box, HELD + READS);
	point_reads_close(&p);
	assert_int_equal(t.snapshot_count, 1);
	assert_int_equal(t.expected_count, 3);
	for (int i = 0, k = 0; i < READS; i++) {
		assert_int_equal(reads[i].result, 0);
		assert_int_equal(reads[i].seq, 7);
		if (skus[i] != NULL)
			assert_string_equal(t.expected[k++].sku, skus[i]);
	}
	mailbox_fini(&box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_that_are_read_together_are_told_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
