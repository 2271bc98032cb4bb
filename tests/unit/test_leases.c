/*
 * test_leases - what happens to a lease, times what happens to it next, times what lies between:
 * the same group, the next one, a group that failed, a restart.
 *
 * A model that knows nothing of groups says what may come of it: of two that were decided together,
 * either may have been first. Afterwards memory and store hold the same leases, no two of them have
 * an id or a row in common, each row is kept from strangers by exactly those, and a fence that has
 * ended writes no more.
 */
#include "base/clock.h"
#include "engine/service_inside.h"
#include "faulty_store.h"
#include "store/sqlite.h"
#include "moved_clock.h"
#include "unit.h"
#include <errno.h>
#include <poll.h>
#include <sqlite3.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	ROWS = 3,
	ANSWER_S_MAX = 60,
	WAIT_MS = 30000,
	FIRST_TTL_MS = 60000,
	RENEWED_TTL_MS = 120000,
	LONG_TTL_MS = 6000000,
	PASSING_MS = FIRST_TTL_MS + 1000,
};

/* ---------------------------------------------------------------- the engine */

static struct place {
	char folder[64];
	char path[96];
	struct faulty_store store;
	struct service *service;
	struct snapshot snapshot;
	bool releases_rows_early;
	sqlite3 *other;      /* another program */
	int64_t first_fence; /* of the lease that is there before */
	char what[200];
} place;

static void on_failure(void *context, int exit_code)
{
	(void)context;
	(void)exit_code;
	check_failed(__FILE__, __LINE__, "no fault here stops the process");
}

static void open_engine(void)
{
	struct store_options options = { .path = place.path, .busy_ms = 10000 };
	struct store_open_result result = { 0 };
	struct store *real;
	struct service_options service = { .releases_rows_early = place.releases_rows_early,
					   .is_uncounted = true,
					   .reader_count = 1,
					   .fail = on_failure };

	if (sqlite_open(&options, &real, &result) < 0)
		fail_msg("%s: %s", place.what, result.message);
	faulty_store_init(&place.store, real);
	service.store = &place.store.store;
	assert_int_equal(service_open(&service, &place.service), 0);
	assert_int_equal(service_open_snapshot(place.service, &place.snapshot), 0);
}

static void close_engine(void)
{
	snapshot_fini(&place.snapshot);
	service_close(place.service);
}

