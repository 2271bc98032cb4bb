#include "base/check.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic(const char *) line_prefix;
static _Atomic(void (*)(void)) last_words;

void check_speak(const char *prefix, void (*say)(void))
{
	atomic_store(&line_prefix, prefix);
	atomic_store(&last_words, say);
}

const char *check_say(void)
{
	void (*say)(void) = atomic_load(&last_words);
	const char *prefix = atomic_load(&line_prefix);

	if (say != NULL)
		say();
	return prefix != NULL ? prefix : "";
}

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
	const char *prefix = check_say();
	int bytes;

	quote(quoted, sizeof(quoted), condition);
	bytes = snprintf(text, sizeof(text),
			 "%slevel=crit event=check_failed at=%s:%d condition=\"%s\"\n", prefix,
			 file, line, quoted);
	if (bytes > (int)sizeof(text) - 1)
		bytes = (int)sizeof(text) - 1;
	if (bytes > 0)
		(void)!write(STDERR_FILENO, text, (size_t)bytes);
	abort();
}
