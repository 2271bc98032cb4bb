/*
 * sqlite_restore - a backup in the place of a store.
 *
 * The order is what matters. A log that lies beside a database belongs to it whatever is in there:
 * SQLite would play the old store's log into the new file. So the old store is closed cleanly
 * first, which leaves no log. Its file then gets a second name, and the copy takes the first name
 * in one step, which no crash can come between.
 */
#include "store/sqlite_offline.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Fences of a store that cannot be read any more: none of them is given out again. */
#define FENCES_SKIPPED INT64_C(1000000)

enum { FIRST_VERSION_WITH_TOKENS = 5, FIRST_VERSION_WITH_NOTES = 7 };

struct restoring {
	const struct restore_options *options;
	struct restore_report *report;
	struct store_open_result *result;
	char copy[OFFLINE_PATH_BYTES];
	int64_t old_fence;   /* next_fence of the store there was; 0: not known */
	int64_t old_had_one; /* a token; 0: it had none, or that is not known */
	bool has_old;
	struct stat like; /* of the store there was; or of whom and of which mode a new one is */
};

static void count_line(void *context, const char *line)
{
	char *first = context;

	if (first[0] == '\0')
		snprintf(first, 200, "%s", line);
}

/* Whose is it, is it whole, and what is its newest seq? */
static int judge_backup(struct restoring *s, struct sqlite_connection *c)
{
	char damage[200] = "";
	int r = offline_look(s->options->backup, c, s->result);

	CHECK(s->options->backup != NULL);
	if ((r == 0 && s->result->version_from == 0) || s->result->trouble == STORE_FOREIGN)
		return offline_refuse(s->result, STORE_FOREIGN, "%s is no store of rowlockd",
				      s->options->backup);
	if (r == 0)
		r = sqlite_check_integrity(c, count_line, damage);
	if (r > 0)
		return offline_refuse(s->result, STORE_CORRUPT, "%.250s is damaged: %s",
				      s->options->backup, damage);
	if (r == 0)
		r = sqlite_integer(c, "SELECT coalesce(max(seq), 0) FROM movement",
				   &s->report->seq);
	return r;
}

static int copy_backup(struct restoring *s)
{
	struct sqlite_connection c;
	struct stat st;
	bool is_immutable;
	int r;

	CHECK(s->copy[0] != '\0');
	if (stat(s->options->backup, &st) != 0)
		return offline_refuse(s->result, STORE_GONE, "%s: %s", s->options->backup,
				      strerror(errno));
	if (!S_ISREG(st.st_mode)) /* a pipe would keep us waiting for its other end */
		return offline_refuse(s->result, STORE_FOREIGN, "%s is not a regular file",
				      s->options->backup);
	r = offline_connect(&c, s->options->backup, &is_immutable);
	if (r == 0)
		r = judge_backup(s, &c);
	if (r == 0)
		r = offline_copy(&c, s->copy, &s->like, s->result);
	if (r < 0 && s->result->trouble == STORE_FINE)
		(void)offline_explain(s->options->backup, &c, r, s->result);
	sqlite_disconnect(&c);
	return r;
}

static int read_epoch(struct sqlite_connection *c, char ret[33])
{
	sqlite3_stmt *q;
	int r = 0;

	if (sqlite3_prepare_v2(c->db, "SELECT epoch FROM store", -1, &q, NULL) != SQLITE_OK)
		return sqlite_raise(c);
	if (sqlite3_step(q) == SQLITE_ROW && sqlite3_column_text(q, 0) != NULL)
		snprintf(ret, 33, "%s", (const char *)sqlite3_column_text(q, 0));
	else
		r = sqlite_raise(c);
	sqlite3_finalize(q);
	return r;
}

/*
 * A token that was revoked since the backup would open the store again: so all secrets end, which a
 * rotation gives anew, token by token. Sessions of the page end in any case.
 */
