/*
 * test_postgres_cuts - a group over PostgreSQL whose n-th step fails, for every n: nothing is done
 * twice, and nothing by half.
 *
 * Of each way in which a step can fail one group after the other is tried: the connection is cut
 * before a piece goes out, or right behind it, when the server may do all of it or none; or the
 * server refuses a statement. Whoever runs the group settles it, or does it again; once it is over,
 * all that it does is there once. Without a database (ROWLOCK_TEST_POSTGRES) nothing is tried.
 */
#include "any_store.h"
#include "store/verify.h"
#include "unit.h"
#include <libpq-fe.h>
#include <stdlib.h>
#include <sys/socket.h>

enum way { CUT_BEFORE, CUT_BEHIND, REFUSED, WAYS };

static struct {
	enum way way;
	int left;  /* steps until it fails; 0: none does */
	int again; /* and from there on until it fails again; 0: it does not */
} fault;

static struct {
	int groups, small, tried_again, settled, kept, unknown;
} seen;

/* Is this step the one? */
static bool is_due(enum way way)
{
	if (fault.left == 0 || fault.way != way || --fault.left > 0)
		return false;
	fault.left = fault.again;
	fault.again = 0;
	return true;
}

/* It sends what was queued, as far as the socket takes it. */
int __real_PQpipelineSync(PGconn *c);
int __wrap_PQpipelineSync(PGconn *c);
int __wrap_PQpipelineSync(PGconn *c)
{
	bool cuts_before = is_due(CUT_BEFORE), cuts_behind = is_due(CUT_BEHIND);
	int r;

	if (cuts_before)
		shutdown(PQsocket(c), SHUT_RDWR);
	r = __real_PQpipelineSync(c);
	if (cuts_behind)
		shutdown(PQsocket(c), SHUT_RDWR);
	return r;
}

int __real_PQsendQueryPrepared(PGconn *c, const char *name, int count, const char *const *values,
			       const int *lengths, const int *formats, int result_format);
int __wrap_PQsendQueryPrepared(PGconn *c, const char *name, int count, const char *const *values,
			       const int *lengths, const int *formats, int result_format);
int __wrap_PQsendQueryPrepared(PGconn *c, const char *name, int count, const char *const *values,
			       const int *lengths, const int *formats, int result_format)
{
	return is_due(REFUSED) ? PQsendQueryParams(c, "SELECT 1 / (random() * 0)::integer", 0, NULL,
						   NULL, NULL, NULL, 1)
			       : __real_PQsendQueryPrepared(c, name, count, values, lengths,
							    formats, result_format);
}

/* ---------------------------------------------------------------- groups */

static int begin(struct any_writer *w, const char *key)
{
	int r = w->writer->ops->begin(w->writer, NULL, &w->begun);

	if (r < 0)
		return r;
	found_clear(&w->found);
	effects_clear(&w->effects);
	want_clear(&w->want);
	w->seq = w->begun.seq;
	w->effects.seq_first = w->seq + 1;
	w->group++;
	want_row(&w->want, any_row(w, "A", "WH1"));
	want_row(&w->want, any_row(w, "B", "WH1"));
	want_key(&w->want, (struct wanted_key){ .key = key });
	return any_lock(w, 20);
}

/* Of all that a group can do something, or, if it is small, what is kept in one step. */
static void decide(struct any_writer *w, const char *key, bool is_small)
{
	any_adjust(w, "A", "WH1", 5);
	any_adjust(w, "B", "WH1", 5);
	any_key(w, 0, key, w->now_ms);
	w->effects.is_last = true;
	if (is_small)
		return;
	any_reserve(w, NULL, w->now_ms + 90000);
	any_lease(w, "", w->now_ms + 1, "A", "WH1");
}

