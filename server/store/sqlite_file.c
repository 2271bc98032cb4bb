/*
 * sqlite_file - whose file it is, and that nobody else is using it. The database itself is never
 * opened here: closing it would drop the POSIX locks of our own SQLite connections.
 */
#include "store/sqlite_offline.h"
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { SMB2_MAGIC = (int)0xFE534D42, CIFS_MAGIC = (int)0xFF534D42 };
enum { ROOM_KEPT_BYTES = 256 << 10 };
enum { HOLD_TRIES_MAX = 100 };

__attribute__((format(printf, 3, 4))) static int
trouble(struct store_open_result *result, enum store_trouble t, const char *format, ...)
{
	va_list arguments;

	CHECK(t != STORE_FINE);
	result->trouble = t;
	va_start(arguments, format);
	vsnprintf(result->message, sizeof(result->message), format, arguments);
	va_end(arguments);
	return FAULT(-EACCES);
}

static bool is_on_network(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return false;
	switch ((int)fs.f_type) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case SMB2_MAGIC:
	case CIFS_MAGIC:
	case AFS_SUPER_MAGIC:
	case CODA_SUPER_MAGIC:
	case V9FS_MAGIC:
		return true;
	default:
		return false;
	}
}

static int lock(const char *path, struct sqlite_file *f, struct store_open_result *result)
{
	char owner[32] = "";

	CHECK(f->lock_fd >= 0);
	CHECK(!f->is_held);
	if (is_on_network(f->lock_fd))
		return trouble(result, STORE_NETWORK,
			       "%s is on a network file system, where SQLite's locks cannot be "
			       "trusted: put the store on a local disk",
			       path);
	f->is_held = flock(f->lock_fd, LOCK_EX | LOCK_NB) == 0;
	if (f->is_held)
		return 0;
	if (pread(f->lock_fd, owner, sizeof(owner) - 1, 0) < 0)
		owner[0] = '\0';
	owner[strcspn(owner, "\n")] = '\0';
	return trouble(result, STORE_IN_USE, "%s is already in use by pid %s", path,
		       owner[0] != '\0' ? owner : "unknown");
}

/*
 * A store can be opened only where there is room for the index of its log, also to be read. So room
 * for that is kept behind the end of the lock file, and given back when the next one opens it: on a
 * disk that is full then it can be served, if not written to.
 */
void sqlite_file_keep_room(struct sqlite_file *f)
{
	CHECK(f->lock_fd >= 0);
	for (off_t bytes = ROOM_KEPT_BYTES; bytes >= ROOM_KEPT_BYTES / 8; bytes /= 2)
		if (fallocate(f->lock_fd, FALLOC_FL_KEEP_SIZE, 0, bytes) == 0 || errno != ENOSPC)
			return;
}

/*
 * Gives the room back, too. Whose pid it is only people read. That somebody was here is read by
 * is_lock_empty(): the file is never empty again, whatever fails or dies; a byte needs no room.
 */
static void write_pid(int fd)
{
	char pid[32];
	int bytes = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	CHECK(fd >= 0);
	if (ftruncate(fd, 1) == 0)
		(void)!pwrite(fd, pid, (size_t)bytes, 0);
}

/* ---------------------------------------------------------------- files beside it */

bool offline_beside(char ret[OFFLINE_PATH_BYTES], const char *path, const char *suffix)
{
	CHECK(path != NULL);
	CHECK(suffix != NULL);
	return snprintf(ret, OFFLINE_PATH_BYTES, "%s%s", path, suffix) < OFFLINE_PATH_BYTES;
}

bool offline_has_bytes(const char *path, const char *suffix)
{
	char beside[OFFLINE_PATH_BYTES];
	struct stat st;

	return offline_beside(beside, path, suffix) && stat(beside, &st) == 0 && st.st_size > 0;
}

static int flush(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) != 0 ? FAULT(-errno) : 0;

	CHECK(path != NULL);
	if (fd >= 0)
		close(fd);
	return r;
}

int offline_flush(const char *path)
{
	return flush(path, O_RDWR);
}

int offline_flush_folder(const char *path)
{
	char folder[OFFLINE_PATH_BYTES];

	if (!offline_beside(folder, path, ""))
		return FAULT(-ENAMETOOLONG);
	return flush(dirname(folder), O_RDONLY | O_DIRECTORY);
}

/* ---------------------------------------------------------------- names */

static enum store_trouble trouble_of_errno(int error)
{
	CHECK(error > 0);
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return STORE_FULL;
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return STORE_UNREACHABLE;
	default:
		return STORE_FORBIDDEN;
	}
}

