#include "client/exit.h"
#include "client/display.h"
#include "core/outcome.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum exit_code exit_of_status(long status)
{
	switch (status) {
	case 401:
	case 403:
		return EXIT_FORBIDDEN;
	case 404:
		return EXIT_NOT_FOUND;
	case 409:
	case 412:
	case 423:
	case 428:
	case 429:
		return EXIT_CONFLICT;
	default:
		return status >= 200 && status < 300 ? EXIT_DONE : EXIT_FAILED;
	}
}

enum exit_code exit_of_answer(long status, const char *code)
{
	enum outcome outcome = code == NULL ? OUTCOME_COUNT : outcome_by_code(code);

	if (outcome == OUTCOME_COUNT || outcome == OUTCOME_DONE)
		return exit_of_status(status);
	return (enum exit_code)outcome_row(outcome)->exit_code;
}

static void complain(const char *format, va_list values) __attribute__((format(printf, 1, 0)));

static void complain(const char *format, va_list values)
{
	char message[2048];

	fflush(stdout); /* so that what was printed before comes before */
	fputs("rowlock: ", stderr);
	/* Much of it was made by others: a cell, a name, an answer. */
	if (vsnprintf(message, sizeof(message), format, values) >= (int)sizeof(message))
		memcpy(message + sizeof(message) - 4, "...", 4);
	display_print(stderr, message);
	fputc('\n', stderr);
}

enum exit_code exit_usage(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	complain(format, values);
	va_end(values);
	return EXIT_USAGE;
}

enum exit_code exit_failed(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	complain(format, values);
	va_end(values);
	return EXIT_FAILED;
}
