#include "base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void check_failed(const char *file, int line, const char *condition)
{
	char text[512];
	int bytes =
		snprintf(text, sizeof(text), "%s:%d: CHECK failed: %s\n", file, line, condition);

	if (bytes > (int)sizeof(text) - 1)
		bytes = (int)sizeof(text) - 1;
	if (bytes > 0)
		(void)!write(STDERR_FILENO, text, (size_t)bytes);
	abort();
}
