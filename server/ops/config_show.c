#include "ops/config_show.h"
#include <stdio.h>
#include <string.h>

/* What is printed fits a terminal of 80 columns. */
enum { LINE_COLUMNS = 78, HELP_BYTES = 512 };

/* The words of a text, in lines that each begin with a margin; the first has its own already. */
static void words_show(const char *text, const char *margin)
{
	int first = (int)strlen(margin), column = first;

	for (const char *word = text; *word != '\0';) {
		int bytes = (int)strcspn(word, " ");

		if (column > first && column + 1 + bytes > LINE_COLUMNS) {
			printf("\n%s", margin);
			column = first;
		}
		column += printf("%s%.*s", column > first ? " " : "", bytes, word);
		word += bytes;
		word += strspn(word, " ");
	}
	printf("\n");
}

static void help_of(const char *left, const char *right)
{
	char margin[64];

	snprintf(margin, sizeof(margin), "%*s", printf("  %-34s ", left), "");
	words_show(right, margin);
}

static void help_of_setting(const struct setting *s)
{
	const char *more = s->when == LIVE ? "; SIGHUP" : "";
	const char *again = s->kind == KIND_LIST ? " (repeatable)" : "";
	char left[60], right[HELP_BYTES];

	snprintf(left, sizeof(left), "--%s %s", s->flag, s->argument != NULL ? s->argument : "");
	if (s->kind == KIND_NUMBER)
		snprintf(right, sizeof(right), "%s [%lld%s]%s", s->help, (long long)s->number, more,
			 again);
	else if (s->text != NULL && s->text[0] != '\0')
		snprintf(right, sizeof(right), "%s [%s%s]%s", s->help, s->text, more, again);
	else
		snprintf(right, sizeof(right), "%s%s%s", s->help,
			 s->when == LIVE ? " [SIGHUP]" : "", again);
	help_of(left, right);
}

void config_show_help(void)
{
	printf("rowlockd %s - an inventory service that never sells a unit twice\n\n"
	       "usage: rowlockd [--flag value | --flag=value]...\n"
	       "       rowlockd verify|repair|repack|restore ...    a store that no server has\n"
	       "       rowlockd copy|epoch|store ...                to a database and back\n"
	       "       rowlockd token ...                           who may do what\n\n",
	       ROWLOCK_VERSION);
	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		help_of_setting(s);
	help_of("--print-config", "show each value and where it came from, then stop");
	help_of("--print-example", "show a file for --config with each default, then stop");
	help_of("--version", "show the version, then stop");
	help_of("--help", "show this, then stop");
	printf("\n");
	words_show(
		"verify, repair, repack, restore and token have a --help each. Every flag is also "
		"an environment variable, --slow-ms is ROWLOCK_SLOW_MS, and a line of the file "
		"that --config names: slow-ms = 1000. A flag outranks the environment, and that "
		"the file. Those marked SIGHUP are read again on it.",
		"");
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

static void example_of(const struct setting *s)
{
	static struct config config;
	char value[SETTING_VALUE_BYTES];

	printf("\n");
	printf("# ");
	words_show(s->help, "# ");
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
