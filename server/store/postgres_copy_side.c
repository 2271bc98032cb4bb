/*
 * postgres_copy_side - a store over PostgreSQL as one end of a copy: by COPY, in its binary form.
 *
 * As the source it is read in one snapshot, by a transaction that holds a lock on the table `store`
 * with which nobody writes. As the target its schema has the table copy_under_way from the first
 * row to the last, with which no front end starts on it; each part of the rows is a transaction.
 *
 * COPY and a pipeline exclude each other: of the link there is only the session here.
 */
#include "base/arena.h"
#include "store/copy_side.h"
#include "store/postgres_house.h"
#include "store/postgres_link.h"
#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOCK_WAIT_MS = 2000,
	SEND_BYTES = 1 << 18,
	ROW_BYTES_MAX = 1 << 20, /* that are kept back at most before they are sent */
	FIELD_NULL = -1,
	HEADER_BYTES = 11 + 4 + 4,
};

struct postgres_side {
	struct copy_side side;
	struct store *store; /* opened, and so migrated; readers are made of it */
	struct postgres_link *link;
	PGconn *connection;             /* of the link */
	const struct copy_table *table; /* that is read or put */
	bool is_target;
	PGresult *last; /* what last() has handed out */

	/* What comes: a message of COPY, and how far it was read. */
	char *data;
	int data_bytes, at;
	bool has_begun; /* the header was read */

	/* What goes. */
	char *out;
	size_t out_bytes, out_room;
};

static struct postgres_side *of(struct copy_side *s)
{
	return CONTAINER_OF(s, struct postgres_side, side);
}

static const char *shown(const struct postgres_side *s)
{
	return postgres_of(s->store)->shown;
}

/* ---------------------------------------------------------------- words */

__attribute__((format(printf, 3, 4))) static int
refuse(struct postgres_side *s, enum store_trouble t, const char *format, ...)
{
	struct store_open_result *result = s->side.result;
	va_list arguments;

	CHECK(t != STORE_FINE);
	if (result->trouble != STORE_FINE)
		return FAULT(-EACCES);
	result->trouble = t;
	va_start(arguments, format);
	vsnprintf(result->message, sizeof(result->message), format, arguments);
	va_end(arguments);
	return FAULT(-EACCES);
}

static int explain_error(struct postgres_side *s, int r, const struct postgres_error *e)
{
	struct postgres_opening o = { .store = postgres_of(s->store), .result = s->side.result };

	CHECK(r < 0);
	if (s->side.result->trouble == STORE_FINE)
		(void)postgres_refuse_fault(&o, r, e);
	return FAULT_DETAIL(r, postgres_detail_of(e->state));
}

/* What the server said, and of which table. result NULL: the connection has it. */
static int explain(struct postgres_side *s, const PGresult *result)
{
	const char *table = result != NULL ? PQresultErrorField(result, PG_DIAG_TABLE_NAME) : NULL;
	struct postgres_error e;

	postgres_note_error(s->link, result);
	e = s->link->error;
	if (table != NULL)
		snprintf(e.message, sizeof(e.message), "%.150s: table %.40s, %.50s",
			 s->link->error.message, table, e.constraint);
	return explain_error(s, postgres_fault_of(e.state), &e);
}

/* ---------------------------------------------------------------- statements */

/* Runs it. *ret, where it is asked for, is to be cleared. */
static int run(struct postgres_side *s, const char *sql, ExecStatusType wanted, PGresult **ret)
{
	PGresult *result = PQexec(s->connection, sql);
	int r = PQresultStatus(result) == wanted ? 0 : explain(s, result);

	CHECK(wanted != PGRES_FATAL_ERROR);
	CHECK(sql != NULL);
	if (r == 0 && ret != NULL)
		*ret = result;
	else
		PQclear(result);
	return r;
}

static int execute(struct postgres_side *s, const char *sql)
{
	return run(s, sql, PGRES_COMMAND_OK, NULL);
}

static int integer(struct postgres_side *s, const char *sql, int64_t *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = run(s, sql, PGRES_TUPLES_OK, &result);

	if (r == 0)
		*ret = PQntuples(result) == 1 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
	return r;
}

/* ---------------------------------------------------------------- reading */

static int mark(struct copy_side *side, char ret[COPY_MARK_BYTES])
{
	CHECK(!of(side)->is_target);
	ret[0] = '\0'; /* no copy of it is ever gone on with */
	return 0;
}

