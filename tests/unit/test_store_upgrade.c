/*
 * test_store_upgrade - a store of every earlier schema is opened: it is kept as it was, migrated,
 * and sound; and wherever that fails it is as it was, and the next one does it.
 */
#include "faulty_vfs.h"
#include "older_store.h"
#include "store/sqlite_private.h"
#include "unit.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20, STAGES_MAX = 64, STEP = 29 };

struct place {
	char folder[64];
	char path[96];
	char copy[160]; /* that a migration of today keeps */
};

static void place_open(struct place *p)
{
	strcpy(p->folder, "/tmp/rowlock-upgrade-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->path, sizeof(p->path), "%s/store.db", p->folder);
	snprintf(p->copy, sizeof(p->copy), "%s.before-schema-%d", p->path, SQLITE_VERSION_NEWEST);
}

/* Removes what lies there, and says how much it was that begins so. */
static int place_clear(const struct place *p, const char *begin)
{
	DIR *d = opendir(p->folder);
	struct dirent *e;
	int count = 0;
	char path[512];

	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		count += strncmp(e->d_name, begin, strlen(begin)) == 0;
		snprintf(path, sizeof(path), "%s/%s", p->folder, e->d_name);
		unlink(path);
	}
	closedir(d);
	return count;
}

static void place_close(const struct place *p)
{
	(void)place_clear(p, "");
	assert_int_equal(rmdir(p->folder), 0);
}

static int open_store(const struct place *p, struct store_options o,
		      struct store_open_result *result)
{
	struct store *store = NULL;
	int r;

	o.path = p->path;
	o.busy_ms = 20;
	r = sqlite_open(&o, &store, result);
	if (r == 0)
		store->ops->close(store);
	return r;
}

static size_t read_file(const char *path, char to[FILE_BYTES_MAX])
{
	int fd = open(path, O_RDONLY);
	ssize_t bytes;

	if (fd < 0)
		fail_msg("%s is not there", path);
	bytes = read(fd, to, FILE_BYTES_MAX);
	close(fd);
	assert_true(bytes > 0);
	assert_true(bytes < FILE_BYTES_MAX);
	return (size_t)bytes;
}

/* The same, but for the counters of the header by which SQLite notices changes. */
static bool is_same_content(const char *a, const char *b)
{
	static char texts[2][FILE_BYTES_MAX];
	size_t bytes = read_file(a, texts[0]);

	if (read_file(b, texts[1]) != bytes)
		return false;
	for (int i = 0; i < 2; i++) {
		memset(texts[i] + 24, 0, 4);
		memset(texts[i] + 40, 0, 4);
		memset(texts[i] + 92, 0, 8);
	}
	return memcmp(texts[0], texts[1], bytes) == 0;
}

static void every_schema_is_migrated_behind_a_copy(void **state)
{
	struct store_open_result result;
	struct stat old, copy;
	struct place p;
	char was[160], when[64];

	(void)state;
	place_open(&p);
	snprintf(was, sizeof(was), "%s/was.db", p.folder);
	for (int version = 1; version < SQLITE_VERSION_NEWEST; version++) {
		snprintf(when, sizeof(when), "from schema %d", version);
		older_store_make(p.path, version);
		older_store_make(was, version);
		(void)unlink(p.copy);
		assert_int_equal(rename(was, p.path), 0);
		assert_int_equal(chmod(p.path, 0640), 0);
		if (geteuid() == 0)
			assert_int_equal(chown(p.path, 65534, 65533), 0);
		assert_int_equal(stat(p.path, &old), 0);
		if (open_store(&p, (struct store_options){ 0 }, &result) < 0)
			fail_msg("%s: %s", when, result.message);
		ROW_EXPECT(when, result.version_from == version);
		ROW_EXPECT(when, strcmp(result.copy, p.copy) == 0);
		ROW_EXPECT(when, result.copy_bytes == old.st_size);
		assert_int_equal(stat(p.copy, &copy), 0);
		ROW_EXPECT(when, copy.st_size == old.st_size);
		ROW_EXPECT(when, copy.st_mode == old.st_mode);
		ROW_EXPECT(when, copy.st_uid == old.st_uid && copy.st_gid == old.st_gid);
		ROW_EXPECT(when, older_store_query(p.copy, "PRAGMA user_version") == version);
		older_store_is_sound(p.path, when);
		/* The way back, and forth again. */
		assert_int_equal(rename(p.copy, p.path), 0);
		assert_int_equal(open_store(&p, (struct store_options){ 0 }, &result), 0);
		older_store_is_sound(p.path, when);
		(void)place_clear(&p, "");
	}
	place_close(&p);
}

