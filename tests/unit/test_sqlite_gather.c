/*
 * test_sqlite_gather - what is gathered is in the file when anybody could ask for it, and what was
 * taken back never is.
 */
#include "faulty_vfs.h"
#include "store/sqlite_gather.h"
#include "unit.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	PAGE_BYTES = 1024,
	HEADER_BYTES = 24,
	FILE_BYTES_MAX = 1 << 20,
	TRAP_BYTES = 131072, /* unixWrite() of SQLite 3.40 takes multiples of it for nothing */
};

struct world {
	char folder[64];
	char path[96];
	char log_path[104];
	sqlite3 *ours; /* through the gathering file system */
	sqlite3 *theirs;
	sqlite3_file *log;
};

static void run(sqlite3 *db, const char *sql)
{
	char *said = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &said) != SQLITE_OK)
		fail_msg("%s: %s", sql, said);
}

static int64_t query(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	int64_t number;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	number = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return number;
}

#define SOUND "SELECT integrity_check = 'ok' FROM pragma_integrity_check"

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->folder, "/tmp/rowlock-gather-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->path, sizeof(w->path), "%s/a.db", w->folder);
	snprintf(w->log_path, sizeof(w->log_path), "%s-wal", w->path);
	assert_int_equal(sqlite_gather_register(), 0);
	assert_int_equal(sqlite3_open_v2(w->path, &w->ours,
					 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, SQLITE_GATHER),
			 SQLITE_OK);
	run(w->ours, "PRAGMA page_size=1024; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		     "PRAGMA wal_autocheckpoint=0;"
		     "CREATE TABLE t (n INTEGER PRIMARY KEY, x BLOB)");
	assert_int_equal(sqlite3_open(w->path, &w->theirs), SQLITE_OK);
	run(w->theirs, "PRAGMA wal_autocheckpoint=0");
	assert_int_equal(query(w->theirs, "SELECT count(*) FROM t"), 0);
	assert_int_equal(
		sqlite3_file_control(w->ours, "main", SQLITE_FCNTL_JOURNAL_POINTER, &w->log),
		SQLITE_OK);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	struct world *w = *state;
	char path[128];

	faulty_vfs_heal();
	sqlite3_close(w->ours);
	sqlite3_close(w->theirs);
	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", w->path, suffixes[i]);
		unlink(path);
	}
	rmdir(w->folder);
	free(w);
	return 0;
}

/* ---------------------------------------------------------------- the file, call by call */

static char wanted[FILE_BYTES_MAX], found[FILE_BYTES_MAX];

static void fill(char *to, int bytes, unsigned *seed)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (char)rand_r(seed);
}

/* All that the file holds below `bytes` is what it should be. */
static void expect_file(const struct world *w, int64_t bytes)
{
	int fd = open(w->log_path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, found, (size_t)bytes, 0), bytes);
	close(fd);
	assert_memory_equal(found, wanted, (size_t)bytes);
}

static int write_log(struct world *w, int bytes, int64_t at)
{
	return w->log->pMethods->xWrite(w->log, wanted + at, bytes, at);
}

static int sync_log(struct world *w)
{
	return w->log->pMethods->xSync(w->log, SQLITE_SYNC_NORMAL);
}

static void begin_log(struct world *w)
{
	assert_int_equal(w->log->pMethods->xTruncate(w->log, 0), SQLITE_OK);
	run(w->ours, "BEGIN IMMEDIATE; ROLLBACK"); /* the write lock was given up */
}

/* In steps of each size: every sum around the trap. */
static void no_size_is_a_trap(void **state)
{
	static const int steps[] = { TRAP_BYTES - 1, TRAP_BYTES - 100, 70000, 4096, 1000 };
	struct world *w = *state;
	unsigned seed = 1;

	fill(wanted, FILE_BYTES_MAX, &seed);
	for (size_t i = 0; i < LENGTH_OF(steps); i++)
		for (int trap = TRAP_BYTES; trap <= 2 * TRAP_BYTES; trap += TRAP_BYTES)
			for (int bytes = trap - 40; bytes <= trap + 40; bytes++) {
				begin_log(w);
				for (int at = 0; at < bytes; at += steps[i])
					assert_int_equal(write_log(w,
								   bytes - at < steps[i]
									   ? bytes - at
									   : steps[i],
								   at),
							 SQLITE_OK);
				assert_int_equal(sync_log(w), SQLITE_OK);
				expect_file(w, bytes);
			}
}

/* The header of a frame, with the commit mark or without it, then its page. */
static int write_frame(struct world *w, int64_t at, bool ends_commit)
{
	memset(wanted + at + 4, ends_commit ? 1 : 0, 4);
	return write_log(w, HEADER_BYTES, at) != SQLITE_OK
		       ? SQLITE_ERROR
		       : write_log(w, PAGE_BYTES, at + HEADER_BYTES);
}