/* What was copied is all that a target has. */
static const char *which_rows(const struct postgres_side *s, const struct copy_table *t)
{
	return !s->is_target && t->only_postgres != NULL ? t->only_postgres : "true";
}

static int count(struct copy_side *side, const struct copy_table *t, int64_t *ret)
{
	struct postgres_side *s = of(side);
	char sql[300];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE %s", t->name, which_rows(s, t));
	return integer(s, sql, ret);
}

static int last_id(struct copy_side *side, const struct copy_table *t, int64_t *ret)
{
	char sql[200];

	CHECK(t->never_again);
	snprintf(sql, sizeof(sql), "SELECT next_%1$s() - 1", t->name);
	return integer(of(side), sql, ret);
}

static int epoch(struct copy_side *side, char ret[EPOCH_BYTES_MAX + 1])
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = run(of(side), "SELECT epoch FROM store", PGRES_TUPLES_OK, &result);

	if (r == 0)
		snprintf(ret, EPOCH_BYTES_MAX + 1, "%s", PQgetvalue(result, 0, 0));
	return r;
}

static void forget_data(struct postgres_side *s)
{
	PQfreemem(s->data);
	s->data = NULL;
	s->data_bytes = s->at = 0;
}

/* The end of a COPY, whichever way it goes. */
static int take_end(struct postgres_side *s)
{
	PGresult *result;
	int r = 0;

	CHECK(s->connection != NULL);
	while ((result = PQgetResult(s->connection)) != NULL) {
		if (r == 0 && PQresultStatus(result) != PGRES_COMMAND_OK)
			r = explain(s, result);
		PQclear(result);
	}
	return r;
}

static void stop(struct copy_side *side)
{
	struct postgres_side *s = of(side);

	CHECK(s->connection != NULL);
	s->table = NULL;
	s->has_begun = false;
	/* One that was not read to its end is of a copy that failed: nothing more is asked here. */
	forget_data(s);
}

static int read_table(struct copy_side *side, const struct copy_table *t,
		      const struct copy_value after[])
{
	struct postgres_side *s = of(side);
	char sql[1200] = "COPY (SELECT ";

	CHECK(after == NULL);
	CHECK(s->table == NULL);
	copy_column_list(t, copy_column_count(t), sql, sizeof(sql));
	snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), " FROM %s WHERE %s ORDER BY ",
		 t->name, which_rows(s, t));
	copy_column_list(t, t->key_count, sql, sizeof(sql));
	strcat(sql, ") TO STDOUT (FORMAT binary)");
	s->table = t;
	return run(s, sql, PGRES_COPY_OUT, NULL);
}

/* The next message, unless there is something left of this one. *ret_has_more: there was one. */
static int fill(struct postgres_side *s, bool *ret_has_more)
{
	*ret_has_more = true;
	if (s->at < s->data_bytes)
		return 0;
	forget_data(s);
	s->data_bytes = PQgetCopyData(s->connection, &s->data, 0);
	if (s->data_bytes > 0)
		return 0;
	*ret_has_more = false;
	return s->data_bytes == -1 ? take_end(s) : explain(s, NULL);
}

static const char *take_bytes(struct postgres_side *s, int byte_count)
{
	const char *bytes = s->data + s->at;

	CHECK(s->at <= s->data_bytes);
	if (byte_count < 0 || byte_count > s->data_bytes - s->at)
		return NULL;
	s->at += byte_count;
	return bytes;
}

static bool take_16(struct postgres_side *s, int *ret)
{
	const char *bytes = take_bytes(s, 2);
	uint16_t n;

	if (bytes == NULL)
		return false;
	memcpy(&n, bytes, sizeof(n));
	*ret = (int16_t)be16toh(n);
	return true;
}

static bool take_32(struct postgres_side *s, int *ret)
{
	const char *bytes = take_bytes(s, 4);
	uint32_t n;

	if (bytes == NULL)
		return false;
	memcpy(&n, bytes, sizeof(n));
	*ret = (int32_t)be32toh(n);
	return true;
}

/* False: it is not of the type that the table says. */
static bool number_of(const char *bytes, int byte_count, int64_t *ret)
{
	uint64_t n64;
	uint32_t n32;

	if (byte_count == 8) {
		memcpy(&n64, bytes, sizeof(n64));
		*ret = (int64_t)be64toh(n64);
	} else if (byte_count == 4) {
		memcpy(&n32, bytes, sizeof(n32));
		*ret = (int32_t)be32toh(n32);
	} else if (byte_count == 1) {
		*ret = (unsigned char)bytes[0]; /* a boolean */
	} else {
		return false;
	}
	return true;
}

