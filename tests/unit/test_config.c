#include "ops/config.h"
#include "ops/config_file.h"
#include "unit.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 8, SHOWN_BYTES_MAX = 32768, PATH_BYTES = 64 };

/* What a call wrote, to be looked at afterwards. */
struct shown {
	int kept_fd;
	int stream_fd; /* 1 or 2 */
	FILE *file;
	char text[SHOWN_BYTES_MAX];
};

static void shown_begin(struct shown *s, int stream_fd)
{
	fflush(NULL);
	s->stream_fd = stream_fd;
	s->file = tmpfile();
	assert_non_null(s->file);
	s->kept_fd = dup(stream_fd);
	assert_true(dup2(fileno(s->file), stream_fd) == stream_fd);
}

static void shown_end(struct shown *s)
{
	ssize_t bytes;

	fflush(NULL);
	assert_true(dup2(s->kept_fd, s->stream_fd) == s->stream_fd);
	close(s->kept_fd);
	bytes = pread(fileno(s->file), s->text, sizeof(s->text) - 1, 0);
	assert_true(bytes >= 0);
	s->text[bytes] = '\0';
	fclose(s->file);
}

struct call {
	char *argv[ARGUMENTS_MAX + 2]; /* stays, to be read again */
	char variable[128];            /* stays: values point into it */
	struct config_reading reading;
	enum config_result result;
	int exit_code;
	struct shown out, err;
};

/* Takes "NAME=value" out of the environment; what was read of it goes on pointing into it. */
static void variable_remove(const char *variable)
{
	char name[SETTING_NAME_BYTES];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(variable, "="), variable);
	unsetenv(name);
}

/* config_read() with these arguments and at most one variable, "NAME=value". */
static void call_make(struct call *c, const char *const arguments[], const char *variable)
{
	static char program[] = "rowlockd";
	char **argv = c->argv;
	int argc = 1;

	memset(c->argv, 0, sizeof(c->argv));
	argv[0] = program;

	while (argc <= ARGUMENTS_MAX && arguments[argc - 1] != NULL) {
		argv[argc] = (char *)arguments[argc - 1];
		argc++;
	}
	if (variable != NULL) {
		snprintf(c->variable, sizeof(c->variable), "%s", variable);
		putenv(c->variable);
	}
	c->exit_code = -1;
	shown_begin(&c->out, STDOUT_FILENO);
	shown_begin(&c->err, STDERR_FILENO);
	c->result = config_read(&c->reading, argc, argv, &c->exit_code);
	shown_end(&c->err);
	shown_end(&c->out);
	if (variable != NULL)
		variable_remove(variable);
}

