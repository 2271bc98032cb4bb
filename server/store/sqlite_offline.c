#include "store/sqlite_offline.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---------------------------------------------------------------- words */

int offline_refuse(struct store_open_result *result, enum store_trouble t, const char *format, ...)
{
	va_list arguments;

	CHECK(t != STORE_FINE);
	result->trouble = t;
	va_start(arguments, format);
	vsnprintf(result->message, sizeof(result->message), format, arguments);
	va_end(arguments);
	return FAULT(-EACCES);
}

int offline_explain(const char *path, struct sqlite_connection *c, int r,
		    struct store_open_result *result)
{
	enum store_trouble t = STORE_UNREACHABLE;
	char said[DAMAGE_BYTES];

	CHECK(r < 0);
	sqlite_words(c->db != NULL ? sqlite3_errmsg(c->db) : strerror(-r), said);
	if (r == -EBADMSG || r == -EUCLEAN)
		t = sqlite3_errcode(c->db) == SQLITE_NOTADB ? STORE_FOREIGN : STORE_CORRUPT;
	else if (r == -EBUSY)
		t = STORE_LOCKED;
	else if (r == -EACCES)
		t = STORE_FORBIDDEN;
	else if (r == -ENOSPC)
		t = STORE_FULL;
	(void)offline_refuse(result, t, "%.300s: %s", path, said);
	return r;
}

/* ---------------------------------------------------------------- files */

bool offline_kept_name(char ret[OFFLINE_PATH_BYTES], const char *path, const char *what)
{
	time_t now = (time_t)(clock_utc_ms() / MS_PER_S);
	char suffix[64], moment[32];
	struct tm tm;

	CHECK(what != NULL);
	gmtime_r(&now, &tm);
	strftime(moment, sizeof(moment), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(suffix, sizeof(suffix), ".before-%s-%s", what, moment);
	/* Two within a second. */
	for (int n = 2; n < 100 && offline_beside(ret, path, suffix) && access(ret, F_OK) == 0; n++)
		snprintf(suffix, sizeof(suffix), ".before-%s-%s-%d", what, moment, n);
	return offline_beside(ret, path, suffix);
}

int offline_place(const char *path, struct stat *ret_like, bool *ret_is_there,
		  struct store_open_result *result)
{
	char folder[OFFLINE_PATH_BYTES];

	*ret_is_there = stat(path, ret_like) == 0;
	if (*ret_is_there)
		return 0;
	snprintf(folder, sizeof(folder), "%s", path);
	if (stat(dirname(folder), ret_like) != 0)
		return offline_refuse(result, STORE_UNREACHABLE, "%s: %s", folder, strerror(errno));
	if (geteuid() != 0 && (ret_like->st_mode & S_ISGID) == 0)
		ret_like->st_gid = getegid();
	if (geteuid() != 0)
		ret_like->st_uid = geteuid();
	ret_like->st_mode = 0640;
	return 0;
}

int offline_dress(const char *path, const struct stat *like)
{
	struct stat st;

	CHECK(like != NULL);
	if (stat(path, &st) != 0)
		return FAULT(-errno);
	if (st.st_uid != like->st_uid && chown(path, like->st_uid, like->st_gid) != 0 &&
	    errno != EPERM)
		return FAULT(-errno);
	if (st.st_gid != like->st_gid && chown(path, (uid_t)-1, like->st_gid) != 0)
		return FAULT(-errno);
	return chmod(path, like->st_mode & 07777) == 0 ? 0 : FAULT(-errno);
}

/* ---------------------------------------------------------------- connections */

/* file:...?immutable=1, with what has a meaning there escaped. */
static char *immutable_uri(const char *path)
{
	char *uri = malloc(strlen(path) * 3 + sizeof("file:?immutable=1"));
	char *at = uri;

	if (uri == NULL)
		return NULL;
	at += sprintf(at, "file:");
	for (; *path != '\0'; path++)
		at += sprintf(at, strchr("%?#", *path) != NULL ? "%%%02X" : "%c",
			      (unsigned char)*path);
	strcpy(at, "?immutable=1");
	return uri;
}

int offline_connect(struct sqlite_connection *c, const char *path, bool *ret_is_immutable)
{
	char *uri;
	int r;

	*ret_is_immutable =
		!offline_has_bytes(path, "-wal") && !offline_has_bytes(path, "-journal");
	uri = *ret_is_immutable ? immutable_uri(path) : strdup(path);
	if (uri == NULL) {
		*c = (struct sqlite_connection){ 0 };
		return FAULT(-ENOMEM);
	}
	r = sqlite_connect(c, uri, SQLITE_OPEN_READONLY | (*ret_is_immutable ? SQLITE_OPEN_URI : 0),
			   sqlite_reader_texts, READER_STATEMENTS);
	free(uri);
	return r;
}

/* Empty, and its owner's alone for as long as it is not whole: SQLite would ask the umask. */
static int copy_reserve(const char *to, struct store_open_result *result)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return offline_refuse(result, STORE_FORBIDDEN, "%s is there already", to);
	if (fd < 0)
		return offline_refuse(result, errno == ENOSPC ? STORE_FULL : STORE_FORBIDDEN,
				      "%s: %s", to, strerror(errno));
	close(fd);
	return 0;
}

static int copy_pages(struct sqlite_connection *from, const char *to,
		      struct store_open_result *result)
{
	struct sqlite_connection copy;
	sqlite3_backup *backup;
	int code = SQLITE_ERROR;
	int r = sqlite_connect(&copy, to, SQLITE_OPEN_READWRITE, NULL, 0);