static bool take_field(struct postgres_side *s, enum copy_type type, struct copy_value *ret)
{
	int byte_count;

	CHECK(s->table != NULL);
	*ret = (struct copy_value){ 0 };
	if (!take_32(s, &byte_count))
		return false;
	ret->is_null = byte_count == FIELD_NULL;
	if (ret->is_null)
		return true;
	ret->bytes = take_bytes(s, byte_count);
	if (ret->bytes == NULL)
		return false;
	if (type != COPY_TEXT && type != COPY_BYTES)
		return number_of(ret->bytes, byte_count, &ret->number);
	ret->byte_count = (size_t)byte_count;
	return true;
}

static int next(struct copy_side *side, struct copy_value row[], bool *ret_has_row)
{
	struct postgres_side *s = of(side);
	int fields = 0, r = fill(s, ret_has_row);
	bool is_sound = true;

	CHECK(s->table != NULL);
	if (r == 0 && *ret_has_row && !s->has_begun) {
		s->has_begun = true;
		is_sound = take_bytes(s, HEADER_BYTES) != NULL;
		r = fill(s, ret_has_row);
	}
	if (r < 0 || !*ret_has_row)
		return r;
	is_sound = is_sound && take_16(s, &fields);
	if (is_sound && fields == -1) { /* the end; behind it comes that of the COPY */
		*ret_has_row = false;
		forget_data(s);
		r = fill(s, ret_has_row);
		return r == 0 && *ret_has_row ? refuse(s, STORE_CORRUPT, "no end of COPY") : r;
	}
	is_sound = is_sound && fields == copy_column_count(s->table);
	for (int i = 0; is_sound && i < fields; i++)
		is_sound = take_field(s, s->table->columns[i].type, &row[i]);
	return is_sound ? 0
			: refuse(s, STORE_CORRUPT,
				 "%.200s: what it sends of table %s is no row of it", shown(s),
				 s->table->name);
}

static bool has_changed(struct copy_side *side)
{
	(void)side; /* it is read in one snapshot, and locked */
	return false;
}

/* ---------------------------------------------------------------- writing */

static int flush_out(struct postgres_side *s)
{
	size_t bytes = s->out_bytes;

	CHECK(s->table != NULL);
	s->out_bytes = 0;
	if (bytes == 0 || PQputCopyData(s->connection, s->out, (int)bytes) == 1)
		return 0;
	return explain(s, NULL);
}

static int append(struct postgres_side *s, const void *bytes, size_t byte_count)
{
	CHECK(s->out_bytes <= s->out_room);
	if (s->out_bytes + byte_count > s->out_room) {
		size_t room = s->out_bytes + byte_count + SEND_BYTES;
		char *grown = realloc(s->out, room);

		if (grown == NULL)
			return FAULT(-ENOMEM);
		s->out = grown;
		s->out_room = room;
	}
	memcpy(s->out + s->out_bytes, bytes, byte_count);
	s->out_bytes += byte_count;
	return 0;
}

static int append_16(struct postgres_side *s, int n)
{
	uint16_t bytes = htobe16((uint16_t)n);

	return append(s, &bytes, sizeof(bytes));
}

static int append_32(struct postgres_side *s, int n)
{
	uint32_t bytes = htobe32((uint32_t)n);

	return append(s, &bytes, sizeof(bytes));
}

/* A value as it goes: from where, and how many bytes. `few` holds a number. */
static const char *encode(enum copy_type type, const struct copy_value *v, char few[8],
			  int *ret_bytes)
{
	uint64_t n64 = htobe64((uint64_t)v->number);
	uint32_t n32 = htobe32((uint32_t)v->number);

	switch (type) {
	case COPY_TEXT:
	case COPY_BYTES:
		*ret_bytes = (int)v->byte_count;
		return v->bytes;
	case COPY_NUMBER:
		*ret_bytes = 8;
		memcpy(few, &n64, sizeof(n64));
		break;
	case COPY_NUMBER_32:
		*ret_bytes = 4;
		memcpy(few, &n32, sizeof(n32));
		break;
	case COPY_FLAG:
		*ret_bytes = 1;
		few[0] = v->number != 0;
		break;
	}
	return few;
}