/* What is there says the same page for page. */
static void a_copy_is_the_store_as_it_was(void **state)
{
	struct store_open_result result;
	struct place p;
	char was[160], command[512];

	(void)state;
	place_open(&p);
	snprintf(was, sizeof(was), "%s/was.db", p.folder);
	older_store_make(p.path, 1);
	snprintf(command, sizeof(command), "cp %s %s", p.path, was);
	assert_int_equal(system(command), 0);
	assert_int_equal(open_store(&p, (struct store_options){ 0 }, &result), 0);
	assert_true(is_same_content(was, p.copy));
	place_close(&p);
}

/* Neither a store of today nor a new one has anything to go back to. */
static void nothing_is_copied_where_nothing_changes(void **state)
{
	struct store_open_result result;
	struct place p;

	(void)state;
	place_open(&p);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(open_store(&p, (struct store_options){ 0 }, &result), 0);
		assert_int_equal(result.is_new, i == 0);
		assert_string_equal(result.copy, "");
	}
	assert_int_equal(place_clear(&p, "store.db.before"), 0);
	place_close(&p);
}

static void without_a_copy_where_somebody_says_so(void **state)
{
	struct store_open_result result;
	struct place p;

	(void)state;
	place_open(&p);
	older_store_make(p.path, 1);
	assert_int_equal(
		open_store(&p, (struct store_options){ .migrates_without_copy = true }, &result),
		0);
	assert_string_equal(result.copy, "");
	older_store_is_sound(p.path, "without a copy");
	assert_int_equal(place_clear(&p, "store.db.before"), 0);
	place_close(&p);
}

static void no_migration_where_somebody_says_so(void **state)
{
	struct store_options must_not = { .must_not_migrate = true };
	static char before[FILE_BYTES_MAX], after[FILE_BYTES_MAX];
	struct store_open_result result;
	struct place p;
	size_t bytes;

	(void)state;
	place_open(&p);
	for (int version = 1; version < SQLITE_VERSION_NEWEST; version++) {
		older_store_make(p.path, version);
		bytes = read_file(p.path, before);
		assert_true(open_store(&p, must_not, &result) < 0);
		assert_int_equal(result.trouble, STORE_OLDER);
		assert_int_equal(store_exit_code(result.trouble), 65);
		assert_non_null(strstr(result.message, "--no-migrate"));
		assert_int_equal(read_file(p.path, after), bytes);
		assert_memory_equal(before, after, bytes);
		assert_int_equal(place_clear(&p, "store.db.before"), 0);
	}
	assert_int_equal(open_store(&p, must_not, &result), 0); /* a new one is of today */
	assert_int_equal(open_store(&p, must_not, &result), 0);
	place_close(&p);
}

/* A copy of another store, or of this one at another time, is somebody's: it stays. */
static void a_copy_of_something_else_is_left(void **state)
{
	struct store_open_result result;
	struct place p;
	char second[200], text[16] = "";
	int fd;

	(void)state;
	place_open(&p);
	snprintf(second, sizeof(second), "%s-2", p.copy);
	older_store_make(p.path, 2);
	fd = open(p.copy, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "mine", 4), 4);
	close(fd);
	assert_int_equal(open_store(&p, (struct store_options){ 0 }, &result), 0);
	assert_string_equal(result.copy, second);
	assert_int_equal(older_store_query(second, "PRAGMA user_version"), 2);
	fd = open(p.copy, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	close(fd);
	assert_string_equal(text, "mine");
	place_close(&p);
}

/* ---------------------------------------------------------------- what fails */

static void it_is_whole(const struct place *p, int version, const char *when)
{
	int64_t is_now = older_store_query(p->path, "PRAGMA user_version");

	ROW_EXPECT(when, is_now == version || is_now == SQLITE_VERSION_NEWEST);
	ROW_EXPECT(when, older_store_query(p->path, "SELECT count(*) FROM "
						    "pragma_integrity_check "
						    "WHERE integrity_check <> 'ok'") == 0);
	if (access(p->copy, F_OK) == 0)
		ROW_EXPECT(when, older_store_query(p->copy, "PRAGMA user_version") == version);
}

/*
 * The n-th write fails, for every step-th n; then the disk is well again. One copy is all
 * that is left.
 */
