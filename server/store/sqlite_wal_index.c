/*
 * sqlite_wal_index - room in the WAL's index before a group is committed.
 *
 * COMMIT writes the group's frames to the WAL, flushes them, and only then enters them in the index
 * (the -shm file). Where the index could not grow because the disk was full, the group was reported
 * as failed, and was found whole by whoever opened the file after a crash. So the index grows
 * first: by as many frames as one COMMIT can write, which is what the cache can hold. What was
 * written out of the cache before that has its entries already.
 *
 * The layout of the index is part of SQLite's documented WAL format (sqlite.org/walformat.html).
 */
#include "store/sqlite_private.h"

enum {
	REGION_BYTES = 32768,
	REGION_FRAMES = 4096,
	HEADER_FRAMES = 34,  /* so many fewer fit into the first region */
	MXFRAME_AT = 16 / 4, /* of the header's 32-bit numbers: the newest frame */
	FRAMES_MORE = 1024,  /* pages in use, which the cache holds beyond its bound */
};

static int map_region(sqlite3_file *file, int region, void volatile **ret)
{
	int code = file->pMethods->xShmMap(file, region, REGION_BYTES, 1, ret);

	CHECK(region >= 0);
	return code == SQLITE_OK ? 0 : FAULT_DETAIL(sqlite_fault_of_code(code), code);
}

/*
 * The file's own methods are called, as SQLite calls them: a second descriptor would drop its
 * locks.
 */
static int grow(struct sqlite_store *s, int region_count)
{
	sqlite3_file *file = NULL;
	void volatile *region;
	int r = 0;

	CHECK(region_count > s->index_regions);
	if (sqlite3_file_control(s->connection.db, "main", SQLITE_FCNTL_FILE_POINTER, &file) !=
	    SQLITE_OK)
		return sqlite_raise(&s->connection);
	if (file->pMethods->iVersion < 2)
		return 0; /* such a file has no index */
	while (r == 0 && s->index_regions < region_count) {
		r = map_region(file, s->index_regions, &region);
		if (r == 0 && s->index_regions == 0)
			s->index_header = region;
		if (r == 0)
			s->index_regions++;
	}
	return r;
}

/* Pages written out of the cache since the last COMMIT: their frames are not in the header yet. */
static int64_t spilled(struct sqlite_store *s)
{
	int count = 0, highest;

	(void)sqlite3_db_status(s->connection.db, SQLITE_DBSTATUS_CACHE_SPILL, &count, &highest, 1);
	return count;
}

int sqlite_wal_index_make_room(struct sqlite_store *s)
{
	int64_t frames = (int64_t)SQLITE_WRITER_CACHE_KIB * 1024 / s->page_bytes + FRAMES_MORE;
	int r = s->index_header == NULL ? grow(s, 1) : 0;

	CHECK(s->is_in_group);
	if (r < 0 || s->index_header == NULL)
		return r;
	/* We hold the write lock: nobody else moves it. */
	frames += s->index_header[MXFRAME_AT] + spilled(s);
	r = (int)((frames + HEADER_FRAMES) / REGION_FRAMES) + 1;
	return r <= s->index_regions ? 0 : grow(s, r);
}
