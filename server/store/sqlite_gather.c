#include "store/sqlite_gather.h"
#include "store/sqlite_private.h"
#include <string.h>

/* Of SQLite's documented WAL format: sqlite.org/walformat.html. */
enum {
	FRAME_HEADER_BYTES = 24,
	COMMIT_MARK_AT =
		4, /* of a frame's header: the pages of the database after it; 0: no commit */
	COMMIT_MARK_BYTES = 4,
	WRITE_LOCK = 0, /* of the locks in the index */
};

/* Lies behind the memory of the default file system's own file. */
struct gather {
	const sqlite3_io_methods *below;
	sqlite3_io_methods methods; /* the same, but for those that are ours */
	struct gather *log;         /* of a database: NULL: none is open */
	struct gather *database;    /* of a log */
	char *buffer;               /* of a log: */
	int bytes;                  /* in it */
	sqlite3_int64 at;           /* where in the file they belong */
	sqlite3_int64 end;          /* behind all that was written since the write lock was taken */
	bool is_ending;             /* the newest frame ends a commit */
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *below;
} layer;

static _Thread_local struct {
	void (*look)(void *context); /* NULL: nobody does */
	void *context;
} watch;

static inline void watch_call(void)
{
	if (watch.look != NULL)
		watch.look(watch.context);
}

static size_t below_bytes(void)
{
	return ((size_t)layer.below->szOsFile + 15) & ~(size_t)15;
}

static struct gather *gather_of(sqlite3_file *file)
{
	return (struct gather *)((char *)file + below_bytes());
}

static sqlite3_file *file_of(struct gather *g)
{
	return (sqlite3_file *)((char *)g - below_bytes());
}

/* ---------------------------------------------------------------- the log */

static bool gather_is_sound(const struct gather *g)
{
	return g->bytes >= 0 && g->bytes <= GATHER_BYTES_MAX &&
	       (g->bytes == 0 || g->at + g->bytes == g->end);
}

static int gather_flush(struct gather *g)
{
	int bytes = g->bytes;

	CHECK(gather_is_sound(g));
	g->bytes = 0;
	return bytes == 0 ? SQLITE_OK : g->below->xWrite(file_of(g), g->buffer, bytes, g->at);
}

static void gather_drop(struct gather *g)
{
	g->bytes = 0;
	g->end = 0;
	g->is_ending = false;
}

static int write_at_once(struct gather *g, const void *from, int bytes, sqlite3_int64 at)
{
	int code = gather_flush(g);

	CHECK(g->bytes == 0);
	if (code != SQLITE_OK)
		return code;
	g->end = at + bytes > g->end ? at + bytes : g->end;
	return g->below->xWrite(file_of(g), from, bytes, at);
}

static bool has_commit_mark(const char *header)
{
	static const char none[COMMIT_MARK_BYTES];

	return memcmp(header + COMMIT_MARK_AT, none, COMMIT_MARK_BYTES) != 0;
}

/* Headers and pages come one by one; so the page of a header that ends a commit is the last. */
static int log_write(sqlite3_file *file, const void *from, int bytes, sqlite3_int64 at)
{
	struct gather *g = gather_of(file);
	int code = SQLITE_OK;

	CHECK(gather_is_sound(g));
	watch_call();
	if (at < g->end || bytes > GATHER_BYTES_MAX)
		return write_at_once(g, from, bytes, at);
	if (at != g->end || g->bytes + bytes > GATHER_BYTES_MAX)
		code = gather_flush(g);
	if (code != SQLITE_OK)
		return code;
	if (g->bytes == 0)
		g->at = at;
	memcpy(g->buffer + g->bytes, from, (size_t)bytes);
	g->bytes += bytes;
	g->end = at + bytes;
	if (bytes == FRAME_HEADER_BYTES)
		g->is_ending = has_commit_mark(from);
	else if (g->is_ending)
		code = gather_flush(g);
	return code;
}

static int log_read(sqlite3_file *file, void *to, int bytes, sqlite3_int64 at)
{
	struct gather *g = gather_of(file);
	bool overlaps = g->bytes > 0 && at < g->end && at + bytes > g->at;
	int code = overlaps ? gather_flush(g) : SQLITE_OK;

	watch_call();
	return code == SQLITE_OK ? g->below->xRead(file, to, bytes, at) : code;
}

