/*
 * sqlite_copy_side - a SQLite store as one end of a copy.
 *
 * As the source it is read as rowlockd verify reads it, in one snapshot. As the target it is a file
 * of another name, written without a journal and without a flush: what a crash leaves of it is of
 * no use and is removed by the next copy. Verified and flushed it takes the store's name.
 */
#include "base/arena.h"
#include "base/utf8.h"
#include "store/copy_side.h"
#include "store/sqlite_offline.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sqlite_side {
	struct copy_side side;
	struct offline *source; /* NULL: it is a target */

	/* Of a target. */
	struct sqlite_connection target;
	struct sqlite_file lock;
	char part[OFFLINE_PATH_BYTES]; /* the file that is written; "": none yet */
	struct stat like;              /* of whom and of which mode the store is to be */
	bool is_published;

	sqlite3_stmt *walk; /* what is read, or put */
	const struct copy_table *table;
	struct arena mended; /* texts of the row that were no UTF-8 */
};

static struct sqlite_side *of(struct copy_side *s)
{
	return CONTAINER_OF(s, struct sqlite_side, side);
}

static struct sqlite_connection *connection(struct sqlite_side *s)
{
	return s->source != NULL ? &s->source->reader.connection : &s->target;
}

static const char *path_of(const struct sqlite_side *s)
{
	return s->source != NULL ? s->source->path : s->lock.path;
}

/* What SQLite just said, unless there are better words already. Returns r. */
static int explain(struct sqlite_side *s, int r)
{
	CHECK(r <= 0);
	if (r < 0 && s->side.result->trouble == STORE_FINE)
		(void)offline_explain(path_of(s), connection(s), r, s->side.result);
	return r;
}

static void stop(struct copy_side *side)
{
	struct sqlite_side *s = of(side);

	sqlite3_finalize(s->walk);
	s->walk = NULL;
	s->table = NULL;
}

static int prepare_walk(struct sqlite_side *s, const struct copy_table *t, const char *sql)
{
	CHECK(s->walk == NULL);
	s->table = t;
	if (sqlite3_prepare_v2(connection(s)->db, sql, -1, &s->walk, NULL) == SQLITE_OK)
		return 0;
	return explain(s, sqlite_raise(connection(s)));
}

static int integer(struct sqlite_side *s, const char *sql, int64_t *ret)
{
	return explain(s, sqlite_integer(connection(s), sql, ret));
}

static int execute(struct sqlite_side *s, const char *sql)
{
	CHECK(sql != NULL);
	return explain(s, sqlite_execute(connection(s), sql));
}

/* ---------------------------------------------------------------- reading */

/* Begins the snapshot that all is read in. */
static int mark(struct copy_side *side, char ret[COPY_MARK_BYTES])
{
	static const char sql[] =
		"SELECT printf('%s %d %d %d %d %d %d %d %d %d %d', s.epoch, "
		"(SELECT coalesce(max(seq), 0) FROM movement), "
		"(SELECT coalesce(max(id), 0) FROM audit), "
		"(SELECT coalesce(max(id), 0) FROM idempotency), "
		"(SELECT coalesce(sum(version), 0) FROM item), "
		"(SELECT coalesce(sum(version), 0) FROM location), "
		"s.access_version, s.next_fence, s.next_reservation, s.lease_edits, s.newest_at) "
		"FROM store s";
	struct sqlite_side *s = of(side);
	int r = execute(s, "BEGIN");

	CHECK(s->source != NULL);
	if (r == 0)
		r = prepare_walk(s, NULL, sql);
	if (r == 0 && sqlite3_step(s->walk) != SQLITE_ROW)
		r = explain(s, sqlite_raise(connection(s)));
	if (r == 0)
		snprintf(ret, COPY_MARK_BYTES, "%s", (const char *)sqlite3_column_text(s->walk, 0));
	stop(side);
	return r;
}

/* What was copied is all that a target has. */
static const char *which_rows(const struct sqlite_side *s, const struct copy_table *t)
{
	return s->source != NULL && t->only_sqlite != NULL ? t->only_sqlite : "true";
}

static int count(struct copy_side *side, const struct copy_table *t, int64_t *ret)
{
	struct sqlite_side *s = of(side);
	char sql[300];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE %s", t->name, which_rows(s, t));
	return integer(s, sql, ret);
}

static int last_id(struct copy_side *side, const struct copy_table *t, int64_t *ret)
{
	char sql[200];

	CHECK(t->never_again);
	snprintf(sql, sizeof(sql),
		 "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = '%s'), 0)",
		 t->name);
	return integer(of(side), sql, ret);
}

