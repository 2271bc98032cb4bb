#include "ops/spool.h"
#include "base/check.h"
#include "base/fault.h"
#include "ops/leftover.h"
#include "ops/metrics.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_PREFIX "rowlock-spool-"

static const char *chosen_folder = "";

void spool_set_folder(const char *folder)
{
	chosen_folder = folder;
}

const char *spool_folder(void)
{
	const char *temporary = getenv("TMPDIR");

	if (chosen_folder[0] != '\0')
		return chosen_folder;
	return temporary != NULL && temporary[0] != '\0' ? temporary : "/var/tmp";
}

/* For file systems that know no file without a name. */
static int open_and_unlink(const char *folder)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/" SPOOL_PREFIX "XXXXXX", folder) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

struct spool *spool_open(void)
{
	struct spool *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		FAULT(-ENOMEM);
		return NULL;
	}
	s->fd = open(spool_folder(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		s->fd = open_and_unlink(spool_folder());
	if (s->fd < 0) {
		FAULT(-errno);
		free(s);
		return NULL;
	}
	text_init(&s->text);
	metric_add(METRIC_SPOOLS, 1);
	return s;
}

static void unlink_spool(const char *path)
{
	(void)unlink(path);
}

void spool_clean_up(void)
{
	leftovers_remove(spool_folder(), SPOOL_PREFIX, unlink_spool);
}

struct spool *spool_open_named(char **ret_path)
{
	struct spool *s = calloc(1, sizeof(*s));

	if (s == NULL || asprintf(ret_path, "%s/" SPOOL_PREFIX "XXXXXX", spool_folder()) < 0) {
		FAULT(-ENOMEM);
		free(s);
		return NULL;
	}
	s->fd = mkostemp(*ret_path, O_CLOEXEC);
	if (s->fd >= 0 && !leftover_hold(s->fd, *ret_path)) {
		close(s->fd);
		s->fd = -1;
		errno = EAGAIN;
	}
	if (s->fd < 0) {
		FAULT(-errno);
		free(*ret_path);
		free(s);
		return NULL;
	}
	text_init(&s->text);
	metric_add(METRIC_SPOOLS, 1);
	return s;
}

int spool_unname(struct spool *s, char *path)
{
	struct stat is;
	int r = fstat(s->fd, &is) == 0 ? 0 : FAULT(-errno);

	unlink(path);
	free(path);
	if (r == 0) {
		s->byte_count = is.st_size;
		metric_add(METRIC_SPOOLED_BYTES, is.st_size);
	}
	return r;
}

static int write_all(struct spool *s)
{
	const char *at = s->text.data;
	size_t left = s->text.byte_count;

	while (left > 0) {
		ssize_t n = write(s->fd, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAULT(-errno);
		at += n;
		left -= (size_t)n;
		s->byte_count += n;
		metric_add(METRIC_SPOOLED_BYTES, n);
	}
	return 0;
}

int spool_finish(struct spool *s)
{
	if (s->fault == 0 && s->text.failed)
		s->fault = FAULT(-ENOMEM);
	if (s->fault == 0)
		s->fault = write_all(s);
	s->text.byte_count = 0;
	return s->fault;
}

int spool_settle(struct spool *s)
{
	return s->text.byte_count >= SPOOL_TEXT_BYTES || s->text.failed ? spool_finish(s)
									: s->fault;
}

int spool_take_fd(struct spool *s)
{
	int fd = s->fd;

	CHECK(s->fault == 0);
	CHECK(s->text.byte_count == 0);
	s->fd = -1;
	spool_close(s);
	return fd;
}

struct spool *spool_close(struct spool *s)
{
	if (s == NULL)
		return NULL;
	if (s->fd >= 0)
		close(s->fd);
	text_fini(&s->text);
	metric_add(METRIC_SPOOLS, -1);
	free(s);
	return NULL;
}