/* Anything in any order: whoever could look at the file finds what was written. */
static void any_order_of_calls_leaves_what_was_written(void **state)
{
	enum { ROUNDS = 300, CALLS = 60, FRAME_BYTES = HEADER_BYTES + PAGE_BYTES };
	struct world *w = *state;
	const sqlite3_io_methods *m = w->log->pMethods;
	sqlite3_int64 size;

	for (unsigned round = 1; round <= ROUNDS; round++) {
		unsigned seed = round;
		int64_t end = 0, at;

		begin_log(w);
		fill(wanted, CALLS * FRAME_BYTES, &seed);
		for (int call = 0; call < CALLS; call++) {
			bool must_be_there = true;

			switch (rand_r(&seed) % 8) {
			case 0: /* an earlier page again */
				at = end / FRAME_BYTES > 0
					     ? rand_r(&seed) % (end / FRAME_BYTES) * FRAME_BYTES
					     : 0;
				if (at == end)
					continue;
				fill(wanted + at + HEADER_BYTES, PAGE_BYTES, &seed);
				assert_int_equal(write_log(w, PAGE_BYTES, at + HEADER_BYTES),
						 SQLITE_OK);
				break;
			case 1:
				assert_int_equal(sync_log(w), SQLITE_OK);
				assert_int_equal(faulty_vfs_unflushed_count(), 0);
				break;
			case 2:
				if (end == 0)
					continue;
				at = rand_r(&seed) % end;
				assert_int_equal(m->xRead(w->log, found, (int)(end - at), at),
						 SQLITE_OK);
				break;
			case 3:
				assert_int_equal(m->xFileSize(w->log, &size), SQLITE_OK);
				assert_int_equal(size, end);
				break;
			case 4:
				assert_int_equal(write_frame(w, end, true), SQLITE_OK);
				end += FRAME_BYTES;
				break;
			default:
				assert_int_equal(write_frame(w, end, false), SQLITE_OK);
				end += FRAME_BYTES;
				must_be_there = false;
				break;
			}
			if (must_be_there)
				expect_file(w, end);
		}
	}
}

static void a_write_that_fails_is_said_by_the_call_that_needed_it(void **state)
{
	struct world *w = *state;
	const sqlite3_io_methods *m = w->log->pMethods;
	sqlite3_int64 size;

	for (int call = 0; call < 6; call++) {
		int code = SQLITE_OK;

		begin_log(w);
		assert_int_equal(write_frame(w, 0, false), SQLITE_OK);
		faulty_vfs_fail_write(1, SQLITE_FULL);
		switch (call) {
		case 0:
			code = sync_log(w);
			break;
		case 1:
			code = m->xRead(w->log, found, 10, 5);
			break;
		case 2:
			code = m->xTruncate(w->log, 10);
			break;
		case 3:
			code = m->xFileSize(w->log, &size);
			break;
		case 4: /* again */
			code = write_log(w, PAGE_BYTES, HEADER_BYTES);
			break;
		default: /* the end of a commit */
			assert_int_equal(write_log(w, HEADER_BYTES, HEADER_BYTES + PAGE_BYTES),
					 SQLITE_OK);
			memset(wanted + 2048 + 4, 1, 4);
			code = write_frame(w, 2048, true) == SQLITE_OK ? SQLITE_OK : SQLITE_FULL;
			break;
		}
		assert_int_equal(code, SQLITE_FULL);
		faulty_vfs_heal();
		assert_int_equal(sync_log(w), SQLITE_OK); /* nothing is left of it */
	}
	assert_int_equal(m->xTruncate(w->log, 0), SQLITE_OK);
}

/* The place may be somebody else's from then on. */
static void what_was_taken_back_is_never_written(void **state)
{
	struct world *w = *state;
	sqlite3_int64 size;

	begin_log(w);
	run(w->ours, "BEGIN IMMEDIATE");
	assert_int_equal(write_frame(w, 0, false), SQLITE_OK);
	run(w->ours, "ROLLBACK");
	assert_int_equal(w->log->pMethods->xFileSize(w->log, &size), SQLITE_OK);
	assert_int_equal(size, 0);
}

/* ---------------------------------------------------------------- through SQLite */

#define ADD(count) INSERT(count, "randomblob(900)")
#define INSERT(count, what)                                                                \
	"WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < " count \
	") INSERT INTO t (x) SELECT " what " FROM c"

static void a_commit_is_one_write_and_one_flush(void **state)
{
	struct world *w = *state;
	int before;

	run(w->ours, ADD("3"));
	before = faulty_vfs_write_count();
	run(w->ours, ADD("80"));
	assert_int_equal(faulty_vfs_write_count() - before, 1);
	assert_int_equal(faulty_vfs_unflushed_count(), 0);
	before = faulty_vfs_write_count();
	run(w->ours, ADD("500")); /* a page each: 524,000 bytes, by at most 131,071 */
	assert_true(faulty_vfs_write_count() - before <= 6);
	assert_int_equal(query(w->theirs, "SELECT count(*) FROM t"), 583);
	assert_int_equal(query(w->theirs, SOUND), 1);
}