static int epoch(struct copy_side *side, char ret[EPOCH_BYTES_MAX + 1])
{
	struct sqlite_side *s = of(side);
	int r = prepare_walk(s, NULL, "SELECT epoch FROM store");

	if (r == 0 && sqlite3_step(s->walk) != SQLITE_ROW)
		r = explain(s, sqlite_raise(connection(s)));
	if (r == 0)
		snprintf(ret, EPOCH_BYTES_MAX + 1, "%s",
			 (const char *)sqlite3_column_text(s->walk, 0));
	stop(side);
	return r;
}

/* `lasting`: SQLITE_STATIC, where the value outlives the run of the statement. */
static int bind_value(struct sqlite_side *s, int index, enum copy_type type,
		      const struct copy_value *v, sqlite3_destructor_type lasting)
{
	int code;

	CHECK(index > 0);
	if (v->is_null)
		code = sqlite3_bind_null(s->walk, index);
	else if (type == COPY_TEXT)
		code = sqlite3_bind_text(s->walk, index, v->bytes, (int)v->byte_count, lasting);
	else if (type == COPY_BYTES)
		code = sqlite3_bind_blob(s->walk, index, v->bytes, (int)v->byte_count, lasting);
	else
		code = sqlite3_bind_int64(s->walk, index, v->number);
	return code == SQLITE_OK ? 0 : explain(s, sqlite_raise(connection(s)));
}

static int read_table(struct copy_side *side, const struct copy_table *t,
		      const struct copy_value after[])
{
	struct sqlite_side *s = of(side);
	char sql[900] = "SELECT ";
	int r;

	CHECK(s->table == NULL);
	copy_column_list(t, copy_column_count(t), sql, sizeof(sql));
	snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), " FROM %s WHERE %s", t->name,
		 which_rows(s, t));
	if (after != NULL) {
		strcat(sql, " AND (");
		copy_column_list(t, t->key_count, sql, sizeof(sql));
		strcat(sql, t->key_count == 1 ? ") > (?1)" : ") > (?1, ?2)");
	}
	strcat(sql, " ORDER BY ");
	copy_column_list(t, t->key_count, sql, sizeof(sql));
	r = prepare_walk(s, t, sql);
	for (int i = 0; r == 0 && after != NULL && i < t->key_count; i++)
		r = bind_value(s, i + 1, t->columns[i].type, &after[i], SQLITE_TRANSIENT);
	return r;
}

/* What a hand has typed, and is no UTF-8, goes over as every reader is shown it. */
static int mend(struct sqlite_side *s, struct copy_value *v)
{
	CHECK(v->bytes != NULL);

	char *mended = arena_alloc(&s->mended, v->byte_count * UTF8_REPLACEMENT_BYTES + 1);

	if (mended == NULL)
		return FAULT(-ENOMEM);
	v->byte_count = utf8_mend(mended, v->bytes, v->byte_count);
	v->bytes = mended;
	return 0;
}

static int column(struct sqlite_side *s, int index, enum copy_type type, struct copy_value *ret)
{
	CHECK(index < COPY_COLUMNS_MAX);
	*ret = (struct copy_value){ .is_null = sqlite3_column_type(s->walk, index) == SQLITE_NULL };
	if (ret->is_null)
		return 0;
	if (type != COPY_TEXT && type != COPY_BYTES) {
		ret->number = sqlite3_column_int64(s->walk, index);
		return 0;
	}
	ret->bytes = type == COPY_TEXT ? (const char *)sqlite3_column_text(s->walk, index)
				       : sqlite3_column_blob(s->walk, index);
	ret->byte_count = (size_t)sqlite3_column_bytes(s->walk, index);
	if (ret->bytes == NULL && ret->byte_count == 0)
		ret->bytes = "";
	if (ret->bytes == NULL)
		return FAULT(-ENOMEM);
	return type == COPY_TEXT && !utf8_is_sound(ret->bytes, ret->byte_count) ? mend(s, ret) : 0;
}

static int next(struct copy_side *side, struct copy_value row[], bool *ret_has_row)
{
	struct sqlite_side *s = of(side);
	int step = sqlite3_step(s->walk), r = 0;

	CHECK(s->table != NULL);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return explain(s, sqlite_raise(connection(s)));
	*ret_has_row = step == SQLITE_ROW;
	if (s->mended.blocks != NULL || s->mended.free != s->mended.first) {
		arena_fini(&s->mended);
		arena_init(&s->mended);
	}
	for (int i = 0; r == 0 && *ret_has_row && s->table->columns[i].name != NULL; i++)
		r = column(s, i, s->table->columns[i].type, &row[i]);
	return r;
}

static bool has_changed(struct copy_side *side)
{
	CHECK(of(side)->source != NULL);
	return offline_has_changed(of(side)->source);
}