static int append_field(struct postgres_side *s, enum copy_type type, const struct copy_value *v)
{
	const char *bytes;
	char few[8];

	CHECK(s->table != NULL);

	int byte_count = 0, r;

	if (v->is_null)
		return append_32(s, FIELD_NULL);
	bytes = encode(type, v, few, &byte_count);
	r = append_32(s, byte_count);
	return r == 0 ? append(s, bytes, (size_t)byte_count) : r;
}

/* Rows that are there, or are put by a statement: what front ends and hands may do is not asked. */
static int set_guards(struct postgres_side *s, const struct copy_table *t, bool on)
{
	char sql[200];

	CHECK(s->is_target);
	snprintf(sql, sizeof(sql), "ALTER TABLE %s %s TRIGGER USER", t->name,
		 on ? "ENABLE" : "DISABLE");
	return execute(s, sql);
}

static int begin(struct copy_side *side, const struct copy_table *t)
{
	static const char signature[HEADER_BYTES] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
	struct postgres_side *s = of(side);
	char sql[1200];
	int r = execute(s, "BEGIN");

	CHECK(s->is_target);
	s->table = t;
	s->out_bytes = 0;
	if (r == 0)
		r = set_guards(s, t, false);
	if (r < 0 || t->put != NULL)
		return r;
	snprintf(sql, sizeof(sql), "COPY %s (", t->name);
	copy_column_list(t, copy_column_count(t), sql, sizeof(sql));
	strcat(sql, ") FROM STDIN (FORMAT binary)");
	r = run(s, sql, PGRES_COPY_IN, NULL);
	return r == 0 ? append(s, signature, sizeof(signature)) : r;
}

static int put_by_statement(struct postgres_side *s, const struct copy_table *t,
			    const struct copy_value row[])
{
	const char *values[COPY_COLUMNS_MAX];
	int lengths[COPY_COLUMNS_MAX], formats[COPY_COLUMNS_MAX];
	char few[COPY_COLUMNS_MAX][8];
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int columns = copy_column_count(t);

	CHECK(t->put != NULL);
	for (int i = 0; i < columns; i++) {
		formats[i] = 1;
		lengths[i] = 0;
		values[i] = row[i].is_null
				    ? NULL
				    : encode(t->columns[i].type, &row[i], few[i], &lengths[i]);
	}
	result = PQexecParams(s->connection, t->put, columns, NULL, values, lengths, formats, 0);
	return PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : explain(s, result);
}

static int put(struct copy_side *side, const struct copy_table *t, const struct copy_value row[])
{
	struct postgres_side *s = of(side);
	int columns = copy_column_count(t), r;

	CHECK(s->table == t);
	if (t->put != NULL)
		return put_by_statement(s, t, row);
	r = append_16(s, columns);
	for (int i = 0; r == 0 && i < columns; i++)
		r = append_field(s, t->columns[i].type, &row[i]);
	return r == 0 && s->out_bytes >= SEND_BYTES ? flush_out(s) : r;
}

static int end(struct copy_side *side, const struct copy_table *t)
{
	struct postgres_side *s = of(side);
	int r = 0;

	CHECK(s->table == t);
	if (t->put == NULL) {
		r = append_16(s, -1);
		if (r == 0)
			r = flush_out(s);
		if (r == 0 && PQputCopyEnd(s->connection, NULL) != 1)
			r = explain(s, NULL);
		if (r == 0)
			r = take_end(s);
	}
	if (r == 0)
		r = set_guards(s, t, true);
	s->table = NULL;
	return r == 0 ? execute(s, "COMMIT") : r;
}