	if (r == 0) {
		backup = sqlite3_backup_init(copy.db, "main", from->db, "main");
		if (backup != NULL)
			code = sqlite3_backup_step(backup, -1);
		sqlite3_backup_finish(backup);
		r = code == SQLITE_DONE ? 0 : sqlite_raise(&copy);
	}
	if (r < 0)
		(void)offline_explain(to, &copy, r, result);
	sqlite_disconnect(&copy);
	return r;
}

int offline_copy(struct sqlite_connection *from, const char *to, const struct stat *like,
		 struct store_open_result *result)
{
	int r = copy_reserve(to, result);

	CHECK(from->db != NULL);
	CHECK(like != NULL);
	if (r < 0)
		return r;
	r = copy_pages(from, to, result);
	if (r == 0)
		r = offline_dress(to, like);
	if (r == 0)
		r = offline_flush(to);
	if (r == 0)
		r = offline_flush_folder(to);
	if (r < 0)
		unlink(to);
	if (r < 0 && result->trouble == STORE_FINE)
		(void)offline_refuse(result, STORE_UNREACHABLE, "%s: %s", to, strerror(-r));
	return r;
}

/* ---------------------------------------------------------------- opening */

int offline_look(const char *path, struct sqlite_connection *c, struct store_open_result *result)
{
	int r = sqlite_look(c, result);
	char what[sizeof(result->message)];

	if (r == 0 || result->trouble == STORE_FINE)
		return r;
	memcpy(what, result->message, sizeof(what));
	return offline_refuse(result, result->trouble, "%.200s: %.300s", path, what);
}

static int connect_file(struct offline *f, const struct offline_options *o)
{
	struct sqlite_connection *c = &f->reader.connection;
	int r;

	CHECK(!f->is_open);
	f->reader.reader.ops = &sqlite_reader_ops;
	f->is_open = true;
	if (!o->may_write)
		return offline_connect(c, f->path, &f->is_immutable);
	r = sqlite_connect(c, f->path, SQLITE_OPEN_READWRITE, sqlite_reader_texts,
			   READER_STATEMENTS);
	if (r == 0)
		r = sqlite_execute(c, "PRAGMA synchronous=FULL");
	/* What is repaired is written as the service writes: it keeps the books itself. */
	if (r == 0)
		sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	return r;
}

/* What cannot even be looked at neither verify nor repair helps: a backup does. */
static int explain_file(const char *path, struct sqlite_connection *c, int r,
			struct store_open_result *result)
{
	size_t bytes;

	CHECK(r < 0);
	if (result->trouble == STORE_FINE)
		(void)offline_explain(path, c, r, result);
	bytes = strlen(result->message);
	if (result->trouble == STORE_CORRUPT)
		snprintf(result->message + bytes, sizeof(result->message) - bytes,
			 ": too damaged to look at: rowlockd restore BACKUP --store FILE puts a "
			 "backup in its place, and keeps this one beside it");
	return r;
}

static int open_file(struct offline *f, const struct offline_options *o,
		     struct store_open_result *result)
{
	struct sqlite_connection *c = &f->reader.connection;
	int r;

	CHECK(!f->is_open);
	CHECK(f->path != NULL);
	if (stat(f->path, &f->seen) != 0)
		return offline_refuse(result, errno == ENOENT ? STORE_GONE : STORE_UNREACHABLE,
				      "%s: %s", f->path, strerror(errno));
	r = connect_file(f, o);
	if (r == 0)
		r = offline_look(f->path, c, result);
	if (r < 0)
		return explain_file(f->path, c, r, result);
	f->version = result->version_from;
	if (f->version == SQLITE_VERSION_NEWEST)
		return 0;
	return offline_refuse(result, STORE_OLDER,
			      "%s has schema %d, this program works with %d: start rowlockd once, "
			      "which brings it up to date",
			      f->path, f->version, SQLITE_VERSION_NEWEST);
}

int offline_open(const struct offline_options *o, struct offline **ret,
		 struct store_open_result *result)
{
	struct offline *f = calloc(1, sizeof(*f));
	int r;

	CHECK(o->path != NULL);
	*result = (struct store_open_result){ 0 };
	sqlite_prepare();
	if (f == NULL)
		return offline_refuse(result, STORE_UNREACHABLE, "out of memory");
	r = sqlite_file_hold(o->path, false, &f->lock, result);
	f->path = f->lock.path;
	if (r == 0)
		r = open_file(f, o, result);
	if (r < 0) {
		offline_close(f);
		return r;
	}
	*ret = f;
	return 0;
}

void offline_close(struct offline *f)
{
	if (f == NULL)
		return;
	if (f->is_open)
		sqlite_disconnect(&f->reader.connection);
	sqlite_file_close(&f->lock, false);
	free(f);
}

int offline_version(const struct offline *f)
{
	CHECK(f->is_open);
	return f->version;
}

bool offline_has_changed(const struct offline *f)
{
	struct stat now;

	CHECK(f->is_open);
	if (!f->is_immutable)
		return false; /* SQLite sees to it */
	return stat(f->path, &now) != 0 || now.st_ino != f->seen.st_ino ||
	       now.st_size != f->seen.st_size || now.st_mtim.tv_sec != f->seen.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != f->seen.st_mtim.tv_nsec || offline_has_bytes(f->path, "-wal");
}

/* ---------------------------------------------------------------- checking */

int offline_check(struct offline *f, void (*see)(void *context, const char *line), void *context)
{
	CHECK(f->is_open);
	CHECK(see != NULL);
	return sqlite_check_integrity(&f->reader.connection, see, context);
}

int offline_verify(struct offline *f, struct verify **ret)
{
	CHECK(f->is_open);
	return verify_run(&f->reader.reader, ret);
}