/* Of a file that is not there yet: its folder is, and may be reached through links, too. */
static int resolve_new(const char *path, char ret[STORE_PATH_BYTES],
		       struct store_open_result *result)
{
	char folder[STORE_PATH_BYTES], *real;
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	struct stat st;
	int bytes;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		return trouble(
			result, STORE_GONE,
			"%s is a symbolic link to a file that is not there: put that back, or "
			"remove the link",
			path);
	if (snprintf(folder, sizeof(folder), "%.*s.", (int)(name - path), path) >=
	    (int)sizeof(folder))
		return trouble(result, STORE_UNREACHABLE, "the path of the store is too long");
	real = realpath(folder, NULL);
	if (real == NULL)
		return trouble(result, trouble_of_errno(errno), "%s: %s", path, strerror(errno));
	bytes = snprintf(ret, STORE_PATH_BYTES, "%s/%s", strcmp(real, "/") != 0 ? real : "", name);
	free(real);
	return bytes < STORE_PATH_BYTES
		       ? 0
		       : trouble(result, STORE_UNREACHABLE, "the path of the store is too long");
}

static int resolve(const char *path, char ret[STORE_PATH_BYTES], struct store_open_result *result)
{
	char *real = realpath(path, NULL);
	struct stat st;

	if (real == NULL && errno == ENOENT)
		return resolve_new(path, ret, result);
	if (real == NULL)
		return trouble(result, trouble_of_errno(errno), "%s: %s", path, strerror(errno));
	/* Before a lock file is made beside it. */
	if (stat(real, &st) == 0 && !S_ISREG(st.st_mode)) {
		free(real);
		return trouble(result, STORE_FOREIGN, "%s is not a regular file", path);
	}
	snprintf(ret, STORE_PATH_BYTES, "%s", real);
	free(real);
	return 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * Names that a restore gave to the old store before it was interrupted: the store still has its
 * first name, so that they are of no use. A process that may write takes them away.
 */
static nlink_t forget_kept_names(const char *path, const struct stat *st, bool may_remove)
{
	char folder[STORE_PATH_BYTES], kept[2 * STORE_PATH_BYTES];
	char *name = strrchr(strcpy(folder, path), '/') + 1;
	size_t bytes = strlen(name);
	nlink_t count = 0;
	struct dirent *e;
	struct stat other;
	DIR *d;

	CHECK(strchr(path, '/') != NULL);
	name[-1] = '\0';
	d = opendir(folder[0] != '\0' ? folder : "/");
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, name, bytes) != 0 ||
		    strncmp(e->d_name + bytes, SQLITE_KEPT_BY_RESTORE,
			    strlen(SQLITE_KEPT_BY_RESTORE)) != 0)
			continue;
		snprintf(kept, sizeof(kept), "%s/%s", folder, e->d_name);
		if (lstat(kept, &other) != 0 || !is_same_file(&other, st))
			continue;
		count++;
		if (may_remove)
			unlink(kept);
	}
	if (d != NULL)
		closedir(d);
	return count;
}

/* By another name somebody else may have it: locks would not meet. */
static int check_names(const struct sqlite_file *f, bool may_write,
		       struct store_open_result *result)
{
	struct stat st;

	CHECK(f->path[0] != '\0');
	if (stat(f->path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink < 2 ||
	    st.st_nlink - forget_kept_names(f->path, &st, may_write) < 2)
		return 0;
	return trouble(
		result, STORE_LINKED,
		"%s has %ju names (hard links), and a server that has it by another one would "
		"not be noticed: remove the others, or make a copy of it",
		f->path, (uintmax_t)st.st_nlink);
}

/* ---------------------------------------------------------------- holding it */

static int check_presence(const struct store_options *o, struct sqlite_file *f,
			  struct store_open_result *result)
{
	struct stat st;

