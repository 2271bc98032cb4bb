/*
 * test_store_calls - the engine over a store whose n-th call fails, for every n, every kind of
 * command, and every fault that the contract of the store has.
 *
 *     test_store_calls          each n with a few of the faults, in turn
 *     test_store_calls all      each n with all of them
 *
 * Whatever fails: the process goes on, everybody gets an answer, and the answer is true. What was
 * said to be done is in the ledger, with its key; what was said not to be done is not, and has left
 * no key; the books balance. Then the engine goes on, or stops, as the fault's row says.
 */
#include "engine/service_inside.h"
#include "base/clock.h"
#include "claimed_part.h"
#include "faulty_store.h"
#include "store/sqlite.h"
#include "store/verify.h"
#include "moved_clock.h"
#include "unit.h"
#include "wire/messages_batch.h"
#include <errno.h>
#include <poll.h>
#include <sqlite3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	LINES_MAX = 4,
	ANSWER_S_MAX = 60,
	WAIT_MS = 30000,
	HELD_MS = 1000,
	DAY_MS = 25 * 3600 * 1000,
	RAN_OUT_MS = 2000,
	CLOCK_SET_MS = 7000,
};

/* ---------------------------------------------------------------- tables */

/*
 * A command and what says that it took effect: SQL that yields 1 then, and 0 before. In both, %d is
 * the number of the run. Lines: those of a batch, and some words for what a batch does not have.
 */
struct act {
	const char *line;
	const char *effect;
};

enum together { APART, PART, ATOMIC };

