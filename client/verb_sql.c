/* sql: the sqlite3 shell or psql, told what a guest beside a running server must not do. */
#include "base/check.h"
#include "client/command.h"
#include "client/session.h"
#include "client/memory.h"
#include "store/postgres_uri.h"
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

static enum exit_code run(const char *program, const char *package, char **arguments)
{
	int error;

	execvp(program, arguments);
	error = errno;
	free(arguments);
	if (error == ENOENT)
		return exit_failed("%s is not installed: apt-get install %s", program, package);
	return exit_failed("cannot run %s: %s", program, strerror(error));
}

/* ---------------------------------------------------------------- psql */

static void set_variable(const char *name, const char *value)
{
	CHECK(name != NULL);
	if (setenv(name, value, 1) != 0)
		exit_out_of_memory();
}

/*
 * Names are looked up in the store's schema, a row that is held is waited for as long as the
 * sqlite3 shell would, and whoever only looks cannot write by mistake. What PGOPTIONS says already
 * stands behind it, and so has the last word.
 */
static void set_options(const struct postgres_uri *u, bool is_readonly)
{
	const char *others = getenv("PGOPTIONS");
	char *options;

	if (asprintf(&options, "-c search_path=%s,pg_temp -c lock_timeout=5s%s %s", u->schema,
		     is_readonly ? " -c default_transaction_read_only=on" : "",
		     others != NULL ? others : "") < 0)
		exit_out_of_memory();
	set_variable("PGOPTIONS", options);
	free(options);
}

/* For scripts as the sqlite3 shell answers them, for people in a box. */
static const char *const plain[] = { "-A", "-t" };
static const char *const boxed[] = { "-Pborder=2", "-Plinestyle=unicode", "-Pfooter=off" };

static size_t add_all(const char **arguments, const char *const words[], size_t count)
{
	CHECK(arguments != NULL);
	for (size_t i = 0; i < count; i++)
		arguments[i] = words[i];
	return count;
}

/* psql [FORMAT...] [-X] [-c SQL]... -d CONNINFO, ended by NULL. The caller frees it. */
static char **psql_arguments(const struct session *s, const char *conninfo)
{
	size_t count_max = 10 + LENGTH_OF(boxed) + 2 * (size_t)s->args.operand_count;
	const char **arguments = memory_or_exit(calloc(count_max, sizeof(*arguments)));
	size_t count = 0;

	arguments[count++] = "psql";
	arguments[count++] = "-q";
	arguments[count++] = "-vON_ERROR_STOP=on";
	arguments[count++] = "-vSHOW_CONTEXT=never";
	count += isatty(STDOUT_FILENO) ? add_all(arguments + count, boxed, LENGTH_OF(boxed))
				       : add_all(arguments + count, plain, LENGTH_OF(plain));
	if (s->args.operand_count > 1) {
		arguments[count++] = "-X";
		arguments[count++] = "-Ppager=off";
	}
	for (int i = 1; i < s->args.operand_count; i++) {
		arguments[count++] = "-c";
		arguments[count++] = session_operand(s, i);
	}
	arguments[count++] = "-d";
	arguments[count++] = conninfo;
	CHECK(count < count_max);
	return (char **)arguments;
}

/* The password goes by a variable: a command line is seen by everybody (ps). */
static enum exit_code run_psql(const struct session *s, const struct postgres_uri *u)
{
	char *conninfo = NULL, *password = NULL;
	enum exit_code code;
	int r = postgres_uri_arguments(u, &conninfo, &password);

	if (r == -ENOMEM)
		exit_out_of_memory();
	if (r < 0)
		return exit_usage("everybody would see sslpassword (ps): leave it out, psql asks");
	if (password != NULL)
		set_variable("PGPASSWORD", password);
	set_options(u, args_has(&s->args, OPTION_READONLY));
	code = run("psql", "postgresql-client", psql_arguments(s, conninfo));
	free(conninfo);
	free(password);
	return code;
}

static enum exit_code open_database(const struct session *s, const char *uri)
{
	struct postgres_uri u;
	enum exit_code code;
	int r = postgres_uri_split(uri, &u);

	if (r == -ENOMEM)
		exit_out_of_memory();
	code = r < 0 ? exit_usage("%s", u.wrong) : run_psql(s, &u);
	postgres_uri_fini(&u);
	return code;
}

/* ---------------------------------------------------------------- the verb */

enum exit_code verb_sql(struct session *s)
{
	const char *file = session_operand(s, 0);
	char *named = NULL;

	enum exit_code code;

	if (postgres_is_uri(file))
		return open_database(s, file);
	/* The shell would create a missing file and then know no table. */
	if (access(file, R_OK) != 0) {
		bool is_missing = errno == ENOENT;

		exit_failed("cannot open %s: %s", file, strerror(errno));
		return is_missing ? EXIT_NOT_FOUND : EXIT_FAILED;
	}
	/* A file name like -x would be taken for a flag. */
	if (file[0] == '-' && asprintf(&named, "./%s", file) < 0)
		exit_out_of_memory();

	code = run("sqlite3", "sqlite3", shell_arguments(s, named == NULL ? file : named));
	free(named);
	return code;
}
