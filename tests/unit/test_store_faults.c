/*
 * test_store_faults - a store whose disk fails, whose process dies, whose file is not what it was.
 */
#include "faulty_vfs.h"
#include "store_fixture.h"
#include "store/sqlite_private.h"
#include "unit.h"
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char ledger_is_wrong[] = "SELECT count(*) FROM v_ledger_check";

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	assert_non_null(f);
	fixture_open(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	faulty_vfs_heal();
	fixture_close(*state);
	free(*state);
	return 0;
}

/* ---------------------------------------------------------------- the disk */

/* One group that changes many rows' worth of pages. Returns 0, or the fault where it ended. */
static int try_group(struct fixture *f)
{
	int r = 0;

	fixture_begin(f);
	for (int i = 0; i < 40 && r == 0; i++)
		r = fixture_try_change(f, i % 2, 1);
	return r < 0 ? r : fixture_commit(f);
}

/* Fails the first write of a group, then the second one, and so on, until one group needs fewer. */
static void fail_each_write(struct fixture *f, int code, int fault)
{
	int number = 0;
	bool has_failed;

	do {
		int64_t on_hand = fixture_on_hand(f, 0);
		int r;

		faulty_vfs_fail_write(++number, code);
		r = try_group(f);
		has_failed = faulty_vfs_has_failed();
		faulty_vfs_heal();
		assert_int_equal(r, has_failed ? fault : 0);
		if (has_failed)
			fixture_rollback(f);
		assert_int_equal(fixture_on_hand(f, 0), on_hand + (has_failed ? 0 : 20));
		assert_int_equal(fixture_query(f, ledger_is_wrong), 0);
	} while (has_failed);
	assert_true(number > 3); /* a group is several writes */

	fixture_reopen(f);
	assert_int_equal(f->stocks[0].on_hand, 20);
	fixture_change_committed(f, 0, 1);
	assert_int_equal(fixture_query(f, ledger_is_wrong), 0);
}

static void a_full_disk_rolls_the_group_back_and_heals(void **state)
{
	fail_each_write(*state, SQLITE_FULL, -ENOSPC);
}

static void a_failed_write_rolls_the_group_back(void **state)
{
	fail_each_write(*state, SQLITE_IOERR_WRITE, -EIO);
}

/*
 * Its frames may be on the disk or not: the store says that it does not know, whatever the flush,
 * or what comes behind it, says.
 */
static void a_failed_flush_is_unknown(void **state)
{
	static const int codes[] = { SQLITE_IOERR_FSYNC,  SQLITE_IOERR_DIR_FSYNC,
				     SQLITE_IOERR,        SQLITE_IOERR_SHMSIZE,
				     SQLITE_IOERR_SHMMAP, SQLITE_IOERR_NOMEM,
				     SQLITE_NOMEM,        SQLITE_CORRUPT,
				     SQLITE_IOERR_FSTAT };
	struct fixture *f = *state;

	fixture_change_committed(f, 0, 5);
	for (size_t i = 0; i < LENGTH_OF(codes); i++) {
		int64_t before[2] = { f->stocks[0].on_hand, f->stocks[1].on_hand };
		int64_t kept;

		faulty_vfs_fail_sync(codes[i]);
		fixture_begin(f);
		fixture_change(f, 0, 1);
		fixture_change(f, 1, 1);
		assert_int_equal(fixture_commit(f), -EREMOTEIO);
		assert_true(faulty_vfs_has_failed());
		faulty_vfs_heal();

		fixture_reopen(f); /* now it is known, and it is all or nothing */
		kept = f->stocks[0].on_hand - before[0];
		assert_true(kept == 0 || kept == 1);
		assert_int_equal(f->stocks[1].on_hand - before[1], kept);
		assert_int_equal(fixture_query(f, ledger_is_wrong), 0);
	}
}