static int log_sync(sqlite3_file *file, int flags)
{
	struct gather *g = gather_of(file);
	int code = gather_flush(g);

	return code == SQLITE_OK ? g->below->xSync(file, flags) : code;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
	struct gather *g = gather_of(file);
	int code = gather_flush(g);

	return code == SQLITE_OK ? g->below->xTruncate(file, bytes) : code;
}

static int log_measure(sqlite3_file *file, sqlite3_int64 *ret)
{
	struct gather *g = gather_of(file);
	int code = gather_flush(g);

	return code == SQLITE_OK ? g->below->xFileSize(file, ret) : code;
}

/* What is still gathered then was taken back, or its writing has failed. */
static int log_close(sqlite3_file *file)
{
	struct gather *g = gather_of(file);

	if (g->database != NULL)
		g->database->log = NULL;
	sqlite3_free(g->buffer);
	g->buffer = NULL;
	return g->below->xClose(file);
}

/* ---------------------------------------------------------------- the database */

static int database_lock(sqlite3_file *file, int first, int count, int flags)
{
	struct gather *g = gather_of(file);

	CHECK(count > 0);
	if (first == WRITE_LOCK && flags == (SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE) &&
	    g->log != NULL)
		gather_drop(g->log);
	return g->below->xShmLock(file, first, count, flags);
}

static int database_read(sqlite3_file *file, void *to, int bytes, sqlite3_int64 at)
{
	watch_call();
	return gather_of(file)->below->xRead(file, to, bytes, at);
}

static int database_write(sqlite3_file *file, const void *from, int bytes, sqlite3_int64 at)
{
	watch_call();
	return gather_of(file)->below->xWrite(file, from, bytes, at);
}

/* ---------------------------------------------------------------- opening */

static void gather_begin(sqlite3_file *file)
{
	struct gather *g = gather_of(file);

	CHECK(file->pMethods != NULL);
	*g = (struct gather){ .below = file->pMethods, .methods = *file->pMethods };
	file->pMethods = &g->methods;
}

static void database_begin(sqlite3_file *file)
{
	struct gather *g = gather_of(file);

	gather_begin(file);
	g->methods.xRead = database_read;
	g->methods.xWrite = database_write;
	if (g->methods.iVersion >= 2)
		g->methods.xShmLock = database_lock;
}

static void log_begin(sqlite3_file *file, sqlite3_file *database, char *buffer)
{
	struct gather *g = gather_of(file);

	CHECK(buffer != NULL);
	gather_begin(file);
	g->buffer = buffer;
	g->database = gather_of(database);
	g->database->log = g;
	g->methods.xWrite = log_write;
	g->methods.xRead = log_read;
	g->methods.xSync = log_sync;
	g->methods.xTruncate = log_truncate;
	g->methods.xFileSize = log_measure;
	g->methods.xClose = log_close;
}

static int open_log(const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	char *buffer = sqlite3_malloc(GATHER_BYTES_MAX);
	int code = SQLITE_NOMEM;

	file->pMethods = NULL;
	if (buffer != NULL)
		code = layer.below->xOpen(layer.below, name, file, flags, ret_flags);
	if (code == SQLITE_OK)
		log_begin(file, sqlite3_database_file_object(name), buffer);
	else
		sqlite3_free(buffer);
	return code;
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		     int *ret_flags)
{
	int code;

	CHECK(vfs == &layer.vfs);
	if ((flags & SQLITE_OPEN_WAL) != 0)
		return open_log(name, file, flags, ret_flags);
	code = layer.below->xOpen(layer.below, name, file, flags, ret_flags);
	if (code == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0)
		database_begin(file);
	return code;
}

void sqlite_gather_watch(void (*look)(void *context), void *context)
{
	watch.look = look;
	watch.context = context;
}

int sqlite_gather_register(void)
{
	if (layer.below != NULL)
		return 0;
	layer.below = sqlite3_vfs_find(NULL);
	CHECK(layer.below != NULL);
	layer.vfs = *layer.below;
	layer.vfs.zName = SQLITE_GATHER;
	layer.vfs.pNext = NULL;
	layer.vfs.szOsFile = (int)(below_bytes() + sizeof(struct gather));
	layer.vfs.xOpen = open_file;
	return sqlite3_vfs_register(&layer.vfs, 0) == SQLITE_OK ? 0 : FAULT(-ENOMEM);
}
