/*
 * sqlite_repack - a store written anew, without gaps, with pages of another size.
 *
 * SQLite copies the whole store to a file beside it (VACUUM INTO), which is verified, flushed and
 * given the old one's owner and mode before it takes the name in one step: a crash leaves the old
 * store or the new one. A second connection holds the write lock meanwhile, so that a hand in the
 * sqlite3 shell writes nothing that would be lost. Rejected: VACUUM in place, which does the same
 * through a rollback journal: it has to leave the log's mode first and come back to it, cannot be
 * verified before it counts, and whoever takes the journal away after a crash has lost the store.
 */
#include "store/sqlite_offline.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PROGRESS_STEPS = 10000 }; /* of SQLite's machine, between two looks */

struct repacking {
	const struct repack_options *options;
	struct repack_report *report;
	struct store_open_result *result;
	const char *path;
	char copy[OFFLINE_PATH_BYTES];
	struct stat old;
	int percent; /* as was told last */
};

static int refuse_open(struct repacking *s)
{
	return offline_refuse(s->result, STORE_LOCKED,
			      "%s is open in another program: close it and try again", s->path);
}

static bool is_open_elsewhere(const struct repacking *s)
{
	return offline_has_bytes(s->path, "-wal") || offline_has_bytes(s->path, "-shm");
}

/* The log of a crash is taken into the file, and nobody else has it open. */
static int settle(struct repacking *s)
{
	struct sqlite_connection c;
	int r = sqlite_connect(&c, s->path, SQLITE_OPEN_READWRITE, NULL, 0);

	CHECK(s->path[0] != '\0');
	if (r == 0)
		r = offline_look(s->path, &c, s->result);
	if (r == 0 && s->result->version_from != SQLITE_VERSION_NEWEST)
		r = offline_refuse(s->result, STORE_OLDER,
				   "%s has schema %d, this program works with %d: start rowlockd "
				   "once, which brings it up to date",
				   s->path, s->result->version_from, SQLITE_VERSION_NEWEST);
	if (r == 0)
		r = sqlite_integer(&c, "PRAGMA page_size", &s->report->page_bytes_before);
	if (r == 0)
		r = sqlite_execute(&c, "PRAGMA wal_checkpoint(TRUNCATE)");
	if (r < 0 && s->result->trouble == STORE_FINE)
		(void)offline_explain(s->path, &c, r, s->result);
	sqlite_disconnect(&c);
	return r == 0 && is_open_elsewhere(s) ? refuse_open(s) : r;
}

/* As large as the old one, and an eighth more: smaller pages hold a little less. */
static int check_room(struct repacking *s)
{
	int64_t wanted, free_bytes;
	struct statvfs fs;

	if (stat(s->path, &s->old) != 0 || statvfs(s->path, &fs) != 0)
		return offline_refuse(s->result, STORE_UNREACHABLE, "%s: %s", s->path,
				      strerror(errno));
	s->report->bytes_before = s->old.st_size;
	wanted = s->old.st_size + s->old.st_size / 8 + (1 << 20);
	free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (free_bytes >= wanted)
		return 0;
	return offline_refuse(s->result, STORE_FULL,
			      "%s: a second copy beside it needs %lld KiB, and the disk has %lld "
			      "KiB left",
			      s->path, (long long)(wanted >> 10), (long long)(free_bytes >> 10));
}

/* For sqlite3_progress_handler(): how large the copy is says how far it is. */
static int tell_progress(void *context)
{
	struct repacking *s = context;
	struct stat st;
	int percent;

	if (s->options->progress == NULL || stat(s->copy, &st) != 0)
		return 0;
	percent = (int)(st.st_size * 100 / (s->old.st_size + 1));
	percent = percent > 99 ? 99 : percent;
	if (percent > s->percent)
		s->options->progress(s->options->context, percent);
	s->percent = percent > s->percent ? percent : s->percent;
	return 0;
}

