/* test_point_faults - what a fault of one read is to those that share its snapshot. */
#include "base/fault.h"
#include "engine/point_reads.h"
#include "unit.h"
#include <poll.h>
#include <sched.h>

enum { READS = 5 };

/* A store that counts its snapshots, and whose begin() may be held up and may fail. */
struct place {
	struct store store;
	struct reader reader;
	struct point_reads points;
	struct mailbox home;
	atomic_int begun_count;
	atomic_int begin_fault;
	atomic_bool is_held; /* the first snapshot begins only when it is not */
	struct long_read reads[READS];
	int faults[READS]; /* what the run of each returns */
};

static struct place place;

static int begin(struct reader *r, int64_t *ret_seq)
{
	(void)r;
	*ret_seq = 10 + atomic_fetch_add(&place.begun_count, 1);
	while (atomic_load(&place.is_held))
		sched_yield();
	return atomic_load(&place.begin_fault) == 0 ? 0 : FAULT(place.begin_fault);
}

static void end(struct reader *r)
{
	(void)r;
}

static void limit_time(struct reader *r, int64_t at_ns, const atomic_int_fast64_t *or_at_ns)
{
	(void)r, (void)at_ns, (void)or_at_ns;
}

static int open_reader(struct store *s, struct reader **ret)
{
	(void)s;
	*ret = &place.reader;
	return 0;
}

static const struct reader_ops reader_ops = {
	.begin = begin, .end = end, .limit_time = limit_time, .close = end
};
static const struct store_ops store_ops = { .open_reader = open_reader };

static int run(struct long_read *read, struct reader *reader, struct arena *arena)
{
	int fault = place.faults[read - place.reads];

	(void)reader, (void)arena;
	return fault == 0 ? 0 : FAULT(fault);
}

static int setup(void **state)
{
	(void)state;
	place = (struct place){ .store.ops = &store_ops, .reader.ops = &reader_ops };
	assert_int_equal(mailbox_init(&place.home), 0);
	assert_int_equal(point_reads_open(&place.points, &place.store, true), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	point_reads_close(&place.points);
	mailbox_fini(&place.home);
	return 0;
}

static void submit(int i)
{
	place.reads[i] = (struct long_read){ .run = run, .parcel.home = &place.home };
	point_reads_submit(&place.points, &place.reads[i]);
}

static void await(int count)
{
	struct list parcels;
	struct list *link;

	list_init(&parcels);
	while (count > 0) {
		struct pollfd rung = { .fd = place.home.event_fd, .events = POLLIN };

		assert_int_equal(poll(&rung, 1, 10000), 1);
		mailbox_take(&place.home, &parcels);
		while ((link = list_pop_front(&parcels)) != NULL)
			count--;
	}
	assert_int_equal(count, 0);
}

/* Both threads are in a snapshot of theirs: what comes now waits, and is taken in one piece. */
static void hold_up(void)
{
	atomic_store(&place.is_held, true);
	for (int i = 0; i < POINT_READERS; i++) {
		submit(i);
		while (atomic_load(&place.begun_count) <= i)
			sched_yield();
	}
}

static void those_that_wait_share_a_snapshot(void **state)
{
	(void)state;
	hold_up();
	for (int i = POINT_READERS; i < READS; i++)
		submit(i);
	atomic_store(&place.is_held, false);
	await(READS);
	assert_int_equal(place.begun_count, POINT_READERS + 1);
	for (int i = POINT_READERS; i < READS; i++) {
		assert_int_equal(place.reads[i].result, 0);
		assert_int_equal(place.reads[i].seq, 10 + POINT_READERS);
	}
}

static void after_a_fault_the_others_get_a_new_one(void **state)
{
	(void)state;
	hold_up();
	place.faults[3] = -EBADMSG;
	for (int i = POINT_READERS; i < READS; i++)
		submit(i);
	atomic_store(&place.is_held, false);
	await(READS);
	assert_int_equal(place.reads[2].result, 0);
	assert_int_equal(place.reads[3].result, -EBADMSG);
	assert_int_equal(place.reads[3].fault.error, -EBADMSG);
	assert_int_equal(place.reads[4].result, 0);
	assert_int_equal(place.begun_count, POINT_READERS + 2);
}

static void a_store_that_cannot_be_reached_is_tried_once_for_all(void **state)
{
	(void)state;
	hold_up();
	atomic_store(&place.begin_fault, -ENOTCONN);
	for (int i = POINT_READERS; i < READS; i++)
		submit(i);
	atomic_store(&place.is_held, false);
	await(READS);
	for (int i = POINT_READERS; i < READS; i++)
		assert_int_equal(place.reads[i].result, -ENOTCONN);
	assert_int_equal(place.begun_count, POINT_READERS + 1);
}

static void what_is_not_done_by_the_end_is_cancelled(void **state)
{
	(void)state;
	hold_up();
	submit(2);
	point_reads_end_by(&place.points, 1);
	atomic_store(&place.is_held, false);
	await(3);
	assert_int_equal(place.reads[2].result, -ECANCELED);
	assert_int_equal(place.begun_count, POINT_READERS);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(those_that_wait_share_a_snapshot),
		CASE(after_a_fault_the_others_get_a_new_one),
		CASE(a_store_that_cannot_be_reached_is_tried_once_for_all),
		CASE(what_is_not_done_by_the_end_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
