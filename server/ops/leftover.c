#include "ops/leftover.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_at(int fd, const char *path)
{
	struct stat is, there;

	return fstat(fd, &is) == 0 && lstat(path, &there) == 0 && is.st_dev == there.st_dev &&
	       is.st_ino == there.st_ino;
}

bool leftover_hold(int fd, const char *path)
{
	/* Another process that has the file now is looking at it, and is done in a moment. */
	while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
		;
	return is_at(fd, path);
}

static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	       (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

static void look_at(const char *path, void (*remove)(const char *path))
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (is_ours(fd) && flock(fd, LOCK_EX | LOCK_NB) == 0 && is_at(fd, path))
		remove(path);
	close(fd);
}

void leftovers_remove(const char *folder, const char *prefix, void (*remove)(const char *path))
{
	DIR *d = opendir(folder);
	struct dirent *e;
	char path[4096];

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0 &&
		    snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) < (int)sizeof(path))
			look_at(path, remove);
	if (d != NULL)
		closedir(d);
}
