/* sqlite_open - how far the opening of a store is, and what is kept before its schema changes. */
#include "base/clock.h"
#include "store/sqlite_gather.h"
#include "store/sqlite_offline.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { NAMES_MAX = 100, ROOM_SPARE_BYTES = 1 << 20 };

/* ---------------------------------------------------------------- how far */

void sqlite_opening_begin(struct sqlite_opening *o, const struct store_options *options,
			  struct store_open_result *result)
{
	CHECK(options->progress_ms >= 0);
	*o = (struct sqlite_opening){ .options = options,
				      .result = result,
				      .stage = "recover",
				      .begun_ns = clock_monotonic_ns() };
	o->told_ns = o->begun_ns;
	if (options->progress != NULL)
		sqlite_gather_watch(sqlite_opening_look, o);
}

void sqlite_opening_end(struct sqlite_opening *o)
{
	CHECK(o->copy == NULL);
	sqlite_gather_watch(NULL, NULL);
}

void sqlite_opening_enter(struct sqlite_opening *o, const char *stage)
{
	CHECK(stage != NULL);
	o->stage = stage;
	sqlite_opening_look(o);
}

/* Of a copy that is being written; -1: there is none. */
static int percent_copied(const struct sqlite_opening *o)
{
	struct stat st;

	if (o->copy == NULL || stat(o->copy, &st) != 0)
		return -1;
	return st.st_size >= o->copy_bytes ? 100 : (int)(st.st_size * 100 / o->copy_bytes);
}

void sqlite_opening_look(void *context)
{
	struct sqlite_opening *o = context;
	int64_t now_ns;
	struct store_progress p;

	if (o->options->progress == NULL)
		return;
	now_ns = clock_monotonic_ns();
	if (now_ns < o->told_ns + o->options->progress_ms * NS_PER_MS)
		return;
	o->told_ns = now_ns;
	p = (struct store_progress){ .stage = o->stage,
				     .percent = percent_copied(o),
				     .elapsed_ms = (now_ns - o->begun_ns) / NS_PER_MS,
				     .version_from = o->result->version_from,
				     .version = SQLITE_VERSION_NEWEST };
	o->options->progress(o->options->progress_context, &p);
}

/* ---------------------------------------------------------------- the copy */

struct keeping {
	struct sqlite_opening *opening;
	const char *path;
	struct stat store;
	bool is_settled; /* nothing is in its log: the file's own time says which state it is in */
	char part[STORE_PATH_BYTES];
	char name[STORE_PATH_BYTES];
};

static int refuse_copy(struct keeping *k, enum store_trouble t, const char *why)
{
	struct store_open_result *result = k->opening->result;

	CHECK(t != STORE_FINE);
	result->trouble = t;
	snprintf(result->message, sizeof(result->message),
		 "no copy of it can be made before its schema changes from %d to %d: %s; with a "
		 "backup elsewhere: --migrate-without-copy",
		 result->version_from, SQLITE_VERSION_NEWEST, why);
	return FAULT(-EACCES);
}

static int refuse_room(struct keeping *k)
{
	struct statvfs fs = { 0 };
	char why[120];

	CHECK(k->opening->copy_bytes > 0);
	(void)statvfs(k->path, &fs);
	snprintf(why, sizeof(why), "that needs %lld KiB on its disk, which has %lld left",
		 (long long)(k->opening->copy_bytes >> 10),
		 (long long)((uint64_t)fs.f_bavail * fs.f_frsize >> 10));
	return refuse_copy(k, STORE_FULL, why);
}

/* As large as the store, and an eighth more for what the migration writes. */
static int check_room(struct keeping *k)
{
	int64_t bytes = k->opening->copy_bytes;
	struct statvfs fs;

	CHECK(bytes > 0);
	if (statvfs(k->path, &fs) != 0)
		return refuse_copy(k, STORE_UNREACHABLE, strerror(errno));
	if ((int64_t)fs.f_bavail * (int64_t)fs.f_frsize < bytes + bytes / 8 + ROOM_SPARE_BYTES)
		return refuse_room(k);
	return 0;
}

/* A copy has the time of its store's last change. */
static bool is_copy_of(const struct keeping *k, const char *path)
{
	struct stat st;

	return k->is_settled && lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == k->store.st_size && st.st_mtim.tv_sec == k->store.st_mtim.tv_sec &&
	       st.st_mtim.tv_nsec == k->store.st_mtim.tv_nsec;
}