/* Found before anything was flushed: the group was not applied, and the next one works. */
static void an_index_that_cannot_grow_rolls_the_group_back(void **state)
{
	static const struct {
		const char *what;
		int code;
		int fault;
	} rows[] = {
		{ "the disk is full", SQLITE_IOERR_SHMSIZE, -ENOSPC },
		{ "memory is short", SQLITE_IOERR_NOMEM, -ENOMEM },
		{ "it cannot be mapped", SQLITE_IOERR_SHMMAP, -EIO },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		fixture_reopen(f); /* the index is gone */
		faulty_vfs_fail_index(rows[i].code);
		ROW_EXPECT(rows[i].what, try_group(f) == rows[i].fault);
		ROW_EXPECT(rows[i].what, faulty_vfs_has_failed());
		fixture_rollback(f);
		ROW_EXPECT(rows[i].what, f->stocks[0].on_hand == (int64_t)i * 20);
		ROW_EXPECT(rows[i].what, try_group(f) == rows[i].fault);
		fixture_rollback(f);
		faulty_vfs_heal();
		ROW_EXPECT(rows[i].what, try_group(f) == 0);
	}
}

static void copy_file(const char *from, const char *to)
{
	char bytes[4096];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t count;

	assert_non_null(in);
	assert_non_null(out);
	while ((count = fread(bytes, 1, sizeof(bytes), in)) > 0)
		assert_int_equal(fwrite(bytes, 1, count, out), count);
	assert_int_equal(fclose(in), 0);
	assert_int_equal(fclose(out), 0);
}

/* What would be found if the power failed now: the files as they are, without the index. */
static int64_t on_hand_after_a_crash(const struct fixture *f)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char from[128], to[128];
	int64_t on_hand;
	sqlite3_stmt *s;
	sqlite3 *db;

	for (size_t i = 0; i < 2; i++) {
		snprintf(from, sizeof(from), "%s%s", f->path, suffixes[i]);
		snprintf(to, sizeof(to), "%s.crash%s", f->path, suffixes[i]);
		copy_file(from, to);
	}
	snprintf(to, sizeof(to), "%s.crash", f->path);
	assert_int_equal(sqlite3_open(to, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT on_hand FROM stock WHERE item_id = 1", -1, &s, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	on_hand = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		snprintf(to, sizeof(to), "%s.crash%s", f->path, suffixes[i]);
		unlink(to);
	}
	return on_hand;
}

/* The WAL grows past what its index holds, which cannot grow: a crash finds what was said. */
static void what_the_index_has_no_room_for_is_not_kept(void **state)
{
	struct fixture *f = *state;
	int64_t on_hand;
	int r;

	fixture_change_committed(f, 0, 1);
	faulty_vfs_fail_index(SQLITE_IOERR_SHMSIZE);
	do {
		on_hand = fixture_on_hand(f, 0);
		r = try_group(f);
	} while (r == 0);
	faulty_vfs_heal();
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(on_hand_after_a_crash(f), on_hand);
	fixture_rollback(f);
	assert_int_equal(f->stocks[0].on_hand, on_hand);
	assert_int_equal(try_group(f), 0);
	assert_int_equal(on_hand_after_a_crash(f), on_hand + 20);
}

/* ---------------------------------------------------------------- the process */

enum { DEATHS = 6, GROUPS_BEFORE_DEATH = 4 };

/* Commits some groups, each announced when it is durable, and dies in the middle of another. */
static void commit_and_die(struct fixture *f, int out)
{
	struct store_options options = { .path = f->path, .busy_ms = 1000 };
	struct store_open_result result;

	if (sqlite_open(&options, &f->store, &result) < 0)
		_exit(1);
	fixture_load(f);
	for (int i = 0; i < GROUPS_BEFORE_DEATH; i++) {
		if (try_group(f) != 0 || write(out, &f->stocks[0].on_hand, 8) != 8)
			_exit(1);
	}
	fixture_begin(f);
	for (int i = 0; i < 1000; i++)
		fixture_change(f, 0, 1);
	raise(SIGKILL);
}

static void a_killed_process_loses_nothing_acknowledged(void **state)
{
	struct fixture *f = *state;

	for (int death = 0; death < DEATHS; death++) {
		int64_t acknowledged = 0, on_hand;
		int fds[2], status;
		pid_t pid;

		f->store->ops->close(f->store);
		f->store = NULL;
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			commit_and_die(f, fds[1]);
		close(fds[1]);
		while (read(fds[0], &on_hand, 8) == 8)
			acknowledged = on_hand;
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

		fixture_reopen(f);
		assert_int_equal(acknowledged, (death + 1) * GROUPS_BEFORE_DEATH * 20);
		assert_int_equal(f->stocks[0].on_hand, acknowledged);
		assert_int_equal(f->stocks[1].on_hand, acknowledged);
		assert_int_equal(fixture_query(f, ledger_is_wrong), 0);
	}
}

