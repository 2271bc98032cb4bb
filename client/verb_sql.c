/* sql: the sqlite3 shell, told what a guest beside a running server must not do. */
#include "base/check.h"
#include "client/command.h"
#include "client/session.h"
#include "client/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The server's writer is the only one to checkpoint: two connections that write or checkpoint at
 * the same instant can corrupt a WAL before SQLite 3.51.3. The shell would do so by itself on a
 * large WAL, and when the last connection closes. Two of these lines print what they set, hence the
 * silence.
 */
static const char *const settings[] = {
	".output /dev/null",
	".timeout 5000",
	".dbconfig no_ckpt_on_close on",
	"PRAGMA wal_autocheckpoint = 0",
	"PRAGMA foreign_keys = ON",
	"PRAGMA recursive_triggers = ON",
	".output stdout",
};

/* sqlite3 [-readonly] [-box] -cmd SETTING ... FILE [SQL...], ended by NULL. The caller frees it. */
static char **shell_arguments(const struct session *s, const char *file)
{
	size_t count_max = 4 + 2 * LENGTH_OF(settings) + (size_t)s->args.operand_count;
	const char **arguments = memory_or_exit(calloc(count_max, sizeof(*arguments)));
	size_t count = 0;

	arguments[count++] = "sqlite3";
	if (args_has(&s->args, OPTION_READONLY))
		arguments[count++] = "-readonly";
	if (isatty(STDOUT_FILENO))
		arguments[count++] = "-box";
	for (size_t i = 0; i < LENGTH_OF(settings); i++) {
		arguments[count++] = "-cmd";
		arguments[count++] = settings[i];
	}
	arguments[count++] = file;
	for (int i = 1; i < s->args.operand_count; i++)
		arguments[count++] = session_operand(s, i);
	CHECK(count < count_max);
	return (char **)arguments;
}

enum exit_code verb_sql(struct session *s)
{
	const char *file = session_operand(s, 0);
	char *named = NULL;

	/* The shell would create a missing file and then know no table. */
	if (access(file, R_OK) != 0) {
		bool is_missing = errno == ENOENT;

		exit_failed("cannot open %s: %s", file, strerror(errno));
		return is_missing ? EXIT_NOT_FOUND : EXIT_FAILED;
	}
	/* A file name like -x would be taken for a flag. */
	if (file[0] == '-' && asprintf(&named, "./%s", file) < 0)
		exit_out_of_memory();

	char **arguments = shell_arguments(s, named == NULL ? file : named);
	execvp("sqlite3", arguments);

	int error = errno;
	free(arguments);
	free(named);
	if (error == ENOENT)
		return exit_failed("sqlite3 is not installed: apt-get install sqlite3");
	return exit_failed("cannot run sqlite3: %s", strerror(error));
}
