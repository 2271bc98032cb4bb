#include "power_vfs.h"
#include "base/check.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR_BYTES = 512, IMAGE_BYTES_MAX = 8 << 20 };

/* What was flushed, and what is written. */
static struct image {
	char *kept, *now;
	sqlite3_int64 kept_bytes, now_bytes;
} database, journal;

static sqlite3_vfs *inner_vfs;
static sqlite3_vfs power_vfs;
static void (*watcher)(void *context);
static void *watcher_context;

/* Lies behind the inner file's own memory. */
struct powered {
	const sqlite3_io_methods *below;
	sqlite3_io_methods methods;
	struct image *image;
};

static struct powered *powered_of(sqlite3_file *file)
{
	return (struct powered *)((char *)file + ((inner_vfs->szOsFile + 15) & ~15));
}

static void tell(void)
{
	if (watcher != NULL)
		watcher(watcher_context);
}

static int write_file(sqlite3_file *file, const void *from, int bytes, sqlite3_int64 at)
{
	struct powered *p = powered_of(file);
	int code = p->below->xWrite(file, from, bytes, at);

	CHECK(at + bytes <= IMAGE_BYTES_MAX);
	if (code != SQLITE_OK)
		return code;
	memcpy(p->image->now + at, from, (size_t)bytes);
	if (at + bytes > p->image->now_bytes)
		p->image->now_bytes = at + bytes;
	tell();
	return code;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 bytes)
{
	struct powered *p = powered_of(file);
	int code = p->below->xTruncate(file, bytes);

	if (code != SQLITE_OK)
		return code;
	if (bytes < p->image->now_bytes)
		memset(p->image->now + bytes, 0, (size_t)(p->image->now_bytes - bytes));
	p->image->now_bytes = bytes;
	tell();
	return code;
}

static int sync_file(sqlite3_file *file, int flags)
{
	struct powered *p = powered_of(file);
	int code = p->below->xSync(file, flags);

	if (code != SQLITE_OK)
		return code;
	memcpy(p->image->kept, p->image->now, IMAGE_BYTES_MAX);
	p->image->kept_bytes = p->image->now_bytes;
	tell();
	return code;
}

static void image_begin(struct image *i)
{
	free(i->kept);
	free(i->now);
	*i = (struct image){ .kept = calloc(1, IMAGE_BYTES_MAX),
			     .now = calloc(1, IMAGE_BYTES_MAX) };
	CHECK(i->kept != NULL);
	CHECK(i->now != NULL);
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		     int *ret_flags)
{
	struct powered *p = powered_of(file);
	int code = inner_vfs->xOpen(inner_vfs, name, file, flags, ret_flags);

	(void)vfs;
	/* Readers open the same files: it is the writer's that are watched. */
	if (code != SQLITE_OK || (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0 ||
	    (flags & SQLITE_OPEN_READWRITE) == 0)
		return code;
	*p = (struct powered){ .below = file->pMethods,
			       .methods = *file->pMethods,
			       .image = (flags & SQLITE_OPEN_WAL) != 0 ? &journal : &database };
	image_begin(p->image);
	p->methods.xWrite = write_file;
	p->methods.xTruncate = truncate_file;
	p->methods.xSync = sync_file;
	file->pMethods = &p->methods;
	return code;
}

void power_vfs_install(void)
{
	inner_vfs = sqlite3_vfs_find(NULL);
	CHECK(inner_vfs != NULL);
	power_vfs = *inner_vfs;
	power_vfs.zName = "power";
	power_vfs.pNext = NULL;
	power_vfs.szOsFile = ((inner_vfs->szOsFile + 15) & ~15) + (int)sizeof(struct powered);
	power_vfs.xOpen = open_file;
	CHECK(sqlite3_vfs_register(&power_vfs, 1) == SQLITE_OK);
}

void power_vfs_watch(void (*look)(void *context), void *context)
{
	watcher = look;
	watcher_context = context;
}

static void image_cut(const struct image *i, const char *path, unsigned *seed)
{
	sqlite3_int64 bytes = rand_r(seed) % 2 == 0 ? i->kept_bytes : i->now_bytes;
	FILE *f = fopen(path, "w");

	CHECK(f != NULL);
	for (sqlite3_int64 at = 0; at < bytes; at += SECTOR_BYTES) {
		size_t piece = (size_t)(bytes - at < SECTOR_BYTES ? bytes - at : SECTOR_BYTES);
		const char *from = rand_r(seed) % 2 == 0 ? i->kept : i->now;

		CHECK(fwrite(from + at, 1, piece, f) == piece);
	}
	CHECK(fclose(f) == 0);
}

void power_vfs_cut(const char *path, unsigned seed)
{
	char log_path[256];

	CHECK(database.now != NULL);
	CHECK(journal.now != NULL);
	snprintf(log_path, sizeof(log_path), "%s-wal", path);
	image_cut(&database, path, &seed);
	image_cut(&journal, log_path, &seed);
}
