/*
 * test_lock_await - the writer waits for those who were answered just before: what ends that, and
 * how many it says have come.
 */
#include "base/clock.h"
#include "engine/lock_manager.h"
#include "unit.h"
#include <pthread.h>
#include <sched.h>

enum { WORKS_MAX = 4, AWAITED = 3 };

#define NEVER_NS INT64_MAX

static struct stage {
	struct lock_manager locks;
	struct key_book keys;
	struct store_time time;
	struct mailbox home;
	struct waiter waiters[WORKS_MAX];
	int work_count;
	pthread_t writer;
	int64_t until_ns;
	int64_t arrived;
} stage;

/* A write of that row. False: it was answered at once. */
static bool enter(uint64_t row, int64_t wait_ms)
{
	struct work *w = work_create();
	struct waiter *waiter = &stage.waiters[stage.work_count];
	struct key_search search = { 0 };

	assert_non_null(w);
	assert_true(stage.work_count < WORKS_MAX);
	*waiter = (struct waiter){ .parcel.home = &stage.home };
	w->command.request_id = "r-1";
	claim_init(&w->claim, w->first_slots, &row, 1, NULL, 0);
	if (lock_manager_enter(&stage.locks, w, waiter, wait_ms, clock_monotonic_ns(), &search) ==
	    ENTER_PENDING) {
		stage.work_count++;
		return true;
	}
	work_release(w);
	return false;
}

static void enter_some(int count)
{
	for (int i = 0; i < count; i++)
		assert_true(enter((uint64_t)(100 + stage.work_count), 1000));
}

/* The writer takes all that are ready, and they are done. Returns how many. */
static int carry_out_ready(void)
{
	struct list taken, waiters, *link;
	int count = 0;

	list_init(&taken);
	list_init(&waiters);
	lock_manager_take(&stage.locks, WORKS_MAX, true, &taken);
	lock_manager_finish(&stage.locks, &taken, clock_monotonic_ns(), &waiters);
	while ((link = list_pop_front(&taken)) != NULL) {
		work_release(work_of_link(link));
		count++;
	}
	return count;
}

static void carry_out(void)
{
	while (carry_out_ready() > 0)
		;
	for (int i = 0; i < stage.work_count; i++)
		work_release(stage.waiters[i].work);
	stage.work_count = 0;
}

static void *await(void *context)
{
	(void)context;
	stage.arrived = lock_manager_await(&stage.locks, AWAITED, stage.until_ns);
	return NULL;
}

/* Returns once it sleeps. */
static void begin_to_wait(int64_t until_ns)
{
	bool is_asleep = false;

	stage.until_ns = until_ns;
	assert_int_equal(pthread_create(&stage.writer, NULL, await, NULL), 0);
	while (!is_asleep) {
		guard_lock(&stage.locks.guard);
		is_asleep = stage.locks.is_writer_asleep;
		guard_unlock(&stage.locks.guard);
		sched_yield();
	}
}

static int64_t end_of_the_wait(void)
{
	assert_int_equal(pthread_join(stage.writer, NULL), 0);
	assert_false(stage.locks.is_writer_asleep);
	assert_int_equal(stage.locks.awaited_count, 0);
	return stage.arrived;
}

static int open_stage(void **state)
{
	(void)state;
	memset(&stage, 0, sizeof(stage));
	store_time_init(&stage.time, NULL, 0);
	if (key_book_init(&stage.keys, &stage.locks.guard) < 0 || mailbox_init(&stage.home) < 0)
		return -1;
	lock_manager_init(&stage.locks, &stage.time, &stage.keys);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	carry_out();
	lock_manager_fini(&stage.locks);
	key_book_fini(&stage.keys);
	store_time_fini(&stage.time);
	mailbox_fini(&stage.home);
	return 0;
}

/* ---------------------------------------------------------------- the cases */