/* A file with this text; removed by file_end(). */
static void file_begin(char path[PATH_BYTES], const char *text)
{
	FILE *file;
	int fd;

	snprintf(path, PATH_BYTES, "/tmp/rowlock-config-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void call_end(struct call *c)
{
	config_reading_fini(&c->reading);
}

static void nothing_said_is_the_defaults(void **state)
{
	struct call c;

	(void)state;
	call_make(&c, (const char *const[]){ NULL }, NULL);
	assert_int_equal(c.result, CONFIG_RUN);
	assert_string_equal(c.reading.config.listen, "127.0.0.1:8080");
	assert_string_equal(c.reading.config.row_release, "auto");
	assert_int_equal(c.reading.config.wait_default_ms, 2000);
	assert_false(c.reading.config.create);
	assert_string_equal(c.out.text, "");
	assert_string_equal(c.err.text, "");
}

#define NAMES_16 "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,"

/* clang-format off */
static const struct row {
	const char *what;
	const char *arguments[ARGUMENTS_MAX];
	const char *variable;
	int         result, exit_code; /* -1: not set */
	const char *out, *err;         /* a piece of it; NULL: nothing is shown */
} rows[] = {
	{ "help",                     { "--help" },                      NULL, CONFIG_SHOWN, 0, "--slow-ms MS", NULL },
	{ "help behind other flags",  { "--slow-ms", "5", "--help" },    NULL, CONFIG_SHOWN, 0, "usage:", NULL },
	{ "help names each default",  { "--help" },                      NULL, CONFIG_SHOWN, 0, "[127.0.0.1:8080]", NULL },
	{ "version",                  { "--version" },                   NULL, CONFIG_SHOWN, 0, "rowlockd ", NULL },
	{ "an unknown flag",          { "--zebra" },                     NULL, CONFIG_WRONG, 64, NULL, "unknown flag --zebra\n" },
	{ "an unknown flag = value",  { "--zebra=1" },                   NULL, CONFIG_WRONG, 64, NULL, "unknown flag --zebra\n" },
	{ "a near miss",              { "--listn", "x" },                NULL, CONFIG_WRONG, 64, NULL, "did you mean --listen?" },
	{ "a near miss of a dash",    { "--slowms=1" },                  NULL, CONFIG_WRONG, 64, NULL, "did you mean --slow-ms?" },
	{ "a near miss of help",      { "--halp" },                      NULL, CONFIG_WRONG, 64, NULL, "did you mean --help?" },
	{ "a prefix is no flag",      { "--slow" },                      NULL, CONFIG_WRONG, 64, NULL, "unknown flag --slow" },
	{ "one dash",                 { "-h" },                          NULL, CONFIG_WRONG, 64, NULL, "'-h' is not a flag" },
	{ "two dashes",               { "--" },                          NULL, CONFIG_WRONG, 64, NULL, "'--' is not a flag" },
	{ "an argument that is none", { "rowlock.db" },                  NULL, CONFIG_WRONG, 64, NULL, "'rowlock.db' is not a flag" },
	{ "an empty argument",        { "" },                            NULL, CONFIG_WRONG, 64, NULL, "'' is not a flag" },
	{ "a value that is missing",  { "--store" },                     NULL, CONFIG_WRONG, 64, NULL, "--store needs a value" },
	{ "a flag for a value",       { "--store", "--create" },         NULL, CONFIG_WRONG, 64, NULL, "--store needs a value" },
	{ "a word for a number",      { "--slow-ms", "soon" },           NULL, CONFIG_WRONG, 64, NULL, "--slow-ms: 'soon' is not a whole number" },
	{ "a number and a unit",      { "--slow-ms=5s" },                NULL, CONFIG_WRONG, 64, NULL, "'5s'" },
	{ "a fraction",               { "--slow-ms=1.5" },               NULL, CONFIG_WRONG, 64, NULL, "'1.5'" },
	{ "a blank before a number",  { "--slow-ms= 5" },                NULL, CONFIG_WRONG, 64, NULL, "' 5'" },
	{ "no number",                { "--slow-ms=" },                  NULL, CONFIG_WRONG, 64, NULL, "''" },
	{ "2^64",                     { "--slow-ms=18446744073709551616" }, NULL, CONFIG_WRONG, 64, NULL, "whole number" },
	{ "above the most",           { "--loops=65" },                  NULL, CONFIG_WRONG, 64, NULL, "from 0 to 64" },
	{ "below the least",          { "--readers=0" },                 NULL, CONFIG_WRONG, 64, NULL, "from 1 to 64" },
	{ "no such choice",           { "--row-release=late" },          NULL, CONFIG_WRONG, 64, NULL, "one of early|commit" },
	{ "half a choice",            { "--row-release=earl" },          NULL, CONFIG_WRONG, 64, NULL, "one of early|commit" },
	{ "two choices",              { "--row-release=early|commit" },  NULL, CONFIG_WRONG, 64, NULL, "one of early|commit" },
	{ "no choice",                { "--row-release=" },              NULL, CONFIG_WRONG, 64, NULL, "one of early|commit" },
	{ "a switch that is no switch", { "--create=maybe" },            NULL, CONFIG_WRONG, 64, NULL, "a switch" },
	{ "a word for an address",    { "--listen", "banana" },          NULL, CONFIG_WRONG, 64, NULL, "--listen: 'banana' is not an address and a port" },
	{ "an address without a port", { "--listen=127.0.0.1" },         NULL, CONFIG_WRONG, 64, NULL, "'127.0.0.1'" },
	{ "an address and a word",    { "--listen=127.0.0.1:http" },     NULL, CONFIG_WRONG, 64, NULL, "--listen" },
	{ "an address and no digits", { "--listen=127.0.0.1:" },         NULL, CONFIG_WRONG, 64, NULL, "--listen" },
	{ "a port beyond 65535",      { "--listen=127.0.0.1:65536" },    NULL, CONFIG_WRONG, 64, NULL, "--listen" },
	{ "a port of six digits",     { "--listen=127.0.0.1:000080" },   NULL, CONFIG_WRONG, 64, NULL, "--listen" },
	{ "a negative port",          { "--listen=127.0.0.1:-1" },       NULL, CONFIG_WRONG, 64, NULL, "--listen" },
	{ "a port behind a blank",    { "--listen=127.0.0.1: 80" },      NULL, CONFIG_WRONG, 64, NULL, "--listen" },
	{ "IPv6 without brackets",    { "--listen=::1:8080" },           NULL, CONFIG_WRONG, 64, NULL, "--listen" },
	{ "half a bracket",           { "--listen=[::1:8080" },          NULL, CONFIG_WRONG, 64, NULL, "--listen" },
	{ "no address",               { "--listen=" },                   NULL, CONFIG_WRONG, 64, NULL, "--listen" },
	{ "every address",            { "--listen=:8080" },              NULL, CONFIG_RUN, -1, NULL, NULL },
	{ "every address by a star",  { "--listen=*:0" },                NULL, CONFIG_RUN, -1, NULL, NULL },
	{ "IPv6 in brackets",         { "--listen=[::1]:8080" },         NULL, CONFIG_RUN, -1, NULL, NULL },
	{ "a name",                   { "--listen=localhost:65535" },    NULL, CONFIG_RUN, -1, NULL, NULL },
	{ "a wrong address in the environment", { NULL }, "ROWLOCK_LISTEN=banana", CONFIG_WRONG, 78, NULL, "ROWLOCK_LISTEN: 'banana'" },
	{ "a store without a name",   { "--store=" },                    NULL, CONFIG_WRONG, 64, NULL, "--store: '' is not a file's name" },
	{ "a URL for a host name",    { "--host-name=http://a" },        NULL, CONFIG_WRONG, 64, NULL, "--host-name" },
	{ "a port for a host name",   { "--host-name=a.example,:80" },   NULL, CONFIG_WRONG, 64, NULL, "--host-name" },
	{ "a host name and a word",   { "--host-name=a.example:http" },  NULL, CONFIG_WRONG, 64, NULL, "--host-name" },
	{ "33 host names",            { "--host-name=" NAMES_16 NAMES_16 "z" }, NULL, CONFIG_WRONG, 64, NULL, "at most 32 host names" },
	{ "32 host names",            { "--host-name=" NAMES_16 NAMES_16 }, NULL, CONFIG_RUN, -1, NULL, NULL },
	{ "host names with ports",    { "--host-name=a.example:80, b_1 [::1]:8080,[fe80::1]" }, NULL, CONFIG_RUN, -1, NULL, NULL },
	{ "a wrong variable",         { NULL }, "ROWLOCK_SLOW_MS=x",           CONFIG_WRONG, 78, NULL, "ROWLOCK_SLOW_MS: 'x'" },
	{ "a wrong variable that a flag outranks", { "--slow-ms=7" }, "ROWLOCK_SLOW_MS=x", CONFIG_RUN, -1, NULL, NULL },
	{ "a wrong switch",           { NULL }, "ROWLOCK_CREATE=perhaps",      CONFIG_WRONG, 78, NULL, "ROWLOCK_CREATE" },
	{ "print the default",        { "--print-config" },              NULL, CONFIG_SHOWN, 0, "(default)", NULL },
	{ "print what a flag said",   { "--print-config", "--slow-ms=7" }, NULL, CONFIG_SHOWN, 0, "(flag --slow-ms)", NULL },
	{ "print what a variable said", { "--print-config" }, "ROWLOCK_SLOW_MS=7", CONFIG_SHOWN, 0, "(environment ROWLOCK_SLOW_MS)", NULL },
	{ "print what is in a token's way", { "--print-config", "--store=rl_abcdefghij_0123456789" }, NULL, CONFIG_SHOWN, 0, " rl_abcdefghij_*** ", NULL },
	{ "complain about a token",   { "--listen=rl_abcdefghij_0123456789" }, NULL, CONFIG_WRONG, 64, NULL, "'rl_abcdefghij_***'" },
	{ "an unknown flag with a token", { "--token=rl_abcdefghij_0123456789" }, NULL, CONFIG_WRONG, 64, NULL, "unknown flag --token\n" },
	{ "a file that is not there", { "--config=/nowhere/a" },         NULL, CONFIG_WRONG, 78, NULL, "/nowhere/a: No such file or directory" },
	{ "a file that is a folder",  { "--config", "/tmp" },            NULL, CONFIG_WRONG, 78, NULL, "/tmp: it is no plain file" },
	{ "a file that is a device",  { "--config=/dev/null" },          NULL, CONFIG_WRONG, 78, NULL, "it is no plain file" },
	{ "a file by a variable",     { NULL }, "ROWLOCK_CONFIG=/nowhere/b",   CONFIG_WRONG, 78, NULL, "/nowhere/b: No such file" },
	{ "no file",                  { "--config=" },                   NULL, CONFIG_RUN, -1, NULL, NULL },
	{ "a wrong flag before a wrong file", { "--config=/nowhere/a", "--loops=x" }, NULL, CONFIG_WRONG, 64, NULL, "--loops" },
	{ "an example",               { "--print-example" },             NULL, CONFIG_SHOWN, 0, "\n#slow-ms = 1000\n", NULL },
	{ "an example says what is read again", { "--print-example" },   NULL, CONFIG_SHOWN, 0, "# SIGHUP reads it again.\n#slow-ms", NULL },
	{ "help says what is read again", { "--help" },                  NULL, CONFIG_SHOWN, 0, "[1000; SIGHUP]", NULL },
	{ "print nothing that is wrong", { "--print-config", "--loops=x" }, NULL, CONFIG_WRONG, 64, NULL, "--loops" },
};
/* clang-format on */

static void expect_shown(const char *what, const struct shown *s, const char *piece)
{
	if (piece == NULL)
		ROW_EXPECT(what, s->text[0] == '\0');
	else
		ROW_EXPECT(what, strstr(s->text, piece) != NULL);
}

static void each_command_line_gets_its_answer(void **state)
{
	struct call c;

	(void)state;
	for (const struct row *r = rows; r < rows + LENGTH_OF(rows); r++) {
		call_make(&c, r->arguments, r->variable);
		ROW_EXPECT(r->what, (int)c.result == r->result);
		ROW_EXPECT(r->what, c.exit_code == r->exit_code);
		expect_shown(r->what, &c.out, r->out);
		expect_shown(r->what, &c.err, r->err);
		call_end(&c);
	}
}

#define TOKEN "rl_abcdefghij_9FkQx7w2Lr5TtBv0uYcE3mNpZs8KdHgJaWiRo1lVyXq"

/* clang-format off */
static const struct file_row {
	const char *what;
	const char *text;
	const char *argument; /* beside --config; NULL: none */
	const char *variable;
	int         result;
	const char *said; /* on stdout by --print-config, or on stderr */
} file_rows[] = {
	{ "a value",                    "slow-ms = 7\n",              "--print-config", NULL, CONFIG_SHOWN, " 7                    (file $:1)\n" },
	{ "without blanks",             "slow-ms=7",                  "--print-config", NULL, CONFIG_SHOWN, " 7                    (file $:1)\n" },
	{ "with all kinds of blanks",   "\n\t slow-ms\t=  7 \r\n",   "--print-config", NULL, CONFIG_SHOWN, "slow-ms                  7                    (file $:2)\n" },
	{ "behind comments",            "# a\n; b\n\n # c = d\nslow-ms = 7\n", "--print-config", NULL, CONFIG_SHOWN, "(file $:5)" },
	{ "behind a byte order mark",   "\xef\xbb\xbfslow-ms = 7\n", "--print-config", NULL, CONFIG_SHOWN, "(file $:1)" },
	{ "a text with = and #",        "store = a=b #c.db\n",        "--print-config", NULL, CONFIG_SHOWN, "a=b #c.db " },
	{ "a text that is empty",       "host-name =\n",              "--print-config", NULL, CONFIG_SHOWN, "(file $:1)" },
	{ "a switch",                   "create = yes\n",             "--print-config", NULL, CONFIG_SHOWN, "create                   true                 (file $:1)" },
	{ "a secret is hidden",         "ui-dir = " TOKEN "\n",       "--print-config", NULL, CONFIG_SHOWN, " rl_abcdefghij_***    (file" },
	{ "the file itself is shown",   "",                           "--print-config", NULL, CONFIG_SHOWN, "(flag --config)" },
	{ "a flag outranks it",         "slow-ms = 7\n",              "--slow-ms=8",    NULL, CONFIG_RUN, "" },
	{ "an unknown name",            "\nzebra = 1\n",              NULL, NULL, CONFIG_WRONG, "rowlockd: $:2: unknown setting zebra\n" },
	{ "a near miss",                "slowms = 1\n",               NULL, NULL, CONFIG_WRONG, "$:1: unknown setting slowms (did you mean slow-ms?)\n" },
	{ "a flag's dashes",            "--slow-ms = 1\n",            NULL, NULL, CONFIG_WRONG, "$:1: unknown setting --slow-ms (did you mean slow-ms?)\n" },
	{ "a variable's name",          "ROWLOCK_SLOW_MS = 1\n",      NULL, NULL, CONFIG_WRONG, "$:1: unknown setting" },
	{ "another file",               "config = /tmp/a\n",          NULL, NULL, CONFIG_WRONG, "$:1: unknown setting config" },
	{ "a token for a name",         TOKEN " = 1\n",               NULL, NULL, CONFIG_WRONG, "$:1: unknown setting rl_abcdefghij_***\n" },
	{ "a token for a value",        "listen = " TOKEN "\n",       NULL, NULL, CONFIG_WRONG, "$:1: listen: 'rl_abcdefghij_***' is not an address" },
	{ "a wrong value",              "slow-ms = 1\nloops = many\n", NULL, NULL, CONFIG_WRONG, "$:2: loops: 'many' is not a whole number from 0 to 64\n" },
	{ "a wrong value that a flag outranks", "loops = many\n",     "--loops=1", NULL, CONFIG_WRONG, "$:1: loops: 'many'" },
	{ "a wrong value that a variable outranks", "loops = many\n", NULL, "ROWLOCK_LOOPS=1", CONFIG_WRONG, "$:1: loops: 'many'" },
	{ "a list in several lines",    "host-name = a\nhost-name = b\n", "--print-config", NULL, CONFIG_SHOWN, "a,b                  (file $:1, 2 times)" },
	{ "a name that comes twice",    "loops = 1\n#\nloops = 1\n",  NULL, NULL, CONFIG_WRONG, "$:3: loops stands in line 1 already\n" },
	{ "a name alone",               "create\n",                   NULL, NULL, CONFIG_WRONG, "$:1: a line is name = value\n" },
	{ "a value alone",              "= 1\n",                      NULL, NULL, CONFIG_WRONG, "$:1: a line is name = value\n" },
	{ "a section",                  "[rowlockd]\n",               NULL, NULL, CONFIG_WRONG, "$:1: there are no [sections]" },
	{ "quotes",                     "store = \"a b.db\"\n",       NULL, NULL, CONFIG_WRONG, "$:1: values are written without quotes\n" },
	{ "other quotes",               "store = 'a b.db'\n",         NULL, NULL, CONFIG_WRONG, "$:1: values are written without quotes\n" },
	{ "a control character",        "store = a\x1b[2Jb\n",        NULL, NULL, CONFIG_WRONG, "$:1: there is a control character\n" },
	{ "a comment behind a value",   "slow-ms = 7 # ms\n",         NULL, NULL, CONFIG_WRONG, "$:1: slow-ms: '7 # ms' is not a whole number" },
};
/* clang-format on */

/* With $ for the name of the file. */
static const char *with_path(const char *said, const char *path)
{
	static char text[512];
	const char *dollar = strchr(said, '$');
	int before = dollar != NULL ? (int)(dollar - said) : (int)strlen(said);

	snprintf(text, sizeof(text), "%.*s%s%s", before, said, dollar != NULL ? path : "",
		 dollar != NULL ? dollar + 1 : "");
	return text;
}

static void each_file_gets_its_answer(void **state)
{
	(void)state;
	for (const struct file_row *r = file_rows; r < file_rows + LENGTH_OF(file_rows); r++) {
		char path[PATH_BYTES];
		struct call c;

		file_begin(path, r->text);
		call_make(&c, (const char *const[]){ "--config", path, r->argument, NULL },
			  r->variable);
		ROW_EXPECT(r->what, (int)c.result == r->result);
		ROW_EXPECT(r->what, r->result != CONFIG_WRONG || c.exit_code == 78);
		ROW_EXPECT(r->what, strstr(r->result == CONFIG_WRONG ? c.err.text : c.out.text,
					   with_path(r->said, path)) != NULL);
		ROW_EXPECT(r->what, strstr(c.err.text, "9FkQx7") == NULL);
		ROW_EXPECT(r->what, strstr(c.out.text, "9FkQx7") == NULL);
		call_end(&c);
		unlink(path);
	}
}

static void the_ranks_are_flag_environment_file_default(void **state)
{
	static const char *const flags[] = { NULL, "--slow-ms=4" };
	static const char *const variables[] = { NULL, "ROWLOCK_SLOW_MS=3" };
	static const char *const texts[] = { "", "slow-ms = 2\n" };
	char path[PATH_BYTES];

	(void)state;
	for (int i = 0; i < 8; i++) {
		int64_t wanted = (i & 4) != 0 ? 4 : (i & 2) != 0 ? 3 : (i & 1) != 0 ? 2 : 1000;
		struct call c;

		file_begin(path, texts[i & 1]);
		call_make(&c, (const char *const[]){ "--config", path, flags[i >> 2], NULL },
			  variables[(i >> 1) & 1]);
		ROW_EXPECT("a rank", c.result == CONFIG_RUN);
		ROW_EXPECT("a rank", c.reading.config.slow_ms == wanted);
		call_end(&c);
		unlink(path);
	}
}

static void a_file_that_is_too_long_is_refused(void **state)
{
	static char text[CONFIG_FILE_BYTES_MAX + 2];
	char path[PATH_BYTES];
	struct call c;

	(void)state;
	memset(text, '#', sizeof(text) - 1);
	file_begin(path, text);
	call_make(&c, (const char *const[]){ "--config", path, NULL }, NULL);
	assert_int_equal(c.exit_code, 78);
	assert_non_null(strstr(c.err.text, "it is too long"));
	text[CONFIG_FILE_BYTES_MAX] = '\0';
	file_write(path, text);
	call_make(&c, (const char *const[]){ "--config", path, NULL }, NULL);
	assert_int_equal(c.result, CONFIG_RUN);
	call_end(&c);
	unlink(path);
}

/* Each line of the example is right when its # is taken away, and says what is so without it. */
static void the_example_is_the_defaults(void **state)
{
	char path[PATH_BYTES], bare[PATH_BYTES];
	struct call example, plain, c;
	char text[SHOWN_BYTES_MAX];
	int setting_count = 0;
	size_t bytes = 0;

	(void)state;
	call_make(&example, (const char *const[]){ "--print-example", NULL }, NULL);
	for (const char *at = example.out.text; *at != '\0'; at++) {
		bool is_setting =
			*at == '#' && at[1] != ' ' && (at == example.out.text || at[-1] == '\n');

		setting_count += is_setting;
		if (!is_setting)
			text[bytes++] = *at;
	}
	text[bytes] = '\0';
	assert_int_equal(setting_count, SETTINGS - 1); /* a file names no other */
	call_make(&plain, (const char *const[]){ NULL }, NULL);
	file_begin(path, example.out.text);
	call_make(&c, (const char *const[]){ "--config", path, NULL }, NULL);
	assert_string_equal(c.err.text, "");
	assert_int_equal(c.result, CONFIG_RUN);
	call_end(&c);
	file_begin(bare, text);
	call_make(&c, (const char *const[]){ "--config", bare, NULL }, NULL);
	assert_string_equal(c.err.text, "");
	for (const struct setting *s = settings; s < settings + SETTINGS; s++) {
		if (s == settings + SETTING_OF_config)
			continue;
		ROW_EXPECT(s->flag, c.reading.ranks[s - settings] == FROM_FILE);
		ROW_EXPECT(s->flag, setting_is_equal(&c.reading.config, &plain.reading.config, s));
	}
	call_end(&c);
	unlink(path);
	unlink(bare);
}

/* ---------------------------------------------------------------- lists */

enum { SAID_MAX = 3 };

/* What may be said several times, each time so. */
static const struct list_row {
	const struct setting *setting;
	const char *said[SAID_MAX];
} list_rows[] = {
	{ &settings[SETTING_OF_listen], { "127.0.0.1:1", "[::1]:2,unix:/a,mode=0600", ":3" } },
	{ &settings[SETTING_OF_host_name], { "a", "b:1,c", "[::1]" } },
	{ &settings[SETTING_OF_trust_proxy], { "10.0.0.1", "::1,unix", "10.0.0.2" } },
	{ &settings[SETTING_OF_socket_role], { "anna=clerk", "bob=admin,7=reader", "eve=writer" } },
};

/* "one,two" of the first so many. */
static void list_write(const struct list_row *r, int count, char *ret, size_t room)
{
	ret[0] = '\0';
	for (int i = 0; i < count; i++)
		snprintf(ret + strlen(ret), room - strlen(ret), "%s%s", i > 0 ? "," : "",
			 r->said[i]);
}

/* The file has so many lines of it, and others between them. */
static void list_file_begin(char path[PATH_BYTES], const struct list_row *r, int count)
{
	char text[512] = "";

	for (int i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "#\n%s = %s\n",
			 r->setting->flag, r->said[i]);
	file_begin(path, text);
}

static void source_write(const struct list_row *r, const int counts[3], const char *path, char *ret,
			 size_t room)
{
	char variable[SETTING_NAME_BYTES], again[32] = "";
	int times = counts[0] > 0 ? counts[0] : counts[1] > 0 ? 1 : counts[2];

	setting_variable(r->setting, variable);
	if (times > 1)
		snprintf(again, sizeof(again), ", %d times", times);
	if (counts[0] > 0)
		snprintf(ret, room, " (flag --%s%s)\n", r->setting->flag, again);
	else if (counts[1] > 0)
		snprintf(ret, room, " (environment %s)\n", variable);
	else if (counts[2] > 0)
		snprintf(ret, room, " (file %s:2%s)\n", path, again);
	else
		snprintf(ret, room, " (default)\n");
}

/* Said so often by flags, in the environment (as a list of its own), and in the file. */
static void list_case(const struct list_row *r, const int counts[3])
{
	const char *arguments[ARGUMENTS_MAX] = { "--config", NULL, "--print-config" };
	char path[PATH_BYTES], flags[SAID_MAX][96], variable[160], wanted[128], source[160];
	char shown[320];
	struct call c;

	list_file_begin(path, r, counts[2]);
	arguments[1] = path;
	for (int i = 0; i < counts[0]; i++) {
		snprintf(flags[i], sizeof(flags[i]), "--%s=%s", r->setting->flag, r->said[i]);
		arguments[3 + i] = flags[i];
	}
	setting_variable(r->setting, variable);
	snprintf(variable + strlen(variable), sizeof(variable) - strlen(variable), "=");
	list_write(r, counts[1], variable + strlen(variable), sizeof(variable) - strlen(variable));
	list_write(r,
		   counts[0] > 0   ? counts[0]
		   : counts[1] > 0 ? counts[1]
				   : counts[2],
		   wanted, sizeof(wanted));
	if (wanted[0] == '\0')
		snprintf(wanted, sizeof(wanted), "%s", r->setting->text);
	call_make(&c, arguments, counts[1] > 0 ? variable : NULL);
	ROW_EXPECT(r->setting->flag, c.result == CONFIG_SHOWN);
	ROW_EXPECT(r->setting->flag,
		   strcmp(setting_text(&c.reading.config, r->setting), wanted) == 0);
	source_write(r, counts, path, source, sizeof(source));
	snprintf(shown, sizeof(shown), "%-24s %-20s%s", r->setting->flag, wanted, source);
	ROW_EXPECT(r->setting->flag, strstr(c.out.text, shown) != NULL);
	call_end(&c);
	unlink(path);
}

static void a_list_is_all_that_is_said_where_it_counts_most(void **state)
{
	(void)state;
	for (const struct list_row *r = list_rows; r < list_rows + LENGTH_OF(list_rows); r++)
		for (int i = 0; i < (SAID_MAX + 1) * (SAID_MAX + 1) * (SAID_MAX + 1); i++)
			list_case(r, (const int[]){ i % (SAID_MAX + 1),
						    i / (SAID_MAX + 1) % (SAID_MAX + 1),
						    i / (SAID_MAX + 1) / (SAID_MAX + 1) });
}

static void every_list_has_its_cases(void **state)
{
	size_t count = 0;

	(void)state;
	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		count += s->kind == KIND_LIST;
	assert_int_equal(count, LENGTH_OF(list_rows));
}

/* clang-format off */
static const struct wrong_list_row {
	const char *what;
	const char *text;
	const char *arguments[4];
	int         exit_code;
	const char *said;
} wrong_list_rows[] = {
	{ "one of several flags",  "", { "--listen=:1", "--listen=banana", "--listen=:2" }, 64, "--listen: 'banana' is not" },
	{ "one of several lines",  "listen = :1\n\nlisten = banana\n", { NULL }, 78, "$:3: listen: 'banana' is not" },
	{ "a line that a flag outranks", "listen = :1\nlisten = banana\n", { "--listen=:2" }, 78, "$:2: listen: 'banana' is not" },
	{ "too many by two flags", "", { "--host-name=" NAMES_16 NAMES_16, "--host-name=z" }, 64, ",p,,z' is not a list of at most 32 host names" },
	{ "too many by two lines", "host-name = " NAMES_16 NAMES_16 "\nhost-name = z\n", { NULL }, 78, "$:2: host-name: 'a,b," },
	{ "too many by two lines that a flag outranks", "host-name = " NAMES_16 NAMES_16 "\nhost-name = z\n", { "--host-name=a" }, 78, "$:2: host-name: 'a,b," },
	{ "a user twice by two flags", "", { "--socket-role=a=clerk", "--socket-role=a=admin" }, 64, "'a=clerk,a=admin' is not" },
	{ "a mode without its socket", "", { "--listen=unix:/a", "--listen=mode=0600" }, 64, "'mode=0600' is not" },
	{ "nothing beside something", "", { "--listen=:1", "--listen=" }, 64, "--listen: '' is not" },
};
/* clang-format on */

static void a_list_is_wrong_where_a_part_or_the_whole_is(void **state)
{
	(void)state;
	for (const struct wrong_list_row *r = wrong_list_rows;
	     r < wrong_list_rows + LENGTH_OF(wrong_list_rows); r++) {
		char path[PATH_BYTES];
		struct call c;

		file_begin(path, r->text);
		call_make(&c,
			  (const char *const[]){ "--config", path, r->arguments[0], r->arguments[1],
						 r->arguments[2], NULL },
			  NULL);
		ROW_EXPECT(r->what, c.result == CONFIG_WRONG);
		ROW_EXPECT(r->what, c.exit_code == r->exit_code);
		ROW_EXPECT(r->what, strstr(c.err.text, with_path(r->said, path)) != NULL);
		call_end(&c);
		unlink(path);
	}
}

static void an_empty_flag_takes_the_list_of_the_file_away(void **state)
{
	char path[PATH_BYTES];
	struct call c;

	(void)state;
	file_begin(path, "host-name = a\nhost-name = b\n");
	call_make(&c, (const char *const[]){ "--config", path, "--host-name=", NULL }, NULL);
	assert_int_equal(c.result, CONFIG_RUN);
	assert_string_equal(c.reading.config.host_name, "");
	call_end(&c);
	call_make(&c,
		  (const char *const[]){ "--config", path, "--host-name=", "--host-name=c", NULL },
		  NULL);
	assert_string_equal(c.reading.config.host_name, "c");
	call_end(&c);
	unlink(path);
}

/* ---------------------------------------------------------------- what is no value */

/* Of each kind; NULL: there is none. */
static const char *bad_value_of(const struct setting *s)
{
	switch (s->kind) {
	case KIND_TEXT:
		return s->judge != NULL ? "" : NULL;
	case KIND_LIST:
		return "://";
	case KIND_NUMBER:
	case KIND_CHOICE:
		return "banana";
	case KIND_SWITCH:
		return "perhaps";
	}
	return NULL;
}

static void expect_complaint(const struct call *c, const char *from, const char *bad, int code)
{
	char wanted[240];

	snprintf(wanted, sizeof(wanted), "%s: '%s' is not ", from, bad);
	ROW_EXPECT(from, c->result == CONFIG_WRONG);
	ROW_EXPECT(from, c->exit_code == code);
	ROW_EXPECT(from, strstr(c->err.text, wanted) != NULL);
}

static void each_setting_is_named_where_its_value_is_bad(void **state)
{
	int count = 0;

	(void)state;
	for (const struct setting *s = settings; s < settings + SETTINGS; s++) {
		const char *bad = bad_value_of(s);
		char path[PATH_BYTES], text[128], from[160], variable[SETTING_NAME_BYTES];
		struct call c;

		if (bad == NULL)
			continue;
		count++;
		snprintf(text, sizeof(text), "--%s=%s", s->flag, bad);
		snprintf(from, sizeof(from), "rowlockd: --%s", s->flag);
		call_make(&c, (const char *const[]){ text, NULL }, NULL);
		expect_complaint(&c, from, bad, 64);
		setting_variable(s, variable);
		snprintf(from, sizeof(from), "rowlockd: %s", variable);
		snprintf(text, sizeof(text), "%s=%s", variable, bad);
		call_make(&c, (const char *const[]){ NULL }, text);
		expect_complaint(&c, from, bad, 78);
		snprintf(text, sizeof(text), "\n%s = %s\n", s->flag, bad);
		file_begin(path, text);
		call_make(&c, (const char *const[]){ "--config", path, NULL }, NULL);
		snprintf(from, sizeof(from), "rowlockd: %s:2: %s", path, s->flag);
		expect_complaint(&c, from, bad, 78);
		call_end(&c);
		unlink(path);
	}
	assert_int_equal(count, SETTINGS - 3); /* a file and two folders may be called anything */
}

/* Two different values that it may have. */
static void good_values_of(const struct setting *s, char ret[2][32])
{
	bool is_number = s->kind == KIND_NUMBER, is_choice = s->kind == KIND_CHOICE;
	int first_bytes = is_choice ? (int)strcspn(s->argument, "|") : 0;
	const char *rest = is_choice ? s->argument + first_bytes + 1 : "";

	snprintf(ret[0], 32, "%s", s->kind == KIND_SWITCH ? "true" : "a");
	snprintf(ret[1], 32, "%s", s->kind == KIND_SWITCH ? "false" : "b");
	if (is_choice) {
		snprintf(ret[0], 32, "%.*s", first_bytes, s->argument);
		snprintf(ret[1], 32, "%.*s", (int)strcspn(rest, "|"), rest);
	}
	if (is_number) {
		snprintf(ret[0], 32, "%lld", (long long)s->least);
		snprintf(ret[1], 32, "%lld", (long long)s->most);
	}
}

static void value_expect(const struct call *c, const struct setting *s, const char *wanted)
{
	char is[SETTING_VALUE_BYTES];

	setting_format(&c->reading.config, s, is);
	ROW_EXPECT(s->flag, c->result == CONFIG_RUN);
	ROW_EXPECT(s->flag, strcmp(is, wanted) == 0);
}

static void what_is_no_list_has_one_value(const struct setting *s)
{
	char values[2][32], flags[2][96], text[256], variable[128], path[PATH_BYTES], said[96];
	struct call c;

	good_values_of(s, values);
	for (int i = 0; i < 2; i++)
		snprintf(flags[i], sizeof(flags[i]), "--%s=%s", s->flag, values[i]);
	call_make(&c, (const char *const[]){ flags[0], flags[1], NULL }, NULL);
	value_expect(&c, s, values[1]);
	call_end(&c);
	setting_variable(s, said);
	snprintf(variable, sizeof(variable), "%s=%s", said, values[0]);
	/* A variable of this test ends with the call; what it said is printed there. */
	call_make(&c, (const char *const[]){ "--print-config", NULL }, variable);
	snprintf(text, sizeof(text), "%-24s %-20s (environment %s)\n", s->flag, values[0], said);
	ROW_EXPECT(s->flag, strstr(c.out.text, text) != NULL);
	call_make(&c, (const char *const[]){ flags[1], NULL }, variable);
	value_expect(&c, s, values[1]);
	snprintf(text, sizeof(text), "%s = %s\n%s = %s\n", s->flag, values[0], s->flag, values[1]);
	file_begin(path, text);
	call_make(&c, (const char *const[]){ "--config", path, flags[0], NULL }, NULL);
	snprintf(said, sizeof(said), ":2: %s stands in line 1 already\n", s->flag);
	ROW_EXPECT(s->flag, c.result == CONFIG_WRONG);
	ROW_EXPECT(s->flag, strstr(c.err.text, said) != NULL);
	call_end(&c);
	unlink(path);
}

static void of_what_is_no_list_the_last_flag_counts_and_one_line(void **state)
{
	(void)state;
	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		if (s->kind != KIND_LIST && s != settings + SETTING_OF_config)
			what_is_no_list_has_one_value(s);
}

/* clang-format off */
static const struct again_row {
	const char *what;
	const char *then, *now; /* what the file says */
	bool        is_taken;
	int64_t     slow_ms;
	const char *log_level;
	const char *store;
	const char *said, *not_said; /* NULL: whatever it is */
} again_rows[] = {
	{ "nothing changed",           "slow-ms = 2\n", "slow-ms = 2\n#\n", true, 2, "info", "rowlock.db", NULL, "event=" },
	{ "a number changed",          "slow-ms = 2\n", "slow-ms = 3\n",    true, 3, "info", "rowlock.db", "event=setting_changed name=slow-ms was=2 is=3", "restart" },
	{ "back to the default",       "slow-ms = 2\n", "",                 true, 1000, "info", "rowlock.db", "name=slow-ms was=2 is=1000", "restart" },
	{ "a choice changed",          "",              "log-level = warn\n", true, 1000, "warn", "rowlock.db", "name=log-level was=info is=warn", "restart" },
	{ "lists that stay",           "host-name = a\nhost-name = b\n", "host-name = a,b\n", true, 1000, "info", "rowlock.db", NULL, "event=" },
	{ "a list that needs a restart", "host-name = a\nhost-name = b\n", "host-name = b\nhost-name = c\n", true, 1000, "info", "rowlock.db",
	  "event=setting_needs_restart name=host-name was=a,b is=b,c", NULL },
	{ "what needs a restart",      "store = a\n",   "store = b\nslow-ms = 3\n", true, 3, "info", "a", "event=setting_needs_restart name=store was=a is=b", NULL },
	{ "a wrong file",              "slow-ms = 2\n", "slow-ms = 3\nloops = x\n", false, 2, "info", "rowlock.db", ":2: loops: 'x' is not", "setting_changed" },
	{ "an unknown name",           "slow-ms = 2\n", "slow-ms = 3\nlistn = x\n", false, 2, "info", "rowlock.db", "did you mean listen?", "setting_changed" },
	{ "a file that is gone",       "slow-ms = 2\n", NULL,               false, 2, "info", "rowlock.db", "event=reload_refused", "setting_changed" },
};
/* clang-format on */

static void read_again_changes_what_is_live_or_nothing(void **state)
{
	(void)state;
	for (const struct again_row *r = again_rows; r < again_rows + LENGTH_OF(again_rows); r++) {
		char path[PATH_BYTES];
		struct call c;
		bool is_taken;

		file_begin(path, r->then);
		call_make(&c, (const char *const[]){ "--config", path, NULL }, NULL);
		/* Twice over: what was read before is given back by then: nobody looks at it. */
		assert_true(config_read_again(&c.reading));
		if (r->now != NULL)
			file_write(path, r->now);
		else
			unlink(path);
		shown_begin(&c.err, STDERR_FILENO);
		is_taken = config_read_again(&c.reading);
		shown_end(&c.err);
		ROW_EXPECT(r->what, is_taken == r->is_taken);
		ROW_EXPECT(r->what, c.reading.config.slow_ms == r->slow_ms);
		ROW_EXPECT(r->what, strcmp(c.reading.config.log_level, r->log_level) == 0);
		ROW_EXPECT(r->what, strcmp(c.reading.config.store, r->store) == 0);
		ROW_EXPECT(r->what, r->said == NULL || strstr(c.err.text, r->said) != NULL);
		ROW_EXPECT(r->what, r->not_said == NULL || strstr(c.err.text, r->not_said) == NULL);
		call_end(&c);
		unlink(path);
	}
}

/* clang-format off */
static const struct variable_row {
	const char *variable;
	const char *said; /* NULL: nothing */
} variable_rows[] = {
	{ "ROWLOCK_PORT_8080_TCP=tcp://10.0.0.1:8080", "event=unknown_variable name=ROWLOCK_PORT_8080_TCP\n" },
	{ "ROWLOCK_SLOWMS=" TOKEN,      "name=ROWLOCK_SLOWMS nearest=ROWLOCK_SLOW_MS\n" },
	{ "ROWLOCK_SLOW_MS=1",          NULL },
	{ "ROWLOCK_SERVER=unix:a",      NULL },
	{ "ROWLOCK_TOKEN=" TOKEN,       NULL },
	{ "ROWLOCKD_X=1",               NULL },
};
/* clang-format on */

static void an_unknown_variable_is_a_warning(void **state)
{
	(void)state;
	for (const struct variable_row *r = variable_rows;
	     r < variable_rows + LENGTH_OF(variable_rows); r++) {
		char copy[128];
		struct call c;
		struct shown said;

		call_make(&c, (const char *const[]){ NULL }, r->variable);
		ROW_EXPECT(r->variable, c.result == CONFIG_RUN);
		snprintf(copy, sizeof(copy), "%s", r->variable);
		putenv(copy);
		shown_begin(&said, STDERR_FILENO);
		config_warn_of_variables();
		shown_end(&said);
		variable_remove(copy);
		if (r->said == NULL)
			ROW_EXPECT(r->variable, said.text[0] == '\0');
		else
			ROW_EXPECT(r->variable, strstr(said.text, r->said) != NULL);
		ROW_EXPECT(r->variable, strstr(said.text, "9FkQx7") == NULL);
	}
}

static void flags_are_taken_with_a_blank_or_an_equals_sign(void **state)
{
	struct call c;

	(void)state;
	call_make(&c,
		  (const char *const[]){ "--store", "a=b.db", "--slow-ms=7", "--row-release",
					 "commit", "--create", NULL },
		  NULL);
	assert_int_equal(c.result, CONFIG_RUN);
	assert_string_equal(c.reading.config.store, "a=b.db");
	assert_int_equal(c.reading.config.slow_ms, 7);
	assert_string_equal(c.reading.config.row_release, "commit");
	assert_true(c.reading.config.create);
}

static void the_last_flag_counts(void **state)
{
	struct call c;

	(void)state;
	call_make(&c, (const char *const[]){ "--slow-ms=7", "--slow-ms=8", NULL }, NULL);
	assert_int_equal(c.reading.config.slow_ms, 8);
}

static void a_flag_outranks_the_environment_outranks_the_default(void **state)
{
	struct call c;

	(void)state;
	call_make(&c, (const char *const[]){ NULL }, "ROWLOCK_SLOW_MS=9");
	assert_int_equal(c.reading.config.slow_ms, 9);
	call_make(&c, (const char *const[]){ "--slow-ms=7", NULL }, "ROWLOCK_SLOW_MS=9");
	assert_int_equal(c.reading.config.slow_ms, 7);
}

static void switches_are_words_in_the_environment(void **state)
{
	static const char *const yes[] = { "ROWLOCK_CREATE=1", "ROWLOCK_CREATE=true",
					   "ROWLOCK_CREATE=yes", "ROWLOCK_CREATE=on" };
	static const char *const no[] = { "ROWLOCK_CREATE=0", "ROWLOCK_CREATE=false",
					  "ROWLOCK_CREATE=no", "ROWLOCK_CREATE=off",
					  "ROWLOCK_CREATE=" };
	struct call c;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(yes); i++) {
		call_make(&c, (const char *const[]){ NULL }, yes[i]);
		ROW_EXPECT(yes[i], c.reading.config.create);
	}
	for (size_t i = 0; i < LENGTH_OF(no); i++) {
		call_make(&c, (const char *const[]){ NULL }, no[i]);
		ROW_EXPECT(no[i], c.result == CONFIG_RUN);
		ROW_EXPECT(no[i], !c.reading.config.create);
	}
}

/* Every row of the table can be set, printed and asked for. */
static void every_setting_is_shown(void **state)
{
	static const char *const flags[] = {
#define SETTING_TEXT(field, flag, when, value, argument, help)                flag,
#define SETTING_JUDGED(field, flag, when, value, argument, judge, must, help) flag,
#define SETTING_LIST(field, flag, when, value, argument, judge, must, help)   flag,
#define SETTING_NUMBER(field, flag, when, value, least, most, argument, help) flag,
#define SETTING_SWITCH(field, flag, when, help)                               flag,
#define SETTING_CHOICE(field, flag, when, value, choices, help)               flag,
#include "schema/settings.def"
#undef SETTING_TEXT
#undef SETTING_JUDGED
#undef SETTING_LIST
#undef SETTING_NUMBER
#undef SETTING_SWITCH
#undef SETTING_CHOICE
	};
	struct call help, print;
	char line[80];

	(void)state;
	call_make(&help, (const char *const[]){ "--help", NULL }, NULL);
	call_make(&print, (const char *const[]){ "--print-config", NULL }, NULL);
	for (size_t i = 0; i < LENGTH_OF(flags); i++) {
		snprintf(line, sizeof(line), "  --%s ", flags[i]);
		ROW_EXPECT(flags[i], strstr(help.out.text, line) != NULL);
		snprintf(line, sizeof(line), "%s ", flags[i]);
		ROW_EXPECT(flags[i], strstr(print.out.text, line) != NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_is_the_defaults),
		cmocka_unit_test(each_command_line_gets_its_answer),
		cmocka_unit_test(flags_are_taken_with_a_blank_or_an_equals_sign),
		cmocka_unit_test(the_last_flag_counts),
		cmocka_unit_test(a_flag_outranks_the_environment_outranks_the_default),
		cmocka_unit_test(switches_are_words_in_the_environment),
		cmocka_unit_test(every_setting_is_shown),
		cmocka_unit_test(each_file_gets_its_answer),
		cmocka_unit_test(the_ranks_are_flag_environment_file_default),
		cmocka_unit_test(a_file_that_is_too_long_is_refused),
		cmocka_unit_test(the_example_is_the_defaults),
		cmocka_unit_test(read_again_changes_what_is_live_or_nothing),
		cmocka_unit_test(an_unknown_variable_is_a_warning),
		cmocka_unit_test(of_what_is_no_list_the_last_flag_counts_and_one_line),
		cmocka_unit_test(every_list_has_its_cases),
		cmocka_unit_test(a_list_is_all_that_is_said_where_it_counts_most),
		cmocka_unit_test(a_list_is_wrong_where_a_part_or_the_whole_is),
		cmocka_unit_test(an_empty_flag_takes_the_list_of_the_file_away),
		cmocka_unit_test(each_setting_is_named_where_its_value_is_bad),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
