#include "lab/till.h"
#include "base/fault.h"
#include <sqlite3.h>
#include <stdlib.h>

enum { BUSY_MS = 10000 };

/* clang-format off */
#define TILL_STATEMENTS(STATEMENT)                                                                        \
	STATEMENT(LEVEL,    "SELECT on_hand, version FROM shelf WHERE id = ?1")                           \
	STATEMENT(BEGIN,    "BEGIN IMMEDIATE")                                                            \
	STATEMENT(PUT,      "UPDATE shelf SET on_hand = ?2, version = version + 1 WHERE id = ?1")         \
	STATEMENT(PUT_IF,   "UPDATE shelf SET on_hand = ?2, version = version + 1 WHERE id = ?1 AND version = ?3") \
	STATEMENT(TAKE,     "UPDATE shelf SET on_hand = on_hand - ?2, version = version + 1 WHERE id = ?1 AND on_hand >= ?2") \
	STATEMENT(BOOK,     "INSERT INTO booking (shelf_id, delta) VALUES (?1, ?2)")                      \
	STATEMENT(COMMIT,   "COMMIT")                                                                     \
	STATEMENT(ROLLBACK, "ROLLBACK")                                                                   \
	STATEMENT(HAS,      "SELECT 1 FROM placed WHERE number = ?1")                                     \
	STATEMENT(PLACE,    "INSERT INTO placed (number) VALUES (?1)")
/* clang-format on */

enum statement {
#define STATEMENT(name, sql) STATEMENT_##name,
	TILL_STATEMENTS(STATEMENT)
#undef STATEMENT
		STATEMENTS,
};

static const char *const texts[STATEMENTS] = {
#define STATEMENT(name, sql) sql,
	TILL_STATEMENTS(STATEMENT)
#undef STATEMENT
};

struct till {
	struct race *race;
	sqlite3 *db;
	bool has_turn;
	int fault; /* the first; 0: none */
	sqlite3_stmt *statements[STATEMENTS];
};

static void fail(struct till *t)
{
	int code = t->db != NULL ? sqlite3_extended_errcode(t->db) : SQLITE_NOMEM;

	if (t->fault == 0)
		t->fault = FAULT_DETAIL(code == SQLITE_FULL ? -ENOSPC : -EIO, code);
}

/* ---------------------------------------------------------------- life */

static void prepare(struct till *t)
{
	for (int i = 0; i < STATEMENTS && t->fault == 0; i++)
		if (sqlite3_prepare_v3(t->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &t->statements[i], NULL) != SQLITE_OK)
			fail(t);
}

int till_open(struct race *race, struct till **ret)
{
	struct till *t = calloc(1, sizeof(*t));
	int r;

	if (t == NULL)
		return FAULT(-ENOMEM);
	t->race = race;
	if (sqlite3_open_v2(race->path, &t->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(t->db, BUSY_MS) != SQLITE_OK ||
	    sqlite3_exec(t->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL) != SQLITE_OK)
		fail(t);
	prepare(t);
	r = t->fault;
	if (r < 0)
		till_close(t);
	else
		*ret = t;
	return r;
}

void till_close(struct till *t)
{
	if (t == NULL)
		return;
	CHECK(!t->has_turn);
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(t->statements[i]);
	sqlite3_close(t->db);
	free(t);
}

int till_fault(const struct till *t)
{
	return t->fault;
}

enum verdict till_verdict(struct till *t)
{
	return t->fault < 0 ? race_fail(t->race, t->fault) : VERDICT_DONE;
}

/* ---------------------------------------------------------------- statements */

/* Runs it to its end; *ret_a and *ret_b: the columns of its row. True: there was a row. */
static bool run(struct till *t, enum statement which, const int64_t values[], int count,
		int64_t *ret_a, int64_t *ret_b)
{
	sqlite3_stmt *s = t->statements[which];
	bool has_row;
	int code;

	if (t->fault < 0)
		return false;
	for (int i = 0; i < count; i++)
		sqlite3_bind_int64(s, i + 1, values[i]);
	code = sqlite3_step(s);
	has_row = code == SQLITE_ROW;
	if (has_row && ret_a != NULL)
		*ret_a = sqlite3_column_int64(s, 0);
	if (has_row && ret_b != NULL)
		*ret_b = sqlite3_column_int64(s, 1);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		fail(t);
	sqlite3_reset(s);
	return has_row;
}

/* An UPDATE: true when it found its row. */
static bool change(struct till *t, enum statement which, const int64_t values[], int count)
{
	run(t, which, values, count, NULL, NULL);
	return t->fault == 0 && sqlite3_changes(t->db) == 1;
}

int64_t till_level_and_version(struct till *t, int row, int64_t *ret_version)
{
	int64_t level = 0;

	run(t, STATEMENT_LEVEL, (int64_t[]){ row + 1 }, 1, &level, ret_version);
	return level;
}

int64_t till_level(struct till *t, int row)
{
	return till_level_and_version(t, row, NULL);
}

void till_begin(struct till *t)
{
	CHECK(!t->has_turn);
	race_queue_enter(t->race);
	CHECK(pthread_mutex_lock(&t->race->till_turn) == 0);
	race_queue_leave(t->race);
	t->has_turn = true;
	run(t, STATEMENT_BEGIN, NULL, 0, NULL, NULL);
}

static void end_turn(struct till *t)
{
	CHECK(t->has_turn);
	t->has_turn = false;
	CHECK(pthread_mutex_unlock(&t->race->till_turn) == 0);
}

void till_commit(struct till *t)
{
	run(t, STATEMENT_COMMIT, NULL, 0, NULL, NULL);
	end_turn(t);
}

void till_rollback(struct till *t)
{
	run(t, STATEMENT_ROLLBACK, NULL, 0, NULL, NULL);
	end_turn(t);
}

void till_put(struct till *t, int row, int64_t level)
{
	change(t, STATEMENT_PUT, (int64_t[]){ row + 1, level }, 2);
}

bool till_put_if_unchanged(struct till *t, int row, int64_t level, int64_t version)
{
	return change(t, STATEMENT_PUT_IF, (int64_t[]){ row + 1, level, version }, 3);
}

bool till_take(struct till *t, int row, int64_t units)
{
	return change(t, STATEMENT_TAKE, (int64_t[]){ row + 1, units }, 2);
}

void till_book(struct till *t, int row, int64_t delta)
{
	change(t, STATEMENT_BOOK, (int64_t[]){ row + 1, delta }, 2);
}

bool till_has_order(struct till *t, int64_t number)
{
	return run(t, STATEMENT_HAS, &number, 1, NULL, NULL);
}

void till_place_order(struct till *t, int64_t number)
{
	change(t, STATEMENT_PLACE, &number, 1);
}