static int end_access_noted(struct restoring *s, struct sqlite_connection *c)
{
	char *audit;
	int r = sqlite_execute(c, "UPDATE store SET session_key = randomblob(32)");

	CHECK(s->options->actor != NULL);
	if (r == 0 && !s->options->keeps_tokens)
		r = sqlite_integer(c, "SELECT count(*) FROM v_tokens WHERE state = 'valid'",
				   &s->report->void_count);
	if (r == 0 && !s->options->keeps_tokens)
		r = sqlite_execute(c, "UPDATE token_secret SET expires_at = ms FROM v_now "
				      "WHERE expires_at IS NULL OR expires_at > ms");
	/* What was closed stays so, also where the backup is of a time before the first token. */
	if (r == 0 && s->old_had_one != 0)
		r = sqlite_execute(c, "UPDATE store SET had_token = 1");
	if (r < 0)
		return r;
	audit = sqlite3_mprintf("INSERT INTO audit (at, actor, action, detail) SELECT ms, %Q, "
				"'restore', json_object('epoch', epoch, 'void_tokens', %lld) "
				"FROM v_now, store",
				s->options->actor, (long long)s->report->void_count);
	r = audit == NULL ? FAULT(-ENOMEM) : sqlite_execute(c, audit);
	sqlite3_free(audit);
	return r;
}

/* The guards, which see hands, leave alone what has its row. */
static int end_access(struct restoring *s, struct sqlite_connection *c)
{
	bool has_guards = s->result->version_from >= FIRST_VERSION_WITH_NOTES;
	int r = sqlite_execute(c, "BEGIN IMMEDIATE");

	if (r == 0 && has_guards)
		r = sqlite_execute(c, "UPDATE store SET noted_by_tool = 1");
	if (r == 0)
		r = end_access_noted(s, c);
	if (r == 0 && has_guards)
		r = sqlite_execute(c, "UPDATE store SET noted_by_tool = 0");
	return r == 0 ? sqlite_execute(c, "COMMIT") : r;
}

/*
 * A backup of a schema that knows no tokens cannot say that it is closed: where the store before
 * was, the copy is brought up to date first.
 */
static int make_closable(struct restoring *s, struct sqlite_connection *c)
{
	struct store_options options = { .path = s->copy, .migrates_without_copy = true };
	struct sqlite_opening opening;
	int r;

	CHECK(s->result->version_from > 0);
	if (s->old_had_one == 0 || s->result->version_from >= FIRST_VERSION_WITH_TOKENS)
		return 0;
	sqlite_opening_begin(&opening, &options, s->result);
	r = sqlite_migrate(c, &opening);
	sqlite_opening_end(&opening);
	s->result->version_from = s->result->version;
	return r;
}

/* Where nobody could read whether the store before had a token, whoever restores has to know. */
static int tell_access(struct restoring *s, struct sqlite_connection *c)
{
	int64_t had_one = 0;
	int r = 0;

	if (s->result->version_from >= FIRST_VERSION_WITH_TOKENS)
		r = sqlite_integer(c, "SELECT had_token FROM store", &had_one);
	s->report->is_open = had_one == 0;
	return r;
}

