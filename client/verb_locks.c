/* locks: who holds which row, and who waits for it. */
#include "client/command.h"
#include "client/session.h"
#include "client/show.h"
#include <time.h>
#include <unistd.h>

static void locks_show(const json_t *rows)
{
	struct table t;
	size_t i;
	json_t *row;

	show_table(&t, &show_locks);
	json_array_foreach (rows, i, row)
		show_locks.add_row(&t, row, &show_locks);
	table_print(&t, stdout);
	table_fini(&t);
}

static enum exit_code locks_ask(struct session *s)
{
	struct request r;
	struct answer answer;

	request_init(&r, "GET", "/v1/locks?sort=wait");
	enum exit_code code = session_ask_with_options(s, &r, &answer);
	request_fini(&r);
	if (code != EXIT_DONE)
		return code;
	if (s->is_json)
		show_body(&answer);
	else
		locks_show(json_object_get(answer.json, "data"));
	answer_fini(&answer);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

enum exit_code verb_locks(struct session *s)
{
	struct timespec pause = { .tv_sec = args_number(&s->args, OPTION_WATCH, 0) };
	/* On a terminal each look overwrites the one before; in a pipe they follow each other. */
	bool is_screen = isatty(STDOUT_FILENO) && !s->is_json;
	enum exit_code code;

	if (!args_has(&s->args, OPTION_WATCH))
		return locks_ask(s);
	do {
		if (is_screen)
			fputs("\033[H\033[2J", stdout);
		code = locks_ask(s);
	} while (code == EXIT_DONE && nanosleep(&pause, NULL) == 0);
	return code;
}