static void who_came_before_is_counted(void **state)
{
	(void)state;
	for (int count = 0; count <= WORKS_MAX; count++) {
		lock_manager_mark(&stage.locks);
		enter_some(count);
		assert_int_equal(
			lock_manager_await(&stage.locks, AWAITED, count < AWAITED ? 0 : NEVER_NS),
			count);
		carry_out();
	}
}

static void the_last_that_is_awaited_ends_it(void **state)
{
	(void)state;
	for (int before = 0; before < AWAITED; before++) {
		lock_manager_mark(&stage.locks);
		enter_some(before);
		begin_to_wait(NEVER_NS);
		enter_some(AWAITED - before);
		assert_int_equal(end_of_the_wait(), AWAITED);
		carry_out();
	}
}

/* Whether it is ready or not: it has come, and stands in its queue. */
static void who_waits_for_a_row_has_come(void **state)
{
	(void)state;
	begin_to_wait(NEVER_NS);
	assert_true(enter(7, 1000));
	assert_true(enter(7, 1000));
	assert_true(enter(7, 1000));
	assert_int_equal(end_of_the_wait(), AWAITED);
}

static void who_is_answered_at_once_has_not_come(void **state)
{
	(void)state;
	begin_to_wait(NEVER_NS);
	assert_true(enter(7, 1000));
	assert_false(enter(7, 0));
	assert_false(enter(7, 0));
	enter_some(2);
	assert_int_equal(end_of_the_wait(), AWAITED);
}

static void it_ends_with_its_time(void **state)
{
	int64_t begun_ns = clock_monotonic_ns();

	(void)state;
	begin_to_wait(begun_ns + 20 * NS_PER_MS);
	enter_some(1);
	assert_int_equal(end_of_the_wait(), 1);
	assert_true(clock_monotonic_ns() >= begun_ns + 20 * NS_PER_MS);
}

enum ends { STOPS, CLOSES, DRAINS, ENDS };

static void end(enum ends what)
{
	switch (what) {
	case STOPS:
		lock_manager_stop(&stage.locks);
		return;
	case CLOSES:
		lock_manager_close(&stage.locks, OUTCOME_STORE_DAMAGED);
		return;
	case DRAINS:
		lock_manager_drain(&stage.locks, NEVER_NS);
		return;
	case ENDS:
		break;
	}
	fail();
}

/* Each of these before it sleeps, and while it does; nobody is waited for who cannot come. */
static void it_ends_where_there_is_something_else_to_do(void **state)
{
	for (enum ends what = 0; what < ENDS; what++) {
		for (int is_asleep = 0; is_asleep < 2; is_asleep++) {
			enter_some(1);
			if (is_asleep) {
				begin_to_wait(NEVER_NS);
				end(what);
				assert_int_equal(end_of_the_wait(), 1);
			} else {
				end(what);
				assert_int_equal(
					lock_manager_await(&stage.locks, AWAITED, NEVER_NS), 1);
			}
			close_stage(state);
			assert_int_equal(open_stage(state), 0);
		}
	}
}

static void a_mark_counts_anew(void **state)
{
	(void)state;
	enter_some(2);
	lock_manager_mark(&stage.locks);
	enter_some(1);
	assert_int_equal(lock_manager_await(&stage.locks, AWAITED, 0), 1);
	lock_manager_mark(&stage.locks);
	assert_int_equal(lock_manager_await(&stage.locks, AWAITED, 0), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_stage, close_stage)
	const struct CMUnitTest tests[] = {
		CASE(who_came_before_is_counted),
		CASE(the_last_that_is_awaited_ends_it),
		CASE(who_waits_for_a_row_has_come),
		CASE(who_is_answered_at_once_has_not_come),
		CASE(it_ends_with_its_time),
		CASE(it_ends_where_there_is_something_else_to_do),
		CASE(a_mark_counts_anew),
	};

	return cmocka_run_group_tests_name("lock_await", tests, NULL, NULL);
}