/* Binary, as next() reads it. */
static int last(struct copy_side *side, const struct copy_table *t, struct copy_value ret[],
		bool *ret_has_row)
{
	struct postgres_side *s = of(side);
	char sql[500] = "SELECT ";
	int r = 0;

	CHECK(s->is_target);
	copy_column_list(t, t->key_count, sql, sizeof(sql));
	snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql),
		 " FROM %s ORDER BY %s DESC%s%s LIMIT 1", t->name, t->columns[0].name,
		 t->key_count == 2 ? ", " : "", t->key_count == 2 ? t->columns[1].name : "");
	if (t->key_count == 2)
		strcpy(strstr(sql, " LIMIT 1"), " DESC LIMIT 1");
	PQclear(s->last);
	s->last = PQexecParams(s->connection, sql, 0, NULL, NULL, NULL, NULL, 1);
	if (PQresultStatus(s->last) != PGRES_TUPLES_OK)
		return explain(s, s->last);
	*ret_has_row = PQntuples(s->last) == 1;
	for (int i = 0; r == 0 && *ret_has_row && i < t->key_count; i++) {
		ret[i] = (struct copy_value){ .bytes = PQgetvalue(s->last, 0, i),
					      .byte_count = (size_t)PQgetlength(s->last, 0, i) };
		if (t->columns[i].type != COPY_TEXT &&
		    !number_of(ret[i].bytes, (int)ret[i].byte_count, &ret[i].number))
			r = refuse(s, STORE_CORRUPT, "%.200s: %s.%s is no number", shown(s),
				   t->name, t->columns[i].name);
	}
	return r;
}

/* ---------------------------------------------------------------- beginning */

/* Nobody serves it, and nobody else writes to it until the transaction is over. */
static int lock_store(struct postgres_side *s)
{
	CLEANUP(postgres_clear) PGresult *alive = NULL;
	char sql[300];
	int r;

	r = execute(s, "LOCK TABLE store IN EXCLUSIVE MODE");
	if (r < 0 && s->side.result->trouble == STORE_LOCKED)
		snprintf(
			s->side.result->message, sizeof(s->side.result->message),
			"%.300s: somebody writes to it, or copies it: stop its front ends, and end "
			"what psql has open",
			shown(s));
	snprintf(sql, sizeof(sql),
		 "SELECT name FROM front_end f WHERE seen_at > "
		 "extract(epoch FROM clock_timestamp()) * 1000 - %d AND EXISTS "
		 "(SELECT FROM pg_stat_activity a WHERE a.pid = f.backend) ORDER BY id LIMIT 1",
		 FRONT_END_DEAD_MS);
	if (r == 0)
		r = run(s, sql, PGRES_TUPLES_OK, &alive);
	if (r == 0 && PQntuples(alive) > 0)
		r = refuse(s, STORE_IN_USE,
			   "%.300s: the front end %.64s serves it: stop all of them", shown(s),
			   PQgetvalue(alive, 0, 0));
	return r;
}

/* Whatever has a row in a store that is no new one. */
static int is_empty(struct postgres_side *s, bool *ret)
{
	int64_t rows = 0;
	int r = integer(s,
			"SELECT count(*) FROM (SELECT 1 FROM (SELECT FROM item LIMIT 1) a "
			"UNION ALL SELECT 1 FROM (SELECT FROM location LIMIT 1) b "
			"UNION ALL SELECT 1 FROM (SELECT FROM movement LIMIT 1) c "
			"UNION ALL SELECT 1 FROM (SELECT FROM reservation LIMIT 1) d "
			"UNION ALL SELECT 1 FROM (SELECT FROM idempotency LIMIT 1) e "
			"UNION ALL SELECT 1 FROM (SELECT FROM token LIMIT 1) f "
			"UNION ALL SELECT 1 FROM (SELECT FROM audit LIMIT 1) g) AS any_row",
			&rows);

	CHECK(s->is_target);
	*ret = rows == 0;
	return r;
}

/* Of a copy of a store that has changed since: all of it goes. */
static int throw_away(struct postgres_side *s)
{
	char sql[500] = "TRUNCATE ";
	int r = 0;

	CHECK(s->is_target);
	for (int i = 0; r == 0 && i < COPY_TABLES; i++) {
		if (copy_tables[i].put != NULL)
			continue;
		if (sql[strlen(sql) - 1] != ' ')
			strcat(sql, ", ");
		strcat(sql, copy_tables[i].name);
		r = set_guards(s, &copy_tables[i], false);
	}
	if (r == 0)
		r = execute(s, sql);
	for (int i = 0; r == 0 && i < COPY_TABLES; i++)
		if (copy_tables[i].put == NULL)
			r = set_guards(s, &copy_tables[i], true);
	return r;
}

static int set_mark(struct postgres_side *s, const char *source_mark)
{
	const char *values[] = { source_mark };
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = execute(s, "CREATE TABLE IF NOT EXISTS copy_under_way (mark text NOT NULL)");

	CHECK(s->is_target);
	if (r == 0)
		r = execute(s, "DELETE FROM copy_under_way");
	if (r < 0)
		return r;
	result = PQexecParams(s->connection, "INSERT INTO copy_under_way (mark) VALUES ($1)", 1,
			      NULL, values, NULL, NULL, 0);
	return PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : explain(s, result);
}