static const struct scene {
	const char *what;
	enum together together; /* one after the other in a group, or lines of a part of a batch */
	bool has_keys;
	const char *before[LINES_MAX]; /* what goes well before */
	struct act acts[LINES_MAX];
} scenes[] = {
/* clang-format off */
#define BOOKED(reference) "SELECT count(*) FROM movement WHERE reference = '" reference "%d'"
#define BOTH(count) "SELECT CASE " count " WHEN 2 THEN 1 WHEN 0 THEN 0 ELSE 7 END "
#define THERE(table, column, name) "SELECT count(*) FROM " table " WHERE " column " = '" name "%d'"
#define GONE(table, column, name) "SELECT count(*) = 0 FROM " table " WHERE " column " = '" name "%d'"
#define HELD(name, state) THERE("reservation", "name", name) " AND state = '" state "'"
#define A_LINE "{'sku':'A','location':'W','quantity':1}"
#define B_LINE "{'sku':'B','location':'W','quantity':2}"
#define RESERVE(name) "{'op':'reserve','reservation':'" name "%d','ttl_s':600,'lines':[" A_LINE "," B_LINE "]}"
#define RESOLVE(op, name) "{'op':'" op "','reservation':'" name "%d'"
#define ADJUST_BY(sku, by, reference) \
	{ "{'op':'adjust','sku':'" sku "','location':'W','delta':" by ",'reference':'" reference "%d'}", \
	  BOOKED(reference) }
#define ADJUST(sku, reference) ADJUST_BY(sku, "1", reference)
#define ITEM "{'op':'item','sku':'N%d','name':'new'}"
#define LOCATION "{'op':'location','location':'L%d','name':'new'}"
#define TOO_MUCH "-1000000000000"
	{ "adjust", APART, false, { 0 }, { ADJUST("A", "a") } },
	{ "adjust with a key", APART, true, { 0 }, { ADJUST("A", "b") } },
	{ "adjust of a row that is new", APART, true, { ITEM }, { ADJUST("N%d", "c") } },
	{ "set", APART, true, { 0 },
	  { { "{'op':'set','sku':'B','location':'W','on_hand':500000000,'expected':null,'reference':'d%d'}",
	      BOOKED("d") } } },
	{ "count", APART, true, { "{'op':'adjust','sku':'B','location':'X','delta':9}" },
	  { { "{'op':'count','sku':'B','location':'X','counted':600000000,'as_of_seq':0,'reference':'e%d'}",
	      BOOKED("e") } } },
	{ "transfer", APART, true, { 0 },
	  { { "{'op':'transfer','sku':'A','from':'W','to':'X','quantity':1,'reference':'f%d'}",
	      BOTH("count(*)") "FROM movement WHERE reference = 'f%d'" } } },
	{ "a locked read", APART, false, { 0 }, { { "read", NULL } } },
	{ "a refusal that a key remembers", APART, true, { 0 }, { ADJUST_BY("A", TOO_MUCH, "g") } },
	{ "a new item", APART, true, { 0 }, { { ITEM, THERE("item", "sku", "N") } } },
	{ "an item that is changed", APART, false, { ITEM },
	  { { "{'op':'item','sku':'N%d','name':'old'}", THERE("item", "sku", "N") " AND name = 'old'" } } },
	{ "an item that is patched", APART, true, { ITEM },
	  { { "{'op':'patch_item','sku':'N%d','attributes':{'a':1}}",
	      THERE("item", "sku", "N") " AND attributes IS NOT NULL" } } },
	{ "an item that goes", APART, true, { ITEM }, { { "delete item N%d", GONE("item", "sku", "N") } } },
	{ "a new location", APART, true, { 0 }, { { LOCATION, THERE("location", "code", "L") } } },
	{ "a location that is patched", APART, true, { LOCATION },
	  { { "{'op':'patch_location','location':'L%d','name':'old'}",
	      THERE("location", "code", "L") " AND name = 'old'" } } },
	{ "a location that goes", APART, true, { LOCATION },
	  { { "delete location L%d", GONE("location", "code", "L") } } },
	{ "a lease", APART, true, { ITEM },
	  { { "take N%d", BOTH("count(*)") "FROM row_lock WHERE lease = 'N%d'" } } },
	{ "a lease that is renewed", APART, true, { ITEM, "take N%d" },
	  { { "renew N%d",
	      "SELECT min(expires_at) > max(taken_at) + 700000 FROM row_lock WHERE lease = 'N%d'" } } },
	{ "a lease that is given back", APART, true, { ITEM, "take N%d" },
	  { { "drop N%d", GONE("row_lock", "lease", "N") } } },
	{ "a reservation", APART, true, { 0 }, { { RESERVE("h"), HELD("h", "active") } } },
	{ "one that is there already", APART, true, { RESERVE("h") }, { { RESERVE("h"), NULL } } },
	{ "one that is committed", APART, true, { RESERVE("i") },
	  { { RESOLVE("commit", "i") "}", HELD("i", "committed") } } },
	{ "one that is committed in part", APART, true, { RESERVE("i") },
	  { { RESOLVE("commit", "i") ",'lines':[{'sku':'B','location':'W','quantity':1}]}",
	      HELD("i", "committed") } } },
	{ "one that is released", APART, true, { RESERVE("j") },
	  { { RESOLVE("release", "j") "}", HELD("j", "released") } } },
	{ "one that is extended", APART, true, { RESERVE("k") },
	  { { RESOLVE("extend", "k") ",'ttl_s':900}",
	      THERE("reservation", "name", "k") " AND expires_at > created_at + 700000" } } },
	{ "one that takes another's place", APART, true, { RESERVE("l") },
	  { { RESOLVE("reserve", "m") ",'supersedes':'l%d','ttl_s':600,'lines':[" A_LINE "]}",
	      HELD("m", "active") } } },
	{ "others run out in the same group", APART, true, { "expire", "expire" },
	  { ADJUST("A", "n"), { RESERVE("o"), HELD("o", "active") } } },
	{ "many in one group", APART, true, { RESERVE("p"), ITEM },
	  { ADJUST("A", "p"),
	    { RESOLVE("release", "p") "}", HELD("p", "released") },
	    { "take N%d", BOTH("count(*)") "FROM row_lock WHERE lease = 'N%d'" },
	    ADJUST("B", "q") } },
	{ "lines of a batch", PART, true, { RESERVE("r") },
	  { ADJUST("A", "r"),
	    { RESOLVE("commit", "r") "}", HELD("r", "committed") },
	    { ITEM, THERE("item", "sku", "N") },
	    ADJUST("N%d", "s") } },
	{ "an atomic batch", ATOMIC, true, { RESERVE("t") },
	  { ADJUST("A", "t"),
	    { RESERVE("u"), HELD("u", "active") },
	    { RESOLVE("commit", "t") "}", HELD("t", "committed") },
	    ADJUST("B", "u") } },
	{ "an atomic batch that is refused while others run out", ATOMIC, false, { "expire", RESERVE("v") },
	  { ADJUST("A", "v"),
	    { RESOLVE("release", "v") "}", HELD("v", "released") },
	    ADJUST_BY("B", TOO_MUCH, "w") } },
	{ "an atomic batch that is refused right behind a clock that was set", ATOMIC, true,
	  { "expire", RESERVE("v"), "clock" },
	  { ADJUST("A", "v"),
	    { RESOLVE("release", "v") "}", HELD("v", "released") },
	    ADJUST_BY("B", TOO_MUCH, "w") } },
	{ "somebody edits by hand", APART, true, { ITEM, "take N%d", "edit" },
	  { ADJUST("A", "x"), { "drop N%d", GONE("row_lock", "lease", "N") } } },
	{ "yesterday's keys go", APART, true, { "a day" }, { ADJUST("A", "y") } },
	/* clang-format on */
};