/* 1: it is kept; 0: nothing of it is. */
static int try_once(struct any_writer *w, const char *key, bool is_small)
{
	bool is_durable, is_kept = false;
	int r = begin(w, key);

	if (r == 0 && w->found.key_count > 0 && w->found.keys[0].record.id != 0) {
		any_abandon(w);
		seen.kept++;
		return 1; /* by the one that was given up */
	}
	if (r == 0 && w->found.held_count == 0) {
		decide(w, key, is_small);
		r = any_write(w);
		if (r == 0)
			r = w->writer->ops->commit(w->writer, &is_durable);
		if (r == 0)
			return 1;
	}
	/* Every third one is given up, as if nobody could have said for too long. */
	if (r == -EREMOTEIO && ++seen.unknown % 3 != 0) {
		assert_int_equal(w->writer->ops->settle(w->writer, &is_kept), 0);
		seen.settled++;
		seen.kept += is_kept;
		if (is_kept)
			return 1;
	}
	any_abandon(w);
	return 0;
}

static void run(struct any_writer *w, int number, bool is_small)
{
	char key[32];
	int tries = 1;

	snprintf(key, sizeof(key), "key-%d", number);
	w->now_ms += 10; /* the lease of the one before has ended */
	while (!try_once(w, key, is_small))
		assert_true(++tries < 20);
	seen.tried_again += tries - 1;
}

static void expect_all(struct any_store *s, int group_count, int small_count)
{
	struct verify *v =
		verify_create(&(struct verify_options){ .slice_rows = 1000, .rows_max = 10000 });
	struct promised promised;

	assert_non_null(v);
	assert_int_equal(any_on_hand(s, "A", "WH1"), 5 * group_count);
	assert_int_equal(any_on_hand(s, "B", "WH1"), 5 * group_count);
	assert_int_equal(any_newest_seq(s), 4 * group_count - 2 * small_count);
	/*
	 * A cut may come behind the answer of the last step, so that only the next one meets it:
	 * what is said then is what was known before. The group in between connects again.
	 */
	s->w.writer->ops->promised(s->w.writer, s->w.now_ms, &promised);
	any_begin(&s->w);
	any_abandon(&s->w);
	s->w.writer->ops->promised(s->w.writer, s->w.now_ms, &promised);
	assert_int_equal(promised.count, group_count - small_count);
	while (!verify_is_over(v)) {
		int64_t seq;

		assert_int_equal(s->reader->ops->begin(s->reader, &seq), 0);
		assert_int_equal(verify_step(v, s->reader, seq), 0);
		s->reader->ops->end(s->reader);
	}
	assert_int_equal(verify_result(v)->finding_count, 0);
	verify_destroy(v);
}

/* False: there are not so many steps. */
static bool fail_at(struct any_store *s, int n, int again, bool is_small)
{
	bool has_failed;

	fault.left = n;
	fault.again = again;
	run(&s->w, ++seen.groups, is_small);
	seen.small += is_small;
	has_failed = fault.again == 0 && (again > 0 || fault.left == 0);
	fault.left = fault.again = 0;
	expect_all(s, seen.groups, seen.small);
	return has_failed;
}

/* Every step, and every one behind that, of what is done to mend it. */
static void every_step_may_fail(void **state)
{
	enum { AGAIN_MAX = 8 };
	struct any_store s;

	(void)state;
	any_store_open(&s, &any_kinds[ANY_KINDS - 1]);
	for (fault.way = 0; fault.way < WAYS; fault.way++) {
		seen.tried_again = seen.settled = seen.kept = 0;
		for (int again = 0; again <= AGAIN_MAX; again++)
			for (int is_small = 0; is_small < 2; is_small++)
				for (int n = 1; fail_at(&s, n, again, is_small); n++)
					;
		print_message("way %d: %d groups so far, %d tried again, %d settled, %d kept\n",
			      (int)fault.way, seen.groups, seen.tried_again, seen.settled,
			      seen.kept);
		assert_true(seen.tried_again > 0);
		assert_true(seen.settled > 0 || fault.way == REFUSED);
		assert_true(seen.kept == 0 || fault.way == CUT_BEHIND);
	}
	any_store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_may_fail),
	};

	if (getenv("ROWLOCK_TEST_POSTGRES") == NULL)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