static int judge_part(struct postgres_side *s, const char *source_mark, enum copy_beginning *ret)
{
	CHECK(source_mark != NULL);

	CLEANUP(postgres_clear) PGresult *found = NULL;
	int r = run(s, "SELECT mark FROM copy_under_way", PGRES_TUPLES_OK, &found);

	if (r < 0)
		return r;
	if (PQntuples(found) == 1 && strcmp(PQgetvalue(found, 0, 0), source_mark) == 0) {
		*ret = COPY_GOES_ON;
		return 0;
	}
	*ret = COPY_BEGINS_AGAIN;
	return throw_away(s);
}

static int prepare_locked(struct postgres_side *s, const char *source_mark,
			  enum copy_beginning *ret)
{
	int64_t has_part = 0;
	bool empty = true;
	int r = integer(s,
			"SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() "
			"AND tablename = 'copy_under_way'",
			&has_part);

	CHECK(s->is_target);
	*ret = COPY_BEGINS;
	if (r == 0 && has_part != 0)
		r = judge_part(s, source_mark, ret);
	else if (r == 0)
		r = is_empty(s, &empty);
	if (r == 0 && !empty)
		r = refuse(s, STORE_TAKEN,
			   "%.300s has rows already: a copy goes where nothing is; choose another "
			   "?schema=",
			   shown(s));
	return r == 0 ? set_mark(s, source_mark) : r;
}

/* Two copies exclude each other for as long as their sessions last. */
static int prepare(struct copy_side *side, const char *source_mark, enum copy_beginning *ret)
{
	struct postgres_side *s = of(side);
	int64_t is_alone = 0;
	int r = integer(s,
			"SELECT pg_try_advisory_lock(hashtextextended("
			"'rowlock copy ' || current_schema(), 0))::int",
			&is_alone);

	if (r == 0 && is_alone == 0)
		r = refuse(s, STORE_IN_USE, "%.300s: another copy into it is under way", shown(s));
	if (r == 0)
		r = execute(s, "BEGIN");
	if (r == 0)
		r = lock_store(s);
	if (r == 0)
		r = prepare_locked(s, source_mark, ret);
	return r == 0 ? execute(s, "COMMIT") : r;
}

/* ---------------------------------------------------------------- the end */

static int note(struct postgres_side *s, const struct copy_end *e, const char *last_audit)
{
	char seq[24];
	const char *values[] = { e->epoch, last_audit, e->actor, e->from, seq };
	CLEANUP(postgres_clear) PGresult *set = NULL;
	CLEANUP(postgres_clear) PGresult *noted = NULL;

	CHECK(e->actor != NULL);
	snprintf(seq, sizeof(seq), "%lld", (long long)e->seq);
	set = PQexecParams(s->connection,
			   "UPDATE store SET epoch = coalesce($1, epoch), "
			   "next_audit = greatest(next_audit, $2::bigint + 1)",
			   2, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(set) != PGRES_COMMAND_OK)
		return explain(s, set);
	noted = PQexecParams(
		s->connection,
		"INSERT INTO audit (id, at, actor, action, detail) "
		"SELECT next_audit(), ms, $1, "
		"'copy', format('{\"from\":\"%s\",\"seq\":%s,\"epoch\":\"%s\"}', $2::text, "
		"$3::bigint, epoch) "
		"FROM store, v_now",
		3, NULL, values + 2, NULL, NULL, 0);
	return PQresultStatus(noted) == PGRES_COMMAND_OK ? 0 : explain(s, noted);
}

static int complete(struct copy_side *side, const struct copy_end *e)
{
	static const char *const tables[] = { "store", "audit" };
	struct postgres_side *s = of(side);
	char last_audit[24] = "0", sql[80];
	int r = execute(s, "BEGIN");

	CHECK(s->is_target);
	for (int i = 0; i < COPY_TABLES; i++)
		if (strcmp(copy_tables[i].name, "audit") == 0)
			snprintf(last_audit, sizeof(last_audit), "%lld", (long long)e->last_ids[i]);
	for (size_t i = 0; r == 0 && i < LENGTH_OF(tables); i++) {
		snprintf(sql, sizeof(sql), "ALTER TABLE %s DISABLE TRIGGER USER", tables[i]);
		r = execute(s, sql);
	}
	if (r == 0)
		r = note(s, e, last_audit);
	for (size_t i = 0; r == 0 && i < LENGTH_OF(tables); i++) {
		snprintf(sql, sizeof(sql), "ALTER TABLE %s ENABLE TRIGGER USER", tables[i]);
		r = execute(s, sql);
	}
	if (r == 0)
		r = execute(s, "COMMIT");
	/* The planner knows nothing yet of what is in there. */
	return r == 0 ? execute(s, "ANALYZE movement, stock, item, location, reservation, "
				   "reservation_line, idempotency")
		      : r;
}