/* Pages that the cache had no room for are in the log before the commit, and the checksums of all
 * are made anew behind it. */
static void pages_written_early_are_kept_or_taken_back(void **state)
{
	struct world *w = *state;

	run(w->ours, "PRAGMA cache_size=10");
	for (int64_t round = 0; round < 20; round++) {
		run(w->ours, "BEGIN IMMEDIATE");
		run(w->ours, ADD("77"));
		assert_int_equal(query(w->ours, "SELECT count(*) FROM t"), round * 167 + 77);
		run(w->ours, "UPDATE t SET x = randomblob(899)");
		run(w->ours, "ROLLBACK");
		run(w->ours, "BEGIN IMMEDIATE");
		run(w->ours, ADD("77"));
		run(w->ours, "ROLLBACK");
		/* Where the pages were that were taken back, somebody else writes. */
		run(w->theirs, INSERT("90", "zeroblob(900)"));
		assert_int_equal(query(w->ours, "SELECT count(*) FROM t"), round * 167 + 90);
		assert_int_equal(query(w->ours, "SELECT count(*) FROM t WHERE x = zeroblob(900)"),
				 90);
		run(w->ours, "BEGIN IMMEDIATE");
		run(w->ours, ADD("77"));
		run(w->ours, "UPDATE t SET x = randomblob(899)");
		run(w->ours, "COMMIT");
		assert_int_equal(query(w->theirs, "SELECT count(*) FROM t"), round * 167 + 167);
		assert_int_equal(query(w->theirs, SOUND), 1);
		if (round % 5 == 4)
			run(w->ours, "PRAGMA wal_checkpoint(TRUNCATE)");
	}
}

/* Nothing waits for a flush that is not asked for. */
static void without_flushes_a_commit_is_seen_whole(void **state)
{
	static const char *const levels[] = { "OFF", "NORMAL", "FULL" };
	struct world *w = *state;
	char sql[64];

	for (size_t i = 0; i < LENGTH_OF(levels); i++) {
		snprintf(sql, sizeof(sql), "PRAGMA synchronous=%s", levels[i]);
		run(w->ours, sql);
		for (int64_t n = 1; n <= 20; n++) {
			run(w->ours, ADD("7"));
			assert_int_equal(query(w->theirs, "SELECT count(*) FROM t"),
					 ((int64_t)i * 20 + n) * 7);
			assert_int_equal(query(w->theirs, SOUND), 1);
		}
		run(w->ours, "PRAGMA wal_checkpoint(RESTART)");
	}
}

/* For every n: the n-th piece cannot be written. */
static void a_commit_that_cannot_be_written_is_taken_back(void **state)
{
	static const int codes[] = { SQLITE_FULL, SQLITE_IOERR_WRITE };
	struct world *w = *state;

	for (int cache = 10; cache <= 2000; cache += 1990)
		for (size_t i = 0; i < LENGTH_OF(codes); i++) {
			char sql[64];
			bool has_failed;
			int n = 0;

			snprintf(sql, sizeof(sql), "PRAGMA cache_size=%d", cache);
			run(w->ours, sql);
			do {
				int64_t count = query(w->ours, "SELECT count(*) FROM t");
				int code;

				faulty_vfs_fail_write(++n, codes[i]);
				code = sqlite3_exec(w->ours,
						    "BEGIN IMMEDIATE;" ADD("40") "; COMMIT", NULL,
						    NULL, NULL);
				has_failed = faulty_vfs_has_failed();
				faulty_vfs_heal();
				assert_int_equal(code == SQLITE_OK, !has_failed);
				if (!sqlite3_get_autocommit(w->ours))
					run(w->ours, "ROLLBACK");
				run(w->theirs, ADD("1"));
				assert_int_equal(query(w->ours, "SELECT count(*) FROM t"),
						 count + 1 + (has_failed ? 0 : 40));
				assert_int_equal(query(w->theirs, SOUND), 1);
			} while (has_failed);
			assert_true(n > 40);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(no_size_is_a_trap),
		CASE(any_order_of_calls_leaves_what_was_written),
		CASE(a_write_that_fails_is_said_by_the_call_that_needed_it),
		CASE(what_was_taken_back_is_never_written),
		CASE(a_commit_is_one_write_and_one_flush),
		CASE(pages_written_early_are_kept_or_taken_back),
		CASE(without_flushes_a_commit_is_seen_whole),
		CASE(a_commit_that_cannot_be_written_is_taken_back),
#undef CASE
	};

	faulty_vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