/* What the engine may do about it. */
static const struct fault_kind {
	int code;
	bool may_be_unknown;
	bool may_stop; /* as after a disk that failed */
	bool may_be_damaged;
} faults[] = {
	{ .code = -EIO },
	{ .code = -ENOSPC },
	{ .code = -ENOMEM },
	{ .code = -EBUSY },
	{ .code = -EACCES },
	{ .code = -EBADMSG, .may_be_damaged = true },
	{ .code = -EUCLEAN, .may_be_damaged = true },
	{ .code = -EREMOTEIO, .may_be_unknown = true, .may_stop = true },
	{ .code = -ESTALE, .may_be_unknown = true, .may_stop = true },
};

static bool tries_all;

static const char probe[] = "{'op':'adjust','sku':'A','location':'W','delta':1}";

/* ---------------------------------------------------------------- the engine */

struct place {
	char folder[64];
	char path[96];
	struct faulty_store store;
	struct service *service;
	atomic_bool has_stopped;
	struct snapshot snapshot;
	struct mailbox box;
	sqlite3 *other; /* another program */
	int run;
	char what[200]; /* of the run, for a failure */
};

static void on_failure(void *context, int exit_code)
{
	struct place *p = context;

	CHECK(exit_code == 74);
	atomic_store(&p->has_stopped, true);
}

static void open_engine(struct place *p)
{
	struct store_options options = { .path = p->path, .busy_ms = 1000 };
	struct store_open_result result = { 0 };
	struct store *real;
	struct service_options service = { .releases_rows_early = true,
					   .reader_count = 1,
					   .fail = on_failure,
					   .fail_context = p };

	if (sqlite_open(&options, &real, &result) < 0)
		fail_msg("%s: %s", p->what, result.message);
	faulty_store_init(&p->store, real);
	service.store = &p->store.store;
	atomic_store(&p->has_stopped, false);
	assert_int_equal(service_open(&service, &p->service), 0);
	assert_int_equal(service_open_snapshot(p->service, &p->snapshot), 0);
	assert_int_equal(mailbox_init(&p->box), 0);
}

static void close_engine(struct place *p)
{
	snapshot_fini(&p->snapshot);
	mailbox_fini(&p->box);
	service_close(p->service);
	p->service = NULL;
}