static int publish(struct copy_side *side)
{
	struct postgres_side *s = of(side);
	int r = execute(s, "SET synchronous_commit = on");

	CHECK(s->is_target);
	return r == 0 ? execute(s, "DROP TABLE copy_under_way") : r;
}

static int verify(struct copy_side *side, struct verify **ret)
{
	struct postgres_side *s = of(side);
	struct reader *reader = NULL;
	int r = s->store->ops->open_reader(s->store, &reader);

	if (r == 0)
		r = verify_run(reader, ret);
	if (reader != NULL)
		reader->ops->close(reader);
	if (r < 0)
		(void)refuse(s, STORE_CORRUPT, "%.200s: it cannot be verified: %s", shown(s),
			     strerror(-r));
	return r;
}

static void close_side(struct copy_side *side)
{
	struct postgres_side *s = of(side);

	CHECK(IMPLIES(s->connection != NULL, s->link != NULL));
	forget_data(s);
	PQclear(s->last);
	postgres_disconnect(s->link); /* what is open is rolled back */
	if (s->store != NULL)
		s->store->ops->close(s->store);
	free(s->out);
	free(s);
}

static const struct copy_side_ops ops = {
	.kind = "postgresql",
	.mark = mark,
	.count = count,
	.last_id = last_id,
	.epoch = epoch,
	.read = read_table,
	.next = next,
	.stop = stop,
	.has_changed = has_changed,
	.prepare = prepare,
	.last = last,
	.begin = begin,
	.put = put,
	.end = end,
	.complete = complete,
	.publish = publish,
	.verify = verify,
	.close = close_side,
};

/* ---------------------------------------------------------------- opening */

static int connect_session(struct postgres_side *s)
{
	struct postgres_error error = { 0 };
	int r = postgres_connect_or_say(postgres_of(s->store), POSTGRES_TOOLS, NULL, 0, &s->link,
					&error);

	CHECK(s->connection == NULL);
	if (r < 0)
		return explain_error(s, r, &error);
	s->connection = s->link->connection;
	if (PQsetnonblocking(s->connection, 0) != 0 ||
	    (PQpipelineStatus(s->connection) != PQ_PIPELINE_OFF &&
	     PQexitPipelineMode(s->connection) != 1))
		return explain(s, NULL);
	/* Of a part that is lost the same command brings the rows again. */
	return s->is_target ? execute(s, "SET synchronous_commit = off") : 0;
}

static int open_side(const char *uri, bool is_target, struct copy_side **ret,
		     struct store_open_result *result)
{
	struct store_options options = { .path = uri,
					 .busy_ms = LOCK_WAIT_MS,
					 .must_not_migrate = !is_target,
					 .must_exist = !is_target,
					 .is_copied_to = is_target };
	struct postgres_side *s = calloc(1, sizeof(*s));
	int r;

	CHECK(uri != NULL);
	if (s == NULL)
		return FAULT(-ENOMEM);
	s->side = (struct copy_side){ .ops = &ops, .result = result };
	s->is_target = is_target;
	r = postgres_open(&options, &s->store, result);
	if (r == 0)
		r = connect_session(s);
	if (r == 0 && !is_target)
		r = execute(s, "BEGIN ISOLATION LEVEL REPEATABLE READ");
	if (r == 0 && !is_target)
		r = lock_store(s);
	if (r < 0) {
		close_side(&s->side);
		return r;
	}
	*ret = &s->side;
	return 0;
}

int postgres_copy_source(const char *uri, struct copy_side **ret, struct store_open_result *result)
{
	return open_side(uri, false, ret, result);
}

int postgres_copy_target(const char *uri, struct copy_side **ret, struct store_open_result *result)
{
	return open_side(uri, true, ret, result);
}