/* ---------------------------------------------------------------- writing */

/* Beside the store that is to be, its owner's alone as long as it is not whole. */
static int make_part(struct sqlite_side *s)
{
	struct store_options options = { .path = s->part };
	struct sqlite_opening opening;
	CHECK(s->part[0] != '\0');

	int fd = open(s->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return offline_refuse(s->side.result, STORE_FORBIDDEN, "%s: %s", s->part,
				      strerror(errno));
	close(fd);
	r = sqlite_connect(&s->target, s->part, SQLITE_OPEN_READWRITE, NULL, 0);
	if (r == 0) {
		sqlite_opening_begin(&opening, &options, s->side.result);
		r = sqlite_migrate(&s->target, &opening);
		sqlite_opening_end(&opening);
	}
	if (r == 0)
		r = sqlite_execute(&s->target, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; "
					       "PRAGMA foreign_keys=ON");
	if (r == 0) /* the guards, which see hands, have nothing to say here */
		sqlite3_db_config(s->target.db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	return explain(s, r);
}

static int prepare(struct copy_side *side, const char *source_mark, enum copy_beginning *ret)
{
	struct sqlite_side *s = of(side);

	(void)source_mark;
	CHECK(s->source == NULL);
	if (!offline_beside(s->part, s->lock.path, ".copying"))
		return offline_refuse(side->result, STORE_UNREACHABLE, "the path is too long");
	*ret = unlink(s->part) == 0 ? COPY_BEGINS_AGAIN : COPY_BEGINS;
	return make_part(s);
}

/* A copy to a file always begins. */
static int last(struct copy_side *side, const struct copy_table *t, struct copy_value ret[],
		bool *ret_has_row)
{
	(void)side, (void)t, (void)ret;
	*ret_has_row = false;
	return 0;
}

static int begin(struct copy_side *side, const struct copy_table *t)
{
	struct sqlite_side *s = of(side);
	int columns = copy_column_count(t);
	char sql[900] = "";
	int r = execute(s, "BEGIN");

	CHECK(s->source == NULL);
	if (t->put != NULL) {
		snprintf(sql, sizeof(sql), "%s", t->put);
	} else {
		snprintf(sql, sizeof(sql), "INSERT INTO %s (", t->name);
		copy_column_list(t, columns, sql, sizeof(sql));
		strcat(sql, ") VALUES (?");
		for (int i = 1; i < columns; i++)
			strcat(sql, ", ?");
		strcat(sql, ")");
	}
	return r == 0 ? prepare_walk(s, t, sql) : r;
}

static int put(struct copy_side *side, const struct copy_table *t, const struct copy_value row[])
{
	struct sqlite_side *s = of(side);
	int r = 0;

	CHECK(s->table == t);
	for (int i = 0; r == 0 && t->columns[i].name != NULL; i++)
		r = bind_value(s, i + 1, t->columns[i].type, &row[i], SQLITE_STATIC);
	if (r < 0)
		return r;
	if (sqlite3_step(s->walk) != SQLITE_DONE)
		r = explain(s, sqlite_raise(&s->target));
	sqlite3_reset(s->walk);
	return r;
}

static int end(struct copy_side *side, const struct copy_table *t)
{
	CHECK(of(side)->table == t);
	stop(side);
	return execute(of(side), "COMMIT");
}

/* What a row of stock says follows from its last movement. */
static const char levels[] =
	"UPDATE stock SET (on_hand, reserved, version, seq, updated_at) = "
	"(m.on_hand, m.reserved, m.version, m.seq, m.at) "
	"FROM (SELECT stock_id, max(seq) AS seq FROM movement GROUP BY stock_id) AS last "
	"JOIN movement m ON m.seq = last.seq WHERE last.stock_id = stock.id";

/* Of tokens and audit: what was given is not given again. */
static int put_last_ids(struct sqlite_side *s, const struct copy_end *e)
{
	char sql[300];
	int r = 0;

	CHECK(s->source == NULL);
	for (int i = 0; r == 0 && i < COPY_TABLES; i++) {
		if (!copy_tables[i].never_again)
			continue;
		snprintf(sql, sizeof(sql),
			 "DELETE FROM sqlite_sequence WHERE name = '%s'; "
			 "INSERT INTO sqlite_sequence (name, seq) VALUES ('%s', %lld)",
			 copy_tables[i].name, copy_tables[i].name, (long long)e->last_ids[i]);
		r = execute(s, sql);
	}
	return r;
}

static int note(struct sqlite_side *s, const struct copy_end *e)
{
	char *sql = sqlite3_mprintf(
		"UPDATE store SET epoch = coalesce(%Q, epoch); "
		"INSERT INTO audit (at, actor, action, detail) SELECT ms, %Q, 'copy', "
		"json_object('from', %Q, 'seq', %lld, 'epoch', epoch) FROM v_now, store",
		e->epoch, e->actor, e->from, (long long)e->seq);
	int r = sql != NULL ? execute(s, sql) : FAULT(-ENOMEM);

	CHECK(e->actor != NULL);
	sqlite3_free(sql);
	return r;
}

static int complete(struct copy_side *side, const struct copy_end *e)
{
	struct sqlite_side *s = of(side);
	int r = execute(s, levels);

	CHECK(s->source == NULL);
	if (r == 0)
		r = put_last_ids(s, e);
	return r == 0 ? note(s, e) : r;
}

static int publish(struct copy_side *side)
{
	struct sqlite_side *s = of(side);
	const char *path = s->lock.path;
	int r;

	CHECK(s->part[0] != '\0');
	sqlite_disconnect(&s->target);
	r = offline_dress(s->part, &s->like);
	if (r == 0)
		r = offline_flush(s->part);
	/* Not rename(): somebody may have put a store there in spite of the lock. */
	if (r == 0 && link(s->part, path) != 0)
		r = FAULT(-errno);
	if (r == 0)
		unlink(s->part);
	if (r == 0)
		r = offline_flush_folder(path);
	s->is_published = r == 0;
	if (r < 0)
		(void)offline_refuse(side->result, STORE_UNREACHABLE, "%s: %s", path, strerror(-r));
	return r;
}

/* ---------------------------------------------------------------- both */

static void ignore(void *context, const char *line)
{
	(void)context;
	(void)line;
}

static int verify_file(struct copy_side *side, struct offline *f, struct verify **ret)
{
	int r = offline_check(f, ignore, NULL);

	CHECK(f != NULL);
	if (r > 0)
		return offline_refuse(side->result, STORE_CORRUPT,
				      "%s is damaged: rowlockd verify --store says where", f->path);
	if (r == 0)
		r = offline_verify(f, ret);
	if (r < 0)
		(void)offline_explain(f->path, &f->reader.connection, r, side->result);
	return r;
}

static int verify(struct copy_side *side, struct verify **ret)
{
	struct sqlite_side *s = of(side);
	struct offline *f = NULL;
	int r;

	CHECK(IMPLIES(s->source == NULL, s->part[0] != '\0'));
	if (s->source != NULL)
		return verify_file(side, s->source, ret);
	r = offline_open(&(struct offline_options){ .path = s->part }, &f, side->result);
	if (r == 0)
		r = verify_file(side, f, ret);
	offline_close(f);
	return r;
}

static void close_side(struct copy_side *side)
{
	struct sqlite_side *s = of(side);

	CHECK(IMPLIES(s->is_published, s->source == NULL));
	stop(side);
	arena_fini(&s->mended);
	if (s->source != NULL) {
		offline_close(s->source);
	} else {
		sqlite_disconnect(&s->target);
		if (!s->is_published && s->part[0] != '\0')
			unlink(s->part);
		sqlite_file_close(&s->lock, !s->is_published && s->lock.is_lock_new);
	}
	free(s);
}

static const struct copy_side_ops ops = {
	.kind = "sqlite",
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

static struct sqlite_side *make(struct store_open_result *result)
{
	struct sqlite_side *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		(void)offline_refuse(result, STORE_UNREACHABLE, "out of memory");
		return NULL;
	}
	s->side = (struct copy_side){ .ops = &ops, .result = result };
	s->lock.lock_fd = -1;
	arena_init(&s->mended);
	return s;
}

int sqlite_copy_source(const char *path, struct copy_side **ret, struct store_open_result *result)
{
	struct sqlite_side *s = make(result);
	int r = s != NULL ? 0 : -ENOMEM;

	CHECK(path != NULL);
	if (r == 0)
		r = offline_open(&(struct offline_options){ .path = path }, &s->source, result);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = &s->side;
	return 0;
}

int sqlite_copy_target(const char *path, struct copy_side **ret, struct store_open_result *result)
{
	struct sqlite_side *s = make(result);
	int r = s != NULL ? 0 : -ENOMEM;
	bool is_there = false;

	CHECK(path != NULL);
	sqlite_prepare();
	if (r == 0)
		r = sqlite_file_hold(path, true, &s->lock, result);
	if (r == 0)
		r = offline_place(s->lock.path, &s->like, &is_there, result);
	if (r == 0 && is_there)
		r = offline_refuse(result, STORE_TAKEN,
				   "%s is there already: a copy goes where nothing is", path);
	if (r < 0) {
		if (s != NULL)
			close_side(&s->side);
		return r;
	}
	*ret = &s->side;
	return 0;
}
