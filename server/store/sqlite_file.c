/* sqlite_file - whose file it is, and that nobody else is using it. The database itself is never
 * opened here: closing it would drop the POSIX locks of our own SQLite connections. */
#include "store/sqlite_private.h"
#include <fcntl.h>
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

__attribute__((format(printf, 3, 4))) static int
trouble(struct store_open_result *result, enum store_trouble t, const char *format, ...)
{
	va_list arguments;

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

	if (is_on_network(f->lock_fd))
		return trouble(result, STORE_NETWORK,
			       "%s is on a network file system, where SQLite's locks cannot be "
			       "trusted: put the store on a local disk",
			       path);
	if (flock(f->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (pread(f->lock_fd, owner, sizeof(owner) - 1, 0) < 0)
		owner[0] = '\0';
	owner[strcspn(owner, "\n")] = '\0';
	return trouble(result, STORE_IN_USE, "%s is already in use by pid %s", path,
		       owner[0] != '\0' ? owner : "unknown");
}

static void write_pid(int fd)
{
	char pid[32];
	int bytes = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	/* Only people read it: nothing depends on it. */
	if (ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, pid, (size_t)bytes, 0);
}

static int check_presence(const struct store_options *o, struct sqlite_file *f,
			  struct store_open_result *result)
{
	struct stat st;

	f->is_store_there = stat(o->path, &st) == 0;
	if (f->is_store_there && !S_ISREG(st.st_mode))
		return trouble(result, STORE_FOREIGN, "%s is not a regular file", o->path);
	if (!f->is_store_there && !f->is_lock_new && !o->may_create_gone)
		return trouble(
			result, STORE_GONE,
			"%s: the store that was here is gone (its lock file %s.lock is still "
			"there); put it back, or say --create to start empty",
			o->path, o->path);
	return 0;
}

static int open_lock(const char *lock_path, bool may_create, struct sqlite_file *f)
{
	f->lock_fd = open(lock_path, O_RDWR | O_CLOEXEC);
	if (f->lock_fd < 0 && errno == ENOENT && may_create) {
		f->lock_fd = open(lock_path, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0644);
		f->is_lock_new = f->lock_fd >= 0;
	}
	return f->lock_fd < 0 ? -errno : 0;
}

int sqlite_file_hold(const char *path, bool may_create, struct sqlite_file *f,
		     struct store_open_result *result)
{
	char lock_path[4096];
	int r;

	*f = (struct sqlite_file){ .lock_fd = -1 };
	if (snprintf(lock_path, sizeof(lock_path), "%s.lock", path) >= (int)sizeof(lock_path))
		return trouble(result, STORE_UNREACHABLE, "the path of the store is too long");
	r = open_lock(lock_path, may_create, f);
	if (r == -ENOENT && !may_create)
		return 0;
	if (r < 0)
		return trouble(result,
			       r == -ENOENT || r == -ENOTDIR ? STORE_UNREACHABLE : STORE_FORBIDDEN,
			       "%s: %s", lock_path, strerror(-r));
	r = lock(path, f, result);
	if (r < 0)
		/* Another instance's lock file is not ours to remove. */
		sqlite_file_close(f, path, f->is_lock_new && result->trouble != STORE_IN_USE);
	else
		write_pid(f->lock_fd);
	return r;
}

int sqlite_file_open(const struct store_options *o, struct sqlite_file *f,
		     struct store_open_result *result)
{
	int r = sqlite_file_hold(o->path, true, f, result);

	if (r < 0)
		return r;
	r = check_presence(o, f, result);
	if (r < 0)
		sqlite_file_close(f, o->path, f->is_lock_new);
	return r;
}

void sqlite_file_close(struct sqlite_file *f, const char *path, bool must_forget)
{
	char lock_path[4096];

	if (f->lock_fd < 0)
		return;
	if (must_forget) {
		snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
		unlink(lock_path);
	}
	close(f->lock_fd);
	f->lock_fd = -1;
}
