/* locks: who holds which row, and who waits for it. */
#include "client/command.h"
#include "client/pages.h"
#include "client/session.h"
#include <time.h>
#include <unistd.h>

static enum exit_code locks_ask(struct session *s)
{
	struct api_request r;

	api_request_init(&r, "GET", "/v1/locks?sort=wait");
	enum exit_code code = pages_print_whole(s, &r, &show_locks);
	api_request_fini(&r);
	return code != EXIT_DONE || fflush(stdout) == 0 ? code : EXIT_FAILED;
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
