/* sqlite_damage - what SQLite itself finds wrong with a file. */
#include "base/clock.h"
#include "store/sqlite_private.h"

int sqlite_check_integrity(struct sqlite_connection *c,
			   void (*see)(void *context, const char *line), void *context)
{
	static const char *const checks[] = {
		"SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
		"SELECT printf('row %s of %s names a row of %s that does not exist', rowid, "
		"\"table\", parent) FROM pragma_foreign_key_check",
		/* Without it no server starts, though all that it has adds up. */
		"SELECT 'the one row of store does not exist' "
		"WHERE (SELECT count(*) FROM store) <> 1",
	};
	int count = 0, code = SQLITE_DONE;

	CHECK(see != NULL);
	for (size_t i = 0; i < LENGTH_OF(checks) && code == SQLITE_DONE; i++) {
		sqlite3_stmt *s;

		if (sqlite3_prepare_v2(c->db, checks[i], -1, &s, NULL) != SQLITE_OK)
			return sqlite_raise(c);
		while ((code = sqlite3_step(s)) == SQLITE_ROW) {
			const char *line = (const char *)sqlite3_column_text(s, 0);

			see(context, line != NULL ? line : "");
			count++;
		}
		sqlite3_finalize(s);
		if (count > 0)
			break; /* references of a file that is none say nothing */
	}
	/* A check that the damage itself has ended has found some. */
	return code == SQLITE_DONE || count > 0 ? count : sqlite_raise(c);
}

static int stop_early(void *until_ns)
{
	return clock_monotonic_ns() > *(const int64_t *)until_ns;
}

static void see_damage(void *where, const char *line)
{
	char *text = where;

	if (text[0] == '\0')
		sqlite_words(line, text);
}

void sqlite_find_damage(const char *path, char ret[DAMAGE_BYTES])
{
	enum { LOOK_S = 2, INSTRUCTIONS_BETWEEN_LOOKS = 10000 };
	int64_t until_ns = clock_monotonic_ns() + LOOK_S * NS_PER_S;
	struct sqlite_connection c;

	CHECK(path != NULL);
	ret[0] = '\0';
	if (sqlite_connect(&c, path, SQLITE_OPEN_READONLY, NULL, 0) == 0) {
		sqlite3_progress_handler(c.db, INSTRUCTIONS_BETWEEN_LOOKS, stop_early, &until_ns);
		(void)sqlite_check_integrity(&c, see_damage, ret);
	}
	sqlite_disconnect(&c);
}