/* The first name that is free, or has this very copy. False: there is none. */
static bool choose_name(struct keeping *k, bool *ret_is_there)
{
	char suffix[64];
	struct stat st;

	for (int n = 1; n <= NAMES_MAX; n++) {
		snprintf(suffix, sizeof(suffix), n == 1 ? "%s%d" : "%s%d-%d",
			 SQLITE_KEPT_BEFORE_SCHEMA, SQLITE_VERSION_NEWEST, n);
		if (!offline_beside(k->name, k->path, suffix))
			return false;
		*ret_is_there = is_copy_of(k, k->name);
		if (*ret_is_there || (lstat(k->name, &st) != 0 && errno == ENOENT))
			return true;
	}
	return false;
}

/*
 * Owner and mode as the store has them; who may not give a file away keeps it, and nobody else may
 * then read it.
 */
static int dress(int fd, const struct keeping *k)
{
	const struct timespec times[] = { k->store.st_atim, k->store.st_mtim };
	mode_t mode = k->store.st_mode & 07777;

	CHECK(fd >= 0);
	if (fchown(fd, k->store.st_uid, k->store.st_gid) != 0 &&
	    fchown(fd, (uid_t)-1, k->store.st_gid) != 0)
		mode &= 0700;
	if (fchmod(fd, mode) != 0 || (k->is_settled && futimens(fd, times) != 0) || fsync(fd) != 0)
		return FAULT(-errno);
	return 0;
}

static bool go_on(void *context)
{
	sqlite_opening_look(context);
	return true;
}

/* By a connection of its own: the one that holds the write lock cannot be copied from. */
static int write_part(struct keeping *k)
{
	struct sqlite_connection c;
	int r = sqlite_connect_through(&c, SQLITE_GATHER, k->path, SQLITE_OPEN_READONLY, NULL, 0);

	CHECK(k->opening->copy == NULL);
	k->opening->copy = k->part;
	if (r == 0)
		r = sqlite_copy_pages(c.db, k->part, go_on, k->opening);
	k->opening->copy = NULL;
	sqlite_disconnect(&c);
	return r;
}

static int make_part(struct keeping *k)
{
	/* Until it is whole its owner's alone. */
	int fd = open(k->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? FAULT(-errno) : write_part(k);

	CHECK(k->part[0] != '\0');
	if (r == 0)
		r = dress(fd, k);
	if (fd >= 0)
		close(fd);
	if (r == 0 && rename(k->part, k->name) != 0)
		r = FAULT(-errno);
	return r;
}

static int keep(struct keeping *k)
{
	bool is_there = false;
	int r;

	if (!choose_name(k, &is_there))
		return refuse_copy(k, STORE_FORBIDDEN, "there are too many already");
	if (is_there)
		return offline_flush_folder(k->path);
	r = check_room(k);
	if (r < 0)
		return r;
	r = make_part(k);
	if (r == 0)
		r = offline_flush_folder(k->path);
	if (r < 0)
		unlink(k->part);
	if (r == -ENOSPC || r == -EDQUOT)
		return refuse_room(k);
	if (r < 0 && r != -EUCLEAN && r != -EBUSY)
		return refuse_copy(k, STORE_FORBIDDEN, strerror(-r));
	return r;
}

int sqlite_keep_before(struct sqlite_connection *c, struct sqlite_opening *o)
{
	struct keeping k = { .opening = o, .path = sqlite3_db_filename(c->db, "main") };
	int r;

	CHECK(!sqlite3_get_autocommit(c->db));
	if (!offline_beside(k.part, k.path, SQLITE_KEPT_BEFORE_SCHEMA "part"))
		return refuse_copy(&k, STORE_UNREACHABLE, strerror(ENAMETOOLONG));
	unlink(k.part); /* of one that was interrupted */
	if (o->options->migrates_without_copy)
		return 0;
	sqlite_opening_enter(o, "copy");
	if (stat(k.path, &k.store) != 0)
		return refuse_copy(&k, STORE_UNREACHABLE, strerror(errno));
	k.is_settled = !offline_has_bytes(k.path, "-wal");
	o->copy_bytes = k.store.st_size > 0 ? k.store.st_size : 1;
	r = keep(&k);
	if (r < 0)
		return r;
	memcpy(o->result->copy, k.name, sizeof(k.name));
	o->result->copy_bytes = k.store.st_size;
	return 0;
}
