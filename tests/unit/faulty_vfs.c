#include "faulty_vfs.h"
#include "base/check.h"
#include <sqlite3.h>
#include <string.h>

enum { PIECE_BYTES = 1000 };

static struct {
	int pieces_left; /* that go well; only with write_code */
	int write_code;  /* SQLITE_OK: all go well */
	int sync_code;
	int index_code;
	bool has_failed;
} fault;

static int write_count, unflushed_count;

static sqlite3_vfs *inner_vfs;
static sqlite3_vfs faulty_vfs;

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *inner; /* lies right behind this struct */
};

static sqlite3_file *inner_of(sqlite3_file *file)
{
	return ((struct faulty_file *)file)->inner;
}

/* clang-format off */
/* Passes a call on to the file below. */
#define PASS(name, parameters, arguments) \
	static int pass_##name parameters { return inner_of(file)->pMethods->name arguments; }
#define INNER inner_of(file)

PASS(xClose, (sqlite3_file *file), (INNER))
PASS(xRead, (sqlite3_file *file, void *to, int bytes, sqlite3_int64 at), (INNER, to, bytes, at))
PASS(xTruncate, (sqlite3_file *file, sqlite3_int64 bytes), (INNER, bytes))
PASS(xFileSize, (sqlite3_file *file, sqlite3_int64 *ret), (INNER, ret))
PASS(xLock, (sqlite3_file *file, int level), (INNER, level))
PASS(xUnlock, (sqlite3_file *file, int level), (INNER, level))
PASS(xCheckReservedLock, (sqlite3_file *file, int *ret), (INNER, ret))
PASS(xFileControl, (sqlite3_file *file, int op, void *argument), (INNER, op, argument))
PASS(xSectorSize, (sqlite3_file *file), (INNER))
PASS(xDeviceCharacteristics, (sqlite3_file *file), (INNER))
PASS(xShmLock, (sqlite3_file *file, int offset, int count, int flags),
	(INNER, offset, count, flags))
PASS(xShmUnmap, (sqlite3_file *file, int is_deleted), (INNER, is_deleted))
/* clang-format on */

static void pass_xShmBarrier(sqlite3_file *file)
{
	sqlite3_file *inner = inner_of(file);

	inner->pMethods->xShmBarrier(inner);
}

/* What a kernel does that finds no more room in the middle of a write: the rest is missing. */
static int write_pieces(sqlite3_file *inner, const char *from, int bytes, sqlite3_int64 at)
{
	int code = SQLITE_OK;

	for (int begun = 0; code == SQLITE_OK && begun < bytes; begun += PIECE_BYTES) {
		int piece = bytes - begun < PIECE_BYTES ? bytes - begun : PIECE_BYTES;

		if (fault.pieces_left-- <= 0) {
			fault.pieces_left = 0;
			fault.has_failed = true;
			return fault.write_code;
		}
		code = inner->pMethods->xWrite(inner, from + begun, piece, at + begun);
	}
	return code;
}

static int write_or_fail(sqlite3_file *file, const void *from, int bytes, sqlite3_int64 at)
{
	sqlite3_file *inner = inner_of(file);

	write_count++;
	unflushed_count++;
	return fault.write_code == SQLITE_OK ? inner->pMethods->xWrite(inner, from, bytes, at)
					     : write_pieces(inner, from, bytes, at);
}

static int sync_or_fail(sqlite3_file *file, int flags)
{
	sqlite3_file *inner = inner_of(file);

	unflushed_count = 0;
	if (fault.sync_code == SQLITE_OK)
		return inner->pMethods->xSync(inner, flags);
	fault.has_failed = true;
	return fault.sync_code;
}

/* A region that is there already is still there. */
static int map_or_fail(sqlite3_file *file, int region, int bytes, int may_extend,
		       void volatile **ret)
{
	sqlite3_file *inner = inner_of(file);
	bool must_fail = fault.index_code != SQLITE_OK && may_extend;
	int code = inner->pMethods->xShmMap(inner, region, bytes, must_fail ? 0 : may_extend, ret);

	if (!must_fail || code != SQLITE_OK || *ret != NULL)
		return code;
	fault.has_failed = true;
	return fault.index_code;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, /* without xFetch: nothing here maps the file */
	.xClose = pass_xClose,
	.xRead = pass_xRead,
	.xWrite = write_or_fail,
	.xTruncate = pass_xTruncate,
	.xSync = sync_or_fail,
	.xFileSize = pass_xFileSize,
	.xLock = pass_xLock,
	.xUnlock = pass_xUnlock,
	.xCheckReservedLock = pass_xCheckReservedLock,
	.xFileControl = pass_xFileControl,
	.xSectorSize = pass_xSectorSize,
	.xDeviceCharacteristics = pass_xDeviceCharacteristics,
	.xShmMap = map_or_fail,
	.xShmLock = pass_xShmLock,
	.xShmBarrier = pass_xShmBarrier,
	.xShmUnmap = pass_xShmUnmap,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		     int *ret_flags)
{
	struct faulty_file *f = (struct faulty_file *)file;
	int code;

	(void)vfs;
	f->inner = (sqlite3_file *)&f[1];
	code = inner_vfs->xOpen(inner_vfs, name, f->inner, flags, ret_flags);
	f->base.pMethods = f->inner->pMethods != NULL ? &methods : NULL;
	return code;
}

void faulty_vfs_install(void)
{
	inner_vfs = sqlite3_vfs_find(NULL);
	CHECK(inner_vfs != NULL);
	faulty_vfs = *inner_vfs;
	faulty_vfs.zName = "faulty";
	faulty_vfs.pNext = NULL;
	faulty_vfs.szOsFile = (int)sizeof(struct faulty_file) + inner_vfs->szOsFile;
	faulty_vfs.xOpen = open_file;
	CHECK(sqlite3_vfs_register(&faulty_vfs, 1) == SQLITE_OK);
}

void faulty_vfs_fail_write(int number, int code)
{
	fault.pieces_left = number - 1;
	fault.write_code = code;
	fault.has_failed = false;
}

void faulty_vfs_fail_sync(int code)
{
	fault.sync_code = code;
	fault.has_failed = false;
}

void faulty_vfs_fail_index(int code)
{
	fault.index_code = code;
	fault.has_failed = false;
}

void faulty_vfs_heal(void)
{
	fault.index_code = SQLITE_OK;
	fault.write_code = SQLITE_OK;
	fault.sync_code = SQLITE_OK;
}

bool faulty_vfs_has_failed(void)
{
	return fault.has_failed;
}

int faulty_vfs_write_count(void)
{
	return write_count;
}

int faulty_vfs_unflushed_count(void)
{
	return unflushed_count;
}