/* ---------------------------------------------------------------- the file */

static void a_moved_file_is_noticed(void **state)
{
	struct fixture *f = *state;
	char elsewhere[128];

	snprintf(elsewhere, sizeof(elsewhere), "%s.moved", f->path);
	assert_int_equal(sqlite_check_file(f->store), 0);
	assert_int_equal(rename(f->path, elsewhere), 0);
	assert_int_equal(sqlite_check_file(f->store), -ESTALE);
	assert_int_equal(rename(elsewhere, f->path), 0);
	assert_int_equal(sqlite_check_file(f->store), 0);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void make_nothing(const char *path)
{
	unlink(path);
}

static void make_text(const char *path)
{
	write_file(path, "This is a text that somebody needs, and it is no database at all.\n");
}

static void make_other(const char *path)
{
	sqlite3 *database;

	unlink(path);
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, "CREATE TABLE mine (x)", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(database);
}

static void make_newer(const char *path)
{
	sqlite3 *database;

	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, "PRAGMA user_version = 9999", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(database);
}

static void make_kind_of_later(const char *path)
{
	sqlite3 *database;

	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database,
				      "DROP TRIGGER movement_kind_insert;"
				      "INSERT INTO movement_kind VALUES ('gift')",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(database);
}

/* Somebody has changed the table by hand: what a migration would take out of it is not there. */
static void make_ledger_of_others(const char *path)
{
	sqlite3 *database;

	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(database,
			     "PRAGMA user_version = 3; DROP TABLE movement_kind;"
			     "DROP TRIGGER movement_insert_kind;"
			     "ALTER TABLE movement ADD COLUMN more TEXT CHECK (more <> 'x')",
			     NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(database);
}

static void make_folder(const char *path)
{
	unlink(path);
	assert_int_equal(rmdir(path) == 0 || errno == ENOENT, 1);
	write_file(path, "");
	unlink(path);
	assert_int_equal(symlink("/tmp", path), 0);
}

static void a_wrong_file_is_refused_by_name(void **state)
{
	static const struct {
		const char *what;
		void (*make)(const char *path);
		enum store_trouble trouble;
	} rows[] = {
		{ "a newer schema", make_newer, STORE_NEWER },
		{ "a kind of movements of a newer one", make_kind_of_later, STORE_NEWER },
		{ "a ledger that is not ours any more", make_ledger_of_others, STORE_CORRUPT },
		{ "another program's database", make_other, STORE_FOREIGN },
		{ "no database", make_text, STORE_FOREIGN },
		{ "no file, but its lock file", make_nothing, STORE_GONE },
		{ "a folder", make_folder, STORE_FOREIGN },
	};
	struct fixture *f = *state;
	struct store_options options = { .path = f->path, .busy_ms = 20 };
	struct store_open_result result;
	struct store *store;

	assert_true(sqlite_open(&options, &store, &result) < 0);
	assert_int_equal(result.trouble, STORE_IN_USE); /* by this very process */
	f->store->ops->close(f->store);
	f->store = NULL;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		rows[i].make(f->path);
		ROW_EXPECT(rows[i].what, sqlite_open(&options, &store, &result) < 0);
		ROW_EXPECT(rows[i].what, result.trouble == rows[i].trouble);
		ROW_EXPECT(rows[i].what, strstr(result.message, f->path) != NULL);
	}

	unlink(f->path);
	options.may_create_gone = true;
	assert_int_equal(sqlite_open(&options, &f->store, &result), 0);
	assert_true(result.is_new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(a_full_disk_rolls_the_group_back_and_heals),
		CASE(a_failed_write_rolls_the_group_back),
		CASE(a_failed_flush_is_unknown),
		CASE(an_index_that_cannot_grow_rolls_the_group_back),
		CASE(what_the_index_has_no_room_for_is_not_kept),
		CASE(a_killed_process_loses_nothing_acknowledged),
		CASE(a_moved_file_is_noticed),
		CASE(a_wrong_file_is_refused_by_name),
#undef CASE
	};

	faulty_vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