static void fail_writes(const struct place *p, int version, int code, int step)
{
	struct store_open_result result;
	bool has_failed = true;
	char when[96];

	for (int n = 1; has_failed; n += step) {
		snprintf(when, sizeof(when), "schema %d, write %d ends with %d", version, n, code);
		older_store_make(p->path, version);
		faulty_vfs_fail_write(n, code);
		if (open_store(p, (struct store_options){ 0 }, &result) < 0) {
			ROW_EXPECT(when, result.trouble != STORE_FINE);
			ROW_EXPECT(when, result.message[0] != '\0');
			ROW_EXPECT(when, code != SQLITE_FULL || result.trouble == STORE_FULL);
		}
		has_failed = faulty_vfs_has_failed();
		faulty_vfs_heal();
		it_is_whole(p, version, when);
		if (open_store(p, (struct store_options){ 0 }, &result) < 0)
			fail_msg("%s: %s", when, result.message);
		older_store_is_sound(p->path, when);
		ROW_EXPECT(when, place_clear(p, "store.db.before") == 1);
	}
}

static void a_write_that_fails_leaves_the_old_store(void **state)
{
	const int *step = *state;
	struct place p;

	place_open(&p);
	for (int version = 1; version < SQLITE_VERSION_NEWEST; version++) {
		fail_writes(&p, version, SQLITE_FULL, *step + version - 1);
		fail_writes(&p, version, SQLITE_IOERR_WRITE, *step + version);
	}
	place_close(&p);
}

static void a_flush_that_fails_leaves_the_old_store(void **state)
{
	struct store_open_result result;
	struct place p;

	(void)state;
	place_open(&p);
	older_store_make(p.path, 1);
	faulty_vfs_fail_sync(SQLITE_IOERR_FSYNC);
	assert_true(open_store(&p, (struct store_options){ 0 }, &result) < 0);
	faulty_vfs_heal();
	it_is_whole(&p, 1, "a flush");
	assert_int_equal(open_store(&p, (struct store_options){ 0 }, &result), 0);
	older_store_is_sound(p.path, "a flush");
	place_close(&p);
}

/* ---------------------------------------------------------------- how far it is */

struct seen {
	const char *stages[STAGES_MAX];
	int count;
	int calls;
	int percent; /* of the copy, as was told last */
};

static void see(void *context, const struct store_progress *p)
{
	struct seen *s = context;

	s->calls++;
	if (s->count == 0 || strcmp(s->stages[s->count - 1], p->stage) != 0) {
		assert_true(s->count < STAGES_MAX);
		s->stages[s->count++] = p->stage;
	}
	assert_true(strcmp(p->stage, "copy") == 0 || p->percent == -1);
	assert_true(p->percent == -1 || p->percent >= s->percent);
	assert_true(p->percent <= 100);
	if (p->percent >= 0)
		s->percent = p->percent;
	assert_int_equal(p->version, SQLITE_VERSION_NEWEST);
	assert_true(p->elapsed_ms >= 0);
}

static void who_asks_hears_of_each_stage(void **state)
{
	static const char *const stages[] = { "recover", "copy", "migrate", "check" };
	struct store_open_result result;
	struct seen seen = { .percent = -1 };
	struct store_options asks = { .progress = see, .progress_context = &seen };
	struct place p;
	int calls;

	(void)state;
	place_open(&p);
	older_store_make(p.path, 1);
	assert_int_equal(open_store(&p, asks, &result), 0);
	for (int i = 0; i < (int)LENGTH_OF(stages); i++)
		assert_string_equal(seen.stages[i], stages[i]);
	assert_true(seen.percent >= 0);
	/* Of each page that was read or written. */
	assert_true(seen.calls > 50);

	calls = seen.calls;
	asks.progress_ms = 3600000;
	assert_int_equal(open_store(&p, asks, &result), 0);
	assert_int_equal(seen.calls, calls);
	place_close(&p);
}

/* "all": at every write, which takes a minute. */
int main(int argc, char *argv[])
{
	static int step = STEP;
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_schema_is_migrated_behind_a_copy),
		cmocka_unit_test(a_copy_is_the_store_as_it_was),
		cmocka_unit_test(nothing_is_copied_where_nothing_changes),
		cmocka_unit_test(without_a_copy_where_somebody_says_so),
		cmocka_unit_test(no_migration_where_somebody_says_so),
		cmocka_unit_test(a_copy_of_something_else_is_left),
		cmocka_unit_test_prestate(a_write_that_fails_leaves_the_old_store, &step),
		cmocka_unit_test(a_flush_that_fails_leaves_the_old_store),
		cmocka_unit_test(who_asks_hears_of_each_stage),
	};

	if (argc > 1 && strcmp(argv[1], "all") == 0)
		step = 1;
	faulty_vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
