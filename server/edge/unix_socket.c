#include "edge/unix_socket.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* While it is made: the path, and behind it the number of the process, or a word. */
enum { NAME_BYTES = UNIX_PATH_BYTES + 10 };
_Static_assert(NAME_BYTES < sizeof(((struct sockaddr_un *)NULL)->sun_path),
	       "the longest name that a path may get is one that the system takes");

static const mode_t lock_mode = 0600;

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	CHECK(strlen(path) < sizeof(a.sun_path));
	strcpy(a.sun_path, path);
	return a;
}

static int socket_open(int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return FAULT(-errno);
	*ret_fd = fd;
	return 0;
}

/* -1: it stays as it is. */
static int group_find(const char *group, gid_t *ret)
{
	uint32_t number;
	const struct group *found;

	*ret = (gid_t)-1;
	if (group[0] == '\0')
		return 0;
	found = getgrnam(group);
	if (found != NULL) {
		*ret = found->gr_gid;
		return 0;
	}
	/* The largest number says to chown() that nothing is to change. */
	if (!text_read_uint32(group, &number) || number == UINT32_MAX)
		return FAULT(-ESRCH);
	*ret = (gid_t)number;
	return 0;
}

/* ---------------------------------------------------------------- who is there */

/*
 * 0: nobody listens under this name, and *ret_is_stale says whether a dead server's socket stands
 * there.
 */
static int place_try(const char *path, bool *ret_is_stale)
{
	struct sockaddr_un a = address_of(path);
	struct stat st;
	int fd = -1, r;

	*ret_is_stale = false;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : FAULT(-errno);
	if (!S_ISSOCK(st.st_mode))
		return FAULT(-EEXIST);
	r = socket_open(&fd);
	if (r < 0)
		return r;
	r = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 ? 0 : errno;
	close(fd);
	if (r == ENOENT)
		return 0;
	*ret_is_stale = r == ECONNREFUSED;
	if (*ret_is_stale)
		return 0;
	/* One that is too busy to answer (EAGAIN) lives, too, as does one of another type. */
	return r == EACCES ? FAULT(-EACCES) : FAULT(-EADDRINUSE);
}

int unix_socket_try(const struct unix_socket_options *options)
{
	char folder[UNIX_PATH_BYTES];
	bool is_stale;
	gid_t unused;
	int r = group_find(options->group, &unused);

	if (r < 0)
		return r;
	strcpy(folder, options->path);
	if (access(dirname(folder), W_OK | X_OK) != 0)
		return FAULT(-errno);
	return place_try(options->path, &is_stale);
}

/* ---------------------------------------------------------------- the lock */

/* Is the file that was locked still the one that has this name? */
static bool is_same_file(int fd, const char *path)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
	       ours.st_dev == theirs.st_dev;
}

/* Its file goes with the holder before: then there is another to be had. */
static int lock_take(const char *path, int *ret_fd)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, lock_mode);

		if (fd < 0)
			return FAULT(-errno);
		while (flock(fd, LOCK_EX) != 0)
			if (errno != EINTR) {
				int r = FAULT(-errno);

				close(fd);
				return r;
			}
		if (is_same_file(fd, path)) {
			*ret_fd = fd;
			return 0;
		}
		close(fd);
	}
}

static void lock_give(const char *path, int fd)
{
	unlink(path);
	close(fd);
}

/* ---------------------------------------------------------------- making it */

/* Nobody can connect before it listens, whatever its mode is until then. */
static int file_make(int fd, const char *name, const struct unix_socket_options *options, gid_t gid)
{
	struct sockaddr_un a = address_of(name);

	unlink(name); /* of a process with our number that died here */
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return FAULT(-errno);
	if ((gid != (gid_t)-1 && lchown(name, (uid_t)-1, gid) != 0) ||
	    chmod(name, options->mode) != 0 || listen(fd, options->backlog) != 0) {
		int r = FAULT(-errno);

		unlink(name);
		return r;
	}
	return 0;
}

/* Under the lock. */
static int file_place(struct unix_socket *u, const char *name, const char *path)
{
	struct stat st;
	bool is_stale;
	int r = place_try(path, &is_stale);

	if (r == 0 && (lstat(name, &st) != 0 || rename(name, path) != 0))
		r = FAULT(-errno);
	if (r < 0) {
		unlink(name);
		return r;
	}
	strcpy(u->path, path);
	u->device = st.st_dev;
	u->inode = st.st_ino;
	return 0;
}

static int socket_make(struct unix_socket *u, const struct unix_socket_options *options, int fd)
{
	char name[NAME_BYTES], lock[NAME_BYTES];
	int lock_fd = -1;
	gid_t gid;
	int r = group_find(options->group, &gid);

	snprintf(name, sizeof(name), "%s.%d", options->path, getpid());
	snprintf(lock, sizeof(lock), "%s.lock", options->path);
	if (r == 0)
		r = lock_take(lock, &lock_fd);
	if (r < 0)
		return r;
	r = file_make(fd, name, options, gid);
	if (r == 0)
		r = file_place(u, name, options->path);
	lock_give(lock, lock_fd);
	return r;
}

int unix_socket_listen(struct unix_socket *u, const struct unix_socket_options *options,
		       int *ret_fd)
{
	int fd = -1;
	int r = socket_open(&fd);

	*u = (struct unix_socket){ 0 };
	if (r < 0)
		return r;
	r = socket_make(u, options, fd);
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

void unix_socket_remove(struct unix_socket *u)
{
	struct stat st;

	if (u->path[0] != '\0' && lstat(u->path, &st) == 0 && st.st_dev == u->device &&
	    st.st_ino == u->inode)
		unlink(u->path);
	u->path[0] = '\0';
}