static int64_t query(struct place *p, const char *sql)
{
	sqlite3_stmt *s;
	int64_t number;

	if (sqlite3_prepare_v2(p->other, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s: %s", p->what, sql, sqlite3_errmsg(p->other));
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	number = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return number;
}

/* ---------------------------------------------------------------- writes */

/* %d is the number of the run, wherever it stands. */
static const char *numbered(const char *text, int run, char out[1024])
{
	char *at = out;

	for (; *text != '\0'; text++) {
		if (strncmp(text, "%d", 2) == 0) {
			at += sprintf(at, "%d", run);
			text++;
		} else {
			*at++ = *text;
		}
	}
	*at = '\0';
	return out;
}

static const char *copied(struct work *w, const char *text)
{
	const char *copy = arena_copy(&w->arena, text, strlen(text));

	assert_non_null(copy);
	return copy;
}

static void name_row(struct row_ref *row, const char *sku, const char *location)
{
	*row = (struct row_ref){ 0 };
	assert_true(code_set(&row->sku, sku, strlen(sku)));
	assert_true(code_set(&row->location, location, strlen(location)));
}

static void read_lease_words(struct place *p, struct work *w, const char *verb, const char *sku)
{
	struct command *c = &w->command;
	char sql[200];

	c->kind = strcmp(verb, "take") == 0    ? COMMAND_LEASE_TAKE
		  : strcmp(verb, "renew") == 0 ? COMMAND_LEASE_RENEW
					       : COMMAND_LEASE_RELEASE;
	c->lease_id = copied(w, sku);
	c->ttl_ms = 600000 + 300000 * (c->kind == COMMAND_LEASE_RENEW);
	if (c->kind != COMMAND_LEASE_TAKE) {
		snprintf(sql, sizeof(sql),
			 "SELECT coalesce(max(fence), 1) FROM row_lock WHERE lease = '%s'", sku);
		c->fences[0] = query(p, sql);
		c->fence_ids[0] = c->lease_id;
		c->fence_count = 1;
		return;
	}
	c->rows = arena_alloc(&w->arena, 2 * sizeof(c->rows[0]));
	assert_non_null(c->rows);
	name_row(&c->rows[0], sku, "W");
	name_row(&c->rows[1], sku, "X");
	c->row_count = 2;
}

static void read_words(struct place *p, struct work *w, const char *line)
{
	struct command *c = &w->command;
	char verb[32] = "", name[80] = "", other[80] = "";

	sscanf(line, "%31s %79s %79s", verb, name, other);
	if (strcmp(verb, "read") == 0) {
		c->kind = COMMAND_READ;
		c->rows = arena_alloc(&w->arena, sizeof(c->rows[0]));
		assert_non_null(c->rows);
		name_row(&c->rows[0], "A", "W");
		c->row_count = 1;
	} else if (strcmp(verb, "delete") == 0 && strcmp(name, "item") == 0) {
		c->kind = COMMAND_ITEM_DELETE;
		assert_true(code_set(&c->item.sku, other, strlen(other)));
	} else if (strcmp(verb, "delete") == 0) {
		c->kind = COMMAND_LOCATION_DELETE;
		assert_true(code_set(&c->location.code, other, strlen(other)));
	} else {
		read_lease_words(p, w, verb, name);
	}
}

/* What the handler of the call reads before it submits. */
static void read_before(struct place *p, struct work *w)
{
	struct command *c = &w->command;
	struct reader *r = p->snapshot.reader;
	const char *name = c->kind == COMMAND_RESERVE ? c->supersedes : c->reservation_id;
	struct reservation found;

	assert_int_equal(snapshot_use(&p->snapshot), 0);
	if (c->kind == COMMAND_COUNT) {
		c->past.as_of_seq = p->snapshot.seq;
		assert_int_equal(r->ops->past_level(r, c->rows[0].sku.text,
						    c->rows[0].location.text, &c->past),
				 0);
	}
	if (command_is_of_reservation(c->kind) && name != NULL) {
		assert_int_equal(r->ops->reservation(r, name, &w->arena, &found), 0);
		c->more_rows = arena_alloc(&w->arena, sizeof(c->more_rows[0]) *
							      (size_t)(found.line_count + 1));
		assert_non_null(c->more_rows);
		c->more_row_count = found.line_count;
		for (int i = 0; i < found.line_count; i++)
			c->more_rows[i] = (struct row_ref){ .sku = found.lines[i].sku,
							    .location = found.lines[i].location };
	}
	snapshot_rest(&p->snapshot);
}

static struct work *make_write(struct place *p, const char *text)
{
	struct work *w = work_create();
	struct message_error e;
	const char *id;
	char line[1024];

	assert_non_null(w);
	w->command.lease_id = w->command.purpose = "";
	numbered(text, p->run, line);
	for (char *c = line; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c; /* JSON, which the table spells without escapes */
	if (strcmp(line, "expire") == 0)
		snprintf(line, sizeof(line),
			 "{\"op\":\"reserve\",\"ttl_s\":1,\"lines\":[{\"sku\":\"A\","
			 "\"location\":\"W\",\"quantity\":1}]}");
	if (line[0] != '{')
		read_words(p, w, line);
	else if (!batch_line_read(line, strlen(line), &w->arena, &w->command, &id, &e))
		fail_msg("%s: %s: %s", p->what, line, e.detail);
	if (w->command.purpose == NULL)
		w->command.purpose = "";
	if (w->command.lease_id == NULL)
		w->command.lease_id = "";
	w->command.request_id = "test";
	w->command.actor = &actor_local;
	if (strcmp(text, "expire") == 0)
		w->command.ttl_ms = HELD_MS;
	read_before(p, w);
	return w;
}

static void give_key(struct place *p, struct work *w, int index)
{
	char key[64];

	snprintf(key, sizeof(key), "key-%d-%d", p->run, index);
	w->command.key = copied(w, key);
	w->command.fingerprint = 1;
}

/* Waits for the parcels of so many waiters. */
static void wait_for_answers(struct place *p, int count)
{
	struct pollfd box = { .fd = p->box.event_fd, .events = POLLIN };
	struct list parcels;

	list_init(&parcels);
	while (count > 0) {
		if (poll(&box, 1, ANSWER_S_MAX * 1000) != 1)
			fail_msg("%s: nobody answers", p->what);
		mailbox_take(&p->box, &parcels);
		for (; list_pop_front(&parcels) != NULL; count--)
			continue;
	}
}

/* By itself. */
static enum outcome ask(struct place *p, const char *line)
{
	struct work *w = make_write(p, line);
	struct waiter waiter = { .parcel.home = &p->box };
	enum outcome o;

	if (service_submit(p->service, w, &waiter, &p->snapshot, WAIT_MS) == SUBMIT_PENDING)
		wait_for_answers(p, 1);
	o = waiter.work->answer.outcome;
	work_release(waiter.work);
	return o;
}

static void carry_out(struct place *p, const char *line)
{
	enum outcome o = ask(p, line);

	if (o != OUTCOME_DONE)
		fail_msg("%s: %s: %s", p->what, line, outcome_row(o)->code);
}

/* ---------------------------------------------------------------- one run */

struct attempt {
	const struct scene *scene;
	int count;
	struct waiter waiters[LINES_MAX];
	struct work *lines[LINES_MAX]; /* of a part */
	struct answer answers[LINES_MAX];
	int64_t seq_before;
};

static void submit_apart(struct place *p, struct attempt *a)
{
	int pending = 0;

	for (int i = 0; i < a->count; i++) {
		struct work *w = make_write(p, a->scene->acts[i].line);

		if (a->scene->has_keys)
			give_key(p, w, i);
		a->waiters[i] = (struct waiter){ .parcel.home = &p->box };
		pending += service_submit(p->service, w, &a->waiters[i], &p->snapshot, WAIT_MS) ==
			   SUBMIT_PENDING;
	}
	faulty_store_let_go(&p->store);
	wait_for_answers(p, pending);
	for (int i = 0; i < a->count; i++) {
		a->answers[i] = a->waiters[i].work->answer;
		work_release(a->waiters[i].work);
	}
}

/* Who was not decided has the answer of the part. */
static void submit_part(struct place *p, struct attempt *a)
{
	struct work *part = work_create();
	struct waiter *waiter = &a->waiters[0];

	assert_non_null(part);
	part->command.request_id = "test";
	part->command.actor = &actor_local;
	part->command.lease_id = part->command.purpose = "";
	part->is_atomic = a->scene->together == ATOMIC;
	for (int i = 0; i < a->count; i++) {
		struct work *w = make_write(p, a->scene->acts[i].line);

		if (a->scene->has_keys) {
			give_key(p, w, i);
			assert_false(service_replay(p->service, w, &p->snapshot, NULL));
		}
		list_push_back(&part->lines, &w->work_link);
		part->line_count++;
		a->lines[i] = w;
	}
	*waiter = (struct waiter){ .parcel.home = &p->box };

	bool is_pending =
		claim_and_submit_part(p->service, part, waiter, WAIT_MS) == SUBMIT_PENDING;

	faulty_store_let_go(&p->store);
	wait_for_answers(p, is_pending);
	for (int i = 0; i < a->count; i++) {
		a->answers[i] =
			part->answer.outcome == OUTCOME_DONE ? a->lines[i]->answer : part->answer;
		list_remove(&a->lines[i]->work_link);
		work_release(a->lines[i]);
	}
	work_release(waiter->work);
}

/* Is what was said true? */
static void check_answer(struct place *p, const struct attempt *a, int i)
{
	const struct answer *answer = &a->answers[i];
	const char *effect = a->scene->acts[i].effect;
	bool is_done = answer->outcome == OUTCOME_DONE;
	const struct outcome_row *row = outcome_row(answer->outcome);
	char sql[1024];
	int64_t found;

	if (answer->status == 0)
		fail_msg("%s: act %d has no answer", p->what, i);
	if (answer->is_unknown)
		return; /* either is true */
	if (effect != NULL) {
		found = query(p, numbered(effect, p->run, sql));
		if (found != is_done)
			fail_msg("%s: act %d was answered %s, and found %d times", p->what, i,
				 row->code, (int)found);
	}
	if (!a->scene->has_keys)
		return;
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM idempotency WHERE key = 'key-%d-%d'",
		 p->run, i);
	found = query(p, sql);
	if (found != (row->is_recorded && (a->scene->together != ATOMIC || is_done)))
		fail_msg("%s: act %d was answered %s, and its key is there %d times", p->what, i,
			 row->code, (int)found);
}

static void check_books(struct place *p)
{
	static const char *const wrong[] = { "SELECT count(*) FROM v_ledger_check",
					     "SELECT count(*) FROM v_reserved_check" };

	for (size_t i = 0; i < LENGTH_OF(wrong); i++)
		if (query(p, wrong[i]) != 0)
			fail_msg("%s: %s finds something", p->what, wrong[i]);
}

static struct promised look_at_promised(struct place *p)
{
	struct store_writer *w = p->service->writer.lane.writer;
	struct promised promised;

	w->ops->promised(w, INT64_MIN, &promised);
	return promised;
}

/*
 * The count in memory is that of the store. Those that are overdue behind a restart may be running
 * out right now, which is counted before it is committed: a probe comes behind them.
 */
static void check_count(struct place *p)
{
	static const char active_count[] =
		"SELECT count(*) FROM reservation WHERE state = 'active'";
	int64_t active = query(p, active_count);
	struct promised promised = look_at_promised(p);

	for (int i = 0; i < 10 && promised.count != active; i++) {
		(void)ask(p, probe);
		active = query(p, active_count);
		promised = look_at_promised(p);
	}
	if (promised.count != active)
		fail_msg("%s: %d are active, not %d", p->what, (int)active, (int)promised.count);
}

/* Does it go on? If not, it stops as the fault's row says, and goes on after a restart. */
static void check_end(struct place *p, const struct attempt *a, const struct fault_kind *k)
{
	/* Behind a commit nobody can say any more where the group is. */
	bool was_looking = strcmp(p->store.failed_call, "check") == 0;
	bool may_stop = k->may_stop || was_looking;
	enum outcome o = ask(p, probe);
	bool is_over;

	/*
	 * It may have failed when the acts were answered already, and was met by the probe. Before
	 * a group begins nobody but check() may say -EBUSY, and that is no other program.
	 */
	if (o == outcome_of_fault(k->code) || (was_looking && o == OUTCOME_STORE_FAILED))
		o = ask(p, probe);
	is_over = o != OUTCOME_DONE;
	if (is_over && !(o == OUTCOME_STORE_FAILED && may_stop) &&
	    !(o == OUTCOME_STORE_DAMAGED && k->may_be_damaged))
		fail_msg("%s: it does not go on: %s", p->what, outcome_row(o)->code);
	if (is_over) {
		close_engine(p);
		if (atomic_load(&p->has_stopped) != (o == OUTCOME_STORE_FAILED))
			fail_msg("%s: nobody stops it", p->what);
		open_engine(p);
		carry_out(p, probe);
	}
	for (int i = 0; i < a->count; i++)
		if (a->answers[i].is_unknown && !k->may_be_unknown && !was_looking)
			fail_msg("%s: act %d is unknown", p->what, i);
}

static bool takes_a_day(const struct scene *s)
{
	return s->before[0] != NULL && strcmp(s->before[0], "a day") == 0;
}

static bool sets_clock(const struct scene *s)
{
	bool sets_it = false;

	for (int i = 0; i < LINES_MAX && s->before[i] != NULL; i++)
		sets_it = sets_it || strcmp(s->before[i], "clock") == 0;
	return sets_it;
}

/* To and fro: each run meets a clock that has just been set. */
static void set_clock(int run)
{
	time_set_wall(run % 2 == 0 ? 0 : CLOCK_SET_MS);
}

static void prepare(struct place *p, const struct scene *s)
{
	for (int i = takes_a_day(s); i < LINES_MAX && s->before[i] != NULL; i++) {
		if (strcmp(s->before[i], "edit") == 0)
			assert_int_equal(
				sqlite3_exec(p->other,
					     "UPDATE v_stock SET on_hand = on_hand + 1 WHERE "
					     "sku = 'B' AND location = 'W'",
					     NULL, NULL, NULL),
				SQLITE_OK);
		else if (strcmp(s->before[i], "clock") != 0)
			carry_out(p, s->before[i]);
	}
}

/* True: a call has failed. */
static bool run(struct place *p, const struct scene *s, int number, const struct fault_kind *k,
		enum faulty_when when)
{
	struct attempt a = { .scene = s };
	bool has_failed;

	p->run++;
	snprintf(p->what, sizeof(p->what), "%s, call %d fails with %d, way %d", s->what, number,
		 k->code, when);
	if (getenv("ROWLOCK_TEST_SAYS") != NULL)
		fprintf(stderr, "%s\n", p->what);
	prepare(p, s);
	faulty_store_hold(&p->store);
	if (sets_clock(s))
		set_clock(p->run);
	time_passes(takes_a_day(s) ? DAY_MS : RAN_OUT_MS);
	while (a.count < LINES_MAX && s->acts[a.count].line != NULL)
		a.count++;
	faulty_store_arm(&p->store, number, k->code, when);
	if (s->together == APART)
		submit_apart(p, &a);
	else
		submit_part(p, &a);
	for (int i = 0; takes_a_day(s) && i < 3; i++)
		(void)ask(p, probe); /* they go with a group, or between two */
	has_failed = faulty_store_disarm(&p->store);
	if (has_failed)
		snprintf(p->what + strlen(p->what), sizeof(p->what) - strlen(p->what), " (%s)",
			 p->store.failed_call);
	check_end(p, &a, k);
	for (int i = 0; i < a.count; i++)
		check_answer(p, &a, i);
	check_count(p);
	return has_failed;
}

/* ---------------------------------------------------------------- all of them */

static void try_scene(struct place *p, const struct scene *s)
{
	bool has_failed = true;

	for (int number = 1; has_failed; number++) {
		has_failed = false;
		for (size_t i = 0; i < LENGTH_OF(faults) * FAULTY_WHENS; i++) {
			const struct fault_kind *k = &faults[i % LENGTH_OF(faults)];
			enum faulty_when when = (enum faulty_when)(i / LENGTH_OF(faults));

			/* In turn, so that each call meets each fault in some scene. */
			if (tries_all || (i + (size_t)number + (size_t)(s - scenes)) % 13 == 0)
				has_failed = run(p, s, number, k, when) || has_failed;
		}
	}
	check_books(p);
}

static void make_stock(struct place *p)
{
	static const char *const lines[] = {
		"{'op':'item','sku':'A','name':'A'}",
		"{'op':'item','sku':'B','name':'B'}",
		"{'op':'location','location':'W','name':'W'}",
		"{'op':'location','location':'X','name':'X'}",
		"{'op':'adjust','sku':'A','location':'W','delta':100000}",
		"{'op':'adjust','sku':'B','location':'W','delta':100000}",
		"{'op':'adjust','sku':'B','location':'X','delta':100000}",
	};

	for (size_t i = 0; i < LENGTH_OF(lines); i++)
		carry_out(p, lines[i]);
}

/*
 * Who is ready when a group fails before it decided anybody is told what that group was about, and
 * not always that the store failed.
 */
static void each_fault_has_its_word(struct place *p)
{
	static const struct {
		int code;
		enum outcome outcome;
	} words[] = {
		{ -EIO, OUTCOME_STORE_FAILED },     { -EACCES, OUTCOME_STORE_FAILED },
		{ -ENOSPC, OUTCOME_DISK_FULL },     { -EDQUOT, OUTCOME_DISK_FULL },
		{ -ENOMEM, OUTCOME_OUT_OF_MEMORY },
	};

	for (size_t i = 0; i < LENGTH_OF(words); i++) {
		enum outcome o = OUTCOME_DONE;

		snprintf(p->what, sizeof(p->what), "a group that cannot begin: %s",
			 strerror(-words[i].code));
		while (o == OUTCOME_DONE) { /* keeping house met the fault first */
			faulty_store_arm(&p->store, 1, words[i].code, FAULTY_BEFORE);
			o = ask(p, probe);
			(void)faulty_store_disarm(&p->store);
		}
		if (o != words[i].outcome)
			fail_msg("%s: they are told %s", p->what, outcome_row(o)->code);
		assert_int_equal(ask(p, probe), OUTCOME_DONE);
	}
}

static struct work *make_refused_part(struct place *p)
{
	static const char *const lines[] = {
		"{'op':'adjust','sku':'A','location':'W','delta':1}",
		"{'op':'adjust','sku':'B','location':'W','delta':" TOO_MUCH "}",
	};
	struct work *part = work_create();

	assert_non_null(part);
	part->command.request_id = "test";
	part->command.actor = &actor_local;
	part->command.lease_id = part->command.purpose = "";
	part->is_atomic = true;
	for (size_t i = 0; i < LENGTH_OF(lines); i++)
		list_push_back(&part->lines, &make_write(p, lines[i])->work_link);
	part->line_count = LENGTH_OF(lines);
	return part;
}

static void let_part_go(struct work *part)
{
	struct list *link;

	while ((link = list_pop_front(&part->lines)) != NULL)
		work_release(CONTAINER_OF(link, struct work, work_link));
	work_release(part);
}

/* A refused atomic batch takes its group back, and with it what the group began with: only once. */
static void what_runs_out_is_booked_behind_refused_parts(struct place *p)
{
	enum { PARTS = 3 };
	struct waiter waiters[PARTS];
	int64_t seq_before, expired_before;

	snprintf(p->what, sizeof(p->what), "what runs out behind refused parts");
	carry_out(p, "expire");
	expired_before = metric_value(METRIC_RESERVATIONS_EXPIRED);
	seq_before = p->service->published.seq;
	faulty_store_hold(&p->store);
	time_passes(RAN_OUT_MS);
	for (int i = 0; i < PARTS; i++) {
		waiters[i] = (struct waiter){ .parcel.home = &p->box };
		assert_int_equal(claim_and_submit_part(p->service, make_refused_part(p),
						       &waiters[i], WAIT_MS),
				 SUBMIT_PENDING);
	}
	faulty_store_let_go(&p->store);
	wait_for_answers(p, PARTS);
	for (int i = 0; i < PARTS; i++)
		assert_int_equal(waiters[i].work->answer.outcome, OUTCOME_INSUFFICIENT_STOCK);
	if (waiters[PARTS - 1].work->answer.seq != seq_before + 1)
		fail_msg("%s: it is not booked before the last of them", p->what);
	assert_int_equal(metric_value(METRIC_RESERVATIONS_EXPIRED), expired_before + 1);
	for (int i = 0; i < PARTS; i++)
		let_part_go(waiters[i].work);
}

/*
 * Reservations that a hand has extended book nothing when they run out: they are as many a group.
 */
static void what_books_nothing_is_looked_at_in_slices(struct place *p)
{
	enum { COUNT = EXPIRED_LINES_PER_GROUP_MAX + 100 };

	snprintf(p->what, sizeof(p->what), "many that a hand has extended");
	for (int i = 0; i < COUNT; i++)
		carry_out(p, "{'op':'reserve','ttl_s':60,'owner':'many','lines':[" B_LINE "]}");
	sqlite3_db_config(p->other, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL); /* past the guards */
	assert_int_equal(sqlite3_exec(p->other,
				      "UPDATE reservation SET expires_at = expires_at + 3600000 "
				      "WHERE owner = 'many'",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_db_config(p->other, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
	time_passes(61000);
	carry_out(p, probe);
	if (p->store.swept_max > EXPIRED_LINES_PER_GROUP_MAX)
		fail_msg("%s: all in one group", p->what);
	for (int i = 0; i < 3; i++)
		carry_out(p, probe);
	if (look_at_promised(p).overdue_count != 0)
		fail_msg("%s: some are left", p->what);
}

/* Whoever asks for it again and again gets the same refusal, and takes no memory. */
static void a_damaged_row_costs_no_memory(struct place *p)
{
	static const char line[] = "{'op':'adjust','sku':'B','location':'X','delta':1}";
	const struct arena *memory = &p->service->writer.group.decider.found.rows->memory;
	struct arena before;

	snprintf(p->what, sizeof(p->what), "a damaged row");
	carry_out(p, "{'op':'adjust','sku':'B','location':'X','delta':1,'reference':'last'}");
	sqlite3_db_config(p->other, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	assert_int_equal(
		sqlite3_exec(p->other,
			     "UPDATE stock SET seq = seq + 1000000000 WHERE "
			     "id = (SELECT stock_id FROM movement WHERE reference = 'last')",
			     NULL, NULL, NULL),
		SQLITE_OK);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(ask(p, line), OUTCOME_STORE_DAMAGED);
		if (i == 0)
			before = *memory;
	}
	assert_ptr_equal(memory->blocks, before.blocks);
	assert_int_equal(memory->free_bytes, before.free_bytes);
	assert_int_equal(sqlite3_exec(p->other,
				      "UPDATE stock SET seq = seq - 1000000000 WHERE "
				      "seq > 1000000000",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_db_config(p->other, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
	carry_out(p, line);
}

static void every_call_may_fail(void **state)
{
	struct place p = { 0 };
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };

	(void)state;
	snprintf(p.folder, sizeof(p.folder), "%s/rowlock-calls-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(p.folder));
	snprintf(p.path, sizeof(p.path), "%s/store.db", p.folder);
	open_engine(&p);
	assert_int_equal(sqlite3_open(p.path, &p.other), SQLITE_OK);
	sqlite3_busy_timeout(p.other, 5000);
	make_stock(&p);
	for (size_t i = 0; i < LENGTH_OF(scenes); i++)
		try_scene(&p, &scenes[i]);
	each_fault_has_its_word(&p);
	what_runs_out_is_booked_behind_refused_parts(&p);
	what_books_nothing_is_looked_at_in_slices(&p);
	a_damaged_row_costs_no_memory(&p);
	close_engine(&p);
	check_books(&p);
	sqlite3_close(p.other);
	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s%s", p.path, suffixes[i]);
		unlink(path);
	}
	rmdir(p.folder);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_may_fail),
	};

	tries_all = argc > 1 && strcmp(argv[1], "all") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
