#include "ops/config.h"
#include "unit.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 8, SHOWN_BYTES_MAX = 16384 };

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
	struct config config;
	enum config_result result;
	int exit_code;
	struct shown out, err;
};

/* config_read() with these arguments and at most one variable, "NAME=value". */
static void call_make(struct call *c, const char *const arguments[], const char *variable)
{
	char *argv[ARGUMENTS_MAX + 2] = { (char[]){ "rowlockd" } };
	char copy[128] = "";
	int argc = 1;

	while (argc <= ARGUMENTS_MAX && arguments[argc - 1] != NULL) {
		argv[argc] = (char *)arguments[argc - 1];
		argc++;
	}
	if (variable != NULL) {
		snprintf(copy, sizeof(copy), "%s", variable);
		putenv(copy);
	}
	c->exit_code = -1;
	shown_begin(&c->out, STDOUT_FILENO);
	shown_begin(&c->err, STDERR_FILENO);
	c->result = config_read(&c->config, argc, argv, &c->exit_code);
	shown_end(&c->err);
	shown_end(&c->out);
	if (variable != NULL) {
		*strchr(copy, '=') = '\0';
		unsetenv(copy);
	}
}

static void nothing_said_is_the_defaults(void **state)
{
	struct call c;

	(void)state;
	call_make(&c, (const char *const[]){ NULL }, NULL);
	assert_int_equal(c.result, CONFIG_RUN);
	assert_string_equal(c.config.listen, "127.0.0.1:8080");
	assert_string_equal(c.config.row_release, "early");
	assert_int_equal(c.config.wait_default_ms, 2000);
	assert_false(c.config.create);
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
	assert_string_equal(c.config.store, "a=b.db");
	assert_int_equal(c.config.slow_ms, 7);
	assert_string_equal(c.config.row_release, "commit");
	assert_true(c.config.create);
}

static void the_last_flag_counts(void **state)
{
	struct call c;

	(void)state;
	call_make(&c, (const char *const[]){ "--slow-ms=7", "--slow-ms=8", NULL }, NULL);
	assert_int_equal(c.config.slow_ms, 8);
}

static void a_flag_outranks_the_environment_outranks_the_default(void **state)
{
	struct call c;

	(void)state;
	call_make(&c, (const char *const[]){ NULL }, "ROWLOCK_SLOW_MS=9");
	assert_int_equal(c.config.slow_ms, 9);
	call_make(&c, (const char *const[]){ "--slow-ms=7", NULL }, "ROWLOCK_SLOW_MS=9");
	assert_int_equal(c.config.slow_ms, 7);
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
		ROW_EXPECT(yes[i], c.config.create);
	}
	for (size_t i = 0; i < LENGTH_OF(no); i++) {
		call_make(&c, (const char *const[]){ NULL }, no[i]);
		ROW_EXPECT(no[i], c.result == CONFIG_RUN);
		ROW_EXPECT(no[i], !c.config.create);
	}
}

/* Every row of the table can be set, printed and asked for. */
static void every_setting_is_shown(void **state)
{
	static const char *const flags[] = {
#define SETTING_TEXT(field, flag, value, argument, help)                flag,
#define SETTING_JUDGED(field, flag, value, argument, judge, must, help) flag,
#define SETTING_NUMBER(field, flag, value, least, most, argument, help) flag,
#define SETTING_SWITCH(field, flag, help)                               flag,
#define SETTING_CHOICE(field, flag, value, choices, help)               flag,
#include "schema/settings.def"
#undef SETTING_TEXT
#undef SETTING_JUDGED
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
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