static int write_copy(struct repacking *s, struct sqlite_connection *c)
{
	char pragma[64];
	sqlite3_stmt *vacuum = NULL;
	int r;

	CHECK(s->options->page_bytes > 0);
	snprintf(pragma, sizeof(pragma), "PRAGMA page_size=%d", s->options->page_bytes);
	r = sqlite_execute(c, pragma);
	if (r == 0 && sqlite3_prepare_v2(c->db, "VACUUM INTO ?1", -1, &vacuum, NULL) != SQLITE_OK)
		r = sqlite_raise(c);
	if (r < 0)
		return r;
	sqlite_bind_text(vacuum, 1, s->copy);
	sqlite3_progress_handler(c->db, PROGRESS_STEPS, tell_progress, s);
	r = sqlite_run(c, vacuum);
	sqlite3_finalize(vacuum);
	return r;
}

/* Of the copy: it counts once that has the place of the old one. The guards are off. */
static int note_repack(struct repacking *s, struct sqlite_connection *c)
{
	char *sql = sqlite3_mprintf("INSERT INTO audit (at, actor, action, detail) SELECT ms, %Q, "
				    "'repack', '{\"page_bytes\":[%lld,%d]}' FROM v_now",
				    s->options->actor, (long long)s->report->page_bytes_before,
				    s->options->page_bytes);
	int r = sql == NULL ? FAULT(-ENOMEM) : 0;

	CHECK(s->options->actor != NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	if (r == 0)
		r = sqlite_execute(c, sql);
	sqlite3_free(sql);
	return r;
}

/* The mode is as the old one's was. */
static int finish_copy(struct repacking *s)
{
	struct sqlite_connection c;
	int r = sqlite_connect(&c, s->copy, SQLITE_OPEN_READWRITE, NULL, 0);

	CHECK(s->copy[0] != '\0');
	if (r == 0)
		r = sqlite_execute(&c, "PRAGMA journal_mode=WAL");
	if (r == 0)
		r = note_repack(s, &c);
	sqlite_disconnect(&c);
	return r;
}

static int64_t count_findings(struct offline *f)
{
	struct verify *v = NULL;
	int r = offline_verify(f, &v);
	int64_t count = r < 0 ? r : verify_result(v)->finding_count;

	verify_destroy(v);
	return count;
}

static void ignore_line(void *context, const char *line)
{
	(void)context;
	(void)line;
}

/* The copy is whole, has the pages that were asked for, and its books say what the old ones say. */
static int judge_copy(struct repacking *s)
{
	struct offline *f = NULL;
	int64_t page_bytes = 0, findings = 0;
	int r = offline_open(&(struct offline_options){ .path = s->copy }, &f, s->result);

	CHECK(s->options->finding_count >= 0);
	if (r < 0)
		return r;
	r = sqlite_integer(&f->reader.connection, "PRAGMA page_size", &page_bytes);
	if (r == 0)
		r = offline_check(f, ignore_line, NULL);
	if (r == 0)
		findings = count_findings(f);
	if (r != 0 || findings != s->options->finding_count || page_bytes != s->options->page_bytes)
		r = offline_refuse(s->result, STORE_CORRUPT,
				   "%s: the copy is not what the store is (%lld findings, pages of "
				   "%lld bytes)",
				   s->path, (long long)findings, (long long)page_bytes);
	offline_close(f);
	return r;
}

static int dress_copy(struct repacking *s)
{
	struct stat st;

	if (stat(s->copy, &st) != 0)
		return -errno;
	s->report->bytes_after = st.st_size;
	if ((st.st_uid != s->old.st_uid || st.st_gid != s->old.st_gid) &&
	    chown(s->copy, s->old.st_uid, s->old.st_gid) != 0)
		return -errno;
	if (chmod(s->copy, s->old.st_mode & 07777) != 0)
		return -errno;
	return offline_flush(s->copy);
}

/* Empty, and its owner's alone: SQLite would make it with whatever rights the umask leaves. */
static int reserve_copy(struct repacking *s)
{
	int fd = open(s->copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	CHECK(s->copy[0] != '\0');
	if (fd < 0)
		return offline_refuse(s->result, errno == ENOSPC ? STORE_FULL : STORE_FORBIDDEN,
				      "%s: %s", s->copy, strerror(errno));
	close(fd);
	return 0;
}

/* With the write lock held. */
static int make_copy(struct repacking *s)
{
	struct sqlite_connection c;
	int r = sqlite_connect(&c, s->path, SQLITE_OPEN_READWRITE, NULL, 0);

	CHECK(s->copy[0] != '\0');
	if (r == 0)
		r = write_copy(s, &c);
	if (r == 0)
		r = finish_copy(s);
	if (r == -ENOSPC)
		(void)offline_refuse(s->result, STORE_FULL, "%s: there is no room on its disk",
				     s->copy);
	else if (r < 0)
		(void)offline_explain(s->path, &c, r, s->result);
	sqlite_disconnect(&c);
	if (r == 0)
		r = judge_copy(s);
	if (r < 0)
		return r;
	r = dress_copy(s);
	return r < 0 ? offline_refuse(s->result, STORE_FORBIDDEN, "%s: %s", s->copy, strerror(-r))
		     : 0;
}

static int copy_locked(struct repacking *s)
{
	struct sqlite_connection guard;
	int r = sqlite_connect(&guard, s->path, SQLITE_OPEN_READWRITE, NULL, 0);

	if (r == 0)
		r = sqlite_execute(&guard, "BEGIN IMMEDIATE");
	if (r < 0)
		(void)offline_explain(s->path, &guard, r, s->result);
	else
		r = reserve_copy(s);
	if (r == 0)
		r = make_copy(s);
	sqlite_disconnect(&guard);
	return r;
}

/* A program that has opened the old one since has a log, or has left the file changed. */
static int put_in_place(struct repacking *s)
{
	struct stat now;

	if (is_open_elsewhere(s) || stat(s->path, &now) != 0 || now.st_ino != s->old.st_ino ||
	    now.st_size != s->old.st_size || now.st_mtim.tv_sec != s->old.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != s->old.st_mtim.tv_nsec)
		return refuse_open(s);
	if (rename(s->copy, s->path) != 0)
		return offline_refuse(s->result, STORE_UNREACHABLE, "%s: %s", s->path,
				      strerror(errno));
	s->report->is_in_place = true;
	if (offline_flush_folder(s->path) < 0)
		return offline_refuse(s->result, STORE_UNREACHABLE,
				      "%s is repacked, but its folder cannot be flushed: a power "
				      "cut now may bring the old one back",
				      s->path);
	return 0;
}

static void forget_copy(struct repacking *s)
{
	static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };
	char beside[OFFLINE_PATH_BYTES];

	for (size_t i = 0; i < LENGTH_OF(suffixes); i++)
		if (offline_beside(beside, s->copy, suffixes[i]))
			unlink(beside);
}

static int repack_held(struct repacking *s)
{
	int r;

	CHECK(s->path[0] != '\0');
	forget_copy(s); /* of one that was interrupted */
	r = settle(s);
	if (r == 0)
		r = check_room(s);
	if (r == 0)
		r = copy_locked(s);
	if (r == 0)
		r = put_in_place(s);
	if (r < 0)
		forget_copy(s);
	return r;
}

int repack_page_bytes(void)
{
	return SQLITE_PAGE_BYTES;
}

int repack_run(const struct repack_options *o, struct repack_report *ret,
	       struct store_open_result *result)
{
	struct repacking s = { .options = o, .report = ret, .result = result };
	struct sqlite_file lock;
	int r;

	CHECK(o->path != NULL);
	*result = (struct store_open_result){ 0 };
	*ret = (struct repack_report){ 0 };
	sqlite_prepare();
	r = sqlite_file_hold(o->path, true, &lock, result);
	if (r < 0)
		return r;
	s.path = lock.path;
	if (stat(s.path, &s.old) != 0)
		r = offline_refuse(result, STORE_GONE, "%s: %s", s.path, strerror(errno));
	else if (!offline_beside(s.copy, s.path, ".repacking"))
		r = offline_refuse(result, STORE_UNREACHABLE, "the path is too long");
	else
		r = repack_held(&s);
	sqlite_file_close(&lock, r < 0 && lock.is_lock_new);
	return r;
}
