/* rowlock, the command line: finds out what was asked, and ends with the code of its verb. */
#include "base/standard_files.h"
#include "client/command.h"
#include "client/session.h"
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static enum exit_code command_run(struct session *s)
{
	const struct command *command;
	enum exit_code code = command_find(&s->args, &command);

	if (code == EXIT_DONE && command_asks_server(command))
		code = session_open(s);
	if (code == EXIT_DONE)
		code = command->run(s);
	return code;
}

static enum exit_code args_run(struct session *s)
{
	const struct args *a = &s->args;
	bool is_help = a->word_count > 0 && strcmp(a->words[0], "help") == 0;

	if (is_help)
		return command_help(a->words + 1);
	if (args_has(a, OPTION_HELP))
		return command_help(a->words);
	if (args_has(a, OPTION_VERSION)) {
		puts("rowlock " ROWLOCK_VERSION);
		return EXIT_DONE;
	}
	if (a->word_count == 0)
		return exit_usage("what shall be done? rowlock help lists the verbs");
	return command_run(s);
}

int main(int argc, char *argv[])
{
	struct session s = { 0 };

	if (standard_files_open() < 0)
		return (int)exit_failed("cannot open /dev/null: %s", strerror(errno));
	/* How wide a character is (display.c); the language of messages and numbers stays C. */
	setlocale(LC_CTYPE, "C.UTF-8");
	enum exit_code code = args_parse(&s.args, argc, argv);
	if (code == EXIT_DONE)
		code = args_run(&s);
	session_close(&s);
	/* An answer that could not be written (a full disk) is not a success. */
	if (fflush(stdout) != 0 || ferror(stdout))
		code = exit_failed("cannot write the output: %s", strerror(errno));
	return (int)code;
}
