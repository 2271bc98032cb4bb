/*
 * postgres_trip - what goes over a link.
 *
 * The statements of a trip are kept until it is sent, so that one for which memory is short sends
 * nothing at all: a prefix of a transaction without its end would be a transaction of its own. What
 * fails between the first byte and the last one ends the connection; then the server undoes it.
 *
 * A server that is full of answers does not read, so that whoever writes must read meanwhile.
 */
#include "base/clock.h"
#include "store/postgres_link.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LIMIT_LOOK_MS = 20, /* how often another thread's limit is looked at */
	CANCEL_PATIENCE_MS = 1000,
	TOOL_TRIP_MS = INT32_MAX, /* it works as long as it takes */
	SPARE_MS = 2000,          /* the server's own limits come first: they say what it was */
};

/* ---------------------------------------------------------------- what went wrong */

static void forget_session(struct postgres_link *l)
{
	CHECK(l->connection == NULL);
	memset(l->is_prepared, 0, (size_t)l->statement_count * sizeof(*l->is_prepared));
	l->is_away = false;
	l->step_count = 0;
	l->next = 0;
}

int postgres_give_up(struct postgres_link *l)
{
	int detail = postgres_detail_of(l->error.state);

	if (l->connection != NULL && l->error.message[0] == '\0')
		postgres_note_error(l, NULL);
	PQfinish(l->connection);
	l->connection = NULL;
	forget_session(l);
	return FAULT_DETAIL(-ENOTCONN, detail);
}

