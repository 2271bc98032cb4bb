#include "ops/config_show.h"
#include <stdio.h>
#include <string.h>

enum { EXAMPLE_COLUMNS = 78 };

static void help_of(const char *left, const char *right)
{
	printf("  %-34s %s", left, right);
}

static void help_of_setting(const struct setting *s)
{
	const char *more = s->when == LIVE ? "; SIGHUP" : "";
	char left[80];

	snprintf(left, sizeof(left), "--%s %s", s->flag, s->argument != NULL ? s->argument : "");
	help_of(left, s->help);
	if (s->kind == KIND_NUMBER)
		printf(" [%lld%s]", (long long)s->number, more);
	else if (s->text != NULL && s->text[0] != '\0')
		printf(" [%s%s]", s->text, more);
	else if (s->when == LIVE)
		printf(" [SIGHUP]");
	printf("%s\n", s->kind == KIND_LIST ? " (repeatable)" : "");
}

void config_show_help(void)
{
	printf("rowlockd %s - an inventory service that never sells a unit twice\n\n"
	       "usage: rowlockd [--flag value | --flag=value]...\n"
	       "       rowlockd verify|repair|repack|restore ...    a store that no server has; "
	       "each has a --help\n"
	       "       rowlockd token ...                           who may do what; --help\n\n",
	       ROWLOCK_VERSION);
	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		help_of_setting(s);
	help_of("--print-config", "show each value and where it came from, then stop\n");
	help_of("--print-example", "show a file for --config with each default, then stop\n");
	help_of("--version", "show the version, then stop\n");
	help_of("--help", "show this, then stop\n");
	printf("\nEach flag is also an environment variable, --slow-ms is ROWLOCK_SLOW_MS, and a "
	       "line of the file that\n--config names: slow-ms = 1000. A flag outranks the "
	       "environment, and that the file. Those marked SIGHUP\nare read again on it.\n");
}

static void source_show(const struct config_reading *r, const struct setting *s)
{
	int times = r->times[s - settings];
	char name[SETTING_NAME_BYTES], again[32] = "";

	if (s->kind == KIND_LIST && times > 1)
		snprintf(again, sizeof(again), ", %d times", times);
	setting_variable(s, name);
	switch (r->ranks[s - settings]) {
	case FROM_FLAG:
		printf(" (flag --%s%s)\n", s->flag, again);
		break;
	case FROM_ENVIRONMENT:
		printf(" (environment %s)\n", name);
		break;
	case FROM_FILE:
		printf(" (file %s:%d%s)\n", r->config.config, r->lines[s - settings], again);
		break;
	case FROM_DEFAULT:
		printf(" (default)\n");
		break;
	}
}

void config_show_values(const struct config_reading *r)
{
	for (const struct setting *s = settings; s < settings + SETTINGS; s++) {
		char value[SETTING_VALUE_BYTES];

		setting_format(&r->config, s, value);
		printf("%-24s %-20s", s->flag, value);
		source_show(r, s);
	}
}

/* ---------------------------------------------------------------- the example */

/* As a comment, with line breaks between words. */
static void comment_show(const char *text)
{
	int column = 0;

	for (const char *word = text; *word != '\0';) {
		int bytes = (int)strcspn(word, " ");

		if (column == 0 || column + 1 + bytes > EXAMPLE_COLUMNS)
			column = printf(column == 0 ? "# %.*s" : "\n# %.*s", bytes, word) -
				 (column != 0);
		else
			column += printf(" %.*s", bytes, word);
		word += bytes;
		word += strspn(word, " ");
	}
	printf("\n");
}

static void example_of(const struct setting *s)
{
	static struct config config;
	char value[SETTING_VALUE_BYTES];

	printf("\n");
	comment_show(s->help);
	if (s->kind == KIND_CHOICE)
		printf("# One of %s.\n", s->argument);
	if (s->kind == KIND_LIST)
		printf("# May stand several times: each line adds.\n");
	if (s->kind == KIND_NUMBER)
		printf("# From %lld to %lld.\n", (long long)s->least, (long long)s->most);
	if (s->when == LIVE)
		printf("# SIGHUP reads it again.\n");
	setting_set_default(&config, s);
	setting_format(&config, s, value);
	printf("#%s =%s%s\n", s->flag, value[0] != '\0' ? " " : "", value);
}

void config_show_example(void)
{
	printf("# Settings of rowlockd %s, for rowlockd --config FILE. Each stands here with its "
	       "default:\n# take the # away to change one. A flag outranks this file, and so does "
	       "a variable:\n# --slow-ms, ROWLOCK_SLOW_MS. rowlockd --config FILE --print-config "
	       "says what is in force.\n",
	       ROWLOCK_VERSION);
	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		if (s != settings + SETTING_OF_config)
			example_of(s);
}
