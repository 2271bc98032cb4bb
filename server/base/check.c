#include "base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* As logfmt has it in quotes, and cut to fit. */
static void quote(char *out, size_t room, const char *text)
{
	size_t at = 0;

	for (; *text != '\0' && at + 3 <= room; text++) {
		if (*text == '"' || *text == '\\')
			out[at++] = '\\';
		out[at++] = *text;
	}
	out[at] = '\0';
}

void check_failed(const char *file, int line, const char *condition)
{
	char quoted[384], text[512];
	int bytes;

	quote(quoted, sizeof(quoted), condition);
	bytes = snprintf(text, sizeof(text),
			 "level=crit event=check_failed at=%s:%d condition=\"%s\"\n", file, line,
			 quoted);
	if (bytes > (int)sizeof(text) - 1)
		bytes = (int)sizeof(text) - 1;
	if (bytes > 0)
		(void)!write(STDERR_FILENO, text, (size_t)bytes);
	abort();
}