	CHECK(f->path[0] != '\0');
	f->is_store_there = stat(f->path, &st) == 0;
	if (!f->is_store_there && !f->is_lock_new && !o->may_create_gone)
		return trouble(
			result, STORE_GONE,
			"%s: the store that was here is gone (its lock file %s.lock is still "
			"there); put it back, or say --create to start empty",
			f->path, f->path);
	return 0;
}

/* One that root makes is as much the service's as its folder, or that could not start any more. */
static void give_away(const struct sqlite_file *f)
{
	char folder[STORE_PATH_BYTES];
	struct stat st;

	CHECK(f->lock_fd >= 0);
	strcpy(folder, f->path);
	if (geteuid() == 0 && stat(dirname(folder), &st) == 0 && st.st_uid != 0)
		(void)!fchown(f->lock_fd, st.st_uid, st.st_gid);
}

/*
 * The lock file lies beside the file itself, and is no link: whoever may write to the folder would
 * have root write where he may not. 0; -ENOENT: there is none; -EEXIST: somebody has made it while
 * we were about to; or another errno.
 */
static int open_lock(struct sqlite_file *f, const char *path, bool may_create)
{
	const int flags = O_CLOEXEC | O_NOFOLLOW;

	CHECK(f->path[0] != '\0');
	CHECK(f->lock_fd < 0);
	f->lock_fd = open(path, O_RDWR | flags);
	if (f->lock_fd < 0 && !may_create && (errno == EROFS || errno == EACCES))
		f->lock_fd =
			open(path, O_RDONLY | flags); /* who only reads locks it all the same */
	if (f->lock_fd >= 0 || errno != ENOENT || !may_create)
		return f->lock_fd < 0 ? -errno : 0;
	f->lock_fd = open(path, O_RDWR | flags | O_CREAT | O_EXCL, 0644);
	if (f->lock_fd < 0)
		return -errno;
	give_away(f);
	return 0;
}

/*
 * A lock file that was made for a store that was not made after all is removed by its maker, maybe
 * after we have opened it: a lock on what has no name any more would keep nobody out.
 */
static bool is_lock_named(const struct sqlite_file *f, const char *path)
{
	struct stat ours, named;

	CHECK(f->is_held);
	return fstat(f->lock_fd, &ours) == 0 && stat(path, &named) == 0 &&
	       is_same_file(&ours, &named);
}

/*
 * A lock file without a word was made by us, or a moment ago by somebody who will hold it after us
 * or never: whoever holds it writes into it before making a store.
 */
static bool is_lock_empty(const struct sqlite_file *f)
{
	struct stat st;

	CHECK(f->lock_fd >= 0);
	return fstat(f->lock_fd, &st) == 0 && st.st_size == 0;
}

/* -EAGAIN: others make and remove the lock file at this moment. */
static int hold_once(struct sqlite_file *f, const char *path, bool may_create,
		     struct store_open_result *result)
{
	int r = open_lock(f, path, may_create);

	if (r == -ENOENT && !may_create)
		return check_names(f, may_create, result);
	if (r == -EEXIST)
		return -EAGAIN;
	if (r == -ELOOP)
		return trouble(result, STORE_FORBIDDEN,
			       "%s is a link, which a lock file never is: remove it", path);
	if (r < 0)
		return trouble(result, trouble_of_errno(-r), "%s: %s", path, strerror(-r));
	f->is_lock_new = may_create && is_lock_empty(f);
	r = lock(f->path, f, result);
	if (r < 0)
		return r;
	if (!is_lock_named(f, path)) {
		close(f->lock_fd);
		f->lock_fd = -1;
		f->is_held = f->is_lock_new = false;
		return -EAGAIN;
	}
	f->is_lock_new = may_create && is_lock_empty(f); /* whoever held it before has written */
	r = check_names(f, may_create, result);
	if (r == 0 && (may_create || !is_lock_empty(f)))
		write_pid(
			f->lock_fd); /* who only reads leaves a new one to those who make a store */
	return r;
}

/* Each turn in vain is one in which somebody else got on. */
static int hold(struct sqlite_file *f, bool may_create, struct store_open_result *result)
{
	char path[STORE_PATH_BYTES + sizeof(".lock")];
	int r = -EAGAIN;

	CHECK(f->path[0] != '\0');
	snprintf(path, sizeof(path), "%s.lock", f->path);
	for (int i = 0; i < HOLD_TRIES_MAX && r == -EAGAIN; i++)
		r = hold_once(f, path, may_create, result);
	return r != -EAGAIN ? r
			    : trouble(result, STORE_FORBIDDEN,
				      "%s is made and removed all the time: by whom?", path);
}

int sqlite_file_hold(const char *path, bool may_create, struct sqlite_file *f,
		     struct store_open_result *result)
{
	int r;

	CHECK(path != NULL);
	*f = (struct sqlite_file){ .lock_fd = -1 };
	r = resolve(path, f->path, result);
	if (r < 0)
		return r;
	r = hold(f, may_create, result);
	/* Another instance's lock file is not ours to remove. */
	if (r < 0)
		sqlite_file_close(f, f->is_lock_new && result->trouble != STORE_IN_USE);
	return r;
}

int sqlite_file_open(const struct store_options *o, struct sqlite_file *f,
		     struct store_open_result *result)
{
	int r = sqlite_file_hold(o->path, true, f, result);

	CHECK(o->path != NULL);
	if (r < 0)
		return r;
	r = check_presence(o, f, result);
	if (r < 0)
		sqlite_file_close(f, f->is_lock_new);
	return r;
}

void sqlite_file_close(struct sqlite_file *f, bool must_forget)
{
	char lock_path[STORE_PATH_BYTES + sizeof(".lock")];

	if (f->lock_fd < 0)
		return;
	if (must_forget) {
		snprintf(lock_path, sizeof(lock_path), "%s.lock", f->path);
		unlink(lock_path);
	} else if (f->is_held) {
		sqlite_file_keep_room(f); /* of what the log and its index have left */
	}
	close(f->lock_fd);
	f->lock_fd = -1;
}