/* A new epoch, so that no cursor of the old store goes on here; and no fence comes again. */
static int mark_copy(struct restoring *s)
{
	struct sqlite_connection c;
	char sql[200];
	int r = sqlite_connect(&c, s->copy, SQLITE_OPEN_READWRITE, NULL, 0);

	if (s->old_fence > 0)
		snprintf(sql, sizeof(sql),
			 "UPDATE store SET epoch = lower(hex(randomblob(8))), "
			 "next_fence = max(next_fence, %lld)",
			 (long long)s->old_fence);
	else
		snprintf(sql, sizeof(sql),
			 "UPDATE store SET epoch = lower(hex(randomblob(8))), "
			 "next_fence = next_fence + %lld",
			 (long long)(s->has_old ? FENCES_SKIPPED : 0));
	if (r == 0)
		r = make_closable(s, &c);
	if (r == 0)
		r = sqlite_execute(&c, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL");
	if (r == 0)
		r = sqlite_execute(&c, sql);
	if (r == 0 && s->result->version_from >= FIRST_VERSION_WITH_TOKENS)
		r = end_access(s, &c);
	if (r == 0)
		r = tell_access(s, &c);
	if (r == 0)
		r = read_epoch(&c, s->report->epoch);
	if (r < 0)
		(void)offline_explain(s->copy, &c, r, s->result);
	sqlite_disconnect(&c);
	return r < 0 ? r : offline_flush(s->copy);
}

/* Only reads: whoever may write removes a log that it cannot make sense of when it closes. */
static int look_at_old(struct restoring *s)
{
	struct sqlite_connection c;
	bool is_immutable;
	int r = offline_connect(&c, s->options->path, &is_immutable);

	CHECK(s->has_old);
	if (r == 0)
		r = sqlite_integer(&c, "SELECT next_fence FROM store", &s->old_fence);
	if (r == 0)
		r = sqlite_integer(&c,
				   "SELECT count(*) FROM pragma_table_info('store') "
				   "WHERE name = 'had_token'",
				   &s->old_had_one);
	if (r == 0 && s->old_had_one != 0)
		r = sqlite_integer(&c, "SELECT had_token FROM store", &s->old_had_one);
	sqlite_disconnect(&c);
	return r;
}

/*
 * Takes the old store's log into its file. One that cannot be read is left as it is, with its log.
 */
static int close_old(struct restoring *s)
{
	const char *path = s->options->path;
	struct sqlite_connection c;
	int r = look_at_old(s);

	CHECK(s->has_old);
	if (r < 0 && r != -EBUSY) {
		s->report->was_damaged = true;
		return 0;
	}
	r = sqlite_connect(&c, path, SQLITE_OPEN_READWRITE, NULL, 0);
	if (r == 0)
		r = sqlite_execute(&c, "PRAGMA wal_checkpoint(TRUNCATE)");
	sqlite_disconnect(&c);
	if (r == -EBUSY ||
	    (r == 0 && (offline_has_bytes(path, "-wal") || offline_has_bytes(path, "-shm"))))
		return offline_refuse(s->result, STORE_LOCKED,
				      "%s is open in another program: close it and try again",
				      path);
	s->report->was_damaged = r < 0;
	return 0;
}

static int keep_beside(struct restoring *s, const char *suffix)
{
	char from[OFFLINE_PATH_BYTES], to[OFFLINE_PATH_BYTES];

	CHECK(s->report->kept[0] != '\0');
	if (!offline_beside(from, s->options->path, suffix) ||
	    !offline_beside(to, s->report->kept, suffix))
		return -ENAMETOOLONG;
	return rename(from, to) == 0 || errno == ENOENT ? 0 : -errno;
}

static int put_in_place(struct restoring *s)
{
	const char *path = s->options->path;
	int r = 0;

	CHECK(IMPLIES(s->has_old, s->report->kept[0] != '\0'));
	CHECK(IMPLIES(s->report->was_damaged, s->has_old));
	if (s->has_old && link(path, s->report->kept) != 0)
		r = -errno;
	if (r == 0 && s->report->was_damaged)
		r = keep_beside(s, "-wal");
	if (r == 0 && s->report->was_damaged)
		r = keep_beside(s, "-journal");
	if (r == 0 && s->report->was_damaged)
		r = keep_beside(s, "-shm");
	if (r == 0)
		r = offline_flush_folder(path);
	if (r == 0 && rename(s->copy, path) != 0)
		r = -errno;
	if (r == 0)
		r = offline_flush_folder(path);
	if (r < 0)
		return offline_refuse(s->result, STORE_UNREACHABLE, "%s: %s", path, strerror(-r));
	return 0;
}

static int restore_locked(struct restoring *s)
{
	int r = offline_place(s->options->path, &s->like, &s->has_old, s->result);

	CHECK(s->copy[0] != '\0');
	if (r < 0)
		return r;
	unlink(s->copy); /* of one that was interrupted */
	s->report->kept[0] = '\0';
	if (s->has_old && !offline_kept_name(s->report->kept, s->options->path, "restore"))
		return offline_refuse(s->result, STORE_UNREACHABLE, "the path is too long");
	r = copy_backup(s);
	if (r == 0 && s->has_old)
		r = close_old(s);
	if (r == 0)
		r = mark_copy(s);
	if (r == 0)
		r = put_in_place(s);
	if (r < 0)
		unlink(s->copy);
	return r;
}

int restore_run(const struct restore_options *o, struct restore_report *ret,
		struct store_open_result *result)
{
	struct restore_options real = *o;
	struct restoring s = { .options = &real, .report = ret, .result = result };
	struct sqlite_file lock;
	int r;

	CHECK(o->path != NULL);
	CHECK(o->backup != NULL);
	*result = (struct store_open_result){ 0 };
	*ret = (struct restore_report){ 0 };
	sqlite_prepare();
	r = sqlite_file_hold(o->path, true, &lock, result);
	if (r < 0)
		return r;
	real.path = lock.path;
	if (offline_beside(s.copy, lock.path, ".restoring"))
		r = restore_locked(&s);
	else
		r = offline_refuse(result, STORE_UNREACHABLE, "the path is too long");
	sqlite_file_close(&lock, r < 0 && lock.is_lock_new);
	return r;
}
