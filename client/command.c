#include "client/command.h"
#include "base/check.h"
#include <stdio.h>
#include <string.h>

#define FLAG(name) ((option_bits)1 << OPTION_##name)

static const struct command commands[] = {
#define VERB(function, verb, action, operands, min, max, options, summary, more) \
	{ verb, action, operands, min, max, options, summary, more, function },
#include "client/verbs.def"
#undef VERB
};

static const char overview[] = "rowlock - the command line of Rowlock, the inventory service\n"
			       "that never sells a unit twice\n"
			       "\n"
			       "    rowlock VERB [ACTION] [OPERANDS] [FLAGS]\n"
			       "\n";

static const char closing[] =
	"\n"
	"rowlock help VERB says more about one; rowlock --version says which this is.\n"
	"The server is --server URL, else ROWLOCK_SERVER, else http://127.0.0.1:8080.\n"
	"Who asks is --token-file FILE, else the token in ROWLOCK_TOKEN: where the store\n"
	"has tokens every verb needs one (rowlockd token --help makes them).\n"
	"\n"
	"Exit codes: 0 ok, 1 failed, 2 usage, 3 unreachable, 4 not allowed (401 403),\n"
	"            5 conflict (409 412 423 428 429), 6 not found (404)\n";

/* How wide the left column of the help is, and all of it: it fits a terminal of 80 columns. */
enum { HELP_COLUMNS = 34, LINE_COLUMNS = 79 };

/* What stands in the right column, `column` being where the left one ended. */
static void help_print_right(int column, const char *text)
{
	if (column < HELP_COLUMNS)
		column += printf("%*s", HELP_COLUMNS - column, "");
	else
		column = printf("\n%*s", HELP_COLUMNS, "") - 1;
	for (const char *word = text; *word != '\0';) {
		int bytes = (int)strcspn(word, " ");

		if (column > HELP_COLUMNS && column + 1 + bytes > LINE_COLUMNS)
			column = printf("\n%*s", HELP_COLUMNS, "") - 1;
		column += printf("%s%.*s", column > HELP_COLUMNS ? " " : "", bytes, word);
		word += bytes;
		word += strspn(word, " ");
	}
	putchar('\n');
}

/* Is this the command, or one of those, that these words ask help about? */
static bool command_matches(const struct command *c, const char *const words[])
{
	if (words[0] == NULL)
		return true;
	if (strcmp(c->verb, words[0]) != 0)
		return false;
	return c->action[0] == '\0' || words[1] == NULL || strcmp(c->action, words[1]) == 0;
}

/* "lease take", "adjust" */
static void command_print_name(const struct command *c, FILE *out)
{
	fprintf(out, "%s%s%s", c->verb, c->action[0] == '\0' ? "" : " ", c->action);
}

static void command_print_usage(const struct command *c, FILE *out)
{
	fputs("rowlock ", out);
	command_print_name(c, out);
	fprintf(out, "%s%s\n", c->operands[0] == '\0' ? "" : " ", c->operands);
}

static void option_print_help(const struct option_row *row)
{
	int columns = printf("    --%s%s%s", row->flag, row->value == NULL ? "" : " ",
			     row->value == NULL ? "" : row->value);

	help_print_right(columns, row->help);
}

static void command_print_help(const struct command *c)
{
	command_print_usage(c, stdout);
	printf("\n    %s\n", c->summary);
	if (c->more[0] != '\0')
		printf("\n%s", c->more);
	putchar('\n');
	for (int i = 0; i < OPTION_COUNT; i++)
		if ((c->options | FLAG(HELP)) & ((option_bits)1 << i))
			option_print_help(option_row((enum option)i));
}

static void overview_print(void)
{
	fputs(overview, stdout);
	for (size_t i = 0; i < LENGTH_OF(commands); i++) {
		const struct command *c = &commands[i];
		int columns = printf("    %s%s%s%s%s", c->verb, c->action[0] == '\0' ? "" : " ",
				     c->action, c->operands[0] == '\0' ? "" : " ", c->operands);

		help_print_right(columns, c->summary);
	}
	fputs(closing, stdout);
}

static enum exit_code unknown_words(const char *const words[])
{
	bool is_verb = false;

	for (size_t i = 0; i < LENGTH_OF(commands); i++)
		is_verb |= strcmp(commands[i].verb, words[0]) == 0;
	if (!is_verb)
		return exit_usage("there is no verb '%s': rowlock help lists them", words[0]);
	if (words[1] == NULL)
		return exit_usage("%s needs an action: rowlock help %s", words[0], words[0]);
	return exit_usage("%s has no action '%s': rowlock help %s", words[0], words[1], words[0]);
}

static enum exit_code usage_of(const struct command *c)
{
	fputs("usage: ", stderr);
	command_print_usage(c, stderr);
	return EXIT_USAGE;
}

static enum exit_code command_check(const struct command *c, const struct args *a, int skipped)
{
	int operand_count = a->word_count - skipped;

	for (int i = 0; i < OPTION_COUNT; i++) {
		if (args_has(a, (enum option)i) && !(c->options & ((option_bits)1 << i))) {
			exit_usage("%s%s%s does not take --%s", c->verb,
				   c->action[0] == '\0' ? "" : " ", c->action,
				   option_row((enum option)i)->flag);
			return usage_of(c);
		}
	}
	if (operand_count < c->operand_count_min || operand_count > c->operand_count_max)
		return usage_of(c);
	for (int i = skipped; i < a->word_count; i++)
		if (a->words[i][0] == '\0')
			return exit_usage("operand %d is empty", i - skipped + 1);
	return EXIT_DONE;
}

enum exit_code command_find(struct args *a, const struct command **ret_command)
{
	CHECK(a->word_count > 0);

	for (size_t i = 0; i < LENGTH_OF(commands); i++) {
		const struct command *c = &commands[i];
		int skipped = c->action[0] == '\0' ? 1 : 2;

		if (a->word_count < skipped || !command_matches(c, a->words))
			continue;

		enum exit_code code = command_check(c, a, skipped);
		if (code != EXIT_DONE)
			return code;
		a->operands = a->words + skipped;
		a->operand_count = a->word_count - skipped;
		*ret_command = c;
		return EXIT_DONE;
	}
	return unknown_words(a->words);
}

bool command_asks_server(const struct command *c)
{
	return (c->options & FLAG(SERVER)) != 0;
}

enum exit_code command_help(const char *const words[])
{
	int printed = 0;

	if (words[0] == NULL) {
		overview_print();
		return EXIT_DONE;
	}
	for (size_t i = 0; i < LENGTH_OF(commands); i++) {
		if (!command_matches(&commands[i], words))
			continue;
		if (printed++ > 0)
			putchar('\n');
		command_print_help(&commands[i]);
	}
	return printed > 0 ? EXIT_DONE : unknown_words(words);
}