/* The server ends the session by this; what it says is the last of it. */
static bool is_fatal(const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return severity != NULL &&
	       (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

int postgres_fault(struct postgres_link *l, const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	int r;

	CHECK(l->connection != NULL);
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
		return 0;
	postgres_note_error(l, result);
	r = postgres_fault_of(l->error.state);
	if (result == NULL || is_fatal(result) || PQstatus(l->connection) == CONNECTION_BAD ||
	    r == -ENOTCONN)
		return postgres_give_up(l);
	if (r == -EBUSY && strcmp(l->error.state, "57014") == 0 &&
	    (l->was_cancelled || l->role == POSTGRES_READS))
		r = -ETIME;
	return FAULT_DETAIL(r, postgres_detail_of(l->error.state));
}

/* ---------------------------------------------------------------- waiting */

static int64_t smaller_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When to stop waiting, whoever says so. */
static int64_t end_of(const struct postgres_link *l)
{
	int64_t end = l->deadline_ns;

	CHECK(end > 0);
	if (l->was_cancelled)
		return end;
	if (l->limit_ns != 0)
		end = smaller_of(end, l->limit_ns);
	if (l->or_limit_ns != NULL && atomic_load(l->or_limit_ns) != 0)
		end = smaller_of(end, atomic_load(l->or_limit_ns));
	return end;
}

static int wait_ms_of(const struct postgres_link *l, int64_t now_ns)
{
	int64_t ms = (end_of(l) - now_ns + NS_PER_MS - 1) / NS_PER_MS;

	if (ms <= 0)
		return 0;
	ms = smaller_of(ms, INT32_MAX);
	return (int)(l->or_limit_ns != NULL ? smaller_of(ms, LIMIT_LOOK_MS) : ms);
}

int postgres_wait(struct postgres_link *l, bool to_write)
{
	struct pollfd fd = { .fd = PQsocket(l->connection),
			     .events = (short)(POLLIN | (to_write ? POLLOUT : 0)) };
	int count;

	if (fd.fd < 0)
		return postgres_give_up(l);
	do {
		int64_t now_ns = clock_monotonic_ns();

		if (now_ns >= end_of(l))
			return 0;
		count = poll(&fd, 1, wait_ms_of(l, now_ns));
	} while (count == 0 || (count < 0 && errno == EINTR));
	return 1;
}

/*
 * The time is over. A read is cancelled once, and the server then says so itself; what might be a
 * COMMIT, or does not say so either, is given up.
 */
static int stop_waiting(struct postgres_link *l)
{
	char words[256];
	PGcancel *cancel;

	if (l->role == POSTGRES_WRITES || l->was_cancelled) {
		snprintf(l->error.message, sizeof(l->error.message),
			 "the server did not answer in time");
		return postgres_give_up(l);
	}
	cancel = PQgetCancel(l->connection);
	CHECK(!l->was_cancelled);
	if (cancel == NULL || PQcancel(cancel, words, sizeof(words)) == 0) {
		PQfreeCancel(cancel);
		return postgres_give_up(l);
	}
	PQfreeCancel(cancel);
	l->was_cancelled = true;
	l->deadline_ns = clock_monotonic_ns() + CANCEL_PATIENCE_MS * NS_PER_MS;
	return 0;
}

/* Until what is to go out has gone out. */
static int flush(struct postgres_link *l)
{
	int left = PQflush(l->connection);

	while (left > 0) {
		int r = postgres_wait(l, true);

		if (r == 0)
			r = stop_waiting(l);
		if (r < 0)
			return r;
		if (PQconsumeInput(l->connection) == 0)
			break;
		left = PQflush(l->connection);
	}
	if (left == 0)
		return 0;
	postgres_note_error(l, NULL);
	return postgres_give_up(l);
}

/* The next that libpq has to say, which may be NULL: the end of a statement's results. */
static int next_result(struct postgres_link *l, PGresult **ret)
{
	while (PQisBusy(l->connection)) {
		int r = postgres_wait(l, false);

		if (r == 0)
			r = stop_waiting(l);
		if (r < 0)
			return r;
		/* Where it fails the next result says so, with what the server said last. */
		if (r > 0 && PQconsumeInput(l->connection) == 0)
			break;
	}
	*ret = PQgetResult(l->connection);
	return 0;
}

/* ---------------------------------------------------------------- putting it together */

void postgres_begin_trip(struct postgres_link *l)
{
	CHECK(!l->is_away);
	l->step_count = 0;
	l->value_count = 0;
	l->next = 0;
	l->is_short = false;
	l->was_sent = false;
	l->was_cancelled = false;
	l->fault = 0;
}

/* Room for `count` more in an array. False: memory is short. */
static bool make_room(void *array, int count, int *capacity, int more, size_t bytes)
{
	int wanted = *capacity > 0 ? *capacity : 16;
	void *grown;

	CHECK(more >= 0);
	if (count + more <= *capacity)
		return true;
	while (wanted < count + more)
		wanted *= 2;
	grown = reallocarray(*(void **)array, (size_t)wanted, bytes);
	if (grown == NULL)
		return false;
	*(void **)array = grown;
	*capacity = wanted;
	return true;
}

static void add_step(struct postgres_link *l, struct postgres_step step,
		     const struct postgres_value values[])
{
	CHECK(!l->is_away);
	CHECK(step.sql != NULL);
	for (int i = 0; i < step.param_count; i++)
		l->is_short |= values[i].length == POSTGRES_VALUE_SHORT;
	l->is_short |= !make_room(&l->steps, l->step_count, &l->step_capacity, 1, sizeof(step)) ||
		       !make_room(&l->values, l->value_count, &l->value_capacity, step.param_count,
				  sizeof(*values));
	if (l->is_short)
		return;
	step.value_first = l->value_count;
	l->steps[l->step_count++] = step;
	if (values != NULL && step.param_count > 0)
		memcpy(l->values + l->value_count, values,
		       (size_t)step.param_count * sizeof(*values));
	l->value_count += step.param_count;
}

void postgres_add(struct postgres_link *l, int statement, int param_count,
		  const struct postgres_value values[])
{
	CHECK(statement >= 0);
	CHECK(statement < l->statement_count);
	CHECK(param_count <= POSTGRES_PARAMS_MAX);
	add_step(l,
		 (struct postgres_step){ .statement = statement,
					 .sql = l->texts[statement],
					 .param_count = param_count },
		 values);
}

void postgres_add_text(struct postgres_link *l, const char *sql)
{
	CHECK(sql != NULL);
	add_step(l, (struct postgres_step){ .statement = -1, .sql = sql }, NULL);
}

/* ---------------------------------------------------------------- sending */

static void name_of(int statement, char ret[16])
{
	CHECK(statement >= 0);
	snprintf(ret, 16, "s%d", statement);
}

static bool send_prepare(struct postgres_link *l, struct postgres_step *step)
{
	Oid types[POSTGRES_PARAMS_MAX];
	char name[16];

	CHECK(!l->is_prepared[step->statement]);
	name_of(step->statement, name);
	for (int i = 0; i < step->param_count; i++)
		types[i] = l->values[step->value_first + i].type;
	step->prepares = true;
	return PQsendPrepare(l->connection, name, step->sql, step->param_count, types) == 1;
}

static bool send_prepared(struct postgres_link *l, const struct postgres_step *step)
{
	const char *data[POSTGRES_PARAMS_MAX];
	int lengths[POSTGRES_PARAMS_MAX], formats[POSTGRES_PARAMS_MAX];
	char name[16];

	CHECK(step->param_count <= POSTGRES_PARAMS_MAX);
	name_of(step->statement, name);
	for (int i = 0; i < step->param_count; i++) {
		const struct postgres_value *v = &l->values[step->value_first + i];

		data[i] = v->length < 0 ? NULL : v->data != NULL ? v->data : (const char *)v->few;
		lengths[i] = v->length < 0 ? 0 : v->length;
		formats[i] = v->is_binary;
	}
	return PQsendQueryPrepared(l->connection, name, step->param_count, data, lengths, formats,
				   1) == 1;
}

/* In one trip a statement is prepared once; the next one that names it rests on that. */
static bool is_prepared_before(const struct postgres_link *l, int index)
{
	int statement = l->steps[index].statement;

	CHECK(index < l->step_count);
	for (int i = 0; i < index; i++)
		if (l->steps[i].statement == statement && l->steps[i].prepares)
			return true;
	return l->is_prepared[statement];
}

static bool send_step(struct postgres_link *l, int index)
{
	struct postgres_step *step = &l->steps[index];

	CHECK(!step->prepares);
	if (step->statement < 0)
		return PQsendQueryParams(l->connection, step->sql, 0, NULL, NULL, NULL, NULL, 1) ==
		       1;
	return (is_prepared_before(l, index) || send_prepare(l, step)) && send_prepared(l, step);
}

static int64_t deadline_of(const struct postgres_link *l, int64_t asked_ns)
{
	int64_t ms = l->role == POSTGRES_WRITES ? POSTGRES_STATEMENT_MS + SPARE_MS : TOOL_TRIP_MS;

	return asked_ns != 0 ? asked_ns : clock_monotonic_ns() + ms * NS_PER_MS;
}

int postgres_send(struct postgres_link *l, int64_t deadline_ns)
{
	bool went_well = true;
	int r;

	CHECK(!l->is_away);
	if (l->is_short)
		return l->fault = FAULT(-ENOMEM);
	if (l->connection == NULL)
		return l->fault = FAULT(-ENOTCONN);
	l->deadline_ns = deadline_of(l, deadline_ns);
	if (clock_monotonic_ns() >= end_of(l))
		return l->fault = FAULT(-ETIME);
	l->error = (struct postgres_error){ 0 };
	l->was_sent = true; /* libpq sends when it has much */
	l->is_away = true;
	for (int i = 0; went_well && i < l->step_count; i++)
		went_well = send_step(l, i);
	if (!went_well || PQpipelineSync(l->connection) != 1) {
		postgres_note_error(l, NULL);
		return l->fault = postgres_give_up(l);
	}
	r = flush(l);
	if (r < 0)
		l->fault = r;
	return r;
}

/* ---------------------------------------------------------------- taking */

/* A result, and the NULL behind it. */
static int take_result(struct postgres_link *l, PGresult **ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	PGresult *end = NULL;
	int r = next_result(l, &result);

	if (r < 0)
		return r;
	r = postgres_fault(l, result);
	if (r == -ENOTCONN)
		return r;

	int end_r = next_result(l, &end);

	PQclear(end);
	if (end_r < 0)
		return end_r;
	if (r == 0 && ret != NULL) {
		*ret = result;
		result = NULL;
	}
	return r;
}

/* Of a statement that could not be prepared nothing else can come but that it was skipped. */
static int take_prepared(struct postgres_link *l, const struct postgres_step *step)
{
	int r = take_result(l, NULL);

	CHECK(step->statement >= 0);
	if (r == 0)
		l->is_prepared[step->statement] = true;
	return r;
}

int postgres_take(struct postgres_link *l, PGresult **ret)
{
	const struct postgres_step *step = &l->steps[l->next];
	int r = l->fault;

	CHECK(IMPLIES(r == 0, l->is_away));
	CHECK(IMPLIES(r == 0, l->next < l->step_count));
	if (r < 0)
		return r;
	if (step->prepares)
		r = take_prepared(l, step);
	if (r == 0)
		r = take_result(l, ret);
	l->next++;
	if (r < 0)
		l->fault = r;
	return r;
}

/* What comes behind a failure, up to the end of the trip. */
static int skip(struct postgres_link *l)
{
	bool is_over = false;

	CHECK(l->fault < 0);
	while (!is_over) {
		CLEANUP(postgres_clear) PGresult *result = NULL;
		int r = next_result(l, &result);

		if (r < 0)
			return r;
		is_over = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		if (PQstatus(l->connection) == CONNECTION_BAD) {
			postgres_note_error(l, result);
			return postgres_give_up(l);
		}
	}
	return 0;
}

/* The end itself: everything was taken, and went well. */
static int take_sync(struct postgres_link *l)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = next_result(l, &result);

	CHECK(l->next == l->step_count);
	if (r == 0 && PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
		/* The transaction that the trip itself was could not be committed. */
		r = postgres_fault(l, result);
		l->fault = r < 0 ? r : FAULT(-EIO);
		return r == -ENOTCONN ? r : skip(l);
	}
	return r;
}

int postgres_end_trip(struct postgres_link *l, int r)
{
	while (l->is_away && l->fault == 0 && l->next < l->step_count)
		(void)postgres_take(l, NULL);
	if (l->is_away && l->fault == 0 && take_sync(l) < 0)
		l->fault = -ENOTCONN;
	else if (l->is_away && l->fault != 0 && l->connection != NULL && skip(l) < 0)
		l->fault = -ENOTCONN;
	CHECK(l->fault <= 0);
	l->is_away = false;
	return r < 0 ? r : l->fault;
}

/* ---------------------------------------------------------------- whole trips */

static int run_trip(struct postgres_link *l, PGresult **ret)
{
	int r = postgres_send(l, 0);

	CHECK(l->step_count <= 1);
	if (r == 0)
		r = postgres_take(l, ret);
	return postgres_end_trip(l, r);
}

int postgres_run(struct postgres_link *l, int statement, int param_count,
		 const struct postgres_value values[], PGresult **ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r;

	CHECK(statement >= 0);
	postgres_begin_trip(l);
	postgres_add(l, statement, param_count, values);
	r = run_trip(l, &result);
	if (r == 0 && ret != NULL) {
		*ret = result;
		result = NULL;
	}
	return r;
}

int postgres_run_text(struct postgres_link *l, const char *sql, PGresult **ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r;

	CHECK(sql != NULL);
	postgres_begin_trip(l);
	postgres_add_text(l, sql);
	r = run_trip(l, &result);
	if (r == 0 && ret != NULL) {
		*ret = result;
		result = NULL;
	}
	return r;
}

/* All results of a script; the first fault of them. */
static int take_script(struct postgres_link *l)
{
	int first = 0;

	CHECK(l->connection != NULL);
	for (;;) {
		CLEANUP(postgres_clear) PGresult *result = NULL;
		int r = next_result(l, &result);

		if (r < 0)
			return r;
		if (result == NULL)
			return first;
		r = first == 0 ? postgres_fault(l, result) : 0;
		if (r == -ENOTCONN)
			return r;
		first = first == 0 ? r : first;
	}
}

int postgres_run_script(struct postgres_link *l, const char *sql)
{
	int r;

	CHECK(sql != NULL);
	postgres_begin_trip(l);
	if (l->connection == NULL)
		return FAULT(-ENOTCONN);
	l->deadline_ns = deadline_of(l, 0);
	l->error = (struct postgres_error){ 0 };
	/* Several statements in one text are for the simple protocol, which a pipeline is not. */
	if (PQpipelineStatus(l->connection) != PQ_PIPELINE_OFF &&
	    PQexitPipelineMode(l->connection) != 1)
		return postgres_give_up(l);
	l->was_sent = true;
	if (PQsendQuery(l->connection, sql) != 1)
		return postgres_give_up(l);
	r = flush(l);
	if (r == 0)
		r = take_script(l);
	if (l->connection != NULL && PQenterPipelineMode(l->connection) != 1)
		return postgres_give_up(l);
	return r;
}

int postgres_rollback(struct postgres_link *l)
{
	const atomic_int_fast64_t *or_limit_ns = l->or_limit_ns;
	int64_t limit_ns = l->limit_ns;
	int r;

	CHECK(!l->is_away);
	if (l->connection == NULL)
		return FAULT(-ENOTCONN);
	if (!postgres_is_open(l))
		return 0;
	/* That a read has run out of its time is why there is something to end. */
	postgres_limit(l, 0, NULL);
	r = postgres_run_text(l, "ROLLBACK", NULL);
	postgres_limit(l, limit_ns, or_limit_ns);
	return r;
}

/* ---------------------------------------------------------------- what is known of it */

bool postgres_is_open(const struct postgres_link *l)
{
	CHECK(!l->is_away);
	return l->connection != NULL && PQtransactionStatus(l->connection) != PQTRANS_IDLE;
}

void postgres_limit(struct postgres_link *l, int64_t at_ns, const atomic_int_fast64_t *or_at_ns)
{
	CHECK(at_ns >= 0);
	l->limit_ns = at_ns;
	l->or_limit_ns = or_at_ns;
}

bool postgres_was_sent(const struct postgres_link *l)
{
	CHECK(l != NULL);
	return l->was_sent;
}