static void type(const char *sql)
{
	if (sqlite3_exec(place.other, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s: %s", place.what, sql, sqlite3_errmsg(place.other));
}

static int64_t query(const char *sql)
{
	sqlite3_stmt *s;
	int64_t number;

	if (sqlite3_prepare_v2(place.other, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s: %s", place.what, sql, sqlite3_errmsg(place.other));
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	number = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return number;
}

static int setup(void **state)
{
	place.releases_rows_early = *(const bool *)*state;
	/* Thousands of groups, none of which has to outlive anything: in memory, where there is. */
	strcpy(place.folder, "/dev/shm/rowlock-leases-XXXXXX");
	if (mkdtemp(place.folder) == NULL) {
		strcpy(place.folder, "/tmp/rowlock-leases-XXXXXX");
		assert_non_null(mkdtemp(place.folder));
	}
	snprintf(place.path, sizeof(place.path), "%s/store.db", place.folder);
	open_engine();
	assert_int_equal(sqlite3_open(place.path, &place.other), SQLITE_OK);
	sqlite3_busy_timeout(place.other, 10000);
	type("INSERT INTO item (sku, name) VALUES ('S', 'Thing');"
	     "INSERT INTO location (code, name) VALUES ('W0', 'x'), ('W1', 'x'), ('W2', 'x'),"
	     "('W3', 'x')");
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char path[128];

	(void)state;
	close_engine();
	sqlite3_close(place.other);
	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", place.path, suffixes[i]);
		unlink(path);
	}
	rmdir(place.folder);
	return 0;
}

/* ---------------------------------------------------------------- talking to it */

/* A write and its answer. */
struct talk {
	struct mailbox box;
	struct waiter waiter;
	struct arena texts;
	struct answer withdrawn;
	const struct answer *answer; /* NULL: it is under way */
};

static struct work *make_write(enum command_kind kind, const char *lease_id, int row)
{
	struct work *w = work_create();
	char code[16];

	assert_non_null(w);
	w->command.kind = kind;
	w->command.lease_id = lease_id;
	w->command.purpose = "test";
	w->command.request_id = "test";
	w->command.actor = &actor_local;
	w->command.reason = "adjust";
	w->command.quantity = 1;
	w->command.ttl_ms = LONG_TTL_MS;
	if (kind == COMMAND_LEASE_RENEW || kind == COMMAND_LEASE_RELEASE)
		return w;
	w->command.rows = arena_alloc(&w->arena, sizeof(w->command.rows[0]));
	assert_non_null(w->command.rows);
	w->command.rows[0] = (struct row_ref){ 0 };
	w->command.row_count = 1;
	snprintf(code, sizeof(code), "W%d", row);
	assert_true(code_set(&w->command.rows[0].sku, "S", 1));
	assert_true(code_set(&w->command.rows[0].location, code, strlen(code)));
	return w;
}

static void bring_fence(struct work *w, int64_t fence)
{
	w->command.fences[0] = fence;
	w->command.fence_ids[0] = "n";
	w->command.fence_count = 1;
}

static void send(struct talk *t, struct work *w, int64_t wait_ms)
{
	*t = (struct talk){ 0 };
	arena_init(&t->texts);
	assert_int_equal(mailbox_init(&t->box), 0);
	t->waiter.parcel.home = &t->box;
	if (service_submit(place.service, w, &t->waiter, &place.snapshot, wait_ms) ==
	    SUBMIT_ANSWERED)
		t->answer = &t->waiter.work->answer;
}

static void hear(struct talk *t)
{
	struct pollfd box = { .fd = t->box.event_fd, .events = POLLIN };
	struct list parcels;

	if (t->answer != NULL)
		return;
	if (poll(&box, 1, ANSWER_S_MAX * 1000) != 1)
		fail_msg("%s: nobody answers", place.what);
	list_init(&parcels);
	mailbox_take(&t->box, &parcels);
	assert_non_null(list_pop_front(&parcels));
	t->answer = &t->waiter.work->answer;
}

static enum outcome end_talk(struct talk *t)
{
	enum outcome o = t->answer->outcome;

	work_release(t->waiter.work);
	mailbox_fini(&t->box);
	arena_fini(&t->texts);
	return o;
}

static enum outcome ask(struct work *w)
{
	struct talk t;

	send(&t, w, 0);
	hear(&t);
	return end_talk(&t);
}

/* A write that nothing is in the way of: when it is answered a group was kept. */
static void groups_pass(int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(ask(make_write(COMMAND_ADJUST, "", ROWS)), OUTCOME_DONE);
}

/* Whoever still waits when others have had their turn gives up. */
static enum outcome settle(struct talk *t)
{
	groups_pass(3);
	if (t->answer == NULL &&
	    service_withdraw(place.service, &t->waiter, &t->texts, &t->withdrawn))
		t->answer = &t->withdrawn;
	hear(t);
	return end_talk(t);
}

/* ---------------------------------------------------------------- the model */

enum event {
	TAKE,           /* a lease of row 1 */
	TAKE_NEW,       /* one of row 2, with an id of its own */
	TAKE_NEW_TOO,   /* one of row 1, with the same id */
	TAKE_ID,        /* one of row 2, with the id of the one that is there */
	TAKE_ROW,       /* one of the row of the one that is there, with another id */
	RENEW,          /* the one that is there */
	RELEASE,        /* it */
	TIME_PASSES,    /* so that it ends, unless it was renewed */
	DELETE_BY_HAND, /* all of its id */
	EVENTS,
};

static const char *const event_texts[EVENTS] = {
	"take",  "take a new id", "take the new id, too", "take its id",   "take its row",
	"renew", "release",       "time passes",          "delete by hand"
};

struct model_lease {
	const char *id; /* "": made */
	int row;
	int64_t ends_ms;
	bool is_first; /* the one that is there before */
};

struct model {
	struct model_lease leases[8];
	int count;
	int64_t now_ms;
};

static void model_drop(struct model *m, int index)
{
	m->leases[index] = m->leases[--m->count];
}

static int model_find(const struct model *m, const char *id, int row, bool is_first)
{
	for (int i = 0; i < m->count; i++)
		if ((id != NULL && strcmp(m->leases[i].id, id) == 0) || m->leases[i].row == row ||
		    (is_first && m->leases[i].is_first))
			return i;
	return -1;
}

static enum outcome model_take(struct model *m, const char *id, int row)
{
	if (model_find(m, NULL, row, false) >= 0)
		return OUTCOME_ROW_LEASED;
	if (id[0] != '\0' && model_find(m, id, -1, false) >= 0)
		return OUTCOME_LEASE_EXISTS;
	m->leases[m->count++] =
		(struct model_lease){ .id = id, .row = row, .ends_ms = m->now_ms + LONG_TTL_MS };
	return OUTCOME_DONE;
}

/* Of the first one, by its id and fence. */
static enum outcome model_change(struct model *m, bool releases)
{
	int first = model_find(m, NULL, -1, true);

	if (first < 0)
		return OUTCOME_STALE_FENCE;
	if (releases)
		model_drop(m, first);
	else
		m->leases[first].ends_ms = m->now_ms + RENEWED_TTL_MS;
	return OUTCOME_DONE;
}

static enum outcome model_apply(struct model *m, enum event event)
{
	int i;

	switch (event) {
	case TAKE:
		return model_take(m, "", 1);
	case TAKE_NEW:
		return model_take(m, "o", 2);
	case TAKE_NEW_TOO:
		return model_take(m, "o", 1);
	case TAKE_ID:
		return model_take(m, "n", 2);
	case TAKE_ROW:
		return model_take(m, "m", 0);
	case RENEW:
	case RELEASE:
		return model_change(m, event == RELEASE);
	case TIME_PASSES:
		m->now_ms += PASSING_MS;
		for (i = m->count - 1; i >= 0; i--)
			if (m->leases[i].ends_ms <= m->now_ms)
				model_drop(m, i);
		break;
	case DELETE_BY_HAND:
		while ((i = model_find(m, "n", -1, false)) >= 0)
			model_drop(m, i);
		break;
	case EVENTS:
		break;
	}
	return OUTCOME_DONE;
}

/* ---------------------------------------------------------------- making it happen */

static bool is_command(enum event event)
{
	return event != TIME_PASSES && event != DELETE_BY_HAND;
}

static struct work *write_of_event(enum event event)
{
	struct work *w;

	switch (event) {
	case TAKE:
		return make_write(COMMAND_LEASE_TAKE, "", 1);
	case TAKE_NEW:
		return make_write(COMMAND_LEASE_TAKE, "o", 2);
	case TAKE_NEW_TOO:
		return make_write(COMMAND_LEASE_TAKE, "o", 1);
	case TAKE_ID:
		return make_write(COMMAND_LEASE_TAKE, "n", 2);
	case TAKE_ROW:
		return make_write(COMMAND_LEASE_TAKE, "m", 0);
	default:
		w = make_write(event == RENEW ? COMMAND_LEASE_RENEW : COMMAND_LEASE_RELEASE, "n",
			       0);
		w->command.ttl_ms = RENEWED_TTL_MS;
		bring_fence(w, place.first_fence);
		return w;
	}
}

/* Sends it, or does it. */
static void begin_event(struct talk *t, enum event event)
{
	if (is_command(event))
		send(t, write_of_event(event), WAIT_MS);
	else if (event == TIME_PASSES)
		time_passes(PASSING_MS);
	else
		type("DELETE FROM row_lock WHERE lease = 'n'");
}

/* Of one that came before the lease ended it is said that the lease is not there. */
static enum outcome end_event(struct talk *t, enum event event)
{
	enum outcome o = is_command(event) ? settle(t) : OUTCOME_DONE;

	return o == OUTCOME_UNKNOWN_LEASE ? OUTCOME_STALE_FENCE : o;
}

static enum outcome do_event(enum event event)
{
	struct talk t;

	begin_event(&t, event);
	return end_event(&t, event);
}

/* Its group fails, whatever is in it. */
static enum outcome fail_event(enum event event)
{
	struct talk t, beside;

	faulty_store_hold(&place.store);
	send(&beside, make_write(COMMAND_ADJUST, "", ROWS), WAIT_MS);
	begin_event(&t, event);
	faulty_store_arm_call(&place.store, "commit", -ENOSPC, FAULTY_BEFORE);
	faulty_store_let_go(&place.store);
	hear(&beside);
	assert_true(faulty_store_disarm(&place.store));
	assert_int_equal(end_talk(&beside), OUTCOME_DISK_FULL);
	return end_event(&t, event);
}

static enum outcome model_fail(struct model *m, enum event event)
{
	struct model kept = *m;
	enum outcome o = model_apply(m, event);

	if (o != OUTCOME_DONE || !is_command(event))
		return o;
	*m = kept;
	return OUTCOME_DISK_FULL;
}

/* ---------------------------------------------------------------- looking */

static int64_t count_stored(const struct lease_view *v, int row)
{
	char sql[300];

	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM row_lock k JOIN location l ON l.id = k.location_id WHERE "
		 "lease = '%s' AND fence = %lld AND code = 'W%d' AND expires_at = %lld",
		 v->id, (long long)v->fence, row, (long long)v->expires_at_ms);
	return query(sql);
}

static void expect_lease(const struct lease_view leases[], size_t count,
			 const struct model_lease *expected)
{
	for (size_t i = 0; i < count; i++) {
		const struct lease_view *v = &leases[i];

		if (atoi(v->rows[0].location.text + 1) != expected->row)
			continue;
		if (expected->id[0] != '\0')
			assert_string_equal(v->id, expected->id);
		if (expected->is_first)
			assert_int_equal(v->fence, place.first_fence);
		if (count_stored(v, expected->row) != 1)
			fail_msg("%s: lease %s is not stored as it is known", place.what, v->id);
		return;
	}
	fail_msg("%s: there is no lease of row %d", place.what, expected->row);
}

static void expect_rows_are_kept(const struct model *m)
{
	bool has_first = model_find(m, NULL, -1, true) >= 0;
	struct work *w = make_write(COMMAND_ADJUST, "", 0);

	for (int row = 0; row < ROWS; row++) {
		enum outcome expected =
			model_find(m, NULL, row, false) >= 0 ? OUTCOME_ROW_LEASED : OUTCOME_DONE;

		if (ask(make_write(COMMAND_ADJUST, "", row)) != expected)
			fail_msg("%s: row %d is not kept, or is", place.what, row);
	}
	bring_fence(w, place.first_fence);
	if (ask(w) != (has_first ? OUTCOME_DONE : OUTCOME_STALE_FENCE))
		fail_msg("%s: the first fence writes, or does not", place.what);
}

static void expect_model(const struct model *m)
{
	struct lease_view *leases;
	struct arena a;
	size_t count;
	int64_t next;

	groups_pass(2); /* what has ended is deleted by then */
	arena_init(&a);
	assert_int_equal(service_leases(place.service, 0, 100, &a, &leases, &count, &next), 0);
	if (count != (size_t)m->count)
		fail_msg("%s: %zu leases are known, of %d", place.what, count, m->count);
	if (query("SELECT count(*) FROM row_lock") != m->count)
		fail_msg("%s: there are other leases in the store", place.what);
	for (int i = 0; i < m->count; i++)
		expect_lease(leases, count, &m->leases[i]);
	arena_fini(&a);
	expect_rows_are_kept(m);
}

/* ---------------------------------------------------------------- the product */

enum gap { SAME_GROUP, NEXT_GROUP, FAILED_GROUP, RESTART, LONG_STOP, GAPS };

static const char *const gap_texts[GAPS] = { "together with", "then", "in vain, then",
					     "a restart, then", "a long stop, then" };

static void begin_round(struct model *m)
{
	struct work *w = make_write(COMMAND_LEASE_TAKE, "n", 0);
	struct talk t;

	type("DELETE FROM row_lock");
	groups_pass(1);
	w->command.ttl_ms = FIRST_TTL_MS;
	send(&t, w, 0);
	hear(&t);
	assert_int_equal(t.answer->outcome, OUTCOME_DONE);
	place.first_fence = t.answer->lease.fence;
	end_talk(&t);
	*m = (struct model){ .count = 1 };
	m->leases[0] = (struct model_lease){
		.id = "n", .row = 0, .ends_ms = FIRST_TTL_MS, .is_first = true
	};
}

static void expect_outcome(enum outcome is, enum outcome expected)
{
	if (is != expected)
		fail_msg("%s: %s, not %s", place.what, outcome_row(is)->code,
			 outcome_row(expected)->code);
}

static void do_together(struct model *m, enum event first, enum event second)
{
	struct model turned = *m;
	struct talk talks[2];
	enum outcome is[2], expected[2], other[2];

	faulty_store_hold(&place.store);
	begin_event(&talks[0], first);
	begin_event(&talks[1], second);
	faulty_store_let_go(&place.store);
	is[0] = end_event(&talks[0], first);
	is[1] = end_event(&talks[1], second);
	expected[0] = model_apply(m, first);
	expected[1] = model_apply(m, second);
	other[1] = model_apply(&turned, second);
	other[0] = model_apply(&turned, first);
	if (is[0] == other[0] && is[1] == other[1] &&
	    (is[0] != expected[0] || is[1] != expected[1]))
		*m = turned;
	else
		for (int i = 0; i < 2; i++)
			expect_outcome(is[i], expected[i]);
}

static void do_in_turn(struct model *m, enum event first, enum gap gap, enum event second)
{
	if (gap == FAILED_GROUP)
		expect_outcome(fail_event(first), model_fail(m, first));
	else
		expect_outcome(do_event(first), model_apply(m, first));
	if (gap == RESTART || gap == LONG_STOP) {
		close_engine();
		if (gap == LONG_STOP)
			expect_outcome(do_event(TIME_PASSES), model_apply(m, TIME_PASSES));
		open_engine();
	}
	expect_outcome(do_event(second), model_apply(m, second));
}

static void whatever_happens_then_whatever_happens(void **state)
{
	struct model m;

	(void)state;
	for (int first = 0; first < EVENTS; first++)
		for (int gap = 0; gap < GAPS; gap++)
			for (int second = 0; second < EVENTS; second++) {
				snprintf(place.what, sizeof(place.what), "%s, %s %s",
					 event_texts[first], gap_texts[gap], event_texts[second]);
				begin_round(&m);
				if (gap == SAME_GROUP)
					do_together(&m, first, second);
				else
					do_in_turn(&m, first, gap, second);
				expect_model(&m);
			}
}

/* ---------------------------------------------------------------- the bound */

/*
 * The store may hold more than are given: all of them are enforced, and the group counts its own.
 */
static void the_bound_is_for_taking(void **state)
{
	struct talk talks[2];
	enum outcome is[2];

	(void)state;
	snprintf(place.what, sizeof(place.what), "10,002 leases");
	type("DELETE FROM row_lock;"
	     "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10002) "
	     "INSERT INTO location (code, name) SELECT 'X' || i, 'x' FROM n;"
	     "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10002) "
	     "INSERT INTO row_lock (lease, fence, item_id, location_id, purpose, taken_at, "
	     "expires_at) SELECT 'h' || i, 100000 + i, item.id, l.id, 'x', ms, ms + 6000000000 "
	     "FROM n JOIN item JOIN location l ON l.code = 'X' || i JOIN v_now");
	for (int is_restarted = 0; is_restarted < 2; is_restarted++) {
		struct work *w = make_write(COMMAND_ADJUST, "", 0);

		groups_pass(1);
		assert_true(code_set(&w->command.rows[0].location, "X10002", 6));
		assert_int_equal(ask(w), OUTCOME_ROW_LEASED);
		assert_int_equal(ask(make_write(COMMAND_LEASE_TAKE, "", 1)),
				 OUTCOME_TOO_MANY_LEASES);
		close_engine();
		open_engine();
	}
	type("DELETE FROM row_lock WHERE fence > 109999");
	groups_pass(1);
	faulty_store_hold(&place.store);
	for (int i = 0; i < 2; i++)
		send(&talks[i], make_write(COMMAND_LEASE_TAKE, "", i), WAIT_MS);
	faulty_store_let_go(&place.store);
	for (int i = 0; i < 2; i++)
		is[i] = settle(&talks[i]);
	assert_true((is[0] == OUTCOME_DONE) != (is[1] == OUTCOME_DONE));
	assert_true(is[0] == OUTCOME_TOO_MANY_LEASES || is[1] == OUTCOME_TOO_MANY_LEASES);
	assert_int_equal(query("SELECT count(*) FROM row_lock"), LEASES_MAX);
}

/* ---------------------------------------------------------------- whose they are */

static const struct code only_w1[] = { { "W1" } };
static const struct actor clerk = { .token_id = 7, .role = ROLE_CLERK, .name = "clerk" };
static const struct actor other_clerk = { .token_id = 8, .role = ROLE_CLERK, .name = "other" };
static const struct actor writer = { .token_id = 9, .role = ROLE_WRITER, .name = "writer" };
static const struct actor writer_of_w1 = { .token_id = 10,
					   .role = ROLE_WRITER,
					   .location_count = 1,
					   .locations = only_w1,
					   .name = "writer-of-W1" };

static int64_t fence_of_n;

static struct work *use(int row)
{
	struct work *w = make_write(COMMAND_ADJUST, "", row);

	bring_fence(w, fence_of_n);
	return w;
}

static enum outcome ask_as(const struct actor *actor, struct work *w)
{
	w->command.actor = actor;
	return ask(w);
}

/* The lease n of row 0 is the clerk's; what each of them may do with it. */
static void a_lease_is_its_tokens(void **state)
{
	static const struct {
		const struct actor *actor;
		enum outcome used, renewed;
	} rows[] = {
		{ &clerk, OUTCOME_DONE, OUTCOME_DONE },
		{ &other_clerk, OUTCOME_LEASE_NOT_YOURS, OUTCOME_LEASE_NOT_YOURS },
		{ &writer, OUTCOME_DONE, OUTCOME_DONE },
		{ &writer_of_w1, OUTCOME_LOCATION_FORBIDDEN, OUTCOME_LOCATION_FORBIDDEN },
		{ &actor_local, OUTCOME_DONE, OUTCOME_DONE },
	};

	(void)state;
	for (int is_restarted = 0; is_restarted < 2; is_restarted++) {
		struct work *w = make_write(COMMAND_LEASE_TAKE, "n", 0);

		assert_int_equal(ask_as(&clerk, w), OUTCOME_DONE);
		fence_of_n = query("SELECT fence FROM row_lock WHERE lease = 'n'");
		assert_int_equal(query("SELECT token_id FROM row_lock WHERE actor = 'clerk'"), 7);
		if (is_restarted != 0) { /* the store has said whose it is */
			close_engine();
			open_engine();
		}
		for (size_t i = 0; i < LENGTH_OF(rows); i++) {
			ROW_EXPECT(rows[i].actor->name,
				   ask_as(rows[i].actor, use(0)) == rows[i].used);
			w = make_write(COMMAND_LEASE_RENEW, "n", 0);
			ROW_EXPECT(rows[i].actor->name,
				   ask_as(rows[i].actor, w) == rows[i].renewed);
		}
		for (size_t i = 0; i < LENGTH_OF(rows); i++) {
			w = make_write(COMMAND_LEASE_RELEASE, "n", 0);
			if (rows[i].renewed != OUTCOME_DONE)
				ROW_EXPECT(rows[i].actor->name,
					   ask_as(rows[i].actor, w) == rows[i].renewed);
			else
				work_release(w);
		}
		w = make_write(COMMAND_LEASE_RELEASE, "n", 0);
		assert_int_equal(ask_as(&writer, w), OUTCOME_DONE);
	}
}

/* Nobody waits in a queue that he may not stand in: it is said at once, whoever leases the row. */
static void a_limit_is_for_what_is_named(void **state)
{
	struct work *w = make_write(COMMAND_LEASE_TAKE, "n", 0);

	(void)state;
	assert_int_equal(ask_as(&clerk, w), OUTCOME_DONE);
	w = make_write(COMMAND_ADJUST, "", 0);
	assert_int_equal(ask_as(&writer_of_w1, w), OUTCOME_LOCATION_FORBIDDEN);
	w = make_write(COMMAND_ADJUST, "", 1);
	assert_int_equal(ask_as(&writer_of_w1, w), OUTCOME_DONE);
	w = make_write(COMMAND_LEASE_TAKE, "m", 2);
	assert_int_equal(ask_as(&writer_of_w1, w), OUTCOME_LOCATION_FORBIDDEN);
	w = make_write(COMMAND_READ, "", 2);
	assert_int_equal(ask_as(&writer_of_w1, w), OUTCOME_DONE);
	w = make_write(COMMAND_LEASE_RELEASE, "n", 0);
	assert_int_equal(ask_as(&clerk, w), OUTCOME_DONE);
}

int main(void)
{
	static bool is_early = true, is_at_commit = false;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate_setup_teardown(whatever_happens_then_whatever_happens,
							 setup, teardown, &is_early),
		cmocka_unit_test_prestate_setup_teardown(whatever_happens_then_whatever_happens,
							 setup, teardown, &is_at_commit),
		cmocka_unit_test_prestate_setup_teardown(a_lease_is_its_tokens, setup, teardown,
							 &is_early),
		cmocka_unit_test_prestate_setup_teardown(a_limit_is_for_what_is_named, setup,
							 teardown, &is_early),
		cmocka_unit_test_prestate_setup_teardown(the_bound_is_for_taking, setup, teardown,
							 &is_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
